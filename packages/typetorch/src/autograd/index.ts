/**
 * `torch.autograd`.
 */
export { backward, grad } from "../tensor/autograd/api.ts";
export { Function, FunctionContext, type FunctionClass } from "../tensor/autograd/function.ts";
export { enableGrad, inferenceMode, noGrad, setGradEnabled } from "../tensor/autograd/gradMode.ts";
export { type Node, isAnomalyEnabled } from "../tensor/autograd/node.ts";
