import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import type { Optimizer } from "../optimizer.ts";
import { type Dict, recordOf } from "../naming.ts";
import { bisectRight, type LRScheduler, restoreState, type SchedulerStateDict, stateOf } from "./scheduler.ts";

/** What the schedulers made of schedulers share: one state dict inside the other. */
abstract class CompositeScheduler {
  readonly optimizer: Optimizer;
  protected _schedulers: LRScheduler[];
  protected _lastLr: number[] = [];

  constructor(optimizer: Optimizer, schedulers: readonly LRScheduler[]) {
    this.optimizer = optimizer;
    this._schedulers = [...schedulers];
  }
  abstract step(): void;

  /** The rates that the last `step` set, one per group. */
  getLastLr(): number[] {
    return this._lastLr;
  }
  stateDict(): SchedulerStateDict {
    const state = stateOf(this, ["_schedulers"]);
    state._schedulers = this._schedulers.map((scheduler) => scheduler.stateDict());
    return state;
  }
  loadStateDict(stateDict: Dict): void {
    restoreState(this, stateDict, ["_schedulers"]);
    (recordOf(stateDict)._schedulers as Dict[]).forEach((state, i) => {
      this._schedulers[i]!.loadStateDict(state);
    });
  }
}

export interface SequentialLROptions {
  /** Default: -1. */
  lastEpoch?: number;
}

/**
 * One scheduler after another; `milestones[i]` is the epoch at which scheduler i + 1 takes over. `torch.optim.lr_scheduler.SequentialLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const { LinearLR, ExponentialLR, SequentialLR } = optim.lrScheduler;
 * const warmup = new LinearLR(optimizer, { startFactor: 0.5, totalIters: 5 });
 * const scheduler = new SequentialLR(optimizer, [warmup, new ExponentialLR(optimizer, 0.9)], [5]);
 * scheduler.getLastLr() // [0.5]
 */
export class SequentialLR extends CompositeScheduler {
  protected _milestones: number[];
  lastEpoch: number;

  constructor(
    optimizer: Optimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    options: SequentialLROptions = {},
  ) {
    schedulers.forEach((scheduler, i) => {
      if (scheduler.optimizer !== optimizer) {
        throw new ValueError(
          `Sequential Schedulers expects all schedulers to belong to the same optimizer, but got schedulers at index ${i} to be different than the optimizer passed in.`,
        );
      }
    });
    if (milestones.length !== schedulers.length - 1) {
      throw new ValueError(
        `Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but got number of schedulers ${schedulers.length} and the number of milestones to be equal to ${milestones.length}`,
      );
    }
    super(optimizer, schedulers);
    this._milestones = [...milestones];
    this.lastEpoch = (options.lastEpoch ?? -1) + 1;
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    for (const scheduler of this._schedulers) scheduler.lastEpoch -= 1; // undoes the step each made when it was constructed
    this._schedulers[0]!.initialStep();
    this._lastLr = this._schedulers[0]!.getLastLr();
  }

  override step(): void {
    this.lastEpoch++;
    const i = bisectRight(this._milestones, this.lastEpoch);
    const scheduler = this._schedulers[i]!;
    if (i > 0 && this._milestones[i - 1] === this.lastEpoch) scheduler.step(0);
    else scheduler.step();
    this._lastLr = scheduler.getLastLr();
  }
}

/**
 * Several schedulers at once, each changing what the one before left. `torch.optim.lr_scheduler.ChainedScheduler`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const { ConstantLR, ExponentialLR, ChainedScheduler } = optim.lrScheduler;
 * const constant = new ConstantLR(optimizer, { factor: 0.5 });
 * new ChainedScheduler([constant, new ExponentialLR(optimizer, 0.9)]).getLastLr() // [0.5]
 */
export class ChainedScheduler extends CompositeScheduler {
  constructor(schedulers: readonly LRScheduler[]) {
    schedulers.forEach((scheduler, i) => {
      if (scheduler.optimizer !== schedulers[0]!.optimizer) {
        throw new ValueError(
          `ChainedScheduler expects all schedulers to belong to the same optimizer, but got schedulers at index 0 and ${i} to be different`,
        );
      }
    });
    if (schedulers.length === 0) throw new ValueError("ChainedScheduler got an empty list of schedulers");
    super(schedulers[0]!.optimizer, schedulers);
    this._lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  override step(): void {
    for (const scheduler of this._schedulers) scheduler.step();
    this._lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }
}

keepClassNames({ SequentialLR, ChainedScheduler });
