import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonSize } from "../pythonFormat.ts";
import type { Size } from "../sizes.ts";

export interface FoldOptions {
  /** Spacing of the window's elements. Default: 1. */
  dilation?: Size;
  /** Zeros around the image. Default: 0. */
  padding?: Size;
  /** Default: 1. */
  stride?: Size;
}
type Rest = Trailing<[dilation: Size, padding: Size, stride: Size], FoldOptions>;
const positional = ["dilation", "padding", "stride"] as const;

/**
 * The windows of an image as columns: (N, C, H, W) -> (N, C * kernel elements, windows).
 * @see torch.nn.Unfold
 * @example
 * new nn.Unfold(2, { stride: 2 }).call(torch.ones(1, 3, 4, 4)).shape // [1, 12, 4]
 */
export class Unfold extends Module {
  readonly kernelSize: Size;
  readonly dilation: Size;
  readonly padding: Size;
  readonly stride: Size;
  constructor(kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "Unfold(int|int[] kernelSize, ~dilation, ~padding, ~stride, {int|int[] dilation, int|int[] padding, int|int[] stride})",
      kernelSize,
      ...rest,
    );
    super();
    const { dilation = 1, padding = 0, stride = 1 } = trailing<FoldOptions>(rest, positional);
    this.kernelSize = kernelSize;
    this.dilation = dilation;
    this.padding = padding;
    this.stride = stride;
  }
  override forward(input: Tensor): Tensor {
    const { dilation, padding, stride } = this;
    return F.unfold(input, this.kernelSize, { dilation, padding, stride });
  }
  override extraRepr(): string {
    return `kernel_size=${pythonSize(this.kernelSize)}, dilation=${pythonSize(this.dilation)}, padding=${pythonSize(this.padding)}, stride=${pythonSize(this.stride)}`;
  }
}

/**
 * The image whose windows are given, overlaps added up: (N, C * kernel elements, windows) -> (N, C, ...outputSize).
 * @see torch.nn.Fold
 * @example
 * new nn.Fold([4, 4], 2, { stride: 2 }).call(torch.ones(1, 12, 4)).shape // [1, 3, 4, 4]
 */
export class Fold extends Unfold {
  readonly outputSize: Size;
  constructor(outputSize: Size, kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "Fold(int|int[] outputSize, int|int[] kernelSize, ~dilation, ~padding, ~stride, {int|int[] dilation, int|int[] padding, int|int[] stride})",
      outputSize,
      kernelSize,
      ...rest,
    );
    super(kernelSize, ...rest);
    this.outputSize = outputSize;
  }
  override forward(input: Tensor): Tensor {
    const { dilation, padding, stride } = this;
    return F.fold(input, this.outputSize, this.kernelSize, { dilation, padding, stride });
  }
  override extraRepr(): string {
    return `output_size=${pythonSize(this.outputSize)}, ${super.extraRepr()}`;
  }
}

keepClassNames({ Unfold, Fold });
