/**
 * Histograms over given or equal intervals, in one dimension (`histogram`) and in several (`histogramdd`).
 */
import { cppName } from "../outputs.ts";
import { kernelName, float64 } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { linspace } from "../factory/range.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link histogram}. */
    histogram(bins?: number | Tensor | HistogramOptions, options?: HistogramOptions): Histogram;
  }
}

export type Histogram = ReturnType<readonly ["hist", "bin_edges"]>;
/** The counts, and the edges along each dimension. */
export type HistogramDd = readonly [Tensor, readonly Tensor[]] & {
  readonly hist: Tensor;
  readonly bin_edges: readonly Tensor[];
};

export interface HistogramOptions {
  /** How many equal intervals, or the edges. */
  bins?: number | Tensor;
  /** [low, high] of the intervals; default: those of the elements. */
  range?: readonly number[] | null;
  /** What each element counts; default 1. */
  weight?: Tensor | null;
  /** Divide by the sum of all and by the widths: the integral is 1. */
  density?: boolean;
}

const countOp = defineOp<null>({
  name: "histogramdd",
  run([x, ...others]) {
    const dims = x!.shape[1]!;
    const edges = others.slice(0, dims).map(numbersOf);
    const weights = others.length > dims ? numbersOf(others[dims]!) : null;
    const shape = edges.map((e) => Math.max(e.length - 1, 0));
    const elements = numbersOf(x!);
    const rows = x!.shape[0]!;
    const out = runtime.empty(shape, float64);
    const counts = (out.data as Float64Array).fill(0);
    for (let r = 0; r < rows; r++) {
      let at = 0;
      for (let d = 0; d < dims && at >= 0; d++) {
        const k = intervalOf(elements[r * dims + d]!, edges[d]!);
        at = k < 0 ? -1 : at * shape[d]! + k;
      }
      if (at >= 0) counts[at] = counts[at]! + (weights === null ? 1 : weights[r]!);
    }
    return runtime.withoutGrad(() => toDtype(out, x!.dtype));
  },
});

const numbersOf = (x: Tensor): Float64Array =>
  runtime.withoutGrad(() => toDtype(x.detach(), float64).contiguous().data as Float64Array);

/** The interval that v lies in, the last one with its right edge, or -1. */
function intervalOf(v: number, edges: Float64Array): number {
  const last = edges.length - 1;
  if (last < 1 || !(v >= edges[0]! && v <= edges[last]!)) return -1;
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (v >= edges[middle]!) low = middle;
    else high = middle;
  }
  return low;
}

/** The least and greatest element of each column (or `range`), moved apart where they are equal. */
function boundsOf(x: Tensor, range: readonly number[] | null): [number, number][] {
  const dims = x.shape[1]!;
  if (range !== null && range.length !== 2 * dims)
    throw new ValueError(
      `torch.histogramdd: for a ${dims}-dimensional histogram range should have ${2 * dims} elements, but got ${range.length}`,
    );
  const elements = range === null ? numbersOf(x) : null;
  return Array.from({ length: dims }, (_, d): [number, number] => {
    let [low, high] = range === null ? [0, 1] : [range[2 * d]!, range[2 * d + 1]!];
    if (elements !== null && elements.length > 0) {
      [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let i = d; i < elements.length; i += dims) {
        low = Math.min(low, elements[i]!);
        high = Math.max(high, elements[i]!);
      }
    }
    if (!Number.isFinite(low) || !Number.isFinite(high))
      throw new ValueError(
        `torch.histogramdd: dimension ${d}'s range [${pythonNumber(low)}, ${pythonNumber(high)}] is not finite`,
      );
    if (low > high)
      throw new ValueError(`torch.histogramdd: min should not exceed max, but got min ${low} max ${high} for dimension ${d}`);
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  });
}

const pythonNumber = (x: number): string =>
  Number.isNaN(x) ? "nan" : x === Number.POSITIVE_INFINITY ? "inf" : x === Number.NEGATIVE_INFINITY ? "-inf" : String(x);

/** The edges along each column. */
function edgesOf(x: Tensor, bins: readonly number[] | readonly Tensor[], range: readonly number[] | null): Tensor[] {
  const dims = x.shape[1]!;
  if (bins.length !== dims)
    throw new ShapeError(
      `torch.histogramdd: expected ${dims} sequences of bin edges for a ${dims}-dimensional histogram but got ${bins.length}`,
    );
  if (bins.some((b) => runtime.isTensor(b))) {
    return (bins as readonly Tensor[]).map((edges, d) => {
      if (edges.dtype !== x.dtype)
        throw new DTypeError(
          `torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype ${cppName(x.dtype)} and bins for dimension ${d} with dtype ${cppName(edges.dtype)}`,
        );
      if (edges.shape.length !== 1)
        throw new ShapeError(
          `torch.histogramdd: bins tensor should have one dimension, but got ${edges.shape.length} dimensions in the bins tensor for dimension ${d}`,
        );
      if (edges.numel() === 0)
        throw new ShapeError(
          `torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension ${d}`,
        );
      return edges.detach();
    });
  }
  (bins as readonly number[]).forEach((count, d) => {
    if (!(count > 0)) throw new ValueError(`torch.histogram(): bins must be > 0, but got ${count} for dimension ${d}`);
  });
  return boundsOf(x, range).map(([low, high], d) =>
    linspace(low, high, (bins as readonly number[])[d]! + 1, { dtype: x.dtype, device: x.device }),
  );
}

/** Counts the rows of x (rows, D); `shown` is the shape of the input that messages name. */
function counted(x: Tensor, bins: readonly number[] | readonly Tensor[], o: HistogramOptions, leading: readonly number[]) {
  if (x.dtype.key !== "f32" && x.dtype.key !== "f64")
    throw new DTypeError(`"histogramdd" not implemented for '${kernelName(x.dtype)}'`, "convert it: x.to(torch.float32)");
  const weight = o.weight ?? null;
  if (weight !== null && weight.dtype !== x.dtype)
    throw new DTypeError(
      `torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input(${cppName(x.dtype)}), and weight(${cppName(weight.dtype)})`,
    );
  if (weight !== null && !sameShape(weight.shape, leading))
    throw new ShapeError(
      `torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got input with shape [${[...leading, x.shape[1]].join(", ")}] and weight with shape [${weight.shape.join(", ")}]`,
    );
  return runtime.withoutGrad(() => {
    const edges = edgesOf(x, bins, o.range ?? null);
    const inputs = weight === null ? [x, ...edges] : [x, ...edges, weight.reshape([x.shape[0]!])];
    let hist = runtime.call(countOp, inputs, null);
    if (o.density) {
      hist = hist.div(hist.sum());
      edges.forEach((e, d) => {
        const shape = edges.map((_, i) => (i === d ? e.shape[0]! - 1 : 1));
        hist = hist.div(e.diff().reshape(shape));
      });
    }
    return { hist, edges };
  });
}

/**
 * How many elements lie in each interval, of which the last one has its right edge: `hist` (n), `bin_edges` (n + 1). `bins` is how many equal ones (default 100), or their edges;
 * with `density` the integral is 1. As `torch.histogram`. Takes float32 and float64, no derivative.
 * @example
 * torch.histogram(torch.tensor([1, 2, 1]), 4, { range: [0, 3] }).hist // tensor([0., 2., 1., 0.])
 */
export function histogram(
  input: Tensor,
  bins: number | Tensor | HistogramOptions = 100,
  options: HistogramOptions = {},
): Histogram {
  checkArguments(
    "histogram(Tensor input, int|Tensor|options? bins, options? options, {int|Tensor bins, float[]|None range, Tensor|None weight, bool density})",
    input,
    bins,
    options,
  );
  const isOptions = typeof bins === "object" && !runtime.isTensor(bins);
  const o: HistogramOptions = isOptions ? (bins as HistogramOptions) : { ...options, bins: bins as number | Tensor };
  const flat = input.detach().reshape([-1]);
  const weight = o.weight ?? null;
  const given = weight !== null && sameShape(weight.shape, input.shape) ? weight.reshape([-1]) : weight;
  const { hist, edges } = counted(flat.unsqueeze(1), [o.bins ?? 100] as number[] | Tensor[], { ...o, weight: given }, flat.shape);
  return returnType("histogram", ["hist", "bin_edges"] as const, [hist, edges[0]!]);
}

/**
 * A histogram of points: the last dimension of the input (…, D) holds coordinates. `bins` is how many equal intervals (one number, or D of them), or the edges along each coordinate;
 * `range` has a low and a high for each. `hist` has D dimensions, `bin_edges` is a list of D. As `torch.histogramdd`.
 * @example
 * torch.histogramdd(torch.tensor([[0, 1], [1, 0], [2, 0]]), [3, 2]).hist // tensor([[0., 1.], [1., 0.], [1., 0.]])
 */
export function histogramdd(
  input: Tensor,
  bins: number | readonly number[] | readonly Tensor[],
  options: Omit<HistogramOptions, "bins"> = {},
): HistogramDd {
  checkArguments(
    "histogramdd(Tensor input, int|int[]|Tensor[] bins, options? options, {float[]|None range, Tensor|None weight, bool density})",
    input,
    bins,
    options,
  );
  if (input.shape.length < 2) throw new ShapeError("torch.histogramdd: input tensor should have at least 2 dimensions");
  const dims = input.shape[input.shape.length - 1]!;
  const leading = input.shape.slice(0, -1);
  const rows = leading.reduce((a, b) => a * b, 1);
  const list = typeof bins === "number" ? new Array<number>(dims).fill(bins) : bins;
  const { hist, edges } = counted(input.detach().reshape([rows, dims]), list, options, leading);
  return Object.assign([hist, edges] as [Tensor, Tensor[]], { hist, bin_edges: edges });
}

method("histogram", histogram);
