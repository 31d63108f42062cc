import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";

/**
 * Turns channels into positions: (*, C r^2, H, W) -> (*, C, H r, W r).
 * @source Shi et al. 2016, arXiv:1609.05158   @see torch.nn.PixelShuffle
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
