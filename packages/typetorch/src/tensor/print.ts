/**
 * `console.log(tensor)`: what PyTorch prints.
 */
import { cpu } from '../core/storage.ts';
import { formatTensor } from '../core/format.ts';
import { forEachPosition, readElement } from './read.ts';
import type { Tensor } from './tensor.ts';

/** The text of a tensor, as Python's `repr`. */
export function tensorToString(x: Tensor): string {
  const positions: number[] = [];
  forEachPosition(x, (position) => positions.push(position));
  const gradFn = x.gradFn;
  return formatTensor({
    shape: x.shape,
    dtype: x.dtype,
    get: (k: number) => readElement(x, positions[k]!),
    requiresGrad: x.requiresGrad,
    gradFnName: gradFn === null ? null : gradFn.name(),
    device: cpu.toString(),
  });
}
