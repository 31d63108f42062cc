/**
 * Transcendental functions as expressions over the arithmetic primitives, so that every CPU target computes the same numbers. Polynomials are minimax fits
 * (relative error below the rounding of the result); special values are C's. Bounds in units in the last place, measured against a truth in higher
 * precision, are in {@link ulpBounds}.
 */
import type { Expr, Transcendental } from "./expr.ts";
import { throughDouble } from "./functions/base.ts";
import { erfOf, erfcOf, erfinvOf } from "./functions/errorFunction.ts";
import { LOG2E, coshOf, exp2Of, expOf, expm1Of, sinhOf, tanhOf } from "./functions/exponential.ts";
import { digammaOf, lgammaOf } from "./functions/gamma.ts";
import { acoshOf, asinhOf, atanhOf, log1pOf, logOf, logToBase, naturalLog } from "./functions/logarithm.ts";
import { nextafterOf, powOf } from "./functions/power.ts";
import { acosOf, asinOf, atan2Of, atanOf, cosOf, sinOf, tanOf } from "./functions/trigonometric.ts";

/** Largest error in units in the last place, as tested: [f32, f64]. */
export const ulpBounds: Readonly<Record<Transcendental, readonly [number, number]>> = {
  exp: [1, 1],
  exp2: [1, 1],
  expm1: [1.5, 1.5],
  log: [1, 1],
  log2: [2, 2],
  log10: [2, 2],
  log1p: [1.5, 1.5],
  sin: [1, 1.5],
  cos: [1, 1.5],
  tan: [1, 3],
  asin: [1, 2],
  acos: [1, 2],
  atan: [1, 2],
  sinh: [1, 2.5],
  cosh: [1, 2],
  tanh: [2, 2.5],
  asinh: [1, 3],
  acosh: [1, 3],
  atanh: [1, 3],
  erf: [1.5, 1.5],
  erfc: [1, 4],
  erfinv: [1, 4],
  lgamma: [1, 8],
  digamma: [1, 16],
  pow: [1, 1],
  atan2: [1, 2],
  nextafter: [0, 0],
};

export { PowerScale, rare } from "./functions/base.ts";

const lowerings: Readonly<Record<Transcendental, (x: Expr, y: Expr) => Expr>> = {
  exp: (x) => expOf(x),
  exp2: exp2Of,
  expm1: expm1Of,
  log: (x) => logOf(x, naturalLog),
  log2: (x) => logToBase(x, 1, 0, LOG2E),
  log10: (x) =>
    x.type === "f32"
      ? logToBase(x, 0.301025390625, 4.605038981195214e-6, Math.LOG10E)
      : logToBase(x, 0.3010299955494702, 1.1451100898021838e-10, Math.LOG10E),
  log1p: log1pOf,
  sin: sinOf,
  cos: cosOf,
  tan: tanOf,
  asin: (x) => throughDouble(x, asinOf),
  acos: (x) => throughDouble(x, acosOf),
  atan: (x) => throughDouble(x, atanOf),
  sinh: (x) => throughDouble(x, sinhOf),
  cosh: (x) => throughDouble(x, coshOf),
  tanh: tanhOf,
  asinh: (x) => throughDouble(x, asinhOf),
  acosh: (x) => throughDouble(x, acoshOf),
  atanh: (x) => throughDouble(x, atanhOf),
  erf: erfOf,
  erfc: (x) => throughDouble(x, erfcOf),
  erfinv: (x) => throughDouble(x, erfinvOf),
  lgamma: (x) => throughDouble(x, lgammaOf),
  digamma: (x) => throughDouble(x, digammaOf),
  pow: powOf,
  atan2: atan2Of,
  nextafter: nextafterOf,
};

/** Whether a primitive is one that {@link lowerTranscendental} writes out. */
export function isTranscendental(op: string): op is Transcendental {
  return Object.hasOwn(lowerings, op);
}

/** `op(x)` or `op(x, y)` of one float type, written in arithmetic primitives. */
export function lowerTranscendental(op: Transcendental, x: Expr, y: Expr = x): Expr {
  return lowerings[op](x, y);
}
