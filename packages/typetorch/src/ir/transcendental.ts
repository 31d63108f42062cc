/**
 * Transcendental functions as expressions over the arithmetic primitives, so that every CPU target computes the same numbers. Polynomials are minimax fits
 * (relative error below the rounding of the result); special values are C's. Bounds in units in the last place, measured against a truth in higher
 * precision, are in {@link ulpBounds}. `lgamma`, `digamma` and `erfinv` are not lowered.
 */
import { constant, Expr } from "./expr.ts";

type Float = "f32" | "f64";

/** The primitives that {@link lowerTranscendental} knows. */
export type Transcendental =
  | "exp"
  | "exp2"
  | "expm1"
  | "log"
  | "log2"
  | "log10"
  | "log1p"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "erfc"
  | "pow"
  | "atan2"
  | "nextafter";

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
  pow: [1, 1],
  atan2: [1, 2],
  nextafter: [0, 0],
};

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

function select(condition: Expr, yes: Expr, no: Expr): Expr {
  return new Expr("select", yes.type, [condition, yes, no]);
}
function rarely(condition: Expr, yes: Expr, no: Expr): Expr {
  return new Expr("select", yes.type, [condition, yes, no], 0, rare);
}
/** sum of coefficients[k] * x^k */
function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  let y = constant(coefficients[coefficients.length - 1]!, x.type);
  for (let k = coefficients.length - 2; k >= 0; k--) y = y.fma(x, coefficients[k]!);
  return y;
}
function floatOf(x: Expr): Float {
  if (x.type !== "f32" && x.type !== "f64") throw new TypeError(`kernel expression: a transcendental function of ${x.type}`);
  return x.type;
}

// exp -------------------------------------------------------------------------------------------------------------------------------------------------

const LOG2E = Math.LOG2E;
/** ln 2 as a sum; the first part times a small integer is exact. */
const LN2_PARTS = {
  f32: [0.693359375, -2.1219444e-4],
  f64: [0.6931471803691238, 1.9082149292705877e-10],
} as const;
/** (exp(r) - 1 - r) / r^2 on [-ln2/2, ln2/2] */
const EXP = {
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
const ROUND = 6755399441055744;

/** 2^n for an integral float n whose result is a normal number. */
function powerOfTwo(n: Expr): Expr {
  const type = floatOf(n);
  const scale = new PowerScale(constant(1, type), n);
  return type === "f32"
    ? new Expr("bitcast", "f32", [n.cast("i32").add(127).shl(23)], 0, scale)
    : new Expr("bitcast", "f64", [n.add(ROUND).bitcast("i64").add(1023).shl(52)], 0, scale);
}
/** x * 2^n, rounded once when the result is subnormal, for |n| up to twice the largest exponent. */
function scaleBy(x: Expr, n: Expr): Expr {
  const half = n.mul(0.5).floor();
  return new Expr("mul", x.type, [x.mul(powerOfTwo(half)), powerOfTwo(n.sub(half))], 0, new PowerScale(x, n));
}
/** Argument reduction of exp: x = n ln2 + r (+ low, a correction to x). */
function reduceExp(x: Expr, low?: Expr): { n: Expr; r: Expr } {
  const [hi, lo] = LN2_PARTS[floatOf(x)];
  const n = x.mul(LOG2E).round();
  let r = n.fma(-lo, n.fma(-hi, x));
  if (low) r = r.add(low);
  return { n, r };
}
/** exp(r) - 1 for |r| <= ln2/2 */
function expm1Kernel(r: Expr, coefficients: readonly number[] = EXP[floatOf(r)]): Expr {
  return polynomial(r, coefficients).fma(r.mul(r), r);
}
/** exp(x + low) * 2^extra. */
function expOf(x: Expr, low?: Expr, extra = 0, coefficients?: readonly number[]): Expr {
  const [least, most] = x.type === "f32" ? [-104, 90] : [-746, 712];
  const { n, r } = reduceExp(x.maximum(least).minimum(most), low);
  return scaleBy(expm1Kernel(r, coefficients).add(1), extra === 0 ? n : n.add(extra));
}
function exp2Of(x: Expr): Expr {
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
  return half.fma(expm1Kernel(r), half.sub(0.5)).mul(2);
}
function expm1Of(x: Expr): Expr {
  const [least, most, tiny] = x.type === "f32" ? [-18, 89, 2 ** -25] : [-38, 710, 2 ** -54];
  return select(x.abs().lt(tiny), x, expm1Core(x.maximum(least).minimum(most)));
}

// log -------------------------------------------------------------------------------------------------------------------------------------------------

/** (log(1+f) - f + f^2/2) / f^3 for 1+f in [sqrt(1/2), sqrt(2)] */
const LOG_F32 = [
  0.3333331403497381, -0.24999983834068415, 0.20002187727596338, -0.16669484715844055, 0.14217107938865817, -0.12377461360773749,
  0.11888850337455913, -0.1184691620577084, 0.06937392483159781,
];
/** (log((1+s)/(1-s)) - 2s) / s^3, in powers of s^2 */
const LOG_F64 = [
  0.666666666666671, 0.3999999999951718, 0.28571428730011306, 0.22222199005395796, 0.18183576430752554, 0.15313030182031415,
  0.14811936207104678,
];
const LOG_SHORT = [0.6666666575420299, 0.4000033985208253, 0.285359866567467, 0.23618725198048152];

/** x = 2^e (1 + f) with 1+f in [sqrt(1/2), sqrt(2)], for positive normal x. */
function splitLog(x: Expr): { e: Expr; f: Expr; scale: Expr } {
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
  if (f.type === "f32") return square.fma(-0.5, polynomial(f, LOG_F32).fma(f.mul(square), low));
  const s = f.div(f.add(2));
  const z = s.mul(s);
  const half = square.mul(0.5);
  return s.fma(polynomial(z, coefficients ?? LOG_F64).fma(z, half), low).sub(half);
}
/** Applies `core` to a positive normal number and an exponent to add, and mends what log gives for 0, negative numbers, infinity and NaN. */
function logOf(x: Expr, core: (e: Expr, f: Expr) => Expr): Expr {
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
function naturalLog(e: Expr, f: Expr, coefficients?: readonly number[]): Expr {
  const [hi, lo] = LN2_PARTS[floatOf(e)];
  return e.fma(hi, f.add(logTail(f, e.mul(lo), coefficients)));
}
/** log(x) / log(base) = e * (hi + lo) + log(1+f) * factor */
function logToBase(x: Expr, hi: number, lo: number, factor: number): Expr {
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
function log1pOf(x: Expr): Expr {
  const type = floatOf(x);
  const u = x.add(1);
  const part = u.sub(1);
  const low = x.sub(part).add(constant(1, type).sub(u.sub(part))); // 1 + x = u + low
  const { e, f, scale } = splitLog(u);
  const y = naturalLog(e, f.add(low.mul(scale)));
  const mended = logSpecials(u, y);
  return select(x.abs().lt(type === "f32" ? 2 ** -25 : 2 ** -54), x, mended);
}

// sin, cos, tan ---------------------------------------------------------------------------------------------------------------------------------------

const TWO_OVER_PI = 0.6366197723675814;
const HALF_PI = [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33] as const;
/** (sin(r) - r) / r^3 and (cos(r) - 1 + r^2/2) / r^4 on [-pi/4, pi/4], in powers of r^2; the short ones serve f32. */
const SIN = [
  -0.16666666666666638, 0.008333333333322663, -0.00019841269829234037, 2.7557313313450757e-6, -2.5050679543749966e-8,
  1.5891457200484244e-10,
];
const COS = [
  0.04166666666666665, -0.0013888888888882213, 2.4801587294058442e-5, -2.7557315526888546e-7, 2.0875863309875224e-9,
  -1.1365946326585084e-11,
];
const SIN_SHORT = [-0.166666666423651, 0.008333329083575633, -0.00019839180370501133, 2.716583104573633e-6];
const COS_SHORT = [0.04166665391505237, -0.0013887604481312263, 2.4457094145044404e-5];

/** An angle as r + low, |r| <= pi/4, and its quadrant: `bits` has the number of quarter turns in its low bits. */
interface Angle {
  readonly r: Expr;
  readonly low: Expr | null;
  readonly bits: Expr;
}

/**
 * Removes quarter turns from a float64. Up to `limit` by three parts of pi/2, each product exact or below the result's last place; beyond, powers of two modulo
 * 2 pi, in steps of 24 bits, bring the angle into that range first.
 */
function reduceAngle(x: Expr, limit: number, top: number, precise: boolean): Angle {
  const large = x.abs().gt(limit);
  const folded = foldAngle(x, Math.log2(limit), top);
  const high = rarely(large, folded.high, x);
  const rest = rarely(large, folded.rest, constant(0, "f64"));
  const shifted = high.fma(TWO_OVER_PI, ROUND);
  const n = shifted.sub(ROUND);
  const t = n.fma(-HALF_PI[0], high); // exact
  const y = n.fma(-HALF_PI[1], t);
  const bits = shifted.bitcast("i64");
  if (!precise) return { r: y.add(rest), low: null, bits };
  const error = n.fma(-HALF_PI[1], t.sub(y));
  const low = n.fma(-HALF_PI[2], error).add(rest);
  const r = y.add(low);
  return { r, low: y.sub(r).add(low), bits };
}

/** x modulo 2 pi as high + rest, for 2^from < |x| < 2^top: high is below 2^30 and on a grid of 2^-24, rest is smaller than that grid. */
function foldAngle(x: Expr, from: number, top: number): { high: Expr; rest: Expr } {
  let left = x;
  let high = constant(0, "f64");
  let rest = constant(0, "f64");
  let tail = constant(0, "f64");
  const lowest = Math.min(from, 24);
  for (let power = lowest + Math.ceil((top - lowest) / 24 - 1) * 24; power >= lowest; power -= 24) {
    const q = left.mul(2 ** -power).trunc();
    left = q.fma(-(2 ** power), left);
    const [a, b, c] = powerModuloTurn(power);
    high = q.fma(a, high);
    const before = rest;
    const p = q.mul(b); // exact
    rest = before.add(p);
    const part = rest.sub(before);
    tail = q.fma(c, tail.add(before.sub(rest.sub(part)).add(p.sub(part))));
  }
  const whole = left.trunc();
  const sum = rest.add(left.sub(whole));
  const lost = rest.sub(sum).add(left.sub(whole));
  const grid = sum
    .mul(2 ** 24)
    .round()
    .mul(2 ** -24);
  return { high: high.add(whole).add(grid), rest: sum.sub(grid).add(lost.add(tail)) };
}

/** 2^power modulo 2 pi: a part on a grid of 2^-24, so that its products with 24-bit integers are exact, one of 26 bits, and the remainder. */
function powerModuloTurn(power: number): readonly [number, number, number] {
  const known = residues.get(power);
  if (known !== undefined) return known;
  const scale = 1200n; // binary places
  const turn = twoPi(scale);
  const value = (1n << BigInt(power)) << scale;
  const residue = value % turn;
  const cut = (x: bigint, places: bigint): bigint => (x >> (scale - places)) << (scale - places);
  const toNumber = (x: bigint): number => Number(x >> (scale - 160n)) / 2 ** 80 / 2 ** 80;
  const a = cut(residue, 24n);
  const b = cut(residue - a, 50n);
  const parts = [toNumber(a), toNumber(b), toNumber(residue - a - b)] as const;
  residues.set(power, parts);
  return parts;
}
const residues = new Map<number, readonly [number, number, number]>();
let turnCache: bigint | null = null;
/** 2 pi times 2^places, by Machin's formula. */
function twoPi(places: bigint): bigint {
  if (turnCache !== null) return turnCache;
  const guard = 32n;
  const one = 1n << (places + guard);
  const inverseTangent = (n: bigint): bigint => {
    let term = one / n;
    let sum = term;
    for (let k = 3n, sign = -1n; term !== 0n; k += 2n, sign = -sign) {
      term /= n * n;
      sum += (sign * term) / k;
    }
    return sum;
  };
  turnCache = (8n * (4n * inverseTangent(5n) - inverseTangent(239n))) >> guard;
  return turnCache;
}

function sinKernel({ r, low }: Angle): Expr {
  const z = r.mul(r);
  if (low === null) return polynomial(z, SIN_SHORT).fma(z.mul(r), r);
  return polynomial(z, SIN).fma(z.mul(r), z.fma(-0.5, 1).mul(low)).add(r);
}
function cosKernel({ r, low }: Angle): Expr {
  const z = r.mul(r);
  if (low === null) return polynomial(z, COS_SHORT).fma(z.mul(z), z.fma(-0.5, 1));
  const half = z.mul(0.5);
  const w = constant(1, "f64").sub(half);
  const error = constant(1, "f64").sub(w).sub(half);
  return w.add(polynomial(z, COS).fma(z.mul(z), error.sub(r.mul(low))));
}
function angleOf(x: Expr): Angle {
  return x.type === "f32" ? reduceAngle(x.cast("f64"), 2 ** 48, 128, false) : reduceAngle(x, 2 ** 30, 1024, true);
}
/** The sign bit of an f64 from bit 1 of `bits`. */
function signFromQuadrant(y: Expr, bits: Expr): Expr {
  return y.bitcast("i64").xor(bits.and(2).shl(62)).bitcast("f64");
}
function sinOf(x: Expr): Expr {
  const angle = angleOf(x);
  const odd = angle.bits.and(1).ne(0);
  const y = signFromQuadrant(select(odd, cosKernel(angle), sinKernel(angle)), angle.bits).cast(x.type);
  return select(x.abs().lt(x.type === "f32" ? 2 ** -13 : 2 ** -27), x, y);
}
function cosOf(x: Expr): Expr {
  const angle = angleOf(x);
  const odd = angle.bits.and(1).ne(0);
  return signFromQuadrant(select(odd, sinKernel(angle), cosKernel(angle)), angle.bits.add(1)).cast(x.type);
}
function tanOf(x: Expr): Expr {
  const angle = angleOf(x);
  const odd = angle.bits.and(1).ne(0);
  const s = sinKernel(angle);
  const c = cosKernel(angle);
  const y = select(odd, c.neg(), s)
    .div(select(odd, s, c))
    .cast(x.type);
  return select(x.abs().lt(x.type === "f32" ? 2 ** -13 : 2 ** -27), x, y);
}

// inverse trigonometric functions ---------------------------------------------------------------------------------------------------------------------

/** (asin(x) - x) / x^3 on [0, 1/2] and (atan(x) - x) / x^3 on [0, 1], in powers of x^2; the short ones serve f32. */
const ASIN = [
  0.16666666666666702, 0.07499999999984512, 0.044642857163635856, 0.0303819431445807, 0.022372204932930337, 0.01735175662949276,
  0.013979471013512459, 0.01140715413839368, 0.010748062120470263, 0.0037806935440714983, 0.02162989881325101,
  -0.021020599060882085, 0.03271609739659101,
];
const ASIN_SHORT = [
  0.16666662219830541, 0.07500429083417676, 0.044523616183604245, 0.03179950621529569, 0.014335055837902075, 0.03780635810154142,
];
const ATAN = [
  -0.3333333333333332, 0.19999999999995496, -0.1428571428531463, 0.11111111094259052, -0.09090908679165613, 0.07692301179387893,
  -0.06666595121136659, 0.058817803519728235, -0.05259702686435651, 0.047457768333282364, -0.04288438339703349,
  0.03824747927533648, -0.03283661124239384, 0.0262021431040822, -0.018646568414785333, 0.011325812178303467,
  -0.005605344044331568, 0.0021425409280399982, -0.000588108076958187, 0.00010254655960311044, -8.497007990837238e-6,
];
const ATAN_SHORT = [
  -0.33333329669161466, 0.1999975121360521, -0.1428060601711746, 0.11061642235429997, -0.08818456606626339, 0.06747514339932323,
  -0.04463931463906979, 0.022396527025058784, -0.007208696881445015, 0.0010844929322820194,
];

/** f32 functions without a form of their own are computed in f64 and rounded once; `short` says that an f32 is wanted. */
function throughDouble(x: Expr, compute: (x: Expr, short: boolean) => Expr): Expr {
  return x.type === "f32" ? compute(x.cast("f64"), true).cast("f32") : compute(x, false);
}
/** x + x^3 * tail(x^2) */
function oddSeries(x: Expr, tail: readonly number[]): Expr {
  const z = x.mul(x);
  return polynomial(z, tail).fma(z.mul(x), x);
}
function asinOf(x: Expr, short: boolean): Expr {
  const tail = short ? ASIN_SHORT : ASIN;
  const size = x.abs();
  const small = size.lt(0.5);
  const z = size.fma(-0.5, 0.5);
  const s = oddSeries(select(small, size, z.sqrt()), tail);
  const y = select(small, s, s.fma(-2, HALF_PI[1]).add(HALF_PI[0]));
  return y.copysign(x);
}
function acosOf(x: Expr, short: boolean): Expr {
  const tail = short ? ASIN_SHORT : ASIN;
  const size = x.abs();
  const small = size.lt(0.5);
  const root = size.fma(-0.5, 0.5).sqrt();
  const s = oddSeries(select(small, x, root), tail);
  const near = constant(HALF_PI[0], "f64").sub(s.sub(HALF_PI[1]));
  const far = s.mul(2);
  return select(small, near, select(x.lt(0), constant(2 * HALF_PI[0], "f64").sub(far.sub(2 * HALF_PI[1])), far));
}
/** atan(y / x) for 0 <= y <= x (both finite, or an infinite x), plus nothing lost at small quotients. */
function atanQuotient(q: Expr, short: boolean): Expr {
  return oddSeries(q, short ? ATAN_SHORT : ATAN);
}
function atanOf(x: Expr, short: boolean): Expr {
  const size = x.abs();
  const large = size.gt(1);
  const a = atanQuotient(select(large, constant(1, "f64").div(size), size), short);
  return select(large, constant(HALF_PI[0], "f64").sub(a.sub(HALF_PI[1])), a).copysign(x);
}
function atan2Of(y: Expr, x: Expr): Expr {
  const type = floatOf(y);
  const short = type === "f32";
  const [a, b] = [y.cast("f64"), x.cast("f64")];
  const [high, wide] = [a.abs(), b.abs()];
  const steep = high.gt(wide);
  const top = select(steep, wide, high);
  const bottom = select(steep, high, wide);
  // 0/0 is 0, inf/inf is 1
  const q = select(top.eq(bottom), select(top.eq(0), constant(0, "f64"), constant(1, "f64")), top.div(bottom));
  const nan = a.ne(a).or(b.ne(b));
  const angle = atanQuotient(select(nan, constant(Number.NaN, "f64"), q), short);
  const first = select(steep, constant(HALF_PI[0], "f64").sub(angle.sub(HALF_PI[1])), angle);
  const left = constant(1, "f64").copysign(b).lt(0);
  const turned = select(left, constant(2 * HALF_PI[0], "f64").sub(first.sub(2 * HALF_PI[1])), first);
  return turned.copysign(a).cast(type);
}

// hyperbolic functions --------------------------------------------------------------------------------------------------------------------------------

/** (tanh(x) - x) / x^3 on [0, 0.55], in powers of x^2 */
const TANH_F32 = [-0.3333332082440931, 0.13332625282469754, -0.05385164968684528, 0.021055804936324828, -0.006238845698373037];

function tanhOf(x: Expr): Expr {
  if (x.type === "f32") {
    const size = x.abs();
    const { n, r } = reduceExp(size.minimum(10).mul(2));
    const p = powerOfTwo(n);
    const far = constant(1, "f32").sub(constant(2, "f32").div(expm1Kernel(r).fma(p, p).add(1)));
    return select(size.gt(0.55), far, oddSeries(size, TANH_F32)).copysign(x);
  }
  const e = expm1Core(x.abs().mul(2).minimum(40));
  return e.div(e.add(2)).copysign(x);
}
function sinhOf(x: Expr): Expr {
  const size = x.abs();
  const e = expm1Core(size.minimum(700));
  const small = e.add(e.div(e.add(1))).mul(0.5);
  return select(size.gt(22), expOf(size, undefined, -1), small).copysign(x);
}
function coshOf(x: Expr): Expr {
  const size = x.abs();
  const half = expOf(size, undefined, -1);
  return half.add(constant(0.25, x.type).div(half));
}
function asinhOf(x: Expr): Expr {
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
function acoshOf(x: Expr): Expr {
  const t = x.sub(1);
  const near = log1pOf(t.add(t.mul(t).add(t.mul(2)).sqrt()));
  const y = select(x.gt(2 ** 28), logOf(x, naturalLogPlus), near);
  return select(x.lt(1), constant(Number.NaN, x.type), y);
}
function atanhOf(x: Expr): Expr {
  const size = x.abs();
  const y = log1pOf(size.mul(2).div(constant(1, x.type).sub(size))).mul(0.5);
  return select(size.lt(2 ** -28), x, y.copysign(x));
}

// erf -------------------------------------------------------------------------------------------------------------------------------------------------

/** erf(x)/x - 1 on [0, 1], in powers of x^2 */
const ERF = [
  0.1283791670955126, -0.3761263890318375, 0.11283791670954885, -0.026866170645077875, 0.005223977624828431,
  -0.0008548326981425542, 0.0001205533113295582, -1.4925595772180906e-5, 1.64610084778027e-6, -1.6350396222864617e-7,
  1.466032872274226e-8, -1.137495573607015e-9, 5.960685338520971e-11,
];
/** exp(x^2) erfc(x) (1 + 2x) in powers of (x-4)/(x+4), for 0 <= x <= 28; the short one serves f32. */
const ERFC = [
  1.2329951186255526, -0.13962111684056253, 0.015379652102619622, 0.06809705425469532, -0.10103906603629773, 0.09373283499825626,
  -0.06633036581236003, 0.03716751553897756, -0.01619773405620888, 0.005031969964883256, -0.0007577732992367068,
  -0.0001992566255141101, 0.00015062172345584762, -2.4399442288356016e-5, -1.1222182985585404e-5, 5.710196910033735e-6,
  2.9416180030942447e-7, -8.259666582452672e-7, 7.410529846684767e-8, 1.1033304864082181e-7, -1.7469602919329462e-8,
  -1.4070594477140353e-8, 1.6772471847600568e-9, 1.1981287464369084e-9,
];
const ERFC_SHORT = [
  1.2329951184159804, -0.139621107833338, 0.01537967588942642, 0.06809670837780898, -0.10103954359870783, 0.09373660906183677,
  -0.06632653973480702, 0.03714988868378632, -0.016212829410858665, 0.005072268019475871, -0.0007270877085582109,
  -0.0002451576155196024, 0.00012041534917436219,
];
/** N. Juffa's polynomials for the single-precision error function: erf(x)/x - 1 in powers of x^2, and log(1 - erf(x)) beyond 0.9277. */
const ERF_F32_NEAR = [1.28379166e-1, -3.76125336e-1, 1.12819925e-1, -2.67681349e-2, 4.99119423e-3, -5.96761703e-4];
const ERF_F32_FAR = [-1.28717512e-1, -6.34846687e-1, -1.06777877e-1, 2.42546219e-2, -3.88396438e-3, 3.83197126e-4, -1.7285347e-5];

/** erfc of a non-negative f64. */
function erfcPositive(size: Expr, short: boolean): Expr {
  const x = size.minimum(28);
  const square = x.mul(x);
  const low = x.fma(x, square.neg());
  const t = x.sub(4).div(x.add(4));
  const scaled = polynomial(t, short ? ERFC_SHORT : ERFC).div(x.fma(2, 1));
  return expScaled(square.neg(), low.neg(), scaled, short);
}
/** factor * exp(x + low), the factor near enough to 1 that only the end can be subnormal. */
function expScaled(x: Expr, low: Expr, factor: Expr, short: boolean): Expr {
  const { n, r } = reduceExp(x, low);
  return scaleBy(
    expm1Kernel(r, short ? EXP.f32 : EXP.f64)
      .add(1)
      .mul(factor),
    n,
  );
}
function erfOf(x: Expr): Expr {
  const size = x.abs();
  if (x.type === "f32") {
    const s = x.mul(x);
    const near = polynomial(s, ERF_F32_NEAR).fma(x, x);
    const t = size.minimum(4.5);
    const r = polynomial(t, ERF_F32_FAR).fma(t, t.neg());
    const { n, r: q } = reduceExp(r);
    const p = powerOfTwo(n);
    const far = constant(1, "f32").sub(expm1Kernel(q).fma(p, p));
    return select(size.gt(0.927734375), far.copysign(x), near);
  }
  const small = size.lt(1);
  const near = polynomial(x.mul(x), ERF).fma(x, x);
  return select(small, near, constant(1, "f64").sub(erfcPositive(size, false)).copysign(x));
}
function erfcOf(x: Expr, short: boolean): Expr {
  const y = erfcPositive(x.abs(), short);
  return select(x.lt(0), constant(2, "f64").sub(y), y);
}

// pow -------------------------------------------------------------------------------------------------------------------------------------------------

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

function powOf(x: Expr, y: Expr): Expr {
  const type = floatOf(x);
  if (type === "f32") return powDouble(x.cast("f64"), y.cast("f64"), true).cast("f32");
  return powDouble(x, y, false);
}
function powDouble(x: Expr, y: Expr, short: boolean): Expr {
  const zero = constant(0, "f64");
  const one = constant(1, "f64");
  const infinity = constant(Infinity, "f64");
  const size = x.abs();
  const tiny = size.lt(2 ** -1022);
  const { e: exponent, f } = splitLog(short ? size : select(tiny, size.mul(2 ** 54), size));
  const e = short ? exponent : exponent.sub(select(tiny, constant(54, "f64"), zero));
  const log = short ? { high: naturalLog(e, f, LOG_SHORT), low: zero } : logInParts(e, f);
  const finite = size.gt(0).and(size.lt(Infinity));
  const high = select(finite, log.high, select(size.gt(1), infinity, select(size.ge(0), constant(-Infinity, "f64"), x)));
  const product = y.mul(high);
  const ordinary = finite.and(product.abs().lt(1100));
  const lost = y.fma(high, product.neg()).add(y.mul(log.low));
  const low = short ? undefined : select(ordinary, lost, zero);
  let magnitude = expOf(product, low, 0, short ? EXP.f32 : EXP.f64);
  // 1 to an infinite power, and anything to the power 0
  magnitude = select(size.eq(1).and(y.eq(y)), one, magnitude);
  const integral = y.trunc().eq(y);
  const halved = y.mul(0.5);
  const odd = integral.and(halved.trunc().ne(halved)).and(y.abs().lt(Infinity));
  const signed = select(odd, magnitude.copysign(x), magnitude);
  const wrong = x.lt(0).and(x.gt(-Infinity)).and(integral.not());
  const mended = select(wrong, constant(Number.NaN, "f64"), signed);
  return select(y.eq(0).or(x.eq(1)), one, mended);
}

// neighbours ------------------------------------------------------------------------------------------------------------------------------------------

function nextafterOf(x: Expr, y: Expr): Expr {
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
