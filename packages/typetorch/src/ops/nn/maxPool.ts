/**
 * Maximum over windows, with the places of the maxima, of one to three dimensions.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, int64 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { perDimension } from "./conv.ts";
import { maxPoolKernel, scatterToWindows } from "./poolKernels.ts";

export interface PoolGeometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
}

/** Number of windows along one dimension, as PyTorch counts: with ceilMode the last one may reach over the end, but starts inside or in the left border. */
export function pooledSize(
  n: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
  ceilMode: boolean,
): number {
  const span = n + 2 * padding - dilation * (kernel - 1) - 1 + (ceilMode ? stride - 1 : 0);
  let size = Math.floor(span / stride) + 1;
  if (ceilMode && (size - 1) * stride >= n + padding) size--;
  return size;
}

export interface MaxPoolOptions {
  stride?: number | readonly number[] | null;
  padding?: number | readonly number[];
  dilation?: number | readonly number[];
  ceilMode?: boolean;
  /** Also give the flat position of each maximum in its plane. */
  returnIndices?: boolean;
}

interface Attributes extends PoolGeometry {
  readonly rank: number;
}

/** Number of windows along each dimension, after those of batch and channels. */
function pooledShape({ shape }: Tensor, g: Attributes): number[] {
  const sizes = shape
    .slice(2)
    .map((n, i) => pooledSize(n, g.kernel[i]!, g.stride[i]!, g.padding[i]!, g.dilation[i]!, g.ceilMode));
  return [...shape.slice(0, 2), ...sizes];
}

/** x (N, C, …); the maxima alone. */
const valuesOp: Op<Attributes> = defineOp<Attributes>({
  name: "max_pool",
  run([x], attributes) {
    const out = runtime.empty(pooledShape(x!, attributes), x!.dtype);
    const source = runtime.withoutGrad(() => x!.contiguous());
    if (out.numel() > 0) maxPoolKernel(source, out, null, attributes);
    return [out];
  },
});

/** x (N, C, …); results the maxima and their positions. */
const op: Op<Attributes> = defineOp<Attributes>({
  name: "max_pool_with_indices",
  run([x], attributes, extra) {
    const shape = pooledShape(x!, attributes);
    const out = runtime.empty(shape, x!.dtype);
    const indices = runtime.empty(shape, int64);
    if (out.numel() > 0)
      maxPoolKernel(
        runtime.withoutGrad(() => x!.contiguous()),
        out,
        indices,
        attributes,
      );
    extra?.push(indices);
    return [out, indices];
  },
  backward: ([g], saved) => [
    g ? runtime.call(backwardOp, [g, saved.extra(0)], { shape: saved.inputShape(0), dtype: g.dtype }) : null,
  ],
});

/** (g, indices) -> zeros with g added at the positions of each plane. */
const backwardOp: Op<{ shape: readonly number[]; dtype: DType }> = defineOp<{ shape: readonly number[]; dtype: DType }>({
  name: "max_pool_backward",
  gradName: "MaxPool2DWithIndicesBackwardBackward0",
  saves: { inputs: [1] },
  run([g, indices], { shape }) {
    const gx = g!.numel() > 0 ? runtime.empty(shape, g!.dtype) : runtime.full(shape, 0, g!.dtype);
    if (g!.numel() > 0)
      scatterToWindows(
        runtime.withoutGrad(() => g!.contiguous()),
        indices!,
        gx,
      );
    return gx;
  },
  backward([gg], saved) {
    const indices = saved.input(1);
    const [n, c] = indices.shape as [number, number];
    return [
      gg!
        .reshape([n, c, -1])
        .gather(2, indices.reshape([n, c, -1]))
        .reshape(indices.shape),
      null,
    ];
  },
});

/** Fills in what a pooling call leaves out, and checks it. */
export function poolGeometry(
  name: string,
  rank: number,
  kernelSize: number | readonly number[],
  options: {
    stride?: number | readonly number[] | null;
    padding?: number | readonly number[];
    dilation?: number | readonly number[];
    ceilMode?: boolean;
  },
): PoolGeometry {
  const list = (label: string, value: number | readonly number[]): readonly number[] => {
    if (typeof value !== "number" && value.length !== rank && value.length !== 1) {
      throw new ShapeError(`${name}: ${label} must either be a single int, or a tuple of ${rank} ints`);
    }
    return perDimension(label, value, rank);
  };
  const kernel = list("kernel_size", kernelSize);
  const given = options.stride;
  const stride =
    given === undefined || given === null || (typeof given !== "number" && given.length === 0) ? kernel : list("stride", given);
  const padding = list("padding", options.padding ?? 0);
  const dilation = list("dilation", options.dilation ?? 1);
  if (kernel.some((k) => k <= 0))
    throw new ValueError(`kernel size should be greater than zero, but got kernel size ${formatShape(kernel)}`);
  if (stride.some((s) => s <= 0)) throw new ValueError("stride should not be zero");
  if (padding.some((p) => p < 0)) throw new ValueError(`pad must be non-negative, but got pad: ${padding.find((p) => p < 0)}`);
  padding.forEach((p, i) => {
    if (p > kernel[i]! / 2)
      throw new ValueError(`pad should be at most half of kernel size, but got pad=${p} and kernel_size=${kernel[i]}`);
  });
  if (dilation.some((d) => d <= 0))
    throw new ValueError(`dilation should be greater than zero, but got dilation: ${formatShape(dilation)}`);
  return { kernel, stride, padding, dilation, ceilMode: options.ceilMode ?? false };
}

/** The input with a batch dimension, and whether it had one. */
export function batched(name: string, rank: number, x: Tensor): { x: Tensor; single: boolean } {
  if (name === "avg_pool3d" && x.shape.length !== 4 && x.shape.length !== 5) {
    throw new ShapeError(`non-empty 4D or 5D (batch mode) tensor expected for input, but got: ${formatShape(x.shape)}`);
  }
  if (x.shape.length !== rank + 1 && x.shape.length !== rank + 2) {
    if (name === "avg_pool3d")
      throw new ShapeError(`non-empty 4D or 5D (batch mode) tensor expected for input, but got: ${formatShape(x.shape)}`);
    throw new ShapeError(
      `${name}() Expected ${rank + 1}D or ${rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got: ${formatShape(x.shape)}`,
    );
  }
  const sizes = x.shape.slice(x.shape.length - rank - 1);
  if (rank === 3 && sizes.some((n) => n === 0)) {
    throw new ShapeError(
      `${name}: Expected input's non-batch dimensions to have positive length, but input has a shape of ${formatShape(x.shape)}`,
    );
  }
  if (sizes.some((n) => n === 0)) {
    throw new ShapeError(
      `${name}(): Expected ${rank + 1}D or ${rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got: ${formatShape(x.shape)}`,
    );
  }
  const single = x.shape.length === rank + 1;
  return { x: single ? x.unsqueeze(0) : x, single };
}

/** Throws where no window fits. */
export function checkPooled(x: Tensor, sizes: readonly number[], channels: number): void {
  if (sizes.some((n) => n < 1)) {
    const text = (list: readonly number[]): string => `(${[channels, ...list].join("x")})`;
    throw new ShapeError(
      `Given input size: ${text(x.shape.slice(2))}. Calculated output size: ${text(sizes)}. Output size is too small`,
    );
  }
}

/** Maxima, and their places where somebody wants those: a caller, or the derivative. */
export function maxPoolWithIndices(
  rank: number,
  input: Tensor,
  kernelSize: number | readonly number[],
  options: MaxPoolOptions,
): [Tensor, Tensor] {
  const name = `max_pool${rank}d`;
  const geometry = poolGeometry(name, rank, kernelSize, options);
  const { x, single } = batched(name, rank, input);
  const sizes = x.shape
    .slice(2)
    .map((n, i) =>
      pooledSize(n, geometry.kernel[i]!, geometry.stride[i]!, geometry.padding[i]!, geometry.dilation[i]!, geometry.ceilMode),
    );
  checkPooled(x, sizes, x.shape[1]!);
  const needed = options.returnIndices === true || runtime.recording([x]);
  const [y, indices = y] = runtime.callMany(needed ? op : valuesOp, [x], { ...geometry, rank }) as [Tensor, Tensor?] as [
    Tensor,
    Tensor,
  ];
  const values = single ? y.squeeze(0) : y;
  // PyTorch's max_pool1d is max_pool2d with a dimension less
  runtime.named(values, rank === 1 ? "SqueezeBackward1" : `MaxPool${rank}DWithIndicesBackward0`);
  return [values, single ? indices.squeeze(0) : indices];
}

export interface MaxPool {
  (input: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions & { returnIndices: true }): [Tensor, Tensor];
  (
    input: Tensor,
    kernelSize: number | readonly number[],
    stride?: number | readonly number[] | null | MaxPoolOptions,
    padding?: number | readonly number[],
    dilation?: number | readonly number[],
    ceilMode?: boolean,
  ): Tensor;
}

/** @__NO_SIDE_EFFECTS__ */
function maxPool(rank: number): MaxPool {
  const signature = `max_pool${rank}d(Tensor input, int|int[] kernelSize, int|int[]|options|None? stride, int|int[]? padding, int|int[]? dilation, bool? ceilMode, {int|int[]|None stride, int|int[] padding, int|int[] dilation, bool ceilMode, bool returnIndices})`;
  return ((
    input: Tensor,
    kernelSize: number | readonly number[],
    stride?: number | readonly number[] | null | MaxPoolOptions,
    padding?: number | readonly number[],
    dilation?: number | readonly number[],
    ceilMode?: boolean,
  ): Tensor | [Tensor, Tensor] => {
    checkArguments(signature, input, kernelSize, stride, padding, dilation, ceilMode);
    const isOptions = typeof stride === "object" && stride !== null && !Array.isArray(stride);
    const options: MaxPoolOptions = isOptions
      ? (stride as MaxPoolOptions)
      : { stride: stride as number | readonly number[] | null | undefined, padding, dilation, ceilMode };
    const both = maxPoolWithIndices(rank, input, kernelSize, options);
    return options.returnIndices ? both : both[0];
  }) as MaxPool;
}

/**
 * The largest element of each window of a (N, C, L) tensor; with `returnIndices` also where it is. As `torch.nn.functional.max_pool1d`.
 * @example
 * F.maxPool1d(torch.randn(1, 4, 8), 2).shape // [1, 4, 4]
 */
export const maxPool1d = maxPool(1);
/**
 * The largest element of each window of a (N, C, H, W) tensor. As `torch.nn.functional.max_pool2d`.
 * @example
 * torch.nn.functional.maxPool2d(torch.arange(16).float().view(1, 1, 4, 4), 2) // tensor([[[[ 5., 7.], [13., 15.]]]])
 */
export const maxPool2d = maxPool(2);
/**
 * The largest element of each window of a (N, C, D, H, W) tensor. As `torch.nn.functional.max_pool3d`.
 * @example
 * F.maxPool3d(torch.randn(1, 4, 8, 8, 8), 2).shape // [1, 4, 4, 4, 4]
 */
export const maxPool3d = maxPool(3);
