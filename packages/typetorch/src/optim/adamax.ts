import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, nextStep, scalarFromOld, scalarState, type UpdateRule, variants, zeroState } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface AdamaxOptions {
  /** Learning rate. Default: 2e-3. */
  lr?: number;
  /** How slowly the average and the maximum move. Default: [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the gradient's size. Default: 1e-8. */
  eps?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
}

interface AdamaxState extends State {
  step: Tensor;
  exp_avg: Tensor;
  exp_inf: Tensor;
}

const MAXIMIZE = 1;
const WEIGHT_DECAY = 2;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, expAvg, expInf], [negativeRate, weightDecay, beta1, oneMinusBeta1, beta2, eps]) => {
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & WEIGHT_DECAY) g = g.add(p.mul(weightDecay));
    const m = expAvg.mul(beta1).add(g.mul(oneMinusBeta1));
    const u = expInf.mul(beta2).maximum(g.abs().add(eps));
    return [p.add(m.mul(negativeRate).div(u)), m, u];
  };
  return new FusedUpdate("adamax", rule, 4, 6);
});

/**
 * Adamax, Adam with the infinity norm: u = max(beta2 u, |g| + eps); p = p - lr / (1 - beta1^t) m / u. `torch.optim.Adamax`.
 *
 * @source Adam: A Method for Stochastic Optimization, https://arxiv.org/abs/1412.6980
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.Adamax([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.9000, 1.9000])
 */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: ParamsInput<AdamaxOptions>, options: AdamaxOptions = {}) {
    checkArguments(
      "Adamax(any params, options? options, {float lr, float[] betas, float eps, float weightDecay, bool|None foreach, bool maximize})",
      params,
      options,
    );
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, foreach = null, maximize = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(eps >= 0, "epsilon value", eps);
    checkOption(betas.length === 2 && betas[0] >= 0 && betas[0] < 1, "beta parameter at index 0", betas[0]);
    checkOption(betas[1] >= 0 && betas[1] < 1, "beta parameter at index 1", betas[1]);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    super(params, { lr, betas, eps, weightDecay, foreach, maximize });
  }

  protected override updateGroup(group: ParamGroup<AdamaxOptions>): void {
    const { lr, eps, weightDecay, maximize } = group;
    const [beta1, beta2] = group.betas;
    const run = update((maximize ? MAXIMIZE : 0) | (weightDecay !== 0 ? WEIGHT_DECAY : 0));
    const scalars = [0, weightDecay, beta1, 1 - beta1, beta2, eps];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as AdamaxState | undefined;
      if (state === undefined) {
        state = { step: scalarState(0), exp_avg: zeroState(p), exp_inf: zeroState(p) };
        this.state.set(p, state);
      }
      scalars[0] = -(lr / (1 - beta1 ** nextStep(state.step)));
      run.run([p, p.ownGrad, state.exp_avg, state.exp_inf], scalars);
    }
  }

  protected override upgradeState(state: State): void {
    state.step = scalarFromOld(state.step);
  }
}

keepClassNames({ Adamax });
