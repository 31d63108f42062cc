/**
 * `torch.autograd`.
 */
export { detectAnomaly, setDetectAnomaly } from "./anomaly.ts";
export * as functional from "./functional.ts";
export { type GradcheckOptions, gradcheck, gradgradcheck } from "./gradcheck.ts";
export { Variable, type VariableOptions } from "./variable.ts";
export { backward, grad } from "../tensor/autograd/api.ts";
export { Function, type FunctionClass, FunctionContext } from "../tensor/autograd/function.ts";
export { enableGrad, inferenceMode, noGrad, setGradEnabled } from "../tensor/autograd/gradMode.ts";
export { type Node, isAnomalyEnabled } from "../tensor/autograd/node.ts";
