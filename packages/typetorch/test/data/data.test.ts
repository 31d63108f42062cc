import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BatchSampler,
  ChainDataset,
  ConcatDataset,
  DataLoader,
  Dataset,
  defaultCollate,
  defaultConvert,
  IterableDataset,
  RandomSampler,
  randomSplit,
  Sampler,
  SequentialSampler,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from "../../src/data/index.ts";
import { defaultGenerator, Generator } from "../../src/core/random.ts";
import { bool, float32, float64, int64, Tensor, tensor } from "../../src/torch.ts";
import { fixture } from "../fixtures/optimFixture.ts";

const items = Array.from({ length: 11 }, (_, i) => i);
const list = (x: unknown): unknown => (x instanceof Tensor ? x.toArray() : x);
/** The next two numbers of `torch.rand`. */
const rest = () => [0, 1].map(() => (defaultGenerator.random() & 0xffffff) * 2 ** -24);
const WEIGHTS = [0.1, 0, 3, 1, 0.5, 2, 0.3, 0.2, 0.9, 1.4, 0.01];

type Options = ConstructorParameters<typeof DataLoader<number>>[1];

const loaders: Record<string, () => Options> = {
  shuffle: () => ({ batchSize: 3, shuffle: true }),
  sequential: () => ({ batchSize: 4 }),
  dropLast: () => ({ batchSize: 4, shuffle: true, dropLast: true }),
  generator: () => ({ batchSize: 4, shuffle: true, generator: new Generator().manualSeed(3) }),
  unbatched: () => ({ batchSize: null, shuffle: true }),
  replacement: () => ({ batchSize: 16, sampler: new RandomSampler(items, { replacement: true, numSamples: 70 }) }),
  more: () => ({ batchSize: 5, sampler: new RandomSampler(items, { numSamples: 25 }) }),
  subset: () => ({ batchSize: 3, sampler: new SubsetRandomSampler([2, 4, 6, 8, 10]) }),
  weighted: () => ({ batchSize: 6, sampler: new WeightedRandomSampler(WEIGHTS, 12) }),
  weightedOnce: () => ({ batchSize: 6, sampler: new WeightedRandomSampler(WEIGHTS, 9, { replacement: false }) }),
};

for (const [name, options] of Object.entries(loaders)) {
  test(`DataLoader, ${name}: two passes in PyTorch's order, and the generator left where PyTorch leaves it`, () => {
    const expected = fixture.orders[name]!;
    defaultGenerator.manualSeed(7);
    const loader = new DataLoader<number>(items, options());
    const epochs = [0, 1].map(() => [...loader].map(list));
    assert.deepEqual(epochs, expected.epochs);
    assert.deepEqual(rest(), expected.rest);
    assert.equal(loader.length, expected.length);
  });
}

test("for await gives the same batches as for", async () => {
  defaultGenerator.manualSeed(7);
  const loader = new DataLoader<number>(items, { batchSize: 3, shuffle: true });
  const batches: unknown[] = [];
  for await (const batch of loader) batches.push(list(batch));
  assert.deepEqual(batches, fixture.orders.shuffle!.epochs![0]);
});

test("randomSplit makes PyTorch's parts", () => {
  defaultGenerator.manualSeed(5);
  assert.deepEqual(
    randomSplit(items, [7, 4]).map((s) => s.indices),
    fixture.orders.split!.parts,
  );
  assert.deepEqual(rest(), fixture.orders.split!.rest);
  const parts = randomSplit(items, [0.5, 0.3, 0.2], { generator: new Generator().manualSeed(42) });
  assert.deepEqual(
    parts.map((s) => s.indices),
    fixture.orders.fractions!.parts,
  );
  assert.throws(() => randomSplit(items, [7, 3]), /Sum of input lengths does not equal the length of the input dataset!/);
});

test("TensorDataset gathers a batch at once, with the result of stacking samples", () => {
  const x = tensor(Array.from({ length: 24 }, (_, i) => i)).view(8, 3);
  const y = tensor([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  const dataset = new TensorDataset(x, y);
  const gathered = [...new DataLoader(dataset, { batchSize: 3 })];
  const stacked = [...new DataLoader(dataset, { batchSize: 3, collateFn: (samples) => defaultCollate(samples) })];
  assert.deepEqual(
    gathered.map((batch) => batch.map(list)),
    stacked.map((batch) => batch.map(list)),
  );
  assert.equal(gathered[0]![1]!.dtype, int64);
  assert.deepEqual(
    gathered.map((batch) => batch[0]!.shape),
    [
      [3, 3],
      [3, 3],
      [2, 3],
    ],
  );
  const some = [...new DataLoader(new Subset(dataset, [6, 1, -4]), { batchSize: 2 })];
  assert.deepEqual(
    some.map((batch) => list(batch[1])),
    [[6, 1], [4]],
  );
  assert.deepEqual(list(dataset.getItem(2)[0]!), [6, 7, 8]);
  assert.throws(() => new TensorDataset(x, tensor([1])), /Size mismatch between tensors/);
});

test("datasets of one's own are read by index and collated", () => {
  class Squares extends Dataset<{ x: Tensor; square: number; name: string }> {
    override get length() {
      return 5;
    }
    override getItem(i: number) {
      return { x: tensor([i, -i]), square: i * i, name: `no ${i}` };
    }
  }
  const [first] = new DataLoader(new Squares(), { batchSize: 3 });
  assert.deepEqual(list(first!.x), [
    [0, -0],
    [1, -1],
    [2, -2],
  ]);
  assert.deepEqual(list(first!.square), [0, 1, 4]);
  assert.equal(first!.square.dtype, int64);
  assert.deepEqual(first!.name, ["no 0", "no 1", "no 2"]);
});

test("promises of samples are awaited by for await, and refused by for", async () => {
  class Slow extends Dataset<Promise<number>> {
    override get length() {
      return 4;
    }
    override async getItem(i: number) {
      return i * 10;
    }
  }
  const loader = new DataLoader(new Slow(), { batchSize: 3 });
  const batches: unknown[] = [];
  for await (const batch of loader) batches.push(list(batch));
  assert.deepEqual(batches, [[0, 10, 20], [30]]);
  assert.throws(() => [...loader], /for await/);
});

test("streams are batched as they come", async () => {
  class Count extends IterableDataset<number> {
    override *[Symbol.iterator]() {
      yield* [1, 2, 3, 4, 5];
    }
  }
  class Later extends IterableDataset<number> {
    override async *[Symbol.asyncIterator]() {
      yield* [6, 7, 8];
    }
  }
  assert.deepEqual([...new DataLoader(new Count(), { batchSize: 2 })].map(list), [[1, 2], [3, 4], [5]]);
  assert.deepEqual([...new DataLoader(new Count(), { batchSize: 2, dropLast: true })].map(list), [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual([...new DataLoader(new Count(), { batchSize: null })], [1, 2, 3, 4, 5]);
  const both: unknown[] = [];
  for await (const batch of new DataLoader(new ChainDataset([new Count(), new Later()]), { batchSize: 4 }))
    both.push(list(batch));
  assert.deepEqual(both, [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ]);
  assert.throws(() => [...new DataLoader(new Later(), { batchSize: 4 })], /for await/);
  assert.throws(() => new DataLoader(new Count()).length, /has no len\(\)/);
});

test("ConcatDataset counts through its datasets, from behind too", () => {
  const joined = new ConcatDataset([["a", "b"], ["c"], ["d", "e", "f"]]);
  assert.deepEqual(joined.cumulativeSizes, [2, 3, 6]);
  assert.deepEqual(
    [0, 1, 2, 3, 5, -1, -6].map((i) => joined.getItem(i)),
    ["a", "b", "c", "d", "f", "f", "a"],
  );
  assert.throws(() => joined.getItem(-7), /absolute value of index should not exceed dataset length/);
  assert.throws(() => new ConcatDataset([]), /datasets should not be an empty iterable/);
});

test("defaultCollate takes what PyTorch takes", () => {
  const [a, b] = defaultCollate([
    [0, 1.5],
    [2, 3],
  ]) as [Tensor, Tensor];
  assert.deepEqual([list(a), a.dtype, list(b), b.dtype], [[0, 2], int64, [1.5, 3], float64]);
  assert.equal(defaultCollate([true, false]).dtype, bool);
  assert.deepEqual(defaultCollate(["x", "y"]), ["x", "y"]);
  const typed = defaultCollate([new Float32Array([1, 2]), new Float32Array([3, 4])]);
  assert.deepEqual(
    [list(typed), typed.dtype],
    [
      [
        [1, 2],
        [3, 4],
      ],
      float32,
    ],
  );
  assert.deepEqual(
    list((defaultCollate([new Map([["k", 1]]), new Map([["k", 2]])]) as unknown as Map<string, Tensor>).get("k")),
    [1, 2],
  );
  assert.throws(() => defaultCollate([[1], [1, 2]]), /each element in list of batch should be of equal size/);
  assert.throws(
    () => defaultCollate([null]),
    /default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found null/,
  );
  assert.equal(defaultConvert("text"), "text");
  assert.deepEqual(list((defaultConvert([new Float64Array([2])]) as Tensor[])[0]), [2]);
});

test("samplers", () => {
  assert.deepEqual(
    [...new BatchSampler(new SequentialSampler(items), 4, false)],
    [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10],
    ],
  );
  assert.deepEqual(
    [...new BatchSampler(new SequentialSampler(items), 4, true)],
    [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ],
  );
  assert.equal(new BatchSampler(new SequentialSampler(items), 4, false).length, 3);
  assert.equal(new BatchSampler(new SequentialSampler(items), 4, true).length, 2);
  class Odd extends Sampler {
    override *[Symbol.iterator]() {
      yield* [1, 3, 5];
    }
  }
  assert.deepEqual([...new DataLoader<number>(items, { sampler: new Odd(), batchSize: 2 })].map(list), [[1, 3], [5]]);
  assert.deepEqual([...new DataLoader<number>(items, { batchSampler: [[0, 1], [7]] })].map(list), [[0, 1], [7]]);
});

test("options that exclude each other are refused in PyTorch's words", () => {
  class Count extends IterableDataset<number> {
    override *[Symbol.iterator]() {
      yield 1;
    }
  }
  const sampler = new SequentialSampler(items);
  const refused: [() => unknown, string][] = [
    [() => new DataLoader(items, { sampler, shuffle: true }), "sampler option is mutually exclusive with shuffle"],
    [
      () => new DataLoader(items, { batchSampler: [[1]], batchSize: 2 }),
      "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last",
    ],
    [
      () => new DataLoader(items, { batchSize: null, dropLast: true }),
      "batch_size=None option disables auto-batching and is mutually exclusive with drop_last",
    ],
    [() => new DataLoader(items, { batchSize: 0 }), "batch_size should be a positive integer value, but got batch_size=0"],
    [
      () => new DataLoader(items, { numWorkers: -1 }),
      "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.",
    ],
    [() => new DataLoader(items, { timeout: -1 }), "timeout option should be non-negative"],
    [() => new DataLoader(items, { persistentWorkers: true }), "persistent_workers option needs num_workers > 0"],
    [
      () => new DataLoader(new Count(), { shuffle: true }),
      "DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle=True",
    ],
    [() => new RandomSampler(items, { numSamples: 0 }), "num_samples should be a positive integer value, but got num_samples=0"],
    [() => new WeightedRandomSampler(tensor([[1, 2]]), 2), "weights should be a 1d sequence but given weights have shape (1, 2)"],
  ];
  for (const [attempt, message] of refused) {
    assert.throws(
      attempt,
      (error: Error) => error.message.split("\n")[0] === message || assert.fail(`${error.message} instead of ${message}`),
    );
  }
});
