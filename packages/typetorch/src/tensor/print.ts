/**
 * `console.log(tensor)`: what PyTorch prints.
 */
import { formatTensor } from "../core/format.ts";
import { readElement } from "./read.ts";
import type { Tensor } from "./tensor.ts";

/** Storage position of an element by its row-major number. */
function positionOf(x: Tensor, k: number): number {
  let position = x.storageOffset;
  let rest = k;
  for (let d = x.shape.length - 1; d >= 0; d--) {
    const size = x.shape[d]!;
    position += (rest % size) * x.strides[d]!;
    rest = Math.floor(rest / size);
  }
  return position;
}

/** The text of a tensor, as Python's `repr`. */
export function tensorToString(x: Tensor, isParameter = false): string {
  return formatTensor({
    shape: x.shape,
    dtype: x.dtype,
    get: (k) => readElement(x, positionOf(x, k)),
    requiresGrad: x.requiresGrad,
    gradFnName: x.gradFn?.name() ?? null,
    device: x.device.toString(),
    isParameter,
  });
}
