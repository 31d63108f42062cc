/**
 * Fused multiply-add `a * b + c`, rounded once, in float32 and in float64. JavaScript has neither.
 */

/** Halfway between the largest finite float32 and the value at which rounding overflows. */
const FLOAT32_OVERFLOW = 2 ** 128 - 2 ** 103;

/**
 * `a * b + c` of three float32 values, rounded once to float32.
 *
 * The product of two float32 is exact in float64, so only the sum is rounded twice. That matters when, and only when, the float64 sum lies exactly halfway
 * between two float32 while the true sum does not.
 */
export function fma32(a: number, b: number, c: number): number {
  const sum = a * b + c;
  const near = Math.fround(sum);
  const rest = sum - near;
  if (rest !== 0) {
    const other = near + 2 * rest; // the float32 on the other side of `sum`, if `sum` is halfway
    if (Math.fround(other) === other || Math.abs(sum) === FLOAT32_OVERFLOW) return settleHalfway(a * b, c, sum, near);
  }
  return near;
}

/** Rounds a float64 sum that lies halfway between two float32 by the sign of what the float64 addition lost. */
function settleHalfway(product: number, c: number, sum: number, near: number): number {
  const lost = twoSumError(product, c, sum);
  if (lost === 0) return near;
  const infinite = !Number.isFinite(near);
  const rest = sum - near;
  const other = infinite ? Math.sign(near) * (2 ** 128 - 2 ** 104) : near + 2 * rest;
  return lost > 0 ? Math.max(near, other) : Math.min(near, other);
}

/** What `sum = fl(x + y)` lost: `x + y = sum + error` exactly. */
function twoSumError(x: number, y: number, sum: number): number {
  const z = sum - x;
  return x - (sum - z) + (y - z);
}

const float64 = new Float64Array(1);
const words = new Int32Array(float64.buffer);
const SPLIT = 2 ** 27 + 1;

/**
 * `a * b + c` of three float64 values, rounded once to float64.
 *
 * Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd" (2008); exact integers where their algorithm
 * could overflow or underflow.
 */
export function fma64(a: number, b: number, c: number): number {
  const product = a * b;
  const plain = product + c;
  if (a === 0 || b === 0 || !Number.isFinite(a) || !Number.isFinite(b)) return plain;
  if (!Number.isFinite(c)) return c;
  const size = Math.abs(product);
  const third = Math.abs(c);
  if (!(size > 2 ** -900 && size < 2 ** 900 && third < 2 ** 900 && Math.abs(a) < 2 ** 900 && Math.abs(b) < 2 ** 900)) {
    return exactFma(a, b, c);
  }
  if (c === 0) return product;
  if (third < 2 ** -900) return exactFma(a, b, c);
  const aHigh = a * SPLIT - (a * SPLIT - a);
  const bHigh = b * SPLIT - (b * SPLIT - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  const productLow = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  const tail = c + productLow;
  const tailLow = twoSumError(c, productLow, tail);
  const head = product + tail;
  const headLow = twoSumError(product, tail, head);
  return head + addRoundedToOdd(tailLow, headLow);
}

/** `x + y`, and where that is not exact the neighbour whose last bit is odd. */
function addRoundedToOdd(x: number, y: number): number {
  const sum = x + y;
  const error = twoSumError(x, y, sum);
  if (error === 0) return sum;
  float64[0] = sum;
  const low = words[0]!;
  if ((low & 1) === 0) {
    if (error > 0 === sum > 0) words[0] = low | 1;
    else {
      words[0] = low - 1;
      if (low === 0) words[1] = words[1]! - 1;
    }
  }
  return float64[0]!;
}

/** `x = mantissa * 2^exponent` with an integer mantissa. */
function decompose(x: number): [mantissa: bigint, exponent: number] {
  float64[0] = x;
  const biased = (words[1]! >>> 20) & 0x7ff;
  const fraction = (BigInt(words[1]! & 0xfffff) << 32n) | BigInt(words[0]! >>> 0);
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  return [x < 0 ? -mantissa : mantissa, (biased === 0 ? 1 : biased) - 1075];
}

function exactFma(a: number, b: number, c: number): number {
  const [aMantissa, aExponent] = decompose(a);
  const [bMantissa, bExponent] = decompose(b);
  const [cMantissa, cExponent] = decompose(c);
  const exponent = Math.min(aExponent + bExponent, cExponent);
  const sum = ((aMantissa * bMantissa) << BigInt(aExponent + bExponent - exponent)) + (cMantissa << BigInt(cExponent - exponent));
  if (sum === 0n) return a * b + c;
  const size = sum < 0n ? -sum : sum;
  // the exponent of the last bit that a float64 of this size keeps
  const last = Math.max(size.toString(2).length + exponent - 53, -1074);
  const shift = last - exponent;
  let kept = size;
  if (shift > 0) {
    kept = size >> BigInt(shift);
    const rest = size - (kept << BigInt(shift));
    const half = 1n << BigInt(shift - 1);
    if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
  }
  const scale = shift > 0 ? last : exponent;
  // in two steps, because 2^scale alone may be out of range
  const first = Math.trunc(scale / 2);
  const value = Number(kept) * 2 ** first * 2 ** (scale - first);
  return sum < 0n ? -value : value;
}
