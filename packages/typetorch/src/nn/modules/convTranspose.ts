import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { expandSize, type Size } from "../sizes.ts";
import { ConvNd, type ConvOptions, type PaddingMode } from "./conv.ts";

export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  /** `dilation * (kernelSize - 1) - padding` zeros are added on both sides. Default: 0. */
  padding?: Size;
  /** Added to one side of the output's size. Default: 0. */
  outputPadding?: Size;
}
type ConvTransposeRest = Trailing<
  [stride: Size, padding: Size, outputPadding: Size, groups: number, bias: boolean, dilation: Size, paddingMode: PaddingMode],
  ConvTransposeOptions
>;
const positional = ["stride", "padding", "outputPadding", "groups", "bias", "dilation", "paddingMode"] as const;
type CallRest = Trailing<[outputSize: readonly number[] | null], { outputSize?: readonly number[] | null }>;

/** What the transposed convolutions share. */
abstract class ConvTransposeNd extends ConvNd<[input: Tensor, ...rest: CallRest]> {
  constructor(rank: number, inChannels: number, outChannels: number, kernelSize: Size, rest: ConvTransposeRest) {
    const options = trailing<ConvTransposeOptions>(rest, positional);
    super(rank, inChannels, outChannels, kernelSize, true, options);
    if (this.paddingMode !== "zeros") throw new ValueError(`Only "zeros" padding mode is supported for ${this.getName()}`);
  }
  protected abstract convolve(input: Tensor, outputPadding: readonly number[]): Tensor;

  override forward(input: Tensor, ...rest: CallRest): Tensor {
    const { outputSize = null } = trailing<{ outputSize?: readonly number[] | null }>(rest, ["outputSize"]);
    return this.convolve(input, outputSize === null ? this.outputPadding : this.paddingFor(input, outputSize));
  }
  /** The output padding that gives a wanted size. */
  private paddingFor(input: Tensor, outputSize: readonly number[]): number[] {
    const rank = this.kernelSize.length;
    const batchedRank = rank + 2;
    const sizes = outputSize.length === input.shape.length ? outputSize.slice(-rank) : outputSize;
    if (sizes.length !== rank) {
      throw new ShapeError(
        `ConvTranspose${rank}D: for ${input.shape.length}D input, output_size must have ${rank} or ${batchedRank} elements (got ${outputSize.length})`,
      );
    }
    const spatial = input.shape.slice(-rank);
    const padding = expandSize(this.padding as Size, rank);
    const smallest = spatial.map(
      (size, d) => (size - 1) * this.stride[d]! - 2 * padding[d]! + this.dilation[d]! * (this.kernelSize[d]! - 1) + 1,
    );
    const largest = smallest.map((size, d) => size + this.stride[d]! - 1);
    if (sizes.some((size, d) => size < smallest[d]! || size > largest[d]!)) {
      throw new ShapeError(
        `requested an output size of [${sizes.join(", ")}], but valid sizes range from [${smallest.join(", ")}] to [${largest.join(", ")}] (for an input of torch.Size([${spatial.join(", ")}]))`,
      );
    }
    return sizes.map((size, d) => size - smallest[d]!);
  }
  protected geometry(outputPadding: readonly number[]) {
    const { stride, groups, dilation } = this;
    return { stride, padding: this.padding as readonly number[], outputPadding, groups, dilation };
  }
}

/**
 * The transpose of {@link Conv1d}: (N, inChannels, L) -> (N, outChannels, L'), or without N.
 * @see torch.nn.ConvTranspose1d
 * @example
 * new nn.ConvTranspose1d(4, 6, 3).call(torch.randn(1, 4, 5)).shape // [1, 6, 7]
 */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvTransposeRest) {
    checkArguments(
      "ConvTranspose1d(int inChannels, int outChannels, int|int[] kernelSize, ~stride, ~padding, ~outputPadding, ~groups, ~bias, ~dilation, ~paddingMode, {int|int[] padding, float|float[] outputPadding, int|int[] stride, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      inChannels,
      outChannels,
      kernelSize,
      ...rest,
    );
    super(1, inChannels, outChannels, kernelSize, rest);
  }
  protected override convolve(input: Tensor, outputPadding: readonly number[]): Tensor {
    return F.convTranspose1d(input, this.weight, this.bias, this.geometry(outputPadding));
  }
}
/**
 * The transpose of {@link Conv2d}: (N, inChannels, H, W) -> (N, outChannels, H', W'), or without N;
 * H' = (H - 1) stride - 2 padding + dilation (kernelSize - 1) + outputPadding + 1.
 * @see torch.nn.ConvTranspose2d
 * @example
 * new nn.ConvTranspose2d(4, 6, 3).call(torch.randn(1, 4, 5, 5)).shape // [1, 6, 7, 7]
 */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvTransposeRest) {
    checkArguments(
      "ConvTranspose2d(int inChannels, int outChannels, int|int[] kernelSize, ~stride, ~padding, ~outputPadding, ~groups, ~bias, ~dilation, ~paddingMode, {int|int[] padding, float|float[] outputPadding, int|int[] stride, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      inChannels,
      outChannels,
      kernelSize,
      ...rest,
    );
    super(2, inChannels, outChannels, kernelSize, rest);
  }
  protected override convolve(input: Tensor, outputPadding: readonly number[]): Tensor {
    return F.convTranspose2d(input, this.weight, this.bias, this.geometry(outputPadding));
  }
}
/**
 * The transpose of {@link Conv3d}: (N, inChannels, D, H, W) -> (N, outChannels, D', H', W'), or without N.
 * @see torch.nn.ConvTranspose3d
 * @example
 * new nn.ConvTranspose3d(4, 6, 3).call(torch.randn(1, 4, 5, 5, 5)).shape // [1, 6, 7, 7, 7]
 */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvTransposeRest) {
    checkArguments(
      "ConvTranspose3d(int inChannels, int outChannels, int|int[] kernelSize, ~stride, ~padding, ~outputPadding, ~groups, ~bias, ~dilation, ~paddingMode, {int|int[] padding, float|float[] outputPadding, int|int[] stride, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      inChannels,
      outChannels,
      kernelSize,
      ...rest,
    );
    super(3, inChannels, outChannels, kernelSize, rest);
  }
  protected override convolve(input: Tensor, outputPadding: readonly number[]): Tensor {
    return F.convTranspose3d(input, this.weight, this.bias, this.geometry(outputPadding));
  }
}

keepClassNames({ ConvTranspose1d, ConvTranspose2d, ConvTranspose3d });
