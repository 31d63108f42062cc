/**
 * Picking rows by an index.
 */
import { DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { select } from "../views/select.ts";
import { positionsOf } from "./indexAdd.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link indexSelect}. */
    indexSelect(dim: number, index: Tensor): Tensor;
  }
}

const op = defineOp<{ dim: number }>({
  name: "index_select",
  saves: { inputs: [1] },
  run([x, index], { dim }) {
    if (x!.shape.length === 0) return x!.clone();
    const rows = positionsOf(index!);
    const shape = [...x!.shape];
    shape[dim] = rows.length;
    const out = runtime.empty(shape, x!.dtype);
    if (dim === 0 && x!.isContiguous()) copyRows(x!, rows, out);
    else for (let i = 0; i < rows.length; i++) copyElements(select(out, dim, i), select(x!, dim, rows[i]!));
    return out;
  },
  backward([g], saved) {
    const zeros = runtime.full(saved.inputShape(0), 0, g!.dtype);
    return [zeros.indexAdd(saved.attributes.dim, saved.input(1), saved.inputShape(0).length === 0 ? g!.reshape([1]) : g!), null];
  },
});

/** Whole rows of a row-major tensor, byte by byte. */
export function copyRows(x: Tensor, rows: ArrayLike<number>, out: Tensor): void {
  const length = x.shape.slice(1).reduce((a, b) => a * b, 1);
  const from = x.data;
  const to = out.data;
  if (length === 1) {
    for (let i = 0; i < rows.length; i++) to[i] = from[rows[i]!]!;
    return;
  }
  for (let i = 0; i < rows.length; i++) to.set(from.subarray(rows[i]! * length, (rows[i]! + 1) * length) as never, i * length);
}

/**
 * The rows `index` of a dimension, as `torch.index_select`.
 * @example
 * torch.indexSelect(torch.tensor([5, 6, 7]), 0, torch.tensor([2n, 0n])) // tensor([7., 5.])
 */
export function indexSelect(input: Tensor, dim: number, index: Tensor, options?: OutOption): Tensor {
  const d = wrapDim(dim, input.shape.length);
  if (index.shape.length > 1) throw new ShapeError("index_select(): Index is supposed to be a vector");
  if (index.dtype.key !== "i64" && index.dtype.key !== "i32")
    throw new DTypeError("index_select(): Expected dtype int32 or int64 for index");
  const size = input.shape.length === 0 ? 1 : input.shape[d]!;
  const rows = positionsOf(index);
  for (let i = 0; i < rows.length; i++)
    if (rows[i]! < 0 || rows[i]! >= size)
      throw new IndexError("index out of range in self", `index ${rows[i]} for a dimension of size ${size}`);
  return options?.out
    ? runtime.callOut(op, [input, index], { dim: d }, options.out)
    : runtime.call(op, [input, index], { dim: d });
}
method("indexSelect", indexSelect);
