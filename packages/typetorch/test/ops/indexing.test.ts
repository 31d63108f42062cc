import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

const x = torch.arange(24, { dtype: torch.float32 }).view(2, 3, 4);

test("integers, slices, ellipsis and null give views", () => {
  const part = x.at(1, "1:", null, "::2");
  assert.deepEqual(part.shape, [2, 1, 2]);
  assert.deepEqual(part.flatten().toArray(), [16, 18, 20, 22]);
  assert.equal(part.storage, x.storage);
  assert.deepEqual(x.at("...", -1).toArray(), [
    [3, 7, 11],
    [15, 19, 23],
  ]);
  assert.deepEqual(x.at(torch.slice(1), 0, torch.slice(1, 3)).toArray(), [[1, 2]]);
});

test("index tensors that are apart come first", () => {
  const index = torch.tensor([0n, 1n]);
  assert.deepEqual(x.at(index, ":", index).shape, [2, 3]);
  assert.deepEqual(x.at(":", index, [[0, 1]]).toArray(), [[[0, 5]], [[12, 17]]]);
});

test("a float tensor is refused as an index with the cure", () => {
  assert.throws(
    () => x.at(torch.tensor([0, 1])),
    /tensors used as indices must be long, byte or bool tensors\n {2}help: .*index\.long\(\)/,
  );
  assert.throws(() => x.at(5), /index 5 is out of bounds for dimension 0 with size 2/);
  assert.throws(() => x.at(0, 0, 0, 0), /too many indices for tensor of dimension 3/);
  assert.throws(() => x.at("::-1"), /step must be greater than zero/);
});

test("setAt writes through views, masks and index tensors, and keeps gradients", () => {
  const y = x.clone();
  y.setAt([0, ":", 1], torch.tensor([-1, -2, -3]));
  y.setAt([y.gt(20)], 0);
  y.setAt([torch.tensor([1n, 1n]), 0, [0, 1]], [100, 200]);
  assert.deepEqual(y.at(0, ":", 1).toArray(), [-1, -2, -3]);
  assert.equal(y.sum().item(), x.sum().item() - (1 + 5 + 9) - 6 - (21 + 22 + 23) - (12 + 13) + 300);
  const value = torch.tensor([2, 3], { requiresGrad: true });
  const z = torch.zeros(4).requiresGrad_().mul(1);
  z.setAt([torch.tensor([3n, 0n])], value);
  z.mul(torch.tensor([1, 2, 3, 4]))
    .sum()
    .backward();
  assert.deepEqual(value.grad!.toArray(), [4, 1]);
});

test("rows that occur several times are added as often", () => {
  const rows = 40;
  const index = torch.tensor(BigInt64Array.from({ length: 1000 }, (_, i) => BigInt((i * 7) % rows)));
  const source = torch.ones(1000, 33);
  const sums = torch.zeros(rows, 33).indexAdd(0, index, source, { alpha: 2 });
  assert.ok(sums.eq(50).all().item());
  const places = torch.zeros(rows).indexPut([index], torch.ones(1), { accumulate: true });
  assert.ok(places.eq(25).all().item());
});

test("gather and scatter leave alone what the index does not reach", () => {
  const wide = torch.arange(12, { dtype: torch.float32 }).view(3, 4);
  const index = torch.tensor([[2n, 0n]]);
  assert.deepEqual(wide.gather(0, index).toArray(), [[8, 1]]);
  assert.deepEqual(torch.zeros(3, 4).scatter(0, index, 1).sum(0).toArray(), [1, 1, 0, 0]);
  assert.throws(() => wide.gather(0, torch.tensor([[3n]])), /index 3 is out of bounds for dimension 0 with size 3/);
  assert.throws(() => wide.gather(0, torch.tensor([[-1n]])), /index -1 is out of bounds/);
});

test("an index that is changed before backward is noticed", () => {
  const y = torch.arange(4, { dtype: torch.float32 }).requiresGrad_();
  for (const read of [
    (index: torch.Tensor) => y.at(index),
    (index: torch.Tensor) => y.take(index),
    (index: torch.Tensor) => y.indexSelect(0, index),
    (index: torch.Tensor) => y.gather(0, index),
    (index: torch.Tensor) => y.mul(1).indexPut([index], torch.ones(2)),
  ]) {
    const index = torch.tensor([1n, 3n]);
    const out = read(index);
    index.fill_(100);
    assert.throws(() => out.sum().backward(), /modified by an inplace operation/);
  }
});
