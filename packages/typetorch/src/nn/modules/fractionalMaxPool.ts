import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { expandSize, type Size } from "../sizes.ts";

type Rest = Trailing<[outputSize: Size | null, outputRatio: Size | null], F.FractionalMaxPoolOptions>;

/** What the two layers hold. */
abstract class FractionalMaxPoolNd<Out> extends Module<[input: Tensor], Out> {
  static override readonly keys: Readonly<Record<string, string>> = { _randomSamples: "_random_samples" };
  readonly kernelSize: readonly number[];
  readonly outputSize: readonly number[] | null;
  readonly outputRatio: readonly number[] | null;
  readonly returnIndices: boolean;
  declare _randomSamples: Tensor | null;
  constructor(rank: number, kernelSize: Size, rest: Rest) {
    super();
    const options = trailing<F.FractionalMaxPoolOptions>(rest, ["outputSize", "outputRatio"]);
    const { outputSize = null, outputRatio = null } = options;
    const name = `FractionalMaxPool${rank}d`;
    if (outputSize === null && outputRatio === null) {
      throw new ValueError(`${name} requires specifying either an output size, or a pooling ratio`);
    }
    if (outputSize !== null && outputRatio !== null) {
      throw new ValueError("only one of output_size and output_ratio may be specified");
    }
    this.kernelSize = expandSize(kernelSize, rank);
    this.outputSize = outputSize === null ? null : expandSize(outputSize, rank);
    this.outputRatio = outputRatio === null ? null : expandSize(outputRatio, rank);
    if (this.outputRatio?.some((ratio) => !(ratio > 0 && ratio < 1))) {
      throw new ValueError(`output_ratio must be between 0 and 1 (got ${this.outputRatio.join(", ")})`);
    }
    this.returnIndices = options.returnIndices ?? false;
    this.registerBuffer("_randomSamples", options._randomSamples ?? null);
  }
  protected options(): F.FractionalMaxPoolOptions {
    const { outputSize, outputRatio, returnIndices, _randomSamples } = this;
    return { outputSize, outputRatio, returnIndices, _randomSamples };
  }
}

/**
 * Largest value of windows that are laid out at random: (N, C, H, W) -> (N, C, ...outputSize).
 * @source Graham 2014, arXiv:1412.6071   @see torch.nn.FractionalMaxPool2d
 * @example
 * new nn.FractionalMaxPool2d(2, { outputSize: 3 }).call(torch.randn(1, 4, 8, 8)).shape // [1, 4, 3, 3]
 */
export class FractionalMaxPool2d<Out = Tensor> extends FractionalMaxPoolNd<Out> {
  constructor(kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "FractionalMaxPool2d(int|int[] kernelSize, ~outputSize, ~outputRatio, {int|int[]|None outputSize, float|float[]|None outputRatio, bool returnIndices, Tensor|None _randomSamples})",
      kernelSize,
      ...rest,
    );
    super(2, kernelSize, rest);
  }
  override forward(input: Tensor): Out {
    return F.fractionalMaxPool2d(input, this.kernelSize, this.options()) as Out;
  }
}
/**
 * Largest value of windows that are laid out at random: (N, C, D, H, W) -> (N, C, ...outputSize).
 * @source Graham 2014, arXiv:1412.6071   @see torch.nn.FractionalMaxPool3d
 * @example
 * new nn.FractionalMaxPool3d(2, { outputSize: 3 }).call(torch.randn(1, 4, 8, 8, 8)).shape // [1, 4, 3, 3, 3]
 */
export class FractionalMaxPool3d<Out = Tensor> extends FractionalMaxPoolNd<Out> {
  constructor(kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "FractionalMaxPool3d(int|int[] kernelSize, ~outputSize, ~outputRatio, {int|int[]|None outputSize, float|float[]|None outputRatio, bool returnIndices, Tensor|None _randomSamples})",
      kernelSize,
      ...rest,
    );
    super(3, kernelSize, rest);
  }
  override forward(input: Tensor): Out {
    return F.fractionalMaxPool3d(input, this.kernelSize, this.options()) as Out;
  }
}

keepClassNames({ FractionalMaxPool2d, FractionalMaxPool3d });
