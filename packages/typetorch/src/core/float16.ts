/**
 * Conversions between numbers and the 16-bit floating formats, to nearest with halves to even.
 */

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);
let halfTable: Float32Array | null = null;

function makeHalfTable(): Float32Array {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const sign = bits & 0x8000 ? -1 : 1;
    if (exponent === 31) table[bits] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else table[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return table;
}

/** The number that 16 bits of float16 stand for. */
export function halfToNumber(bits: number): number {
  halfTable ??= makeHalfTable();
  return halfTable[bits]!;
}

/** The float16 nearest to a float32 value, as bits. */
export function numberToHalf(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above round to infinity
  if (magnitude < 0x38800000) {
    // below 2^-14: a multiple of 2^-24; adding 0.5 in float32 leaves just these bits, rounded
    float[0] = Math.fround(Math.abs(value) + 0.5);
    return sign | (word[0]! - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The number that 16 bits of bfloat16 stand for. */
export function bfloatToNumber(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

/** The bfloat16 nearest to a float32 value, as bits. */
export function numberToBfloat(value: number): number {
  float[0] = value;
  const bits = word[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
