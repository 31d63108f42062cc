/**
 * New tensors of random numbers: `rand`, `randn`, `randint`, `randperm`, and their `_like` forms.
 */
import { checkArguments } from "../arguments.ts";
import { getDefaultDtype, int32, int64 } from "../../core/dtype.ts";
import { BLOCK_WORDS, type Generator } from "../../core/random/generator.ts";
import { checkRandperm, exchange, fillRandperm } from "../../core/random/integers.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { emptyLike } from "../factory/fill.ts";
import { type FactoryOptions, checkSizes, finish, make, sizesAndOptions } from "../factory/options.ts";
import { copyElements } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";
import { type GeneratorOption, generatorOf } from "./generator.ts";
import { type Fill, fillElementsRandomly, integersFill, normalFill, uniformFill } from "./inPlace.ts";
import { chunkWords, drawPlaces, drawWords } from "./stream.ts";

export interface RandomOptions extends FactoryOptions, GeneratorOption {}

type Sizes = (number | readonly number[] | RandomOptions | undefined)[];

function drawn(args: readonly unknown[], fillOf: (x: Tensor, options: RandomOptions | undefined) => Fill): Tensor {
  const { shape, options } = sizesAndOptions(args);
  const dtype = options?.dtype ?? options?.out?.dtype ?? getDefaultDtype();
  return make(options, dtype, () => {
    const x = runtime.empty(shape, dtype);
    fillElementsRandomly(x, fillOf(x, options));
    return x;
  });
}

/** A tensor like another; transposed ones are drawn in the order of memory. */
function drawnLike(input: Tensor, options: RandomOptions | undefined, fillOf: (x: Tensor) => Fill): Tensor {
  const x = emptyLike(input, { dtype: options?.dtype ?? input.dtype, device: options?.device });
  fillElementsRandomly(x, fillOf(x));
  return finish(x, options);
}

const uniform = (x: Tensor, options: RandomOptions | undefined): Fill => uniformFill(x, 0, 1, generatorOf(options));

const standardNormal = (x: Tensor, options: RandomOptions | undefined): Fill => normalFill(x, 0, 1, generatorOf(options));

export function rand(...args: Sizes): Tensor;
/**
 * Uniform values in [0, 1), as `torch.rand`.
 * @example
 * torch.manualSeed(0);
 * torch.rand(3) // tensor([0.4963, 0.7682, 0.0885])
 */
export function rand(...args: unknown[]): Tensor {
  return drawn(args, uniform);
}

export function randn(...args: Sizes): Tensor;
/**
 * Normal values of mean 0 and standard deviation 1, as `torch.randn`.
 * @example
 * torch.randn(2, 3).shape // [2, 3]
 */
export function randn(...args: unknown[]): Tensor {
  return drawn(args, standardNormal);
}

/**
 * Uniform values in [0, 1) in the shape and dtype of another tensor, as `torch.rand_like`.
 * @example
 * torch.randLike(torch.zeros(2, 3)).shape // [2, 3]
 */
export function randLike(input: Tensor, options?: RandomOptions): Tensor {
  checkArguments(
    "rand_like(Tensor input, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out, any generator})",
    input,
    options,
  );
  return drawnLike(input, options, (x) => uniform(x, options));
}

/**
 * Normal values in the shape and dtype of another tensor, as `torch.randn_like`.
 * @example
 * torch.randnLike(torch.zeros(2, 3)).shape // [2, 3]
 */
export function randnLike(input: Tensor, options?: RandomOptions): Tensor {
  checkArguments(
    "randn_like(Tensor input, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out, any generator})",
    input,
    options,
  );
  return drawnLike(input, options, (x) => standardNormal(x, options));
}

export function randint(high: number, size: readonly number[] | number, options?: RandomOptions): Tensor;
export function randint(low: number, high: number, size: readonly number[] | number, options?: RandomOptions): Tensor;
/**
 * Integers in [low, high), int64 unless told, as `torch.randint`: `randint(high, size)` or `randint(low, high, size)`.
 * @example
 * torch.randint(0, 10, [2, 3]).shape // [2, 3]
 */
export function randint(...args: unknown[]): Tensor {
  const both = Array.isArray(args[2]) || typeof args[2] === "number";
  const [low, high, size, options] = (both ? args : [0, ...args]) as [
    number,
    number,
    readonly number[] | number,
    RandomOptions | undefined,
  ];
  checkArguments("randint(Scalar low, Scalar high, int|int[] size)", low, high, size);
  const shape = checkSizes(typeof size === "number" ? [size] : size);
  const dtype = options?.dtype ?? options?.out?.dtype ?? int64;
  return make(options, dtype, () => {
    const x = runtime.empty(shape, dtype);
    fillElementsRandomly(x, integersFill(x, low, high, generatorOf(options)));
    return x;
  });
}

export function randintLike(input: Tensor, high: number, options?: RandomOptions): Tensor;
export function randintLike(input: Tensor, low: number, high: number, options?: RandomOptions): Tensor;
/**
 * Integers in [low, high) in the shape and dtype of another tensor, as `torch.randint_like`.
 * @example
 * torch.randintLike(torch.zeros(2, 3), 10).shape // [2, 3]
 */
export function randintLike(input: Tensor, ...args: unknown[]): Tensor {
  const [low, high, options] = (typeof args[1] === "number" ? args : [0, ...args]) as [number, number, RandomOptions | undefined];
  checkArguments("randint_like(Tensor input, Scalar low, Scalar high)", input, low, high);
  return drawnLike(input, options, (x) => integersFill(x, low, high, generatorOf(options)));
}

/**
 * A random permutation of 0 to n - 1, int64 unless told, as `torch.randperm`.
 * @example
 * torch.randperm(4).shape // [4]
 */
export function randperm(n: number, options?: RandomOptions): Tensor {
  checkArguments(
    "randperm(int n, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out, any generator})",
    n,
    options,
  );
  const dtype = options?.dtype ?? options?.out?.dtype ?? int64;
  checkRandperm(n, dtype);
  return make(options, dtype, () => {
    const x = runtime.empty([n], dtype);
    const generator = generatorOf(options);
    const fill: Fill = (array) => fillRandperm(array, dtype, generator);
    fill.kernel = (target) => permuteByKernel(target, generator);
    fillElementsRandomly(x, fill);
    return x;
  });
}

/** As `fillRandperm`: the places to exchange with are drawn by a kernel, the exchanges are made one by one. */
function permuteByKernel(x: Tensor, generator: Generator): void {
  const n = x.numel();
  const places = runtime.newEmpty(x, [n], int32);
  const data = places.data as Int32Array;
  for (let i = 0; i < n; i++) data[i] = i;
  const chosen = runtime.newEmpty(x, [Math.min(n, BLOCK_WORDS + chunkWords)], int32);
  const chosenData = chosen.data as Int32Array;
  drawWords(places, n - 1, 1, generator, (words, offset, done, part) => {
    drawPlaces(words, offset, chosen, done, part, n);
    exchange(data, done, chosenData, part);
  });
  copyElements(x, places);
  runtime.release(chosen);
  runtime.release(places);
}
