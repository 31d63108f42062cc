import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

test("max along a dimension is a pair with names", () => {
  const x = torch.tensor([
    [1, 5, 5],
    [4, Number.NaN, 2],
  ]);
  const result = x.max(1);
  const [values, indices] = result;
  assert.deepEqual(values.toArray(), [5, Number.NaN]);
  assert.deepEqual(indices.toArray(), [1, 1]);
  assert.equal(result.values, values);
  assert.equal(result.indices, indices);
  assert.equal(result.length, 2);
  assert.match(String(result), /^torch\.return_types\.max\(\nvalues=tensor\(\[5\., +nan\]\),\nindices=tensor\(\[1, 1\]\)\)$/);
});

test("out of a pair is resized and checked", () => {
  const x = torch.tensor([[3, 1, 2]]);
  const values = torch.empty(0);
  const indices = torch.empty(0, { dtype: torch.int64 });
  torch.median(x, 1, { out: [values, indices] });
  assert.deepEqual(values.toArray(), [2]);
  assert.deepEqual(indices.toArray(), [2]);
  assert.throws(
    () => torch.max(x, 1, { out: [values, values] }),
    /Expected out tensor to have dtype long int, but got float instead/,
  );
});

test("which of equal elements is found is PyTorch's choice", () => {
  const x = torch.tensor([3, 1, 2, 2, 3, 2, 2]);
  assert.equal(torch.median(x, 0).indices.item(), 5);
  assert.equal(torch.kthvalue(x, 3).indices.item(), 5);
  assert.equal(torch.mode(x).indices.item(), 6);
});

test("scans of long rows agree with their definition in both directions", () => {
  const n = 1000;
  const x = torch.arange(n, { dtype: torch.float64 }).add(1);
  assert.equal(x.cumsum(0).data[n - 1], (n * (n + 1)) / 2);
  const y = torch.ones(n, { dtype: torch.float64, requiresGrad: true });
  y.cumsum(0).sum().backward();
  assert.deepEqual(
    y.grad!.toArray(),
    Array.from({ length: n }, (_, i) => n - i),
  );
});

test("an empty reduction says which dimension", () => {
  assert.throws(() => torch.zeros(2, 0).max(1), /max\(\): Expected reduction dim 1 to have non-zero size\./);
  assert.throws(() => torch.zeros(0).argmax(), /argmax\(\): Expected reduction dim to be specified for input\.numel\(\) == 0\./);
});
