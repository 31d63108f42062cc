/**
 * Activations: functions of `torch.nn.functional`.
 */
export { type EluOptions, celu, celu_, elu, elu_, selu, selu_ } from "./elu.ts";
export { gelu } from "./gelu.ts";
export { type ShrinkOptions, hardshrink, hardsigmoid, hardswish, softshrink } from "./hard.ts";
export {
  type HardtanhOptions,
  type LeakyReluOptions,
  hardtanh,
  hardtanh_,
  leakyRelu,
  leakyRelu_,
  prelu,
  relu,
  relu6,
  relu_,
  threshold,
  threshold_,
} from "./relu.ts";
export { type RreluOptions, rrelu, rrelu_ } from "./rrelu.ts";
export { type SoftplusOptions, glu, logsigmoid, mish, silu, softplus, softsign, tanhshrink } from "./smooth.ts";
