import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * Turns channels into positions: (*, C r^2, H, W) -> (*, C, H r, W r).
 * @source Shi et al. 2016, arXiv:1609.05158   @see torch.nn.functional.pixel_shuffle
 * @example
 * F.pixelShuffle(torch.zeros(1, 8, 3, 3), 2).shape // [1, 2, 6, 6]
 */
export function pixelShuffle(input: Tensor, upscaleFactor: number): Tensor {
  checkArguments("pixel_shuffle(Tensor input, int upscaleFactor)", input, upscaleFactor);
  const r = upscaleFactor;
  const { rank, batch, channels, height, width } = imageOf("pixel_shuffle", input);
  if (!(r > 0)) throw new ShapeError(`pixel_shuffle expects a positive upscale_factor, but got ${r}`);
  if (channels % (r * r) !== 0) {
    throw new ShapeError(
      `pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=${channels} is not divisible by ${r * r}`,
    );
  }
  const c = channels / (r * r);
  const x = input.reshape([...batch, c, r, r, height, width]); // (*, C, r, r, H, W)
  const order = [...batch.keys(), rank - 3, rank, rank - 2, rank + 1, rank - 1];
  return x.permute(order).reshape([...batch, c, height * r, width * r]);
}

/**
 * Turns positions into channels: (*, C, H r, W r) -> (*, C r^2, H, W).
 * @see torch.nn.functional.pixel_unshuffle
 * @example
 * F.pixelUnshuffle(torch.zeros(1, 2, 6, 6), 2).shape // [1, 8, 3, 3]
 */
export function pixelUnshuffle(input: Tensor, downscaleFactor: number): Tensor {
  checkArguments("pixel_unshuffle(Tensor input, int downscaleFactor)", input, downscaleFactor);
  const r = downscaleFactor;
  const { rank, batch, channels, height, width } = imageOf("pixel_unshuffle", input);
  if (!(r > 0)) throw new ShapeError(`pixel_unshuffle expects a positive downscale_factor, but got ${r}`);
  for (const [name, size, dim] of [["height", height, -2] as const, ["width", width, -1] as const]) {
    if (size % r !== 0) {
      throw new ShapeError(
        `pixel_unshuffle expects ${name} to be divisible by downscale_factor, but input.size(${dim})=${size} is not divisible by ${r}`,
      );
    }
  }
  const x = input.reshape([...batch, channels, height / r, r, width / r, r]); // (*, C, H, r, W, r)
  const order = [...batch.keys(), rank - 3, rank - 1, rank + 1, rank - 2, rank];
  return x.permute(order).reshape([...batch, channels * r * r, height / r, width / r]);
}

/**
 * Interleaves the channels of `groups` groups: (N, C, *) -> same.
 * @source Zhang et al. 2017, arXiv:1707.01083   @see torch.nn.functional.channel_shuffle
 * @example
 * F.channelShuffle(torch.arange(4).reshape(1, 4, 1, 1), 2).flatten() // tensor([0, 2, 1, 3])
 */
export function channelShuffle(input: Tensor, groups: number): Tensor {
  checkArguments("channel_shuffle(Tensor input, int groups)", input, groups);
  const { shape } = input;
  if (shape.length <= 2) {
    throw new ShapeError(`channel_shuffle expects input with > 2 dims, but got input with sizes ${formatShape(shape)}`);
  }
  const [batch, channels, ...rest] = shape as [number, number, ...number[]];
  if (!(groups > 0)) {
    throw new ShapeError(`Number of groups to divide channels in must be positive. Value of groups:${groups}`);
  }
  if (channels % groups !== 0) {
    throw new ShapeError(`Number of channels must be divisible by groups. Got ${channels} channels and ${groups} groups.`);
  }
  return input
    .reshape([batch, groups, channels / groups, ...rest])
    .transpose(1, 2)
    .reshape(shape);
}

function imageOf(name: string, input: Tensor) {
  const { shape } = input;
  const rank = shape.length;
  if (rank < 3) {
    throw new ShapeError(`${name} expects input to have at least 3 dimensions, but got input with ${rank} dimension(s)`);
  }
  const batch = shape.slice(0, -3);
  return { rank, batch, channels: shape[rank - 3]!, height: shape[rank - 2]!, width: shape[rank - 1]! };
}
