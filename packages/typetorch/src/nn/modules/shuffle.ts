import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";

/**
 * Turns channels into positions: (*, C r^2, H, W) -> (*, C, H r, W r).
 * @source Shi et al. 2016, arXiv:1609.05158   @see torch.nn.PixelShuffle
 * @example
 * new nn.PixelShuffle(2).call(torch.zeros(1, 8, 3, 3)).shape // [1, 2, 6, 6]
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;
  constructor(upscaleFactor: number) {
    checkArguments("PixelShuffle(int upscaleFactor)", upscaleFactor);
    super();
    this.upscaleFactor = upscaleFactor;
  }
  override forward(input: Tensor): Tensor {
    return F.pixelShuffle(input, this.upscaleFactor);
  }
  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/**
 * Turns positions into channels: (*, C, H r, W r) -> (*, C r^2, H, W).
 * @see torch.nn.PixelUnshuffle
 * @example
 * new nn.PixelUnshuffle(2).call(torch.zeros(1, 2, 6, 6)).shape // [1, 8, 3, 3]
 */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;
  constructor(downscaleFactor: number) {
    checkArguments("PixelUnshuffle(int downscaleFactor)", downscaleFactor);
    super();
    this.downscaleFactor = downscaleFactor;
  }
  override forward(input: Tensor): Tensor {
    return F.pixelUnshuffle(input, this.downscaleFactor);
  }
  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/**
 * Interleaves the channels of `groups` groups: (N, C, *) -> same.
 * @source Zhang et al. 2017, arXiv:1707.01083   @see torch.nn.ChannelShuffle
 * @example
 * new nn.ChannelShuffle(2).call(torch.arange(4).reshape(1, 4, 1, 1)).flatten() // tensor([0, 2, 1, 3])
 */
export class ChannelShuffle extends Module {
  readonly groups: number;
  constructor(groups: number) {
    checkArguments("ChannelShuffle(int groups)", groups);
    super();
    this.groups = groups;
  }
  override forward(input: Tensor): Tensor {
    return F.channelShuffle(input, this.groups);
  }
  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

keepClassNames({ PixelShuffle, PixelUnshuffle, ChannelShuffle });
