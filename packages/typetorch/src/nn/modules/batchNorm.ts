import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { trailing } from "../../core/trailing.ts";
import { NormBase, type NormOptions, type NormRest, normPositional } from "./normBase.ts";

/** Batch normalisation of whatever rank. */
export abstract class BatchNorm extends NormBase {
  constructor(numFeatures: number, ...rest: NormRest) {
    super(numFeatures, trailing<NormOptions>(rest, normPositional));
  }
  protected abstract checkInputDim(input: Tensor): void;

  override forward(input: Tensor): Tensor {
    checkArguments("batch_norm(Tensor input)", input);
    this.checkInputDim(input);
    let factor = this.momentum ?? 0;
    if (this.training && this.trackRunningStats && this.numBatchesTracked !== null) {
      this.numBatchesTracked.add_(1);
      if (this.momentum === null) factor = 1 / Number(this.numBatchesTracked.item());
    }
    const training = this.training || (this.runningMean === null && this.runningVar === null);
    const useRunning = !this.training || this.trackRunningStats;
    return F.batchNorm(input, useRunning ? this.runningMean : null, useRunning ? this.runningVar : null, {
      weight: this.weight,
      bias: this.bias,
      training,
      momentum: factor,
      eps: this.eps,
    });
  }
}

/**
 * Normalises each channel over batch and length: (N, C) or (N, C, L) -> same.
 * @source Ioffe and Szegedy 2015, arXiv:1502.03167   @see torch.nn.BatchNorm1d
 * @example
 * new nn.BatchNorm1d(4).call(torch.randn(2, 4, 3)).shape // [2, 4, 3]
 */
export class BatchNorm1d extends BatchNorm {
  protected override checkInputDim(input: Tensor): void {
    const rank = input.shape.length;
    if (rank !== 2 && rank !== 3) throw new ShapeError(`expected 2D or 3D input (got ${rank}D input)`);
  }
}

/**
 * Normalises each channel over batch and positions: (N, C, H, W) -> same.
 * @source Ioffe and Szegedy 2015, arXiv:1502.03167   @see torch.nn.BatchNorm2d
 * @example
 * new nn.BatchNorm2d(4).call(torch.randn(2, 4, 3, 3)).shape // [2, 4, 3, 3]
 */
export class BatchNorm2d extends BatchNorm {
  protected override checkInputDim(input: Tensor): void {
    const rank = input.shape.length;
    if (rank !== 4) throw new ShapeError(`expected 4D input (got ${rank}D input)`);
  }
}

/**
 * Normalises each channel over batch and positions: (N, C, D, H, W) -> same.
 * @source Ioffe and Szegedy 2015, arXiv:1502.03167   @see torch.nn.BatchNorm3d
 * @example
 * new nn.BatchNorm3d(4).call(torch.randn(2, 4, 3, 3, 3)).shape // [2, 4, 3, 3, 3]
 */
export class BatchNorm3d extends BatchNorm {
  protected override checkInputDim(input: Tensor): void {
    const rank = input.shape.length;
    if (rank !== 5) throw new ShapeError(`expected 5D input (got ${rank}D input)`);
  }
}

keepClassNames({ BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d });
