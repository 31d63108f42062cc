import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import { checkOptimizer, type Optimizer, type ParamGroup } from "../optimizer.ts";
import { LRScheduler, type LRSchedulerOptions, perGroup } from "./scheduler.ts";

export interface OneCycleLROptions extends LRSchedulerOptions {
  /** How many steps there will be; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number | null;
  epochs?: number | null;
  stepsPerEpoch?: number | null;
  /** The part of the steps in which the rate rises. Default: 0.3. */
  pctStart?: number;
  /** Default: `cos`. */
  annealStrategy?: "cos" | "linear";
  /** Whether momentum (or the first beta) goes the other way. Default: true. */
  cycleMomentum?: boolean;
  /** Default: 0.85. */
  baseMomentum?: number | readonly number[];
  /** Default: 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is maxLr / divFactor. Default: 25. */
  divFactor?: number;
  /** The last rate is the first / finalDivFactor. Default: 1e4. */
  finalDivFactor?: number;
  /** Whether the fall stops at the first rate, and a third phase goes below it. Default: false. */
  threePhase?: boolean;
}

type Key = "initial_lr" | "max_lr" | "min_lr" | "max_momentum" | "base_momentum";

/** From one value of the group to another, until `end_step`. The names are those of the state dict. */
interface Phase {
  end_step: number;
  start_lr: Key;
  end_lr: Key;
  start_momentum: Key;
  end_momentum: Key;
}

const phase = (end_step: number, start_lr: Key, end_lr: Key, start_momentum: Key, end_momentum: Key): Phase => ({
  end_step,
  start_lr,
  end_lr,
  start_momentum,
  end_momentum,
});

function groupValue(group: ParamGroup, key: Key): number {
  switch (key) {
    case "initial_lr":
      return group.initialLr!;
    case "max_lr":
      return group.maxLr as number;
    case "min_lr":
      return group.minLr as number;
    case "max_momentum":
      return group.maxMomentum as number;
    case "base_momentum":
      return group.baseMomentum as number;
  }
}

function positiveInteger(name: string, value: number | null): number {
  if (value === null || value <= 0 || !Number.isInteger(value)) {
    throw new ValueError(`Expected positive integer ${name}, but got ${value}`);
  }
  return value;
}

/**
 * One rise to `maxLr` and one fall far below the start; `step()` is called after every batch. `torch.optim.lr_scheduler.OneCycleLR`.
 *
 * @source Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, https://arxiv.org/abs/1708.07120
 * @example
 * const optimizer = new optim.Adam([torch.zeros(1).requiresGrad_()]);
 * const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, 0.5, { totalSteps: 1000, annealStrategy: "linear" });
 * scheduler.getLastLr() // [0.02]
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  cycleMomentum: boolean;
  useBeta1: boolean;
  protected _schedulePhases: Phase[];
  private readonly annealFunc: (start: number, end: number, part: number) => number;

  constructor(optimizer: Optimizer, maxLr: number | readonly number[], options: OneCycleLROptions = {}) {
    checkOptimizer(optimizer);
    const { totalSteps = null, epochs = null, stepsPerEpoch = null, pctStart = 0.3, annealStrategy = "cos" } = options;
    const { cycleMomentum = true, baseMomentum = 0.85, maxMomentum = 0.95, lastEpoch = -1 } = options;
    const { divFactor = 25, finalDivFactor = 1e4, threePhase = false } = options;
    if (totalSteps === null && epochs === null && stepsPerEpoch === null) {
      throw new ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)");
    }
    const total =
      totalSteps !== null
        ? positiveInteger("total_steps", totalSteps)
        : positiveInteger("epochs", epochs) * positiveInteger("steps_per_epoch", stepsPerEpoch);
    if (!(pctStart >= 0 && pctStart <= 1)) {
      throw new ValueError(`Expected float between 0 and 1 pct_start, but got ${pctStart}`);
    }
    if (annealStrategy !== "cos" && annealStrategy !== "linear") {
      throw new ValueError(`anneal_strategy must by one of 'cos' or 'linear', instead got ${annealStrategy}`);
    }
    const maxLrs = perGroup("max_lr", optimizer, maxLr);
    const useBeta1 = "betas" in optimizer.defaults;
    if (cycleMomentum && !useBeta1 && !("momentum" in optimizer.defaults)) {
      throw new ValueError(
        "optimizer must support momentum with `cycle_momentum` option enabled",
        "pass { cycleMomentum: false }, or use an optimizer with `momentum` or `betas`",
      );
    }
    if (lastEpoch === -1) {
      const high = perGroup("max_momentum", optimizer, maxMomentum);
      const low = perGroup("base_momentum", optimizer, baseMomentum);
      optimizer.paramGroups.forEach((group, i) => {
        group.initialLr = maxLrs[i]! / divFactor;
        group.maxLr = maxLrs[i]!;
        group.minLr = group.initialLr / finalDivFactor;
        if (!cycleMomentum) return;
        if (useBeta1) group.betas = [high[i]!, (group.betas as [number, number])[1]];
        else group.momentum = high[i]!;
        group.maxMomentum = high[i]!;
        group.baseMomentum = low[i]!;
      });
    }
    super(optimizer, options);
    this.totalSteps = total;
    const rise = pctStart * total - 1;
    this._schedulePhases = threePhase
      ? [
          phase(rise, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
          phase(2 * pctStart * total - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
          phase(total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]
      : [
          phase(rise, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
          phase(total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"),
        ];
    this.annealFunc =
      annealStrategy === "cos"
        ? (start, end, part) => end + ((start - end) / 2) * (Math.cos(Math.PI * part) + 1)
        : (start, end, part) => (end - start) * part + start;
    this.cycleMomentum = cycleMomentum;
    this.useBeta1 = useBeta1;
    this.initialStep();
  }

  protected override computeLr(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps) {
      throw new ValueError(`Tried to step ${step + 1} times. The specified number of total steps is ${this.totalSteps}`);
    }
    let start = 0;
    let i = 0;
    while (i < this._schedulePhases.length - 1 && step > this._schedulePhases[i]!.end_step) {
      start = this._schedulePhases[i]!.end_step;
      i++;
    }
    const now = this._schedulePhases[i]!;
    const part = (step - start) / (now.end_step - start);
    return this.optimizer.paramGroups.map((group) => {
      if (this.cycleMomentum) {
        const momentum = this.annealFunc(groupValue(group, now.start_momentum), groupValue(group, now.end_momentum), part);
        if (this.useBeta1) group.betas = [momentum, (group.betas as [number, number])[1]];
        else group.momentum = momentum;
      }
      return this.annealFunc(groupValue(group, now.start_lr), groupValue(group, now.end_lr), part);
    });
  }
}

keepClassNames({ OneCycleLR });
