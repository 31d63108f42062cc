/**
 * Losses of several classes or labels that are compositions of other ops.
 */
import { kernelName } from "../../core/dtype.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ValueError, DTypeError } from "../../core/errors.ts";
import { broadcastShapes, formatShape, sameShape } from "../../core/shape.ts";
import type { Num } from "../../ir/num.ts";
import { definePointwise } from "../../ops/pointwise.ts";
import { constant } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type LossReduction as Reduction, reduceLoss as reduce } from "../../ops/nn/crossEntropy.ts";

export interface WeightedLossOptions {
  weight?: Tensor | null;
  /** Default: `mean`. */
  reduction?: Reduction;
}

/** -(y log x + (1 - y) log(1 - x)), logarithms not below -100. */
const bernoulliEntropy = definePointwise(
  {
    name: "binary_cross_entropy",
    compute: "promote",
    forward: ([x, y], _p, type) => {
      const least = constant(-100, type);
      const positive = x!.log().maximum(least);
      const negative = x!.neg().log1p().maximum(least);
      return y!.sub(1).mul(negative).sub(y!.mul(positive));
    },
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, y] = operands as readonly [T, T];
      const spread = x.mul(x.neg().add(1));
      const safe = spread.where(spread.gt(1e-12), 1e-12);
      return [g.mul(x.sub(y)).div(safe), g.mul(x.neg().log1p().sub(x.log()))];
    },
  },
  2,
);

/** (1 - y) x + (1 + (w - 1) y) log(1 + exp(-x)); operands x, y, w */
const logitEntropy = definePointwise(
  {
    name: "binary_cross_entropy_with_logits",
    compute: "promote",
    forward: ([x, y, w]) => {
      const softplus = x!
        .abs()
        .neg()
        .exp()
        .log1p()
        .add(x!.neg().maximum(x!.mul(0)));
      return y!.neg().add(1).mul(x!).add(w!.sub(1).mul(y!).add(1).mul(softplus));
    },
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, y, w] = operands as readonly [T, T, T | number];
      const s = x.sigmoid();
      const weight = typeof w === "number" ? y.mul(w - 1).add(1) : w.sub(1).mul(y).add(1);
      const dx = y
        .neg()
        .add(1)
        .sub(weight.mul(s.neg().add(1)));
      const softplus = x
        .abs()
        .neg()
        .exp()
        .log1p()
        .add(x.neg().where(x.lt(0), 0));
      const dy = typeof w === "number" ? softplus.mul(w - 1).sub(x) : w.sub(1).mul(softplus).sub(x);
      return [g.mul(dx), g.mul(dy), g.mul(y).mul(softplus)];
    },
  },
  3,
);

/**
 * `-(target * log(input) + (1 - target) * log(1 - input))` of probabilities; logarithms stay above -100. The weight is one of elements.
 * @see torch.nn.functional.binary_cross_entropy
 * @example
 * F.binaryCrossEntropy(torch.tensor([0.9, 0.2]), torch.tensor([1, 0])) // tensor(0.1643)
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkArguments(
    "binary_cross_entropy(Tensor input, Tensor target, options? options, {Tensor|None weight, str reduction})",
    input,
    target,
    options,
  );
  const { weight = null, reduction = "mean" } = options;
  if (!sameShape(target.shape, input.shape)) {
    throw new ValueError(
      `Using a target size (${sizeText(target)}) that is different to the input size (${sizeText(input)}) is deprecated. Please ensure they have the same size.`,
    );
  }
  if (input.dtype !== target.dtype) {
    throw new DTypeError(
      `Found dtype ${kernelName(target.dtype)} but expected ${kernelName(input.dtype)}`,
      "convert the target: target.to(input.dtype)",
    );
  }
  if (!input.dtype.isFloatingPoint)
    throw new DTypeError(`"binary_cross_entropy" not implemented for '${kernelName(input.dtype)}'`, "pass probabilities");
  if (input.numel() > 0 && input.lt(0).logicalOr(input.gt(1)).any().item()) {
    throw new ValueError(
      "all elements of input should be between 0 and 1",
      "pass probabilities, or use binaryCrossEntropyWithLogits",
    );
  }
  const loss = bernoulliEntropy([input, target]);
  if (weight === null) return reduce(loss, reduction, "BinaryCrossEntropyBackward0");
  broadcastShapes(target.shape, weight.shape);
  return reduce(loss.mul(weight), reduction, "BinaryCrossEntropyBackward0");
}

/**
 * {@link binaryCrossEntropy} of `sigmoid(input)`, computed stably; `posWeight` weighs the positive examples of each class.
 * @see torch.nn.functional.binary_cross_entropy_with_logits
 * @example
 * F.binaryCrossEntropyWithLogits(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(1.3005)
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: WeightedLossOptions & { posWeight?: Tensor | null } = {},
): Tensor {
  checkArguments(
    "binary_cross_entropy_with_logits(Tensor input, Tensor target, options? options, {Tensor|None weight, str reduction, Tensor|None posWeight})",
    input,
    target,
    options,
  );
  const { weight = null, posWeight = null, reduction = "mean" } = options;
  if (!sameShape(target.shape, input.shape)) {
    throw new ValueError(`Target size (${sizeText(target)}) must be the same as input size (${sizeText(input)})`);
  }
  const loss = logitEntropy([input, target, posWeight ?? 1]);
  return reduce(weight === null ? loss : loss.mul(weight), reduction, "BinaryCrossEntropyWithLogitsBackward0");
}

/**
 * Mean over the classes of the binary cross entropy of `sigmoid(input)`: (*, C), (*, C) -> (*).
 * @see torch.nn.functional.multilabel_soft_margin_loss
 * @example
 * F.multilabelSoftMarginLoss(torch.tensor([[0.5, -2]]), torch.tensor([[1, 0]])) // tensor(0.3005)
 */
export function multilabelSoftMarginLoss(input: Tensor, target: Tensor, options: WeightedLossOptions = {}): Tensor {
  checkArguments(
    "multilabel_soft_margin_loss(Tensor input, Tensor target, options? options, {Tensor|None weight, str reduction})",
    input,
    target,
    options,
  );
  const { weight = null, reduction = "mean" } = options;
  const loss = logitEntropy([input, target, 1]);
  return reduce((weight === null ? loss : loss.mul(weight)).mean(-1), reduction);
}

function sizeText(x: Tensor): string {
  return `torch.Size(${formatShape(x.shape)})`;
}
