import { runtime } from "../../ops/runtime.ts";
import { checkInternalOverlap } from "../../ops/layout.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { float16, float32, float64 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, numelOf } from "../../core/shape.ts";
import { groupNormRows } from "../../ops/nn/groupNorm.ts";
import { avgPool2d, avgPool3d, batchNorm, layerNorm, pad } from "../../ops/nn/index.ts";
import { noGrad } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface GroupNormOptions {
  /** (C) */
  weight?: Tensor | null;
  /** (C) */
  bias?: Tensor | null;
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
}

/**
 * Normalises each sample over groups of channels: (N, C, *) -> same.
 * @source Wu and He 2018, arXiv:1803.08494   @see torch.nn.functional.group_norm
 * @example
 * F.groupNorm(torch.randn(2, 4, 3), 2).shape // [2, 4, 3]
 */
export function groupNorm(input: Tensor, numGroups: number, options: GroupNormOptions = {}): Tensor {
  checkArguments(
    "group_norm(Tensor input, int numGroups, options? options, {Tensor|None weight, Tensor|None bias, float eps})",
    input,
    numGroups,
    options,
  );
  const { weight = null, bias = null, eps = 1e-5 } = options;
  const { shape } = input;
  if (shape.length < 2) {
    throw new ShapeError(`Expected at least 2 dimensions for input tensor but received ${shape.length}`);
  }
  const [batch, channels] = shape as [number, number];
  if (channels % numGroups !== 0) {
    throw new ShapeError(
      `Expected number of channels in input to be divisible by num_groups, but got input of shape ${formatShape(shape)} and num_groups=${numGroups}`,
    );
  }
  for (const [name, values] of Object.entries({ weight, bias })) {
    if (values !== null && (values.shape.length !== 1 || values.shape[0] !== channels)) {
      throw new ShapeError(
        `Expected ${name} to be a vector of size equal to the number of channels in input, but got ${name} of shape ${formatShape(values.shape)} and input of shape ${formatShape(shape)}`,
      );
    }
  }
  const perGroup = numelOf(shape) / Math.max(batch * numGroups, 1);
  if (batch * perGroup <= 1 && batch > 0) {
    throw new ValueError(
      `Expected more than 1 value per channel when training, got input size torch.Size(${formatShape([batch * numGroups, channels / numGroups, ...shape.slice(2)])})`,
    );
  }
  if (input.dtype.itemsize > 2)
    return runtime.named(groupNormRows(input, numGroups, weight, bias, eps), "NativeGroupNormBackward0");
  // in 16 bits PyTorch rounds after each step
  const perChannel = (values: Tensor): Tensor => values.reshape([1, -1, ...shape.slice(2).map(() => 1)]);
  let out = layerNorm(input.reshape([batch, numGroups, perGroup]), [perGroup], { eps }).view(shape);
  if (weight !== null) out = out.mul(perChannel(weight));
  return runtime.named(bias === null ? out : out.add(perChannel(bias)), "NativeGroupNormBackward0");
}

export interface InstanceNormOptions extends GroupNormOptions {
  /** (C), updated in place where the input's own statistics are used */
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Normalise by the input's own statistics. Default: true. */
  useInputStats?: boolean;
  /** Default: 0.1. */
  momentum?: number;
}

/**
 * Normalises each channel of each sample by itself: (N, C, *) -> same.
 * @source Ulyanov et al. 2016, arXiv:1607.08022   @see torch.nn.functional.instance_norm
 * @example
 * F.instanceNorm(torch.randn(2, 4, 3)).shape // [2, 4, 3]
 */
export function instanceNorm(input: Tensor, options: InstanceNormOptions = {}): Tensor {
  checkArguments(
    "instance_norm(Tensor input, options? options, {Tensor|None runningMean, Tensor|None runningVar, bool useInputStats, float momentum, Tensor|None weight, Tensor|None bias, float eps})",
    input,
    options,
  );
  const { runningMean = null, runningVar = null, weight = null, bias = null } = options;
  const { useInputStats = true, momentum = 0.1, eps = 1e-5 } = options;
  const { shape } = input;
  const [batch, channels, ...rest] = shape as [number, number, ...number[]];
  if (useInputStats && numelOf(rest) === 1) {
    throw new ValueError(`Expected more than 1 spatial element when training, got input size torch.Size(${formatShape(shape)})`);
  }
  if (!useInputStats && (runningMean === null || runningVar === null)) {
    throw new ValueError("Expected running_mean and running_var to be defined when use_input_stats is false");
  }
  for (const [name, x] of [
    ["weight", weight],
    ["bias", bias],
  ] as const) {
    if (x !== null && (x.shape.length !== 1 || x.shape[0] !== channels))
      throw new ShapeError(
        `${name} should contain ${batch * channels} elements not ${batch * x.numel()}`,
        "a vector with one element per channel",
      );
  }
  const repeated = (x: Tensor | null) => x?.expand([batch, channels]).reshape([-1]) ?? null; // (N C)
  // Batch norm over (1, N C, *): each channel of each sample is a channel of its own.
  const mean = noGrad(() => repeated(runningMean)?.clone() ?? null);
  const variance = noGrad(() => repeated(runningVar)?.clone() ?? null);
  const out = batchNorm(input.reshape([1, batch * channels, ...rest]), mean, variance, {
    weight: repeated(weight),
    bias: repeated(bias),
    training: useInputStats,
    momentum,
    eps,
  });
  for (const [name, statistic] of [
    ["running_mean", runningMean],
    ["running_var", runningVar],
  ] as const) {
    if (statistic === null) continue;
    if (statistic.shape.length !== 1 || statistic.shape[0] !== channels || !statistic.dtype.isFloatingPoint) {
      throw new ShapeError(
        `${name} should contain ${channels} elements not ${statistic.numel()}`,
        "a floating vector, one element per channel",
      );
    }
    checkInternalOverlap(statistic, name);
  }
  if (useInputStats) {
    noGrad(() => {
      if (mean !== null) runningMean!.copy_(mean.view([batch, channels]).mean(0));
      if (variance !== null) runningVar!.copy_(variance.view([batch, channels]).mean(0));
    });
  }
  return out.view(shape);
}

export interface LocalResponseNormOptions {
  /** Default: 1e-4. */
  alpha?: number;
  /** Default: 0.75. */
  beta?: number;
  /** Default: 1. */
  k?: number;
}

/**
 * `x / (k + alpha * mean of the squares in a window of `size` channels)^beta`: (N, C, *) -> same.
 * @source Krizhevsky et al. 2012   @see torch.nn.functional.local_response_norm
 * @example
 * F.localResponseNorm(torch.ones(1, 4, 3, 3), 2).shape // [1, 4, 3, 3]
 */
export function localResponseNorm(input: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  checkArguments(
    "local_response_norm(Tensor input, int size, options? options, {float alpha, float beta, float k})",
    input,
    size,
    options,
  );
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  const { shape } = input;
  if (shape.length < 3) {
    throw new ShapeError(`Expected 3D or higher dimensionality input (got ${shape.length} dimensions)`);
  }
  if (input.numel() === 0) return input;
  const [before, after] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
  const squares = input.mul(input).unsqueeze(1);
  let means: Tensor;
  if (shape.length === 3) {
    means = avgPool2d(pad(squares, [0, 0, before, after]), [size, 1], { stride: 1 }).squeeze(1);
  } else {
    const flat = squares.reshape([shape[0]!, 1, shape[1]!, shape[2]!, -1]); // (N, 1, C, H, *)
    const padded = pad(flat, [0, 0, 0, 0, before, after]);
    means = avgPool3d(padded, [size, 1, 1], { stride: 1 }).squeeze(1).view(shape);
  }
  return input.div(means.mul(alpha).add(k).pow(beta));
}

export interface RMSNormOptions {
  /** normalizedShape */
  weight?: Tensor | null;
  /** Added to the mean square. Default: the dtype's distance from 1 to the next number. */
  eps?: number | null;
}

/**
 * `x / sqrt(mean of x^2 + eps) * weight` over the last dimensions, those of `normalizedShape`.
 * @source Zhang and Sennrich 2019, arXiv:1910.07467   @see torch.nn.functional.rms_norm
 * @example
 * F.rmsNorm(torch.tensor([3, 4]), [2]) // tensor([0.8485, 1.1314])
 */
export function rmsNorm(input: Tensor, normalizedShape: readonly number[], options: RMSNormOptions = {}): Tensor {
  checkArguments(
    "rms_norm(Tensor input, int[] normalizedShape, options? options, {Tensor|None weight, float|None eps})",
    input,
    normalizedShape,
    options,
  );
  const { weight = null } = options;
  const rank = normalizedShape.length;
  const last = input.shape.slice(-rank);
  if (rank === 0 || last.length !== rank || last.some((size, d) => size !== normalizedShape[d])) {
    throw new ShapeError(
      `Given normalized_shape=${formatShape(normalizedShape)}, expected input with shape [*, ${normalizedShape.join(", ")}], but got input of size${formatShape(input.shape)}`,
    );
  }
  const eps =
    options.eps ??
    (input.dtype === float64 ? 2 ** -52 : input.dtype === float32 ? 2 ** -23 : input.dtype === float16 ? 2 ** -10 : 2 ** -7);
  const dims = normalizedShape.map((_, d) => d - rank);
  const out = input.mul(input.square().mean(dims, { keepdim: true }).add(eps).rsqrt());
  return weight === null ? out : out.mul(weight);
}
