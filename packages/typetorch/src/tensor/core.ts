/**
 * Tensors, autograd and the ops of ops/core.ts. Importing this module binds the ops to the dispatcher and puts the methods on `Tensor`. Whatever is made of tensors
 * imports this one rather than index.ts, so that programs which need no more are bundled with no more.
 */
import { dtypeOfKey } from "../core/dtype.ts";
import "./runtime.ts";
import "../ops/core.ts";
import { installMethods } from "./methods.ts";

installMethods(dtypeOfKey);

export * from "../ops/core.ts";
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
