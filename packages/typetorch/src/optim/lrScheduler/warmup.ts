import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, type LRSchedulerOptions } from "./scheduler.ts";

export interface ConstantLROptions extends LRSchedulerOptions {
  /** Default: 1/3. */
  factor?: number;
  /** Epochs until the full rate. Default: 5. */
  totalIters?: number;
}

/**
 * The rate times `factor` for the first `totalIters` epochs. `torch.optim.lr_scheduler.ConstantLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.ConstantLR(optimizer, { factor: 0.5, totalIters: 4 });
 * scheduler.getLastLr() // [0.5]
 */
export class ConstantLR extends LRScheduler {
  factor: number;
  totalIters: number;

  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    super(optimizer, options);
    this.factor = options.factor ?? 1 / 3;
    this.totalIters = options.totalIters ?? 5;
    if (this.factor > 1 || this.factor < 0) {
      throw new ValueError("Constant multiplicative factor expected to be between 0 and 1.", `factor is ${this.factor}`);
    }
    this.initialStep();
  }
  protected override computeLr(): number[] {
    if (this.lastEpoch === 0) return this.mapLr((lr) => lr * this.factor);
    return this.mapLr((lr) => (this.lastEpoch === this.totalIters ? lr * (1 / this.factor) : lr));
  }
  protected override closedFormLr(): number[] {
    const done = this.lastEpoch >= this.totalIters ? 1 : 0;
    return this.baseLrs.map((lr) => lr * (this.factor + done * (1 - this.factor)));
  }
}

export interface LinearLROptions extends LRSchedulerOptions {
  /** Default: 1/3. */
  startFactor?: number;
  /** Default: 1. */
  endFactor?: number;
  /** Epochs from the start factor to the end factor. Default: 5. */
  totalIters?: number;
}

/**
 * The rate's factor goes linearly from `startFactor` to `endFactor` in `totalIters` epochs. `torch.optim.lr_scheduler.LinearLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.LinearLR(optimizer, { startFactor: 0.5, totalIters: 10 });
 * scheduler.getLastLr() // [0.5]
 */
export class LinearLR extends LRScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    super(optimizer, options);
    this.startFactor = options.startFactor ?? 1 / 3;
    this.endFactor = options.endFactor ?? 1;
    this.totalIters = options.totalIters ?? 5;
    if (this.startFactor > 1 || this.startFactor < 0) {
      throw new ValueError(
        "Starting multiplicative factor expected to be between 0 and 1.",
        `startFactor is ${this.startFactor}`,
      );
    }
    if (this.endFactor > 1 || this.endFactor < 0) {
      throw new ValueError("Ending multiplicative factor expected to be between 0 and 1.", `endFactor is ${this.endFactor}`);
    }
    this.initialStep();
  }
  protected override computeLr(): number[] {
    const range = this.endFactor - this.startFactor;
    return this.mapLr((lr) => {
      if (this.lastEpoch === 0) return lr * this.startFactor;
      if (this.lastEpoch > this.totalIters) return lr;
      return lr * (1 + range / (this.totalIters * this.startFactor + (this.lastEpoch - 1) * range));
    });
  }
  protected override closedFormLr(): number[] {
    const part = Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((lr) => lr * (this.startFactor + (this.endFactor - this.startFactor) * part));
  }
}

export interface PolynomialLROptions extends LRSchedulerOptions {
  /** Epochs until the rate is 0. Default: 5. */
  totalIters?: number;
  /** Default: 1. */
  power?: number;
}

/**
 * lr = initial * (1 - epoch / totalIters) ^ power. `torch.optim.lr_scheduler.PolynomialLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.PolynomialLR(optimizer, { totalIters: 4 });
 * for (let i = 0; i < 2; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [0.5]
 */
export class PolynomialLR extends LRScheduler {
  totalIters: number;
  power: number;

  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    super(optimizer, options);
    this.totalIters = options.totalIters ?? 5;
    this.power = options.power ?? 1;
    this.initialStep();
  }
  protected override computeLr(): number[] {
    if (this.lastEpoch === 0 || this.lastEpoch > this.totalIters) return this.mapLr((lr) => lr);
    const decay = ((1 - this.lastEpoch / this.totalIters) / (1 - (this.lastEpoch - 1) / this.totalIters)) ** this.power;
    return this.mapLr((lr) => lr * decay);
  }
  protected override closedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * (1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters) ** this.power);
  }
}

keepClassNames({ ConstantLR, LinearLR, PolynomialLR });
