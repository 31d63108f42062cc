/**
 * Discrete uniform values, and random permutations.
 */
import { type DType, type DTypeKey, kernelName, type TypedArray } from "../dtype.ts";
import { NotSupportedError, ShapeError, ValueError } from "../errors.ts";
import { numberToBfloat, numberToHalf } from "../float16.ts";
import { int64ToFloat32 } from "../special.ts";
import { CHUNK, cName, digitsOf, raw } from "./fill.ts";
import type { Generator } from "./generator.ts";

const TWO32 = 2 ** 32;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

/** The largest value of the integer dtypes and bool. */
const maxima: Partial<Record<DTypeKey, bigint>> = {
  u8: 255n,
  i8: 127n,
  i16: 32767n,
  i32: 2147483647n,
  i64: LONG_MAX,
  bool: 1n,
};

/**
 * Fills with `Tensor.random_()`: integers from 0 to the largest value of an integer dtype, and from 0 to 2^digits of a floating one (2^24 for float32).
 */
export function fillRandom(array: TypedArray, dtype: DType, generator: Generator): void {
  const count = array.length;
  const { key } = dtype;
  if (key === "i64") {
    const words = wordsOf(array);
    drawPairs(count, generator, (i, high, low) => {
      words[2 * i] = low;
      words[2 * i + 1] = high & 0x7fffffff;
    });
  } else if (key === "f64") {
    // u % (2^53 + 1): u is q * 2^53 + r with q below 2048, and 2^53 is -1 for this modulus
    drawPairs(count, generator, (i, high, low) => {
      const rest = (high & 0x1fffff) * TWO32 + low - (high >>> 21);
      array[i] = rest < 0 ? 2 ** 53 + (rest + 1) : rest;
    });
  } else if (key === "bool") fillModulo(array, dtype, 2, 0, generator);
  else fillModulo(array, dtype, dtype.isFloatingPoint ? 2 ** digitsOf(dtype) + 1 : Number(maxima[key]! + 1n), 0, generator);
}

/**
 * Fills with integers from `from` up to but not including `to`: the stream of `torch.randint(from, to)` and of `Tensor.random_(from, to)`; with `to` null, up
 * to and including the largest value of an integer dtype or 2^digits of a floating one (`Tensor.random_(from, None)`).
 *
 * Throws ValueError in PyTorch's words unless `from < to` and both fit the dtype.
 */
export function fillRandomFromTo(
  array: TypedArray,
  dtype: DType,
  from: number | bigint,
  to: number | bigint | null,
  generator: Generator,
): void {
  const { range, base } = integerRange(dtype, from, to);
  fillRange(array, dtype, range, base, generator);
}

/** The number of values of {@link fillRandomFromTo}, and the lowest. Throws as it does. */
export function integerRange(
  dtype: DType,
  from: number | bigint,
  to: number | bigint | null,
): { readonly range: bigint; readonly base: bigint } {
  let low = asLong(from);
  if (to !== null) {
    let high = asLong(to);
    if (low >= high) throw new ValueError(`random_ expects 'from' to be less than 'to', but got from=${low} >= to=${high}`);
    if (dtype.isFloatingPoint) {
      low = upToFloat(dtype, low);
      high = downToFloat(dtype, high);
      if (low >= high) {
        throw new ValueError(
          `random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=${low} >= to=${high}`,
        );
      }
    }
    checkBounds(dtype, low, high - 1n);
    return { range: high - low, base: low };
  }
  if (low !== LONG_MIN) {
    let last = maxima[dtype.key];
    if (last === undefined) {
      last = 1n << BigInt(digitsOf(dtype));
      low = upToFloat(dtype, low);
      if (low >= last) {
        throw new ValueError(
          `random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got from=${low} > to_inc=${last}`,
        );
      }
    }
    checkBounds(dtype, low, last);
    return { range: last - low + 1n, base: low };
  }
  if (!takes64(dtype)) {
    throw new NotSupportedError("random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
  }
  return { range: 1n << 64n, base: 0n };
}

/** int64 as PyTorch unpacks it. */
function asLong(x: number | bigint): bigint {
  if (typeof x === "number" && !Number.isInteger(x)) throw new ValueError(`random_ expects integers, but got ${x}`);
  const wide = BigInt(x);
  if (wide < LONG_MIN || wide > LONG_MAX) throw new ValueError("Overflow when unpacking long");
  return wide;
}

/** Whether PyTorch takes 64 bits for values of this dtype when the range needs them. */
function takes64(dtype: DType): boolean {
  return dtype.key === "i64" || dtype.key === "f64" || dtype.key === "f32" || dtype.key === "bf16";
}

function checkBounds(dtype: DType, from: bigint, last: bigint): void {
  const largest = maxima[dtype.key] ?? (dtype.key === "f16" ? 65504n : LONG_MAX);
  const smallest = dtype.isFloatingPoint ? -largest - 1n : dtype.isSigned ? -largest - 1n : 0n;
  const lowest = dtype.key === "f16" ? -65504n : smallest;
  if (from < lowest || from > largest) throw new ValueError(`from is out of bounds for ${cName(dtype)}`);
  if (last < lowest || last > largest) throw new ValueError(`to - 1 is out of bounds for ${cName(dtype)}`);
}

/** An integer rounded to the digits of a floating dtype, ties to even. */
function roundToDigits(x: bigint, digits: number): bigint {
  const size = x < 0n ? -x : x;
  const shift = BigInt(Math.max(0, size.toString(2).length - digits));
  if (shift === 0n) return x;
  let kept = size >> shift;
  const rest = size - (kept << shift);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
  return x < 0n ? -(kept << shift) : kept << shift;
}

/** floor(log2 |x|), and 0 for 0. */
function log2Of(x: bigint): number {
  return Math.max(0, (x < 0n ? -x : x).toString(2).length - 1);
}

/** `from` raised to a value of a floating dtype, where the dtype's steps are wider than 1. */
function upToFloat(dtype: DType, from: bigint): bigint {
  const digits = digitsOf(dtype);
  const next = roundToDigits(from + 1n, digits);
  return next < from ? next + (1n << BigInt(log2Of(from + 1n) - digits + 1)) : from;
}

/** `to` lowered to a value of a floating dtype, where the dtype's steps are wider than 1. */
function downToFloat(dtype: DType, to: bigint): bigint {
  if (dtype.key === "f16" && to > 65519n) return to; // overflows in PyTorch, and is refused as out of bounds
  const digits = digitsOf(dtype);
  const previous = roundToDigits(to - 1n, digits);
  return previous >= to ? previous - (1n << BigInt(log2Of(to - 1n) - digits + 1)) : to;
}

/** The array of an int64 tensor as 32-bit words, low word first. */
function wordsOf(array: TypedArray): Int32Array {
  return new Int32Array(array.buffer, array.byteOffset, 2 * array.length);
}

/** Calls `store` with two outputs for each of `count` values. */
function drawPairs(count: number, generator: Generator, store: (i: number, high: number, low: number) => void): void {
  for (let done = 0; done < count; ) {
    const part = Math.min(CHUNK / 2, count - done);
    generator.draw(raw, 2 * part);
    for (let i = 0; i < part; i++) store(done + i, raw[2 * i]!, raw[2 * i + 1]!);
    done += part;
  }
}

/** Values `output % range + base`, from outputs of 64 bits where PyTorch takes those. */
function fillRange(array: TypedArray, dtype: DType, range: bigint, base: bigint, generator: Generator): void {
  if (range >= 1n << 32n && takes64(dtype)) {
    const long = dtype.key === "i64" ? (array as BigInt64Array) : null;
    drawPairs(array.length, generator, (i, high, low) => {
      const output = (BigInt(high) << 32n) | BigInt(low);
      const value = BigInt.asIntN(64, (output % range) + base);
      if (long !== null) long[i] = value;
      else if (dtype.key === "f64") array[i] = Number(value);
      else array[i] = dtype.key === "f32" ? int64ToFloat32(value) : numberToBfloat(int64ToFloat32(value));
    });
  } else if (Number.isSafeInteger(Number(base))) fillModulo(array, dtype, Number(range), Number(base), generator);
  else {
    const wide = Number(range);
    for (let i = 0; i < array.length; i++) {
      const value = BigInt(generator.random() % wide) + base;
      if (dtype.key === "i64") (array as BigInt64Array)[i] = value;
      else array[i] = dtype.key === "bf16" ? numberToBfloat(int64ToFloat32(value)) : int64ToFloat32(value);
    }
  }
}

/** Values `output % range + base` with outputs of 32 bits, a range of at most 2^32 and a base that a number holds exactly. */
function fillModulo(array: TypedArray, dtype: DType, range: number, base: number, generator: Generator): void {
  const count = array.length;
  const divisor = range >>> 0; // an unsigned integer divides faster than a number
  for (let done = 0; done < count; ) {
    const part = Math.min(CHUNK, count - done);
    generator.draw(raw, part);
    if (range < TWO32) for (let i = 0; i < part; i++) raw[i] = (raw[i]! >>> 0) % divisor;
    storeShifted(array, dtype, done, part, base);
    done += part;
  }
}

/** Writes `raw[i] + base` to `part` places from `start` on. */
function storeShifted(array: TypedArray, dtype: DType, start: number, part: number, base: number): void {
  switch (dtype.key) {
    case "i64": {
      const words = wordsOf(array);
      for (let i = 0; i < part; i++) {
        const value = raw[i]! + base;
        words[2 * (start + i)] = value;
        words[2 * (start + i) + 1] = Math.floor(value / TWO32);
      }
      return;
    }
    case "bool":
      for (let i = 0; i < part; i++) array[start + i] = raw[i]! + base === 0 ? 0 : 1;
      return;
    case "f16":
      for (let i = 0; i < part; i++) array[start + i] = numberToHalf(Math.fround(raw[i]! + base));
      return;
    case "bf16":
      for (let i = 0; i < part; i++) array[start + i] = numberToBfloat(raw[i]! + base);
      return;
    default:
      for (let i = 0; i < part; i++) array[start + i] = raw[i]! + base;
  }
}

/** Throws as `torch.randperm` does when `n` is negative or the dtype cannot hold the places. */
export function checkRandperm(n: number, dtype: DType): void {
  if (n < 0) throw new ShapeError(`Trying to create tensor with negative dimension ${n}: [${n}]`);
  if (dtype.key === "bool") throw new NotSupportedError(`"randperm" not implemented for '${kernelName(dtype)}'`);
  const largest = dtype.isFloatingPoint ? 2 ** digitsOf(dtype) + 1 : Number(maxima[dtype.key]);
  if (n <= largest || dtype.key === "bf16") return;
  if (dtype.isFloatingPoint) throw new ValueError(`n cannot be greater than ${largest} for ${kernelName(dtype)} type.`);
  throw new ValueError(`value cannot be converted to type ${cName(dtype)} without overflow: ${n}`);
}

/** Fills with a random permutation of 0 to n - 1, n the length: the stream of `torch.randperm`. Throws as {@link checkRandperm}. */
export function fillRandperm(array: TypedArray, dtype: DType, generator: Generator): void {
  const n = array.length;
  checkRandperm(n, dtype);
  const places = new Int32Array(n);
  shuffle(places, generator);
  if (dtype.key === "i64") {
    const words = wordsOf(array);
    for (let i = 0; i < n; i++) {
      words[2 * i] = places[i]!;
      words[2 * i + 1] = 0;
    }
  } else if (dtype.key === "f16") for (let i = 0; i < n; i++) array[i] = numberToHalf(places[i]!);
  else if (dtype.key === "bf16") for (let i = 0; i < n; i++) array[i] = numberToBfloat(places[i]!);
  else for (let i = 0; i < n; i++) array[i] = places[i]!;
}

/** Fisher and Yates, from the front. */
function shuffle(places: Int32Array, generator: Generator): void {
  const n = places.length;
  for (let i = 0; i < n; i++) places[i] = i;
  const chosen = new Int32Array(CHUNK);
  for (let done = 0; done < n - 1; ) {
    const part = Math.min(CHUNK, n - 1 - done);
    generator.draw(raw, part);
    for (let k = 0; k < part; k++) {
      const i = done + k;
      chosen[k] = i + ((raw[k]! >>> 0) % ((n - i) >>> 0)); // as unsigned integers, which is faster than as numbers
    }
    exchange(places, done, chosen, part);
    done += part;
  }
}

/** Exchanges the elements at `start` to `start + count - 1` of an array, one after the other, with those at the chosen places. */
export function exchange(places: Int32Array, start: number, chosen: Int32Array, count: number): void {
  for (let k = 0; k < count; k++) {
    const other = chosen[k]!;
    const moved = places[start + k]!;
    places[start + k] = places[other]!;
    places[other] = moved;
  }
}
