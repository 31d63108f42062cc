import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { trailing } from "../../core/trailing.ts";
import { NormBase, type NormOptions, type NormRest, normPositional } from "./normBase.ts";

/** Instance normalisation of whatever rank: each channel of each sample by itself. */
export abstract class InstanceNorm extends NormBase {
  constructor(numFeatures: number, ...rest: NormRest) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...trailing<NormOptions>(rest, normPositional) });
  }
  /** Rank of an input that has no batch dimension. */
  protected abstract readonly unbatchedRank: number;

  override forward(input: Tensor): Tensor {
    checkArguments("instance_norm(Tensor input)", input);
    const rank = input.shape.length;
    const unbatched = this.unbatchedRank;
    if (rank !== unbatched && rank !== unbatched + 1) {
      throw new ShapeError(`expected ${unbatched}D or ${unbatched + 1}D input (got ${rank}D input)`);
    }
    return rank === unbatched ? this.normalize(input.unsqueeze(0)).squeeze(0) : this.normalize(input);
  }
  private normalize(input: Tensor): Tensor {
    return F.instanceNorm(input, {
      runningMean: this.runningMean,
      runningVar: this.runningVar,
      weight: this.weight,
      bias: this.bias,
      useInputStats: this.training || !this.trackRunningStats,
      momentum: this.momentum ?? 0,
      eps: this.eps,
    });
  }
}

/**
 * (N, C, L) or (C, L) -> same.
 * @source Ulyanov et al. 2016, arXiv:1607.08022   @see torch.nn.InstanceNorm1d
 * @example
 * new nn.InstanceNorm1d(4).call(torch.randn(1, 4, 5)).shape // [1, 4, 5]
 */
export class InstanceNorm1d extends InstanceNorm {
  protected override get unbatchedRank(): number {
    return 2;
  }
}
/**
 * (N, C, H, W) or (C, H, W) -> same.
 * @source Ulyanov et al. 2016, arXiv:1607.08022   @see torch.nn.InstanceNorm2d
 * @example
 * new nn.InstanceNorm2d(4).call(torch.randn(1, 4, 5, 5)).shape // [1, 4, 5, 5]
 */
export class InstanceNorm2d extends InstanceNorm {
  protected override get unbatchedRank(): number {
    return 3;
  }
}
/**
 * (N, C, D, H, W) or (C, D, H, W) -> same.
 * @source Ulyanov et al. 2016, arXiv:1607.08022   @see torch.nn.InstanceNorm3d
 * @example
 * new nn.InstanceNorm3d(4).call(torch.randn(1, 4, 5, 5, 5)).shape // [1, 4, 5, 5, 5]
 */
export class InstanceNorm3d extends InstanceNorm {
  protected override get unbatchedRank(): number {
    return 4;
  }
}

keepClassNames({ InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d });
