/**
 * Every op that is a function of the torch namespace. Each folder lists its own.
 */
// Activations are listed in torch.nn.functional; the torch namespace has only some of them.
export {
  celu,
  celu_,
  hardshrink,
  prelu,
  relu,
  relu_,
  rrelu,
  rrelu_,
  selu,
  selu_,
  threshold,
  threshold_,
} from "./activation/index.ts";
export * from "./arithmetic/index.ts";
export * from "./bitwise/index.ts";
export * from "./comparison/index.ts";
export * from "./factory/index.ts";
export * from "./linalg/index.ts";
export * from "./indexing/index.ts";
export * from "./math/index.ts";
export * from "./memory/index.ts";
export * from "./random/index.ts";
export * from "./movement/index.ts";
export * from "./reduction/index.ts";
export * from "./sorting/index.ts";
export { i0 } from "./special/bessel.ts";
export { type Frexp, frexp } from "./special/frexp.ts";
export { igamma, igammac, mvlgamma, polygamma } from "./special/gamma.ts";
export * as special from "./special/index.ts";
export * from "./views/index.ts";
export { layerNorm, logSoftmax, softmax } from "./nn/index.ts";
export { constantPadNd } from "./nn/pad.ts";
export { nativeBatchNorm, nativeLayerNorm } from "./nn/nativeNorm.ts";
