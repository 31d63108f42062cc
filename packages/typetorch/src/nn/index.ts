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
export * from "./modules/classificationLosses.ts";
export * from "./modules/dropout.ts";
export { Embedding, type EmbeddingOptions } from "./modules/embedding.ts";
export { Flatten, Unflatten } from "./modules/flatten.ts";
export { Identity } from "./modules/identity.ts";
export { LayerNorm, type LayerNormOptions } from "./modules/layerNorm.ts";
export { Linear, type LinearOptions } from "./modules/linear.ts";
export type { LossOptions, Reduction, WeightedLossOptions } from "./modules/lossBase.ts";
export { ModuleDict } from "./modules/moduleDict.ts";
export { ModuleList } from "./modules/moduleList.ts";
export {
  MultiheadAttention,
  type MultiheadAttentionCallOptions,
  type MultiheadAttentionOptions,
} from "./modules/multiheadAttention.ts";
export * from "./modules/padding.ts";
export { ParameterDict } from "./modules/parameterDict.ts";
export { ParameterList } from "./modules/parameterList.ts";
export * from "./modules/regressionLosses.ts";
export { GRU, LSTM, type LSTMOptions, RNN, type RNNBaseOptions, type RNNOptions, type Sequence } from "./modules/rnn.ts";
export { GRUCell, LSTMCell, RNNCell } from "./modules/rnnCells.ts";
export { type Layer, Sequential } from "./modules/sequential.ts";
export { ChannelShuffle, PixelShuffle, PixelUnshuffle } from "./modules/shuffle.ts";
export { LogSoftmax, Softmax, Softmax2d, Softmin } from "./modules/softmax.ts";
export { Parameter } from "./parameter.ts";
export { IncompatibleKeys, type LoadStateDictOptions, type StateDictLike } from "./stateDict.ts";
export * as utils from "./utils/index.ts";
