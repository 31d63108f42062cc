/**
 * Views with the dimensions in another order: `permute`, `transpose`, `t`, `mT`, `movedim`, `swapaxes`.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method, variadicMethod } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { shapeOf } from "./shape.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link permute}. */
    permute(...dims: number[]): Tensor;
    permute(dims: readonly number[]): Tensor;
    /** See {@link transpose}. */
    transpose(dim0: number, dim1: number): Tensor;
    transpose_(dim0: number, dim1: number): this;
    swapaxes(axis0: number, axis1: number): Tensor;
    swapdims(dim0: number, dim1: number): Tensor;
    /** See {@link t}. */
    t(): Tensor;
    t_(): this;
    /** See {@link movedim}. */
    movedim(source: number | readonly number[], destination: number | readonly number[]): Tensor;
    moveaxis(source: number | readonly number[], destination: number | readonly number[]): Tensor;
    /** All dimensions in reverse order. */
    readonly T: Tensor;
    /** The last two dimensions exchanged. */
    readonly mT: Tensor;
    /** As T for real tensors of two dimensions or fewer. */
    readonly H: Tensor;
    /** As mT for real tensors. */
    readonly mH: Tensor;
  }
}

const permuteOp = defineOp<{ dims: readonly number[] }>({
  name: "permute",
  view: true,
  run: ([x], { dims }) =>
    runtime.alias(
      x!,
      dims.map((d) => x!.shape[d]!),
      dims.map((d) => x!.strides[d]!),
      x!.storageOffset,
    ),
  backward([g], saved) {
    const inverse: number[] = [];
    saved.attributes.dims.forEach((d, i) => {
      inverse[d] = i;
    });
    return [g!.permute(inverse)];
  },
});
const transposeOp = defineOp<{ a: number; b: number }>({
  name: "transpose",
  view: true,
  run([x], { a, b }) {
    const shape = [...x!.shape];
    const strides = [...x!.strides];
    shape[a] = x!.shape[b]!;
    shape[b] = x!.shape[a]!;
    strides[a] = x!.strides[b]!;
    strides[b] = x!.strides[a]!;
    return runtime.alias(x!, shape, strides, x!.storageOffset);
  },
  backward: ([g], saved) => [g!.transpose(saved.attributes.a, saved.attributes.b)],
});
const tOp = { ...transposeOp, name: "t", gradName: "TBackward0" };

/**
 * The dimensions in the given order, as `torch.permute`.
 * @example
 * torch.zeros(2, 3, 4).permute(2, 0, 1).shape // [4, 2, 3]
 */
export function permute(x: Tensor, ...args: unknown[]): Tensor {
  checkArguments("permute(Tensor input)", x);
  const dims = shapeOf(args);
  const rank = x.shape.length;
  if (dims.length !== rank) {
    throw new ShapeError(
      `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${rank} is not equal to len(dims) = ${dims.length}`,
    );
  }
  const wrapped = dims.map((d) => wrapDim(d, rank));
  if (new Set(wrapped).size !== rank) throw new ShapeError("permute(): duplicate dims are not allowed.");
  return runtime.call(permuteOp, [x], { dims: wrapped });
}

/**
 * Two dimensions exchanged, as `torch.transpose`.
 * @example
 * torch.swapaxes(torch.zeros(2, 3), 0, 1).shape // [3, 2]
 */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  checkArguments("swapaxes(Tensor x, int dim0, int dim1)", x, dim0, dim1);
  const a = wrapDim(dim0, x.shape.length);
  const b = wrapDim(dim1, x.shape.length);
  if (x.shape.length === 0) return runtime.call(permuteOp, [x], { dims: [] });
  return runtime.call(transposeOp, [x], { a, b });
}
export { transpose as swapaxes, transpose as swapdims };

/**
 * The transpose of a matrix; a vector or a 0-d tensor as it is. As `torch.t`.
 * @example
 * torch.zeros(2, 3).t().shape // [3, 2]
 */
export function t(x: Tensor): Tensor {
  checkArguments("t(Tensor x)", x);
  if (x.shape.length > 2)
    throw new ShapeError(
      `t() expects a tensor with <= 2 dimensions, but self is ${x.shape.length}D`,
      "use x.mT for batches of matrices",
    );
  return x.shape.length < 2
    ? runtime.call(permuteOp, [x], { dims: x.shape.map((_, i) => i) })
    : runtime.call(tOp, [x], { a: 0, b: 1 });
}

/**
 * Dimensions moved to other places, the rest in order, as `torch.movedim`.
 * @example
 * torch.moveaxis(torch.zeros(2, 3, 4), 0, 2).shape // [3, 4, 2]
 */
export function movedim(x: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
  checkArguments("movedim(Tensor x, int|int[] source, int|int[] destination)", x, source, destination);
  const givenFrom = typeof source === "number" ? [source] : source;
  const givenTo = typeof destination === "number" ? [destination] : destination;
  const from = givenFrom.map((d) => wrapDim(d, x.shape.length));
  const to = givenTo.map((d) => wrapDim(d, x.shape.length));
  const list = (dims: readonly number[]): string => `[${dims.join(", ")}]`;
  if (from.length !== to.length) {
    throw new ShapeError(
      `movedim: Invalid source or destination dims: source (${list(givenFrom)} dims) should contain the same number of dims as destination (${list(givenTo)} dims)`,
    );
  }
  if (new Set(from).size !== from.length) throw new ShapeError(`movedim: repeated dim in \`source\` (${list(givenFrom)})`);
  if (new Set(to).size !== to.length) throw new ShapeError(`movedim: repeated dim in \`destination\` (${list(givenTo)})`);
  const dims: number[] = new Array(x.shape.length).fill(-1);
  from.forEach((d, i) => {
    dims[to[i]!] = d;
  });
  const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  return permute(
    x,
    dims.map((d) => (d === -1 ? rest.shift()! : d)),
  );
}
export { movedim as moveaxis };

function exchange(x: Tensor, y: Tensor): Tensor {
  x.shape = y.shape;
  x.strides = y.strides;
  return x;
}

variadicMethod("permute", permute);
method("transpose", transpose);
method("swapaxes", transpose);
method("swapdims", transpose);
method("t", t);
method("movedim", movedim);
method("moveaxis", movedim);
method("transpose_", (x: Tensor, a: number, b: number) => {
  checkArguments("transpose_(Tensor x, float a, float b)", x, a, b);
  return exchange(
    x,
    runtime.withoutGrad(() => transpose(x, a, b)),
  );
});
method("t_", (x: Tensor) =>
  exchange(
    x,
    runtime.withoutGrad(() => t(x)),
  ),
);

/** The properties `T`, `mT`, `H`, `mH`, put on the prototype by tensor/index.ts. */
export const transposeProperties: Record<string, (x: Tensor) => Tensor> = {
  T: (x) =>
    permute(
      x,
      x.shape.map((_, i) => x.shape.length - 1 - i),
    ),
  mT(x) {
    if (x.shape.length === 0) return t(x); // PyTorch 1.13 takes a number for a matrix
    if (x.shape.length < 2)
      throw new ShapeError(`tensor.mT is only supported on matrices or batches of matrices. Got ${x.shape.length}-D tensor.`);
    return transpose(x, -2, -1);
  },
  H(x) {
    if (x.shape.length !== 0 && x.shape.length !== 2)
      throw new ShapeError(
        `tensor.H is only supported on matrices (2-D tensors). Got ${x.shape.length}-D tensor.`,
        "for batches of matrices, consider using tensor.mH",
      );
    return t(x);
  },
  mH(x) {
    if (x.shape.length === 0) return t(x);
    if (x.shape.length < 2)
      throw new ShapeError(`tensor.mH is only supported on matrices or batches of matrices. Got ${x.shape.length}-D tensor.`);
    return transpose(x, -2, -1);
  },
};
