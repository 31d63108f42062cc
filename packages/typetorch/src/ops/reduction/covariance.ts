/**
 * Covariance and correlation of variables.
 */
import { checkArguments } from "../arguments.ts";
import { int64, promoteTypes } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { matmul } from "../linalg/matmul.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";

export interface CovarianceOptions {
  /** What is taken off the number of observations. Default 1. */
  correction?: number;
  /** How often each observation was made. */
  fweights?: Tensor | null;
  /** How much each observation counts. */
  aweights?: Tensor | null;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link cov}. */
    cov(options?: CovarianceOptions): Tensor;
    /** See {@link corrcoef}. */
    corrcoef(): Tensor;
  }
}

function checkWeights(name: "fweights" | "aweights", w: Tensor, n: number): void {
  if (w.shape.length > 1)
    throw new ShapeError(
      `cov(): expected ${name} to have one or fewer dimensions but got ${name} with ${w.shape.length} dimensions`,
    );
  if (name === "fweights" && (w.dtype.isFloatingPoint || w.dtype.key === "bool"))
    throw new DTypeError(`cov(): expected fweights to have integral dtype but got fweights with ${w.dtype} dtype`);
  if (name === "aweights" && !w.dtype.isFloatingPoint)
    throw new DTypeError(`cov(): expected aweights to have floating point dtype but got aweights with ${w.dtype} dtype`);
  if (w.numel() !== n)
    throw new ShapeError(
      `cov(): expected ${name} to have the same numel as there are observations in the input but got ${w.numel()} != ${n}`,
    );
  if (n > 0 && runtime.withoutGrad(() => w.detach().lt(0).any().item()))
    throw new ValueError(`cov(): ${name} cannot be negative`);
}

/**
 * The covariance matrix of variables (rows) over observations (columns), as `torch.cov`.
 * @example
 * torch.cov(torch.tensor([[0, 2], [2, 0]])) // tensor([[ 2., -2.], [-2.,  2.]])
 */
export function cov(input: Tensor, options: CovarianceOptions = {}): Tensor {
  checkArguments(
    "cov(Tensor input, options? options, {int correction, Tensor|None fweights, Tensor|None aweights})",
    input,
    options,
  );
  const { correction = 1, fweights = null, aweights = null } = options;
  if (input.shape.length > 2)
    throw new ShapeError(
      `cov(): expected input to have two or fewer dimensions but got an input with ${input.shape.length} dimensions`,
    );
  if (input.dtype.key === "bool") throw new DTypeError("cov(): bool dtype is not supported for input");
  const x = input.shape.length < 2 ? input.reshape([1, input.numel()]) : input;
  const n = x.shape[1]!;
  if (fweights) checkWeights("fweights", fweights, n);
  if (aweights) checkWeights("aweights", aweights, n);
  const w = fweights && aweights ? fweights.mul(aweights) : (fweights ?? aweights);
  const weights = w === null ? null : w.shape.length === 0 ? w.reshape([1]) : w;
  const total = weights ? weights.sum() : runtime.newFull(input, [], n, int64);
  if (weights && runtime.withoutGrad(() => total.detach().eq(0).item()) && n > 0)
    throw new ValueError("cov(): weights sum to zero, can't be normalized");
  const mean = (weights ? x.mul(weights) : x).sum(1, { keepdim: true }).div(total);
  let norm: Tensor;
  if (weights && aweights && correction !== 0) {
    const scaled = fweights ? weights.mul(aweights) : aweights.mul(aweights);
    norm = total.sub(scaled.sum().div(total).mul(correction));
  } else norm = total.sub(correction);
  if (runtime.withoutGrad(() => norm.detach().le(0).item())) norm = norm.mul(0);
  const centered = x.sub(mean);
  const dtype = promoteTypes(centered.dtype, weights ? weights.dtype : centered.dtype);
  const left = toDtype(centered, dtype);
  const right = toDtype(weights ? centered.mul(weights) : centered, dtype);
  const result = matmul(left, right.t()).div(norm);
  return result.numel() === 1 ? result.reshape([]) : result;
}

/**
 * The matrix of correlation coefficients of variables (rows), as `torch.corrcoef`.
 * @example
 * torch.corrcoef(torch.tensor([[1, 2, 3], [3, 2, 1]])) // tensor([[1., -1.], [-1., 1.]])
 */
export function corrcoef(input: Tensor): Tensor {
  checkArguments("corrcoef(Tensor input)", input);
  if (input.shape.length > 2)
    throw new ShapeError(
      `corrcoef(): expected input to have two or fewer dimensions but got an input with ${input.shape.length} dimensions`,
    );
  const c = cov(input);
  if (c.shape.length === 0) return c.div(c);
  const deviation = c.diagonal().sqrt();
  const r = c.div(deviation.unsqueeze(1)).div(deviation.unsqueeze(0));
  return r.where(r.gt(-1).logicalOr(r.ne(r)), -1).where(r.lt(1).logicalOr(r.ne(r)), 1);
}

method("cov", cov);
method("corrcoef", corrcoef);
