/**
 * Reductions of consecutive segments of a dimension.
 */
import { float64, kernelName } from "../../core/dtype.ts";
import { DTypeError, IndexError, NotSupportedError, ShapeError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { toDtype } from "../memory/copy.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

export type SegmentReduction = "sum" | "mean" | "max" | "min" | "prod";

interface Attributes {
  readonly reduce: SegmentReduction;
  readonly axis: number;
  readonly initial: number | null;
  /** Whether the second input are offsets, one more than there are segments. */
  readonly offsets: boolean;
}

const numbersOf = (x: Tensor): Float64Array =>
  runtime.withoutGrad(() => toDtype(x.detach(), float64).contiguous().data as Float64Array);

const starts: Readonly<Record<SegmentReduction, number>> = {
  sum: 0,
  mean: 0,
  prod: 1,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
};

/** Calls `visit` with each element of the result, and where its segment's elements are: `first`, `first + step`, …, `count` of them. */
function eachSegment(
  data: Tensor,
  segments: Tensor,
  { axis, offsets }: Attributes,
  visit: (out: number, first: number, count: number, step: number) => void,
): void {
  const outer = data.shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const inner = data.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const size = data.shape[axis]!;
  const given = segments.shape[axis]!;
  const count = offsets ? given - 1 : given;
  const table = numbersOf(segments);
  for (let o = 0; o < outer; o++) {
    let at = 0;
    for (let s = 0; s < count; s++) {
      const first = offsets ? table[o * given + s]! : at;
      const length = offsets ? table[o * given + s + 1]! - first : table[o * given + s]!;
      at = first + length;
      for (let i = 0; i < inner; i++) visit((o * count + s) * inner + i, (o * size + first) * inner + i, length, inner);
    }
  }
}

function resultShape(data: Tensor, segments: Tensor, { axis, offsets }: Attributes): number[] {
  return data.shape.map((n, d) => (d === axis ? segments.shape[axis]! - (offsets ? 1 : 0) : n));
}

const gradientOp = defineOp<Attributes>({
  name: "_segment_reduce_backward",
  run([g, out, data, segments], attributes) {
    const { reduce, initial } = attributes;
    const [gradients, results, elements] = [numbersOf(g!), numbersOf(out!), numbersOf(data!)];
    const result = runtime.empty(data!.shape, float64);
    const into = (result.data as Float64Array).fill(0);
    eachSegment(data!, segments!, attributes, (k, first, count, step) => {
      const gradient = gradients[k]!;
      const best = results[k]!;
      let same = 0;
      for (let j = 0, p = first; j < count; j++, p += step) {
        const v = elements[p]!;
        if (reduce === "sum") into[p] = gradient;
        else if (reduce === "mean") into[p] = gradient / count;
        else if (reduce === "prod") {
          let others = initial ?? 1;
          for (let i = 0, q = first; i < count; i++, q += step) if (q !== p) others *= elements[q]!;
          into[p] = gradient * others;
        } else if (v === best || Number.isNaN(v)) {
          into[p] = gradient;
          same++;
        }
      }
      if (same > 1) for (let j = 0, p = first; j < count; j++, p += step) into[p] = into[p]! / same;
    });
    return runtime.withoutGrad(() => toDtype(result, data!.dtype));
  },
});

const op = defineOp<Attributes>({
  name: "segment_reduce",
  saves: { inputs: [0, 1], outputs: [0] },
  run([data, segments], attributes) {
    const { reduce, initial } = attributes;
    const elements = numbersOf(data!);
    const result = runtime.empty(resultShape(data!, segments!, attributes), float64);
    const into = result.data as Float64Array;
    eachSegment(data!, segments!, attributes, (k, first, count, step) => {
      let value = initial ?? starts[reduce];
      for (let j = 0, p = first; j < count; j++, p += step) {
        const v = elements[p]!;
        if (reduce === "max") value = Math.max(value, v);
        else if (reduce === "min") value = Math.min(value, v);
        else if (reduce === "prod") value *= v;
        else value += v;
      }
      if (reduce === "mean") value = count > 0 ? value / count : (initial ?? Number.NaN);
      into[k] = value;
    });
    return runtime.withoutGrad(() => toDtype(result, data!.dtype));
  },
  backward([g], saved) {
    const inputs = [g!, saved.output(0), saved.input(0), saved.input(1)];
    return [runtime.call(gradientOp, inputs, saved.attributes), null];
  },
});

export interface SegmentReduceOptions {
  lengths?: Tensor | null;
  indices?: Tensor | null;
  offsets?: Tensor | null;
  axis?: number;
  /** Do not check that the segments cover the dimension. */
  unsafe?: boolean;
  /** What each reduction starts from. */
  initial?: number | null;
}

/**
 * Reduces consecutive segments of dimension `axis` (default 0) with `reduce`: sum, mean, max, min or prod. Their `lengths` (or `offsets`, one more than there are
 * segments) have the dimensions of data up to `axis`. An empty segment gives the reduction's identity (NaN for the mean) or `initial`. As `torch.segment_reduce`.
 * @example
 * torch.segmentReduce(torch.tensor([1, 2, 4]), "sum", { lengths: torch.tensor([1n, 2n]) }) // tensor([1., 6.])
 */
export function segmentReduce(data: Tensor, reduce: SegmentReduction, options: SegmentReduceOptions = {}): Tensor {
  checkArguments(
    "segment_reduce(Tensor data, str reduce, options? options, {Tensor|None lengths, Tensor|None indices, Tensor|None offsets, int axis, bool unsafe, float|None initial})",
    data,
    reduce,
    options,
  );
  const rank = data.shape.length;
  const given = options.axis ?? 0;
  if (given < -rank || given >= rank)
    throw new IndexError(`Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${given})`);
  const axis = given < 0 ? given + rank : given;
  if (data.numel() === 0) throw new ShapeError("segment_reduce(): Expected data to have at least one element.");
  if (!(reduce in starts))
    throw new ValueError(`unsupported reduction given! ${String(reduce)}`, "reductions are sum, mean, max, min and prod");
  if (options.indices)
    throw new NotSupportedError("segment_reduce(): indices based reduction is not supported yet.", "give lengths or offsets");
  const segments = options.offsets ?? options.lengths ?? null;
  if (segments === null) throw new ValueError("segment_reduce(): Either lengths or offsets must be defined.");
  const offsets = (options.offsets ?? null) !== null;
  if (segments.dtype.key !== "i64" && segments.dtype.key !== "i32")
    throw new DTypeError(`"_segment_reduce_lengths_cpu_kernel1" not implemented for '${kernelName(segments.dtype)}'`);
  if (!data.dtype.isFloatingPoint)
    throw new DTypeError(
      `"_segment_reduce_cpu" not implemented for '${kernelName(data.dtype)}'`,
      "convert it: x.to(torch.float32)",
    );
  checkSegments(data, segments, axis, offsets, options.unsafe ?? false);
  return runtime.call(op, [data, segments], { reduce, axis, offsets, initial: options.initial ?? null });
}

/** Throws unless the segments lie in the dimension and, where it is not `unsafe`, cover it. */
function checkSegments(data: Tensor, segments: Tensor, axis: number, offsets: boolean, unsafe: boolean): void {
  const size = data.shape[axis]!;
  const count = segments.shape[axis];
  const fits = segments.shape.length === axis + 1 && segments.shape.every((n, d) => d === axis || n === data.shape[d]);
  if (!fits || (offsets && count === 0))
    throw new ShapeError(
      `segment_reduce(): Expected ${offsets ? "offsets" : "lengths"} to have the dimensions of data up to axis ${axis}`,
      `they have shape [${segments.shape.join(", ")}], data [${data.shape.join(", ")}]`,
    );
  const table = numbersOf(segments);
  for (let start = 0; start < table.length; start += count!) {
    let [sum, before] = [0, 0];
    for (let s = 0; s < count!; s++) {
      const v = table[start + s]!;
      if (v < (offsets ? before : 0)) throw new ValueError("lengths contains negative value!");
      before = v;
      sum = offsets ? v : sum + v;
    }
    const covers = sum === size && (!offsets || table[start] === 0);
    if (sum > size || (!unsafe && !covers))
      throw new ValueError(
        offsets
          ? "segment_reduce(): Expected offsets to begin with 0 and end with data.size(axis) when !unsafe."
          : "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe.",
        `they end at ${sum} of ${size}`,
      );
  }
}
