/**
 * Quantiles: `quantile`, `nanquantile`.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { sort } from "./sort.ts";

export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";
export interface QuantileOptions {
  dim?: number | null;
  keepdim?: boolean;
  /** What is given where a quantile lies between two elements. Default 'linear'. */
  interpolation?: Interpolation;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link quantile}. */
    quantile(q: number | Tensor, dim?: number | null | QuantileOptions, keepdim?: boolean | QuantileOptions): Tensor;
    /** See {@link nanquantile}. */
    nanquantile(q: number | Tensor, dim?: number | null | QuantileOptions, keepdim?: boolean | QuantileOptions): Tensor;
  }
}

const interpolations: readonly string[] = ["linear", "lower", "higher", "midpoint", "nearest"];

function compute(input: Tensor, q: Tensor, options: QuantileOptions, ignoreNan: boolean): Tensor {
  const interpolation = options.interpolation ?? "linear";
  const keepdim = options.keepdim ?? false;
  const dim = options.dim ?? null;
  if (input.dtype.key !== "f32" && input.dtype.key !== "f64")
    throw new DTypeError("quantile() input tensor must be either float or double dtype", `it is ${input.dtype}`);
  if (q.shape.length > 1) throw new ShapeError("quantile() q must be a scalar or 1D tensor");
  if (q.dtype !== input.dtype)
    throw new DTypeError("quantile() q tensor must be same dtype as the input tensor", `${q.dtype} and ${input.dtype}`);
  if (!interpolations.includes(interpolation))
    throw new ValueError(
      `quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ${String(interpolation)}`,
    );
  if (input.numel() === 0) throw new ShapeError("quantile() input tensor must be non-empty");
  const rank = input.shape.length;
  const d = dim === null ? 0 : wrapDim(dim, rank);
  const x = dim === null || rank === 0 ? input.flatten() : input.movedim(d, -1);
  const sorted = sort(x).values;
  const n = sorted.shape[sorted.shape.length - 1]!;
  const flatQ = q.reshape([-1]);
  const outside = runtime.withoutGrad(() => flatQ.ge(0).logicalAnd(flatQ.le(1)).logicalNot().any().item());
  if (outside) throw new ValueError("quantile() q values must be in the range [0, 1]");

  // Ranks: one row of positions per row of elements. A row with NaN gives NaN, which is last; or the rank counts only what is not NaN.
  const isNumber = runtime.withoutGrad(() => sorted.detach().eq(sorted.detach()));
  const wide = [...sorted.shape.slice(0, -1), flatQ.shape[0]!];
  let ranks: Tensor;
  if (ignoreNan) {
    const last = isNumber.sum(-1, { keepdim: true }).sub(1).to(input.dtype);
    ranks = flatQ.mul(last).expand(wide);
    ranks = ranks.where(ranks.ge(0), 0);
  } else {
    ranks = flatQ.mul(n - 1).expand(wide);
    const hasNan = isNumber.all(-1, { keepdim: true }).logicalNot().expand(wide);
    ranks = runtime.newFull(input, [], n - 1, input.dtype).where(hasNan, ranks);
  }
  if (interpolation === "lower") ranks = ranks.floor();
  else if (interpolation === "higher") ranks = ranks.ceil();
  else if (interpolation === "nearest") ranks = ranks.round();
  const below = ranks.detach().long();
  let values = sorted.gather(-1, below);
  if (interpolation === "linear" || interpolation === "midpoint") {
    const weights = interpolation === "midpoint" ? runtime.newFull(input, ranks.shape, 0.5, input.dtype) : ranks.sub(below);
    const upper = sorted.gather(-1, ranks.detach().ceil().long());
    values = values.add(upper.sub(values).mul(weights));
  }
  // Several quantiles come first; one alone leaves no dimension.
  let result = q.shape.length === 0 ? values.squeeze(-1) : values.movedim(-1, 0);
  if (keepdim) {
    const first = q.shape.length;
    if (dim === null) result = result.reshape([...q.shape, ...new Array<number>(rank).fill(1)]);
    else if (rank > 0) result = result.unsqueeze(d + first);
  }
  return toOut("quantile", options.out ? result : result.contiguous(), options.out);
}

function family(ignoreNan: boolean) {
  const signature = `${ignoreNan ? "nanquantile" : "quantile"}(Tensor input, float|Tensor q, int|options|None? dim, bool|options? keepdim, {int|None dim, bool keepdim, str interpolation, Tensor out})`;
  return (
    input: Tensor,
    q: number | Tensor,
    dim?: number | null | QuantileOptions,
    keepdim?: boolean | QuantileOptions,
  ): Tensor => {
    checkArguments(signature, input, q, dim, keepdim);
    const o: QuantileOptions =
      typeof dim === "object" && dim !== null ? dim : typeof keepdim === "object" ? { ...keepdim, dim } : { dim, keepdim };
    if (typeof q === "number" && !(q >= 0 && q <= 1))
      throw new ValueError(`quantile() q must be in the range [0, 1] but got ${q}`);
    return compute(input, typeof q === "number" ? runtime.newFull(input, [], q, input.dtype) : q, o, ignoreNan);
  };
}

/**
 * The q-quantiles (q between 0 and 1, a number or a vector) of all elements or along `dim`; NaN where there is one. As `torch.quantile`.
 * @example
 * torch.quantile(torch.tensor([0, 1, 2, 3]), 0.5) // tensor(1.5000)
 */
export const quantile = family(false);
/**
 * The quantiles of the elements that are not NaN, as `torch.nanquantile`.
 * @example
 * torch.nanquantile(torch.tensor([1, NaN, 3]), 0.5) // tensor(2.)
 */
export const nanquantile = family(true);

method("quantile", quantile);
method("nanquantile", nanquantile);
