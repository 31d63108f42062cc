/**
 * Ops of neural networks: functions of `torch.nn.functional`.
 */
export { type ClassLossOptions, type LossReduction, crossEntropyRows, nllLoss, reduceLoss } from "./crossEntropy.ts";
export * from "./layerNorm.ts";
export * from "./linear.ts";
export * from "./softmax.ts";
