import { checkArguments } from "../../ops/arguments.ts";
import { relu } from "../../ops/activation/index.ts";
import { avgPool1d, avgPool2d } from "../../ops/nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expandSize, type Size } from "../sizes.ts";

export interface LPPoolOptions {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Round the output's size up. Default: false. */
  ceilMode?: boolean;
}

/** The p-norm of a window from the mean of its powers. */
function fromMeans(means: Tensor, count: number, normType: number): Tensor {
  return means
    .sign()
    .mul(relu(means.abs()))
    .mul(count)
    .pow(1 / normType);
}

/**
 * `(sum of x^p)^(1/p)` of each window: (N, C, L) -> (N, C, L').
 * @see torch.nn.functional.lp_pool1d
 * @example
 * F.lpPool1d(torch.rand(1, 4, 8), 2, 2).shape // [1, 4, 4]
 */
export function lpPool1d(input: Tensor, normType: number, kernelSize: Size, options: LPPoolOptions = {}): Tensor {
  checkArguments(
    "lp_pool1d(Tensor input, float normType, int|int[] kernelSize, options? options, {int|int[]|None stride, bool ceilMode})",
    input,
    normType,
    kernelSize,
    options,
  );
  const [width] = expandSize(kernelSize, 1) as [number];
  const { stride = null, ceilMode = false } = options;
  return fromMeans(avgPool1d(input.pow(normType), kernelSize, { stride, ceilMode }), width, normType);
}

/**
 * `(sum of x^p)^(1/p)` of each window: (N, C, H, W) -> (N, C, H', W').
 * @see torch.nn.functional.lp_pool2d
 * @example
 * F.lpPool2d(torch.rand(1, 4, 8, 8), 2, 2).shape // [1, 4, 4, 4]
 */
export function lpPool2d(input: Tensor, normType: number, kernelSize: Size, options: LPPoolOptions = {}): Tensor {
  checkArguments(
    "lp_pool2d(Tensor input, float normType, int|int[] kernelSize, options? options, {int|int[]|None stride, bool ceilMode})",
    input,
    normType,
    kernelSize,
    options,
  );
  const [height, width] = expandSize(kernelSize, 2) as [number, number];
  const { stride = null, ceilMode = false } = options;
  return fromMeans(avgPool2d(input.pow(normType), kernelSize, { stride, ceilMode }), height * width, normType);
}
