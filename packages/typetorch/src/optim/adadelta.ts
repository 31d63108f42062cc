import { keepClassNames } from "../core/className.ts";
import { checkArguments } from "../ops/arguments.ts";
import type { Tensor } from "../tensor/core.ts";
import { FusedUpdate, type UpdateRule, variants, zeroState } from "./fused.ts";
import { pythonRepr } from "./naming.ts";
import { checkOption, Optimizer, type ParamGroup, type ParamsInput, type State } from "./optimizer.ts";

export interface AdadeltaOptions {
  /** Factor on each step. Default: 1. */
  lr?: number;
  /** How slowly the averages move. Default: 0.9. */
  rho?: number;
  /** Added inside the roots. Default: 1e-6. */
  eps?: number;
  /** L2 penalty. Default: 0. */
  weightDecay?: number;
  /** Accepted for PyTorch's sake; steps are always fused. */
  foreach?: boolean | null;
  /** Whether to ascend. Default: false. */
  maximize?: boolean;
}

interface AdadeltaState extends State {
  step: number;
  square_avg: Tensor;
  acc_delta: Tensor;
}

const MAXIMIZE = 1;
const WEIGHT_DECAY = 2;

const update = variants((flags) => {
  const rule: UpdateRule = ([p, grad, squareAvg, accDelta], [negativeLr, weightDecay, rho, oneMinusRho, eps]) => {
    let g = flags & MAXIMIZE ? grad.neg() : grad;
    if (flags & WEIGHT_DECAY) g = g.add(p.mul(weightDecay));
    const square = squareAvg.mul(rho).add(g.mul(oneMinusRho).mul(g));
    const delta = accDelta.add(eps).sqrt().div(square.add(eps).sqrt()).mul(g);
    return [p.add(delta.mul(negativeLr)), square, accDelta.mul(rho).add(delta.mul(oneMinusRho).mul(delta))];
  };
  return new FusedUpdate("adadelta", rule, 4, 5);
});

/**
 * Adadelta: the step is g times the root mean square of earlier steps over that of the gradients. `torch.optim.Adadelta`.
 *
 * @source ADADELTA: An Adaptive Learning Rate Method, https://arxiv.org/abs/1212.5701
 * @example
 * const w = torch.tensor([1, 2]).requiresGrad_();
 * const optimizer = new optim.Adadelta([w]);
 * w.square().sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.9968, 1.9968])
 */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: ParamsInput<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    checkArguments(
      "Adadelta(any params, options? options, {float lr, float rho, float eps, float weightDecay, bool|None foreach, bool maximize})",
      params,
      options,
    );
    const { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0, foreach = null, maximize = false } = options;
    checkOption(lr >= 0, "learning rate", lr);
    checkOption(rho >= 0 && rho <= 1, "rho value", rho);
    checkOption(eps >= 0, "epsilon value", eps);
    checkOption(weightDecay >= 0, "weight_decay value", weightDecay);
    super(params, { lr, rho, eps, weightDecay, maximize, foreach });
  }

  protected override updateGroup(group: ParamGroup<AdadeltaOptions>): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    const run = update((maximize ? MAXIMIZE : 0) | (weightDecay !== 0 ? WEIGHT_DECAY : 0));
    const scalars = [-lr, weightDecay, rho, 1 - rho, eps];
    for (const p of group.params) {
      if (p.ownGrad === null) continue;
      let state = this.state.get(p) as AdadeltaState | undefined;
      if (state === undefined) {
        state = { step: 0, square_avg: zeroState(p), acc_delta: zeroState(p) };
        this.state.set(p, state);
      }
      state.step++;
      run.run([p, p.ownGrad, state.square_avg, state.acc_delta], scalars);
    }
  }

  /** The default rate is the float 1.0 in PyTorch. */
  protected override formatOption(name: string, value: unknown): string {
    return name === "lr" && value === 1 ? "1.0" : pythonRepr(value);
  }
}

keepClassNames({ Adadelta });
