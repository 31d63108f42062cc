import { int64 } from "../core/dtype.ts";
import type { Device } from "../core/storage.ts";
import { empty } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Numbers as an int64 vector on a device. */
export function indexTensor(device: Device, values: readonly number[]): Tensor {
  const out = empty([values.length], { dtype: int64, device });
  const data = out.data as BigInt64Array;
  for (const [i, value] of values.entries()) data[i] = BigInt(value);
  return out;
}

/** The elements of an integer tensor as numbers, in row-major order. */
export function numbersOf(indices: Tensor): number[] {
  return Array.from(indices.contiguous().data as ArrayLike<number | bigint>, Number);
}
