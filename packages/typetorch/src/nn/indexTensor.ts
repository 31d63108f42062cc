import { int64 } from "../core/dtype.ts";
import { empty } from "../tensor/index.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Numbers as an int64 vector. */
export function indexTensor(values: readonly number[]): Tensor {
  const out = empty([values.length], { dtype: int64 });
  const data = out.data as BigInt64Array;
  for (const [i, value] of values.entries()) data[i] = BigInt(value);
  return out;
}

/** The elements of an integer tensor as numbers, in row-major order. */
export function numbersOf(indices: Tensor): number[] {
  return Array.from(indices.contiguous().data as ArrayLike<number | bigint>, Number);
}
