import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, nextStep, scalarFromOld, scalarState, setScalar, type UpdateRule, variants, zeroState } from "./fused.ts";
import { pythonRepr } from "./naming.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface ASGDOptions {
  /** Learning rate. Default: 1e-2. */
  lr?: number;
  /** Decay term. Default: 1e-4. */
  lambd?: number;
  /** Power of the rate's decay. Default: 0.75. */
  alpha?: number;
  /** Step at which averaging starts. Default: 1e6. */
  t0?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
}

interface ASGDState extends State {
  step: Tensor;
  eta: Tensor;
  mu: Tensor;
  ax: Tensor;
}

const MAXIMIZE = 1;
const WEIGHT_DECAY = 2;
/** `ax` follows the mean of the parameter instead of the parameter. */
const AVERAGING = 4;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, ax], [negativeEta, decay, mu, weightDecay]) => {
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & WEIGHT_DECAY) g = g.add(p.mul(weightDecay));
    const next = p.mul(decay).add(g.mul(negativeEta));
    return [next, flags & AVERAGING ? ax.add(next.sub(ax).mul(mu)) : next];
  };
  return new FusedUpdate("asgd", rule, 3, 4);
});

/**
 * Averaged stochastic gradient descent; `state.get(p).ax` holds the average. `torch.optim.ASGD`.
 *
 * @source Acceleration of stochastic approximation by averaging, https://dl.acm.org/citation.cfm?id=131098
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.ASGD([w], { lr: 0.1 });
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.8000, 1.6000])
 */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: ParamsInput<ASGDOptions>, options: ASGDOptions = {}) {
    checkArguments(
      "ASGD(any params, options? options, {float lr, float lambd, float alpha, float t0, float weightDecay, bool|None foreach, bool maximize})",
      params,
      options,
    );
    const { lr = 1e-2, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weightDecay = 0, foreach = null, maximize = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    super(params, { lr, lambd, alpha, t0, weightDecay, foreach, maximize });
  }

  protected override updateGroup(group: ParamGroup<ASGDOptions>): void {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    const flags = (maximize ? MAXIMIZE : 0) | (weightDecay !== 0 ? WEIGHT_DECAY : 0);
    const scalars = [0, 0, 0, weightDecay];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as ASGDState | undefined;
      if (state === undefined) {
        state = { step: scalarState(0), eta: scalarState(lr), mu: scalarState(1), ax: zeroState(p) };
        this.state.set(p, state);
      }
      const step = nextStep(state.step);
      const eta = state.eta.item();
      const mu = state.mu.item();
      scalars[0] = -eta;
      scalars[1] = 1 - lambd * eta;
      scalars[2] = mu;
      update(flags | (mu !== 1 ? AVERAGING : 0)).run([p, p.ownGrad, state.ax], scalars);
      setScalar(state.eta, lr / (1 + lambd * lr * step) ** alpha);
      setScalar(state.mu, 1 / Math.max(1, step - t0));
    }
  }

  protected override upgradeState(state: State): void {
    state.step = scalarFromOld(state.step);
    state.eta = scalarFromOld(state.eta);
    state.mu = scalarFromOld(state.mu);
  }

  /** The default start of averaging is the float 1000000.0 in PyTorch. */
  protected override formatOption(name: string, value: unknown): string {
    return name === "t0" && value === 1e6 ? "1000000.0" : pythonRepr(value);
  }
}

keepClassNames({ ASGD });
