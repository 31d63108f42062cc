/**
 * Reading and writing int64 tensors as plain numbers: an element is two 32-bit words, which JavaScript handles much faster than bigints.
 */
import { int64 } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";

/** The words of a row-major int64 tensor, low before high. */
export function wordsOf(x: Tensor): Int32Array {
  const data = x.data as BigInt64Array;
  return new Int32Array(data.buffer, data.byteOffset, data.length * 2);
}

/** A new int64 tensor on the device of `like`; `write` gives element k. */
export function integers(like: Tensor, shape: readonly number[], write: (k: number) => number): Tensor {
  const out = runtime.newEmpty(like, shape, int64);
  writeIntegers(out, write);
  return out;
}

/** Sets the elements of a row-major int64 tensor; `write` gives element k. */
export function writeIntegers(out: Tensor, write: (k: number) => number): void {
  const words = wordsOf(out);
  for (let k = 0; 2 * k < words.length; k++) {
    const v = write(k);
    words[2 * k] = v | 0;
    words[2 * k + 1] = Math.floor(v / 4294967296);
  }
}

/**
 * The index tensor row-major and int64, all its elements between 0 and size - 1. With `wrap` negative ones count from the end. `fail` throws for the first
 * element outside. Indices that only a GPU has are not looked at, because that would stall it: what lies outside reads and writes some other element then.
 */
export function checkedIndices(index: Tensor, size: number, wrap: boolean, fail: (value: number) => never): Tensor {
  const checked = runtime.withoutGrad(() => toDtype(index, int64).contiguous());
  const elements = runtime.elementsAtHand(checked);
  if (elements === null) return wrap ? runtime.withoutGrad(() => checked.where(checked.ge(0), checked.add(size))) : checked;
  const words = new Int32Array(elements.buffer, elements.byteOffset, elements.length * 2);
  // Most indices are right: one look at the extremes tells.
  let high = 0;
  let largest = 0;
  for (let k = 0; k < words.length; k += 2) {
    const low = words[k]! >>> 0;
    if (low > largest) largest = low;
    high |= words[k + 1]!;
  }
  if (high === 0 && (largest < size || words.length === 0)) return checked;
  let negative = false;
  for (let k = 0; k < words.length; k += 2) {
    const v = words[k + 1]! * 4294967296 + (words[k]! >>> 0);
    if (v >= size || v < (wrap ? -size : 0)) fail(v);
    if (v < 0) negative = true;
  }
  if (!negative) return checked;
  return integers(checked, checked.shape, (k) => {
    const v = words[2 * k + 1]! * 4294967296 + (words[2 * k]! >>> 0);
    return v < 0 ? v + size : v;
  });
}
