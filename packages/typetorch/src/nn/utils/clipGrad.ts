import { ValueError } from "../../core/errors.ts";
import { noGrad, stack, tensor } from "../../tensor/core.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { pythonFloat } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface ClipGradNormOptions {
  /** The p of the norm; Infinity takes the largest absolute value. Default: 2. */
  normType?: number;
  /** Throw when the norm is NaN or infinite. Default: false. */
  errorIfNonfinite?: boolean;
}

function gradientsOf(parameters: Tensor | Iterable<Tensor>): Tensor[] {
  const list = parameters instanceof Tensor ? [parameters] : [...parameters];
  return list.flatMap((p) => (p.ownGrad === null ? [] : [p.ownGrad]));
}

/**
 * Scales all gradients, taken as one vector, to a norm of at most `maxNorm`, in place, and returns the norm that they had.
 * @see torch.nn.utils.clip_grad_norm_
 * @example
 * loss.backward();
 * nn.utils.clipGradNorm_(model.parameters(), 1);
 * optimizer.step();
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  ...rest: Trailing<[normType: number, errorIfNonfinite: boolean], ClipGradNormOptions>
): Tensor {
  const options = trailing<ClipGradNormOptions>(rest, ["normType", "errorIfNonfinite"]);
  const { normType = 2, errorIfNonfinite = false } = options;
  const gradients = gradientsOf(parameters);
  if (gradients.length === 0) return tensor(0);
  return noGrad(() => {
    const norms = gradients.map((g) => (normType === Number.POSITIVE_INFINITY ? g.abs().max() : g.norm(normType)));
    const all = norms.length === 1 ? norms[0]!.reshape([1]) : stack(norms);
    const total = normType === Number.POSITIVE_INFINITY ? all.max() : all.norm(normType);
    const value = Number(total.item());
    if (errorIfNonfinite && !Number.isFinite(value)) {
      throw new ValueError(
        `The total norm of order ${pythonFloat(normType)} for gradients from \`parameters\` is non-finite, so it cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set \`error_if_nonfinite=False\``,
      );
    }
    const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
    for (const g of gradients) g.mul_(factor);
    return total;
  });
}

/**
 * Keeps every element of all gradients in ±clipValue, in place.
 * @see torch.nn.utils.clip_grad_value_
 * @example
 * const w = new nn.Parameter(torch.ones(2));
 * w.mul(5).sum().backward();
 * nn.utils.clipGradValue_([w], 1);
 * w.grad! // tensor([1., 1.])
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  noGrad(() => {
    for (const g of gradientsOf(parameters)) g.clamp_(-clipValue, clipValue);
  });
}
