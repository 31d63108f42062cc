import { keepClassNames } from "../../core/className.ts";
import { Counter } from "../../core/collections.ts";
import { type Dict, fieldsOf, recordOf } from "../naming.ts";
import type { Optimizer } from "../optimizer.ts";
import { bisectRight, LRScheduler, type LRSchedulerOptions, restoreState } from "./scheduler.ts";

export interface StepLROptions extends LRSchedulerOptions {
  /** Factor of each decay. Default: 0.1. */
  gamma?: number;
}

/**
 * The rate times `gamma` every `stepSize` epochs. `torch.optim.lr_scheduler.StepLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.StepLR(optimizer, 30, { gamma: 0.5 });
 * for (let i = 0; i < 30; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [0.5]
 */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  constructor(optimizer: Optimizer, stepSize: number, options: StepLROptions = {}) {
    super(optimizer, options);
    this.stepSize = stepSize;
    this.gamma = options.gamma ?? 0.1;
    this.initialStep();
  }
  protected override computeLr(): number[] {
    const decay = this.lastEpoch !== 0 && this.lastEpoch % this.stepSize === 0;
    return this.mapLr((lr) => (decay ? lr * this.gamma : lr));
  }
  protected override closedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }
}

/**
 * The rate times `gamma` at each epoch in `milestones`; one that is there twice counts twice. `torch.optim.lr_scheduler.MultiStepLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, [2, 4], { gamma: 0.5 });
 * for (let i = 0; i < 4; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [0.25]
 */
export class MultiStepLR extends LRScheduler {
  /** How often each milestone was given. */
  milestones: Map<number, number>;
  gamma: number;

  constructor(optimizer: Optimizer, milestones: Iterable<number>, options: StepLROptions = {}) {
    super(optimizer, options);
    this.milestones = new Counter();
    for (const epoch of milestones) this.milestones.set(epoch, (this.milestones.get(epoch) ?? 0) + 1);
    this.gamma = options.gamma ?? 0.1;
    this.initialStep();
  }
  protected override computeLr(): number[] {
    const times = this.milestones.get(this.lastEpoch);
    return this.mapLr((lr) => (times === undefined ? lr : lr * this.gamma ** times));
  }
  protected override closedFormLr(): number[] {
    const epochs = [...this.milestones].flatMap(([epoch, times]) => new Array<number>(times).fill(epoch)).sort((a, b) => a - b);
    return this.baseLrs.map((lr) => lr * this.gamma ** bisectRight(epochs, this.lastEpoch));
  }
  /** Milestones come as the `Map` of `stateDict()`, or as a plain object with the epochs as keys. */
  override loadStateDict(stateDict: Dict): void {
    restoreState(this, stateDict, ["milestones"]);
    const saved = fieldsOf(recordOf(stateDict).milestones as Dict);
    this.milestones = new Counter(saved.map(([epoch, times]) => [Number(epoch), times as number]));
  }
}

/**
 * The rate times `gamma` every epoch. `torch.optim.lr_scheduler.ExponentialLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.ExponentialLR(optimizer, 0.5);
 * for (let i = 0; i < 3; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [0.125]
 */
export class ExponentialLR extends LRScheduler {
  gamma: number;

  constructor(optimizer: Optimizer, gamma: number, options: LRSchedulerOptions = {}) {
    super(optimizer, options);
    this.gamma = gamma;
    this.initialStep();
  }
  protected override computeLr(): number[] {
    return this.mapLr((lr) => (this.lastEpoch === 0 ? lr : lr * this.gamma));
  }
  protected override closedFormLr(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }
}

keepClassNames({ StepLR, MultiStepLR, ExponentialLR });
