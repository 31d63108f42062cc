/**
 * Enlarging and shrinking images. Every mode but `area` works on one dimension after the other: an output element is a sum of a few input elements with fixed weights.
 */
import { checkArguments } from "../../ops/arguments.ts";
import { float64 } from "../../core/dtype.ts";
import { ShapeError, ArgumentTypeError, NotSupportedError, ValueError } from "../../core/errors.ts";
import { resampleAlong } from "../../ops/nn/sample.ts";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "../../ops/nn/index.ts";
import { tensor } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { indexTensor } from "../indexTensor.ts";
import { expandSize, type Size } from "../sizes.ts";

export type InterpolationMode = "nearest" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area" | "nearest-exact";

export interface InterpolateOptions {
  /** Size of the output's spatial dimensions. */
  size?: Size | null;
  /** Output size over input size. */
  scaleFactor?: Size | null;
  /** Default: `nearest`. */
  mode?: InterpolationMode;
  /** Corner elements of input and output fall together (linear and cubic modes only). */
  alignCorners?: boolean | null;
  /** Use the ratio of the sizes instead of the given factor. */
  recomputeScaleFactor?: boolean | null;
}

/** Rank of the input that a mode needs; 0 for any. */
const rankOfMode: Record<InterpolationMode, number> = {
  nearest: 0,
  "nearest-exact": 0,
  area: 0,
  linear: 3,
  bilinear: 4,
  bicubic: 4,
  trilinear: 5,
};

/**
 * Enlarges or shrinks the spatial dimensions to a size or by a factor: (N, C, *) -> (N, C, *').
 * @see torch.nn.functional.interpolate
 * @example
 * F.interpolate(torch.tensor([[[0, 4]]]), { scaleFactor: 2, mode: "linear" }) // tensor([[[0., 1., 3., 4.]]])
 */
export function interpolate(input: Tensor, options: InterpolateOptions = {}): Tensor {
  checkArguments(
    "interpolate(Tensor input, options? options, {float|float[]|None size, float|float[]|None scaleFactor, str mode, bool|None alignCorners, bool|None recomputeScaleFactor})",
    input,
    options,
  );
  const { mode = "nearest", size = null, scaleFactor = null } = options;
  const spatial = input.shape.length - 2;
  const wanted = rankOfMode[mode];
  if (wanted === undefined || spatial < 1 || spatial > 3) {
    throw new NotSupportedError(
      `Input Error: Only 3D, 4D and 5D input Tensors supported (got ${input.shape.length}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got ${String(mode)})`,
    );
  }
  if (wanted !== 0 && wanted !== spatial + 2) {
    throw new NotSupportedError(`Got ${spatial + 2}D input, but ${mode} mode needs ${wanted}D input`);
  }
  if (wanted === 0 && options.alignCorners !== undefined && options.alignCorners !== null) {
    throw new ValueError(
      "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
    );
  }
  if (size !== null && scaleFactor !== null) throw new ValueError("only one of size or scale_factor should be defined");
  if (size === null && scaleFactor === null) throw new ValueError("either size or scale_factor should be defined");
  for (const [name, given] of [["size", size] as const, ["scale_factor", scaleFactor] as const]) {
    if (given !== null && typeof given !== "number" && given.length !== spatial) {
      throw new ValueError(
        `Input and ${name === "size" ? "output" : "scale_factor"} must have the same number of spatial dimensions, but got input with spatial dimensions of [${input.shape.slice(2).join(", ")}] and ${name === "size" ? "output size" : "scale_factor"} of [${given.join(", ")}].`,
      );
    }
  }
  if (options.recomputeScaleFactor && size !== null) {
    throw new ValueError("recompute_scale_factor is not meaningful with an explicit size.");
  }
  for (const n of size === null ? [] : [size].flat()) {
    if (!Number.isInteger(n)) throw new ArgumentTypeError(`upsample(): argument 'output_size' must be tuple of ints, not ${n}`);
  }
  const factors = scaleFactor === null ? null : expandSize(scaleFactor, spatial);
  const sizes = size === null ? factors!.map((f, d) => Math.floor(input.shape[2 + d]! * f)) : [...expandSize(size, spatial)];
  if (sizes.some((n) => !(n > 0 && n <= 2 ** 31))) {
    throw new ShapeError(
      `Input and output sizes should be greater than 0, but got input (${input.shape.slice(2).join(", ")}) output (${sizes.join(", ")})`,
    );
  }
  if (mode === "area") return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][spatial - 1]!(input, sizes);
  let out = input;
  for (let d = spatial - 1; d >= 0; d--) {
    const factor = factors === null || options.recomputeScaleFactor ? null : factors[d]!;
    out = resample(out, 2 + d, sizes[d]!, factor, mode, options.alignCorners ?? false);
  }
  return out;
}

/**
 * {@link interpolate} under its old name.
 * @see torch.nn.functional.upsample
 * @example
 * F.upsample(torch.tensor([[[1, 2]]]), { scaleFactor: 2 }) // tensor([[[1., 1., 2., 2.]]])
 */
export function upsample(input: Tensor, options: InterpolateOptions = {}): Tensor {
  checkArguments(
    "upsample(Tensor input, options? options, {float|float[]|None size, float|float[]|None scaleFactor, str mode, bool|None alignCorners, bool|None recomputeScaleFactor})",
    input,
    options,
  );
  return interpolate(input, options);
}
type SizeOrFactor = Pick<InterpolateOptions, "size" | "scaleFactor">;
/**
 * {@link interpolate} with mode `nearest`.
 * @see torch.nn.functional.upsample_nearest
 * @example
 * F.upsampleNearest(torch.ones(1, 1, 2, 2), { scaleFactor: 2 }).shape // [1, 1, 4, 4]
 */
export function upsampleNearest(input: Tensor, options: SizeOrFactor = {}): Tensor {
  checkArguments(
    "upsample_nearest(Tensor input, options? options, {float|float[]|None size, float|float[]|None scaleFactor})",
    input,
    options,
  );
  return interpolate(input, { ...options, mode: "nearest" });
}
/**
 * {@link interpolate} with mode `bilinear`, corners aligned.
 * @see torch.nn.functional.upsample_bilinear
 * @example
 * F.upsampleBilinear(torch.ones(1, 1, 2, 2), { scaleFactor: 2 }).shape // [1, 1, 4, 4]
 */
export function upsampleBilinear(input: Tensor, options: SizeOrFactor = {}): Tensor {
  checkArguments(
    "upsample_bilinear(Tensor input, options? options, {float|float[]|None size, float|float[]|None scaleFactor})",
    input,
    options,
  );
  return interpolate(input, { ...options, mode: "bilinear", alignCorners: true });
}

/** Which input elements make each output element, and with which weights: one list of each per tap. */
interface Taps {
  readonly positions: number[][];
  readonly weights: number[][] | null;
}

function resample(
  x: Tensor,
  dim: number,
  size: number,
  factor: number | null,
  mode: InterpolationMode,
  alignCorners: boolean,
): Tensor {
  const from = x.shape[dim]!;
  const round = x.dtype === float64 ? (v: number) => v : Math.fround;
  const { positions, weights } = tapsOf(from, size, factor, mode, alignCorners, round);
  const pick = (tap: number[]) => x.indexSelect(dim, indexTensor(x.device, tap));
  if (weights === null) return pick(positions[0]!);
  if (mode === "bicubic" && x.dtype.itemsize === 2) {
    // PyTorch rounds every term and every sum
    const shape = x.shape.map((_, d) => (d === dim ? size : 1));
    const terms = positions.map((tap, k) => pick(tap).mul(tensor(weights[k]!, { dtype: x.dtype, device: x.device }).view(shape)));
    return terms.reduce((sum, term) => sum.add(term));
  }
  const index = indexTensor(x.device, positions.flat()).view([positions.length, size]);
  return resampleAlong(x, dim, index, tensor(weights, { dtype: x.dtype, device: x.device }));
}

/** `f` rounds to the precision in which PyTorch computes the positions. */
function tapsOf(
  from: number,
  size: number,
  factor: number | null,
  mode: InterpolationMode,
  alignCorners: boolean,
  f: (v: number) => number,
): Taps {
  const clamp = (i: number) => Math.min(Math.max(i, 0), from - 1);
  const range = Array.from({ length: size }, (_, i) => i);
  if (mode === "nearest" || mode === "nearest-exact") {
    const single = Math.fround;
    const scale = single(factor !== null && factor > 0 ? 1 / factor : from / size);
    const at = (i: number) => Math.floor(single((mode === "nearest" ? i : i + 0.5) * scale));
    return { positions: [range.map((i) => clamp(at(i)))], weights: null };
  }
  const scale = alignCorners
    ? size > 1
      ? f((from - 1) / (size - 1))
      : 0
    : f(factor !== null && factor > 0 ? 1 / factor : from / size);
  const sources = range.map((i) => (alignCorners ? f(scale * i) : f(f(scale * f(i + 0.5)) - 0.5)));
  if (mode !== "bicubic") {
    const clipped = alignCorners ? sources : sources.map((s) => Math.max(s, 0));
    const low = clipped.map((s) => Math.min(Math.floor(s), from - 1));
    const high = low.map((i) => Math.min(i + 1, from - 1));
    const share = clipped.map((s, i) => Math.min(Math.max(f(s - low[i]!), 0), 1));
    return { positions: [low, high], weights: [share.map((t) => f(1 - t)), share] };
  }
  const floors = sources.map((s) => Math.floor(s));
  const positions = [-1, 0, 1, 2].map((k) => floors.map((i) => clamp(i + k)));
  const cubic = sources.map((s, i) => cubicWeights(f(s - floors[i]!)));
  return { positions, weights: [0, 1, 2, 3].map((k) => cubic.map((w) => w[k]!)) };
}

/** Weights of the four neighbours in cubic convolution with A = -0.75. */
function cubicWeights(t: number): readonly number[] {
  const a = -0.75;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}
