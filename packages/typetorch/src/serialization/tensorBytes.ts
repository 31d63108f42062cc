/**
 * Elements between files and the memory of tensors.
 */
import { type DType, bool } from "../core/dtype.ts";
import { Storage, cpu } from "../core/storage.ts";
import { contiguousStrides, isContiguous, numelOf } from "../core/shape.ts";
import { runtime } from "../ops/runtime.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Reader } from "./bytes.ts";
import { storageWindows } from "./storageBytes.ts";

/** The bytes of a tensor's elements in row-major order, in pieces; the tensor's own memory if it is contiguous, so they are valid as long as it is held. */
export function* elementBytes(x: Tensor): Generator<Uint8Array, void, void> {
  const contiguous = x.detach().contiguous();
  yield* elementWindows(contiguous, 0, contiguous.numel());
}

/** The memory of `count` elements of a contiguous tensor from `first` on. */
function elementWindows(x: Tensor, first: number, count: number): Generator<Uint8Array> {
  const { itemsize } = x.dtype;
  const start = (x.storageOffset + first) * itemsize;
  return storageWindows(x.storage, undefined, start, start + count * itemsize);
}

/** Reads a new row-major tensor whose elements lie in the file from `offset` on. */
export function* readTensor(shape: readonly number[], dtype: DType, offset: number): Reader<Tensor> {
  const x = runtime.empty(shape, dtype);
  yield* readElements(x, 0, numelOf(shape), offset);
  return checkElements(x);
}

/** Makes 1 of the other bytes that a file may have for true: kernels rely on 0 and 1. Returns the new tensor. */
export function checkElements(x: Tensor): Tensor {
  if (x.dtype !== bool) return x;
  for (const bytes of storageWindows(x.storage)) {
    for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 1) bytes[i] = 1;
  }
  return x;
}

/** Reads `count` elements that follow each other in the file into a row-major tensor, from its element `first` on. */
function* readElements(x: Tensor, first: number, count: number, offset: number): Reader<void> {
  let at = offset;
  for (const into of elementWindows(x, first, count)) {
    yield { offset: at, length: into.length, into };
    at += into.length;
  }
}

/** A row-major tensor without memory: views of it tell where the elements of a view lie. */
export function shapeOnly(shape: readonly number[], dtype: DType): Tensor {
  const storage = new Storage(cpu, "buffer", new ArrayBuffer(0), 0, numelOf(shape) * dtype.itemsize, 0);
  return new Tensor(storage, shape, contiguousStrides(shape), 0, dtype);
}

/** Pieces of a view that span at most this are read whole, */
const spanBytes = 1 << 20;
/** and pieces that are farther apart than this one by one. */
const gapBytes = 64 << 10;

/** Where the elements of a view lie. */
interface Layout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly storageOffset: number;
}

/** Reads a new tensor with the elements of a view of a row-major tensor that lies in the file from `offset` on, and little else of the file. */
export function* readView(view: Layout, dtype: DType, offset: number): Reader<Tensor> {
  const out = runtime.empty(view.shape, dtype);
  if (numelOf(view.shape) === 0) return out;
  const kept = view.shape.map((_, dim) => dim).filter((dim) => view.shape[dim] !== 1);
  const layout = {
    shape: kept.map((dim) => view.shape[dim]!),
    strides: kept.map((dim) => view.strides[dim]!),
    storageOffset: view.storageOffset,
  };
  yield* readPart(layout, out, 0, offset);
  return checkElements(out);
}

/** Reads a view's elements to `out` from its element `first` on. */
function* readPart(view: Layout, out: Tensor, first: number, offset: number): Reader<void> {
  const { shape, strides, storageOffset } = view;
  const { itemsize } = out.dtype;
  const at = offset + storageOffset * itemsize;
  if (isContiguous(shape, strides)) return yield* readElements(out, first, numelOf(shape), at);
  const span = spanOf(shape, strides);
  if (span * itemsize <= spanBytes) {
    const bytes = yield { offset: at, length: span * itemsize };
    const [to] = elementWindows(out, first, numelOf(shape));
    return gather(view, itemsize, bytes, to!);
  }
  const below = { shape: shape.slice(1), strides: strides.slice(1) };
  const count = numelOf(below.shape);
  const spanBelow = spanOf(below.shape, below.strides);
  const near = (strides[0]! - spanBelow) * itemsize <= gapBytes;
  const step = near ? Math.max(1, Math.floor((spanBytes / itemsize - spanBelow) / strides[0]!) + 1) : 1;
  for (let i = 0; i < shape[0]!; i += step) {
    const n = Math.min(step, shape[0]! - i);
    const part = n === 1 ? below : { shape: [n, ...below.shape], strides };
    yield* readPart({ ...part, storageOffset: storageOffset + i * strides[0]! }, out, first + i * count, offset);
  }
}

/** How many elements of memory lie from a view's first element to its last. */
function spanOf(shape: readonly number[], strides: readonly number[]): number {
  return shape.reduce((span, n, dim) => span + (n - 1) * strides[dim]!, 1);
}

/** Copies the elements of a view in row-major order: runs of those that follow each other in memory as one. */
function gather({ shape, strides }: Layout, itemsize: number, from: Uint8Array, to: Uint8Array): void {
  let depth = shape.length;
  let run = 1;
  while (strides[depth - 1] === run) run *= shape[--depth]!;
  const runBytes = run * itemsize;
  let done = 0;
  const visit = (dim: number, position: number) => {
    if (dim < depth) {
      for (let i = 0; i < shape[dim]!; i++) visit(dim + 1, position + i * strides[dim]! * itemsize);
    } else if (runBytes >= 64) {
      to.set(from.subarray(position, position + runBytes), done);
      done += runBytes;
    } else {
      for (let i = 0; i < runBytes; i++) to[done++] = from[position + i]!;
    }
  };
  visit(0, 0);
}
