/**
 * Box-Muller on groups of 16 in float32, as PyTorch's AVX2 kernel does it: the single-precision Cephes polynomials for log, sin and cos, with each multiply-add
 * rounded once. Those are written as `f(a * b + c)`, which rounds twice: first to float64, then to float32. log and the pair of sin and cos have only 2^24
 * arguments here, and for none of them does that differ from one rounding.
 *
 * @source Stephen L. Moshier's Cephes library, logf.c and sinf.c
 */
import { fma32 } from "../fma.ts";

const f = Math.fround;
/** sqrt(1/2) in float32, in units of 2^-25. */
const SQRT_HALF_TICKS = 23726566;
const LOG_0 = f(7.0376836292e-2);
const LOG_1 = f(-1.151461031e-1);
const LOG_2 = f(1.167699874e-1);
const LOG_3 = f(-1.2420140846e-1);
const LOG_4 = f(1.4249322787e-1);
const LOG_5 = f(-1.6668057665e-1);
const LOG_6 = f(2.0000714765e-1);
const LOG_7 = f(-2.4999993993e-1);
const LOG_8 = f(3.3333331174e-1);
/** ln 2 in two parts; the second has so few bits that its products with exponents are exact. */
const LN2_LOW = f(-2.1219444e-4);
const LN2_HIGH = 0.693359375;
const TWO_PI = f(2 * Math.PI);
const FOUR_OVER_PI = f(1.27323954473516);
/** pi / 4 in three parts; products of the first two with octants are exact. */
const PI4_1 = 0.78515625;
const PI4_2 = 2.4187564849853516e-4;
const PI4_3 = f(3.774894977445941e-8);
const SIN_0 = f(-1.9515295891e-4);
const SIN_1 = f(8.3321608736e-3);
const SIN_2 = f(-1.6666654611e-1);
const COS_0 = f(2.443315711809948e-5);
const COS_1 = f(-1.388731625493765e-3);
const COS_2 = f(4.166664568298827e-2);

/** The constants of the transform, for a kernel that computes the same. */
export const normalFloat = {
  sqrtHalf: SQRT_HALF_TICKS * 2 ** -25,
  logCoefficients: [LOG_0, LOG_1, LOG_2, LOG_3, LOG_4, LOG_5, LOG_6, LOG_7, LOG_8],
  ln2Low: LN2_LOW,
  ln2High: LN2_HIGH,
  twoPi: TWO_PI,
  fourOverPi: FOUR_OVER_PI,
  piOverFour: [PI4_1, PI4_2, PI4_3],
  sinCoefficients: [SIN_0, SIN_1, SIN_2],
  cosCoefficients: [COS_0, COS_1, COS_2],
} as const;

/**
 * Turns `groups` groups of 16 raw outputs into normal values at `target[start]` and on. In each group output j gives u1 and output j + 8 gives u2 of value j
 * (cosine) and value j + 8 (sine).
 */
export function transformFloat(
  raw: Uint32Array,
  groups: number,
  target: Float32Array,
  start: number,
  mean: number,
  std: number,
): void {
  const plain = mean === 0 && std === 1;
  radiusOfEach(raw, groups, target, start);
  rotateEach(raw, groups, target, start, plain ? 0 : -0);
  if (plain) return;
  const end = start + 16 * groups;
  for (let i = start; i < end; i++) target[i] = fma32(target[i]!, std, mean);
}

/** Writes sqrt(-2 log u1) to the first eight places of each group. */
function radiusOfEach(raw: Uint32Array, groups: number, target: Float32Array, start: number): void {
  for (let group = 0; group < groups; group++) {
    const base = group * 16;
    for (let j = 0; j < 8; j++) {
      // u1 = 1 - u in units of 2^-24, shifted to 25 bits; doubled where it is below sqrt(1/2), so that x = u1 / 2^exponent - 1 lies around 0
      const ticks = 0x1000000 - (raw[base + j]! & 0xffffff);
      const zeros = Math.clz32(ticks);
      const mantissa = ticks << (zeros - 7);
      const below = (mantissa - SQRT_HALF_TICKS) >>> 31;
      const exponent = 8 - zeros - below;
      const x = ((mantissa << below) - 0x2000000) * 2 ** -25;
      const z = f(x * x);
      let y = f(LOG_0 * x + LOG_1);
      y = f(y * x + LOG_2);
      y = f(y * x + LOG_3);
      y = f(y * x + LOG_4);
      y = f(y * x + LOG_5);
      y = f(y * x + LOG_6);
      y = f(y * x + LOG_7);
      y = f(y * x + LOG_8);
      y = f(f(y * x) * z + f(exponent * LN2_LOW));
      y = f(y - z * 0.5);
      const log = f(f(x + y) + exponent * LN2_HIGH);
      target[start + base + j] = Math.sqrt(-2 * log);
    }
  }
}

/**
 * From radii in the first eight places of each group to radius * cos(2 pi u2) there and radius * sin(2 pi u2) in the last eight. `zero` is added: 0 turns -0
 * into 0, -0 changes nothing.
 */
function rotateEach(raw: Uint32Array, groups: number, target: Float32Array, start: number, zero: number): void {
  for (let group = 0; group < groups; group++) {
    const base = group * 16;
    for (let j = 0; j < 8; j++) {
      const theta = f(TWO_PI * ((raw[base + j + 8]! & 0xffffff) * 2 ** -24));
      const octant = ((f(theta * FOUR_OVER_PI) | 0) + 1) & ~1;
      const x = f(f(f(theta - octant * PI4_1) - octant * PI4_2) - octant * PI4_3);
      const z = f(x * x);
      let cos = f(COS_0 * z + COS_1);
      cos = f(cos * z + COS_2);
      cos = f(f(f(cos * z) * z - 0.5 * z) + 1);
      let sin = f(SIN_0 * z + SIN_1);
      sin = f(sin * z + SIN_2);
      sin = f(f(sin * z) * x + x);
      // odd quadrants swap the two, and their signs follow the quadrant: by arithmetic, because a branch would be a coin toss
      const radius = target[start + base + j]!;
      const swap = (octant & 2) << 2;
      target[start + base + j + swap] = radius * cos * (1 - ((octant & 4) >> 1)) + zero;
      target[start + base + j + 8 - swap] = radius * sin * (1 - (((octant + 2) & 4) >> 1)) + zero;
    }
  }
}
