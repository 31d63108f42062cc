/** Stochastic weight averaging, `torch.optim.swa_utils`. */
export { AveragedModel, type AverageFunction, type AveragedModelOptions } from "./averagedModel.ts";
export { SWALR, type SWALROptions } from "./lrScheduler/swaLR.ts";
export { updateBn } from "./updateBn.ts";
