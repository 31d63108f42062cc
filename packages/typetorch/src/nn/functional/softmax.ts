import type { DType } from "../../core/dtype.ts";
import { logSoftmax as logSoftmaxOp, softmax as softmaxOp } from "../../ops/nn/index.ts";
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
  return softmaxOp(input, read(input, rest));
}
/**
 * `log(softmax(x))` along `dim`.
 * @see torch.nn.functional.log_softmax
 */
export function logSoftmax(input: Tensor, ...rest: Rest): Tensor {
  return logSoftmaxOp(input, read(input, rest));
}
/**
 * `softmax(-x)` along `dim`.
 * @see torch.nn.functional.softmin
 */
export function softmin(input: Tensor, ...rest: Rest): Tensor {
  return softmaxOp(input.neg(), read(input, rest));
}
