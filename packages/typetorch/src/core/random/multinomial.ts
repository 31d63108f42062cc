/**
 * Samples of categories by their weights.
 */
import type { DType, TypedArray } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import { bfloatToNumber, halfToNumber } from "../float16.ts";
import { fillExponential } from "./distributions.ts";
import { roundTo } from "./fill.ts";
import type { Generator } from "./generator.ts";

/**
 * Draws `samples` categories for each row of weights: the stream of `torch.multinomial`.
 *
 * `weights` holds `rows * categories` values row by row, `target` takes `rows * samples` indices. With replacement each sample is a binary search of a float64
 * uniform in the row's normalised running sum; without, the samples are the largest of `weight / exponential`, in falling order. Categories of weight 0 that
 * have to be taken because the others are used up come lowest index first (PyTorch leaves their order to the C++ library). Throws ValueError in PyTorch's words for
 * negative, infinite or NaN weights, rows that sum to 0 and sample counts that are out of range; DTypeError unless the weights are floating.
 */
export function fillMultinomial(
  target: BigInt64Array,
  weights: TypedArray,
  dtype: DType,
  rows: number,
  categories: number,
  samples: number,
  replacement: boolean,
  generator: Generator,
): void {
  if (!dtype.isFloatingPoint) {
    throw new DTypeError(`multinomial only supports floating-point dtypes for input, got: ${dtype.name}`);
  }
  if (!(samples > 0)) throw new ValueError(`cannot sample n_sample <= 0 samples: n_sample is ${samples}`);
  if (!replacement && samples > categories) {
    throw new ValueError(
      `cannot sample n_sample > prob_dist.size(-1) samples without replacement: n_sample is ${samples}, prob_dist.size(-1) is ${categories}`,
    );
  }
  if (replacement) drawWithReplacement(target, weights, dtype, rows, categories, samples, generator);
  else drawWithoutReplacement(target, weights, dtype, rows, categories, samples, generator);
}

function weightAt(weights: TypedArray, dtype: DType, i: number): number {
  const stored = weights[i] as number;
  return dtype.key === "f16" ? halfToNumber(stored) : dtype.key === "bf16" ? bfloatToNumber(stored) : stored;
}

function drawWithReplacement(
  target: BigInt64Array,
  weights: TypedArray,
  dtype: DType,
  rows: number,
  categories: number,
  samples: number,
  generator: Generator,
): void {
  const running = dtype.key === "f64" ? new Float64Array(categories) : new Float32Array(categories);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < categories; i++) {
      const weight = weightAt(weights, dtype, row * categories + i);
      if (!(weight >= 0)) throw new ValueError("invalid multinomial distribution (encountering probability entry < 0)");
      if (weight === Infinity) {
        throw new ValueError("invalid multinomial distribution (encountering probability entry = infinity or NaN)");
      }
      running[i] = sum + weight;
      sum = running[i]!;
    }
    if (!(sum > 0)) throw new ValueError("invalid multinomial distribution (sum of probabilities <= 0)");
    for (let i = 0; i < categories; i++) running[i] = running[i]! / sum;
    running[categories - 1] = 1;
    for (let s = 0; s < samples; s++) {
      const u = generator.uniform();
      let first = 0;
      let end = categories;
      while (first < end) {
        const middle = (first + end) >>> 1;
        if (running[middle]! < u) first = middle + 1;
        else end = middle;
      }
      target[row * samples + s] = BigInt(first);
    }
  }
}

function drawWithoutReplacement(
  target: BigInt64Array,
  weights: TypedArray,
  dtype: DType,
  rows: number,
  categories: number,
  samples: number,
  generator: Generator,
): void {
  for (let i = 0; i < rows * categories; i++) {
    const weight = weightAt(weights, dtype, i);
    if (!(weight >= 0 && weight < Infinity)) {
      throw new ValueError("probability tensor contains either `inf`, `nan` or element < 0");
    }
  }
  for (let row = 0; row < rows; row++) {
    let some = false;
    for (let i = 0; i < categories; i++) some ||= weightAt(weights, dtype, row * categories + i) > 0;
    if (!some) throw new ValueError("invalid multinomial distribution (sum of probabilities <= 0)");
  }
  const divisors = new dtype.Array(rows * categories);
  fillExponential(divisors, dtype, 1, generator);
  const score = new Float64Array(categories);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < categories; i++) {
      const at = row * categories + i;
      score[i] = roundTo(dtype, weightAt(weights, dtype, at) / weightAt(divisors, dtype, at));
    }
    const order = Uint32Array.from(score.keys());
    order.sort((a, b) => score[b]! - score[a]! || a - b);
    for (let s = 0; s < samples; s++) target[row * samples + s] = BigInt(order[s]!);
  }
}
