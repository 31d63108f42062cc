import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonTuple } from "../pythonFormat.ts";
import { expandSize, type Size } from "../sizes.ts";

interface MaxUnpoolOptions {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Default: 0. */
  padding?: Size;
}
type Rest = Trailing<[stride: Size | null, padding: Size], MaxUnpoolOptions>;
type CallRest = Trailing<[outputSize: readonly number[] | null], { outputSize?: readonly number[] | null }>;

/** What the unpooling layers hold. */
abstract class MaxUnpoolNd extends Module<[input: Tensor, indices: Tensor, ...rest: CallRest]> {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  constructor(rank: number, kernelSize: Size, rest: Rest) {
    super();
    const options = trailing<MaxUnpoolOptions>(rest, ["stride", "padding"]);
    this.kernelSize = expandSize(kernelSize, rank);
    this.stride = expandSize(options.stride ?? kernelSize, rank);
    this.padding = expandSize(options.padding ?? 0, rank);
  }
  protected options(rest: CallRest) {
    const { outputSize = null } = trailing<{ outputSize?: readonly number[] | null }>(rest, ["outputSize"]);
    return { stride: this.stride, padding: this.padding, outputSize };
  }
  override extraRepr(): string {
    return `kernel_size=${pythonTuple(this.kernelSize)}, stride=${pythonTuple(this.stride)}, padding=${pythonTuple(this.padding)}`;
  }
}

/**
 * Puts the maxima of {@link MaxPool1d} back to their places: (N, C, L') -> (N, C, L).
 * @see torch.nn.MaxUnpool1d
 * @example
 * const [largest, places] = F.maxPool1d(torch.randn(1, 4, 8), 2, { returnIndices: true });
 * new nn.MaxUnpool1d(2).call(largest, places).shape // [1, 4, 8]
 */
export class MaxUnpool1d extends MaxUnpoolNd {
  constructor(kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "MaxUnpool1d(int|int[] kernelSize, ~stride, ~padding, {int|int[]|None stride, int|int[] padding})",
      kernelSize,
      ...rest,
    );
    super(1, kernelSize, rest);
  }
  override forward(input: Tensor, indices: Tensor, ...rest: CallRest): Tensor {
    return F.maxUnpool1d(input, indices, this.kernelSize, this.options(rest));
  }
}
/**
 * Puts the maxima of {@link MaxPool2d} back to their places: (N, C, H', W') -> (N, C, H, W).
 * @see torch.nn.MaxUnpool2d
 * @example
 * const [largest, places] = F.maxPool2d(torch.randn(1, 4, 8, 8), 2, { returnIndices: true });
 * new nn.MaxUnpool2d(2).call(largest, places).shape // [1, 4, 8, 8]
 */
export class MaxUnpool2d extends MaxUnpoolNd {
  constructor(kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "MaxUnpool2d(int|int[] kernelSize, ~stride, ~padding, {int|int[]|None stride, int|int[] padding})",
      kernelSize,
      ...rest,
    );
    super(2, kernelSize, rest);
  }
  override forward(input: Tensor, indices: Tensor, ...rest: CallRest): Tensor {
    return F.maxUnpool2d(input, indices, this.kernelSize, this.options(rest));
  }
}
/**
 * Puts the maxima of {@link MaxPool3d} back to their places: (N, C, D', H', W') -> (N, C, D, H, W).
 * @see torch.nn.MaxUnpool3d
 * @example
 * const [largest, places] = F.maxPool3d(torch.randn(1, 4, 8, 8, 8), 2, { returnIndices: true });
 * new nn.MaxUnpool3d(2).call(largest, places).shape // [1, 4, 8, 8, 8]
 */
export class MaxUnpool3d extends MaxUnpoolNd {
  constructor(kernelSize: Size, ...rest: Rest) {
    checkArguments(
      "MaxUnpool3d(int|int[] kernelSize, ~stride, ~padding, {int|int[]|None stride, int|int[] padding})",
      kernelSize,
      ...rest,
    );
    super(3, kernelSize, rest);
  }
  override forward(input: Tensor, indices: Tensor, ...rest: CallRest): Tensor {
    return F.maxUnpool3d(input, indices, this.kernelSize, this.options(rest));
  }
}

keepClassNames({ MaxUnpool1d, MaxUnpool2d, MaxUnpool3d });
