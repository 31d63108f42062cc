import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Dict, scientific } from "../naming.ts";
import { checkOptimizer, type Optimizer } from "../optimizer.ts";
import { formatEpoch, restoreState, type SchedulerStateDict, stateOf } from "./scheduler.ts";

export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall (`min`) or rise (`max`). Default: `min`. */
  mode?: "min" | "max";
  /** Default: 0.1. */
  factor?: number;
  /** Epochs without progress that are tolerated. Default: 10. */
  patience?: number;
  /** Progress smaller than this is none. Default: 1e-4. */
  threshold?: number;
  /** Whether `threshold` is relative to the best value. Default: `rel`. */
  thresholdMode?: "rel" | "abs";
  /** Epochs to wait after a reduction. Default: 0. */
  cooldown?: number;
  /** Lower bound, for all groups or one per group. Default: 0. */
  minLr?: number | readonly number[];
  /** Changes smaller than this are not made. Default: 1e-8. */
  eps?: number;
  /** Default: false. */
  verbose?: boolean;
}

/**
 * The rate times `factor` when a metric stopped getting better; `step(metric)` after each epoch. `torch.optim.lr_scheduler.ReduceLROnPlateau`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, "min", { patience: 1, factor: 0.5 });
 * for (const loss of [3, 2, 2, 2]) scheduler.step(loss);
 * scheduler.getLastLr() // [0.5]
 */
export class ReduceLROnPlateau {
  readonly optimizer: Optimizer;
  factor: number;
  minLrs: number[];
  patience: number;
  verbose: boolean;
  cooldown: number;
  cooldownCounter = 0;
  mode: string;
  threshold: number;
  thresholdMode: string;
  best: number;
  numBadEpochs = 0;
  /** The worst value for the mode. */
  modeWorse: number;
  eps: number;
  lastEpoch = 0;
  protected _lastLr: number[] | undefined;

  constructor(optimizer: Optimizer, mode: "min" | "max", options?: ReduceLROnPlateauOptions);
  constructor(optimizer: Optimizer, options?: ReduceLROnPlateauOptions);
  constructor(
    optimizer: Optimizer,
    modeOrOptions: "min" | "max" | ReduceLROnPlateauOptions = {},
    rest: ReduceLROnPlateauOptions = {},
  ) {
    const options: ReduceLROnPlateauOptions =
      typeof modeOrOptions === "string" ? { mode: modeOrOptions, ...rest } : modeOrOptions;
    const { mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "rel" } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8, verbose = false } = options;
    if (factor >= 1) throw new ValueError("Factor should be < 1.0.", `factor is ${factor}`);
    checkOptimizer(optimizer);
    const groups = optimizer.paramGroups.length;
    if (typeof minLr !== "number" && minLr.length !== groups) {
      throw new ValueError(`expected ${groups} min_lrs, got ${minLr.length}`);
    }
    if (mode !== "min" && mode !== "max") throw new ValueError(`mode ${mode} is unknown!`);
    if (thresholdMode !== "rel" && thresholdMode !== "abs") throw new ValueError(`threshold mode ${thresholdMode} is unknown!`);
    this.optimizer = optimizer;
    this.factor = factor;
    this.minLrs = typeof minLr === "number" ? new Array<number>(groups).fill(minLr) : [...minLr];
    this.patience = patience;
    this.verbose = verbose;
    this.cooldown = cooldown;
    this.mode = mode;
    this.threshold = threshold;
    this.thresholdMode = thresholdMode;
    this.modeWorse = mode === "min" ? Infinity : -Infinity;
    this.best = this.modeWorse;
    this.eps = eps;
  }

  /** Takes the metric of an epoch: a number, or a tensor with one element. */
  step(metrics: number | Tensor, epoch: number = this.lastEpoch + 1): void {
    const current = Number(metrics);
    this.lastEpoch = epoch;
    if (this.isBetter(current, this.best)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.inCooldown) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.reduceLr(epoch);
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this._lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** The rates after the last `step`, one per group. */
  getLastLr(): number[] {
    return this._lastLr ?? this.optimizer.paramGroups.map((group) => group.lr);
  }

  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  isBetter(a: number, best: number): boolean {
    if (this.mode === "min") return this.thresholdMode === "rel" ? a < best * (1 - this.threshold) : a < best - this.threshold;
    return this.thresholdMode === "rel" ? a > best * (this.threshold + 1) : a > best + this.threshold;
  }

  private reduceLr(epoch: number): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      const lr = Math.max(group.lr * this.factor, this.minLrs[i]!);
      if (group.lr - lr <= this.eps) return;
      group.lr = lr;
      if (this.verbose) {
        console.log(`Epoch ${formatEpoch(epoch)}: reducing learning rate of group ${i} to ${scientific(lr)}.`);
      }
    });
  }

  stateDict(): SchedulerStateDict {
    return stateOf(this);
  }

  /** Takes over a state dict, also one of PyTorch as `torch.load` gives it. */
  loadStateDict(stateDict: Dict): void {
    restoreState(this, stateDict);
  }
}

keepClassNames({ ReduceLROnPlateau });
