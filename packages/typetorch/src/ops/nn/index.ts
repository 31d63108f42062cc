/**
 * Ops of neural networks: functions of `torch.nn.functional`.
 */
export {
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
} from "./avgPool.ts";
export { type BatchNormOptions, batchNorm } from "./batchNorm.ts";
export { type ClassLossOptions, type LossReduction, nllLoss } from "./crossEntropy.ts";
export { type CTCLossOptions, ctcLoss } from "./ctcLoss.ts";
export { type EmbeddingOptions, embedding } from "./embedding.ts";
export * from "./dropout.ts";
export { fold, unfold, type UnfoldOptions } from "./fold.ts";
export * from "./layerNorm.ts";
export * from "./linear.ts";
export { type MaxPool, type MaxPoolOptions, maxPool1d, maxPool2d, maxPool3d } from "./maxPool.ts";
export { type PadMode, type PadOptions, pad } from "./pad.ts";
export * from "./softmax.ts";
