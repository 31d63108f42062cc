import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, nextStep, scalarFromOld, scalarState, type UpdateRule, variants, zeroState } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface RAdamOptions {
  /** Learning rate. Default: 1e-3. */
  lr?: number;
  /** How slowly the averages of the gradient and of its square move. Default: [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default: 1e-8. */
  eps?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
}

interface RAdamState extends State {
  step: Tensor;
  exp_avg: Tensor;
  exp_avg_sq: Tensor;
}

const WEIGHT_DECAY = 1;
/** Enough steps were made for the average of squares to be trusted. */
const RECTIFIED = 2;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, expAvg, expAvgSq], s) => {
    const [lr, bias1, rootBias2, rectification, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay] = s;
    const g = flags & WEIGHT_DECAY ? grad.add(p.mul(weightDecay)) : grad;
    const m = expAvg.mul(beta1).add(g.mul(oneMinusBeta1));
    const v = expAvgSq.mul(beta2).add(g.mul(oneMinusBeta2).mul(g));
    const step = m.div(bias1).mul(lr);
    if (!(flags & RECTIFIED)) return [p.sub(step), m, v];
    return [p.sub(step.mul(v.sqrt().add(eps).reciprocal().mul(rootBias2)).mul(rectification)), m, v];
  };
  return new FusedUpdate("radam", rule, 4, 10);
});

/**
 * Rectified Adam: Adam that leaves the average of squares out until its variance is small enough. `torch.optim.RAdam`.
 *
 * @source On the Variance of the Adaptive Learning Rate and Beyond, https://arxiv.org/abs/1908.03265
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.RAdam([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.8000, 1.6000])
 */
export class RAdam extends Optimizer<RAdamOptions> {
  constructor(params: ParamsInput<RAdamOptions>, options: RAdamOptions = {}) {
    checkArguments(
      "RAdam(any params, options? options, {float lr, float[] betas, float eps, float weightDecay, bool|None foreach})",
      params,
      options,
    );
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, foreach = null } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(eps >= 0, "epsilon value", eps);
    checkOption(betas.length === 2 && betas[0] >= 0 && betas[0] < 1, "beta parameter at index 0", betas[0]);
    checkOption(betas[1] >= 0 && betas[1] < 1, "beta parameter at index 1", betas[1]);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    super(params, { lr, betas, eps, weightDecay, foreach });
  }

  protected override updateGroup(group: ParamGroup<RAdamOptions>): void {
    const { lr, eps, weightDecay } = group;
    const [beta1, beta2] = group.betas;
    const decayFlag = weightDecay !== 0 ? WEIGHT_DECAY : 0;
    const scalars = [lr, 0, 0, 0, eps, beta1, 1 - beta1, beta2, 1 - beta2, weightDecay];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as RAdamState | undefined;
      if (state === undefined) {
        state = { step: scalarState(0), exp_avg: zeroState(p), exp_avg_sq: zeroState(p) };
        this.state.set(p, state);
      }
      const step = nextStep(state.step);
      const bias2 = 1 - beta2 ** step;
      // Length of the simple moving average that the exponential one stands for, in the limit and now.
      const longest = 2 / (1 - beta2) - 1;
      const length = longest - (2 * step * beta2 ** step) / bias2;
      const rectified = length > 5;
      scalars[1] = 1 - beta1 ** step;
      scalars[2] = Math.sqrt(bias2);
      scalars[3] = rectified ? Math.sqrt(((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length)) : 0;
      update(decayFlag | (rectified ? RECTIFIED : 0)).run([p, p.ownGrad, state.exp_avg, state.exp_avg_sq], scalars);
    }
  }

  protected override upgradeState(state: State): void {
    state.step = scalarFromOld(state.step);
  }
}

keepClassNames({ RAdam });
