/**
 * Dropout: random masks. From the same seed they are PyTorch's.
 */
import { ShapeError, ValueError } from "../../core/errors.ts";
import { defaultGenerator, fillBernoulli, fillDropoutMask } from "../../core/random.ts";
import { empty } from "../../tensor/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pythonNumber } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface DropoutOptions {
  /** Probability that an element is zeroed. Default: 0.5. */
  p?: number;
  /** Without it the input is given back. */
  training?: boolean;
  /** Change the input itself. Default: false. */
  inplace?: boolean;
}
type Rest = Trailing<[p: number, training: boolean, inplace: boolean], DropoutOptions>;

function read(rest: Rest, trainingDefault: boolean): Required<DropoutOptions> {
  const options = trailing<DropoutOptions>(rest, ["p", "training", "inplace"]);
  const { p = 0.5, training = trainingDefault, inplace = false } = options;
  if (!(p >= 0 && p <= 1)) {
    throw new ValueError(`dropout probability has to be between 0 and 1, but got ${pythonNumber(p)}`);
  }
  return { p, training, inplace };
}

/** Multiplies by a mask of the given shape: 0 with probability p, else 1 / (1 - p). */
function masked(input: Tensor, shape: readonly number[], { p, training, inplace }: Required<DropoutOptions>): Tensor {
  if (p === 0 || !training || input.numel() === 0) return input;
  const mask = empty(shape, { dtype: input.dtype, device: input.device });
  if (p === 1) mask.zero_();
  else fillDropoutMask(mask.data, mask.dtype, p, defaultGenerator);
  return inplace ? input.mul_(mask) : input.mul(mask);
}

/** The shape of a mask that drops whole channels. */
function channelShape(input: Tensor): readonly number[] {
  if (input.shape.length < 2) {
    throw new ShapeError("Feature dropout requires at least 2 dimensions in the input");
  }
  return input.shape.map((size, d) => (d < 2 ? size : 1));
}

/**
 * In training (the default) each element is zeroed with probability `p`, the others are scaled by 1/(1 - p).
 * @source Hinton et al. 2012, arXiv:1207.0580   @see torch.nn.functional.dropout
 */
export function dropout(input: Tensor, ...rest: Rest): Tensor {
  return masked(input, input.shape, read(rest, true));
}

function dropChannels(name: string, input: Tensor, rest: Rest, ranks: readonly [number, number], unbatched: boolean): Tensor {
  const options = read(rest, true);
  const rank = input.shape.length;
  if (rank !== ranks[0] && rank !== ranks[1]) {
    throw new ShapeError(
      `${name}: Expected ${ranks[0]}D or ${ranks[1]}D input, but received a ${rank}D input. Note that ${name} exists to provide channel-wise dropout on inputs with ${ranks[0] - 1} spatial dimension${ranks[0] > 2 ? "s" : ""}, a channel dimension, and an optional batch dimension (i.e. ${ranks[0]}D or ${ranks[1]}D inputs).`,
    );
  }
  if (!unbatched || rank === ranks[1]) return masked(input, channelShape(input), options);
  const shape = input.shape.map((size, d) => (d < 1 ? size : 1));
  return masked(input, shape, options);
}

/**
 * Dropout of whole channels: (N, C, L) or (C, L) -> same.
 * @see torch.nn.functional.dropout1d
 */
export function dropout1d(input: Tensor, ...rest: Rest): Tensor {
  return dropChannels("dropout1d", input, rest, [2, 3], true);
}
/**
 * Dropout of whole channels: (N, C, H, W) -> same; a 3-d input counts as (N, C, L), as in PyTorch.
 * @see torch.nn.functional.dropout2d
 */
export function dropout2d(input: Tensor, ...rest: Rest): Tensor {
  return masked(input, channelShape(input), read(rest, true));
}
/**
 * Dropout of whole channels: (N, C, D, H, W) or (C, D, H, W) -> same.
 * @see torch.nn.functional.dropout3d
 */
export function dropout3d(input: Tensor, ...rest: Rest): Tensor {
  const rank = input.shape.length;
  if (rank !== 4) return masked(input, channelShape(input), read(rest, true));
  return dropChannels("dropout3d", input, rest, [4, 5], true);
}

/** Elements that are dropped take SELU's value at minus infinity; then mean and variance are put right. */
function alphaMasked(input: Tensor, shape: readonly number[], { p, training, inplace }: Required<DropoutOptions>): Tensor {
  if (p === 0 || !training || input.numel() === 0) return input;
  const alpha = 1.7580993408473766;
  const noise = empty(shape, { dtype: input.dtype, device: input.device });
  if (p === 1) noise.zero_();
  else fillBernoulli(noise.data, noise.dtype, 1 - p, defaultGenerator);
  const a = p === 1 ? 0 : 1 / Math.sqrt((alpha * alpha * p + 1) * (1 - p));
  const shift = noise
    .sub(1)
    .mul(alpha * a)
    .add(alpha * a * p);
  const scale = noise.mul(a);
  return inplace ? input.mul_(scale).add_(shift) : input.mul(scale).add(shift);
}

/**
 * Dropout that keeps mean and variance, for SELU networks. Off unless `training`.
 * @source Klambauer et al. 2017, arXiv:1706.02515   @see torch.nn.functional.alpha_dropout
 */
export function alphaDropout(input: Tensor, ...rest: Rest): Tensor {
  return alphaMasked(input, input.shape, read(rest, false));
}
/**
 * {@link alphaDropout} of whole channels.
 * @see torch.nn.functional.feature_alpha_dropout
 */
export function featureAlphaDropout(input: Tensor, ...rest: Rest): Tensor {
  return alphaMasked(input, channelShape(input), read(rest, false));
}
