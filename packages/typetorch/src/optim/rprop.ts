import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, filledState, type UpdateRule, variants, zeroState } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface RpropOptions {
  /** First step size. Default: 1e-2. */
  lr?: number;
  /** Factors of the step size when the gradient's sign changed and when it stayed. Default: [0.5, 1.2]. */
  etas?: readonly [number, number];
  /** Bounds of the step size. Default: [1e-6, 50]. */
  stepSizes?: readonly [number, number];
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
}

interface RpropState extends State {
  step: number;
  prev: Tensor;
  step_size: Tensor;
}

const MAXIMIZE = 1;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, prev, stepSize], [etaMinus, etaPlus, smallest, largest]) => {
    const g = flags & MAXIMIZE ? grad.neg() : grad;
    const agreement = g.mul(prev);
    const turned = agreement.lt(0);
    const scaled = stepSize.mul(etaPlus).where(agreement.gt(0), stepSize.mul(etaMinus).where(turned, stepSize));
    const raised = scaled.where(scaled.lt(smallest).logicalNot(), smallest);
    const size = raised.where(raised.gt(largest).logicalNot(), largest);
    const used = g.where(turned.logicalNot(), 0);
    return [p.sub(used.sign().mul(size)), used, size];
  };
  return new FusedUpdate("rprop", rule, 4, 4);
});

/**
 * Resilient propagation: only the gradient's sign counts, and each element has a step size of its own. For full batches. `torch.optim.Rprop`.
 *
 * @source A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm, https://doi.org/10.1109/ICNN.1993.298623
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.Rprop([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.9000, 1.9000])
 */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: ParamsInput<RpropOptions>, options: RpropOptions = {}) {
    checkArguments(
      "Rprop(any params, options? options, {float lr, float[] etas, float[] stepSizes, bool|None foreach, bool maximize})",
      params,
      options,
    );
    const { lr = 1e-2, etas = [0.5, 1.2], stepSizes = [1e-6, 50], foreach = null, maximize = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(etas.length === 2 && etas[0] > 0 && etas[0] < 1 && etas[1] > 1, "eta values", etas[0], etas[1]);
    super(params, { lr, etas, stepSizes, foreach, maximize });
  }

  protected override updateGroup(group: ParamGroup<RpropOptions>): void {
    const run = update(group.maximize ? MAXIMIZE : 0);
    const scalars = [...group.etas, ...group.stepSizes];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as RpropState | undefined;
      if (state === undefined) {
        state = { step: 0, prev: zeroState(p), step_size: filledState(p, group.lr) };
        this.state.set(p, state);
      }
      state.step++;
      run.run([p, p.ownGrad, state.prev, state.step_size], scalars);
    }
  }
}

keepClassNames({ Rprop });
