import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, filledState, nextStep, scalarFromOld, scalarState, type UpdateRule, variants } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface AdagradOptions {
  /** Learning rate. Default: 1e-2. */
  lr?: number;
  /** The rate at step t is lr / (1 + (t - 1) lrDecay). Default: 0. */
  lrDecay?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Where the sum of squares starts. Default: 0. */
  initialAccumulatorValue?: number;
  /** Added to the denominator. Default: 1e-10. */
  eps?: number;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
}

interface AdagradState extends State {
  step: Tensor;
  sum: Tensor;
}

const MAXIMIZE = 1;
const WEIGHT_DECAY = 2;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, sum], [negativeRate, weightDecay, eps]) => {
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & WEIGHT_DECAY) g = g.add(p.mul(weightDecay));
    const total = sum.add(g.mul(g));
    return [p.add(g.mul(negativeRate).div(total.sqrt().add(eps))), total];
  };
  return new FusedUpdate("adagrad", rule, 3, 3);
});

/**
 * Adagrad: s = s + g²; p = p - lr g / (sqrt(s) + eps). `torch.optim.Adagrad`.
 *
 * @source Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, http://jmlr.org/papers/v12/duchi11a.html
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.Adagrad([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.9000, 1.9000])
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: ParamsInput<AdagradOptions>, options: AdagradOptions = {}) {
    checkArguments(
      "Adagrad(any params, options? options, {float lr, float lrDecay, float weightDecay, float initialAccumulatorValue, float eps, bool|None foreach, bool maximize})",
      params,
      options,
    );
    const { lr = 1e-2, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options;
    const { foreach = null, maximize = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(lrDecay >= 0, "lr_decay value", lrDecay);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    checkOption(initialAccumulatorValue >= 0, "initial_accumulator_value value", initialAccumulatorValue);
    checkOption(eps >= 0, "epsilon value", eps);
    super(params, { lr, lrDecay, eps, weightDecay, initialAccumulatorValue, foreach, maximize });
    for (const group of this.paramGroups) for (const p of group.params) this.stateFor(p, group);
  }

  private stateFor(p: Tensor, group: ParamGroup<AdagradOptions>): AdagradState {
    let state = this.state.get(p) as AdagradState | undefined;
    if (state === undefined) {
      state = { step: scalarState(0), sum: filledState(p, group.initialAccumulatorValue) };
      this.state.set(p, state);
    }
    return state;
  }

  protected override updateGroup(group: ParamGroup<AdagradOptions>): void {
    const { lr, lrDecay, weightDecay, eps, maximize } = group;
    const run = update((maximize ? MAXIMIZE : 0) | (weightDecay !== 0 ? WEIGHT_DECAY : 0));
    const scalars = [0, weightDecay, eps];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      const state = this.stateFor(p, group);
      scalars[0] = -(lr / (1 + (nextStep(state.step) - 1) * lrDecay));
      run.run([p, p.ownGrad, state.sum], scalars);
    }
  }

  protected override upgradeState(state: State): void {
    state.step = scalarFromOld(state.step);
  }
}

keepClassNames({ Adagrad });
