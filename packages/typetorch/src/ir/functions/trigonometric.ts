/**
 * sin, cos and tan for angles of any size, and their inverses.
 */
import { constant, type Expr } from "../expr.ts";
import { floatOf, oddSeries, polynomial, rarely, select } from "./base.ts";
import { ROUND } from "./exponential.ts";

const TWO_OVER_PI = 0.6366197723675814;
const HALF_PI = [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33] as const;
/** pi/2 as a float and what it lacks. */
const halfPi = (type: "f32" | "f64"): readonly [number, number] =>
  type === "f32" ? [1.5707963705062866, -4.371139000186241e-8] : [HALF_PI[0], HALF_PI[1]];
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
  const shifted = high.mulAdd(TWO_OVER_PI, ROUND);
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

export function sinKernel({ r, low }: Angle): Expr {
  const z = r.mul(r);
  if (low === null) return polynomial(z, SIN_SHORT).mulAdd(z.mul(r), r);
  return polynomial(z, SIN).mulAdd(z.mul(r), z.mulAdd(-0.5, 1).mul(low)).add(r);
}
export function cosKernel({ r, low }: Angle): Expr {
  const z = r.mul(r);
  if (low === null) return polynomial(z, COS_SHORT).mulAdd(z.mul(z), z.mulAdd(-0.5, 1));
  const half = z.mul(0.5);
  const w = constant(1, r.type).sub(half);
  const error = constant(1, r.type).sub(w).sub(half);
  return w.add(polynomial(z, COS).mulAdd(z.mul(z), error.sub(r.mul(low))));
}
function angleOf(x: Expr): Angle {
  return x.type === "f32" ? reduceAngle(x.cast("f64"), 2 ** 48, 128, false) : reduceAngle(x, 2 ** 30, 1024, true);
}
/** The sign bit of an f64 from bit 1 of `bits`. */
function signFromQuadrant(y: Expr, bits: Expr): Expr {
  return y.bitcast("i64").xor(bits.and(2).shl(62)).bitcast("f64");
}
export function sinOf(x: Expr): Expr {
  const angle = angleOf(x);
  const odd = angle.bits.and(1).ne(0);
  const y = signFromQuadrant(select(odd, cosKernel(angle), sinKernel(angle)), angle.bits).cast(x.type);
  return select(x.abs().lt(x.type === "f32" ? 2 ** -13 : 2 ** -27), x, y);
}
export function cosOf(x: Expr): Expr {
  const angle = angleOf(x);
  const odd = angle.bits.and(1).ne(0);
  return signFromQuadrant(select(odd, sinKernel(angle), cosKernel(angle)), angle.bits.add(1)).cast(x.type);
}
export function tanOf(x: Expr): Expr {
  const angle = angleOf(x);
  const odd = angle.bits.and(1).ne(0);
  const s = sinKernel(angle);
  const c = cosKernel(angle);
  const y = select(odd, c.neg(), s)
    .div(select(odd, s, c))
    .cast(x.type);
  return select(x.abs().lt(x.type === "f32" ? 2 ** -13 : 2 ** -27), x, y);
}

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

export function asinOf(x: Expr, short: boolean): Expr {
  const tail = short ? ASIN_SHORT : ASIN;
  const [high, low] = halfPi(floatOf(x));
  const size = x.abs();
  const small = size.lt(0.5);
  const z = size.mulAdd(-0.5, 0.5);
  const s = oddSeries(select(small, size, z.sqrt()), tail);
  const y = select(small, s, s.mulAdd(-2, low).add(high));
  return y.copysign(x);
}
export function acosOf(x: Expr, short: boolean): Expr {
  const tail = short ? ASIN_SHORT : ASIN;
  const [high, low] = halfPi(floatOf(x));
  const size = x.abs();
  const small = size.lt(0.5);
  const root = size.mulAdd(-0.5, 0.5).sqrt();
  const s = oddSeries(select(small, x, root), tail);
  const near = constant(high, x.type).sub(s.sub(low));
  const far = s.mul(2);
  return select(small, near, select(x.lt(0), constant(2 * high, x.type).sub(far.sub(2 * low)), far));
}
/** atan(y / x) for 0 <= y <= x (both finite, or an infinite x), plus nothing lost at small quotients. */
function atanQuotient(q: Expr, short: boolean): Expr {
  return oddSeries(q, short ? ATAN_SHORT : ATAN);
}
export function atanOf(x: Expr, short: boolean): Expr {
  const [high, low] = halfPi(floatOf(x));
  const size = x.abs();
  const large = size.gt(1);
  const a = atanQuotient(select(large, constant(1, x.type).div(size), size), short);
  return select(large, constant(high, x.type).sub(a.sub(low)), a).copysign(x);
}
/** The angle of (x, y), computed in the given type. */
export function atan2Of(y: Expr, x: Expr, within: "f32" | "f64" = "f64"): Expr {
  const type = floatOf(y);
  const short = type === "f32";
  const number = (value: number): Expr => constant(value, within);
  const [right, rightLow] = halfPi(within);
  const [a, b] = [y.cast(within), x.cast(within)];
  const [high, wide] = [a.abs(), b.abs()];
  const steep = high.gt(wide);
  const top = select(steep, wide, high);
  const bottom = select(steep, high, wide);
  // 0/0 is 0, inf/inf is 1
  const q = select(top.eq(bottom), select(top.eq(0), number(0), number(1)), top.div(bottom));
  const nan = a.ne(a).or(b.ne(b));
  const angle = atanQuotient(select(nan, number(Number.NaN), q), short);
  const first = select(steep, number(right).sub(angle.sub(rightLow)), angle);
  const left = number(1).copysign(b).lt(0);
  const turned = select(left, number(2 * right).sub(first.sub(2 * rightLow)), first);
  return turned.copysign(a).cast(type);
}
