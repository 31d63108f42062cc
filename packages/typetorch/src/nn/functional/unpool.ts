import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, numelOf, sameShape } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expandSize, type Size } from "../sizes.ts";

export interface MaxUnpoolOptions {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Default: 0. */
  padding?: Size;
  /** The wanted size, where several are possible. */
  outputSize?: readonly number[] | null;
}
type Rest = Trailing<[stride: Size | null, padding: Size, outputSize: readonly number[] | null], MaxUnpoolOptions>;

function unpool(rank: number, input: Tensor, indices: Tensor, kernelSize: Size, rest: Rest): Tensor {
  const options = trailing<MaxUnpoolOptions>(rest, ["stride", "padding", "outputSize"]);
  const kernel = expandSize(kernelSize, rank);
  const stride = expandSize(options.stride ?? kernelSize, rank);
  const padding = expandSize(options.padding ?? 0, rank);
  const spatial = input.shape.slice(-rank);
  if (input.shape.length !== rank + 1 && input.shape.length !== rank + 2) {
    throw new ShapeError(
      `Input to max_unpooling${rank}d should be a ${rank + 1}d or ${rank + 2}d Tensor, but got tensor with dim ${input.shape.length}`,
    );
  }
  if (!sameShape(input.shape, indices.shape)) {
    throw new ShapeError(
      `Expected shape of indices to be same as that of the input tensor (${formatShape(input.shape)}) but got indices tensor with shape: ${formatShape(indices.shape)}`,
    );
  }
  const usual = spatial.map((size, d) => (size - 1) * stride[d]! + kernel[d]! - 2 * padding[d]!);
  let sizes: readonly number[] = usual;
  if (options.outputSize !== undefined && options.outputSize !== null) {
    const { outputSize } = options;
    sizes = outputSize.length === rank ? outputSize : outputSize.slice(-rank);
    if (outputSize.length !== rank && outputSize.length !== rank + 2) {
      throw new ValueError(
        `output_size should be a sequence containing ${rank} or ${rank + 2} elements, but it has a length of '${outputSize.length}'`,
      );
    }
    sizes.forEach((size, d) => {
      const [least, most] = [usual[d]! - stride[d]!, usual[d]! + stride[d]!];
      if (!(least < size && size < most)) {
        throw new ValueError(`invalid output_size "${formatShape(sizes)}" (dim ${d} must be between ${least} and ${most})`);
      }
    });
  }
  const volume = numelOf(sizes);
  const flat = indices.reshape([-1]).data as ArrayLike<number | bigint>;
  for (let i = 0; i < flat.length; i++) {
    if (flat[i]! < 0 || flat[i]! >= volume) {
      throw new ValueError(`Found an invalid max index: ${flat[i]} (output volumes are of size ${sizes.join("x")})`);
    }
  }
  const head = input.shape.slice(0, -rank);
  const places = numelOf(spatial);
  return zeros([...head, volume], { dtype: input.dtype, device: input.device })
    .scatter(-1, indices.reshape([...head, places]), input.reshape([...head, places]))
    .view([...head, ...sizes]);
}

/**
 * Puts the maxima of {@link maxPool1d} back to their places, zeros elsewhere: (N, C, L') -> (N, C, L).
 * @see torch.nn.functional.max_unpool1d
 * @example
 * const [largest, places] = F.maxPool1d(torch.randn(1, 4, 8), 2, { returnIndices: true });
 * F.maxUnpool1d(largest, places, 2).shape // [1, 4, 8]
 */
export function maxUnpool1d(input: Tensor, indices: Tensor, kernelSize: Size, ...rest: Rest): Tensor {
  checkArguments(
    "max_unpool1d(Tensor input, Tensor indices, int|int[] kernelSize, ~stride, ~padding, ~outputSize, {int|int[]|None stride, int|int[] padding, int[]|None outputSize})",
    input,
    indices,
    kernelSize,
    ...rest,
  );
  return unpool(1, input, indices, kernelSize, rest);
}
/**
 * Puts the maxima of {@link maxPool2d} back to their places, zeros elsewhere: (N, C, H', W') -> (N, C, H, W).
 * @see torch.nn.functional.max_unpool2d
 * @example
 * const [largest, places] = F.maxPool2d(torch.randn(1, 4, 8, 8), 2, { returnIndices: true });
 * F.maxUnpool2d(largest, places, 2).shape // [1, 4, 8, 8]
 */
export function maxUnpool2d(input: Tensor, indices: Tensor, kernelSize: Size, ...rest: Rest): Tensor {
  checkArguments(
    "max_unpool2d(Tensor input, Tensor indices, int|int[] kernelSize, ~stride, ~padding, ~outputSize, {int|int[]|None stride, int|int[] padding, int[]|None outputSize})",
    input,
    indices,
    kernelSize,
    ...rest,
  );
  return unpool(2, input, indices, kernelSize, rest);
}
/**
 * Puts the maxima of {@link maxPool3d} back to their places, zeros elsewhere: (N, C, D', H', W') -> (N, C, D, H, W).
 * @see torch.nn.functional.max_unpool3d
 * @example
 * const [largest, places] = F.maxPool3d(torch.randn(1, 4, 8, 8, 8), 2, { returnIndices: true });
 * F.maxUnpool3d(largest, places, 2).shape // [1, 4, 8, 8, 8]
 */
export function maxUnpool3d(input: Tensor, indices: Tensor, kernelSize: Size, ...rest: Rest): Tensor {
  checkArguments(
    "max_unpool3d(Tensor input, Tensor indices, int|int[] kernelSize, ~stride, ~padding, ~outputSize, {int|int[]|None stride, int|int[] padding, int[]|None outputSize})",
    input,
    indices,
    kernelSize,
    ...rest,
  );
  return unpool(3, input, indices, kernelSize, rest);
}
