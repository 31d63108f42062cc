import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, nextStep, scalarFromOld, scalarState, type UpdateRule, variants, zeroState } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface AdamOptions {
  /** Learning rate. Default: 1e-3. */
  lr?: number;
  /** How slowly the averages of the gradient and of its square move. Default: [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default: 1e-8. */
  eps?: number;
  /** L2 penalty (Adam), or decay of the weights themselves (AdamW). Default: 0 (Adam), 0.01 (AdamW). */
  weightDecay?: number;
  /** Whether the largest average of squares so far is used. Default: false. */
  amsgrad?: boolean;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Accepted for PyTorch's sake. */
  capturable?: boolean;
  /** Whether gradients flow through the step (Adam only). Default: false. */
  differentiable?: boolean;
  /** Accepted for PyTorch's sake; steps are always fused. */
  fused?: boolean;
}

interface AdamState extends State {
  step: Tensor;
  exp_avg: Tensor;
  exp_avg_sq: Tensor;
  max_exp_avg_sq?: Tensor;
}

const MAXIMIZE = 1;
const L2_PENALTY = 2;
const AMSGRAD = 4;
const DECOUPLED_DECAY = 8;

const update = variants((flags) => {
  const rule: UpdateRule = ([param, grad, expAvg, expAvgSq, maxExpAvgSq], s) => {
    const [negativeStepSize, rootBias2, eps, beta1, oneMinusBeta1, beta2, oneMinusBeta2, decay] = s;
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & L2_PENALTY) g = g.add(param.mul(decay));
    const p = flags & DECOUPLED_DECAY ? param.mul(decay) : param;
    const m = expAvg.mul(beta1).add(g.mul(oneMinusBeta1));
    const v = expAvgSq.mul(beta2).add(g.mul(oneMinusBeta2).mul(g));
    const largest = flags & AMSGRAD ? maxExpAvgSq.maximum(v) : v;
    const denominator = largest.sqrt().div(rootBias2).add(eps);
    const next = p.add(m.mul(negativeStepSize).div(denominator));
    return flags & AMSGRAD ? [next, m, v, largest] : [next, m, v];
  };
  return new FusedUpdate("adam", rule, flags & AMSGRAD ? 5 : 4, 8);
});

/** Adam and AdamW, which differ in the decay alone. */
abstract class AdamBase extends Optimizer<AdamOptions> {
  /** `weightDecay` is a factor on the weights rather than a term of the gradient. */
  protected abstract readonly decoupled: boolean;

  protected static checked(options: AdamOptions, weightDecay: number): Required<AdamOptions> {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, amsgrad = false, maximize = false, foreach = null } = options;
    const { capturable = false, differentiable = false, fused = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(eps >= 0, "epsilon value", eps);
    checkOption(betas.length === 2 && betas[0] >= 0 && betas[0] < 1, "beta parameter at index 0", betas[0]);
    checkOption(betas[1] >= 0 && betas[1] < 1, "beta parameter at index 1", betas[1]);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    return { lr, betas, eps, weightDecay, amsgrad, maximize, foreach, capturable, differentiable, fused };
  }

  protected override updateGroup(group: ParamGroup<AdamOptions>): void {
    const { lr, eps, weightDecay, amsgrad, maximize } = group;
    const [beta1, beta2] = group.betas;
    const decay = this.decoupled ? 1 - lr * weightDecay : weightDecay;
    const decayFlag = this.decoupled ? DECOUPLED_DECAY : L2_PENALTY;
    const run = update((maximize ? MAXIMIZE : 0) | (weightDecay !== 0 ? decayFlag : 0) | (amsgrad ? AMSGRAD : 0));
    const scalars = [0, 0, eps, beta1, 1 - beta1, beta2, 1 - beta2, decay];
    let scalarsOf = -1;
    for (const p of group.params) {
      const grad = p.ownGrad;
      if (grad === null) continue;
      let state = this.state.get(p) as AdamState | undefined;
      if (state === undefined) {
        state = { step: scalarState(0), exp_avg: zeroState(p), exp_avg_sq: zeroState(p) };
        if (amsgrad) state.max_exp_avg_sq = zeroState(p);
        this.state.set(p, state);
      }
      const step = nextStep(state.step);
      if (step !== scalarsOf) {
        scalars[0] = -(lr / (1 - beta1 ** step));
        scalars[1] = Math.sqrt(1 - beta2 ** step);
        scalarsOf = step;
      }
      const x = [p, grad, state.exp_avg, state.exp_avg_sq];
      if (amsgrad) x.push((state.max_exp_avg_sq ??= zeroState(p)));
      run.run(x, scalars, group.differentiable);
    }
  }

  protected override upgradeState(state: State): void {
    state.step = scalarFromOld(state.step);
  }
}

/**
 * Adam: p = p - lr m̂ / (sqrt(v̂) + eps), where m̂ and v̂ are bias-corrected moving averages of the gradient and of its square. `torch.optim.Adam`.
 *
 * @source Adam: A Method for Stochastic Optimization, https://arxiv.org/abs/1412.6980
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.Adam([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.9000, 1.9000])
 */
export class Adam extends AdamBase {
  protected override get decoupled(): boolean {
    return false;
  }
  constructor(params: ParamsInput<AdamOptions>, options: AdamOptions = {}) {
    checkArguments(
      "Adam(any params, options? options, {float lr, float[] betas, float eps, float weightDecay, bool amsgrad, bool maximize, bool|None foreach, bool capturable, bool differentiable, bool fused})",
      params,
      options,
    );
    super(params, AdamBase.checked(options, options.weightDecay ?? 0));
  }
}

/**
 * Adam whose weight decay acts on the weights, not on the gradient: p = (1 - lr weightDecay) p before the step. `torch.optim.AdamW`.
 *
 * @source Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.AdamW([w], { lr: 0.1, weightDecay: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.8900, 1.8800])
 */
export class AdamW extends AdamBase {
  protected override get decoupled(): boolean {
    return true;
  }
  constructor(params: ParamsInput<AdamOptions>, options: Omit<AdamOptions, "differentiable" | "fused"> = {}) {
    checkArguments(
      "AdamW(any params, options? options, {float lr, float[] betas, float eps, float weightDecay, bool amsgrad, bool maximize, bool|None foreach, bool capturable})",
      params,
      options,
    );
    const { differentiable: _d, fused: _f, ...defaults } = AdamBase.checked(options, options.weightDecay ?? 1e-2);
    super(params, defaults);
  }
}

keepClassNames({ Adam, AdamW });
