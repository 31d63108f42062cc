/**
 * `torch.nn.functional`: the functions behind the modules. Those that are ops come from ops/activation and ops/nn, those that are compositions of ops from functional/.
 */
export * from "../ops/activation/index.ts";
export { sigmoid, tanh } from "../ops/math/index.ts";
export * from "../ops/nn/index.ts";
export * from "../tensor/convolution.ts";
export {
  type AttentionOptions,
  type AttentionWeights,
  multiHeadAttentionForward,
} from "./functional/attention.ts";
export { bilinear } from "./functional/bilinear.ts";
export * from "./functional/classificationLosses.ts";
export { type CrossEntropyOptions, crossEntropy } from "./functional/crossEntropy.ts";
export * from "./functional/distance.ts";
export { type BagMode, embeddingBag, type EmbeddingBagOptions } from "./functional/embeddingBag.ts";
export * from "./functional/embeddingLosses.ts";
export {
  type InterpolateOptions,
  type InterpolationMode,
  interpolate,
  upsample,
  upsampleBilinear,
  upsampleNearest,
} from "./functional/interpolate.ts";
export { type LPPoolOptions, lpPool1d, lpPool2d } from "./functional/lpPool.ts";
export * from "./functional/marginLosses.ts";
export * from "./functional/normalization.ts";
export * from "./functional/regressionLosses.ts";
export * from "./functional/shuffle.ts";
export {
  type GumbelSoftmaxOptions,
  gumbelSoftmax,
  logSoftmax,
  type SoftmaxOptions,
  softmax,
  softmin,
} from "./functional/softmax.ts";
export { maxUnpool1d, maxUnpool2d, maxUnpool3d, type MaxUnpoolOptions } from "./functional/unpool.ts";
export { type FractionalMaxPoolOptions, fractionalMaxPool2d, fractionalMaxPool3d } from "./functional/fractionalMaxPool.ts";
export { affineGrid, gridSample, type GridSampleOptions } from "./functional/gridSample.ts";
export { oneHot } from "./functional/oneHot.ts";
export { scaledDotProductAttention, type ScaledDotProductAttentionOptions } from "./functional/scaledDotProductAttention.ts";
