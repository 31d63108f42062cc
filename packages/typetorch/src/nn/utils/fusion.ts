import { ValueError } from "../../core/errors.ts";
import { noGrad, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BatchNorm } from "../modules/batchNorm.ts";
import type { ConvNd } from "../modules/conv.ts";
import { Parameter } from "../parameter.ts";

/** Weights of a convolution that does what another and the batch norm after it do in evaluation. */
export function fuseConvBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  batchNorm: BatchNorm,
  transposed = false,
): [weight: Parameter, bias: Parameter] {
  const { runningMean, runningVar, eps } = batchNorm;
  if (runningMean === null || runningVar === null) {
    throw new ValueError("fuse_conv_bn_weights needs a batch norm with running statistics");
  }
  return noGrad(() => {
    let scale = runningVar.add(eps).rsqrt(); // (O)
    if (batchNorm.weight !== null) scale = scale.mul(batchNorm.weight);
    const along = transposed ? 1 : 0;
    const shaped = scale.reshape(weight.shape.map((_, d) => (d === along ? -1 : 1)));
    let shift = (bias ?? zeros(runningMean.shape, { dtype: runningMean.dtype })).sub(runningMean).mul(scale);
    if (batchNorm.bias !== null) shift = shift.add(batchNorm.bias);
    return [new Parameter(weight.detach().mul(shaped)), new Parameter(shift.detach())];
  });
}

/**
 * One convolution for a convolution and the batch norm after it, both in evaluation.
 * @see torch.nn.utils.fuse_conv_bn_eval
 * @example
 * nn.utils.fuseConvBnEval(new nn.Conv2d(3, 4, 3).eval(), new nn.BatchNorm2d(4).eval()).call(torch.ones(1, 3, 5, 5)).shape // [1, 4, 3, 3]
 */
export function fuseConvBnEval<C extends ConvNd<readonly unknown[]>>(conv: C, batchNorm: BatchNorm): C {
  if (conv.training || batchNorm.training) throw new ValueError("Fusion only for eval!");
  const fused = conv.deepcopy();
  [fused.weight, fused.bias] = fuseConvBnWeights(fused.weight, fused.bias, batchNorm, conv.transposed);
  return fused;
}
