/**
 * Looking up rows of a table by index.
 */
import { checkArguments } from "../arguments.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../../core/errors.ts";
import { numelOf } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { positionsOf } from "../indexing/indexAdd.ts";
import { checkedIndices } from "../indexing/integers.ts";
import { put, take } from "../indexing/kernels.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

interface Attributes {
  /** Row that gets no gradient, or -1. */
  readonly paddingIdx: number;
  readonly scaleGradByFreq: boolean;
}

/** Of a table and an index that is row-major, int64, and within the table. */
const op = defineOp<Attributes>({
  name: "embedding",
  saves: { inputs: [1] },
  run([weight, index]) {
    const width = weight!.shape[1]!;
    const out = runtime.empty([...index!.shape, width], weight!.dtype);
    const table = runtime.withoutGrad(() => weight!.contiguous());
    const rows = weight!.shape[0]!;
    take(table, { outer: 1, size: rows, inner: width }, index!, "rows", out, index!.numel());
    return out;
  },
  backward: ([g], saved) => [
    runtime.call(gradientOp, [g!, saved.input(1)], { ...saved.attributes, rows: saved.inputShape(0)[0]! }),
    null,
  ],
});

/** The gradient of the table: rows of g (…, width) added up where the index says. It is linear in g, and its own derivative is a lookup. */
const gradientOp = defineOp<Attributes & { readonly rows: number }>({
  name: "embedding_dense",
  saves: { inputs: [1] },
  run([g, index], { rows, paddingIdx, scaleGradByFreq }) {
    const width = g!.shape[g!.shape.length - 1]!;
    const out = runtime.full([rows, width], 0, g!.dtype);
    runtime.withoutGrad(() => {
      put(out, { outer: 1, size: rows, inner: width }, index!, "rows", g!.contiguous(), index!.numel(), "add");
      if (scaleGradByFreq) {
        const factors = countRows(positionsOf(index!), rows).map((count) => 1 / Math.max(count, 1));
        out.mul_(columnOf(factors, out));
      }
      if (paddingIdx >= 0) out.select(0, paddingIdx).zero_();
    });
    return out;
  },
  backward([g], saved) {
    const { paddingIdx, scaleGradByFreq, rows } = saved.attributes;
    const factors = new Array<number>(rows).fill(1);
    const index = saved.input(1);
    if (scaleGradByFreq) countRows(positionsOf(index), rows).forEach((count, row) => (factors[row] = 1 / Math.max(count, 1)));
    if (paddingIdx >= 0) factors[paddingIdx] = 0;
    const scaled = paddingIdx >= 0 || scaleGradByFreq ? g!.mul(columnOf(factors, g!)) : g!;
    return [embedding(index, scaled), null];
  },
});

function columnOf(values: readonly number[], like: Tensor): Tensor {
  const column = runtime.empty([values.length, 1], like.dtype);
  runtime.withoutGrad(() => values.forEach((value, row) => column.select(0, row).fill_(value)));
  return column;
}

function countRows(positions: ArrayLike<number>, rows: number): number[] {
  const counts = new Array<number>(rows).fill(0);
  for (let i = 0; i < positions.length; i++) counts[positions[i]!]!++;
  return counts;
}

/** The index row-major and int64, its elements within the table. */
function placesIn(index: Tensor, rows: number): Tensor {
  return checkedIndices(index, rows, false, (value) => {
    throw new IndexError("index out of range in self", `index ${value} for a table of ${rows} rows`);
  });
}

/** Scales, in place, the rows that are looked up and whose norm is over `maxNorm`. */
function renormalize(weight: Tensor, positions: ArrayLike<number>, maxNorm: number, normType: number): void {
  runtime.withoutGrad(() => {
    const table = weight.detach();
    for (const row of new Set(Array.from(positions))) {
      const vector = table.select(0, row);
      const size = norm(vector, normType);
      if (size > maxNorm) vector.mul_(maxNorm / (size + 1e-7));
    }
  });
}

function norm(vector: Tensor, p: number): number {
  let total = 0;
  for (const value of vector.abs().toArray() as number[]) {
    total = p === Number.POSITIVE_INFINITY ? Math.max(total, value) : total + value ** p;
  }
  return p === Number.POSITIVE_INFINITY ? total : total ** (1 / p);
}

export interface EmbeddingOptions {
  /** Row that gets no gradient. */
  paddingIdx?: number | null;
  /** Rows that are looked up and longer than this are first scaled to it, in place. */
  maxNorm?: number | null;
  /** The p of that norm. Default: 2. */
  normType?: number;
  /** Divide a row's gradient by how often it occurs. */
  scaleGradByFreq?: boolean;
  /** Accepted for PyTorch's programs: gradients are dense here. */
  sparse?: boolean;
}

/**
 * Rows of `weight` (rows, width) by index: int64 (*) -> (*, width). As `torch.nn.functional.embedding`.
 * @example
 * torch.nn.functional.embedding(torch.tensor([1n, 0n]), torch.eye(2)) // tensor([[0., 1.], [1., 0.]])
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkArguments(
    "embedding(Tensor input, Tensor weight, options? options, {int|None paddingIdx, float|None maxNorm, float normType, bool scaleGradByFreq, bool sparse})",
    input,
    weight,
    options,
  );
  if (input.dtype.key !== "i64" && input.dtype.key !== "i32") {
    throw new DTypeError(
      `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ${input.dtype} instead (while checking arguments for embedding)`,
      "make indices with bigints, torch.tensor([1n, 2n]), or convert them: x.long()",
    );
  }
  if (weight.shape.length !== 2) throw new ShapeError(`'weight' must be 2-D, but got ${weight.shape.length}-D tensor`);
  const rows = weight.shape[0]!;
  const index = placesIn(input, rows);
  const { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
  if (paddingIdx !== null && (paddingIdx >= rows || paddingIdx < -rows)) {
    throw new ValueError("Padding_idx must be within num_embeddings", `${paddingIdx} for a table of ${rows} rows`);
  }
  if (maxNorm !== null && numelOf(input.shape) > 0) renormalize(weight, positionsOf(index), maxNorm, normType);
  const padding = paddingIdx === null ? -1 : paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  return runtime.call(op, [weight, index], { paddingIdx: padding, scaleGradByFreq });
}
