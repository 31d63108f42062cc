import { keepClassNames } from "../core/className.ts";
import { int64 } from "../core/dtype.ts";
import { Module } from "../nn/module.ts";
import { noGrad, type Tensor, tensor } from "../tensor/core.ts";

/** The new average of a parameter, from the old one, the model's present value and the number of models averaged so far. */
export type AverageFunction = (averaged: Tensor, current: Tensor, count: Tensor) => Tensor;

export interface AveragedModelOptions {
  /** Default: the mean of all models. */
  avgFn?: AverageFunction | null;
  /** Whether buffers are averaged too. Default: false. */
  useBuffers?: boolean;
}

const mean: AverageFunction = (averaged, current, count) => averaged.add(current.sub(averaged).div(count.add(1)));

/**
 * A copy of a model whose parameters are averages over the training: the mean, or an exponential one by `avgFn`. `torch.optim.swa_utils.AveragedModel`.
 *
 * @source Averaging Weights Leads to Wider Optima and Better Generalization, https://arxiv.org/abs/1803.05407
 * @example
 * const model = new nn.Linear(2, 1);
 * const averaged = new optim.swaUtils.AveragedModel(model);
 * averaged.updateParameters(model); // after each epoch
 * averaged.nAveraged // tensor(1)
 */
export class AveragedModel<Args extends readonly unknown[], Out> extends Module<Args, Out> {
  readonly module: Module<Args, Out>;
  declare nAveraged: Tensor;
  private readonly avgFn: AverageFunction;
  private readonly useBuffers: boolean;

  constructor(model: Module<Args, Out>, options: AveragedModelOptions = {}) {
    super();
    this.module = model.deepcopy();
    this.registerBuffer("nAveraged", tensor(0, { dtype: int64 }));
    this.avgFn = options.avgFn ?? mean;
    this.useBuffers = options.useBuffers ?? false;
  }

  override forward(...args: Args): Out {
    return this.module.call(...args);
  }

  /** Takes a model into the average. The first is copied. */
  updateParameters(model: Module<Args, Out>): void {
    const tensorsOf = (m: Module<Args, Out>): Tensor[] => [...m.parameters(), ...(this.useBuffers ? m.buffers() : [])];
    const current = tensorsOf(model);
    const first = this.nAveraged.item() === 0;
    noGrad(() => {
      tensorsOf(this.module).forEach((averaged, i) => {
        averaged.copy_(first ? current[i]! : this.avgFn(averaged.detach(), current[i]!.detach(), this.nAveraged));
      });
      this.nAveraged.add_(1);
    });
  }
}

keepClassNames({ AveragedModel });
