/**
 * Losses that compare numbers, each a pointwise op and a reduction.
 */
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError, DTypeError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { Num } from "../../ir/num.ts";
import { definePointwise } from "../../ops/pointwise.ts";
import { noGrad } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type LossReduction as Reduction, reduceLoss as reduce } from "../../ops/nn/crossEntropy.ts";

export interface LossOptions {
  /** Default: `mean`. */
  reduction?: Reduction;
}

const absoluteDifference = definePointwise(
  {
    name: "l1_loss",
    compute: "promote",
    forward: ([x, y]) => x!.sub(y!).abs(),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, y] = operands as readonly [T, T];
      const slope = x.sub(y).sign().mul(g);
      return [slope, slope.neg()];
    },
  },
  2,
);

const squaredDifference = definePointwise(
  {
    name: "mse_loss",
    compute: "promote",
    forward: ([x, y]) => x!.sub(y!).square(),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, y] = operands as readonly [T, T];
      const slope = x.sub(y).mul(2).mul(g);
      return [slope, slope.neg()];
    },
  },
  2,
);

/** `d^2 / (2 beta)` where |d| < beta, else `|d| - beta / 2`; p: beta */
const smoothDifference = definePointwise(
  {
    name: "smooth_l1_loss",
    compute: "promote",
    forward: ([x, y], [beta]) => {
      const size = x!.sub(y!).abs();
      const far = size.sub(beta!.mul(0.5));
      return size.square().mul(0.5).div(beta!).where(size.lt(beta!), far);
    },
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[], _out: T, [beta]: readonly (T | number)[]) {
      const [x, y] = operands as readonly [T, T];
      const d = x.sub(y);
      const slope = d.div(beta!).where(d.abs().lt(beta!), d.sign()).mul(g);
      return [slope, slope.neg()];
    },
  },
  2,
  1,
);

/** `d^2 / 2` where |d| < delta, else `delta (|d| - delta / 2)`; p: delta */
const huberDifference = definePointwise(
  {
    name: "huber_loss",
    compute: "promote",
    forward: ([x, y], [delta]) => {
      const size = x!.sub(y!).abs();
      const far = size.sub(delta!.mul(0.5)).mul(delta!);
      return size.square().mul(0.5).where(size.lt(delta!), far);
    },
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[], _out: T, [delta]: readonly (T | number)[]) {
      const [x, y] = operands as readonly [T, T];
      const d = x.sub(y);
      const slope = d.where(d.abs().lt(delta!), d.sign().mul(delta!)).mul(g);
      return [slope, slope.neg()];
    },
  },
  2,
  1,
);

/**
 * `|input - target|`.
 * @see torch.nn.functional.l1_loss
 * @example
 * F.l1Loss(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(1.2500)
 */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkArguments("l1_loss(Tensor input, Tensor target, options? options, {str reduction})", input, target, options);
  return reduce(absoluteDifference([input, target]), options.reduction ?? "mean");
}

/**
 * `(input - target)^2`.
 * @see torch.nn.functional.mse_loss
 * @example
 * F.mseLoss(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(2.1250)
 */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkArguments("mse_loss(Tensor input, Tensor target, options? options, {str reduction})", input, target, options);
  return reduce(squaredDifference([input, target]), options.reduction ?? "mean", "MseLossBackward0");
}

/**
 * `d^2 / (2 beta)` where |d| < beta, else `|d| - beta / 2`, with d = input - target.
 * @source Girshick 2015, arXiv:1504.08083   @see torch.nn.functional.smooth_l1_loss
 * @example
 * F.smoothL1Loss(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(0.8125)
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: LossOptions & { beta?: number } = {}): Tensor {
  checkArguments(
    "smooth_l1_loss(Tensor input, Tensor target, options? options, {str reduction, float beta})",
    input,
    target,
    options,
  );
  const { beta = 1, reduction = "mean" } = options;
  if (beta < 0) throw new ValueError("smooth_l1_loss does not support negative values for beta.", `beta is ${beta}`);
  if (beta === 0) return l1Loss(input, target, { reduction });
  return reduce(smoothDifference([input, target], [beta]), reduction, "SmoothL1LossBackward0");
}

/**
 * `d^2 / 2` where |d| < delta, else `delta (|d| - delta / 2)`, with d = input - target.
 * @source Huber 1964   @see torch.nn.functional.huber_loss
 * @example
 * F.huberLoss(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(0.8125)
 */
export function huberLoss(input: Tensor, target: Tensor, options: LossOptions & { delta?: number } = {}): Tensor {
  checkArguments(
    "huber_loss(Tensor input, Tensor target, options? options, {str reduction, float delta})",
    input,
    target,
    options,
  );
  const { delta = 1, reduction = "mean" } = options;
  if (!(delta > 0)) {
    throw new ValueError("huber_loss does not support non-positive values for delta.", `delta is ${delta}`);
  }
  return reduce(huberDifference([input, target], [delta]), reduction, "HuberLossBackward0");
}

/**
 * `log(1 + exp(-target * input))`, with targets 1 and -1.
 * @see torch.nn.functional.soft_margin_loss
 * @example
 * F.softMarginLoss(torch.tensor([0.5, 2]), torch.tensor([1, -1])) // tensor(1.3005)
 */
export function softMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkArguments("soft_margin_loss(Tensor input, Tensor target, options? options, {str reduction})", input, target, options);
  return reduce(input.mul(target).neg().exp().log1p(), options.reduction ?? "mean", "SoftMarginLossBackward0");
}

export interface KLDivOptions {
  /** `batchmean` divides the sum by the batch size. Default: `mean`. */
  reduction?: Reduction | "batchmean";
  /** The target is a log-probability too. Default: false. */
  logTarget?: boolean;
}

/**
 * `target * (log(target) - input)`, with an input of log-probabilities; 0 where the target is 0.
 * @see torch.nn.functional.kl_div
 * @example
 * F.klDiv(torch.tensor([[0.3, 0.7]]).log(), torch.tensor([[0.5, 0.5]]), { reduction: "batchmean" }) // tensor(0.0872)
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  checkArguments(
    "kl_div(Tensor input, Tensor target, options? options, {str reduction, bool logTarget})",
    input,
    target,
    options,
  );
  const { reduction = "mean", logTarget = false } = options;
  if (!input.dtype.isFloatingPoint && !target.dtype.isFloatingPoint)
    throw new DTypeError("kl_div: Integral inputs not supported.", "convert them: x.to(torch.float32)");
  const loss = logTarget
    ? target.exp().mul(target.sub(input))
    : target.log().where(target.gt(0), 0).sub(input).mul(target).where(target.gt(0), 0);
  if (reduction !== "batchmean") return reduce(loss, reduction);
  const sum = loss.sum();
  return input.shape.length === 0 ? sum : sum.div(input.shape[0]!);
}

function checkReduction(reduction: string): void {
  if (reduction !== "none" && reduction !== "mean" && reduction !== "sum") throw new ValueError(`${reduction} is not valid`);
}

export interface PoissonNLLOptions extends LossOptions {
  /** The input is the logarithm of the rate. Default: true. */
  logInput?: boolean;
  /** Add the Stirling approximation of log(target!). Default: false. */
  full?: boolean;
  /** Default: 1e-8. */
  eps?: number;
}

/**
 * `exp(input) - target * input`, or `input - target * log(input + eps)`.
 * @see torch.nn.functional.poisson_nll_loss
 * @example
 * F.poissonNllLoss(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(4.2689)
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNLLOptions = {}): Tensor {
  checkArguments(
    "poisson_nll_loss(Tensor input, Tensor target, options? options, {bool logInput, bool full, float eps, str reduction})",
    input,
    target,
    options,
  );
  const { logInput = true, full = false, eps = 1e-8, reduction = "mean" } = options;
  checkReduction(reduction);
  let loss = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  if (full) {
    const stirling = target
      .mul(target.log())
      .sub(target)
      .add(
        target
          .mul(2 * Math.PI)
          .log()
          .mul(0.5),
      );
    loss = loss.add(stirling.where(target.gt(1), 0));
  }
  return reduce(loss, reduction);
}

export interface GaussianNLLOptions extends LossOptions {
  /** Add the constant log(2 pi) / 2. Default: false. */
  full?: boolean;
  /** The smallest variance. Default: 1e-6. */
  eps?: number;
}

/**
 * `(log(var) + (input - target)^2 / var) / 2`; the variance has the input's shape, or one value for each row of the last dimension.
 * @see torch.nn.functional.gaussian_nll_loss
 * @example
 * F.gaussianNllLoss(torch.tensor([0.5, 2]), torch.tensor([1, 0]), torch.ones(2)) // tensor(1.0625)
 */
export function gaussianNllLoss(input: Tensor, target: Tensor, variance: Tensor, options: GaussianNLLOptions = {}): Tensor {
  checkArguments(
    "gaussian_nll_loss(Tensor input, Tensor target, Tensor variance, options? options, {bool full, float eps, str reduction})",
    input,
    target,
    variance,
    options,
  );
  const { full = false, eps = 1e-6, reduction = "mean" } = options;
  checkReduction(reduction);
  let spread = variance;
  if (!sameShape(variance.shape, input.shape)) {
    const rows = input.shape.slice(0, -1);
    if (sameShape(rows, variance.shape)) spread = variance.unsqueeze(-1);
    else if (!(sameShape(rows, variance.shape.slice(0, -1)) && variance.shape[variance.shape.length - 1] === 1)) {
      throw new ShapeError(
        "var is of incorrect size",
        `it is ${formatShape(variance.shape)}, the input ${formatShape(input.shape)}`,
      );
    }
  }
  if (spread.lt(0).any().item()) throw new ValueError("var has negative entry/entries");
  // The clamp keeps the gradient of the variance, as PyTorch's does.
  const raised = noGrad(() => spread.detach().neg().add(eps).where(spread.detach().lt(eps), 0));
  const v = spread.add(raised);
  let loss = v.log().add(input.sub(target).square().div(v)).mul(0.5);
  if (full) loss = loss.add(0.5 * Math.log(2 * Math.PI));
  return reduce(loss, reduction);
}
