/**
 * Normalisations together with the statistics that they used: the functions under `layer_norm` and `batch_norm`.
 */
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { runtime } from "../runtime.ts";
import { batchNorm } from "./batchNorm.ts";
import { layerNorm } from "./layerNorm.ts";

/** Mean and 1 / standard deviation over some dimensions, without history. */
function statistics(x: Tensor, dims: readonly number[], keepdim: boolean, eps: number): [Tensor, Tensor] {
  return runtime.withoutGrad(() => {
    const input = x.detach();
    const variance = input.var([...dims], { unbiased: false, keepdim });
    return [input.mean([...dims], { keepdim }), variance.add(eps).rsqrt()];
  });
}

/**
 * {@link layerNorm}, and the mean and the reciprocal standard deviation of each row. As `torch.native_layer_norm`.
 * @example
 * torch.nativeLayerNorm(torch.tensor([[1, 3]]), [2], null, null, 0)[1] // tensor([[2.]])
 */
export function nativeLayerNorm(
  input: Tensor,
  normalizedShape: readonly number[],
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor[] {
  checkArguments(
    "native_layer_norm(Tensor input, int[] normalizedShape, Tensor|None weight, Tensor|None bias, float eps)",
    input,
    normalizedShape,
    weight,
    bias,
    eps,
  );
  const out = layerNorm(input, normalizedShape, weight, bias, eps);
  const rank = input.shape.length;
  const dims = normalizedShape.map((_, i) => rank - normalizedShape.length + i);
  return [out, ...statistics(input, dims, true, eps)];
}

/**
 * {@link batchNorm}, and in training the mean and the reciprocal standard deviation of each channel, else two empty tensors. As `torch.native_batch_norm`.
 * @example
 * torch.nativeBatchNorm(torch.tensor([[1], [3]]), null, null, null, null, true, 0.1, 0)[1] // tensor([2.])
 */
export function nativeBatchNorm(
  input: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  training: boolean,
  momentum: number,
  eps: number,
): Tensor[] {
  checkArguments(
    "native_batch_norm(Tensor input, Tensor|None weight, Tensor|None bias, Tensor|None runningMean, Tensor|None runningVar, bool training, float momentum, float eps)",
    input,
    weight,
    bias,
    runningMean,
    runningVar,
    training,
    momentum,
    eps,
  );
  if (input.shape.length < 2) throw new ShapeError("Dimension out of range (expected to be in range of [-1, 0], but got 1)");
  const out = batchNorm(input, runningMean, runningVar, { weight, bias, training, momentum, eps });
  if (!training) {
    const nothing = (): Tensor => runtime.newEmpty(input, [0], input.dtype);
    return [out, nothing(), nothing()];
  }
  const dims = input.shape.map((_, d) => d).filter((d) => d !== 1);
  return [out, ...statistics(input, dims, false, eps)];
}
