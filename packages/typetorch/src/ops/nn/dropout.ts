/**
 * Dropout. The mask, one byte for each element or channel, is drawn as PyTorch draws its noise; one kernel applies it, and one its derivative.
 */
import { checkArguments } from "../arguments.ts";
import { bool, type DType } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { kernelName } from "../../core/dtype.ts";
import { roundTo } from "../../core/random/fill.ts";
import { defaultGenerator } from "../../core/random/generator.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Pointwise, definePointwise } from "../pointwise.ts";
import { bernoulliFill, fillElementsRandomly } from "../random/inPlace.ts";
import { runtime } from "../runtime.ts";

export interface DropoutOptions {
  /** Probability of an element to be zeroed. Default: 0.5. */
  p?: number;
  /** Without it the input is returned. */
  training?: boolean;
  /** Change the input itself. Default: false. */
  inplace?: boolean;
}

const scaled = definePointwise(
  {
    name: "dropout",
    gradName: "MulBackward0",
    compute: "first",
    forward: ([x, mask], [scale]) => x!.mul(mask!.mul(scale!)),
    backward: <T extends Num<T>>(g: T, [, mask]: readonly (T | number)[], _out: T, [scale]: readonly (T | number)[]) => [
      g.mul(mask!).mul(scale!),
      null,
    ],
  },
  2,
  1,
);

const shifted = definePointwise(
  {
    name: "alpha_dropout",
    gradName: "AddBackward0",
    compute: "first",
    forward: ([x, mask], [a, drop, shift]) => x!.mul(mask!.mul(a!)).add(mask!.sub(1).mul(drop!).add(shift!)),
    backward: <T extends Num<T>>(g: T, [, mask]: readonly (T | number)[], _out: T, [a]: readonly (T | number)[]) => [
      g.mul(mask!).mul(a!),
      null,
    ],
  },
  2,
  3,
);

/** 1 / (1 - p) as PyTorch computes it, in the dtype. */
function keptScale(p: number, dtype: DType): number {
  return roundTo(dtype, 1 / roundTo(dtype, 1 - p));
}

/** One mask for each element, or for each of the first two dimensions. */
function maskFor(x: Tensor, p: number, perChannel: boolean): Tensor {
  const shape = perChannel ? [x.shape[0]!, x.shape[1]!, ...x.shape.slice(2).map(() => 1)] : x.shape;
  const mask = runtime.newEmpty(x, shape, bool);
  fillElementsRandomly(mask, bernoulliFill(bool, 1 - p, defaultGenerator));
  return mask;
}

function drop(x: Tensor, p: number, training: boolean, inplace: boolean, perChannel: boolean, alpha: boolean): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ValueError(`dropout probability has to be between 0 and 1, but got ${p}`);
  if (p === 0 || !training || x.numel() === 0) return x;
  if (p === 1) return inplace ? x.mul_(0) : x.mul(0);
  if (perChannel && x.shape.length < 2)
    throw new ShapeError("Feature dropout requires at least 2 dimensions in the input", `it has ${x.shape.length}`);
  if (!x.dtype.isFloatingPoint) {
    throw new DTypeError(
      `result type Float can't be cast to the desired output type ${kernelName(x.dtype)}`,
      "dropout scales what it keeps: convert the input to a floating dtype",
    );
  }
  const mask = maskFor(x, p, perChannel);
  if (!alpha) return apply(scaled, x, mask, [keptScale(p, x.dtype)], inplace);
  const saturation = 1.7580993408473766; // of SELU
  const a = 1 / Math.sqrt((saturation * saturation * p + 1) * (1 - p));
  return apply(shifted, x, mask, [a, saturation * a, saturation * a * p], inplace);
}

function apply(op: Pointwise, x: Tensor, mask: Tensor, own: readonly number[], inplace: boolean): Tensor {
  return inplace ? op.inPlace([x, mask], own) : op([x, mask], own);
}

type Rest = Trailing<[p: number, training: boolean, inplace: boolean], DropoutOptions>;
const names = ["p", "training", "inplace"] as const;

/**
 * Zeroes elements with probability `p` and scales the others by 1 / (1 - p). As `torch.nn.functional.dropout`; the mask is that of PyTorch for the same seed.
 * Source: Hinton et al. 2012, arXiv:1207.0580.
 * @example
 * F.dropout(x, 0.5, model.training)
 */
export function dropout(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("dropout(Tensor input, ~p, ~training, ~inplace, {float p, bool training, bool inplace})", input, ...rest);
  const { p = 0.5, training = true, inplace = false } = trailing<DropoutOptions>(rest, names);
  return drop(input, p, training, inplace, false, false);
}

/**
 * As `dropout`, and keeps mean and variance of what SELU gives. As `torch.nn.functional.alpha_dropout`. Source: Klambauer et al. 2017, arXiv:1706.02515.
 * @example
 * F.alphaDropout(torch.ones(3), 0.5, false) // tensor([1., 1., 1.])
 */
export function alphaDropout(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("alpha_dropout(Tensor input, ~p, ~training, ~inplace, {float p, bool training, bool inplace})", input, ...rest);
  const { p = 0.5, training = false, inplace = false } = trailing<DropoutOptions>(rest, names);
  return drop(input, p, training, inplace, false, true);
}

/**
 * `alphaDropout` of whole channels: (N, C, …). As `torch.nn.functional.feature_alpha_dropout`.
 * @example
 * F.featureAlphaDropout(torch.ones(1, 2, 3), 0.5, false).shape // [1, 2, 3]
 */
export function featureAlphaDropout(input: Tensor, ...rest: Rest): Tensor {
  checkArguments(
    "feature_alpha_dropout(Tensor input, ~p, ~training, ~inplace, {float p, bool training, bool inplace})",
    input,
    ...rest,
  );
  const { p = 0.5, training = false, inplace = false } = trailing<DropoutOptions>(rest, names);
  return drop(input, p, training, inplace, true, true);
}

/** `dropout` of whole channels of (N, C, …). */
function channelwise(input: Tensor, rest: Rest, batched: boolean): Tensor {
  const { p = 0.5, training = true, inplace = false } = trailing<DropoutOptions>(rest, names);
  if (!(p >= 0 && p <= 1)) throw new ValueError(`dropout probability has to be between 0 and 1, but got ${p}`);
  if (batched) return drop(input, p, training, inplace, true, false);
  const result = drop(input.unsqueeze(0), p, training, inplace, true, false);
  return inplace ? input : result.squeeze(0);
}

/**
 * Zeroes whole channels of (N, C, L) or (C, L), as `torch.nn.functional.dropout1d`. Throws for other ranks.
 * @example
 * F.dropout1d(torch.randn(1, 4, 4), 0.5, false).shape // [1, 4, 4]
 */
export function dropout1d(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("dropout1d(Tensor input, ~p, ~training, ~inplace, {float p, bool training, bool inplace})", input, ...rest);
  const rank = input.shape.length;
  if (rank !== 2 && rank !== 3) {
    throw new ShapeError(
      `dropout1d: Expected 2D or 3D input, but received a ${rank}D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).`,
    );
  }
  return channelwise(input, rest, rank === 3);
}

/**
 * Zeroes whole channels of (N, C, H, W), as `torch.nn.functional.dropout2d`; a 3-d input counts as (N, C, L), as in PyTorch.
 * @example
 * F.dropout2d(torch.randn(1, 4, 4, 4), 0.5, false).shape // [1, 4, 4, 4]
 */
export function dropout2d(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("dropout2d(Tensor input, ~p, ~training, ~inplace, {float p, bool training, bool inplace})", input, ...rest);
  return channelwise(input, rest, true);
}

/**
 * Zeroes whole channels of (N, C, D, H, W) or (C, D, H, W), as `torch.nn.functional.dropout3d`.
 * @example
 * F.dropout3d(torch.randn(1, 4, 4, 4, 4), 0.5, false).shape // [1, 4, 4, 4, 4]
 */
export function dropout3d(input: Tensor, ...rest: Rest): Tensor {
  checkArguments("dropout3d(Tensor input, ~p, ~training, ~inplace, {float p, bool training, bool inplace})", input, ...rest);
  return channelwise(input, rest, input.shape.length === 5);
}
