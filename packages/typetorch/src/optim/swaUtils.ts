/** Stochastic weight averaging, `torch.optim.swa_utils`. */
export { SWALR, type SWALROptions } from "./lrScheduler/swaLR.ts";
