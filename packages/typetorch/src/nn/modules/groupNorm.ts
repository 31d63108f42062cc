import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ValueError } from "../../core/errors.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonBool, pythonFloat } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface GroupNormOptions extends FactoryOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** Learn a scale and a shift for each channel. Default: true. */
  affine?: boolean;
}

/**
 * Normalises each sample over groups of channels: (N, numChannels, *) -> same.
 * @source Wu and He 2018, arXiv:1803.08494   @see torch.nn.GroupNorm
 * @example
 * new nn.GroupNorm(2, 4).call(torch.randn(2, 4, 3)).shape // [2, 4, 3]
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  /** (numChannels), or null */
  weight: Parameter | null;
  /** (numChannels), or null */
  bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, ...rest: Trailing<[eps: number, affine: boolean], GroupNormOptions>) {
    checkArguments(
      "GroupNorm(int numGroups, int numChannels, ~eps, ~affine, {float eps, bool affine, device device, dtype dtype})",
      numGroups,
      numChannels,
      ...rest,
    );
    super();
    const options = trailing<GroupNormOptions>(rest, ["eps", "affine"]);
    if (numChannels % numGroups !== 0) throw new ValueError("num_channels must be divisible by num_groups");
    const factory = factoryOptions(options);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = options.eps ?? 1e-5;
    this.affine = options.affine ?? true;
    this.weight = this.affine ? new Parameter(empty([numChannels], factory)) : null;
    this.bias = this.affine ? new Parameter(empty([numChannels], factory)) : null;
    this.resetParameters();
  }
  /** Scale 1, shift 0. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }
  override forward(input: Tensor): Tensor {
    return F.groupNorm(input, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps });
  }
  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${pythonFloat(this.eps)}, affine=${pythonBool(this.affine)}`;
  }
}

keepClassNames({ GroupNorm });
