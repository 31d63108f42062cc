/**
 * Hinge losses of several classes.
 */
import { checkArguments } from "../../ops/arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type LossReduction as Reduction, reduceLoss as reduce } from "../../ops/nn/crossEntropy.ts";
import { full, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { WeightedLossOptions } from "./classificationLosses.ts";

export interface MultiMarginOptions extends WeightedLossOptions {
  /** 1 or 2. Default: 1. */
  p?: number;
  /** Default: 1. */
  margin?: number;
}

/**
 * `sum over the other classes i of max(0, margin - input[target] + input[i])^p / C`: (N, C), (N) -> (N), or without N.
 * @see torch.nn.functional.multi_margin_loss
 * @example
 * F.multiMarginLoss(torch.tensor([[0.1, 0.6, 0.3]]), torch.tensor([1n])) // tensor(0.4000)
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginOptions = {}): Tensor {
  checkArguments(
    "multi_margin_loss(Tensor input, Tensor target, options? options, {int p, float margin, Tensor|None weight, str reduction})",
    input,
    target,
    options,
  );
  const { p = 1, margin = 1, weight = null, reduction = "mean" } = options;
  if (p !== 1 && p !== 2) throw new ValueError("only p == 1 and p == 2 supported");
  if (weight !== null && weight.shape.length !== 1) throw new ValueError("weight must be one-dimensional");
  const rank = input.shape.length;
  if (rank > 2 || input.numel() === 0) {
    throw new ShapeError(
      `Expected non-empty vector or matrix with optional 0-dim batch size, but got: ${formatShape(input.shape)}`,
    );
  }
  const x = rank === 2 ? input : input.reshape([1, -1]); // (N, C)
  const [batch, classes] = x.shape as [number, number];
  if (target.numel() !== batch || target.shape.length > 1) {
    throw new ShapeError(`inconsistent target size, expected ${batch} but got ${formatShape(target.shape)}`);
  }
  const index = target.reshape([batch, 1]);
  let terms = x.sub(x.gather(1, index)).add(margin).clamp({ min: 0 });
  if (p === 2) terms = terms.square();
  if (weight !== null) terms = terms.mul(weight.indexSelect(0, target.reshape([batch])).unsqueeze(1));
  const others = full([batch, classes], 1, { dtype: x.dtype, device: x.device }).scatter(1, index, 0);
  const loss = terms.mul(others).sum(1).div(classes);
  return reduce(target.shape.length === 0 ? loss.squeeze(0) : loss, reduction, "MultiMarginLossBackward0");
}

/**
 * Hinge loss of several classes: targets (N, C) list the classes of each sample, up to the first -1; every listed class should be 1 above every other.
 * @see torch.nn.functional.multilabel_margin_loss
 * @example
 * F.multilabelMarginLoss(torch.tensor([[0.1, 0.6, 0.3]]), torch.tensor([[1n, -1n, -1n]])) // tensor(0.4000)
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options: { reduction?: Reduction } = {}): Tensor {
  checkArguments(
    "multilabel_margin_loss(Tensor input, Tensor target, options? options, {str reduction})",
    input,
    target,
    options,
  );
  const { reduction = "mean" } = options;
  const rank = input.shape.length;
  if (rank > 2) {
    throw new ShapeError(
      `Expected non-empty vector or matrix with optional 0-dim batch size, but got: ${formatShape(input.shape)}`,
    );
  }
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(`inconsistent target size: ${formatShape(target.shape)} for input of size: ${formatShape(input.shape)}`);
  }
  const x = rank === 2 ? input : input.reshape([1, -1]); // (N, C)
  const [batch, classes] = x.shape as [number, number];
  const options1 = { dtype: x.dtype, device: x.device };
  // Listed targets come before the first -1: their number is the count of leading entries that are not negative.
  const listed = target.reshape([batch, classes]).ge(0).long().cumprod(1); // (N, C)
  const index = target.reshape([batch, classes]).mul(listed).to(int64);
  const mask = listed.to(x.dtype);
  const isTarget = zeros([batch, classes], options1).scatterAdd(1, index, mask).gt(0).to(x.dtype);
  const picked = x.gather(1, index).unsqueeze(2); // (N, C targets, 1)
  const terms = x.unsqueeze(1).sub(picked).add(1).clamp({ min: 0 }); // (N, C targets, C)
  const counted = terms.mul(mask.unsqueeze(2)).mul(isTarget.neg().add(1).unsqueeze(1));
  const loss = counted.sum([1, 2]).div(classes);
  return reduce(rank === 2 ? loss : loss.squeeze(0), reduction, "MultilabelMarginLossBackward0");
}
