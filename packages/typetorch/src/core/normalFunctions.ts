/**
 * Functions of the normal distribution in float64, and modified Bessel functions.
 */
import { erfc, erfinv } from "./special.ts";

/** `exp(x^2) erfc(x)`: about 1e-13. */
export function erfcx(x: number): number {
  if (x < 25) return Math.exp(x * x) * erfc(x);
  if (x === Infinity) return 0;
  // The asymptotic series: its terms fall until far below the last bit.
  const inverse = 1 / (2 * x * x);
  let term = 1;
  let sum = 1;
  for (let k = 1; k < 20; k++) {
    term *= -(2 * k - 1) * inverse;
    sum += term;
  }
  return sum / (x * Math.sqrt(Math.PI));
}

/** The distribution function of the standard normal. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x * Math.SQRT1_2);
}

/** Its logarithm, accurate in both tails. */
export function logNormalCdf(x: number): number {
  if (x < -1) return Math.log(erfcx(-x * Math.SQRT1_2) / 2) - (x * x) / 2;
  return Math.log1p(-erfc(x * Math.SQRT1_2) / 2);
}

/** Its inverse: infinite at 0 and 1, NaN outside. A start by erfinv or the tail's leading term, then Newton's steps on the logarithm of the tail. */
export function normalQuantile(p: number): number {
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (!(p > 0 && p < 1)) return Number.NaN;
  if (p > 0.1 && p < 0.9) return Math.SQRT2 * erfinv(2 * p - 1);
  const tail = Math.min(p, 1 - p);
  const target = Math.log(tail);
  const t = Math.sqrt(-2 * target);
  let x = -(t - Math.log(t * Math.sqrt(2 * Math.PI)) / t);
  for (let i = 0; i < 6; i++) {
    const value = logNormalCdf(x);
    const density = Math.exp(-(x * x) / 2 - value) / Math.sqrt(2 * Math.PI);
    x -= (value - target) / density;
  }
  return p < 0.5 ? x : -x;
}
