/**
 * Random fills of a tensor: `uniform_`, `normal_`, `random_`, `exponential_`, `geometric_`, `cauchy_`, `logNormal_`. Elements are drawn in the order in which they
 * lie in memory.
 */
import { checkArguments } from "../arguments.ts";
import { bfloat16, type DType, float32, float64, type TypedArray } from "../../core/dtype.ts";
import { Generator } from "../../core/random/generator.ts";
import { fillBernoulli, fillCauchy, fillExponential, fillGeometric, fillLogNormal } from "../../core/random/distributions.ts";
import { fillRandom, fillRandomFromTo, integerRange } from "../../core/random/integers.ts";
import { fillNormal } from "../../core/random/normal.ts";
import { fillUniform, uniformRange } from "../../core/random/uniform.ts";
import { isContiguous } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { param } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "../memory/copy.ts";
import { method, variadicMethod } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { checkInternalOverlap } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import { type Distribution, drawnByCounter, fillByCounter, isCountable } from "./counter.ts";
import { type GeneratorOption, generatorOf } from "./generator.ts";
import { fillNormalByKernel } from "./normalKernel.ts";
import { drawSpec, fillByStream, isBelow, leastForKernel, modulo, threshold, uniform24, uniform53, unsigned } from "./stream.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** Uniform values in [from, to), as `Tensor.uniform_`. */
    uniform_(...rest: Trailing<[from: number, to: number], UniformOptions>): this;
    /** Normal values, as `Tensor.normal_`. */
    normal_(...rest: Trailing<[mean: number, std: number], NormalOptions>): this;
    /** Integers in [from, to), as `Tensor.random_`: `random_(to)`, `random_(from, to)`; without bounds, all that the dtype can hold. */
    random_(options?: GeneratorOption): this;
    random_(to: number | bigint, options?: GeneratorOption): this;
    random_(from: number | bigint, to: number | bigint | null, options?: GeneratorOption): this;
    /** Values `-log(1 - u) / lambd`, as `Tensor.exponential_`. */
    exponential_(...rest: Trailing<[lambd: number], GeneratorOption & { lambd?: number }>): this;
    /** The number of trials up to a success of probability `p`, as `Tensor.geometric_`. */
    geometric_(p: number, options?: GeneratorOption): this;
    /** Cauchy values, as `Tensor.cauchy_`. */
    cauchy_(...rest: Trailing<[median: number, sigma: number], GeneratorOption & { median?: number; sigma?: number }>): this;
    /** Exponentials of normal values (mean 1 and std 2 unless given), as `Tensor.log_normal_`. */
    logNormal_(...rest: Trailing<[mean: number, std: number], NormalOptions>): this;
  }
}

export interface UniformOptions extends GeneratorOption {
  /** Default: 0. */
  from?: number;
  /** Default: 1. */
  to?: number;
}
export interface NormalOptions extends GeneratorOption {
  mean?: number;
  std?: number;
}

/** Writes random values to the elements of a contiguous array; `contiguous` tells whether it is the tensor's own memory. */
export interface Fill {
  (array: TypedArray, contiguous: boolean): void;
  /** The same by kernels, for a contiguous tensor on the CPU. */
  kernel?: (x: Tensor) => void;
  /** What devices that draw by position do in its place. */
  counted?: { readonly distribution: Distribution; readonly generator: Generator };
}

/** A fill for which other devices have a kernel. */
export function counted(
  fill: Fill,
  kind: Distribution["kind"],
  a: number,
  b: number,
  options: GeneratorOption | Generator | undefined,
): Fill {
  const generator = options instanceof Generator ? options : generatorOf(options);
  fill.counted = { distribution: { kind, a, b }, generator };
  return fill;
}

/** A strided tensor with its dimensions in the order of memory, the outermost first. */
function inMemoryOrder(x: Tensor): Tensor {
  const order = x.shape.map((_, i) => i).sort((a, b) => x.strides[b]! - x.strides[a]! || a - b);
  return runtime.alias(
    x,
    order.map((d) => x.shape[d]!),
    order.map((d) => x.strides[d]!),
    x.storageOffset,
  );
}

/** Fills without checks and without history. */
export function fillElementsRandomly(x: Tensor, fill: Fill): void {
  if (fill.counted !== undefined && drawnByCounter(x)) {
    const { distribution, generator } = fill.counted;
    const own = isContiguous(x.shape, x.strides);
    const target = own ? x : runtime.newEmpty(x, x.shape, x.dtype);
    fillByCounter(target, distribution, generator);
    if (!own) copyElements(x, target);
    return;
  }
  if (isContiguous(x.shape, x.strides)) {
    if (fill.kernel !== undefined && x.storage.remote === null && x.numel() >= leastForKernel) fill.kernel(x);
    else fill(x.data, true);
    return;
  }
  const view = inMemoryOrder(x);
  const drawn = runtime.newEmpty(x, view.shape, x.dtype);
  fill(drawn.data, false);
  copyElements(view, drawn);
}

/**
 * An op that overwrites its input with random values: the gradient of what was there is zero.
 * @__NO_SIDE_EFFECTS__
 */
export function randomFill(name: string, gradName?: string): Op<Fill> {
  return defineOp<Fill>({
    name,
    gradName,
    run([x], fill) {
      const out = runtime.empty(x!.shape, x!.dtype);
      fillElementsRandomly(out, fill);
      return out;
    },
    into: (out, _inputs, fill) => fillElementsRandomly(out, fill),
    backward: ([g]) => [runtime.full(g!.shape, 0, g!.dtype)],
  });
}

/** Overwrites a tensor, and tells the graph. */
export function fillInPlace(op: Op<Fill>, x: Tensor, fill: Fill): Tensor {
  checkInternalOverlap(x, op.name);
  return runtime.callInPlace(op, [x], fill);
}

/** Uniform values from [from, to). */
export function uniformFill(x: Tensor, from: number, to: number, generator: Generator): Fill {
  const { dtype } = x;
  const fill: Fill = (array) => fillUniform(array, dtype, from, to, generator);
  if (!dtype.isFloatingPoint || !(from <= to)) return fill;
  if (dtype === float32 || dtype === float64) {
    fill.kernel = (target) => {
      const { low, range } = uniformRange(dtype, from, to);
      const key = `uniform ${dtype.key} ${low === 0}`;
      const spec = drawSpec(key, dtype === float32 ? 1 : 2, dtype, 2, (outputs) => {
        const u = dtype === float32 ? uniform24(outputs[0]!) : uniform53(outputs);
        return low === 0 ? u.mul(param(1, u.type)) : u.fma(param(1, u.type), param(0, u.type));
      });
      fillByStream(target, spec, generator, [low, range]);
    };
  }
  return counted(fill, "uniform", from, to, generator);
}

/** 1 with probability p, else 0. */
export function bernoulliFill(dtype: DType, p: number, generator: Generator): Fill {
  const fill: Fill = (array) => fillBernoulli(array, dtype, p, generator);
  if (!(p >= 0 && p <= 1)) return fill;
  fill.kernel = (target) => {
    const spec = drawSpec(`bernoulli ${dtype.key}`, 2, dtype, 2, (outputs) => isBelow(outputs, 0));
    fillByStream(target, spec, generator, threshold(p));
  };
  return counted(fill, "bernoulli", p, 0, generator);
}

/** Fills a tensor, or the memory that will be copied to it, with normal values. */
export function normalFill(x: Tensor, mean: number, std: number, generator: Generator): Fill {
  const fill: Fill = (array, own) => fillNormal(array, x.dtype, mean, std, generator, own);
  if (!x.dtype.isFloatingPoint || !(std >= 0)) return fill;
  if (x.dtype === float32) fill.kernel = (target) => fillNormalByKernel(target, mean, std, generator);
  return counted(fill, "normal", mean, std, generator);
}

const uniformOp = randomFill("uniform", "UniformBackward0");
const normalOp = randomFill("normal", "NormalBackward0");
const randomOp = randomFill("random", "RandomBackward0");
const exponentialOp = randomFill("exponential", "ExponentialBackward0");
const geometricOp = randomFill("geometric", "GeometricBackward0");
const cauchyOp = randomFill("cauchy", "CauchyBackward0");
const logNormalOp = randomFill("log_normal", "LogNormalBackward0");

variadicMethod("uniform_", (x: Tensor, ...rest: unknown[]) => {
  const options = trailing<UniformOptions>(rest, ["from", "to"]);
  const { from = 0, to = 1 } = options;
  return fillInPlace(uniformOp, x, uniformFill(x, from, to, generatorOf(options)));
});

variadicMethod("normal_", (x: Tensor, ...rest: unknown[]) => {
  const options = trailing<NormalOptions>(rest, ["mean", "std"]);
  const { mean = 0, std = 1 } = options;
  return fillInPlace(normalOp, x, normalFill(x, mean, std, generatorOf(options)));
});

/** Integers of the whole range of the dtype, or between bounds. */
export function integersFill(
  x: Tensor,
  from: number | bigint | null,
  to: number | bigint | null | undefined,
  generator: Generator,
): Fill {
  const fill: Fill = (array) => {
    if (from === null) fillRandom(array, x.dtype, generator);
    else fillRandomFromTo(array, x.dtype, from, to ?? null, generator);
  };
  if (from !== null && x.dtype !== bfloat16)
    fill.kernel = (target) => fillIntegersByKernel(target, from, to ?? null, fill, generator);
  const countable = from !== null && to !== null && to !== undefined && from < to && isCountable(x.dtype, from, to);
  return countable ? counted(fill, "integers", Number(from), Number(to), generator) : fill;
}

function fillIntegersByKernel(
  x: Tensor,
  from: number | bigint,
  to: number | bigint | null,
  otherwise: Fill,
  generator: Generator,
): void {
  const { range, base } = integerRange(x.dtype, from, to);
  const isSmall = range <= 1n << 32n && base >= -(2n ** 52n) && base <= 2n ** 52n; // float64 holds them
  // of 2^32 values and more PyTorch takes 64 bits for some dtypes
  if (!isSmall || range === 1n << 32n) {
    otherwise(x.data, true);
    return;
  }
  const spec = drawSpec(`integers ${x.dtype.key}`, 1, x.dtype, 2, ([output]) =>
    modulo(unsigned(output!), param(1, "f64")).add(param(0, "f64")),
  );
  fillByStream(x, spec, generator, [Number(base), Number(range)]);
}

/** The same in place. */
export function fillIntegers(
  x: Tensor,
  from: number | bigint | null,
  to: number | bigint | null | undefined,
  generator: Generator,
): Tensor {
  return fillInPlace(randomOp, x, integersFill(x, from, to, generator));
}

type Integer = number | bigint;
const isInteger = (x: unknown): x is Integer => typeof x === "number" || typeof x === "bigint";

method(
  "random_",
  (x: Tensor, first?: Integer | GeneratorOption, second?: Integer | null | GeneratorOption, third?: GeneratorOption) => {
    if (!isInteger(first)) return fillIntegers(x, null, null, generatorOf(first));
    if (isInteger(second) || second === null) return fillIntegers(x, first, second, generatorOf(third));
    return fillIntegers(x, 0, first, generatorOf(second));
  },
);

variadicMethod("exponential_", (x: Tensor, ...rest: unknown[]) => {
  const options = trailing<GeneratorOption & { lambd?: number }>(rest, ["lambd"]);
  const { lambd = 1 } = options;
  const generator = generatorOf(options);
  const fill: Fill = (array) => fillExponential(array, x.dtype, lambd, generator);
  if (x.dtype === float32 && lambd >= 0) {
    fill.kernel = (target) => {
      const spec = drawSpec("exponential", 2, float32, 1, (outputs) =>
        uniform53(outputs).neg().add(1).log().mul(param(0, "f64")),
      );
      fillByStream(target, spec, generator, [-1 / lambd]);
    };
  }
  return fillInPlace(
    exponentialOp,
    x,
    x.dtype.isFloatingPoint && lambd > 0 ? counted(fill, "exponential", lambd, 0, options) : fill,
  );
});

method("geometric_", (x: Tensor, p: number, options?: GeneratorOption) => {
  checkArguments("geometric_(Tensor x, float p, options? options, {any generator})", x, p, options);
  return fillInPlace(geometricOp, x, (array) => fillGeometric(array, x.dtype, p, generatorOf(options)));
});

variadicMethod("cauchy_", (x: Tensor, ...rest: unknown[]) => {
  const options = trailing<GeneratorOption & { median?: number; sigma?: number }>(rest, ["median", "sigma"]);
  const { median = 0, sigma = 1 } = options;
  return fillInPlace(cauchyOp, x, (array) => fillCauchy(array, x.dtype, median, sigma, generatorOf(options)));
});

variadicMethod("logNormal_", (x: Tensor, ...rest: unknown[]) => {
  const options = trailing<NormalOptions>(rest, ["mean", "std"]);
  const { mean = 1, std = 2 } = options;
  return fillInPlace(logNormalOp, x, (array) => fillLogNormal(array, x.dtype, mean, std, generatorOf(options)));
});
