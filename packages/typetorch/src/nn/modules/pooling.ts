import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonBool, pythonNumber, pythonSize } from "../pythonFormat.ts";
import { expandSize, type Size } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface MaxPoolOptions {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Default: 0. */
  padding?: Size;
  /** Default: 1. */
  dilation?: Size;
  /** Also give the positions of the maxima: the module's result is then `[output, indices]`. Default: false. */
  returnIndices?: boolean;
  /** Round the output's size up. Default: false. */
  ceilMode?: boolean;
}
type MaxPoolRest = Trailing<
  [stride: Size | null, padding: Size, dilation: Size, returnIndices: boolean, ceilMode: boolean],
  MaxPoolOptions
>;

/** What the max pools hold. With `returnIndices` the result is a pair: `new MaxPool2d<[Tensor, Tensor]>(2, { returnIndices: true })`. */
abstract class MaxPoolNd<Out> extends Module<[input: Tensor], Out> {
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly dilation: Size;
  readonly returnIndices: boolean;
  readonly ceilMode: boolean;
  constructor(kernelSize: Size, ...rest: MaxPoolRest) {
    super();
    const options = trailing<MaxPoolOptions>(rest, ["stride", "padding", "dilation", "returnIndices", "ceilMode"]);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.returnIndices = options.returnIndices ?? false;
    this.ceilMode = options.ceilMode ?? false;
  }
  protected geometry() {
    const { stride, padding, dilation, ceilMode } = this;
    return { stride, padding, dilation, ceilMode };
  }
  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return `kernel_size=${pythonSize(kernelSize)}, stride=${pythonSize(stride)}, padding=${pythonSize(padding)}, dilation=${pythonSize(dilation)}, ceil_mode=${pythonBool(ceilMode)}`;
  }
}

/**
 * Largest value of each window: (N, C, L) -> (N, C, L').
 * @see torch.nn.MaxPool1d
 * @example
 * new nn.MaxPool1d(2).call(torch.randn(1, 4, 8)).shape // [1, 4, 4]
 */
export class MaxPool1d<Out = Tensor> extends MaxPoolNd<Out> {
  override forward(input: Tensor): Out {
    const { returnIndices } = this;
    return F.maxPool1d(input, this.kernelSize, { ...this.geometry(), returnIndices }) as Out;
  }
}
/**
 * Largest value of each window: (N, C, H, W) -> (N, C, H', W').
 * @see torch.nn.MaxPool2d
 * @example
 * new nn.MaxPool2d(2).call(torch.randn(1, 4, 8, 8)).shape // [1, 4, 4, 4]
 */
export class MaxPool2d<Out = Tensor> extends MaxPoolNd<Out> {
  override forward(input: Tensor): Out {
    const { returnIndices } = this;
    return F.maxPool2d(input, this.kernelSize, { ...this.geometry(), returnIndices }) as Out;
  }
}
/**
 * Largest value of each window: (N, C, D, H, W) -> (N, C, D', H', W').
 * @see torch.nn.MaxPool3d
 * @example
 * new nn.MaxPool3d(2).call(torch.randn(1, 4, 8, 8, 8)).shape // [1, 4, 4, 4, 4]
 */
export class MaxPool3d<Out = Tensor> extends MaxPoolNd<Out> {
  override forward(input: Tensor): Out {
    const { returnIndices } = this;
    return F.maxPool3d(input, this.kernelSize, { ...this.geometry(), returnIndices }) as Out;
  }
}

export interface AvgPoolOptions {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Default: 0. */
  padding?: Size;
  /** Round the output's size up. Default: false. */
  ceilMode?: boolean;
  /** Count the padding's zeros in the average. Default: true. */
  countIncludePad?: boolean;
  /** Divide by this instead of the window's size (not for AvgPool1d). */
  divisorOverride?: number | null;
}
type AvgPoolRest = Trailing<
  [stride: Size | null, padding: Size, ceilMode: boolean, countIncludePad: boolean, divisorOverride: number | null],
  AvgPoolOptions
>;

/** What the average pools hold. */
abstract class AvgPoolNd extends Module {
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;
  constructor(kernelSize: Size, ...rest: AvgPoolRest) {
    super();
    const options = trailing<AvgPoolOptions>(rest, ["stride", "padding", "ceilMode", "countIncludePad", "divisorOverride"]);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
  }
  protected geometry() {
    const { stride, padding, ceilMode, countIncludePad } = this;
    return { stride, padding, ceilMode, countIncludePad };
  }
  override extraRepr(): string {
    return `kernel_size=${pythonSize(this.kernelSize)}, stride=${pythonSize(this.stride)}, padding=${pythonSize(this.padding)}`;
  }
}

/**
 * Average of each window: (N, C, L) -> (N, C, L').
 * @see torch.nn.AvgPool1d
 * @example
 * new nn.AvgPool1d(2).call(torch.randn(1, 4, 8)).shape // [1, 4, 4]
 */
export class AvgPool1d extends AvgPoolNd {
  constructor(kernelSize: Size, ...rest: AvgPoolRest) {
    checkArguments(
      "AvgPool1d(int|int[] kernelSize, int|int[]|options|None? stride, int|int[]|options? padding, bool|options? ceilMode, bool|options? countIncludePad, float|options|None? options, options? options, {int|int[]|None stride, int|int[] padding, bool ceilMode, bool countIncludePad, float|None divisorOverride})",
      kernelSize,
      ...rest,
    );
    const options = trailing<AvgPoolOptions>(rest, ["stride", "padding", "ceilMode", "countIncludePad"]);
    const stride = expandSize(options.stride ?? kernelSize, 1);
    super(expandSize(kernelSize, 1), { ...options, stride, padding: expandSize(options.padding ?? 0, 1) });
  }
  override forward(input: Tensor): Tensor {
    return F.avgPool1d(input, this.kernelSize, this.geometry());
  }
}
/**
 * Average of each window: (N, C, H, W) -> (N, C, H', W').
 * @see torch.nn.AvgPool2d
 * @example
 * new nn.AvgPool2d(2).call(torch.randn(1, 4, 8, 8)).shape // [1, 4, 4, 4]
 */
export class AvgPool2d extends AvgPoolNd {
  override forward(input: Tensor): Tensor {
    const { divisorOverride } = this;
    return F.avgPool2d(input, this.kernelSize, { ...this.geometry(), divisorOverride });
  }
}
/**
 * Average of each window: (N, C, D, H, W) -> (N, C, D', H', W').
 * @see torch.nn.AvgPool3d
 * @example
 * new nn.AvgPool3d(2).call(torch.randn(1, 4, 8, 8, 8)).shape // [1, 4, 4, 4, 4]
 */
export class AvgPool3d extends AvgPoolNd {
  override forward(input: Tensor): Tensor {
    const { divisorOverride } = this;
    return F.avgPool3d(input, this.kernelSize, { ...this.geometry(), divisorOverride });
  }
}

/** A size in which null keeps the input's. */
export type AdaptiveSize = number | null | readonly (number | null)[];

/** What the adaptive average pools hold. */
abstract class AdaptiveAvgPoolNd extends Module {
  readonly outputSize: AdaptiveSize;
  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = outputSize;
  }
  override extraRepr(): string {
    return `output_size=${pythonSize(this.outputSize)}`;
  }
}
/**
 * Averages over windows so that the output has a given size: (N, C, L) -> (N, C, outputSize).
 * @see torch.nn.AdaptiveAvgPool1d
 * @example
 * new nn.AdaptiveAvgPool1d(3).call(torch.randn(1, 4, 8)).shape // [1, 4, 3]
 */
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolNd {
  override forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool1d(input, this.outputSize);
  }
}
/**
 * Averages over windows so that the output has a given size: (N, C, H, W) -> (N, C, ...outputSize).
 * @see torch.nn.AdaptiveAvgPool2d
 * @example
 * new nn.AdaptiveAvgPool2d(3).call(torch.randn(1, 4, 8, 8)).shape // [1, 4, 3, 3]
 */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  override forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool2d(input, this.outputSize);
  }
}
/**
 * Averages over windows so that the output has a given size: (N, C, D, H, W) -> (N, C, ...outputSize).
 * @see torch.nn.AdaptiveAvgPool3d
 * @example
 * new nn.AdaptiveAvgPool3d(3).call(torch.randn(1, 4, 8, 8, 8)).shape // [1, 4, 3, 3, 3]
 */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  override forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool3d(input, this.outputSize);
  }
}

/** What the adaptive max pools hold; with `returnIndices` the result is a pair. */
abstract class AdaptiveMaxPoolNd<Out> extends Module<[input: Tensor], Out> {
  readonly outputSize: AdaptiveSize;
  readonly returnIndices: boolean;
  constructor(outputSize: AdaptiveSize, ...rest: Trailing<[returnIndices: boolean], { returnIndices?: boolean }>) {
    super();
    this.outputSize = outputSize;
    this.returnIndices = trailing<{ returnIndices?: boolean }>(rest, ["returnIndices"]).returnIndices ?? false;
  }
  override extraRepr(): string {
    return `output_size=${pythonSize(this.outputSize)}`;
  }
}
/**
 * Largest values of windows so that the output has a given size: (N, C, L) -> (N, C, outputSize).
 * @see torch.nn.AdaptiveMaxPool1d
 * @example
 * new nn.AdaptiveMaxPool1d(3).call(torch.randn(1, 4, 8)).shape // [1, 4, 3]
 */
export class AdaptiveMaxPool1d<Out = Tensor> extends AdaptiveMaxPoolNd<Out> {
  override forward(input: Tensor): Out {
    return F.adaptiveMaxPool1d(input, this.outputSize, { returnIndices: this.returnIndices }) as Out;
  }
}
/**
 * Largest values of windows so that the output has a given size: (N, C, H, W) -> (N, C, ...outputSize).
 * @see torch.nn.AdaptiveMaxPool2d
 * @example
 * new nn.AdaptiveMaxPool2d(3).call(torch.randn(1, 4, 8, 8)).shape // [1, 4, 3, 3]
 */
export class AdaptiveMaxPool2d<Out = Tensor> extends AdaptiveMaxPoolNd<Out> {
  override forward(input: Tensor): Out {
    return F.adaptiveMaxPool2d(input, this.outputSize, { returnIndices: this.returnIndices }) as Out;
  }
}
/**
 * Largest values of windows so that the output has a given size: (N, C, D, H, W) -> (N, C, ...outputSize).
 * @see torch.nn.AdaptiveMaxPool3d
 * @example
 * new nn.AdaptiveMaxPool3d(3).call(torch.randn(1, 4, 8, 8, 8)).shape // [1, 4, 3, 3, 3]
 */
export class AdaptiveMaxPool3d<Out = Tensor> extends AdaptiveMaxPoolNd<Out> {
  override forward(input: Tensor): Out {
    return F.adaptiveMaxPool3d(input, this.outputSize, { returnIndices: this.returnIndices }) as Out;
  }
}

export interface LPPoolOptions {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Round the output's size up. Default: false. */
  ceilMode?: boolean;
}

/** What the power-average pools hold. */
abstract class LPPoolNd extends Module {
  readonly normType: number;
  readonly kernelSize: Size;
  readonly stride: Size | null;
  readonly ceilMode: boolean;
  constructor(normType: number, kernelSize: Size, ...rest: Trailing<[stride: Size | null, ceilMode: boolean], LPPoolOptions>) {
    super();
    const options = trailing<LPPoolOptions>(rest, ["stride", "ceilMode"]);
    this.normType = normType;
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? null;
    this.ceilMode = options.ceilMode ?? false;
  }
  override extraRepr(): string {
    const { normType, kernelSize, stride, ceilMode } = this;
    return `norm_type=${pythonNumber(normType)}, kernel_size=${pythonSize(kernelSize)}, stride=${pythonSize(stride)}, ceil_mode=${pythonBool(ceilMode)}`;
  }
}
/**
 * `(sum of x^p)^(1/p)` of each window: (N, C, L) -> (N, C, L').
 * @see torch.nn.LPPool1d
 * @example
 * new nn.LPPool1d(2, 2).call(torch.rand(1, 4, 8)).shape // [1, 4, 4]
 */
export class LPPool1d extends LPPoolNd {
  override forward(input: Tensor): Tensor {
    return F.lpPool1d(input, this.normType, this.kernelSize, { stride: this.stride, ceilMode: this.ceilMode });
  }
}
/**
 * `(sum of x^p)^(1/p)` of each window: (N, C, H, W) -> (N, C, H', W').
 * @see torch.nn.LPPool2d
 * @example
 * new nn.LPPool2d(2, 2).call(torch.rand(1, 4, 8, 8)).shape // [1, 4, 4, 4]
 */
export class LPPool2d extends LPPoolNd {
  override forward(input: Tensor): Tensor {
    return F.lpPool2d(input, this.normType, this.kernelSize, { stride: this.stride, ceilMode: this.ceilMode });
  }
}

keepClassNames({
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  LPPool1d,
  LPPool2d,
});
