/**
 * Adding rows into places given by an index.
 */
import { DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { select } from "../views/select.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link indexAdd}. */
    indexAdd(dim: number, index: Tensor, source: Tensor, options?: { alpha?: NumberLike }): Tensor;
    indexAdd_(dim: number, index: Tensor, source: Tensor, options?: { alpha?: NumberLike }): this;
  }
}

interface Attributes {
  readonly dim: number;
  readonly alpha: number;
}

/** Positions of a checked index tensor as numbers. */
export function positionsOf(index: Tensor): ArrayLike<number> {
  const data = index.data;
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : (data as ArrayLike<number>);
}

function addRows(out: Tensor, index: Tensor, source: Tensor, { dim, alpha }: Attributes): void {
  const rows = positionsOf(index);
  runtime.withoutGrad(() => {
    if (out.shape.length <= 1) {
      const flat = out.shape.length === 0 ? out.unsqueeze(0) : out;
      const from = source.shape.length === 0 ? source.unsqueeze(0) : source;
      addScalars(flat, rows, from, alpha);
      return;
    }
    for (let i = 0; i < rows.length; i++) select(out, dim, rows[i]!).add_(select(source, dim, i), { alpha });
  });
}

function addScalars(out: Tensor, rows: ArrayLike<number>, source: Tensor, alpha: number): void {
  const contiguous = out.isContiguous() && ["f32", "f64", "i32"].includes(out.dtype.key);
  if (contiguous) {
    const data = out.data as Float64Array;
    const from = source.data as Float64Array;
    for (let i = 0; i < rows.length; i++) data[rows[i]!] = data[rows[i]!]! + from[i]! * alpha;
    return;
  }
  for (let i = 0; i < rows.length; i++) select(out, 0, rows[i]!).add_(select(source, 0, i), { alpha });
}

const op = defineOp<Attributes>({
  name: "index_add",
  saves: { inputs: [1] },
  run([x, index, source], attributes) {
    const out = x!.clone();
    addRows(out, index!, source!, attributes);
    return out;
  },
  into(out, [x, index, source], attributes) {
    if (out !== x) out.copy_(x!);
    addRows(out, index!, source!, attributes);
  },
  backward([g], saved) {
    const { dim, alpha } = saved.attributes;
    const gs = saved.needs(2) ? g!.indexSelect(dim, saved.input(1)).mul(alpha) : null;
    return [g!, null, gs && gs.shape.length > saved.inputShape(2).length ? gs.reshape(saved.inputShape(2)) : gs];
  },
});

function check(x: Tensor, dim: number, index: Tensor, source: Tensor, options: { alpha?: NumberLike } | undefined): Attributes {
  const d = wrapDim(dim, x.shape.length);
  if (index.shape.length > 1) throw new ShapeError("index_add_(): Index is supposed to be a vector");
  if (index.dtype.key !== "i64" && index.dtype.key !== "i32")
    throw new DTypeError("index_add_(): Expected dtype int32/int64 for index");
  if (x.dtype !== source.dtype)
    throw new DTypeError(
      "index_add_(): self and source must have the same scalar type",
      `they are ${x.dtype} and ${source.dtype}`,
    );
  const size = x.shape.length === 0 ? 1 : x.shape[d]!;
  const n = source.shape.length === 0 ? 1 : (source.shape[d] ?? -1);
  if (index.numel() !== n)
    throw new ShapeError(
      `index_add_(): Number of indices (${index.numel()}) should be equal to source.size(dim): (${n}), for dim: ${d}`,
    );
  const rows = positionsOf(index);
  for (let i = 0; i < rows.length; i++)
    if (rows[i]! < 0 || rows[i]! >= size)
      throw new IndexError("index out of range in self", `index ${rows[i]} for a dimension of size ${size}`);
  return { dim: d, alpha: numberOf(options?.alpha ?? 1) };
}

/** `input` with `alpha * source` added at the rows `index` of a dimension. As `torch.index_add`. */
export function indexAdd(input: Tensor, dim: number, index: Tensor, source: Tensor, options?: { alpha?: NumberLike }): Tensor {
  return runtime.call(op, [input, index, source], check(input, dim, index, source, options));
}
method("indexAdd", indexAdd);
method("indexAdd_", (input: Tensor, dim: number, index: Tensor, source: Tensor, options?: { alpha?: NumberLike }) =>
  runtime.callInPlace(op, [input, index, source], check(input, dim, index, source, options)),
);
