/**
 * Samplers: the order in which a DataLoader reads. From the same seed it is PyTorch's.
 */
import { classNameOf, keepClassNames } from "../core/className.ts";
import { float64, int64 } from "../core/dtype.ts";
import { ArgumentTypeError, ValueError } from "../core/errors.ts";
import { defaultGenerator, fillMultinomial, fillRandom, fillRandomFromTo, fillRandperm, Generator } from "../core/random.ts";
import { Tensor, tensor } from "../tensor/core.ts";

/** Anything with a length. */
export interface Sized {
  readonly length: number;
}

/** A random order of 0 … n - 1: the numbers of `torch.randperm`. */
export function permutation(n: number, generator: Generator): number[] {
  const order = new Float64Array(n);
  fillRandperm(order, float64, generator);
  return Array.from(order);
}

/** A 63-bit number, as `torch.empty((), dtype=torch.int64).random_()`. */
export function randomSeed(generator: Generator): bigint {
  const seed = new BigInt64Array(1);
  fillRandom(seed, int64, generator);
  return seed[0]!;
}

/** Indices in some order: a subclass gives the iterator, and `length` when it is known. `torch.utils.data.Sampler`. */
export abstract class Sampler<I = number> implements Iterable<I> {
  abstract [Symbol.iterator](): Iterator<I>;
  get length(): number {
    throw new ValueError(`object of type '${classNameOf(this)}' has no len()`, "define `get length()` in your sampler");
  }
}

/** 0, 1, 2, … `torch.utils.data.SequentialSampler`. */
export class SequentialSampler extends Sampler {
  readonly dataSource: Sized;
  constructor(dataSource: Sized) {
    super();
    this.dataSource = dataSource;
  }
  override get length(): number {
    return this.dataSource.length;
  }
  override *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.dataSource.length; i++) yield i;
  }
}

export interface RandomSamplerOptions {
  /** Whether an index may come again. Default: false. */
  replacement?: boolean;
  /** How many indices. Default: as many as there are samples. */
  numSamples?: number | null;
  /** Default: one seeded from the default generator at each pass. */
  generator?: Generator | null;
}

/**
 * All indices in a random order, or random ones with replacement. `torch.utils.data.RandomSampler`.
 *
 * @example
 * const { RandomSampler } = torch.utils.data;
 * [...new RandomSampler([0, 0, 0], { replacement: true, numSamples: 20 })].length // 20
 */
export class RandomSampler extends Sampler {
  readonly dataSource: Sized;
  readonly replacement: boolean;
  readonly generator: Generator | null;
  private readonly requested: number | null;

  constructor(dataSource: Sized, options: RandomSamplerOptions = {}) {
    super();
    const { replacement = false, numSamples = null, generator = null } = options;
    this.dataSource = dataSource;
    this.replacement = replacement;
    this.requested = numSamples;
    this.generator = generator;
    if (typeof replacement !== "boolean") {
      throw new ArgumentTypeError(`replacement should be a boolean value, but got replacement=${replacement}`);
    }
    checkPositive("num_samples", this.numSamples);
  }

  get numSamples(): number {
    return this.requested ?? this.dataSource.length;
  }
  override get length(): number {
    return this.numSamples;
  }

  override *[Symbol.iterator](): Iterator<number> {
    const n = this.dataSource.length;
    const generator = this.generator ?? new Generator().manualSeed(randomSeed(defaultGenerator));
    const count = this.numSamples;
    if (this.replacement) {
      const draw = (size: number) => {
        const block = new BigInt64Array(size);
        fillRandomFromTo(block, int64, 0, n, generator);
        return Array.from(block, Number);
      };
      for (let i = 0; i < Math.floor(count / 32); i++) yield* draw(32);
      yield* draw(count % 32);
    } else {
      for (let i = 0; i < Math.floor(count / n); i++) yield* permutation(n, generator);
      yield* permutation(n, generator).slice(0, count % n);
    }
  }
}

/**
 * The given indices in a random order. `torch.utils.data.SubsetRandomSampler`.
 *
 * @example
 * const { SubsetRandomSampler } = torch.utils.data;
 * [...new SubsetRandomSampler([4, 5, 6])].sort() // [4, 5, 6]
 */
export class SubsetRandomSampler extends Sampler {
  readonly indices: readonly number[];
  readonly generator: Generator | null;
  constructor(indices: readonly number[], options: { generator?: Generator | null } = {}) {
    super();
    this.indices = indices;
    this.generator = options.generator ?? null;
  }
  override get length(): number {
    return this.indices.length;
  }
  override *[Symbol.iterator](): Iterator<number> {
    for (const i of permutation(this.indices.length, this.generator ?? defaultGenerator)) yield this.indices[i]!;
  }
}

/**
 * Indices with probabilities in proportion to `weights`. `torch.utils.data.WeightedRandomSampler`.
 *
 * @example
 * const { WeightedRandomSampler } = torch.utils.data;
 * [...new WeightedRandomSampler([0, 0, 1], 4)] // [2, 2, 2, 2]
 */
export class WeightedRandomSampler extends Sampler {
  readonly weights: Tensor;
  readonly numSamples: number;
  readonly replacement: boolean;
  readonly generator: Generator | null;
  constructor(
    weights: Tensor | readonly number[],
    numSamples: number,
    options: { replacement?: boolean; generator?: Generator | null } = {},
  ) {
    super();
    const { replacement = true, generator = null } = options;
    checkPositive("num_samples", numSamples);
    if (typeof replacement !== "boolean") {
      throw new ValueError(`replacement should be a boolean value, but got replacement=${replacement}`);
    }
    const list = weights instanceof Tensor ? weights.to(float64) : tensor(weights, { dtype: float64 });
    if (list.ndim !== 1) {
      throw new ValueError(`weights should be a 1d sequence but given weights have shape (${list.shape.join(", ")})`);
    }
    this.weights = list;
    this.numSamples = numSamples;
    this.replacement = replacement;
    this.generator = generator;
  }
  override get length(): number {
    return this.numSamples;
  }
  override *[Symbol.iterator](): Iterator<number> {
    const chosen = new BigInt64Array(this.numSamples);
    const categories = this.weights.numel();
    const generator = this.generator ?? defaultGenerator;
    fillMultinomial(chosen, this.weights.data, float64, 1, categories, this.numSamples, this.replacement, generator);
    yield* Array.from(chosen, Number);
  }
}

/**
 * Lists of indices from another sampler. `torch.utils.data.BatchSampler`.
 *
 * @example
 * const { BatchSampler, SequentialSampler } = torch.utils.data;
 * [...new BatchSampler(new SequentialSampler("abcde"), 2, false)] // [[0, 1], [2, 3], [4]]
 */
export class BatchSampler<I = number> extends Sampler<I[]> {
  readonly sampler: Iterable<I>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  constructor(sampler: Iterable<I>, batchSize: number, dropLast: boolean) {
    super();
    checkPositive("batch_size", batchSize);
    if (typeof dropLast !== "boolean") throw new ValueError(`drop_last should be a boolean value, but got drop_last=${dropLast}`);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }
  override get length(): number {
    const samples = (this.sampler as unknown as Sized).length;
    return this.dropLast ? Math.floor(samples / this.batchSize) : Math.ceil(samples / this.batchSize);
  }
  override *[Symbol.iterator](): Iterator<I[]> {
    let batch: I[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length === this.batchSize) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}

function checkPositive(name: string, value: number): void {
  if (!Number.isInteger(value) || value <= 0) {
    throw new ValueError(`${name} should be a positive integer value, but got ${name}=${value}`);
  }
}

keepClassNames({ Sampler, SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, BatchSampler });
