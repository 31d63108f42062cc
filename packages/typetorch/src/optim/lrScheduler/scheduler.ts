/**
 * What all learning rate schedulers share: they count epochs and write `lr` into the optimizer's groups.
 */
import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import { camelCase, type Dict, fieldsOf, scientific, snakeCase } from "../naming.ts";
import { checkOptimizer, type Optimizer } from "../optimizer.ts";

export interface LRSchedulerOptions {
  /** Index of the last epoch when training is resumed. Default: -1, a new training. */
  lastEpoch?: number;
  /** Whether every change is printed. Default: false. */
  verbose?: boolean;
}

/** The state of a scheduler under PyTorch's names (`step_size`, `last_epoch`, `_last_lr`). */
export type SchedulerStateDict = Record<string, unknown>;

/** The properties of a scheduler that make up its state, under PyTorch's names; `omit` names those that do not. */
export function stateOf(scheduler: object, omit: readonly string[] = []): SchedulerStateDict {
  const state: SchedulerStateDict = {};
  for (const [key, value] of Object.entries(scheduler)) {
    if (key === "optimizer" || typeof value === "function" || omit.includes(key)) continue;
    state[snakeCase(key)] = value;
  }
  return state;
}

/** Takes over what {@link stateOf} gave, or a file held. */
export function restoreState(scheduler: object, state: Dict, omit: readonly string[] = []): void {
  for (const [key, value] of fieldsOf(state)) {
    if (typeof value !== "function" && !omit.includes(key)) Object.assign(scheduler, { [camelCase(key)]: value });
  }
}

/** How often each optimizer's `step` ran since a scheduler was attached to it. */
const stepCounts = new WeakMap<Optimizer, number>();
const countingSteps = new WeakMap<Optimizer, Optimizer["step"]>();

function countSteps(optimizer: Optimizer): void {
  stepCounts.set(optimizer, 0);
  if (countingSteps.get(optimizer) === optimizer.step) return;
  const step = optimizer.step;
  const counting: Optimizer["step"] = function (this: Optimizer, closure) {
    stepCounts.set(this, (stepCounts.get(this) ?? 0) + 1);
    return step.call(this, closure as () => never);
  } as Optimizer["step"];
  optimizer.step = counting;
  countingSteps.set(optimizer, counting);
}

const userWarning = (message: string) => console.warn(`UserWarning: ${message}`);

/**
 * Base of the schedulers. A subclass computes the rates of all groups in `getLr` (from the present ones, or from `baseLrs`), and its constructor ends with
 * `this.initialStep()`. `_LRScheduler` in PyTorch 1.13.
 */
export abstract class LRScheduler {
  readonly optimizer: Optimizer;
  /** The rates at the start, one per group. */
  baseLrs: number[];
  /** How many epochs were finished. */
  lastEpoch: number;
  verbose: boolean;
  protected _stepCount = 0;
  protected _getLrCalledWithinStep = false;
  protected _lastLr: number[] = [];

  constructor(optimizer: Optimizer, options: LRSchedulerOptions = {}) {
    checkOptimizer(optimizer);
    const { lastEpoch = -1, verbose = false } = options;
    this.optimizer = optimizer;
    optimizer.paramGroups.forEach((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined) {
        throw new ValueError(`param 'initial_lr' is not specified in param_groups[${i}] when resuming an optimizer`);
      }
    });
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr!);
    this.lastEpoch = lastEpoch;
    this.verbose = verbose;
  }

  /** Sets the rates of epoch 0. */
  initialStep(): void {
    countSteps(this.optimizer);
    this._stepCount = 0;
    this.step();
  }

  /** The rate of every group for `lastEpoch`. Called by `step`; users read `getLastLr()`. */
  protected abstract computeLr(): number[];

  /** The rates as a function of `lastEpoch` alone, where there is one: used by `step(epoch)`. */
  protected closedFormLr(): number[] {
    return this.computeLr();
  }

  getLr(): number[] {
    if (!this._getLrCalledWithinStep) {
      userWarning("To get the last learning rate computed by the scheduler, please use `getLastLr()`.");
    }
    return this.computeLr();
  }

  /** The rates that the last `step` set, one per group. */
  getLastLr(): number[] {
    return this._lastLr;
  }

  /** Goes to the next epoch, after the optimizer's steps of this one; with `epoch`, to that one. */
  step(epoch?: number): void {
    if (this._stepCount === 1) {
      if (countingSteps.get(this.optimizer) !== this.optimizer.step) {
        userWarning(
          "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure to call `optimizer.step()` before `lrScheduler.step()`.",
        );
      } else if (stepCounts.get(this.optimizer) === 0) {
        userWarning(
          "Detected call of `lrScheduler.step()` before `optimizer.step()`. You should call them in the opposite order: `optimizer.step()` before `lrScheduler.step()`. Failure to do this will result in skipping the first value of the learning rate schedule.",
        );
      }
    }
    this._stepCount++;
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.applyLr(() => (epoch === undefined ? this.getLr() : this.closedFormLr()), epoch);
  }

  /** Writes the rates that `compute` gives into the groups. */
  protected applyLr(compute: () => number[], epoch?: number): void {
    this._getLrCalledWithinStep = true;
    let values: number[];
    try {
      values = compute();
    } finally {
      this._getLrCalledWithinStep = false;
    }
    const groups = this.optimizer.paramGroups;
    for (let i = 0; i < groups.length && i < values.length; i++) {
      groups[i]!.lr = values[i]!;
      this.printLr(i, values[i]!, epoch);
    }
    this._lastLr = groups.map((group) => group.lr);
  }

  private printLr(group: number, lr: number, epoch?: number): void {
    if (!this.verbose) return;
    if (epoch === undefined) console.log(`Adjusting learning rate of group ${group} to ${scientific(lr)}.`);
    else console.log(`Epoch ${formatEpoch(epoch)}: adjusting learning rate of group ${group} to ${scientific(lr)}.`);
  }

  /** Everything but the optimizer, under PyTorch's names. */
  stateDict(): SchedulerStateDict {
    return stateOf(this);
  }

  /** Takes over a state dict, also one of PyTorch as `torch.load` gives it. */
  loadStateDict(stateDict: Dict): void {
    restoreState(this, stateDict);
  }

  /** The groups' present rates, each through `change`. */
  protected mapLr(change: (lr: number, index: number) => number): number[] {
    return this.optimizer.paramGroups.map((group, i) => change(group.lr, i));
  }
}

/** `%.5d` for whole epochs, `%.2f` for others. */
export function formatEpoch(epoch: number): string {
  return Number.isInteger(epoch) ? String(epoch).padStart(5, "0") : epoch.toFixed(2);
}

/** One value per group: a number is repeated, a list must have the right length. */
export function perGroup(name: string, optimizer: Optimizer, value: number | readonly number[]): number[] {
  const groups = optimizer.paramGroups.length;
  if (typeof value === "number") return new Array<number>(groups).fill(value);
  if (value.length !== groups) throw new ValueError(`expected ${groups} values for ${name}, got ${value.length}`);
  return [...value];
}

/** How many elements of an ascending list are at most `x`: where `x` would be inserted behind its equals. */
export function bisectRight(list: readonly number[], x: number): number {
  let i = 0;
  while (i < list.length && list[i]! <= x) i++;
  return i;
}

keepClassNames({ LRScheduler });
