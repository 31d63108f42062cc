/**
 * Uniform values in [from, to).
 */
import { type DType, kernelName, type TypedArray } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import { numberToBfloat, numberToHalf } from "../float16.ts";
import { fma32, fma64 } from "../fma.ts";
import { CHUNK, cName, digitsOf, largestOf, raw, requireFloating, roundTo } from "./fill.ts";
import type { Generator } from "./generator.ts";

/**
 * Fills with `u * (to - from) + from` (one fused multiply-add), u uniform in [0, 1): the stream of `Tensor.uniform_` and, from 0 to 1, of `torch.rand`.
 *
 * u has 53 bits for float64, 24 for float32, 11 for float16 and 8 for bfloat16. Throws ValueError when the bounds do not fit the dtype or each other,
 * NotSupportedError for a dtype that is not floating.
 */
export function fillUniform(array: TypedArray, dtype: DType, from: number, to: number, generator: Generator): void {
  const { low, range } = uniformRange(dtype, from, to);
  if (dtype.key === "f64") fillDouble(array, low, range, generator);
  else if (dtype.key === "f32") fillFloat(array, low, range, generator);
  else fillSmall(array, dtype, low, range, generator);
}

/** The lower bound and the width of [from, to) in the dtype. Throws as {@link fillUniform}. */
export function uniformRange(dtype: DType, from: number, to: number): { low: number; range: number } {
  requireFloating("check_uniform_bounds", dtype);
  const largest = largestOf(dtype);
  if (!(Math.abs(from) <= largest)) throw new ValueError(`from is out of bounds for ${cName(dtype)}`);
  if (!(Math.abs(to) <= largest)) throw new ValueError(`to is out of bounds for ${cName(dtype)}`);
  if (!(from <= to)) {
    throw new ValueError(`uniform_ expects to return a [from, to) range, but found from=${from} > to=${to}`);
  }
  if (!(to - from <= largest)) {
    throw new ValueError(
      `uniform_ expects to-from <= std::numeric_limits<${kernelName(dtype)}>::max(), but found to=${to} and from=${from} which result in to-from to exceed the limit`,
    );
  }
  const low = roundTo(dtype, from);
  return { low, range: roundTo(dtype, roundTo(dtype, to) - low) };
}

function fillFloat(array: TypedArray, low: number, range: number, generator: Generator): void {
  const count = array.length;
  for (let done = 0; done < count; ) {
    const part = Math.min(CHUNK, count - done);
    generator.draw(raw, part);
    if (low === 0) for (let i = 0; i < part; i++) array[done + i] = (raw[i]! & 0xffffff) * 2 ** -24 * range;
    else for (let i = 0; i < part; i++) array[done + i] = fma32((raw[i]! & 0xffffff) * 2 ** -24, range, low);
    done += part;
  }
}

function fillDouble(array: TypedArray, low: number, range: number, generator: Generator): void {
  const count = array.length;
  for (let done = 0; done < count; ) {
    const part = Math.min(CHUNK / 2, count - done);
    generator.draw(raw, 2 * part);
    for (let i = 0; i < part; i++) {
      const u = ((raw[2 * i]! & 0x1fffff) * 2 ** 32 + raw[2 * i + 1]!) * 2 ** -53;
      array[done + i] = low === 0 ? u * range : fma64(u, range, low);
    }
    done += part;
  }
}

/** float16 and bfloat16: PyTorch computes in float32 from as many bits as the type has. */
function fillSmall(array: TypedArray, dtype: DType, low: number, range: number, generator: Generator): void {
  const count = array.length;
  const digits = digitsOf(dtype);
  const mask = 2 ** digits - 1;
  const step = 2 ** -digits;
  const encode = dtype.key === "f16" ? numberToHalf : numberToBfloat;
  for (let done = 0; done < count; ) {
    const part = Math.min(CHUNK, count - done);
    generator.draw(raw, part);
    for (let i = 0; i < part; i++) array[done + i] = encode(fma32((raw[i]! & mask) * step, range, low));
    done += part;
  }
}
