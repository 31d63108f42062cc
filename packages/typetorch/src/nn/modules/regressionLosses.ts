import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { Loss, type LossOptions, type Reduction } from "./lossBase.ts";

/**
 * `|input - target|`.
 * @see torch.nn.L1Loss
 * @example
 * new nn.L1Loss().call(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(1.2500)
 */
export class L1Loss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, { reduction: this.reduction });
  }
}

/**
 * `(input - target)^2`.
 * @see torch.nn.MSELoss
 * @example
 * const loss = new nn.MSELoss().call(torch.randn(3, 5), torch.randn(3, 5));
 */
export class MSELoss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * `log(1 + exp(-target * input))`, with targets 1 and -1.
 * @see torch.nn.SoftMarginLoss
 * @example
 * new nn.SoftMarginLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, -1])) // tensor(1.3005)
 */
export class SoftMarginLoss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, { reduction: this.reduction });
  }
}

interface SmoothL1LossOptions extends LossOptions {
  /** Where the square ends. Default: 1. */
  beta?: number;
}
/**
 * Squared near 0, absolute from `beta` on.
 * @source Girshick 2015, arXiv:1504.08083   @see torch.nn.SmoothL1Loss
 * @example
 * new nn.SmoothL1Loss().call(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(0.8125)
 */
export class SmoothL1Loss extends Loss {
  readonly beta: number;
  constructor(options: SmoothL1LossOptions = {}) {
    checkArguments("SmoothL1Loss(options? options, {float beta, str reduction})", options);
    super(options);
    this.beta = options.beta ?? 1;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, { beta: this.beta, reduction: this.reduction });
  }
}

interface HuberLossOptions extends LossOptions {
  /** Where the square ends. Default: 1. */
  delta?: number;
}
/**
 * `d^2 / 2` up to `delta`, then `delta * (|d| - delta / 2)`, with d = input - target.
 * @source Huber 1964   @see torch.nn.HuberLoss
 * @example
 * new nn.HuberLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(0.8125)
 */
export class HuberLoss extends Loss {
  readonly delta: number;
  constructor(options: HuberLossOptions = {}) {
    checkArguments("HuberLoss(options? options, {float delta, str reduction})", options);
    super(options);
    this.delta = options.delta ?? 1;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, { delta: this.delta, reduction: this.reduction });
  }
}

interface KLDivLossOptions extends Omit<LossOptions, "reduction"> {
  /** `batchmean` is the sum over the batch size. Default: `mean`. */
  reduction?: Reduction | "batchmean";
  /** The target is a log-probability too. Default: false. */
  logTarget?: boolean;
}
/**
 * `target * (log(target) - input)`, with an input of log-probabilities. `batchmean` divides the sum by the batch size, which is the divergence itself.
 * @see torch.nn.KLDivLoss
 * @example
 * new nn.KLDivLoss({ reduction: "batchmean" }).call(torch.tensor([[0.3, 0.7]]).log(), torch.tensor([[0.5, 0.5]])) // tensor(0.0872)
 */
export class KLDivLoss extends Module<[input: Tensor, target: Tensor]> {
  readonly reduction: Reduction | "batchmean";
  readonly logTarget: boolean;
  constructor(options: KLDivLossOptions = {}) {
    checkArguments("KLDivLoss(options? options, {str reduction, bool logTarget})", options);
    super();
    this.reduction = options.reduction ?? "mean";
    this.logTarget = options.logTarget ?? false;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, { logTarget: this.logTarget, reduction: this.reduction });
  }
}

interface PoissonNLLLossOptions extends LossOptions {
  /** The input is the logarithm of the rate. Default: true. */
  logInput?: boolean;
  /** Add the Stirling approximation of log(target!). Default: false. */
  full?: boolean;
  /** Default: 1e-8. */
  eps?: number;
}
/**
 * `exp(input) - target * input` (or `input - target * log(input + eps)`).
 * @see torch.nn.PoissonNLLLoss
 * @example
 * new nn.PoissonNLLLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(4.2689)
 */
export class PoissonNLLLoss extends Loss {
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;
  constructor(...rest: Trailing<[logInput: boolean, full: boolean], PoissonNLLLossOptions>) {
    checkArguments("PoissonNLLLoss(~logInput, ~full, {bool logInput, bool full, float eps, str reduction})", ...rest);
    const options = trailing<PoissonNLLLossOptions>(rest, ["logInput", "full"]);
    super(options);
    this.logInput = options.logInput ?? true;
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-8;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(input, target, {
      logInput: this.logInput,
      full: this.full,
      eps: this.eps,
      reduction: this.reduction,
    });
  }
}

interface GaussianNLLLossOptions extends LossOptions {
  /** Add the constant log(2 pi) / 2. Default: false. */
  full?: boolean;
  /** The smallest variance. Default: 1e-6. */
  eps?: number;
}
/**
 * `(log(var) + (input - target)^2 / var) / 2`.
 * @see torch.nn.GaussianNLLLoss
 * @example
 * new nn.GaussianNLLLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, 0]), torch.ones(2)) // tensor(1.0625)
 */
export class GaussianNLLLoss extends Loss<[input: Tensor, target: Tensor, variance: Tensor]> {
  readonly full: boolean;
  readonly eps: number;
  constructor(options: GaussianNLLLossOptions = {}) {
    checkArguments("GaussianNLLLoss(options? options, {bool full, float eps, str reduction})", options);
    super(options);
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-6;
  }
  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(input, target, variance, { full: this.full, eps: this.eps, reduction: this.reduction });
  }
}

keepClassNames({ L1Loss, MSELoss, SoftMarginLoss, SmoothL1Loss, HuberLoss, KLDivLoss, PoissonNLLLoss, GaussianNLLLoss });
