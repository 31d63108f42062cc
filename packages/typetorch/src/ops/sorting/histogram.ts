/**
 * Counting: `bincount`, `histc`.
 */
import { checkArguments } from "../arguments.ts";
import { kernelName, float64, int64 } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { integers, wordsOf } from "../indexing/integers.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link bincount}. */
    bincount(weights?: Tensor | null | { weights?: Tensor | null; minlength?: number }, minlength?: number): Tensor;
    /** See {@link histc}. */
    histc(bins?: number | HistcOptions, min?: NumberLike, max?: NumberLike): Tensor;
  }
}

const countOp = defineOp<{ minlength: number }>({
  name: "bincount",
  run([x, weights], { minlength }) {
    return runtime.withoutGrad(() => {
      const words = wordsOf(toDtype(x!, int64).contiguous());
      const places = new Float64Array(words.length / 2);
      let size = minlength;
      for (let i = 0; i < places.length; i++) {
        const at = words[2 * i + 1]! * 4294967296 + (words[2 * i]! >>> 0);
        places[i] = at;
        if (at < 0) throw new ValueError("bincount only supports 1-d non-negative integral inputs.", `found ${at}`);
        if (at >= size) size = at + 1;
      }
      runtime.empty([size], int64); // throws where there is no such memory
      if (!weights) {
        const counts = new Float64Array(size);
        for (let i = 0; i < places.length; i++) counts[places[i]!]!++;
        return integers(x!, [size], (k) => counts[k]!);
      }
      // Weights of float32 are summed as they are, all others as float64.
      const dtype = weights.dtype.key === "f32" ? weights.dtype : float64;
      const out = runtime.full([size], 0, dtype);
      const sums = out.data as Float64Array;
      const from = toDtype(weights, dtype).contiguous().data as Float64Array;
      for (let i = 0; i < places.length; i++) sums[places[i]!] = sums[places[i]!]! + from[i]!;
      return out;
    });
  },
});

/**
 * How often each non-negative integer occurs in a vector, or the sum of the weights of its occurrences. As `torch.bincount`.
 * @example
 * torch.bincount(torch.tensor([1n, 3n, 1n])) // tensor([0, 2, 0, 1])
 */
export function bincount(
  input: Tensor,
  weights?: Tensor | null | { weights?: Tensor | null; minlength?: number },
  minlength?: number,
): Tensor {
  checkArguments(
    "bincount(Tensor input, Tensor|options|None? weights, int? minlength, {Tensor|None weights, int minlength})",
    input,
    weights,
    minlength,
  );
  const isOptions = typeof weights === "object" && weights !== null && !runtime.isTensor(weights);
  const o = isOptions ? weights : { weights, minlength };
  const least = o.minlength ?? 0;
  if (input.dtype.isFloatingPoint || input.dtype.key === "bool")
    throw new DTypeError(`"bincount_cpu" not implemented for '${kernelName(input.dtype)}'`, "convert it: x.long()");
  if (least < 0) throw new ValueError("minlength should be >= 0");
  if (input.shape.length !== 1) throw new ShapeError("bincount only supports 1-d non-negative integral inputs.");
  const w = o.weights as Tensor | null | undefined;
  if (w && (w.shape.length !== 1 || w.shape[0] !== input.shape[0]))
    throw new ShapeError("weights should be 1-d and have the same length as input");
  return runtime.call(countOp, w ? [input, w] : [input], { minlength: least });
}

export interface HistcOptions {
  bins?: number;
  /** The range; when both are equal, that of the elements. */
  min?: NumberLike;
  max?: NumberLike;
  out?: Tensor;
}

const histogramOp = defineOp<{ bins: number; min: number; max: number }>({
  name: "histc",
  run([x], { bins, min, max }) {
    return runtime.withoutGrad(() => {
      const data = (x!.dtype.itemsize === 2 ? x!.float() : x!).contiguous().data as Float64Array;
      let low = min;
      let high = max;
      if (low === high && data.length > 0) {
        low = Infinity;
        high = -Infinity;
        for (let i = 0; i < data.length; i++) {
          const v = data[i]!;
          if (v !== v) {
            low = v;
            high = v;
            break;
          }
          if (v < low) low = v;
          if (v > high) high = v;
        }
      }
      if (low === high) {
        low -= 1;
        high += 1;
      }
      if (!Number.isFinite(low) || !Number.isFinite(high))
        throw new ValueError(`torch.histc: range of [${pythonFloat(low)}, ${pythonFloat(high)}] is not finite`);
      runtime.empty([bins], x!.dtype); // throws where there is no such memory
      const counts = new Float64Array(bins);
      const width = high - low;
      for (let i = 0; i < data.length; i++) {
        const v = data[i]!;
        if (!(v >= low && v <= high)) continue;
        counts[Math.min(Math.trunc(((v - low) / width) * bins), bins - 1)]!++;
      }
      const out = runtime.empty([bins], float64);
      out.data.set(counts as never);
      return toDtype(out, x!.dtype);
    });
  },
});

function pythonFloat(x: number): string {
  return x === Infinity ? "inf" : x === -Infinity ? "-inf" : Number.isNaN(x) ? "nan" : String(x);
}

/** How many elements lie in each of `bins` (default 100) equal intervals from `min` to `max`; those outside are not counted. As `torch.histc`. */
export function histc(input: Tensor, bins?: number | HistcOptions, min?: NumberLike, max?: NumberLike): Tensor {
  checkArguments(
    "histc(Tensor input, int|options? bins, Scalar? min, Scalar? max, {int bins, Scalar min, Scalar max, Tensor out})",
    input,
    bins,
    min,
    max,
  );
  const o: HistcOptions = typeof bins === "object" ? bins : { bins, min, max };
  const n = o.bins ?? 100;
  const low = numberOf(o.min ?? 0);
  const high = numberOf(o.max ?? 0);
  if (!input.dtype.isFloatingPoint)
    throw new DTypeError(`"histogram_cpu" not implemented for '${kernelName(input.dtype)}'`, "convert it: x.float()");
  if (n <= 0) throw new ValueError(`torch.histogram(): bins must be > 0, but got ${n} for dimension 0`);
  if (low > high) throw new ValueError("torch.histc: max must be larger than min");
  const attributes = { bins: n, min: low, max: high };
  return o.out ? runtime.callOut(histogramOp, [input], attributes, o.out) : runtime.call(histogramOp, [input], attributes);
}

method("bincount", bincount);
method("histc", histc);
