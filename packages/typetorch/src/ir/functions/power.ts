/**
 * pow, and the neighbours of a float.
 */
import { constant, type Expr } from "../expr.ts";
import { floatOf, polynomial, select } from "./base.ts";
import { EXP, LN2_PARTS, expOf } from "./exponential.ts";
import { LOG_F32, LOG_SHORT, naturalLog, splitLog } from "./logarithm.ts";

const TWO_THIRDS = 0.6666666666666666;
const TWO_THIRDS_LOW = 3.700743415417188e-17;

/** log(2^e (1+f)) as high + low, to about 2^-65 of itself. */
function logInParts(e: Expr, f: Expr): { high: Expr; low: Expr } {
  const m = f.add(1);
  const d = m.add(1);
  const dLow = m.sub(d.sub(1)); // exact
  const s = f.div(d);
  const sLow = s.neg().fma(d, f).sub(s.mul(dLow)).div(d);
  const z = s.mul(s);
  const zLow = s.fma(s, z.neg()).add(s.mul(sLow).mul(2));
  // log(1+f) = s (2 + 2/3 z + z^2 R(z))
  const u = z.mul(TWO_THIRDS);
  const uLow = z.fma(TWO_THIRDS, u.neg()).add(z.mul(TWO_THIRDS_LOW)).add(zLow.mul(TWO_THIRDS));
  const v = z.mul(z).mul(polynomial(z, LOG_POWERS));
  const a = u.add(2);
  const aLow = constant(2, "f64").sub(a).add(u).add(uLow.add(v));
  const p = s.mul(a);
  const pLow = s.fma(a, p.neg()).add(s.fma(aLow, sLow.mul(a)));
  const [hi, lo] = LN2_PARTS.f64;
  const k = e.mul(hi);
  const high = k.add(p);
  const part = high.sub(k);
  const error = k.sub(high.sub(part)).add(p.sub(part));
  return { high, low: error.add(e.fma(lo, pLow)) };
}
/** (log((1+s)/(1-s)) - 2s - 2/3 s^3) / s^5, in powers of s^2 */
const LOG_POWERS = [
  0.39999999999999997, 0.2857142857143292, 0.22222222220349142, 0.18181818547031559, 0.15384577372465016, 0.13335587483412248,
  0.1168849837694898, 0.1188393925739436,
];

/** The same of an f32, to about 2^-29. */
function logInShortParts(e: Expr, f: Expr): { high: Expr; low: Expr } {
  const [hi, lo] = LN2_PARTS.f32;
  const square = f.mul(f);
  const squareLow = f.fma(f, square.neg());
  const half = square.mul(0.5);
  const a = f.sub(half);
  const aLow = f.sub(a).sub(half);
  const tail = polynomial(f, LOG_F32).mul(f.mul(square)).sub(squareLow.mul(0.5));
  const k = e.mul(hi); // exact
  const first = k.add(a);
  const rest = k
    .sub(first)
    .add(a)
    .add(aLow.add(e.mul(lo).add(tail)));
  const high = first.add(rest);
  return { high, low: first.sub(high).add(rest) };
}

export function powOf(x: Expr, y: Expr): Expr {
  const type = floatOf(x);
  if (type === "f64") return powFrom(x, y, logInParts, EXP.f64);
  // the logarithm in double precision has digits to spare
  const log = (e: Expr, f: Expr) => ({ high: naturalLog(e, f, LOG_SHORT), low: null });
  return powFrom(x.cast("f64"), y.cast("f64"), log, EXP.f32).cast("f32");
}
/** pow of f32 without double precision, to 5 units in the last place where the result is huge or tiny. */
export function powSingle(x: Expr, y: Expr): Expr {
  return powFrom(x, y, logInShortParts, EXP.f32);
}
function powFrom(
  x: Expr,
  y: Expr,
  logarithm: (e: Expr, f: Expr) => { high: Expr; low: Expr | null },
  exponential: readonly number[],
): Expr {
  const type = floatOf(x);
  const [least, up, most] = type === "f32" ? [-126, 24, 120] : [-1022, 54, 1100];
  const zero = constant(0, type);
  const one = constant(1, type);
  const infinity = constant(Infinity, type);
  const size = x.abs();
  const widened = type === "f64" && exponential === EXP.f32; // an f32 is no subnormal f64
  const tiny = size.lt(2 ** least);
  const { e: exponent, f } = splitLog(widened ? size : select(tiny, size.mul(2 ** up), size));
  const e = widened ? exponent : exponent.sub(select(tiny, constant(up, type), zero));
  const log = logarithm(e, f);
  const finite = size.gt(0).and(size.lt(Infinity));
  const high = select(finite, log.high, select(size.gt(1), infinity, select(size.ge(0), constant(-Infinity, type), x)));
  const product = y.mul(high);
  let low: Expr | undefined;
  if (log.low !== null) {
    const lost = y.fma(high, product.neg()).add(y.mul(log.low));
    low = select(finite.and(product.abs().lt(most)), lost, zero);
  }
  let magnitude = expOf(product, low, 0, exponential);
  // 1 to an infinite power, and anything to the power 0
  magnitude = select(size.eq(1).and(y.eq(y)), one, magnitude);
  const integral = y.trunc().eq(y);
  const halved = y.mul(0.5);
  const odd = integral.and(halved.trunc().ne(halved)).and(y.abs().lt(Infinity));
  const signed = select(odd, magnitude.copysign(x), magnitude);
  const wrong = x.lt(0).and(x.gt(-Infinity)).and(integral.not());
  const mended = select(wrong, constant(Number.NaN, type), signed);
  return select(y.eq(0).or(x.eq(1)), one, mended);
}

export function nextafterOf(x: Expr, y: Expr): Expr {
  const type = floatOf(x);
  const integers: "i32" | "i64" = type === "f32" ? "i32" : "i64";
  const least = type === "f32" ? 2 ** -149 : 2 ** -1074;
  const away = x.lt(y).xor(x.lt(0)); // the magnitude grows
  const bits = x.bitcast(integers);
  const moved = bits.add(select(away, constant(1, integers), constant(-1, integers))).bitcast(type);
  const fromZero = select(x.eq(0), constant(least, type).copysign(y), moved);
  const result = select(x.eq(y), y, fromZero);
  return select(x.ne(x).or(y.ne(y)), x.add(y), result);
}
