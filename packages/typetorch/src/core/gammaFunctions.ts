/**
 * Relatives of the gamma function in float64: the Hurwitz zeta function, polygamma, and the incomplete gamma functions.
 */
import { digamma, lgamma } from "./special.ts";

/** Euler and Maclaurin's sum needs (2k)! / B_2k for k = 1 to 12. */
const bernoulliQuotients = [
  12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10, -2.950130727918164224e12,
  1.1646782814350067249e14, -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18,
];

/**
 * The Hurwitz zeta function, the sum of (q + k)^-x over k >= 0, for x > 1: NaN below, infinite at 1 and at the poles q = 0, -1, …; terms directly, then
 * Euler and Maclaurin's formula. About 1e-15.
 */
export function zeta(x: number, q: number): number {
  if (x === 1) return Infinity;
  if (x < 1 || Number.isNaN(q)) return Number.NaN;
  if (q <= 0) {
    if (q === Math.floor(q)) return Infinity;
    if (x !== Math.floor(x)) return Number.NaN;
  }
  if (Number.isNaN(x)) return Number.NaN;
  let sum = q ** -x;
  let a = q;
  let term = 0;
  for (let i = 0; i < 9 || a <= 9; i++) {
    a += 1;
    term = a ** -x;
    sum += term;
    if (Math.abs(term) < Number.EPSILON * 0.5 * Math.abs(sum)) return sum;
  }
  const w = a;
  sum += (term * w) / (x - 1) - 0.5 * term;
  let factor = 1;
  for (let i = 0, k = 0; i < bernoulliQuotients.length; i++, k += 2) {
    factor *= x + k;
    term /= w;
    const t = (factor * term) / bernoulliQuotients[i]!;
    sum += t;
    if (Math.abs(t / sum) < Number.EPSILON * 0.5) return sum;
    factor *= x + k + 1;
    term /= w;
  }
  return sum;
}

/** The second derivative of the logarithm of the gamma function, by reflection, recurrence and the asymptotic series. About 1e-10 as PyTorch's. */
export function trigamma(x: number, single = false): number {
  let sign = 1;
  let sum = 0;
  let z = x;
  if (z < 0.5) {
    sign = -1;
    // Near a pole the result is that of the angle's rounding: float32 takes PyTorch's.
    const sine = Math.sin(single ? Math.fround(Math.fround(Math.PI) * z) : Math.PI * z);
    sum -= (Math.PI * Math.PI) / (sine * sine);
    z = 1 - z;
  }
  for (let i = 0; i < 6; i++) {
    sum += 1 / (z * z);
    z += 1;
  }
  const inverse = 1 / (z * z);
  sum += (1 + 1 / (2 * z) + inverse * (1 / 6 - inverse * (1 / 30 - inverse / 42))) / z;
  return sign * sum;
}

/** Derivative n + 1 of the logarithm of the gamma function; `single` for numbers of float32 or less. */
export function polygamma(n: number, x: number, single = false): number {
  if (n === 0) return digamma(x);
  if (n === 1) return trigamma(x, single);
  return (n % 2 === 1 ? 1 : -1) * Math.exp(lgamma(n + 1)) * zeta(n + 1, x);
}

/** The regularised lower incomplete gamma function P(a, x); NaN for negative arguments. */
export function gammaP(a: number, x: number): number {
  if (!(a >= 0) || !(x >= 0)) return Number.NaN;
  if (a === 0) return x > 0 ? 1 : Number.NaN;
  if (x === 0) return 0;
  if (a === Infinity) return x === Infinity ? Number.NaN : 0;
  if (x === Infinity) return 1;
  return x < a + 1 ? lowerSeries(a, x) : 1 - upperFraction(a, x);
}

/** The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x). */
export function gammaQ(a: number, x: number): number {
  if (!(a >= 0) || !(x >= 0)) return Number.NaN;
  if (a === 0) return x > 0 ? 0 : Number.NaN;
  if (x === 0) return 1;
  if (a === Infinity) return x === Infinity ? Number.NaN : 1;
  if (x === Infinity) return 0;
  return x < a + 1 ? 1 - lowerSeries(a, x) : upperFraction(a, x);
}

/** x^a e^-x / Gamma(a). */
function leading(a: number, x: number): number {
  return Math.exp(a * Math.log(x) - x - lgamma(a));
}

function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < 100000; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * Number.EPSILON * 0.5) break;
  }
  return sum * leading(a, x);
}

/** Lentz's evaluation of the continued fraction. */
function upperFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 100000; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = numerator * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + numerator / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const factor = d * c;
    h *= factor;
    if (Math.abs(factor - 1) < Number.EPSILON) break;
  }
  return h * leading(a, x);
}
