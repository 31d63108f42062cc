/**
 * Mean over windows of one to three dimensions, and pooling to a given size.
 */
import { checkArguments, describeKind } from "../arguments.ts";
import { float32, int64 } from "../../core/dtype.ts";
import { ArgumentTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, numelOf } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { narrow } from "../views/select.ts";
import { type PoolGeometry, batched, checkPooled, maxPoolWithIndices, poolGeometry, pooledSize } from "./maxPool.ts";
import { averagePoolBackwardKernel, averagePoolKernel } from "./poolKernels.ts";

export interface AvgPoolOptions {
  stride?: number | readonly number[] | null;
  padding?: number | readonly number[];
  ceilMode?: boolean;
  /** Whether the border counts in the divisor. Default true. */
  countIncludePad?: boolean;
  /** Divides by this instead of the size of the window. */
  divisorOverride?: number | null;
}

interface Attributes extends PoolGeometry {
  readonly shape: readonly number[];
  readonly divisor: Tensor;
}

const op: Op<Attributes> = defineOp<Attributes>({
  name: "avg_pool",
  run([x], attributes) {
    const out = runtime.empty([...x!.shape.slice(0, 2), ...attributes.divisor.shape], x!.dtype);
    if (out.numel() > 0)
      averagePoolKernel(
        runtime.withoutGrad(() => x!.contiguous()),
        attributes.divisor,
        out,
        attributes,
      );
    return out;
  },
  backward: ([g], saved) => [runtime.call(backwardOp, [g!], saved.attributes)],
});
const backwardOp: Op<Attributes> = defineOp<Attributes>({
  name: "avg_pool_backward",
  run([g], attributes) {
    const gx = runtime.empty(attributes.shape, g!.dtype);
    if (gx.numel() > 0)
      averagePoolBackwardKernel(
        runtime.withoutGrad(() => g!.contiguous()),
        attributes.divisor,
        gx,
        attributes,
      );
    return gx;
  },
  backward: ([gg], saved) => [runtime.call(op, [gg!], saved.attributes)],
});

/** What each window of a plane is divided by. */
function divisors(x: Tensor, g: PoolGeometry, sizes: readonly number[], options: AvgPoolOptions): Tensor {
  const table = runtime.newEmpty(x, sizes, x.dtype);
  const counts = sizes.map((n, d) =>
    Array.from({ length: n }, (_, i) => {
      const size = x.shape[2 + d]!;
      const start = i * g.stride[d]! - g.padding[d]!;
      const end = Math.min(start + g.kernel[d]!, size + g.padding[d]!);
      return options.countIncludePad === false ? Math.min(end, size) - Math.max(start, 0) : end - start;
    }),
  );
  const values = Array.from({ length: numelOf(sizes) }, (_, k) => {
    if (options.divisorOverride) return options.divisorOverride;
    let rest = k;
    let product = 1;
    for (let d = sizes.length - 1; d >= 0; d--) {
      product *= counts[d]![rest % sizes[d]!]!;
      rest = Math.floor(rest / sizes[d]!);
    }
    return product;
  });
  runtime.withoutGrad(() => table.copy_(fromNumbers(values, x)));
  return table;

  function fromNumbers(list: readonly number[], like: Tensor): Tensor {
    const wide = runtime.newEmpty(like, sizes, like.dtype.key === "f64" ? like.dtype : float32);
    (wide.data as Float32Array).set(list);
    return wide;
  }
}

function pool(rank: number, input: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions): Tensor {
  const name = `avg_pool${rank}d`;
  const geometry = poolGeometry(name, rank, kernelSize, options);
  if (options.divisorOverride === 0) throw new ValueError("divisor must be not zero");
  const { x, single } = batched(name, rank, input);
  const sizes = x.shape
    .slice(2)
    .map((n, i) => pooledSize(n, geometry.kernel[i]!, geometry.stride[i]!, geometry.padding[i]!, 1, geometry.ceilMode));
  checkPooled(x, sizes, x.shape[1]!);
  const y = runtime.call(op, [x], { ...geometry, shape: x.shape, divisor: divisors(x, geometry, sizes, options) });
  return runtime.named(single ? y.squeeze(0) : y, rank === 1 ? "SqueezeBackward1" : `AvgPool${rank}DBackward0`);
}

type AvgPool = (
  input: Tensor,
  kernelSize: number | readonly number[],
  stride?: number | readonly number[] | null | AvgPoolOptions,
  padding?: number | readonly number[],
  ceilMode?: boolean,
  countIncludePad?: boolean,
  divisorOverride?: number | null,
) => Tensor;

/** @__NO_SIDE_EFFECTS__ */
function avgPool(rank: number): AvgPool {
  const signature = `avg_pool${rank}d(Tensor input, int|int[] kernelSize, int|int[]|options|None? stride, int|int[]? padding, bool? ceilMode, bool? countIncludePad, int|None? divisorOverride, {int|int[]|None stride, int|int[] padding, bool ceilMode, bool countIncludePad, int|None divisorOverride})`;
  return (input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) => {
    checkArguments(signature, input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
    const isOptions = typeof stride === "object" && stride !== null && !Array.isArray(stride);
    const options: AvgPoolOptions = isOptions
      ? (stride as AvgPoolOptions)
      : { stride: stride as number | readonly number[] | null | undefined, padding, ceilMode, countIncludePad, divisorOverride };
    return pool(rank, input, kernelSize, options);
  };
}

/**
 * The mean of each window of a (N, C, L) tensor. As `torch.nn.functional.avg_pool1d`.
 * @example
 * F.avgPool1d(torch.randn(1, 4, 8), 2).shape // [1, 4, 4]
 */
export const avgPool1d = avgPool(1);
/**
 * The mean of each window of a (N, C, H, W) tensor. As `torch.nn.functional.avg_pool2d`.
 * @example
 * F.avgPool2d(torch.randn(1, 4, 8, 8), 2).shape // [1, 4, 4, 4]
 */
export const avgPool2d = avgPool(2);
/**
 * The mean of each window of a (N, C, D, H, W) tensor. As `torch.nn.functional.avg_pool3d`.
 * @example
 * F.avgPool3d(torch.randn(1, 4, 8, 8, 8), 2).shape // [1, 4, 4, 4, 4]
 */
export const avgPool3d = avgPool(3);

/** Wanted sizes with null meaning the input's. */
function targetSizes(rank: number, name: string, x: Tensor, size: number | null | readonly (number | null)[]): number[] {
  const list = typeof size === "number" || size === null ? new Array<number | null>(rank).fill(size) : size;
  if (!Array.isArray(list) || !list.every((n) => n === null || n === undefined || Number.isInteger(n))) {
    throw new ArgumentTypeError(
      `${name}(): argument 'output_size' (position 2) must be tuple of ints, not ${describeKind(size)}`,
    );
  }
  if (list.some((n) => n !== null && n > 2 ** 31))
    throw new ShapeError(`${name}: output_size is too large: ${formatShape(list as number[])}`);
  if (list.some((n) => n !== null && n < 0))
    throw new ShapeError(
      `${name}: elements of output_size must be greater than or equal to 0 but received ${formatShape(list as number[])}`,
    );
  if (list.length !== rank) throw new ShapeError(`${name}: output_size must be ${rank}, but got ${list.length}`);
  return list.map((n, i) => n ?? x.shape[x.shape.length - rank + i]!);
}

/** First and one past the last element of window i of `out` windows over n. */
const windowOf = (i: number, out: number, n: number): [number, number] => [
  Math.floor((i * n) / out),
  Math.ceil(((i + 1) * n) / out),
];

function checkAdaptive(name: string, rank: number, x: Tensor): void {
  if (x.shape.length !== rank + 1 && x.shape.length !== rank + 2) {
    throw new ShapeError(`${name}(): Expected ${rank + 1}D or ${rank + 2}D tensor, but got [${x.shape.join(", ")}]`);
  }
  for (let i = x.shape.length === rank + 2 ? 1 : 0; i < x.shape.length; i++) {
    if (x.shape[i] === 0) {
      throw new ShapeError(
        `${name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [${x.shape.join(", ")}] with dimension ${i} being empty`,
      );
    }
  }
}

/**
 * One dimension at a time: the mean of means over equal windows is the mean.
 * @__NO_SIDE_EFFECTS__
 */
function adaptiveAvgPool(rank: number) {
  const signature = `adaptive_avg_pool${rank}d(Tensor input)`;
  return (input: Tensor, outputSize: number | null | readonly (number | null)[]): Tensor => {
    const name = `adaptive_avg_pool${rank}d`;
    checkArguments(signature, input);
    checkAdaptive(name, rank, input);
    const sizes = targetSizes(rank, name, input, outputSize);
    const spatial = input.shape.slice(-rank);
    if (sizes.every((n) => n === 1)) {
      return input.mean(
        sizes.map((_, i) => i - rank),
        { keepdim: true },
      );
    }
    if (sizes.every((n, i) => n > 0 && spatial[i]! % n === 0))
      return pool(
        rank,
        input,
        sizes.map((n, i) => spatial[i]! / n),
        {},
      );
    let y = input;
    for (let i = 0; i < rank; i++) {
      const d = input.shape.length - rank + i;
      const n = y.shape[d]!;
      const out = sizes[i]!;
      if (out === n) continue;
      if (out === 0) y = narrow(y, d, 0, 0);
      else {
        const parts = Array.from({ length: out }, (_, k) => {
          const [a, b] = windowOf(k, out, n);
          return narrow(y, d, a, b - a).mean(d, { keepdim: true });
        });
        y = cat(parts, d);
      }
    }
    return y;
  };
}

/**
 * The mean over windows that divide a (N, C, L) tensor into `outputSize` parts. As `torch.nn.functional.adaptive_avg_pool1d`.
 * @example
 * F.adaptiveAvgPool1d(torch.randn(1, 4, 8), 3).shape // [1, 4, 3]
 */
export const adaptiveAvgPool1d = adaptiveAvgPool(1);
/**
 * The mean over windows that divide a (N, C, H, W) tensor into `outputSize` parts. As `torch.nn.functional.adaptive_avg_pool2d`.
 * @example
 * F.adaptiveAvgPool2d(torch.randn(1, 4, 8, 8), 3).shape // [1, 4, 3, 3]
 */
export const adaptiveAvgPool2d = adaptiveAvgPool(2);
/**
 * The mean over windows that divide a (N, C, D, H, W) tensor into `outputSize` parts. As `torch.nn.functional.adaptive_avg_pool3d`.
 * @example
 * F.adaptiveAvgPool3d(torch.randn(1, 4, 8, 8, 8), 3).shape // [1, 4, 3, 3, 3]
 */
export const adaptiveAvgPool3d = adaptiveAvgPool(3);

/** The result is a pair with `returnIndices`. */
export interface AdaptiveMaxPool {
  (
    input: Tensor,
    outputSize: number | null | readonly (number | null)[],
    options: { returnIndices: true } | true,
  ): [output: Tensor, indices: Tensor];
  (
    input: Tensor,
    outputSize: number | null | readonly (number | null)[],
    options?: { returnIndices?: boolean } | boolean,
  ): Tensor;
}

/**
 * The flat positions of the first maxima, then the values gathered there: differentiable as a gather is.
 * @__NO_SIDE_EFFECTS__
 */
function adaptiveMaxPool(rank: number): AdaptiveMaxPool {
  const signature = `adaptive_max_pool${rank}d(Tensor input, any outputSize, bool|options options, {bool returnIndices})`;
  return ((
    input: Tensor,
    outputSize: number | null | readonly (number | null)[],
    options: { returnIndices?: boolean } | boolean = {},
  ): Tensor | [Tensor, Tensor] => {
    const name = `adaptive_max_pool${rank}d`;
    checkArguments(signature, input, outputSize, options);
    checkAdaptive(name, rank, input);
    const sizes = targetSizes(rank, name, input, outputSize);
    const lead = input.shape.slice(0, input.shape.length - rank);
    const spatial = input.shape.slice(-rank);
    const wanted = typeof options === "boolean" ? options : options.returnIndices;
    if (sizes.every((n, i) => n > 0 && spatial[i]! % n === 0)) {
      const both = maxPoolWithIndices(
        rank,
        input,
        sizes.map((n, i) => spatial[i]! / n),
        { returnIndices: wanted },
      );
      return wanted ? both : both[0];
    }
    const indices = adaptiveMaxima(input, lead, spatial, sizes);
    const flat = input.reshape([...lead, numelOf(spatial)]);
    const y = flat.gather(lead.length, indices.reshape([...lead, numelOf(sizes)])).reshape([...lead, ...sizes]);
    return wanted ? [y, indices] : y;
  }) as AdaptiveMaxPool;
}

function adaptiveMaxima(input: Tensor, lead: readonly number[], spatial: readonly number[], sizes: readonly number[]): Tensor {
  const indices = runtime.newEmpty(input, [...lead, ...sizes], int64);
  const to = indices.data as BigInt64Array;
  const from = runtime.withoutGrad(
    () => (input.dtype.key === "f16" || input.dtype.key === "bf16" ? input.float() : input).contiguous().data,
  );
  const pad = (list: readonly number[]): [number, number, number] =>
    [...new Array<number>(3 - list.length).fill(1), ...list] as [number, number, number];
  const [D, H, W] = pad(spatial);
  const [OD, OH, OW] = pad(sizes);
  const planes = numelOf(lead);
  let k = 0;
  for (let p = 0; p < planes; p++) {
    const base = p * D * H * W;
    for (let i = 0; i < OD; i++) {
      const [d0, d1] = windowOf(i, OD, D);
      for (let j = 0; j < OH; j++) {
        const [h0, h1] = windowOf(j, OH, H);
        for (let l = 0; l < OW; l++) {
          const [w0, w1] = windowOf(l, OW, W);
          let best = (d0 * H + h0) * W + w0;
          for (let d = d0; d < d1; d++) {
            for (let h = h0; h < h1; h++) {
              for (let w = w0; w < w1; w++) {
                const at = (d * H + h) * W + w;
                const v = from[base + at]!;
                if (v > from[base + best]! || v !== v) best = at;
              }
            }
          }
          to[k++] = BigInt(best);
        }
      }
    }
  }
  return indices;
}

/**
 * The maximum over windows that divide a (N, C, L) tensor into `outputSize` parts. As `torch.nn.functional.adaptive_max_pool1d`.
 * @example
 * F.adaptiveMaxPool1d(torch.randn(1, 4, 8), 3).shape // [1, 4, 3]
 */
export const adaptiveMaxPool1d = adaptiveMaxPool(1);
/**
 * The maximum over windows that divide a (N, C, H, W) tensor into `outputSize` parts. As `torch.nn.functional.adaptive_max_pool2d`.
 * @example
 * F.adaptiveMaxPool2d(torch.randn(1, 4, 8, 8), 3).shape // [1, 4, 3, 3]
 */
export const adaptiveMaxPool2d = adaptiveMaxPool(2);
/**
 * The maximum over windows that divide a (N, C, D, H, W) tensor into `outputSize` parts. As `torch.nn.functional.adaptive_max_pool3d`.
 * @example
 * F.adaptiveMaxPool3d(torch.randn(1, 4, 8, 8, 8), 3).shape // [1, 4, 3, 3, 3]
 */
export const adaptiveMaxPool3d = adaptiveMaxPool(3);
