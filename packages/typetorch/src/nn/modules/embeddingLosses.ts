import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import type { Module } from "../module.ts";
import { PairwiseDistance } from "./distance.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { Loss, type LossOptions } from "./lossBase.ts";

interface MarginOptions extends LossOptions {
  margin?: number;
}

/**
 * `input` where the target is 1, `max(0, margin - input)` where it is -1.
 * @see torch.nn.HingeEmbeddingLoss
 * @example
 * new nn.HingeEmbeddingLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, -1])) // tensor(0.2500)
 */
export class HingeEmbeddingLoss extends Loss {
  readonly margin: number;
  /** The margin is 1 unless given. */
  constructor(...rest: Trailing<[margin: number], MarginOptions>) {
    checkArguments("HingeEmbeddingLoss(~margin, {float margin, str reduction})", ...rest);
    const options = trailing<MarginOptions>(rest, ["margin"]);
    super(options);
    this.margin = options.margin ?? 1;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * `1 - cos(input1, input2)` where the target is 1, `max(0, cos - margin)` where it is -1: (N, D), (N, D), (N) -> (N).
 * @see torch.nn.CosineEmbeddingLoss
 * @example
 * new nn.CosineEmbeddingLoss().call(torch.tensor([[1, 0]]), torch.tensor([[1, 1]]), torch.tensor([1])) // tensor(0.2929)
 */
export class CosineEmbeddingLoss extends Loss<[input1: Tensor, input2: Tensor, target: Tensor]> {
  readonly margin: number;
  /** The margin is 0 unless given. */
  constructor(...rest: Trailing<[margin: number], MarginOptions>) {
    checkArguments("CosineEmbeddingLoss(~margin, {float margin, str reduction})", ...rest);
    const options = trailing<MarginOptions>(rest, ["margin"]);
    super(options);
    this.margin = options.margin ?? 0;
  }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}

/**
 * `max(0, -target * (input1 - input2) + margin)`, with targets 1 (the first should rank higher) and -1.
 * @see torch.nn.MarginRankingLoss
 * @example
 * new nn.MarginRankingLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, 1]), torch.tensor([1, -1])) // tensor(0.7500)
 */
export class MarginRankingLoss extends Loss<[input1: Tensor, input2: Tensor, target: Tensor]> {
  readonly margin: number;
  /** The margin is 0 unless given. */
  constructor(...rest: Trailing<[margin: number], MarginOptions>) {
    checkArguments("MarginRankingLoss(~margin, {float margin, str reduction})", ...rest);
    const options = trailing<MarginOptions>(rest, ["margin"]);
    super(options);
    this.margin = options.margin ?? 0;
  }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}

interface TripletMarginLossOptions extends MarginOptions {
  /** The p of the distance. Default: 2. */
  p?: number;
  /** Default: 1e-6. */
  eps?: number;
  /** Take the distance of positive and negative where it is smaller. Default: false. */
  swap?: boolean;
}
/**
 * `max(0, distance(anchor, positive) - distance(anchor, negative) + margin)`: three times (N, D) -> (N).
 * @source Balntas et al. 2016   @see torch.nn.TripletMarginLoss
 * @example
 * new nn.TripletMarginLoss().call(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), torch.tensor([[0, 1.5]])) // tensor(0.5000)
 */
export class TripletMarginLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor]> {
  readonly margin: number;
  readonly p: number;
  readonly eps: number;
  readonly swap: boolean;
  /** The margin is 1 unless given. */
  constructor(...rest: Trailing<[margin: number, p: number, eps: number, swap: boolean], TripletMarginLossOptions>) {
    checkArguments(
      "TripletMarginLoss(~margin, ~p, ~eps, ~swap, {float p, float eps, bool swap, float margin, str reduction})",
      ...rest,
    );
    const options = trailing<TripletMarginLossOptions>(rest, ["margin", "p", "eps", "swap"]);
    super(options);
    this.margin = options.margin ?? 1;
    this.p = options.p ?? 2;
    this.eps = options.eps ?? 1e-6;
    this.swap = options.swap ?? false;
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this;
    return F.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction });
  }
}

/** A distance as a function or as a module. */
export type Distance = ((x1: Tensor, x2: Tensor) => Tensor) | Module<[x1: Tensor, x2: Tensor]>;

interface TripletMarginWithDistanceLossOptions extends MarginOptions {
  /** Default: {@link PairwiseDistance}. */
  distanceFunction?: Distance;
  /** Take the distance of positive and negative where it is smaller. Default: false. */
  swap?: boolean;
}
/**
 * {@link TripletMarginLoss} with a distance of one's own.
 * @see torch.nn.TripletMarginWithDistanceLoss
 * @example
 * new nn.TripletMarginWithDistanceLoss().call(torch.tensor([[0, 0]]), torch.tensor([[0, 1]]), torch.tensor([[0, 1.5]])) // tensor(0.5000)
 */
export class TripletMarginWithDistanceLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor]> {
  readonly distanceFunction: Distance;
  readonly margin: number;
  readonly swap: boolean;
  /** The margin is 1 unless given. */
  constructor(options: TripletMarginWithDistanceLossOptions = {}) {
    checkArguments(
      "TripletMarginWithDistanceLoss(options? options, {any distanceFunction, bool swap, float margin, str reduction})",
      options,
    );
    super(options);
    this.distanceFunction = options.distanceFunction ?? new PairwiseDistance();
    this.margin = options.margin ?? 1;
    this.swap = options.swap ?? false;
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction, margin, swap, reduction } = this;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction });
  }
}

keepClassNames({ HingeEmbeddingLoss, CosineEmbeddingLoss, MarginRankingLoss, TripletMarginLoss, TripletMarginWithDistanceLoss });
