/**
 * Picking rows by an index.
 */
import { checkArguments } from "../arguments.ts";
import { DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { checkNoOverlap } from "../outputs.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { checkedIndices } from "./integers.ts";
import { layoutOf, take } from "./kernels.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link indexSelect}. */
    indexSelect(dim: number, index: Tensor): Tensor;
  }
}

const op = defineOp<{ dim: number; checked: Tensor }>({
  name: "index_select",
  saves: { inputs: [1] },
  run([x], { dim, checked }) {
    const shape = [...x!.shape];
    const count = checked.numel();
    if (shape.length > 0) shape[dim] = count;
    const out = runtime.empty(shape, x!.dtype);
    const source = runtime.withoutGrad(() => x!.contiguous());
    take(source, layoutOf(x!.shape, dim), checked, "rows", out, x!.shape.length === 0 ? 1 : count);
    return out;
  },
  backward([g], saved) {
    const zeros = runtime.full(saved.inputShape(0), 0, g!.dtype);
    const rank0 = saved.inputShape(0).length === 0;
    return [zeros.indexAdd(saved.attributes.dim, saved.input(1), rank0 ? g!.reshape([1]) : g!), null];
  },
});

/** The positions of a row index: a vector or 0-d tensor of int64 or int32, within the size. */
export function rowIndices(name: string, x: Tensor, d: number, index: Tensor): Tensor {
  if (index.shape.length > 1) throw new ShapeError(`${name}(): Index is supposed to be a vector`);
  if (index.dtype.key !== "i64" && index.dtype.key !== "i32")
    throw new DTypeError(`${name}(): Expected dtype int32 or int64 for index`, `it is ${index.dtype}; use index.long()`);
  const size = x.shape.length === 0 ? 1 : x.shape[d]!;
  return checkedIndices(index, size, false, (value) => {
    throw new IndexError("index out of range in self", `index ${value} for a dimension of size ${size}`);
  });
}

/**
 * The rows `index` of a dimension, as `torch.index_select`.
 * @example
 * torch.indexSelect(torch.tensor([5, 6, 7]), 0, torch.tensor([2n, 0n])) // tensor([7., 5.])
 */
export function indexSelect(input: Tensor, dim: number, index: Tensor, options?: OutOption): Tensor {
  checkArguments("index_select(Tensor input, int dim, Tensor index, options? options, {Tensor out})", input, dim, index, options);
  const d = wrapDim(dim, input.shape.length);
  const checked = rowIndices("index_select", input, d, index);
  if (input.shape.length === 0 && checked.numel() !== 1)
    throw new ShapeError(`index_select(): Index to scalar can have only 1 value, got ${checked.numel()} value(s)`);
  if (options?.out) {
    checkNoOverlap([input, index], [options.out]);
    return runtime.callOut(op, [input, index], { dim: d, checked }, options.out);
  }
  return runtime.call(op, [input, index], { dim: d, checked });
}
method("indexSelect", indexSelect);
