/**
 * The exponential function.
 */
import type { Tensor } from '../../tensor/tensor.ts';
import { type OutOption, unary } from '../unary.ts';

declare module '../../tensor/tensor.ts' {
  interface Tensor {
    /** See {@link exp}. */
    exp(options?: OutOption): Tensor;
    exp_(): this;
  }
}

/**
 * `e^x` of each element; integers give the default floating dtype. As `torch.exp`.
 * @example
 * torch.exp(torch.tensor([0, 1])) // tensor([1.0000, 2.7183])
 */
export const exp = unary('exp', {
  name: 'exp',
  compute: 'float',
  forward: ([x]) => x!.exp(),
  backward: (g, _x, out) => [g.mul(out)],
});
