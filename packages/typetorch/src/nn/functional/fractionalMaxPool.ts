import { checkArguments } from "../../ops/arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { numelOf } from "../../core/shape.ts";
import { empty, rand } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expandSize, type Size } from "../sizes.ts";

export interface FractionalMaxPoolOptions {
  outputSize?: Size | null;
  /** Output size over input size, between 0 and 1. */
  outputRatio?: Size | null;
  /** Also give the positions of the maxima. Default: false. */
  returnIndices?: boolean;
  /** (N, C, dimensions): where the windows lie, between 0 and 1; drawn when not given. */
  _randomSamples?: Tensor | null;
}

/** Where the windows of one dimension begin. */
function starts(sample: number, size: number, count: number, window: number, round: (x: number) => number): number[] {
  const out: number[] = [];
  const step = round((size - window) / (count - 1));
  for (let i = 0; i < count - 1; i++) {
    out.push(Math.trunc(round(round(i + sample) * step)) - Math.trunc(round(sample * step)));
  }
  out.push(size - window);
  return out;
}

function pool(rank: number, input: Tensor, kernelSize: Size, options: FractionalMaxPoolOptions): [Tensor, Tensor] {
  const name = `fractional_max_pool${rank}d`;
  const { outputSize = null, outputRatio = null } = options;
  if (outputSize === null && outputRatio === null) {
    throw new ValueError(`${name} requires specifying either an output_size or an output_ratio`);
  }
  const batched = input.shape.length === rank + 2;
  if (!batched && input.shape.length !== rank + 1) {
    throw new ShapeError(`${name}: Expected ${rank + 1}D or ${rank + 2}D tensor, but got: ${input.shape.join("x")}`);
  }
  const x = batched ? input : input.unsqueeze(0);
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const kernel = expandSize(kernelSize, rank);
  const sizes =
    outputSize !== null
      ? expandSize(outputSize, rank)
      : spatial.map((size, d) => Math.trunc(size * expandSize(outputRatio!, rank)[d]!));
  for (let d = 0; d < rank; d++) {
    if (sizes[d]! + kernel[d]! - 1 > spatial[d]!) {
      throw new ShapeError(`${name}(): pool size ${kernel[d]} too large relative to input size ${spatial[d]}`);
    }
  }
  const samples = options._randomSamples ?? rand([batch, channels, rank], { dtype: input.dtype, device: input.device });
  const chosen = samples.contiguous().data as Float64Array;
  const values = x.detach().contiguous().data as Float64Array;
  const round = x.dtype.key === "f32" ? Math.fround : (v: number) => v;
  const places = numelOf(spatial);
  const count = numelOf(sizes);
  const indices = empty([batch, channels, count], { dtype: int64, device: input.device });
  const found = indices.data as BigInt64Array;
  const window = numelOf(kernel);
  for (let plane = 0; plane < batch * channels; plane++) {
    // In two dimensions the first sample is for the columns, in three for the depth.
    const begin = spatial.map((size, d) =>
      starts(chosen[plane * rank + (rank === 2 ? 1 - d : d)]!, size, sizes[d]!, kernel[d]!, round),
    );
    for (let k = 0; k < count; k++) {
      let best = -1;
      let most = Number.NEGATIVE_INFINITY;
      for (let w = 0; w < window; w++) {
        let [place, stride, restK, restW] = [0, 1, k, w];
        for (let d = rank - 1; d >= 0; d--) {
          const at = begin[d]![restK % sizes[d]!]! + (restW % kernel[d]!);
          restK = Math.floor(restK / sizes[d]!);
          restW = Math.floor(restW / kernel[d]!);
          place += at * stride;
          stride *= spatial[d]!;
        }
        const value = values[plane * places + place]!;
        if (best < 0 || value > most || Number.isNaN(value)) {
          best = place;
          most = value;
        }
      }
      found[plane * count + k] = BigInt(best);
    }
  }
  const shape = [batch, channels, ...sizes];
  const out = x.reshape([batch, channels, places]).gather(2, indices).view(shape);
  const at = indices.view(shape);
  return batched ? [out, at] : [out.squeeze(0), at.squeeze(0)];
}

/**
 * Largest value of windows that are laid out at random: (N, C, H, W) -> (N, C, ...outputSize), with `returnIndices` also where.
 * @source Graham 2014, arXiv:1412.6071   @see torch.nn.functional.fractional_max_pool2d
 * @example
 * F.fractionalMaxPool2d(torch.randn(1, 4, 8, 8), 2, { outputSize: 3 }).shape // [1, 4, 3, 3]
 */
export function fractionalMaxPool2d(
  input: Tensor,
  kernelSize: Size,
  options: FractionalMaxPoolOptions & { returnIndices: true },
): [output: Tensor, indices: Tensor];
export function fractionalMaxPool2d(input: Tensor, kernelSize: Size, options: FractionalMaxPoolOptions): Tensor;
export function fractionalMaxPool2d(
  input: Tensor,
  kernelSize: Size,
  options: FractionalMaxPoolOptions,
): Tensor | [output: Tensor, indices: Tensor] {
  checkArguments(
    "fractional_max_pool2d(Tensor input, int|int[] kernelSize, options options, {int|int[]|None outputSize, float|float[]|None outputRatio, bool returnIndices, Tensor|None _randomSamples})",
    input,
    kernelSize,
    options,
  );
  const both = pool(2, input, kernelSize, options);
  return options.returnIndices ? both : both[0];
}
/**
 * Largest value of windows that are laid out at random: (N, C, D, H, W) -> (N, C, ...outputSize), with `returnIndices` also where.
 * @source Graham 2014, arXiv:1412.6071   @see torch.nn.functional.fractional_max_pool3d
 * @example
 * F.fractionalMaxPool3d(torch.randn(1, 4, 8, 8, 8), 2, { outputSize: 3 }).shape // [1, 4, 3, 3, 3]
 */
export function fractionalMaxPool3d(
  input: Tensor,
  kernelSize: Size,
  options: FractionalMaxPoolOptions & { returnIndices: true },
): [output: Tensor, indices: Tensor];
export function fractionalMaxPool3d(input: Tensor, kernelSize: Size, options: FractionalMaxPoolOptions): Tensor;
export function fractionalMaxPool3d(
  input: Tensor,
  kernelSize: Size,
  options: FractionalMaxPoolOptions,
): Tensor | [output: Tensor, indices: Tensor] {
  checkArguments(
    "fractional_max_pool3d(Tensor input, int|int[] kernelSize, options options, {int|int[]|None outputSize, float|float[]|None outputRatio, bool returnIndices, Tensor|None _randomSamples})",
    input,
    kernelSize,
    options,
  );
  const both = pool(3, input, kernelSize, options);
  return options.returnIndices ? both : both[0];
}
