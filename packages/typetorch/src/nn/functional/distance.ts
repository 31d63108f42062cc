import { kernelName, promoteTypes } from "../../core/dtype.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { float32 } from "../../core/dtype.ts";
import { ShapeError, ValueError, DTypeError } from "../../core/errors.ts";
import { broadcastShapes } from "../../core/shape.ts";
import { cdist } from "../../ops/linalg/cdist.ts";
import { triuIndices } from "../../ops/movement/triangle.ts";
import { scalar } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface PairwiseDistanceOptions {
  /** The p of the norm. Default: 2. */
  p?: number;
  /** Added to the differences. Default: 1e-6. */
  eps?: number;
  keepdim?: boolean;
}

/**
 * p-norm of `x1 - x2 + eps` over the last dimension: (*, D), (*, D) -> (*).
 * @see torch.nn.functional.pairwise_distance
 * @example
 * F.pairwiseDistance(torch.tensor([[0, 0]]), torch.tensor([[3, 4]])) // tensor([5.0000])
 */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  ...rest: Trailing<[p: number, eps: number, keepdim: boolean], PairwiseDistanceOptions>
): Tensor {
  checkArguments(
    "pairwise_distance(Tensor x1, Tensor x2, ~p, ~eps, ~keepdim, {float p, float eps, bool keepdim})",
    x1,
    x2,
    ...rest,
  );
  const { p = 2, eps = 1e-6, keepdim = false } = trailing<PairwiseDistanceOptions>(rest, ["p", "eps", "keepdim"]);
  return x1.sub(x2).add(scalar(eps, float32)).norm(p, -1, keepdim); // a float in PyTorch, also for integer inputs
}

export interface CosineSimilarityOptions {
  /** Default: 1. */
  dim?: number;
  /** The smallest value of each norm. Default: 1e-8. */
  eps?: number;
}

/**
 * `x1 . x2 / (max(|x1|, eps) max(|x2|, eps))` along `dim`.
 * @see torch.nn.functional.cosine_similarity
 * @example
 * F.cosineSimilarity(torch.tensor([[1, 0]]), torch.tensor([[1, 1]])) // tensor([0.7071])
 */
export function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  ...rest: Trailing<[dim: number, eps: number], CosineSimilarityOptions>
): Tensor {
  checkArguments("cosine_similarity(Tensor x1, Tensor x2, ~dim, ~eps, {int dim, float eps})", x1, x2, ...rest);
  const { dim = 1, eps = 1e-8 } = trailing<CosineSimilarityOptions>(rest, ["dim", "eps"]);
  const shape = broadcastShapes(x1.shape, x2.shape);
  const dtype = promoteTypes(x1.dtype, x2.dtype);
  if (!dtype.isFloatingPoint)
    throw new DTypeError(
      `expected common dtype to be floating point, yet common dtype is ${kernelName(dtype)}`,
      "convert them: x.to(torch.float32)",
    );
  const unit = (x: Tensor) => {
    const whole = x.to(dtype).expand(shape);
    return whole.div(whole.norm(2, dim, true).clamp({ min: eps }));
  };
  return unit(x1).mul(unit(x2)).sum(dim);
}

export interface NormalizeOptions {
  /** The p of the norm. Default: 2. */
  p?: number;
  /** Default: 1. */
  dim?: number;
  /** The smallest norm to divide by. Default: 1e-12. */
  eps?: number;
}

/**
 * `x / max(|x|_p, eps)` along `dim`.
 * @see torch.nn.functional.normalize
 */
export function normalize(input: Tensor, ...rest: Trailing<[p: number, dim: number, eps: number], NormalizeOptions>): Tensor {
  checkArguments("normalize(Tensor input, ~p, ~dim, ~eps, {float p, int dim, float eps})", input, ...rest);
  const { p = 2, dim = 1, eps = 1e-12 } = trailing<NormalizeOptions>(rest, ["p", "dim", "eps"]);
  return input.div(input.norm(p, dim, true).clamp({ min: eps }));
}

/**
 * p-norms of the differences of all pairs of rows: (N, D) -> (N (N - 1) / 2), in the order (0, 1), (0, 2), …
 * @see torch.nn.functional.pdist
 * @example
 * F.pdist(torch.tensor([[0, 0], [3, 4], [0, 4]])) // tensor([5., 4., 3.])
 */
export function pdist(input: Tensor, ...rest: Trailing<[p: number], { p?: number }>): Tensor {
  checkArguments("pdist(Tensor input, ~p, {float p})", input, ...rest);
  const { p = 2 } = trailing<{ p?: number }>(rest, ["p"]);
  if (input.shape.length !== 2) {
    throw new ShapeError(`pdist only supports 2D tensors, got: ${input.shape.length}D`);
  }
  if (p < 0) throw new ValueError("pdist only supports non-negative p values");
  const rows = input.shape[0]!;
  const [first, second] = triuIndices(rows, rows, { offset: 1, device: input.device }).unbind(0) as [Tensor, Tensor];
  const all = cdist(input, input, p, "donot_use_mm_for_euclid_dist");
  return all.reshape([-1]).indexSelect(0, first.mul(rows).add(second));
}
