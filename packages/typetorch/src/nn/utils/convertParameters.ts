import { cat, noGrad } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * All parameters one after the other in one vector.
 * @see torch.nn.utils.parameters_to_vector
 * @example
 * nn.utils.parametersToVector(new nn.Linear(2, 3).parameters()).shape // [9]
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat(
    [...parameters].map((p) => p.reshape([-1])),
    0,
  );
}

/**
 * Copies the elements of a vector into the parameters, in their order.
 * @see torch.nn.utils.vector_to_parameters
 * @example
 * const linear = new nn.Linear(1, 1);
 * nn.utils.vectorToParameters(torch.tensor([2, 3]), linear.parameters());
 * linear.call(torch.ones(1)).item() // 5
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  noGrad(() => {
    let at = 0;
    for (const p of parameters) {
      const n = p.numel();
      p.copy_(vector.narrow(0, at, n).view(p.shape));
      at += n;
    }
  });
}
