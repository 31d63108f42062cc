import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ValueError } from "../../core/errors.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonTuple } from "../pythonFormat.ts";
import { expandSize, type FactoryOptions, factoryOptions, type Size } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";
type Padding = Size | "same" | "valid";

export interface ConvOptions extends FactoryOptions {
  /** Default: 1. */
  stride?: Size;
  /** Zeros added on both sides, `same` (for stride 1: the output is as large as the input) or `valid` (none). Default: 0. */
  padding?: Padding;
  /** Spacing of the kernel's elements. Default: 1. */
  dilation?: Size;
  /** Channels are convolved in this many separate groups. Default: 1. */
  groups?: number;
  /** Default: true. */
  bias?: boolean;
  /** What the padding holds. Default: `zeros`. */
  paddingMode?: PaddingMode;
}

export type ConvRest = Trailing<
  [stride: Size, padding: Padding, dilation: Size, groups: number, bias: boolean, paddingMode: PaddingMode],
  ConvOptions
>;
const positional = ["stride", "padding", "dilation", "groups", "bias", "paddingMode"] as const;

/** What all convolutions, transposed ones too, hold: geometry, weight and bias. */
export abstract class ConvNd<Args extends readonly unknown[] = [input: Tensor]> extends Module<Args> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | "same" | "valid";
  readonly dilation: readonly number[];
  readonly transposed: boolean;
  readonly outputPadding: readonly number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  /** (outChannels, inChannels / groups, ...kernelSize); transposed: (inChannels, outChannels / groups, ...kernelSize) */
  weight: Parameter;
  /** (outChannels), or null */
  bias: Parameter | null;

  constructor(
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    transposed: boolean,
    options: ConvOptions & { outputPadding?: Size },
  ) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1, paddingMode = "zeros", outputPadding = 0 } = options;
    if (groups <= 0) throw new ValueError("groups must be a positive integer");
    if (inChannels % groups !== 0) throw new ValueError("in_channels must be divisible by groups");
    if (outChannels % groups !== 0) throw new ValueError("out_channels must be divisible by groups");
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = expandSize(kernelSize, rank);
    this.stride = expandSize(stride, rank);
    if (typeof padding === "string") {
      if (padding !== "same" && padding !== "valid") {
        throw new ValueError(`Invalid padding string '${String(padding)}', should be one of {'valid', 'same'}`);
      }
      if (padding === "same" && this.stride.some((s) => s !== 1)) {
        throw new ValueError("padding='same' is not supported for strided convolutions");
      }
      this.padding = padding;
    } else this.padding = expandSize(padding, rank);
    if (!["zeros", "reflect", "replicate", "circular"].includes(paddingMode)) {
      throw new ValueError(
        `padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='${paddingMode}'`,
      );
    }
    this.dilation = expandSize(dilation, rank);
    this.transposed = transposed;
    this.outputPadding = expandSize(outputPadding, rank);
    this.groups = groups;
    this.paddingMode = paddingMode;
    const factory = factoryOptions(options);
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = new Parameter(empty([...channels, ...this.kernelSize], factory));
    this.bias = (options.bias ?? true) ? new Parameter(empty([outChannels], factory)) : null;
    this.resetParameters();
  }
  /** Draws weight and bias anew: uniform in ±1/sqrt(fan in). */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const [fanIn] = init.calculateFanInAndFanOut(this.weight);
      if (fanIn !== 0) init.uniform_(this.bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
    }
  }
  /** The padding per side as `F.pad` wants it, last dimension first. */
  protected sidePadding(): number[] {
    const { padding, dilation, kernelSize } = this;
    const sides = kernelSize.map((k, i) => {
      if (padding === "valid") return [0, 0];
      if (padding !== "same") return [padding[i]!, padding[i]!];
      const total = dilation[i]! * (k - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return sides.reverse().flat();
  }
  override extraRepr(): string {
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${pythonTuple(this.kernelSize)}, stride=${pythonTuple(this.stride)}`,
    ];
    if (typeof this.padding === "string") parts.push(`padding=${this.padding}`);
    else if (this.padding.some((p) => p !== 0)) parts.push(`padding=${pythonTuple(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${pythonTuple(this.dilation)}`);
    if (this.outputPadding.some((p) => p !== 0)) parts.push(`output_padding=${pythonTuple(this.outputPadding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push("bias=False");
    if (this.paddingMode !== "zeros") parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(", ");
  }
}

/** The forward of the three convolutions: pad by hand unless the padding is zeros. */
abstract class PaddedConv extends ConvNd {
  protected abstract convolve(input: Tensor, padding: readonly number[] | "same" | "valid"): Tensor;
  override forward(input: Tensor): Tensor {
    if (this.paddingMode === "zeros") return this.convolve(input, this.padding);
    const padded = F.pad(input, this.sidePadding(), { mode: this.paddingMode });
    return this.convolve(
      padded,
      this.kernelSize.map(() => 0),
    );
  }
}

/**
 * 1-d convolution: (N, inChannels, L) -> (N, outChannels, L'), or without N.
 * @see torch.nn.Conv1d
 * @example
 * new nn.Conv1d(4, 6, 3).call(torch.randn(1, 4, 5)).shape // [1, 6, 3]
 */
export class Conv1d extends PaddedConv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvRest) {
    checkArguments(
      "Conv1d(int inChannels, int outChannels, int|int[] kernelSize, ~stride, ~padding, ~dilation, ~groups, ~bias, ~paddingMode, {int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      inChannels,
      outChannels,
      kernelSize,
      ...rest,
    );
    super(1, inChannels, outChannels, kernelSize, false, trailing<ConvOptions>(rest, positional));
  }
  protected override convolve(input: Tensor, padding: readonly number[] | "same" | "valid"): Tensor {
    const { stride, dilation, groups } = this;
    return F.conv1d(input, this.weight, this.bias, { stride, padding, dilation, groups });
  }
}

/**
 * 2-d convolution: (N, inChannels, H, W) -> (N, outChannels, H', W'), or without N; H' = floor((H + 2 padding - dilation (kernelSize - 1) - 1) / stride + 1).
 * @see torch.nn.Conv2d
 * @example
 * const out = new nn.Conv2d(16, 33, 3, { stride: 2, padding: 1 }).call(torch.randn(20, 16, 50, 100)); // (20, 33, 25, 50)
 */
export class Conv2d extends PaddedConv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvRest) {
    checkArguments(
      "Conv2d(int inChannels, int outChannels, int|int[] kernelSize, ~stride, ~padding, ~dilation, ~groups, ~bias, ~paddingMode, {int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      inChannels,
      outChannels,
      kernelSize,
      ...rest,
    );
    super(2, inChannels, outChannels, kernelSize, false, trailing<ConvOptions>(rest, positional));
  }
  protected override convolve(input: Tensor, padding: readonly number[] | "same" | "valid"): Tensor {
    const { stride, dilation, groups } = this;
    return F.conv2d(input, this.weight, this.bias, { stride, padding, dilation, groups });
  }
}

/**
 * 3-d convolution: (N, inChannels, D, H, W) -> (N, outChannels, D', H', W'), or without N.
 * @see torch.nn.Conv3d
 * @example
 * new nn.Conv3d(4, 6, 3).call(torch.randn(1, 4, 5, 5, 5)).shape // [1, 6, 3, 3, 3]
 */
export class Conv3d extends PaddedConv {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvRest) {
    checkArguments(
      "Conv3d(int inChannels, int outChannels, int|int[] kernelSize, ~stride, ~padding, ~dilation, ~groups, ~bias, ~paddingMode, {int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      inChannels,
      outChannels,
      kernelSize,
      ...rest,
    );
    super(3, inChannels, outChannels, kernelSize, false, trailing<ConvOptions>(rest, positional));
  }
  protected override convolve(input: Tensor, padding: readonly number[] | "same" | "valid"): Tensor {
    const { stride, dilation, groups } = this;
    return F.conv3d(input, this.weight, this.bias, { stride, padding, dilation, groups });
  }
}

keepClassNames({ ConvNd, Conv1d, Conv2d, Conv3d });
