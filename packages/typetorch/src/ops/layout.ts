/**
 * How the operands of a pointwise op lie in memory: broadcasting, the layout of results, and overlap.
 */
import type { Operand } from "../backends/backend.ts";
import type { DType } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { broadcastShapes, contiguousStrides, formatShape, isContiguous, sameShape } from "../core/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { runtime } from "./runtime.ts";

/** The shape that the inputs broadcast to. Throws when there is none. */
export function commonShape(inputs: readonly Tensor[]): readonly number[] {
  let shape = inputs[0]!.shape;
  for (let i = 1; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (x.shape !== shape) shape = broadcastShapes(shape, x.shape);
  }
  return shape;
}

/** A new tensor of the shape; its elements lie in the order of those of the first input, the next one deciding where that is broadcast, as in PyTorch. */
export function allocateLike(inputs: readonly Tensor[], shape: readonly number[], dtype: DType): Tensor {
  if (shape.length > 1) {
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!;
      if (!isContiguous(x.shape, x.strides)) return runtime.emptyStrided(shape, stridesFollowing(inputs, shape), dtype);
    }
  }
  return runtime.empty(shape, dtype);
}

/** Dense strides in the order that the inputs' strides give the dimensions. */
function stridesFollowing(inputs: readonly Tensor[], shape: readonly number[]): readonly number[] {
  const operands = inputs.map((x) => broadcastOperand(x, shape).strides);
  /** 1: dimension d lies outside of e; -1: inside; 0: either way. */
  const compare = (d: number, e: number): number => {
    for (const strides of operands) {
      const a = strides[d]!;
      const b = strides[e]!;
      if (a === 0 || b === 0) continue;
      if (a !== b) return a < b ? -1 : 1;
      if (shape[d]! > shape[e]!) return 1;
    }
    return 0;
  };
  // An insertion sort that passes over undecided pairs; innermost dimension first.
  const order = shape.map((_, i) => shape.length - 1 - i);
  for (let i = 1; i < order.length; i++) {
    let at = i;
    for (let k = i - 1; k >= 0; k--) {
      const c = compare(order[k]!, order[at]!);
      if (c < 0) break;
      if (c > 0) {
        [order[k], order[at]] = [order[at]!, order[k]!];
        at = k;
      }
    }
  }
  const out = contiguousStrides(shape);
  let step = 1;
  for (const d of order) {
    out[d] = step;
    step *= Math.max(shape[d]!, 1);
  }
  return out;
}

/** Strides without gaps whose order is that of the given ones. */
export function denseStridesLike(shape: readonly number[], strides: readonly number[]): readonly number[] {
  const order = shape.map((_, i) => i).sort((a, b) => strides[b]! - strides[a]! || a - b);
  const out = contiguousStrides(shape);
  let step = 1;
  for (let k = order.length - 1; k >= 0; k--) {
    const d = order[k]!;
    out[d] = step;
    step *= Math.max(shape[d]!, 1);
  }
  return out;
}

/** Operands with zero strides where they are broadcast. */
export function broadcastOperands(inputs: readonly Tensor[], shape: readonly number[]): readonly Operand[] {
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (x.shape !== shape && !sameShape(x.shape, shape)) return inputs.map((y) => broadcastOperand(y, shape));
  }
  return inputs;
}

export function broadcastOperand(x: Operand, shape: readonly number[]): Operand {
  if (sameShape(x.shape, shape)) return x;
  const skip = shape.length - x.shape.length;
  const strides = shape.map((_, i) => (i < skip || x.shape[i - skip] === 1 ? 0 : x.strides[i - skip]!));
  return { storage: x.storage, storageOffset: x.storageOffset, shape, strides, dtype: x.dtype };
}

/** The gradient of a broadcast operand: the sum over the dimensions that were stretched. */
export function sumToShape(g: Tensor, shape: readonly number[]): Tensor {
  if (g.shape === shape || sameShape(g.shape, shape)) return g;
  const skip = g.shape.length - shape.length;
  const dims: number[] = [];
  for (let i = 0; i < g.shape.length; i++) if (i < skip || (shape[i - skip] === 1 && g.shape[i] !== 1)) dims.push(i);
  const summed = dims.length > 0 ? g.sum(dims, { keepdim: true }) : g;
  return skip > 0 ? summed.view(shape) : summed;
}

/** An operand that overlaps `self` without being the very same elements is copied before `self` is overwritten. */
export function separated(self: Tensor, inputs: Tensor[]): Tensor[] {
  for (let i = 1; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (
      x.storage === self.storage &&
      x !== self &&
      !(x.storageOffset === self.storageOffset && sameShape(x.shape, self.shape) && sameShape(x.strides, self.strides))
    ) {
      inputs[i] = x.clone();
    }
  }
  return inputs;
}

/** Throws where several elements are one memory location, as in an expanded tensor. */
export function checkInternalOverlap(x: Tensor, name: string): void {
  for (let i = 0; i < x.shape.length; i++) {
    if (x.strides[i] === 0 && x.shape[i]! > 1 && x.numel() > 0) {
      throw new ShapeError(
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.",
        `${name} would write to a tensor of shape ${formatShape(x.shape)} with strides ${formatShape(x.strides)}`,
      );
    }
  }
}
