/**
 * `Variable`, for scripts in the habits of the oldest PyTorch.
 */
import { AutogradError } from "../core/errors.ts";
import type { Tensor } from "../tensor/core.ts";

export interface VariableOptions {
  requiresGrad?: boolean;
  /**
   * For inference: no op with a volatile input keeps history, whatever its other inputs require, and its results are volatile too. Excludes `requiresGrad`.
   */
  volatile?: boolean;
}

/**
 * Wraps a tensor, as `torch.autograd.Variable` did: gives a tensor that shares its memory and has no history.
 * @example
 * torch.autograd.Variable(torch.ones(2), { requiresGrad: true }).requiresGrad // true
 */
export function Variable(data: Tensor, options: VariableOptions = {}): Tensor {
  const x = data.detach();
  if (options.volatile) {
    if (options.requiresGrad)
      throw new AutogradError(
        "Variable can't be volatile and require_grad at the same time!",
        "a volatile variable is for inference only",
      );
    x.volatile = true;
    return x;
  }
  return options.requiresGrad ? x.requiresGrad_() : x;
}
