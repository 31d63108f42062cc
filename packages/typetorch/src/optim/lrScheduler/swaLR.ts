import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, type LRSchedulerOptions, perGroup } from "./scheduler.ts";

export interface SWALROptions extends LRSchedulerOptions {
  /** Default: 10. */
  annealEpochs?: number;
  /** Default: `cos`. */
  annealStrategy?: "cos" | "linear";
}

/**
 * Anneals the rate to a constant one, for stochastic weight averaging. `torch.optim.swa_utils.SWALR`.
 *
 * @source Averaging Weights Leads to Wider Optima and Better Generalization, https://arxiv.org/abs/1803.05407
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.swaUtils.SWALR(optimizer, 0.25, { annealEpochs: 1 });
 * optimizer.step();
 * scheduler.step();
 * scheduler.getLastLr() // [0.25]
 */
export class SWALR extends LRScheduler {
  annealEpochs: number;
  private readonly annealFunc: (part: number) => number;

  constructor(optimizer: Optimizer, swaLr: number | readonly number[], options: SWALROptions = {}) {
    const { annealEpochs = 10, annealStrategy = "cos" } = options;
    if (annealStrategy !== "cos" && annealStrategy !== "linear") {
      throw new ValueError(`anneal_strategy must by one of 'cos' or 'linear', instead got ${annealStrategy}`);
    }
    if (!Number.isInteger(annealEpochs) || annealEpochs < 0) {
      throw new ValueError(`anneal_epochs must be equal or greater than 0, got ${annealEpochs}`);
    }
    super(optimizer, options);
    const groups = optimizer.paramGroups.length;
    if (typeof swaLr !== "number" && swaLr.length !== groups) {
      throw new ValueError(
        `swa_lr must have the same length as optimizer.param_groups: swa_lr has ${swaLr.length}, optimizer.param_groups has ${groups}`,
      );
    }
    perGroup("swa_lr", optimizer, swaLr).forEach((lr, i) => {
      optimizer.paramGroups[i]!.swaLr = lr;
    });
    this.annealEpochs = annealEpochs;
    this.annealFunc = annealStrategy === "cos" ? (part) => (1 - Math.cos(Math.PI * part)) / 2 : (part) => part;
    this.initialStep();
  }

  protected override computeLr(): number[] {
    const step = this.annealEpochs === 0 ? Math.max(1, this._stepCount - 1) : this._stepCount - 1;
    const clamp = (part: number) => Math.max(0, Math.min(1, part));
    const before = this.annealFunc(clamp((step - 1) / Math.max(1, this.annealEpochs)));
    const now = this.annealFunc(clamp(step / Math.max(1, this.annealEpochs)));
    return this.optimizer.paramGroups.map((group) => {
      const swaLr = group.swaLr as number;
      const start = before === 1 ? swaLr : (group.lr - before * swaLr) / (1 - before);
      return swaLr * now + start * (1 - now);
    });
  }
}

keepClassNames({ SWALR });
