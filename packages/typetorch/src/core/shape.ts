/**
 * Shapes, strides and dimensions: arithmetic only, no tensors.
 */
import { IndexError, ShapeError } from "./errors.ts";

export type Shape = readonly number[];

/** Number of elements of a shape. */
export function numelOf(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i]!;
  return n;
}

/** Strides of a row-major tensor, in elements. A size of 0 counts as 1, as in PyTorch. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]! > 1 ? shape[i]! : 1;
  }
  return strides;
}

/** Whether elements lie row-major without gaps; strides of size-1 dimensions do not matter. */
export function isContiguous(shape: Shape, strides: Shape): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i]!;
    if (size === 0) return true;
    if (size !== 1) {
      if (strides[i] !== step) {
        for (let k = 0; k < i; k++) if (shape[k] === 0) return true;
        return false;
      }
      step *= size;
    }
  }
  return true;
}

/** The number of elements of a row-major tensor whose strides are exactly those of a new one; 0 for other layouts and empty tensors. */
export function rowMajorCount(shape: Shape, strides: Shape): number {
  let n = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (strides[i] !== n) return 0;
    n *= shape[i]!;
  }
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A shape as PyTorch prints it inside messages: `[2, 3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** The dimension counted from the front. Throws {@link IndexError} in PyTorch's words; a 0-d tensor accepts -1 and 0. */
export function wrapDim(dim: number, rank: number): number {
  const n = rank === 0 ? 1 : rank;
  if (!Number.isInteger(dim) || dim < -n || dim >= n) {
    throw new IndexError(`Dimension out of range (expected to be in range of [${-n}, ${n - 1}], but got ${dim})`);
  }
  return dim < 0 ? dim + n : dim;
}

/** Wrapped dimensions, each at most once. `undefined` and an empty list mean all, as in reductions. */
export function wrapDims(dims: number | readonly number[] | undefined | null, rank: number): number[] {
  if (dims === undefined || dims === null || (typeof dims !== "number" && dims.length === 0)) {
    const all = new Array<number>(rank);
    for (let i = 0; i < rank; i++) all[i] = i;
    return all;
  }
  const list = typeof dims === "number" ? [dims] : dims;
  const seen = new Set<number>();
  const out: number[] = [];
  for (const d of list) {
    const w = wrapDim(d, rank);
    if (seen.has(w)) throw new ShapeError(`dim ${w} appears multiple times in the list of dims`);
    seen.add(w);
    if (rank > 0) out.push(w);
  }
  return out;
}

/** The shape that two shapes broadcast to. Throws {@link ShapeError} in PyTorch's words. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = rank - 1; i >= 0; i--) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) out[i] = x;
    else if (x === 1) out[i] = y;
    else {
      throw new ShapeError(
        `The size of tensor a (${x}) must match the size of tensor b (${y}) at non-singleton dimension ${i}`,
        `the shapes ${formatShape(a)} and ${formatShape(b)} differ there and neither size is 1; reshape or unsqueeze one of them`,
      );
    }
  }
  return out;
}
