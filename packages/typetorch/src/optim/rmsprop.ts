import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, type UpdateRule, variants, zeroState } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface RMSpropOptions {
  /** Learning rate. Default: 1e-2. */
  lr?: number;
  /** How slowly the average of squares moves. Default: 0.99. */
  alpha?: number;
  /** Added to the denominator. Default: 1e-8. */
  eps?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Default: 0. */
  momentum?: number;
  /** Whether the gradient is divided by its standard deviation rather than its root mean square. Default: false. */
  centered?: boolean;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether gradients flow through the step. Default: false. */
  differentiable?: boolean;
}

interface RMSpropState extends State {
  step: number;
  square_avg: Tensor;
  momentum_buffer?: Tensor;
  grad_avg?: Tensor;
}

const MAXIMIZE = 1;
const WEIGHT_DECAY = 2;
const MOMENTUM = 4;
const CENTERED = 8;

const update = variants((flags) => {
  const momentumAt = 3;
  const averageAt = flags & MOMENTUM ? 4 : 3;
  const rule: UpdateRule = (x, [negativeLr, weightDecay, alpha, oneMinusAlpha, eps, momentum]) => {
    const [p, grad, squareAvg] = x;
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & WEIGHT_DECAY) g = g.add(p.mul(weightDecay));
    const square = squareAvg.mul(alpha).add(g.mul(oneMinusAlpha).mul(g));
    const average = flags & CENTERED ? x[averageAt].mul(alpha).add(g.mul(oneMinusAlpha)) : null;
    const root = (average === null ? square : square.sub(average.mul(average))).sqrt().add(eps);
    const state = [square];
    let next = p;
    if (flags & MOMENTUM) {
      const m = x[momentumAt].mul(momentum).add(g.div(root));
      state.push(m);
      next = p.add(m.mul(negativeLr));
    } else next = p.add(g.mul(negativeLr).div(root));
    if (average !== null) state.push(average);
    return [next, ...state];
  };
  return new FusedUpdate("rmsprop", rule, 3 + (flags & MOMENTUM ? 1 : 0) + (flags & CENTERED ? 1 : 0), 6);
});

/**
 * RMSprop: v = alpha v + (1 - alpha) g²; p = p - lr g / (sqrt(v) + eps). `torch.optim.RMSprop`.
 *
 * @source Lecture 6e of Neural Networks for Machine Learning, G. Hinton; centered: Generating Sequences With Recurrent Neural Networks, https://arxiv.org/abs/1308.0850
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.RMSprop([w], { lr: 0.01 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.9000, 1.9000])
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: ParamsInput<RMSpropOptions>, options: RMSpropOptions = {}) {
    checkArguments(
      "RMSprop(any params, options? options, {float lr, float alpha, float eps, float weightDecay, float momentum, bool centered, bool maximize, bool|None foreach, bool differentiable})",
      params,
      options,
    );
    const { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false } = options;
    const { maximize = false, foreach = null, differentiable = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(eps >= 0, "epsilon value", eps);
    checkOption(momentum >= 0, "momentum value", momentum);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    checkOption(alpha >= 0, "alpha value", alpha);
    super(params, { lr, momentum, alpha, eps, centered, weightDecay, foreach, maximize, differentiable });
  }

  protected override updateGroup(group: ParamGroup<RMSpropOptions>): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    const run = update(
      (maximize ? MAXIMIZE : 0) |
        (weightDecay !== 0 ? WEIGHT_DECAY : 0) |
        (momentum > 0 ? MOMENTUM : 0) |
        (centered ? CENTERED : 0),
    );
    const scalars = [-lr, weightDecay, alpha, 1 - alpha, eps, momentum];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as RMSpropState | undefined;
      if (state === undefined) {
        state = { step: 0, square_avg: zeroState(p) };
        this.state.set(p, state);
      }
      state.step++;
      const x = [p, p.ownGrad, state.square_avg];
      if (momentum > 0) x.push((state.momentum_buffer ??= zeroState(p)));
      if (centered) x.push((state.grad_avg ??= zeroState(p)));
      run.run(x, scalars, group.differentiable);
    }
  }
}

keepClassNames({ RMSprop });
