/**
 * Losses that compare vectors or ranks, as compositions of pointwise ops.
 */
import { checkArguments } from "../../ops/arguments.ts";
import { float32 } from "../../core/dtype.ts";
import { ArgumentTypeError, ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { minimum, scalar } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pairwiseDistance } from "./distance.ts";
import { type LossReduction as Reduction, reduceLoss as reduce } from "../../ops/nn/crossEntropy.ts";

interface MarginOptions {
  margin?: number;
  /** Default: `mean`. */
  reduction?: Reduction;
}

/**
 * `max(0, -target * (input1 - input2) + margin)`; the margin is 0 unless given.
 * @see torch.nn.functional.margin_ranking_loss
 * @example
 * F.marginRankingLoss(torch.tensor([0.5, 2]), torch.tensor([1, 1]), torch.tensor([1, -1])) // tensor(0.7500)
 */
export function marginRankingLoss(input1: Tensor, input2: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  checkArguments(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, options? options, {float margin, str reduction})",
    input1,
    input2,
    target,
    options,
  );
  const { margin = 0, reduction = "mean" } = options;
  if (input1.shape.length !== input2.shape.length || input1.shape.length !== target.shape.length) {
    throw new ShapeError(
      `margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: ${formatShape(input1.shape)}, input2: ${formatShape(input2.shape)}, target: ${formatShape(target.shape)} `,
    );
  }
  // the margin is a float in PyTorch: integer inputs give a float loss
  return reduce(target.neg().mul(input1.sub(input2)).add(scalar(margin, float32)).clamp({ min: 0 }), reduction);
}

/**
 * `input` where the target is 1, `max(0, margin - input)` where it is -1; the margin is 1 unless given.
 * @see torch.nn.functional.hinge_embedding_loss
 * @example
 * F.hingeEmbeddingLoss(torch.tensor([0.5, 2]), torch.tensor([1, -1])) // tensor(0.2500)
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  checkArguments(
    "hinge_embedding_loss(Tensor input, Tensor target, options? options, {float margin, str reduction})",
    input,
    target,
    options,
  );
  const { margin = 1, reduction = "mean" } = options;
  const negative = input.neg().add(margin).clamp({ min: 0 }).where(target.ne(1), 0);
  const positive = input.where(target.ne(-1), 0);
  return reduce(negative.add(positive), reduction);
}

/**
 * `1 - cos(input1, input2)` where the target is 1, `max(0, cos - margin)` where it is -1: (N, D), (N, D), (N) -> (N). The margin is 0 unless given.
 * @see torch.nn.functional.cosine_embedding_loss
 * @example
 * F.cosineEmbeddingLoss(torch.tensor([[1, 0]]), torch.tensor([[1, 1]]), torch.tensor([1])) // tensor(0.2929)
 */
export function cosineEmbeddingLoss(input1: Tensor, input2: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  checkArguments(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, options? options, {float margin, str reduction})",
    input1,
    input2,
    target,
    options,
  );
  const { margin = 0, reduction = "mean" } = options;
  const rank = target.shape.length;
  if (rank > 1) {
    throw new ShapeError(
      `0D or 1D target tensor expected, multi-target not supported`,
      `the target has the shape ${formatShape(target.shape)}`,
    );
  }
  if (input1.shape.length !== rank + 1 || input2.shape.length !== rank + 1) {
    throw new ShapeError(
      `${rank}D target tensor expects ${rank + 1}D input tensors, but found inputs with sizes ${formatShape(input1.shape)} and ${formatShape(input2.shape)}.`,
    );
  }
  const epsilon = 1e-12;
  const dot = input1.mul(input2).sum(rank);
  const size1 = input1.mul(input1).sum(rank).add(epsilon);
  const size2 = input2.mul(input2).sum(rank).add(epsilon);
  const cosine = dot.div(size1.mul(size2).sqrt());
  const positive = cosine.neg().add(1).where(target.eq(1), 0);
  const negative = cosine.sub(margin).clamp({ min: 0 }).where(target.eq(-1), 0);
  return reduce(positive.add(negative), reduction);
}

export interface TripletMarginOptions extends MarginOptions {
  /** The p of the distance. Default: 2. */
  p?: number;
  /** Default: 1e-6. */
  eps?: number;
  /** Take the distance of positive and negative where it is smaller. Default: false. */
  swap?: boolean;
}

/**
 * `max(0, distance(anchor, positive) - distance(anchor, negative) + margin)`; the margin is 1 unless given.
 * @source Balntas et al. 2016   @see torch.nn.functional.triplet_margin_loss
 * @example
 * F.tripletMarginLoss(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), torch.tensor([[0, 1.5]])) // tensor(0.5000)
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  checkArguments(
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, options? options, {float p, float eps, bool swap, float margin, str reduction})",
    anchor,
    positive,
    negative,
    options,
  );
  const { p = 2, eps = 1e-6, ...rest } = options;
  const ranks = [anchor, positive, negative].map((x) => x.shape.length);
  if (ranks[0] !== ranks[1] || ranks[0] !== ranks[2]) {
    throw new ShapeError(`All inputs should have same dimension but got ${ranks[0]}D, ${ranks[1]}D and ${ranks[2]}D inputs.`);
  }
  const distanceFunction = (a: Tensor, b: Tensor) => pairwiseDistance(a, b, { p, eps });
  return tripletMarginWithDistanceLoss(anchor, positive, negative, { ...rest, distanceFunction });
}

export interface TripletMarginWithDistanceOptions extends MarginOptions {
  /** A function or a module. Default: {@link pairwiseDistance}. */
  distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | { call(a: Tensor, b: Tensor): Tensor } | null;
  /** Take the distance of positive and negative where it is smaller. Default: false. */
  swap?: boolean;
}

/**
 * {@link tripletMarginLoss} with a distance of one's own.
 * @see torch.nn.functional.triplet_margin_with_distance_loss
 * @example
 * F.tripletMarginWithDistanceLoss(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), torch.tensor([[0, 1.5]])) // tensor(0.5000)
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceOptions = {},
): Tensor {
  checkArguments(
    "triplet_margin_with_distance_loss(Tensor anchor, Tensor positive, Tensor negative, options? options, {any distanceFunction, bool swap, float margin, str reduction})",
    anchor,
    positive,
    negative,
    options,
  );
  const { margin = 1, swap = false, reduction = "mean" } = options;
  const given = options.distanceFunction ?? ((a: Tensor, b: Tensor) => pairwiseDistance(a, b));
  if (typeof given !== "function" && typeof (given as { call?: unknown }).call !== "function") {
    throw new ArgumentTypeError(
      "triplet_margin_with_distance_loss(): argument 'distance_function' must be a function or a Module",
    );
  }
  const distance = typeof given === "function" ? given : (a: Tensor, b: Tensor) => given.call(a, b);
  const near = distance(anchor, positive);
  let far = distance(anchor, negative);
  if (swap) far = minimum(far, distance(positive, negative));
  return reduce(near.sub(far).add(margin).clamp({ min: 0 }), reduction);
}
