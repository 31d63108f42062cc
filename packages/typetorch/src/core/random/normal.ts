/**
 * Normal values, by the Box-Muller transform in the two forms that PyTorch has.
 */
import type { DType, TypedArray } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../float16.ts";
import { fma32, fma64 } from "../fma.ts";
import { CHUNK, fillWith, raw, requireFloating, roundTo } from "./fill.ts";
import type { Generator } from "./generator.ts";
import { transformFloat } from "./normalFloat.ts";

export { normalFloat } from "./normalFloat.ts";

/**
 * Fills with normal values of mean `mean` and standard deviation `std`: the stream of `Tensor.normal_` and, with 0 and 1, of `torch.randn`.
 *
 * PyTorch has two streams: one for a contiguous tensor of 16 values or more (groups of 16), one for all others, which computes in float64 and draws pairs
 * whose second value the generator keeps; `contiguous` says which tensor the array belongs to. float32 and bfloat16 are PyTorch's bit for bit; float16 but for
 * about one value in a million (the C library's float log, sin and cos); float64 as far as Math.log, Math.sin and Math.cos agree with the C library, which is
 * to a few units in the last place. Throws ValueError unless `std >= 0`, NotSupportedError for a dtype that is not floating.
 */
export function fillNormal(
  array: TypedArray,
  dtype: DType,
  mean: number,
  std: number,
  generator: Generator,
  contiguous = true,
): void {
  if (!(std >= 0)) throw new ValueError(`normal expects std >= 0.0, but found std ${std}`);
  requireFloating("normal_kernel_cpu", dtype);
  if (array.length < 16 || !contiguous) fillWith(array, dtype, () => nextNormal(generator, mean, std));
  else if (dtype.key === "f32") fillFloat(array, Math.fround(mean), Math.fround(std), generator);
  else if (dtype.key === "f64") fillDouble(array, mean, std, generator);
  else if (dtype.key === "f16") fillHalf(array, roundTo(dtype, mean), roundTo(dtype, std), generator);
  else fillBfloat(array, roundTo(dtype, mean), roundTo(dtype, std), generator);
}

/** One normal value in float64; the generator keeps the other one of the pair for the next call. */
export function nextNormal(generator: Generator, mean: number, std: number): number {
  let value: number;
  if (generator.nextNormal !== null) {
    value = generator.nextNormal;
    generator.nextNormal = null;
  } else {
    const u1 = generator.uniform();
    const u2 = generator.uniform();
    const radius = Math.sqrt(-2 * Math.log1p(-u2));
    const theta = 2 * Math.PI * u1;
    generator.nextNormal = radius * Math.sin(theta);
    value = radius * Math.cos(theta);
  }
  return mean === 0 && std === 1 ? value : fma64(value, std, mean);
}

/**
 * Walks the groups of 16: calls `transform(words, target)` for each, with its 16 outputs (or 32, where a value takes two) at `words` in `raw` and its values at
 * `target` in the array. When the size is no multiple of 16, the outputs of the rest are passed over and the last 16 values drawn anew.
 */
function eachGroup(
  count: number,
  wordsPerValue: number,
  generator: Generator,
  transform: (words: number, target: number) => void,
) {
  const groups = Math.floor(count / 16);
  const perGroup = 16 * wordsPerValue;
  const perChunk = CHUNK / perGroup;
  for (let done = 0; done < groups; ) {
    const part = Math.min(perChunk, groups - done);
    generator.draw(raw, part * perGroup);
    for (let g = 0; g < part; g++) transform(g * perGroup, (done + g) * 16);
    done += part;
  }
  const rest = count % 16;
  if (rest === 0) return;
  generator.draw(raw, rest * wordsPerValue);
  generator.draw(raw, perGroup);
  transform(0, count - 16);
}

function fillFloat(array: TypedArray, mean: number, std: number, generator: Generator): void {
  const target = array as Float32Array;
  const groups = Math.floor(target.length / 16);
  for (let done = 0; done < groups; ) {
    const part = Math.min(CHUNK / 16, groups - done);
    generator.draw(raw, part * 16);
    transformFloat(raw, part, target, done * 16, mean, std);
    done += part;
  }
  const rest = target.length % 16;
  if (rest !== 0) fillTail(target.subarray(target.length - 16), rest, mean, std, generator);
}

/** The last 16 values where `rest` are left over after the groups of 16: the outputs of the rest are passed over, and the last 16 values drawn anew. */
export function fillTail(last: Float32Array, rest: number, mean: number, std: number, generator: Generator): void {
  generator.draw(raw, rest);
  generator.draw(raw, 16);
  transformFloat(raw, 1, last, 0, mean, std);
}

function fillDouble(array: TypedArray, mean: number, std: number, generator: Generator): void {
  const plain = mean === 0 && std === 1;
  eachGroup(array.length, 2, generator, (words, target) => {
    for (let j = 0; j < 8; j++) {
      const k = words + 2 * j;
      const u1 = 1 - ((raw[k]! & 0x1fffff) * 2 ** 32 + raw[k + 1]!) * 2 ** -53;
      const u2 = ((raw[k + 16]! & 0x1fffff) * 2 ** 32 + raw[k + 17]!) * 2 ** -53;
      const radius = Math.sqrt(-2 * Math.log(u1));
      const theta = 2 * Math.PI * u2;
      const first = radius * Math.cos(theta);
      const second = radius * Math.sin(theta);
      array[target + j] = plain ? first + 0 : fma64(first, std, mean);
      array[target + j + 8] = plain ? second + 0 : fma64(second, std, mean);
    }
  });
}

/** float16: the steps are rounded to float16 where PyTorch assigns to a half, and are float32 between. */
function fillHalf(array: TypedArray, mean: number, std: number, generator: Generator): void {
  const half = (x: number) => halfToNumber(numberToHalf(Math.fround(x)));
  const single = Math.fround;
  eachGroup(array.length, 1, generator, (words, target) => {
    for (let j = 0; j < 8; j++) {
      const u1 = half(1 - (raw[words + j]! & 0x7ff) * 2 ** -11);
      const u2 = (raw[words + j + 8]! & 0x7ff) * 2 ** -11;
      const radius = half(single(Math.sqrt(single(-2 * single(Math.log(u1))))));
      const theta = half(2 * Math.PI * u2);
      array[target + j] = numberToHalf(fma32(single(radius * single(Math.cos(theta))), std, mean));
      array[target + j + 8] = numberToHalf(fma32(single(radius * single(Math.sin(theta))), std, mean));
    }
  });
}

/** bfloat16: PyTorch rounds after every step. */
function fillBfloat(array: TypedArray, mean: number, std: number, generator: Generator): void {
  const round = (x: number) => bfloatToNumber(numberToBfloat(x));
  eachGroup(array.length, 1, generator, (words, target) => {
    for (let j = 0; j < 8; j++) {
      const u1 = round(1 - (raw[words + j]! & 0xff) * 2 ** -8);
      const u2 = (raw[words + j + 8]! & 0xff) * 2 ** -8;
      const radius = round(Math.sqrt(round(-2 * round(Math.log(u1)))));
      const theta = round(2 * Math.PI * u2);
      array[target + j] = numberToBfloat(round(round(radius * round(Math.cos(theta))) * std) + mean);
      array[target + j + 8] = numberToBfloat(round(round(radius * round(Math.sin(theta))) * std) + mean);
    }
  });
}
