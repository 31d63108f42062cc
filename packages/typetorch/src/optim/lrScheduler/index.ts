/** Learning rate schedulers, `torch.optim.lr_scheduler`. */

export { ChainedScheduler, SequentialLR, type SequentialLROptions } from "./composite.ts";
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from "./cosineAnnealing.ts";
export { CyclicLR, type CyclicLROptions } from "./cyclicLR.ts";
export { LambdaLR, type LrLambda, MultiplicativeLR } from "./lambdaLR.ts";
export { OneCycleLR, type OneCycleLROptions } from "./oneCycleLR.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./reduceLROnPlateau.ts";
export { LRScheduler, type LRSchedulerOptions, type SchedulerStateDict } from "./scheduler.ts";
export { ExponentialLR, MultiStepLR, StepLR, type StepLROptions } from "./stepLR.ts";
export {
  ConstantLR,
  type ConstantLROptions,
  LinearLR,
  type LinearLROptions,
  PolynomialLR,
  type PolynomialLROptions,
} from "./warmup.ts";
