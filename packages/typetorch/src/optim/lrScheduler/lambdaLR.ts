import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import { camelCase, type Dict, fieldsOf, recordOf, snakeCase } from "../naming.ts";
import type { Optimizer } from "../optimizer.ts";
import { LRScheduler, type LRSchedulerOptions, restoreState, type SchedulerStateDict, stateOf } from "./scheduler.ts";

/** A factor as a function of the epoch: a function, or an object with `call(epoch)` whose properties are then part of the state dict. */
export type LrLambda = ((epoch: number) => number) | { call(epoch: number): number };

/** Base of the two schedulers that take functions. */
abstract class FunctionLR extends LRScheduler {
  lrLambdas: LrLambda[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda | readonly LrLambda[], options: LRSchedulerOptions = {}) {
    super(optimizer, options);
    const groups = optimizer.paramGroups.length;
    if (Array.isArray(lrLambda)) {
      if (lrLambda.length !== groups) throw new ValueError(`Expected ${groups} lr_lambdas, but got ${lrLambda.length}`);
      this.lrLambdas = [...lrLambda];
    } else this.lrLambdas = new Array<LrLambda>(groups).fill(lrLambda as LrLambda);
    this.initialStep();
  }

  protected factor(group: number): number {
    const lambda = this.lrLambdas[group]!;
    return typeof lambda === "function" ? lambda(this.lastEpoch) : lambda.call(this.lastEpoch);
  }

  /** Functions are not saved; callable objects are, by their properties. */
  override stateDict(): SchedulerStateDict {
    const state = stateOf(this, ["lrLambdas"]);
    state.lr_lambdas = this.lrLambdas.map((lambda) =>
      typeof lambda === "function" ? null : Object.fromEntries(Object.entries(lambda).map(([k, v]) => [snakeCase(k), v])),
    );
    return state;
  }

  override loadStateDict(stateDict: Dict): void {
    restoreState(this, stateDict, ["lr_lambdas"]);
    const saved = recordOf(stateDict).lr_lambdas as (Dict | null)[];
    saved.forEach((properties, i) => {
      if (properties !== null) {
        Object.assign(this.lrLambdas[i]!, Object.fromEntries(fieldsOf(properties).map(([k, v]) => [camelCase(k), v])));
      }
    });
  }
}

/**
 * The rate is the initial one times `lrLambda(epoch)`. `torch.optim.lr_scheduler.LambdaLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.LambdaLR(optimizer, (epoch) => 0.5 ** epoch);
 * for (let i = 0; i < 2; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [0.25]
 */
export class LambdaLR extends FunctionLR {
  protected override computeLr(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.factor(i));
  }
}

/**
 * The present rate is multiplied by `lrLambda(epoch)` at each step. `torch.optim.lr_scheduler.MultiplicativeLR`.
 *
 * @example
 * const optimizer = new optim.SGD([torch.zeros(1).requiresGrad_()], { lr: 1 });
 * const scheduler = new optim.lrScheduler.MultiplicativeLR(optimizer, () => 0.5);
 * for (let i = 0; i < 2; i++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * scheduler.getLastLr() // [0.25]
 */
export class MultiplicativeLR extends FunctionLR {
  protected override computeLr(): number[] {
    return this.mapLr((lr, i) => (this.lastEpoch > 0 ? lr * this.factor(i) : lr));
  }
}

keepClassNames({ LambdaLR, MultiplicativeLR });
