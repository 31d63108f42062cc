/**
 * log and its kin, and the inverse hyperbolic functions.
 */
import { constant, type Expr } from "../expr.ts";
import { floatOf, polynomial, select } from "./base.ts";
import { LN2_PARTS, LOG2E } from "./exponential.ts";

/** (log(1+f) - f + f^2/2) / f^3 for 1+f in [sqrt(1/2), sqrt(2)] */
export const LOG_F32 = [
  0.3333331403497381, -0.24999983834068415, 0.20002187727596338, -0.16669484715844055, 0.14217107938865817, -0.12377461360773749,
  0.11888850337455913, -0.1184691620577084, 0.06937392483159781,
];
/** (log((1+s)/(1-s)) - 2s) / s^3, in powers of s^2 */
const LOG_F64 = [
  0.666666666666671, 0.3999999999951718, 0.28571428730011306, 0.22222199005395796, 0.18183576430752554, 0.15313030182031415,
  0.14811936207104678,
];
export const LOG_SHORT = [0.6666666575420299, 0.4000033985208253, 0.285359866567467, 0.23618725198048152];

/** x = 2^e (1 + f) with 1+f in [sqrt(1/2), sqrt(2)], for positive normal x. */
export function splitLog(x: Expr): { e: Expr; f: Expr; scale: Expr } {
  if (x.type === "f32") {
    const shifted = x.bitcast("i32").sub(0x3f3504f3);
    const e = shifted.shr(23);
    const m = shifted.and(0x7fffff).add(0x3f3504f3).bitcast("f32");
    return { e: e.cast("f32"), f: m.sub(1), scale: constant(127, "i32").sub(e).maximum(0).shl(23).bitcast("f32") };
  }
  const bits = x.bitcast("i64");
  const big = (value: bigint): Expr => constant(value, "i64");
  // 0x3fe6a09e… is sqrt(1/2); the exponent stays biased and positive, so that it converts through the mantissa of 2^52
  const e = bits.add(big(0x3ff0000000000000n - 0x3fe6a09e00000000n)).shr(52);
  const m = bits.sub(e.sub(1023).shl(52)).bitcast("f64");
  const scale = constant(2046, "i64").sub(e).maximum(0).shl(52).bitcast("f64");
  return {
    e: e
      .or(big(0x4330000000000000n))
      .bitcast("f64")
      .sub(4503599627370496 + 1023),
    f: m.sub(1),
    scale,
  };
}
/** log(1+f) - f, for the f of {@link splitLog}, plus `low`. */
function logTail(f: Expr, low: Expr, coefficients?: readonly number[]): Expr {
  const square = f.mul(f);
  if (f.type === "f32") return square.mulAdd(-0.5, polynomial(f, LOG_F32).mulAdd(f.mul(square), low));
  const s = f.div(f.add(2));
  const z = s.mul(s);
  const half = square.mul(0.5);
  return s.mulAdd(polynomial(z, coefficients ?? LOG_F64).mulAdd(z, half), low).sub(half);
}
/** Applies `core` to a positive normal number and an exponent to add, and mends what log gives for 0, negative numbers, infinity and NaN. */
export function logOf(x: Expr, core: (e: Expr, f: Expr) => Expr): Expr {
  const type = floatOf(x);
  const [least, up, bits] = type === "f32" ? [2 ** -126, 2 ** 23, 23] : [2 ** -1022, 2 ** 54, 54];
  const small = x.lt(least);
  const { e, f } = splitLog(select(small, x.mul(up), x));
  const y = core(e.sub(select(small, constant(bits, type), constant(0, type))), f);
  return logSpecials(x, y);
}
function logSpecials(x: Expr, y: Expr): Expr {
  const type = floatOf(x);
  const wrong = select(x.eq(0), constant(-Infinity, type), constant(Number.NaN, type));
  return select(x.gt(0), select(x.lt(Infinity), y, x), wrong);
}
export function naturalLog(e: Expr, f: Expr, coefficients?: readonly number[]): Expr {
  const [hi, lo] = LN2_PARTS[floatOf(e)];
  return e.mulAdd(hi, f.add(logTail(f, e.mul(lo), coefficients)));
}
/** log(x) / log(base) = e * (hi + lo) + log(1+f) * factor */
export function logToBase(x: Expr, hi: number, lo: number, factor: number): Expr {
  return logOf(x, (e, f) => {
    const zero = constant(0, e.type);
    const tail = logTail(f, zero);
    const high = constant(e.type === "f32" ? Math.fround(factor) : factor, e.type);
    const low = e.type === "f32" ? factor - Math.fround(factor) : lowFactor(factor);
    // factor * (f + tail), the product with f kept in two parts
    const p = f.mul(high);
    const pLow = f.fma(high, p.neg()).add(f.mul(low)).add(tail.mul(high)).add(e.mul(lo));
    const s = e.mul(hi);
    const sum = s.add(p);
    const part = sum.sub(s);
    const error = s.sub(sum.sub(part)).add(p.sub(part));
    return sum.add(error.add(pLow));
  });
}
/** What the float64 constants of {@link logToBase} lack. */
function lowFactor(factor: number): number {
  return factor === LOG2E ? 2.0355273740931033e-17 : 1.098319650216765e-17;
}
export function log1pOf(x: Expr): Expr {
  const type = floatOf(x);
  const u = x.add(1);
  const part = u.sub(1);
  const low = x.sub(part).add(constant(1, type).sub(u.sub(part))); // 1 + x = u + low
  const { e, f, scale } = splitLog(u);
  const y = naturalLog(e, f.add(low.mul(scale)));
  const mended = logSpecials(u, y);
  return select(x.abs().lt(type === "f32" ? 2 ** -25 : 2 ** -54), x, mended);
}

export function asinhOf(x: Expr): Expr {
  const size = x.abs();
  const large = size.gt(2 ** 28);
  const square = size.mul(size);
  const inner = size.add(square.div(square.add(1).sqrt().add(1)));
  const y = select(large, logOf(size, naturalLogPlus), log1pOf(inner));
  return select(size.lt(2 ** -28), x, y.copysign(x));
}
/** log of twice the number. */
function naturalLogPlus(e: Expr, f: Expr): Expr {
  return naturalLog(e.add(1), f);
}
export function acoshOf(x: Expr): Expr {
  const t = x.sub(1);
  const near = log1pOf(t.add(t.mul(t).add(t.mul(2)).sqrt()));
  const y = select(x.gt(2 ** 28), logOf(x, naturalLogPlus), near);
  return select(x.lt(1), constant(Number.NaN, x.type), y);
}
export function atanhOf(x: Expr): Expr {
  const size = x.abs();
  const y = log1pOf(size.mul(2).div(constant(1, x.type).sub(size))).mul(0.5);
  return select(size.lt(2 ** -28), x, y.copysign(x));
}
