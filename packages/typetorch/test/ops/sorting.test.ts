import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

test("sorting is stable, NaN is the largest and both zeros are equal", () => {
  for (const dtype of [torch.float32, torch.float64, torch.float16, torch.bfloat16]) {
    const x = torch.tensor([2, Number.NaN, 0, -0, -1, Number.NEGATIVE_INFINITY, 2]).to(dtype);
    assert.deepEqual(x.sort().indices.toArray(), [5, 4, 2, 3, 0, 6, 1], String(dtype));
    assert.deepEqual(x.sort({ descending: true }).indices.toArray(), [1, 0, 6, 2, 3, 4, 5], String(dtype));
  }
});

test("long rows of every dtype agree with JavaScript's sort", () => {
  const n = 5000;
  const values = Float64Array.from({ length: n }, (_, i) => ((i * 7919) % 251) - 125);
  for (const dtype of [torch.float32, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.float16]) {
    const expected = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || a - b);
    const sorted = torch.tensor(values).to(dtype).sort();
    assert.deepEqual(sorted.indices.toArray(), expected, String(dtype));
    assert.deepEqual(
      sorted.values.toArray(),
      expected.map((i) => values[i]),
    );
  }
});

test("sort along the first dimension has the gradient of its permutation", () => {
  const x = torch.tensor(
    [
      [3, 1],
      [2, 5],
    ],
    { requiresGrad: true },
  );
  x.sort(0)
    .values.mul(
      torch.tensor([
        [1, 2],
        [3, 4],
      ]),
    )
    .sum()
    .backward();
  assert.deepEqual(x.grad!.toArray(), [
    [3, 2],
    [1, 4],
  ]);
});

test("unique gives inverse and counts", () => {
  const x = torch.tensor([
    [1n, 2n],
    [0n, 1n],
    [1n, 2n],
  ]);
  const [values, inverse, counts] = torch.unique(x, { returnInverse: true, returnCounts: true, dim: 0 }) as torch.Tensor[];
  assert.deepEqual(values!.toArray(), [
    [0, 1],
    [1, 2],
  ]);
  assert.deepEqual(inverse!.toArray(), [1, 0, 1]);
  assert.deepEqual(counts!.toArray(), [1, 2]);
});

test("a median of many elements", () => {
  const n = 4001;
  const x = torch.tensor(Float64Array.from({ length: n }, (_, i) => (i * 1237) % n));
  assert.equal(x.median().item(), 2000);
  assert.equal(x.float().median().item(), 2000);
  assert.equal(x.long().neg().median().item(), -2000);
  assert.equal(x.quantile(0.25).item(), 1000);
});

test("unique counts integers of a narrow range, and sorts others, to the same result", () => {
  torch.manualSeed(3);
  const narrow = torch.randint(-5, 7, [500]);
  for (const dtype of [torch.int64, torch.int32, torch.int8]) {
    const x = narrow.to(dtype);
    const [values, inverse, counts] = x.unique({ returnInverse: true, returnCounts: true }) as [
      torch.Tensor,
      torch.Tensor,
      torch.Tensor,
    ];
    assert.equal(values.dtype, dtype);
    assert.deepEqual(
      values.tolist(),
      [...new Set(x.tolist<number[]>())].sort((a, b) => a - b),
    );
    assert.deepEqual(values.indexSelect(0, inverse).tolist(), x.tolist());
    assert.deepEqual(
      counts.tolist(),
      values.tolist<number[]>().map((v) => x.eq(v).sum().item()),
    );
  }
  const wide = torch.tensor([2n ** 40n, -3n, 2n ** 40n, 7n]);
  assert.deepEqual((wide.unique() as torch.Tensor).tolist(), [-3, 7, 2 ** 40]);
});
