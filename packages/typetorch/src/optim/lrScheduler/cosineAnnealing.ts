import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, type LRSchedulerOptions } from "./scheduler.ts";

export interface CosineAnnealingLROptions extends LRSchedulerOptions {
  /** The lowest rate. Default: 0. */
  etaMin?: number;
}

/**
 * lr = etaMin + (initial - etaMin) * (1 + cos(pi * epoch / T_max)) / 2, in its recursive form. `torch.optim.lr_scheduler.CosineAnnealingLR`.
 *
 * @source SGDR: Stochastic Gradient Descent with Warm Restarts, https://arxiv.org/abs/1608.03983
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, 100);
 * scheduler.getLastLr() // [1]
 */
export class CosineAnnealingLR extends LRScheduler {
  T_max: number;
  etaMin: number;

  constructor(optimizer: Optimizer, T_max: number, options: CosineAnnealingLROptions = {}) {
    super(optimizer, options);
    this.T_max = T_max;
    this.etaMin = options.etaMin ?? 0;
    this.initialStep();
  }
  protected override computeLr(): number[] {
    const { lastEpoch: epoch, T_max, etaMin, baseLrs } = this;
    if (epoch === 0) return this.mapLr((lr) => lr);
    if (this._stepCount === 1 && epoch > 0) {
      return baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((epoch * Math.PI) / T_max))) / 2);
    }
    if ((epoch - 1 - T_max) % (2 * T_max) === 0) {
      return this.mapLr((lr, i) => lr + ((baseLrs[i]! - etaMin) * (1 - Math.cos(Math.PI / T_max))) / 2);
    }
    const factor = (1 + Math.cos((Math.PI * epoch) / T_max)) / (1 + Math.cos((Math.PI * (epoch - 1)) / T_max));
    return this.mapLr((lr) => factor * (lr - etaMin) + etaMin);
  }
  protected override closedFormLr(): number[] {
    const { lastEpoch, T_max, etaMin } = this;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * lastEpoch) / T_max))) / 2);
  }
}

export interface CosineAnnealingWarmRestartsOptions extends CosineAnnealingLROptions {
  /** Each period is this many times as long as the one before. Default: 1. */
  T_mult?: number;
}

/**
 * Cosine annealing that starts again after `T_0` epochs, then after `T_0 * T_mult`, … `step(epoch)` takes fractions of epochs.
 * `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
 *
 * @source SGDR: Stochastic Gradient Descent with Warm Restarts, https://arxiv.org/abs/1608.03983
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.CosineAnnealingWarmRestarts(optimizer, 10, { T_mult: 2 });
 * for (let i = 0; i < 10; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [1]
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  T_0: number;
  T_i: number;
  T_mult: number;
  etaMin: number;
  T_cur: number;

  constructor(optimizer: Optimizer, T_0: number, options: CosineAnnealingWarmRestartsOptions = {}) {
    const { T_mult = 1, etaMin = 0, lastEpoch = -1 } = options;
    if (T_0 <= 0 || !Number.isInteger(T_0)) throw new ValueError(`Expected positive integer T_0, but got ${T_0}`);
    if (T_mult < 1 || !Number.isInteger(T_mult)) throw new ValueError(`Expected integer T_mult >= 1, but got ${T_mult}`);
    super(optimizer, options);
    this.T_0 = T_0;
    this.T_i = T_0;
    this.T_mult = T_mult;
    this.etaMin = etaMin;
    this.T_cur = lastEpoch;
    this.initialStep();
  }
  protected override computeLr(): number[] {
    const factor = 1 + Math.cos((Math.PI * this.T_cur) / this.T_i);
    return this.baseLrs.map((lr) => this.etaMin + ((lr - this.etaMin) * factor) / 2);
  }
  override step(epoch?: number): void {
    let target = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (target === undefined) {
      target = this.lastEpoch + 1;
      this.T_cur += 1;
      if (this.T_cur >= this.T_i) {
        this.T_cur -= this.T_i;
        this.T_i *= this.T_mult;
      }
    } else {
      if (target < 0) throw new ValueError(`Expected non-negative epoch, but got ${target}`);
      if (target >= this.T_0) {
        if (this.T_mult === 1) this.T_cur = target % this.T_0;
        else {
          const n = Math.trunc(Math.log((target / this.T_0) * (this.T_mult - 1) + 1) / Math.log(this.T_mult));
          this.T_cur = target - (this.T_0 * (this.T_mult ** n - 1)) / (this.T_mult - 1);
          this.T_i = this.T_0 * this.T_mult ** n;
        }
      } else {
        this.T_i = this.T_0;
        this.T_cur = target;
      }
    }
    this.lastEpoch = Math.floor(target);
    this.applyLr(() => this.getLr(), epoch);
  }
}

keepClassNames({ CosineAnnealingLR, CosineAnnealingWarmRestarts });
