/**
 * Counting: `bincount`, `histc`.
 */
import { checkArguments } from "../arguments.ts";
import { kernelName, float64, int64 } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { computeType, input, param } from "../../ir/expr.ts";
import { type Access, load, LoopVar } from "../../ir/loops.ts";
import type { LoopSpec, MapSpec } from "../../ir/spec.ts";
import { argument, at, buffer, loop, store } from "../../ir/statements.ts";
import { extremesOf } from "../indexing/integers.ts";
import { put } from "../indexing/kernels.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { specCache } from "../reduction/reduce.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link bincount}. */
    bincount(weights?: Tensor | null | { weights?: Tensor | null; minlength?: number }, minlength?: number): Tensor;
    /** See {@link histc}. */
    histc(bins?: number | HistcOptions, min?: NumberLike, max?: NumberLike): Tensor;
  }
}

let counting: LoopSpec | null = null;

/** Elements that are counted in counters of their own, and the most counters for which that pays. */
const blockSize = 65536;
const mostSeparate = 8192;

/** For each block of `ints[1]` places: one more at each of them, in the block's counters. */
function countingSpec(): LoopSpec {
  const [block, place] = [new LoopVar("block"), new LoopVar("place")];
  const chosen = load(at(0, [block, blockSize], [place, 1]), "i64");
  const counter: Access = { ...at(1, [block, argument(2)]), dynamic: { index: chosen, stride: 1 } };
  const body = loop(block, argument(0), [loop(place, argument(1), [store(counter, load(counter, "i64").add(1))])]);
  const buffers = [buffer(int64), buffer(int64, "update")];
  return { kind: "loops", kernel: { name: "count", buffers, ints: 3, params: 0, body: [body] }, compiled: null };
}

/** How often each of the places 0 to size - 1 occurs in a contiguous int64 vector: int64 (size). */
function countPlaces(places: Tensor, size: number): Tensor {
  counting ??= countingSpec();
  const n = places.numel();
  const whole = size <= mostSeparate ? Math.floor(n / blockSize) : 0;
  const rest = n - whole * blockSize;
  const counts = runtime.newFull(places, [whole + 1, size], 0, int64);
  const backend = runtime.backendOf(places);
  const steps = [blockSize, size];
  if (whole > 0) backend.loops(counting, [places, counts], [whole, blockSize, size], [], { extent: 0, steps });
  if (rest > 0) {
    const last = runtime.alias(places, [rest], [1], places.storageOffset + whole * blockSize);
    backend.loops(counting, [last, runtime.alias(counts, [size], [1], whole * size)], [1, rest, size], []);
  }
  return whole === 0 ? counts.view([size]) : counts.sum(0);
}

const countOp = defineOp<{ minlength: number }>({
  name: "bincount",
  run([x, weights], { minlength }) {
    return runtime.withoutGrad(() => {
      const places = toDtype(x!, int64).contiguous();
      let size = minlength;
      if (places.numel() > 0) {
        const { least, greatest } = extremesOf(places, null);
        if (least < 0) throw new ValueError("bincount only supports 1-d non-negative integral inputs.", `found ${least}`);
        size = Math.max(size, greatest + 1);
      }
      if (!weights) return countPlaces(places, size);
      // Weights of float32 are summed as they are, all others as float64.
      const dtype = weights.dtype.key === "f32" ? weights.dtype : float64;
      const out = runtime.newFull(x!, [size], 0, dtype);
      const layout = { outer: 1, size, inner: 1 };
      put(out, layout, places, "rows", toDtype(weights, dtype).contiguous(), places.numel(), "add");
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
      const elements = (x!.dtype.itemsize === 2 ? x!.float() : x!).contiguous();
      let low = min;
      let high = max;
      if (low === high && elements.numel() > 0) {
        low = elements.min().item() as number;
        high = elements.max().item() as number;
      }
      if (low === high) {
        low -= 1;
        high += 1;
      }
      if (!Number.isFinite(low) || !Number.isFinite(high))
        throw new ValueError(`torch.histc: range of [${pythonFloat(low)}, ${pythonFloat(high)}] is not finite`);
      const places = runtime.newEmpty(elements, [elements.numel()], int64);
      const flat = elements.view([-1]);
      runtime.backendOf(flat).map(placeSpecs(flat.dtype, int64), flat.shape, [flat], [places], [low, high, bins]);
      const counts = countPlaces(places, bins + 1).narrow(0, 0, bins);
      runtime.release(places);
      return toDtype(counts, x!.dtype);
    });
  },
});

/** The interval of an element; those outside of all have one more. Params: low, high, number of intervals. */
const placeSpecs = specCache((dtype): MapSpec => {
  const x = input(0, computeType(dtype)).cast("f64");
  const [low, high, bins] = [param(0, "f64"), param(1, "f64"), param(2, "f64")];
  const place = x.sub(low).div(high.sub(low)).mul(bins).trunc().minimum(bins.sub(1));
  const value = place.where(x.ge(low).logicalAnd(x.le(high)), bins).cast("i64");
  return {
    ...{ kind: "map", name: "histc", inputs: [dtype], outputs: [{ dtype: int64, value }], params: 3, compiled: null },
  };
});

function pythonFloat(x: number): string {
  return x === Infinity ? "inf" : x === -Infinity ? "-inf" : Number.isNaN(x) ? "nan" : String(x);
}

/**
 * How many elements lie in each of `bins` (default 100) equal intervals from `min` to `max`; those outside are not counted. As `torch.histc`.
 * @example
 * torch.histc(torch.tensor([1, 2, 1]), { bins: 2, min: 0, max: 3 }) // tensor([2., 1.])
 */
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
