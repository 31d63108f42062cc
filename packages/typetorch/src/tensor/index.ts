/**
 * Tensors and the functions of the torch namespace that work on them. Importing this module binds the ops to the dispatcher and puts the methods on `Tensor`.
 */
import { dtypeOfKey } from "../core/dtype.ts";
import "./runtime.ts";
import "../ops/index.ts";
import { installMethods } from "./methods.ts";

installMethods(dtypeOfKey);

export * from "../ops/index.ts";
export { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d } from "./convolution.ts";
export {
  type GradModeGuard,
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from "./autograd/gradMode.ts";
// also what makes the emitted declarations load the methods declared there
export type { BackwardCallOptions, ToOptions } from "./methods.ts";
export { type Hook, type Nested, Tensor } from "./tensor.ts";
export { type Mode, pushMode } from "./dispatch.ts";
export * from "./inspect.ts";
