/**
 * `torch.nn`: modules, their parameters, initialisers, functions and utilities.
 */

export * as functional from "./functional.ts";
export {
  type BackwardHook,
  type ForwardHook,
  type ForwardPreHook,
  RemovableHandle,
} from "./hooks.ts";
export * as init from "./init.ts";
export { type AnyModule, Module } from "./module.ts";
export * from "./modules/activations.ts";
export { AdaptiveLogSoftmaxWithLoss, type AdaptiveLogSoftmaxOptions } from "./modules/adaptiveLogSoftmax.ts";
export { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "./modules/batchNorm.ts";
export { Bilinear } from "./modules/bilinear.ts";
export * from "./modules/classificationLosses.ts";
export { Conv1d, Conv2d, Conv3d, type ConvOptions, type PaddingMode } from "./modules/conv.ts";
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeOptions } from "./modules/convTranspose.ts";
export { CTCLoss } from "./modules/ctcLoss.ts";
export { CosineSimilarity, PairwiseDistance } from "./modules/distance.ts";
export * from "./modules/dropout.ts";
export { Embedding, type EmbeddingOptions } from "./modules/embedding.ts";
export { EmbeddingBag, type EmbeddingBagModuleOptions } from "./modules/embeddingBag.ts";
export * from "./modules/embeddingLosses.ts";
export { Flatten, Unflatten } from "./modules/flatten.ts";
export { Fold, type FoldOptions, Unfold } from "./modules/fold.ts";
export { FractionalMaxPool2d, FractionalMaxPool3d } from "./modules/fractionalMaxPool.ts";
export { GroupNorm, type GroupNormOptions } from "./modules/groupNorm.ts";
export { Identity } from "./modules/identity.ts";
export { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from "./modules/instanceNorm.ts";
export * from "./modules/lazy.ts";
export { LayerNorm, type LayerNormOptions } from "./modules/layerNorm.ts";
export { Linear, type LinearOptions } from "./modules/linear.ts";
export { CrossMapLRN2d, LocalResponseNorm, type LocalResponseNormOptions } from "./modules/localResponseNorm.ts";
export type { LossOptions, Reduction, WeightedLossOptions } from "./modules/lossBase.ts";
export { ModuleDict } from "./modules/moduleDict.ts";
export { ModuleList } from "./modules/moduleList.ts";
export {
  MultiheadAttention,
  type MultiheadAttentionCallOptions,
  type MultiheadAttentionOptions,
} from "./modules/multiheadAttention.ts";
export type { NormOptions } from "./modules/normBase.ts";
export * from "./modules/padding.ts";
export { ParameterDict } from "./modules/parameterDict.ts";
export { ParameterList } from "./modules/parameterList.ts";
export * from "./modules/pooling.ts";
export { PReLU } from "./modules/prelu.ts";
export * from "./modules/rectifiers.ts";
export * from "./modules/regressionLosses.ts";
export { RMSNorm, type RMSNormModuleOptions } from "./modules/rmsNorm.ts";
export { GRU, LSTM, type LSTMOptions, RNN, RNNBase, type RNNBaseOptions, type RNNOptions, type Sequence } from "./modules/rnn.ts";
export { GRUCell, LSTMCell, RNNCell } from "./modules/rnnCells.ts";
export { type Layer, Sequential } from "./modules/sequential.ts";
export { ChannelShuffle, PixelShuffle, PixelUnshuffle } from "./modules/shuffle.ts";
export { LogSoftmax, Softmax, Softmax2d, Softmin } from "./modules/softmax.ts";
export * from "./modules/transformer.ts";
export { MaxUnpool1d, MaxUnpool2d, MaxUnpool3d } from "./modules/unpooling.ts";
export { Upsample, type UpsampleOptions, UpsamplingBilinear2d, UpsamplingNearest2d } from "./modules/upsample.ts";
export { Parameter } from "./parameter.ts";
export { IncompatibleKeys, type LoadStateDictOptions, type StateDictLike } from "./stateDict.ts";
export * as utils from "./utils/index.ts";
