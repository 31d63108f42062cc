/**
 * What the functions are made of: marks for targets, choices, polynomials.
 */
import { constant, Expr } from "../expr.ts";

type Float = "f32" | "f64";

/**
 * Mark, in `ref` of an expression, that it is `value * 2^exponent` rounded once (`exponent` a float with an integral value): a target with such an
 * instruction may use it.
 */
export class PowerScale {
  readonly value: Expr;
  readonly exponent: Expr;
  constructor(value: Expr, exponent: Expr) {
    this.value = value;
    this.exponent = exponent;
  }
}

/** Mark, in `ref` of a `select`, that its condition hardly ever holds: a target may jump over the first value when no lane needs it. */
export const rare: unique symbol = Symbol("rare");

export function select(condition: Expr, yes: Expr, no: Expr): Expr {
  return new Expr("select", yes.type, [condition, yes, no]);
}
export function rarely(condition: Expr, yes: Expr, no: Expr): Expr {
  return new Expr("select", yes.type, [condition, yes, no], 0, rare);
}
/** sum of coefficients[k] * x^k */
export function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  let y = constant(coefficients[coefficients.length - 1]!, x.type);
  for (let k = coefficients.length - 2; k >= 0; k--) y = y.mulAdd(x, coefficients[k]!);
  return y;
}
/** A Chebyshev series in x, by Clenshaw's recurrence; terms that an f32 cannot see are left out for it. */
export function chebyshev(x: Expr, coefficients: readonly number[]): Expr {
  let n = coefficients.length;
  if (x.type === "f32") {
    const visible = 2 ** -27 * Math.max(...coefficients.map(Math.abs));
    while (n > 1 && Math.abs(coefficients[n - 1]!) < visible) n--;
  }
  const twice = x.add(x);
  let [b, before]: [Expr, Expr | null] = [constant(coefficients[n - 1]!, x.type), null];
  for (let k = n - 2; k > 0; k--) {
    const c = coefficients[k]!;
    [b, before] = [b.mulAdd(twice, before === null ? c : constant(c, x.type).sub(before)), b];
  }
  const first = coefficients[0]!;
  return n === 1 ? b : b.mulAdd(x, before === null ? first : constant(first, x.type).sub(before));
}
export function floatOf(x: Expr): Float {
  if (x.type !== "f32" && x.type !== "f64") throw new TypeError(`kernel expression: a transcendental function of ${x.type}`);
  return x.type;
}
/** f32 functions without a form of their own are computed in f64 and rounded once; `short` says that an f32 is wanted. */
export function throughDouble(x: Expr, compute: (x: Expr, short: boolean) => Expr): Expr {
  return x.type === "f32" ? compute(x.cast("f64"), true).cast("f32") : compute(x, false);
}
/** x + x^3 * tail(x^2) */
export function oddSeries(x: Expr, tail: readonly number[]): Expr {
  const z = x.mul(x);
  return polynomial(z, tail).mulAdd(z.mul(x), x);
}
