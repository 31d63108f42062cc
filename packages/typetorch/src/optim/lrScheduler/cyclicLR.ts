import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import { checkOptimizer, type Optimizer } from "../optimizer.ts";
import { LRScheduler, type LRSchedulerOptions, perGroup } from "./scheduler.ts";

export interface CyclicLROptions extends LRSchedulerOptions {
  /** Steps of the rising half. Default: 2000. */
  stepSizeUp?: number;
  /** Steps of the falling half. Default: `stepSizeUp`. */
  stepSizeDown?: number | null;
  /** `triangular`: constant height; `triangular2`: halved every cycle; `exp_range`: times gamma ^ step. Default: `triangular`. */
  mode?: "triangular" | "triangular2" | "exp_range";
  /** Default: 1. */
  gamma?: number;
  /** Replaces `mode`: the height as a function of the cycle or the step. */
  scaleFn?: ((x: number) => number) | null;
  /** What `scaleFn` is given. Default: `cycle`. */
  scaleMode?: "cycle" | "iterations";
  /** Whether the momentum goes the other way. Default: true. */
  cycleMomentum?: boolean;
  /** Default: 0.8. */
  baseMomentum?: number | readonly number[];
  /** Default: 0.9. */
  maxMomentum?: number | readonly number[];
}

/**
 * The rate goes up and down between two bounds; `step()` is called after every batch. `torch.optim.lr_scheduler.CyclicLR`.
 *
 * @source Cyclical Learning Rates for Training Neural Networks, https://arxiv.org/abs/1506.01186
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1, momentum: 0.9 });
 * const scheduler = new optim.lrScheduler.CyclicLR(optimizer, 0.25, 1, { stepSizeUp: 500 });
 * scheduler.getLastLr() // [0.25]
 */
export class CyclicLR extends LRScheduler {
  maxLrs: number[];
  totalSize: number;
  stepRatio: number;
  mode: string;
  gamma: number;
  scaleMode: string;
  cycleMomentum: boolean;
  baseMomentums: number[] = [];
  maxMomentums: number[] = [];
  protected _scaleFnCustom: ((x: number) => number) | null;

  constructor(
    optimizer: Optimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
  ) {
    checkOptimizer(optimizer);
    const { lastEpoch = -1, stepSizeUp = 2000, stepSizeDown = null, mode = "triangular", gamma = 1, scaleFn = null } = options;
    const { scaleMode = "cycle", cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9 } = options;
    const baseLrs = perGroup("base_lr", optimizer, baseLr);
    const maxLrs = perGroup("max_lr", optimizer, maxLr);
    if (!["triangular", "triangular2", "exp_range"].includes(mode) && scaleFn === null) {
      throw new ValueError("mode is invalid and scale_fn is None", `mode is '${mode}'`);
    }
    if (cycleMomentum && !("momentum" in optimizer.defaults)) {
      throw new ValueError(
        "optimizer must support momentum with `cycle_momentum` option enabled",
        "pass { cycleMomentum: false }, or use SGD or RMSprop",
      );
    }
    const groups = optimizer.paramGroups;
    if (lastEpoch === -1) for (const [i, lr] of baseLrs.entries()) groups[i]!.lr = lr;
    const baseMomentums = perGroup("base_momentum", optimizer, baseMomentum);
    if (cycleMomentum && lastEpoch === -1) for (const [i, momentum] of baseMomentums.entries()) groups[i]!.momentum = momentum;

    super(optimizer, options);
    this.maxLrs = maxLrs;
    this.totalSize = stepSizeUp + (stepSizeDown ?? stepSizeUp);
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = gamma;
    this._scaleFnCustom = scaleFn;
    this.scaleMode = scaleFn !== null ? scaleMode : mode === "exp_range" ? "iterations" : "cycle";
    this.cycleMomentum = cycleMomentum;
    if (cycleMomentum) {
      this.baseMomentums = groups.map((group) => group.momentum as number);
      this.maxMomentums = perGroup("max_momentum", optimizer, maxMomentum);
    }
    this.initialStep();
    this.baseLrs = baseLrs;
  }

  private scale(x: number): number {
    if (this._scaleFnCustom !== null) return this._scaleFnCustom(x);
    if (this.mode === "triangular") return 1;
    return this.mode === "triangular2" ? 1 / 2 ** (x - 1) : this.gamma ** x;
  }

  protected override computeLr(): number[] {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const factor = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const scale = this.scale(this.scaleMode === "cycle" ? cycle : this.lastEpoch);
    if (this.cycleMomentum) {
      this.optimizer.paramGroups.forEach((group, i) => {
        const high = this.maxMomentums[i]!;
        group.momentum = high - (high - this.baseMomentums[i]!) * factor * scale;
      });
    }
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i]! - lr) * factor * scale);
  }
}

keepClassNames({ CyclicLR });
