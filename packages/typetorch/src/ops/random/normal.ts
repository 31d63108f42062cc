/**
 * Normal values with a mean and a standard deviation for each element.
 */
import { getDefaultDtype } from "../../core/dtype.ts";
import { ArgumentTypeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkSizes, finish, make } from "../factory/options.ts";
import { runtime } from "../runtime.ts";
import type { RandomOptions } from "./factories.ts";
import { generatorOf } from "./generator.ts";
import { fillElementsRandomly, normalFill } from "./inPlace.ts";

export function normal(mean: Tensor, std?: number | Tensor, options?: RandomOptions): Tensor;
export function normal(mean: Tensor, options?: RandomOptions & { std?: number }): Tensor;
export function normal(mean: number, std: Tensor, options?: RandomOptions): Tensor;
export function normal(mean: number, std: number, size: readonly number[] | number, options?: RandomOptions): Tensor;
/**
 * Normal values, mean and standard deviation given as tensors or numbers (then with a size), as `torch.normal`.
 * @example
 * torch.normal(0, 1, [2, 3]).shape // [2, 3]
 */
export function normal(mean: Tensor | number, ...args: unknown[]): Tensor {
  const named = args.find((x) => typeof x === "object" && x !== null && !Array.isArray(x) && !runtime.isTensor(x)) as
    | (RandomOptions & { std?: number })
    | undefined;
  const first = args[0];
  const std = typeof first === "number" || runtime.isTensor(first) ? first : (named?.std ?? 1);
  const size = args[1] === named ? undefined : (args[1] as readonly number[] | number | undefined);
  return runtime.withoutGrad(() => {
    if (!runtime.isTensor(mean) && !runtime.isTensor(std)) {
      if (size === undefined)
        throw new ArgumentTypeError(
          "normal() received an invalid combination of arguments",
          "with two numbers give a size: normal(0, 1, [2, 3])",
        );
      const shape = checkSizes(typeof size === "number" ? [size] : size);
      const dtype = named?.dtype ?? named?.out?.dtype ?? getDefaultDtype();
      return make(named, dtype, () => draw(runtime.empty(shape, dtype), mean, std, named));
    }
    return finish(around(mean, std, named), named);
  });
}

function draw(x: Tensor, mean: number, std: number, options: RandomOptions | undefined): Tensor {
  fillElementsRandomly(x, normalFill(x, mean, std, generatorOf(options)));
  return x;
}

/** At least one of mean and standard deviation is a tensor. */
function around(mean: Tensor | number, std: Tensor | number, options: RandomOptions | undefined): Tensor {
  if (!runtime.isTensor(std)) {
    const center = mean as Tensor;
    return draw(runtime.newEmpty(center, center.shape, center.dtype), 0, std, options).add_(center);
  }
  if (std.numel() > 0 && std.lt(0).any().item()) throw new ValueError("normal expects all elements of std >= 0.0");
  const shape = runtime.isTensor(mean) ? broadcastShapes(mean.shape, std.shape) : std.shape;
  const x = runtime.newEmpty(std, shape, runtime.isTensor(mean) ? mean.dtype : std.dtype);
  return draw(x, 0, 1, options).mul_(std).add_(mean);
}
