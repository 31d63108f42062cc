/**
 * Linear algebra, as `torch.linalg`.
 */
export { matrixPower, multiDot } from "./ops/linalg/chain.ts";
export { matmul } from "./ops/linalg/matmul.ts";
export { linalgCross as cross, vecdot } from "./ops/linalg/outer.ts";
export { diagonal } from "./ops/views/select.ts";
