import { runtime } from "../../ops/runtime.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { int64, kernelName } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, numelOf, sameShape } from "../../core/shape.ts";
import { checkTargets } from "../../ops/nn/crossEntropy.ts";
import { type ClassLossOptions, crossEntropyRows, nllLoss, reduceLoss } from "../../ops/nn/crossEntropy.ts";
import { logSoftmax } from "../../ops/nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface CrossEntropyOptions extends ClassLossOptions {
  /** Share of the target that is spread over all classes. Default: 0. */
  labelSmoothing?: number;
}

/**
 * Cross entropy of logits (N, C, *) or (C) with class indices (N, *) or class probabilities of the input's shape. The mean of indexed targets divides by the sum
 * of their weights, that of probabilities by their number.
 * @see torch.nn.functional.cross_entropy
 * @example
 * torch.nn.functional.crossEntropy(torch.zeros(2, 4), torch.tensor([1n, 3n])) // tensor(1.3863)
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkArguments(
    "cross_entropy(Tensor input, Tensor target, options? options, {float labelSmoothing, Tensor|None weight, int ignoreIndex, str reduction})",
    input,
    target,
    options,
  );
  const { labelSmoothing = 0, weight = null, reduction = "mean" } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ValueError(`label_smoothing must be between 0.0 and 1.0. Got: ${labelSmoothing}`);
  }
  const rank = input.shape.length;
  if (!input.dtype.isFloatingPoint)
    throw new DTypeError(
      `"log_softmax_lastdim_kernel_impl" not implemented for '${kernelName(input.dtype)}'`,
      "convert the input: x.to(torch.float32)",
    );
  if (sameShape(input.shape, target.shape)) return ofProbabilities(input, target, options);
  if (rank < 1) throw new ShapeError(`Expected 1 or more dimensions (got ${rank})`);
  const x = rank === 1 ? input.unsqueeze(0) : input; // (N, C, *)
  const t = rank === 1 ? target.reshape([1]) : target; // (N, *)
  const classes = x.shape[1]!;
  if (weight !== null || labelSmoothing > 0 || target.shape.length !== (rank === 1 ? 0 : rank - 1)) {
    return ofIndices(input, target, options);
  }
  if (x.shape[0] !== t.shape[0]) {
    throw new ShapeError(`Expected input batch_size (${x.shape[0]}) to match target batch_size (${t.shape[0]}).`);
  }
  if (!sameShape(x.shape.slice(2), t.shape.slice(1))) {
    throw new ShapeError(`Expected target size ${formatShape([x.shape[0]!, ...x.shape.slice(2)])}, got ${formatShape(t.shape)}`);
  }
  const { ignoreIndex = -100 } = options;
  const counted = checkTargets(t, classes, ignoreIndex);
  const index = t.dtype === int64 ? t : t.long();
  const losses = crossEntropyRows(x, index, ignoreIndex);
  const gradName = rank > 2 ? "NllLoss2DBackward0" : "NllLossBackward0";
  if (reduction === "mean" && counted !== numelOf(t.shape))
    return runtime.named(losses.sum().div(counted ?? index.ne(ignoreIndex).sum()), gradName);
  return reduceLoss(reduction === "none" ? losses.reshape(target.shape) : losses, reduction, gradName);
}

/** The general case: log-softmax, then the likelihood, then the smoothing. */
function ofIndices(input: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const { labelSmoothing = 0, weight = null, reduction = "mean", ignoreIndex = -100 } = options;
  const classDim = input.shape.length === 1 ? 0 : 1;
  const classes = input.shape[classDim]!;
  const logs = logSoftmax(input, classDim);
  const likelihood = nllLoss(logs, target, { weight, reduction, ignoreIndex });
  if (labelSmoothing === 0) return likelihood;
  const ignored = target.eq(ignoreIndex);
  const weighted = weight === null ? logs : logs.mul(perClass(weight, logs, classDim));
  const zero = weighted.sum(classDim).neg();
  const smooth = zero.where(ignored.logicalNot(), 0);
  let spread: Tensor;
  if (reduction !== "mean") spread = reduceLoss(smooth, reduction);
  else if (weight === null) spread = smooth.sum().div(ignored.logicalNot().sum().to(input.dtype));
  else {
    const factors = weight.indexSelect(0, target.where(ignored.logicalNot(), 0).reshape([-1])).reshape(target.shape);
    spread = smooth.sum().div(factors.where(ignored.logicalNot(), 0).sum());
  }
  return likelihood.mul(1 - labelSmoothing).add(spread.mul(labelSmoothing / classes));
}

function ofProbabilities(input: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const { labelSmoothing = 0, weight = null, reduction = "mean", ignoreIndex = -100 } = options;
  if (!target.dtype.isFloatingPoint) {
    throw new DTypeError(
      `Expected floating point type for target with class probabilities, got ${target.dtype.name}`,
      "the target has the input's shape: give class probabilities, or class indices of shape (N, …)",
    );
  }
  if (ignoreIndex >= 0) throw new ValueError("ignore_index is not supported for floating point target");
  const classDim = input.shape.length === 1 ? 0 : 1;
  const classes = input.shape[classDim]!;
  if (weight !== null && (weight.shape.length !== 1 || weight.shape[0] !== classes)) {
    throw new ShapeError(
      `cross_entropy: weight tensor should be defined either for all ${classes} classes or no classes but got weight tensor of shape: ${formatShape(weight.shape)}`,
    );
  }
  const logs = logSoftmax(input, classDim);
  const wanted = labelSmoothing > 0 ? target.mul(1 - labelSmoothing).add(labelSmoothing / classes) : target;
  let terms = logs.mul(wanted).neg();
  if (weight !== null) terms = terms.mul(perClass(weight, logs, classDim));
  if (reduction === "mean") return terms.sum().div(numelOf(input.shape) / classes);
  return reduceLoss(terms.sum(classDim), reduction);
}

/** A vector of one value per class, laid out along the class dimension. */
function perClass(weight: Tensor, like: Tensor, classDim: number): Tensor {
  return weight.reshape(like.shape.map((size, d) => (d === classDim ? size : 1)));
}
