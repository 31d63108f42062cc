/**
 * exp and its kin, and the hyperbolic functions.
 */
import { constant, Expr } from "../expr.ts";
import { PowerScale, floatOf, oddSeries, polynomial, select } from "./base.ts";

export const LOG2E = Math.LOG2E;
/** ln 2 as a sum; the first part times a small integer is exact. */
export const LN2_PARTS = {
  f32: [0.693359375, -2.1219444e-4],
  f64: [0.6931471803691238, 1.9082149292705877e-10],
} as const;
/** (exp(r) - 1 - r) / r^2 on [-ln2/2, ln2/2] */
export const EXP = {
  f32: [0.5, 0.16666666757484178, 0.041666237290621404, 0.008333285646286012, 0.001394882027477071, 0.00019907837456579675],
  f64: [
    0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321436, 0.0013888888888866596, 0.00019841269886672818,
    2.4801587361090617e-5, 2.755724360978708e-6, 2.755724227070564e-7, 2.5109261584463024e-8, 2.0924601352332367e-9,
  ],
} as const;
/** (2^r - 1) / r on [-1/2, 1/2] */
const EXP2 = {
  f32: [
    0.6931471805414077, 0.2402265107982185, 0.05550410963719612, 0.009618036243909521, 0.0013333429705318024,
    0.00015467345155646185, 1.531521856700886e-5,
  ],
  f64: [
    Math.LN2,
    0.24022650695910133,
    0.05550410866482174,
    0.009618129107592834,
    0.0013333558146378527,
    0.0001540353045878534,
    1.5252733868092466e-5,
    1.3215434432841682e-6,
    1.0178046216751085e-7,
    7.073930953024694e-9,
    4.4574254087422625e-10,
  ],
} as const;
/** Adding it rounds a float to an integer, which then stands in the low bits. */
export const ROUND = 6755399441055744;
const ROUND_F32 = 12582912;

/** 2^n for an integral float n whose result is a normal number. */
export function powerOfTwo(n: Expr): Expr {
  const type = floatOf(n);
  const scale = new PowerScale(constant(1, type), n);
  return type === "f32"
    ? new Expr("bitcast", "f32", [n.add(ROUND_F32).bitcast("i32").add(127).shl(23)], 0, scale)
    : new Expr("bitcast", "f64", [n.add(ROUND).bitcast("i64").add(1023).shl(52)], 0, scale);
}
/** x * 2^n, rounded once when the result is subnormal, for |n| up to twice the largest exponent. */
export function scaleBy(x: Expr, n: Expr): Expr {
  const half = n.mul(0.5).floor();
  return new Expr("mul", x.type, [x.mul(powerOfTwo(half)), powerOfTwo(n.sub(half))], 0, new PowerScale(x, n));
}
/** Argument reduction of exp: x = n ln2 + r (+ low, a correction to x). */
export function reduceExp(x: Expr, low?: Expr): { n: Expr; r: Expr } {
  const [hi, lo] = LN2_PARTS[floatOf(x)];
  const n = x.mul(LOG2E).round();
  let r = n.mulAdd(-lo, n.mulAdd(-hi, x));
  if (low) r = r.add(low);
  return { n, r };
}
/** exp(r) - 1 for |r| <= ln2/2 */
export function expm1Kernel(r: Expr, coefficients: readonly number[] = EXP[floatOf(r)]): Expr {
  return polynomial(r, coefficients).mulAdd(r.mul(r), r);
}
/** exp(x + low) * 2^extra. */
export function expOf(x: Expr, low?: Expr, extra = 0, coefficients?: readonly number[]): Expr {
  const [least, most] = x.type === "f32" ? [-104, 90] : [-746, 712];
  // Underflow costs processors more than all the rest: what is 0 anyway, as beside a mask of -inf, is not computed.
  const vanishes = x.lt(least);
  const zero = constant(0, x.type);
  const { n, r } = reduceExp(select(vanishes, zero, x).minimum(most), low);
  return select(vanishes, zero, scaleBy(expm1Kernel(r, coefficients).add(1), extra === 0 ? n : n.add(extra)));
}
export function exp2Of(x: Expr): Expr {
  const type = floatOf(x);
  const [least, most] = type === "f32" ? [-151, 129] : [-1076, 1025];
  const bounded = x.maximum(least).minimum(most);
  const n = bounded.round();
  const r = bounded.sub(n);
  return scaleBy(polynomial(r, EXP2[type]).fma(r, 1), n);
}
/** exp(x) - 1 for x within the range of finite results; loses the sign of zero. */
function expm1Core(x: Expr): Expr {
  const { n, r } = reduceExp(x);
  const half = powerOfTwo(n.sub(1));
  return half.mulAdd(expm1Kernel(r), half.sub(0.5)).mul(2);
}
export function expm1Of(x: Expr): Expr {
  const [least, most, tiny] = x.type === "f32" ? [-18, 89, 2 ** -25] : [-38, 710, 2 ** -54];
  return select(x.abs().lt(tiny), x, expm1Core(x.maximum(least).minimum(most)));
}

/** (tanh(x) - x) / x^3 on [0, 0.55], in powers of x^2 */
const TANH_F32 = [-0.3333332082440931, 0.13332625282469754, -0.05385164968684528, 0.021055804936324828, -0.006238845698373037];

export function tanhOf(x: Expr): Expr {
  if (x.type === "f32") {
    const size = x.abs();
    const { n, r } = reduceExp(size.minimum(10).mul(2));
    const p = powerOfTwo(n);
    const far = constant(1, "f32").sub(constant(2, "f32").div(expm1Kernel(r).mulAdd(p, p).add(1)));
    return select(size.gt(0.55), far, oddSeries(size, TANH_F32)).copysign(x);
  }
  const e = expm1Core(x.abs().mul(2).minimum(40));
  return e.div(e.add(2)).copysign(x);
}
export function sinhOf(x: Expr): Expr {
  const size = x.abs();
  const e = expm1Core(size.minimum(700));
  const small = e.add(e.div(e.add(1))).mul(0.5);
  return select(size.gt(22), expOf(size, undefined, -1), small).copysign(x);
}
export function coshOf(x: Expr): Expr {
  const size = x.abs();
  const half = expOf(size, undefined, -1);
  return half.add(constant(0.25, x.type).div(half));
}
