/**
 * `Variable`, for scripts in the habits of the oldest PyTorch.
 */
import type { Tensor } from "../tensor/index.ts";

export interface VariableOptions {
  requiresGrad?: boolean;
  /** For inference: the variable and all that is computed from it keep no history. It excludes `requiresGrad`. */
  volatile?: boolean;
}

const volatileTensors = new WeakSet<Tensor>();

/**
 * Wraps a tensor: since tensors record by themselves this returns a tensor that shares its memory. With `volatile` it has no history and asks for none: the
 * documentation of old said that results of a volatile input never require gradients, which `noGrad` does now; here the tensor is detached, and a call of
 * `requiresGrad_()` on it is what ends that. As `torch.autograd.Variable`.
 * @example
 * torch.autograd.Variable(torch.ones(2), { requiresGrad: true }).requiresGrad // true
 */
export function Variable(data: Tensor, options: VariableOptions = {}): Tensor {
  const x = data.detach();
  if (options.volatile) {
    if (options.requiresGrad) throw new Error("Variable can't be volatile and require_grad at the same time!");
    volatileTensors.add(x);
    return x;
  }
  return options.requiresGrad ? x.requiresGrad_() : x;
}
