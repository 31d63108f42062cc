/**
 * Diagonals: `diag`, `diagflat`, `diagEmbed`, `trace`.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { diagonal } from "../views/select.ts";

export interface DiagonalOptions {
  offset?: number;
  dim1?: number;
  dim2?: number;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link diag}. */
    diag(diagonal?: number | { diagonal?: number }): Tensor;
    /** See {@link diagflat}. */
    diagflat(offset?: number | { offset?: number }): Tensor;
    /** See {@link diagEmbed}. */
    diagEmbed(offset?: number | DiagonalOptions, dim1?: number, dim2?: number): Tensor;
    /** See {@link trace}. */
    trace(): Tensor;
  }
}

interface Attributes {
  readonly offset: number;
  readonly dim1: number;
  readonly dim2: number;
}

const embedOp = defineOp<Attributes>({
  name: "diag_embed",
  run([x], { offset, dim1, dim2 }) {
    const n = x!.shape[x!.shape.length - 1]! + Math.abs(offset);
    const shape: number[] = [];
    let next = 0;
    for (let d = 0; d <= x!.shape.length; d++) shape.push(d === dim1 || d === dim2 ? n : x!.shape[next++]!);
    const out = runtime.full(shape, 0, x!.dtype);
    runtime.withoutGrad(() => copyElements(diagonal(out, { offset, dim1, dim2 }), x!));
    return out;
  },
  backward: ([g], saved) => [diagonal(g!, saved.attributes)],
});

/**
 * Vectors of the last dimension as diagonals of matrices that are 0 otherwise; the matrices' dimensions are `dim1` and `dim2` of the result. As
 * `torch.diag_embed`.
 * @example
 * torch.diagEmbed(torch.tensor([1, 2])) // tensor([[1., 0.], [0., 2.]])
 */
export function diagEmbed(input: Tensor, offset?: number | DiagonalOptions, dim1?: number, dim2?: number): Tensor {
  checkArguments(
    "diag_embed(Tensor input, int|options? offset, int? dim1, int? dim2, {int offset, int dim1, int dim2})",
    input,
    offset,
    dim1,
    dim2,
  );
  const o = typeof offset === "object" ? offset : { offset, dim1, dim2 };
  const rank = input.shape.length + 1;
  const a = wrapDim(o.dim1 ?? -2, rank);
  const b = wrapDim(o.dim2 ?? -1, rank);
  if (a === b) throw new ShapeError(`diagonal dimensions cannot be identical ${o.dim1 ?? -2}, ${o.dim2 ?? -1}`);
  return runtime.call(embedOp, [input], { offset: o.offset ?? 0, dim1: a, dim2: b });
}

/**
 * The matrix with a vector on its diagonal, or the diagonal of a matrix. As `torch.diag`.
 * @example
 * torch.diag(torch.tensor([1, 2])) // tensor([[1., 0.], [0., 2.]])
 */
export function diag(input: Tensor, k?: number | { diagonal?: number; out?: Tensor }): Tensor {
  checkArguments("diag(Tensor input, int|options? k, {int diagonal, Tensor out})", input, k);
  const offset = typeof k === "object" ? (k.diagonal ?? 0) : (k ?? 0);
  const rank = input.shape.length;
  if (rank !== 1 && rank !== 2) throw new ShapeError("matrix or a vector expected", `the tensor has ${rank} dimensions`);
  const result = rank === 1 ? diagEmbed(input, { offset }) : diagonal(input, { offset }).clone();
  const out = typeof k === "object" ? k.out : undefined;
  return toOut("diag", result, out);
}

/**
 * The matrix with the flattened tensor on its diagonal, as `torch.diagflat`.
 * @example
 * torch.diagflat(torch.tensor([1, 2])) // tensor([[1., 0.], [0., 2.]])
 */
export function diagflat(input: Tensor, offset?: number | { offset?: number }): Tensor {
  checkArguments("diagflat(Tensor input, int|options? offset, {int offset})", input, offset);
  return diagEmbed(input.contiguous().view([-1]), { offset: typeof offset === "object" ? offset.offset : offset });
}

/**
 * The sum of the diagonal of a matrix, as `torch.trace`.
 * @example
 * torch.trace(torch.tensor([[1, 2], [3, 4]])) // tensor(5.)
 */
export function trace(input: Tensor): Tensor {
  checkArguments("trace(Tensor input)", input);
  if (input.shape.length !== 2)
    throw new ShapeError("trace: expected a matrix", `the tensor has ${input.shape.length} dimensions`);
  return diagonal(input).sum();
}

method("diag", diag);
method("diagflat", diagflat);
method("diagEmbed", diagEmbed);
method("trace", trace);
