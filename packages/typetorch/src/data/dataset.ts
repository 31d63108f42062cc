/**
 * Datasets: what a DataLoader reads from.
 */
import { classNameOf, keepClassNames } from "../core/className.ts";
import { ValueError } from "../core/errors.ts";
import { indexSelect, tensor, type Tensor } from "../tensor/core.ts";
import { int64 } from "../core/dtype.ts";

/** A dataset as the loader sees it: your own class extends {@link Dataset}; a plain array is one too. */
export type DatasetLike<T> = Dataset<T> | readonly T[];

/**
 * Samples by index: a subclass gives `getItem` and `length`. `torch.utils.data.Dataset`.
 *
 * @example
 * const { Dataset } = torch.utils.data;
 * class Squares extends Dataset<[x: torch.Tensor, square: number]> {
 *   get length() {
 *     return 100;
 *   }
 *   getItem(i: number): [torch.Tensor, number] {
 *     return [torch.tensor(i), i * i];
 *   }
 * }
 * new Squares().getItem(3)[1] // 9
 */
export abstract class Dataset<T> {
  /** Sample number `index`; a promise for one when it is read with `for await`. */
  abstract getItem(index: number): T;
  /** How many samples there are. */
  abstract get length(): number;
  /**
   * Samples by a list of indices, for datasets that read several at once faster than one by one. `__getitems__`.
   */
  getItems?(indices: readonly number[]): T[];
  /**
   * What `defaultCollate(indices.map(getItem))` gives, computed at once. A loader that collates by default prefers it.
   */
  getBatch?(indices: readonly number[]): unknown;
  /** The samples of this one, then those of the other: `a + b`. */
  add(other: DatasetLike<T>): ConcatDataset<T> {
    return new ConcatDataset<T>([this, other]);
  }
}

/**
 * Samples in the order in which they come, for streams: a subclass gives `[Symbol.iterator]`, or `[Symbol.asyncIterator]` for `for await`; `length` is
 * optional. `torch.utils.data.IterableDataset`.
 *
 * @example
 * const { DataLoader, IterableDataset } = torch.utils.data;
 * class Words extends IterableDataset<string> {
 *   override *[Symbol.iterator]() {
 *     yield* ["to", "be", "or"];
 *   }
 * }
 * [...new DataLoader(new Words(), { batchSize: 2 })] // [["to", "be"], ["or"]]
 */
export abstract class IterableDataset<T> {
  [Symbol.iterator]?(): Iterator<T>;
  [Symbol.asyncIterator]?(): AsyncIterator<T>;
  get length(): number {
    throw new ValueError(`object of type '${classNameOf(this)}' has no len()`, "define `get length()` in your IterableDataset");
  }
  /** The samples of this one, then those of the other: `a + b`. */
  add(other: IterableDataset<T>): ChainDataset<T> {
    return new ChainDataset<T>([this, other]);
  }
}

/** One sample of a dataset. */
export function itemOf<T>(dataset: DatasetLike<T>, index: number): T {
  return dataset instanceof Dataset ? dataset.getItem(index) : dataset[index]!;
}

/**
 * Tensors of the same length, indexed along their first dimension. `torch.utils.data.TensorDataset`.
 *
 * @example
 * const { TensorDataset } = torch.utils.data;
 * const dataset = new TensorDataset(torch.zeros(10, 3), torch.arange(10));
 * dataset.getItem(7)[1] // tensor(7)
 */
export class TensorDataset<T extends Tensor[] = Tensor[]> extends Dataset<T> {
  readonly tensors: T;
  constructor(...tensors: T) {
    super();
    if (tensors.some((t) => t.size(0) !== tensors[0]!.size(0))) {
      throw new ValueError("Size mismatch between tensors", `the first sizes are ${tensors.map((t) => t.size(0)).join(", ")}`);
    }
    this.tensors = tensors;
  }
  override get length(): number {
    return this.tensors[0]!.size(0);
  }
  override getItem(index: number): T {
    return this.tensors.map((t) => t.select(0, index)) as T;
  }
  /** One gather per tensor instead of a stack of samples. */
  override getBatch(indices: readonly number[]): Tensor[] {
    const n = this.length;
    const index = tensor(
      indices.map((i) => (i < 0 ? i + n : i)),
      { dtype: int64 },
    );
    return this.tensors.map((t) => indexSelect(t, 0, index));
  }
}

/**
 * One dataset after the other. `torch.utils.data.ConcatDataset`.
 *
 * @example
 * const { ConcatDataset } = torch.utils.data;
 * new ConcatDataset([["a", "b"], ["c"]]).getItem(2) // "c"
 */
export class ConcatDataset<T> extends Dataset<T> {
  readonly datasets: readonly DatasetLike<T>[];
  /** Where each dataset ends. */
  readonly cumulativeSizes: readonly number[];
  constructor(datasets: Iterable<DatasetLike<T>>) {
    super();
    this.datasets = [...datasets];
    if (this.datasets.length === 0) throw new ValueError("datasets should not be an empty iterable");
    if (this.datasets.some((d) => (d as unknown) instanceof IterableDataset)) {
      throw new ValueError("ConcatDataset does not support IterableDataset", "use ChainDataset");
    }
    let total = 0;
    this.cumulativeSizes = this.datasets.map((d) => {
      total += d.length;
      return total;
    });
  }
  override get length(): number {
    return this.cumulativeSizes[this.cumulativeSizes.length - 1]!;
  }
  override getItem(index: number): T {
    if (index < 0) {
      if (-index > this.length) throw new ValueError("absolute value of index should not exceed dataset length");
      index += this.length;
    }
    let low = 0;
    let high = this.cumulativeSizes.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.cumulativeSizes[middle]! > index) high = middle;
      else low = middle + 1;
    }
    return itemOf(this.datasets[low]!, low === 0 ? index : index - this.cumulativeSizes[low - 1]!);
  }
}

/**
 * One stream after the other. `torch.utils.data.ChainDataset`.
 *
 * @example
 * const { ChainDataset, IterableDataset } = torch.utils.data;
 * class Up extends IterableDataset<number> {
 *   override *[Symbol.iterator]() {
 *     yield* [1, 2];
 *   }
 * }
 * [...new ChainDataset([new Up(), new Up()])] // [1, 2, 1, 2]
 */
export class ChainDataset<T> extends IterableDataset<T> {
  readonly datasets: readonly IterableDataset<T>[];
  constructor(datasets: Iterable<IterableDataset<T>>) {
    super();
    this.datasets = [...datasets];
    if (this.datasets.some((d) => !(d instanceof IterableDataset))) {
      throw new ValueError("ChainDataset only supports IterableDataset", "use ConcatDataset for datasets with indices");
    }
  }
  override get length(): number {
    return this.datasets.reduce((total, d) => total + d.length, 0);
  }
  override *[Symbol.iterator](): Iterator<T> {
    for (const dataset of this.datasets) yield* dataset as Iterable<T>;
  }
  override async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (const dataset of this.datasets) {
      if (dataset[Symbol.asyncIterator] !== undefined) yield* dataset as AsyncIterable<T>;
      else yield* dataset as Iterable<T>;
    }
  }
}

/**
 * Some samples of a dataset. `torch.utils.data.Subset`.
 *
 * @example
 * const { Subset } = torch.utils.data;
 * new Subset(["a", "b", "c", "d"], [0, 2]).getItem(1) // "c"
 */
export class Subset<T> extends Dataset<T> {
  readonly dataset: DatasetLike<T>;
  readonly indices: readonly number[];
  constructor(dataset: DatasetLike<T>, indices: readonly number[]) {
    super();
    this.dataset = dataset;
    this.indices = indices;
    if (!(dataset instanceof Dataset)) return;
    if (dataset.getItems !== undefined) this.getItems = (list) => dataset.getItems!(this.within(list));
    if (dataset.getBatch !== undefined) this.getBatch = (list) => dataset.getBatch!(this.within(list));
  }
  override get length(): number {
    return this.indices.length;
  }
  override getItem(index: number): T {
    return itemOf(this.dataset, this.indices[index]!);
  }
  private within(list: readonly number[]): number[] {
    return list.map((i) => this.indices[i]!);
  }
}

keepClassNames({ Dataset, IterableDataset, TensorDataset, ConcatDataset, ChainDataset, Subset });
