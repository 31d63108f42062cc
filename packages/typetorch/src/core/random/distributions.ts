/**
 * Bernoulli, dropout, exponential, geometric, Cauchy and log-normal values.
 */
import { type DType, kernelName, type TypedArray } from "../dtype.ts";
import { NotSupportedError, ValueError } from "../errors.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../float16.ts";
import { fma64 } from "../fma.ts";
import { CHUNK, fillWith, raw, requireFloating } from "./fill.ts";
import type { Generator } from "./generator.ts";
import { nextNormal } from "./normal.ts";

/**
 * Fills with 1 with probability `p` and 0 otherwise: the stream of `Tensor.bernoulli_(p)` and `torch.bernoulli(input, p)`. Each value takes 53 bits. Throws
 * ValueError unless p is from 0 to 1.
 */
export function fillBernoulli(array: TypedArray, dtype: DType, p: number, generator: Generator): void {
  if (!(p >= 0 && p <= 1)) throw new ValueError(`bernoulli_ expects p to be in [0, 1], but got p=${p}`);
  fillChoice(array, p, oneOf(dtype), generator);
}

/**
 * Fills with `1 / (1 - p)` with probability `1 - p` and 0 otherwise: what `F.dropout(x, p)` multiplies x by (`bernoulli_(1 - p)`, then `div_(1 - p)`). For p
 * = 0 and p = 1 PyTorch draws nothing: callers return the input or zeros. Throws ValueError unless p is from 0 to 1.
 */
export function fillDropoutMask(array: TypedArray, dtype: DType, p: number, generator: Generator): void {
  if (!(p >= 0 && p <= 1)) throw new ValueError(`dropout probability has to be between 0 and 1, but got ${p}`);
  requireFloating("bernoulli_scalar_cpu_", dtype);
  const keep = 1 - p;
  const scale = dtype.key === "f64" ? 1 / keep : Math.fround(1 / Math.fround(keep));
  const kept = dtype.key === "f16" ? numberToHalf(scale) : dtype.key === "bf16" ? numberToBfloat(scale) : scale;
  fillChoice(array, keep, kept, generator);
}

/** 1 as an element of a dtype's array. */
function oneOf(dtype: DType): number | bigint {
  return dtype.key === "i64" ? 1n : dtype.key === "f16" ? 0x3c00 : dtype.key === "bf16" ? 0x3f80 : 1;
}

/** `chosen` with probability `p`, 0 otherwise. */
function fillChoice(array: TypedArray, p: number, chosen: number | bigint, generator: Generator): void {
  if (typeof chosen === "bigint") {
    const words = new Int32Array(array.buffer, array.byteOffset, 2 * array.length);
    const flags = new Uint8Array(array.length);
    fillChoice(flags, p, 1, generator);
    for (let i = 0; i < flags.length; i++) {
      words[2 * i] = flags[i]!;
      words[2 * i + 1] = 0;
    }
    return;
  }
  if (chosen === 1 && array instanceof Uint8Array) {
    fillFlags(array, p, generator);
    return;
  }
  const count = array.length;
  // u < p in units of 2^-53, on the two words: nearly always the high ones decide, and without a branch, which would be a coin toss
  const threshold = Math.ceil(p * 2 ** 53);
  const thresholdHigh = Math.floor(threshold / 2 ** 32);
  const thresholdLow = threshold % 2 ** 32;
  for (let done = 0; done < count; ) {
    const part = Math.min(CHUNK / 2, count - done);
    generator.draw(raw, 2 * part);
    for (let i = 0; i < part; i++) {
      let difference = (raw[2 * i]! & 0x1fffff) - thresholdHigh;
      if (difference === 0 && raw[2 * i + 1]! < thresholdLow) difference = -1;
      array[done + i] = (difference >>> 31) * chosen;
    }
    done += part;
  }
}

/** 1 with probability `p`, 0 otherwise, in bytes: the mask of dropout, straight from the generator's blocks. */
function fillFlags(flags: Uint8Array, p: number, generator: Generator): void {
  const count = flags.length;
  const threshold = Math.ceil(p * 2 ** 53);
  const thresholdHigh = Math.floor(threshold / 2 ** 32);
  const thresholdLow = threshold % 2 ** 32;
  const { words } = generator;
  for (let done = 0; done < count; ) {
    if (generator.position >= words.length - 1) {
      // An odd number of outputs was drawn before: the value takes one of this block and one of the next.
      const high = generator.random() & 0x1fffff;
      const low = generator.random();
      flags[done++] = high < thresholdHigh || (high === thresholdHigh && low < thresholdLow) ? 1 : 0;
      continue;
    }
    const start = generator.position;
    const part = Math.min((words.length - start) >> 1, count - done);
    for (let i = 0; i < part; i++) {
      let difference = (words[start + 2 * i]! & 0x1fffff) - thresholdHigh;
      if (difference === 0 && words[start + 2 * i + 1]! < thresholdLow) difference = -1;
      flags[done + i] = difference >>> 31;
    }
    done += part;
    generator.position = start + 2 * part;
  }
}

/**
 * Fills with 1 where a uniform value is below `probabilities[i]` and 0 otherwise: the stream of `torch.bernoulli(p)` and `Tensor.bernoulli_(p)` with a tensor,
 * whose elements come in the order of the result's. float64 probabilities take 53 bits a value, the others 24. Throws ValueError unless every probability is
 * from 0 to 1.
 */
export function fillBernoulliEach(
  array: TypedArray,
  dtype: DType,
  probabilities: TypedArray,
  probabilityDType: DType,
  generator: Generator,
): void {
  requireFloating("bernoulli_tensor_cpu_p_", probabilityDType);
  const { key } = probabilityDType;
  const one = oneOf(dtype);
  const none = typeof one === "bigint" ? 0n : 0;
  for (let i = 0; i < array.length; i++) {
    const stored = probabilities[i] as number;
    const p = key === "f16" ? halfToNumber(stored) : key === "bf16" ? bfloatToNumber(stored) : stored;
    if (!(p >= 0 && p <= 1)) throw new ValueError(`Expected p_in >= 0 && p_in <= 1 to be true, but got false: p_in is ${p}`);
    const u = key === "f64" ? generator.uniform() : (generator.random() & 0xffffff) * 2 ** -24;
    array[i] = u < p ? one : none;
  }
}

/** Fills with `-log(1 - u) / lambda`: the stream of `Tensor.exponential_(lambda)`. Throws ValueError unless `lambda >= 0`. */
export function fillExponential(array: TypedArray, dtype: DType, lambda: number, generator: Generator): void {
  if (!(lambda >= 0)) throw new ValueError(`exponential_ expects lambda >= 0.0, but found lambda=${lambda}`);
  requireFloating("exponential_cpu", dtype);
  const scale = -1 / lambda;
  fillWith(array, dtype, () => scale * Math.log(1 - generator.uniform()));
}

/** Fills with `ceil(log(u) / log(1 - p))`, the trials up to a success: the stream of `Tensor.geometric_(p)`. Throws ValueError unless `0 < p < 1`. */
export function fillGeometric(array: TypedArray, dtype: DType, p: number, generator: Generator): void {
  if (!(p > 0 && p < 1)) throw new ValueError(`geometric_ expects p to be in (0, 1), but got p=${p}`);
  if (dtype.key === "bool") throw new NotSupportedError(`"geometric_cpu" not implemented for '${kernelName(dtype)}'`);
  const scale = Math.log(1 - p);
  fillWith(array, dtype, () => Math.ceil(Math.log(generator.uniform()) / scale));
}

/** Fills with `median + sigma * tan(pi * (u - 0.5))`: the stream of `Tensor.cauchy_(median, sigma)`. */
export function fillCauchy(array: TypedArray, dtype: DType, median: number, sigma: number, generator: Generator): void {
  requireFloating("cauchy_cpu", dtype);
  fillWith(array, dtype, () => fma64(sigma, Math.tan(Math.PI * (generator.uniform() - 0.5)), median));
}

/** Fills with the exponentials of normal values: the stream of `Tensor.log_normal_(mean, std)`. Throws ValueError unless `std > 0`. */
export function fillLogNormal(array: TypedArray, dtype: DType, mean: number, std: number, generator: Generator): void {
  if (!(std > 0)) throw new ValueError(`log_normal_ expects std > 0.0, but found std=${std}`);
  requireFloating("log_normal_cpu", dtype);
  fillWith(array, dtype, () => Math.exp(nextNormal(generator, mean, std)));
}
