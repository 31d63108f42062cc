/**
 * `torch.nn.functional`: the functions behind the modules. Those that are ops come from ops/nn, those that are compositions of ops from functional/.
 */
export * from "../ops/nn/index.ts";
export {
  type AttentionOptions,
  type AttentionWeights,
  multiHeadAttentionForward,
} from "./functional/attention.ts";
export * from "./functional/classificationLosses.ts";
export { type CrossEntropyOptions, crossEntropy } from "./functional/crossEntropy.ts";
export * from "./functional/dropout.ts";
export * from "./functional/regressionLosses.ts";
export * from "./functional/shuffle.ts";
export { logSoftmax, type SoftmaxOptions, softmax, softmin } from "./functional/softmax.ts";
