import { classNameOf, keepClassNames } from "../core/className.ts";
import { ArgumentTypeError, NotSupportedError, ValueError } from "../core/errors.ts";
import { defaultGenerator, type Generator } from "../core/random.ts";
import { type Collated, defaultCollate, defaultConvert } from "./collate.ts";
import { Dataset, type DatasetLike, IterableDataset, itemOf } from "./dataset.ts";
import { BatchSampler, RandomSampler, randomSeed, SequentialSampler, type Sized } from "./sampler.ts";

export interface DataLoaderOptions<T, B> {
  /** Samples per batch; null gives the samples one by one, without collation. Default: 1. */
  batchSize?: number | null;
  /** Whether the order is drawn anew for each pass. Default: false. */
  shuffle?: boolean | null;
  /** The order of the samples; excludes `shuffle`. */
  sampler?: Iterable<number> | null;
  /** The batches as lists of indices; excludes `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: Iterable<readonly number[]> | null;
  /** Must be 0: samples are read in this thread. */
  numWorkers?: number;
  /** Makes a batch of samples. Default: {@link defaultCollate}. */
  collateFn?: ((samples: T[]) => B) | null;
  /** Accepted for PyTorch's sake: CPU memory needs no pinning. */
  pinMemory?: boolean;
  /** Whether an incomplete last batch is left out. Default: false. */
  dropLast?: boolean;
  /** Must be 0 without workers. */
  timeout?: number;
  /** Draws the order. Default: the default generator. */
  generator?: Generator | null;
  prefetchFactor?: number;
  persistentWorkers?: boolean;
}

/**
 * Batches of a dataset, for `for … of`, or `for await … of` when samples or collation are asynchronous. From the same seed the order is PyTorch's.
 * `torch.utils.data.DataLoader`.
 *
 * @throws ValueError in PyTorch's words for options that exclude each other.
 * @example
 * const { DataLoader, TensorDataset } = torch.utils.data;
 * const dataset = new TensorDataset(torch.zeros(10, 3), torch.arange(10));
 * const loader = new DataLoader(dataset, { batchSize: 4 });
 * for (const [x, y] of loader) console.log(x!.shape, y);
 * loader.length // 3
 */
export class DataLoader<T, B = Collated<Awaited<T>>> implements Iterable<B>, AsyncIterable<B> {
  readonly dataset: DatasetLike<T> | IterableDataset<T>;
  readonly batchSize: number | null;
  readonly dropLast: boolean;
  readonly sampler: Iterable<number> | null;
  readonly batchSampler: Iterable<readonly number[]> | null;
  readonly generator: Generator | null;
  readonly collateFn: (samples: T[]) => B;
  readonly numWorkers: number;
  readonly pinMemory: boolean;
  /** What `length` said of a stream: more samples than that are reported. */
  private announced: number | null = null;

  constructor(dataset: DatasetLike<T> | IterableDataset<T>, options: DataLoaderOptions<T, B> = {}) {
    const { shuffle = null, sampler = null, batchSampler = null, numWorkers = 0, collateFn = null } = options;
    const { pinMemory = false, dropLast = false, timeout = 0, generator = null } = options;
    const { prefetchFactor = 2, persistentWorkers = false } = options;
    const batchSize = options.batchSize === undefined ? 1 : options.batchSize;
    const stream = dataset instanceof IterableDataset;
    if (numWorkers < 0) {
      throw new ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.");
    }
    if (timeout < 0) throw new ValueError("timeout option should be non-negative");
    if (numWorkers === 0 && prefetchFactor !== 2) {
      throw new ValueError(
        "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing.",
      );
    }
    if (persistentWorkers && numWorkers === 0) throw new ValueError("persistent_workers option needs num_workers > 0");
    if (numWorkers > 0) throw new NotSupportedError(`DataLoader with num_workers=${numWorkers}`, "leave numWorkers at 0");
    if (stream) {
      const refuse = (name: string, value: unknown) => {
        throw new ValueError(`DataLoader with IterableDataset: expected unspecified ${name} option, but got ${name}=${value}`);
      };
      if (shuffle) refuse("shuffle", "True");
      if (sampler !== null) refuse("sampler", classNameOf(sampler));
      if (batchSampler !== null) refuse("batch_sampler", classNameOf(batchSampler));
    }
    if (sampler !== null && shuffle) throw new ValueError("sampler option is mutually exclusive with shuffle");
    if (batchSampler !== null) {
      if (batchSize !== 1 || shuffle || sampler !== null || dropLast) {
        throw new ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last");
      }
    } else if (batchSize === null && dropLast) {
      throw new ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last");
    }
    this.dataset = dataset;
    this.dropLast = dropLast;
    this.generator = generator;
    this.numWorkers = numWorkers;
    this.pinMemory = pinMemory;
    this.batchSize = batchSampler !== null ? null : batchSize;
    if (stream) this.sampler = null;
    else this.sampler = sampler ?? (shuffle ? new RandomSampler(dataset, { generator }) : new SequentialSampler(dataset));
    if (batchSampler !== null) this.batchSampler = batchSampler;
    else if (batchSize === null) this.batchSampler = null;
    else this.batchSampler = new BatchSampler(this.sampler ?? everlasting, batchSize, dropLast);
    const standard = this.batchSampler !== null ? defaultCollate : defaultConvert;
    this.collateFn = collateFn ?? (standard as unknown as (samples: T[]) => B);
  }

  /** Number of batches. Throws for a stream without a length. */
  get length(): number {
    const { dataset } = this;
    if (dataset instanceof IterableDataset) {
      this.announced = dataset.length;
      if (this.batchSize === null) return dataset.length;
      return this.dropLast ? Math.floor(dataset.length / this.batchSize) : Math.ceil(dataset.length / this.batchSize);
    }
    return ((this.batchSampler ?? this.sampler) as unknown as Sized).length;
  }

  [Symbol.iterator](): Iterator<B> {
    this.drawBaseSeed();
    return this.dataset instanceof IterableDataset ? this.streamed(this.dataset) : this.indexed(this.dataset);
  }

  [Symbol.asyncIterator](): AsyncIterator<B> {
    this.drawBaseSeed();
    return this.dataset instanceof IterableDataset ? this.streamedAsync(this.dataset) : this.indexedAsync(this.dataset);
  }

  /** Each pass draws a seed for its workers, also when there are none. */
  private drawBaseSeed(): void {
    randomSeed(this.generator ?? defaultGenerator);
  }

  /** The batch of these indices by the dataset's own gather, if it has one and nothing else is asked for. */
  private gathered(dataset: DatasetLike<T>, indices: readonly number[]): B | undefined {
    const byDefault = (this.collateFn as unknown) === defaultCollate;
    return byDefault && dataset instanceof Dataset && dataset.getBatch !== undefined
      ? (dataset.getBatch(indices) as B)
      : undefined;
  }

  private *indexed(dataset: DatasetLike<T>): Generator_<B> {
    if (this.batchSampler === null) {
      for (const index of this.sampler!) yield this.collateFn(settled(itemOf(dataset, index)) as unknown as T[]);
      return;
    }
    for (const indices of this.batchSampler) {
      yield this.gathered(dataset, indices) ?? this.collateFn(samplesOf(dataset, indices).map(settled));
    }
  }

  private async *indexedAsync(dataset: DatasetLike<T>): AsyncGenerator<B, void, undefined> {
    if (this.batchSampler === null) {
      for (const index of this.sampler!) yield this.collateFn((await itemOf(dataset, index)) as unknown as T[]);
      return;
    }
    for (const indices of this.batchSampler) {
      yield (await this.gathered(dataset, indices)) ??
        (await this.collateFn((await Promise.all(samplesOf(dataset, indices))) as T[]));
    }
  }

  private *streamed(dataset: IterableDataset<T>): Generator_<B> {
    if (dataset[Symbol.iterator] === undefined) {
      throw new ArgumentTypeError(`${classNameOf(dataset)} is not iterable`, "read it with `for await`");
    }
    let yielded = 0;
    const samples = dataset as Iterable<T>;
    if (this.batchSampler === null) {
      for (const sample of samples) {
        this.checkAnnounced(++yielded);
        yield this.collateFn(sample as unknown as T[]);
      }
      return;
    }
    let batch: T[] = [];
    for (const sample of samples) {
      batch.push(sample);
      if (batch.length < this.batchSize!) continue;
      this.checkAnnounced(++yielded);
      yield this.collateFn(batch);
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield this.collateFn(batch);
  }

  private async *streamedAsync(dataset: IterableDataset<T>): AsyncGenerator<B, void, undefined> {
    let yielded = 0;
    const samples = dataset[Symbol.asyncIterator] !== undefined ? (dataset as AsyncIterable<T>) : (dataset as Iterable<T>);
    if (this.batchSampler === null) {
      for await (const sample of samples) {
        this.checkAnnounced(++yielded);
        yield this.collateFn(sample as unknown as T[]);
      }
      return;
    }
    let batch: T[] = [];
    for await (const sample of samples) {
      batch.push(sample as T);
      if (batch.length < this.batchSize!) continue;
      this.checkAnnounced(++yielded);
      yield this.collateFn(batch);
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield this.collateFn(batch);
  }

  private checkAnnounced(yielded: number): void {
    if (this.announced !== null && yielded === this.announced + 1) {
      console.warn(
        `UserWarning: Length of IterableDataset ${classNameOf(this.dataset)} was reported to be ${this.announced} (when accessing loader.length), but ${yielded} samples have been fetched.`,
      );
    }
  }
}

type Generator_<B> = globalThis.Generator<B, void, undefined>;

/** Indices for streams, which have none. */
const everlasting: Iterable<number> = {
  *[Symbol.iterator]() {
    for (;;) yield 0;
  },
};

function samplesOf<T>(dataset: DatasetLike<T>, indices: readonly number[]): T[] {
  if (dataset instanceof Dataset && dataset.getItems !== undefined) return dataset.getItems(indices);
  return indices.map((index) => itemOf(dataset, index));
}

function settled<T>(sample: T): T {
  if (sample instanceof Promise) {
    throw new ArgumentTypeError("DataLoader: the dataset gives promises of samples", "read the loader with `for await`");
  }
  return sample;
}

keepClassNames({ DataLoader });
