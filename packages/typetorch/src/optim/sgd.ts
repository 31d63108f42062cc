import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import { ValueError } from "../core/errors.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, type UpdateRule, variants } from "./fused.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.ts";

export interface SGDOptions {
  /** Learning rate. Required, here or in each group. */
  lr?: number;
  /** Default: 0. */
  momentum?: number;
  /** How much of the gradient the momentum leaves out. Default: 0. */
  dampening?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Default: false. */
  nesterov?: boolean;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether gradients flow through the step. Default: false. */
  differentiable?: boolean;
}

const MAXIMIZE = 1;
const WEIGHT_DECAY = 2;
const MOMENTUM = 4;
/** The momentum buffer starts as this step's gradient. */
const FIRST = 8;
const NESTEROV = 16;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, buffer], [negativeLr, weightDecay, momentum, undamped]) => {
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & WEIGHT_DECAY) g = g.add(p.mul(weightDecay));
    if (!(flags & MOMENTUM)) return [p.add(g.mul(negativeLr))];
    const m = flags & FIRST ? g : buffer.mul(momentum).add(g.mul(undamped));
    const direction = flags & NESTEROV ? g.add(m.mul(momentum)) : m;
    return [p.add(direction.mul(negativeLr)), m];
  };
  return new FusedUpdate("sgd", rule, flags & MOMENTUM ? 3 : 2, 4);
});

/**
 * Stochastic gradient descent, optionally with momentum: m = momentum m + (1 - dampening) g; p = p - lr m. `torch.optim.SGD`.
 *
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.SGD([w], { lr: 0.1, momentum: 0.9 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.8000, 1.6000])
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: ParamsInput<SGDOptions>, options: SGDOptions = {}) {
    checkArguments(
      "SGD(any params, options? options, {float lr, float momentum, float dampening, float weightDecay, bool nesterov, bool maximize, bool|None foreach, bool differentiable})",
      params,
      options,
    );
    const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false } = options;
    const { foreach = null, differentiable = false } = options;
    checkOption(lr === undefined || lr >= 0, "learning rate", lr ?? 0);
    checkOption(momentum >= 0, "momentum value", momentum);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new ValueError("Nesterov momentum requires a momentum and zero dampening");
    }
    super(params, { lr, momentum, dampening, weightDecay, nesterov, maximize, foreach, differentiable });
  }

  protected override updateGroup(group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize, differentiable } = group;
    const flags =
      (maximize ? MAXIMIZE : 0) |
      (weightDecay !== 0 ? WEIGHT_DECAY : 0) |
      (momentum !== 0 ? MOMENTUM : 0) |
      (momentum !== 0 && nesterov ? NESTEROV : 0);
    const scalars = [-lr, weightDecay, momentum, 1 - dampening];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as { momentum_buffer: Tensor | null } | undefined;
      if (state === undefined) {
        state = { momentum_buffer: null };
        this.state.set(p, state);
      }
      if (momentum === 0) update(flags).run([p, p.ownGrad], scalars, differentiable);
      else if (state.momentum_buffer == null) {
        state.momentum_buffer = p.ownGrad.clone().detach();
        update(flags | FIRST).run([p, p.ownGrad, state.momentum_buffer], scalars, differentiable);
      } else update(flags).run([p, p.ownGrad, state.momentum_buffer], scalars, differentiable);
    }
  }
}

keepClassNames({ SGD });
