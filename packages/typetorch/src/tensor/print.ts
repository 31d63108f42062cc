/**
 * `console.log(tensor)`: what PyTorch prints.
 */
import { formatTensor } from "../core/format.ts";
import type { Operand } from "../backends/backend.ts";
import { onHost, readElement } from "./read.ts";
import type { Tensor } from "./tensor.ts";

/** Storage position of an element by its row-major number. */
function positionOf(x: Operand, k: number): number {
  let position = x.storageOffset;
  let rest = k;
  for (let d = x.shape.length - 1; d >= 0; d--) {
    const size = x.shape[d]!;
    position += (rest % size) * x.strides[d]!;
    rest = Math.floor(rest / size);
  }
  return position;
}

/** The text of a tensor, as Python's `repr`; `host` are its elements in the CPU's memory. */
export function tensorToString(x: Tensor, isParameter = false, host: Operand = onHost(x)): string {
  return formatTensor({
    shape: x.shape,
    dtype: x.dtype,
    get: (k) => readElement(host, positionOf(host, k)),
    requiresGrad: x.requiresGrad,
    gradFnName: x.gradFn?.name() ?? null,
    device: x.device.toString(),
    isParameter,
  });
}
