/**
 * What the random fills share: a buffer of raw outputs, and storing numbers in an array of any dtype.
 */
import { type DType, type TypedArray, kernelName } from "../dtype.ts";
import { NotSupportedError } from "../errors.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../float16.ts";

/** Raw outputs drawn at a time: an even number, and a multiple of 16. */
export const CHUNK = 2048;
/** The raw outputs of the chunk at hand; free between fills. */
export const raw: Uint32Array = new Uint32Array(CHUNK);

const cNames: Readonly<Record<DType["key"], string>> = {
  u8: "unsigned char",
  i8: "signed char",
  i16: "short",
  i32: "int",
  i64: "long",
  f16: "c10::Half",
  f32: "float",
  f64: "double",
  bool: "bool",
  bf16: "c10::BFloat16",
};

/** PyTorch's name of a dtype in messages about bounds: `c10::Half` for float16. */
export function cName(dtype: DType): string {
  return cNames[dtype.key];
}

/** Throws {@link NotSupportedError} in PyTorch's words unless the dtype is floating. */
export function requireFloating(kernel: string, dtype: DType): void {
  if (!dtype.isFloatingPoint) throw new NotSupportedError(`"${kernel}" not implemented for '${kernelName(dtype)}'`);
}

/** A number rounded to a floating dtype, as C casts a double to it. */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype.key) {
    case "f64":
      return x;
    case "f32":
      return Math.fround(x);
    case "f16":
      return halfToNumber(numberToHalf(Math.fround(x)));
    default:
      return bfloatToNumber(numberToBfloat(x));
  }
}

/** The largest finite value of a floating dtype. */
export function largestOf(dtype: DType): number {
  switch (dtype.key) {
    case "f64":
      return Number.MAX_VALUE;
    case "f32":
      return 2 ** 128 - 2 ** 104;
    case "f16":
      return 65504;
    default:
      return 2 ** 128 - 2 ** 120;
  }
}

/** Bits of the significand of a floating dtype, the hidden one included. */
export function digitsOf(dtype: DType): number {
  switch (dtype.key) {
    case "f64":
      return 53;
    case "f32":
      return 24;
    case "f16":
      return 11;
    default:
      return 8;
  }
}

/** Sets every element, in order, to the next value, converted as C converts a double. */
export function fillWith(array: TypedArray, dtype: DType, next: () => number): void {
  const count = array.length;
  switch (dtype.key) {
    case "f16":
      for (let i = 0; i < count; i++) array[i] = numberToHalf(Math.fround(next()));
      return;
    case "bf16":
      for (let i = 0; i < count; i++) array[i] = numberToBfloat(next());
      return;
    case "bool":
      for (let i = 0; i < count; i++) array[i] = next() === 0 ? 0 : 1;
      return;
    case "i64": {
      const long = array as BigInt64Array;
      for (let i = 0; i < count; i++) {
        const value = next();
        long[i] = Number.isFinite(value) && Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : -(2n ** 63n);
      }
      return;
    }
    default:
      for (let i = 0; i < count; i++) array[i] = next();
  }
}
