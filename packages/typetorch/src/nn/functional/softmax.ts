import { checkArguments } from "../../ops/arguments.ts";
import type { DType } from "../../core/dtype.ts";
import { logSoftmax as logSoftmaxOp, softmax as softmaxOp } from "../../ops/nn/index.ts";
import { empty, noGrad, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface SoftmaxOptions {
  /** Without it PyTorch's old choice is taken: 0 for ranks 0, 1 and 3, else 1. */
  dim?: number | null;
  /** Compute in this dtype. */
  dtype?: DType | null;
}
type Rest = Trailing<[dim: number | null], SoftmaxOptions>;

function read(input: Tensor, rest: Rest): { dim: number; dtype: DType | null } {
  const { dim = null, dtype = null } = trailing<SoftmaxOptions>(rest, ["dim"]);
  const rank = input.shape.length;
  return { dim: dim ?? (rank === 0 || rank === 1 || rank === 3 ? 0 : 1), dtype };
}

/**
 * `exp(x) / sum of exp(x)` along `dim`.
 * @see torch.nn.functional.softmax
 */
export function softmax(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("softmax(Tensor input, ~dim, {int|None dim, dtype|None dtype})", input, ...rest);
  return softmaxOp(input, read(input, rest));
}
/**
 * `log(softmax(x))` along `dim`.
 * @see torch.nn.functional.log_softmax
 */
export function logSoftmax(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("log_softmax(Tensor input, ~dim, {int|None dim, dtype|None dtype})", input, ...rest);
  return logSoftmaxOp(input, read(input, rest));
}
/**
 * `softmax(-x)` along `dim`.
 * @see torch.nn.functional.softmin
 */
export function softmin(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("softmin(Tensor input, ~dim, {int|None dim, dtype|None dtype})", input, ...rest);
  return softmaxOp(input.neg(), read(input, rest));
}

export interface GumbelSoftmaxOptions {
  /** Temperature: small values come close to one-hot vectors. Default: 1. */
  tau?: number;
  /** Give one-hot vectors, with the gradient of the soft ones. Default: false. */
  hard?: boolean;
  /** Default: -1. */
  dim?: number;
}

/**
 * A sample of the relaxed categorical distribution of logits, along `dim`.
 * @source Jang et al. 2016, arXiv:1611.01144   @see torch.nn.functional.gumbel_softmax
 * @example
 * F.gumbelSoftmax(torch.zeros(2, 3), { hard: true }).sum(1) // tensor([1., 1.])
 */
export function gumbelSoftmax(logits: Tensor, ...rest: Trailing<[tau: number, hard: boolean], GumbelSoftmaxOptions>): Tensor {
  checkArguments("gumbel_softmax(Tensor logits, ~tau, ~hard, {float tau, bool hard, int dim})", logits, ...rest);
  const { tau = 1, hard = false, dim = -1 } = trailing<GumbelSoftmaxOptions>(rest, ["tau", "hard"]);
  const gumbels = noGrad(() => empty(logits.shape, { dtype: logits.dtype }).exponential_().log().neg());
  const soft = softmaxOp(logits.add(gumbels).div(tau), { dim });
  if (!hard) return soft;
  const index = soft.detach().argmax(dim).unsqueeze(dim);
  const chosen = zeros(logits.shape, { dtype: logits.dtype }).scatter(dim, index, 1);
  return chosen.sub(soft.detach()).add(soft);
}
