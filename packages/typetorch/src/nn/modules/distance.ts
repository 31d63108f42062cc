import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface PairwiseDistanceOptions {
  /** The p of the norm. Default: 2. */
  p?: number;
  /** Added to the differences. Default: 1e-6. */
  eps?: number;
  keepdim?: boolean;
}

/**
 * p-norm of `x1 - x2 + eps` over the last dimension: (N, D), (N, D) -> (N).
 * @see torch.nn.PairwiseDistance
 * @example
 * new nn.PairwiseDistance().call(torch.tensor([[0, 0]]), torch.tensor([[3, 4]])) // tensor([5.0000])
 */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor]> {
  readonly norm: number;
  readonly eps: number;
  readonly keepdim: boolean;
  constructor(...rest: Trailing<[p: number, eps: number, keepdim: boolean], PairwiseDistanceOptions>) {
    checkArguments("PairwiseDistance(~p, ~eps, ~keepdim, {float p, float eps, bool keepdim})", ...rest);
    super();
    const { p = 2, eps = 1e-6, keepdim = false } = trailing<PairwiseDistanceOptions>(rest, ["p", "eps", "keepdim"]);
    this.norm = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, { p: this.norm, eps: this.eps, keepdim: this.keepdim });
  }
}

interface CosineSimilarityOptions {
  /** Default: 1. */
  dim?: number;
  /** The smallest value of the norms' product. Default: 1e-8. */
  eps?: number;
}

/**
 * Cosine of the angle between vectors along `dim`: (*, D, *), (*, D, *) -> (*, *).
 * @see torch.nn.CosineSimilarity
 * @example
 * new nn.CosineSimilarity().call(torch.tensor([[1, 0]]), torch.tensor([[1, 1]])) // tensor([0.7071])
 */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor]> {
  readonly dim: number;
  readonly eps: number;
  constructor(...rest: Trailing<[dim: number, eps: number], CosineSimilarityOptions>) {
    checkArguments("CosineSimilarity(~dim, ~eps, {int dim, float eps})", ...rest);
    super();
    const { dim = 1, eps = 1e-8 } = trailing<CosineSimilarityOptions>(rest, ["dim", "eps"]);
    this.dim = dim;
    this.eps = eps;
  }
  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps });
  }
}

keepClassNames({ PairwiseDistance, CosineSimilarity });
