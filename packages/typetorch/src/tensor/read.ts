/**
 * Reading elements of a tensor one by one or as arrays. What lies on another device than the CPU is read back.
 */
import { exposedArrayOf, typedArrayOf } from "../backends/cpu/memory.ts";
import { Complex } from "../core/complex.ts";
import { type DType, type TypedArray, complex32 } from "../core/dtype.ts";
import { bfloatToNumber, halfToNumber } from "../core/float16.ts";
import { isContiguous, numelOf } from "../core/shape.ts";
import type { Operand } from "../backends/backend.ts";
import type { Nested } from "./tensor.ts";

/** A JavaScript value for an element: boolean, number, a bigint outside the safe integers, or a complex number. */
export type Element = number | bigint | boolean | Complex;

/** The same elements in the CPU's memory, for reading only: waits for the device. */
export function onHost(x: Operand): Operand {
  const { storage, storageOffset, shape, strides, dtype } = x;
  return storage.remote === null ? x : { storage: storage.remote.bringToHost(false), storageOffset, shape, strides, dtype };
}

/** The same without blocking. */
export async function onHostAsync(x: Operand): Promise<Operand> {
  const { storage, storageOffset, shape, strides, dtype } = x;
  if (storage.remote === null) return x;
  return { storage: await storage.remote.bringToHostAsync(), storageOffset, shape, strides, dtype };
}

/** How an element of an array is read. */
function decoder(dtype: DType, array: TypedArray): (k: number) => Element {
  if (dtype.isComplex) {
    const part = dtype === complex32 ? (k: number) => halfToNumber(array[k] as number) : (k: number) => array[k] as number;
    return (k) => new Complex(part(2 * k), part(2 * k + 1));
  }
  switch (dtype.key) {
    case "bool":
      return (k) => array[k] !== 0;
    case "f16":
      return (k) => halfToNumber(array[k] as number);
    case "bf16":
      return (k) => bfloatToNumber(array[k] as number);
    case "i64":
      return (k) => {
        const big = array[k] as bigint;
        const n = Number(big);
        return Number.isSafeInteger(n) ? n : big;
      };
    default:
      return (k) => array[k] as number;
  }
}

/** The element at a position of the storage. */
export function readElement(x: Operand, position: number): Element {
  const { remote } = x.storage;
  if (remote === null) return decoder(x.dtype, typedArrayOf(x.storage, x.dtype))(position);
  return decoder(x.dtype, remote.readElements(position, 1, x.dtype))(0);
}

/** The same without blocking. */
export async function readElementAsync(x: Operand, position: number): Promise<Element> {
  const { remote } = x.storage;
  if (remote === null) return readElement(x, position);
  return decoder(x.dtype, await remote.readElementsAsync(position, 1, x.dtype))(0);
}

export function readNested(x: Operand): Nested<Element> {
  const read = decoder(x.dtype, typedArrayOf(onHost(x).storage, x.dtype));
  const visit = (dim: number, position: number): Nested<Element> => {
    if (dim === x.shape.length) return read(position);
    const out = new Array<Nested<Element>>(x.shape[dim]!);
    for (let i = 0; i < out.length; i++) out[i] = visit(dim + 1, position + i * x.strides[dim]!);
    return out;
  };
  return visit(0, x.storageOffset);
}

/** Storage positions of the elements in row-major order, given one at a time to `visit`. */
export function forEachPosition(
  x: { shape: readonly number[]; strides: readonly number[]; storageOffset: number },
  visit: (position: number, k: number) => void,
): void {
  const n = numelOf(x.shape);
  if (n === 0) return;
  const rank = x.shape.length;
  const at = new Array<number>(rank).fill(0);
  let position = x.storageOffset;
  for (let k = 0; ; k++) {
    visit(position, k);
    if (k === n - 1) return;
    for (let d = rank - 1; ; d--) {
      position += x.strides[d]!;
      if (++at[d]! < x.shape[d]!) break;
      position -= x.strides[d]! * x.shape[d]!;
      at[d] = 0;
    }
  }
}

export function typedArrayOfTensor(x: Operand): TypedArray {
  const n = numelOf(x.shape);
  const parts = x.dtype.isComplex ? 2 : 1;
  if (isContiguous(x.shape, x.strides)) {
    return exposedArrayOf(x.storage, x.dtype, parts * x.storageOffset, parts * (x.storageOffset + n));
  }
  const array = typedArrayOf(onHost(x).storage, x.dtype);
  const out = new x.dtype.Array(parts * n);
  forEachPosition(x, (position, k) => {
    for (let i = 0; i < parts; i++) out[parts * k + i] = array[parts * position + i]!;
  });
  return out;
}
