import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, nextStep, scalarFromOld, scalarState, setScalar, type UpdateRule, variants, zeroState } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface NAdamOptions {
  /** Learning rate. Default: 2e-3. */
  lr?: number;
  /** How slowly the averages of the gradient and of its square move. Default: [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default: 1e-8. */
  eps?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Default: 4e-3. */
  momentumDecay?: number;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
}

interface NAdamState extends State {
  step: Tensor;
  mu_product: Tensor;
  exp_avg: Tensor;
  exp_avg_sq: Tensor;
}

const WEIGHT_DECAY = 1;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, expAvg, expAvgSq], s) => {
    const [gradRate, averageRate, bias2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, weightDecay] = s;
    const g = flags & WEIGHT_DECAY ? grad.add(p.mul(weightDecay)) : grad;
    const m = expAvg.mul(beta1).add(g.mul(oneMinusBeta1));
    const v = expAvgSq.mul(beta2).add(g.mul(oneMinusBeta2).mul(g));
    const denominator = v.div(bias2).sqrt().add(eps);
    return [p.add(g.mul(gradRate).div(denominator)).add(m.mul(averageRate).div(denominator)), m, v];
  };
  return new FusedUpdate("nadam", rule, 4, 9);
});

/**
 * Adam with Nesterov momentum. `torch.optim.NAdam`.
 *
 * @source Incorporating Nesterov Momentum into Adam, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.NAdam([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.8950, 1.8950])
 */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: ParamsInput<NAdamOptions>, options: NAdamOptions = {}) {
    checkArguments(
      "NAdam(any params, options? options, {float lr, float[] betas, float eps, float weightDecay, float momentumDecay, bool|None foreach})",
      params,
      options,
    );
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3, foreach = null } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(eps >= 0, "epsilon value", eps);
    checkOption(betas.length === 2 && betas[0] >= 0 && betas[0] < 1, "beta parameter at index 0", betas[0]);
    checkOption(betas[1] >= 0 && betas[1] < 1, "beta parameter at index 1", betas[1]);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    checkOption(momentumDecay >= 0, "momentum_decay value", momentumDecay);
    super(params, { lr, betas, eps, weightDecay, momentumDecay, foreach });
  }

  protected override updateGroup(group: ParamGroup<NAdamOptions>): void {
    const { lr, eps, weightDecay, momentumDecay } = group;
    const [beta1, beta2] = group.betas;
    const run = update(weightDecay !== 0 ? WEIGHT_DECAY : 0);
    const scalars = [0, 0, 0, eps, beta1, 1 - beta1, beta2, 1 - beta2, weightDecay];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as NAdamState | undefined;
      if (state === undefined) {
        state = { step: scalarState(0), mu_product: scalarState(1), exp_avg: zeroState(p), exp_avg_sq: zeroState(p) };
        this.state.set(p, state);
      }
      const step = nextStep(state.step);
      const mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
      const nextMu = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentumDecay));
      // The products are float32 tensors in PyTorch, and round as such.
      const product = Math.fround(state.mu_product.item() * Math.fround(mu));
      const nextProduct = Math.fround(Math.fround(product * Math.fround(mu)) * Math.fround(nextMu));
      setScalar(state.mu_product, product);
      scalars[0] = (-lr * (1 - mu)) / (1 - product);
      scalars[1] = (-lr * nextMu) / (1 - nextProduct);
      scalars[2] = 1 - beta2 ** step;
      run.run([p, p.ownGrad, state.exp_avg, state.exp_avg_sq], scalars);
    }
  }

  protected override upgradeState(state: State): void {
    state.step = scalarFromOld(state.step);
    state.mu_product = scalarFromOld(state.mu_product);
  }
}

keepClassNames({ NAdam });
