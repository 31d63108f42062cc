/**
 * Elements as unsigned integers in the same order, which is what radix sorting works on. NaN is the largest and both zeros are equal, as in PyTorch.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";

/** Keys of a row: 8 to 32 bits in `low`, for 64-bit types the upper half in `high`. */
export interface Keys {
  readonly bits: 8 | 16 | 32 | 64;
  readonly low: Uint32Array;
  /** Unused unless bits is 64. */
  readonly high: Uint32Array;
}

/** Fills keys for `n` elements of a typed array from `offset` on; `descending` turns their order round. */
export type KeyFiller = (data: TypedArray, offset: number, n: number, descending: boolean, keys: Keys) => void;

const none = new Uint32Array(0);

export function allocateKeys(dtype: DType, n: number): Keys {
  const bits = (dtype.itemsize * 8) as Keys["bits"];
  return { bits, low: new Uint32Array(n), high: bits === 64 ? new Uint32Array(n) : none };
}

const flipOf = (descending: boolean): number => (descending ? -1 : 0);

/** The words of a typed array of 8-byte elements. */
function words(data: TypedArray): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length * 2);
}

function fillFloat32(data: TypedArray, offset: number, n: number, descending: boolean, { low }: Keys): void {
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
  const flip = flipOf(descending);
  for (let i = 0; i < n; i++) {
    let b = bits[offset + i]!;
    if ((b & 0x7fffffff) > 0x7f800000) b = -1 ^ 0x80000000;
    else if (b === -2147483648) b = 0;
    low[i] = b ^ ((b >> 31) | 0x80000000) ^ flip;
  }
}

/** The 16-bit formats: sign and magnitude; `infinity` is the largest magnitude that is a number. */
function fillFloat16(infinity: number): KeyFiller {
  return (data, offset, n, descending, { low }) => {
    const flip = flipOf(descending) & 0xffff;
    for (let i = 0; i < n; i++) {
      let b = data[offset + i] as number;
      if ((b & 0x7fff) > infinity) b = 0x7fff;
      else if (b === 0x8000) b = 0;
      low[i] = (b & 0x8000 ? ~b & 0xffff : b | 0x8000) ^ flip;
    }
  };
}

function fillFloat64(data: TypedArray, offset: number, n: number, descending: boolean, { low, high }: Keys): void {
  const bits = words(data);
  const flip = flipOf(descending);
  for (let i = 0; i < n; i++) {
    let lo = bits[2 * (offset + i)]! | 0;
    let hi = bits[2 * (offset + i) + 1]! | 0;
    const magnitude = hi & 0x7fffffff;
    if (magnitude > 0x7ff00000 || (magnitude === 0x7ff00000 && lo !== 0)) {
      hi = 0x7fffffff;
      lo = -1;
    } else if (magnitude === 0 && lo === 0) hi = 0;
    const mask = hi >> 31;
    low[i] = lo ^ mask ^ flip;
    high[i] = hi ^ (mask | 0x80000000) ^ flip;
  }
}

function fillInt64(data: TypedArray, offset: number, n: number, descending: boolean, { low, high }: Keys): void {
  const bits = words(data);
  const flip = flipOf(descending);
  for (let i = 0; i < n; i++) {
    low[i] = bits[2 * (offset + i)]! ^ flip;
    high[i] = bits[2 * (offset + i) + 1]! ^ 0x80000000 ^ flip;
  }
}

/** Fills 32-bit keys of int64 elements that all fit in 32 bits; false when one does not. */
export function fillSmallInt64(data: TypedArray, offset: number, n: number, descending: boolean, { low }: Keys): boolean {
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  const flip = flipOf(descending) ^ 0x80000000;
  let differ = 0;
  for (let i = 0; i < n; i++) {
    const lo = bits[2 * (offset + i)]!;
    differ |= bits[2 * (offset + i) + 1]! ^ (lo >> 31);
    low[i] = lo ^ flip;
  }
  return differ === 0;
}

function fillInteger(bits: 8 | 16 | 32, sign: number): KeyFiller {
  const mask = bits === 32 ? -1 : (1 << bits) - 1;
  return (data, offset, n, descending, { low }) => {
    const flip = flipOf(descending);
    for (let i = 0; i < n; i++) low[i] = ((data[offset + i] as number) ^ sign ^ flip) & mask;
  };
}

const fillers: Readonly<Record<DType["key"], KeyFiller>> = {
  f32: fillFloat32,
  f64: fillFloat64,
  f16: fillFloat16(0x7c00),
  bf16: fillFloat16(0x7f80),
  i64: fillInt64,
  i32: fillInteger(32, 0x80000000),
  i16: fillInteger(16, 0x8000),
  i8: fillInteger(8, 0x80),
  u8: fillInteger(8, 0),
  bool: fillInteger(8, 0),
};

export function fillerOf(dtype: DType): KeyFiller {
  return fillers[dtype.key];
}
