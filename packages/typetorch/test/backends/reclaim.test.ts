/**
 * Large tensors that are dropped in a loop without a pause: their memory comes back, and nothing that somebody still holds is written over.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import torch from "../../src/index.ts";

const n = 4 << 20; // 16 MB of float32

test("tensors dropped in a synchronous loop do not pile up", () => {
  const x = torch.ones(n);
  for (let i = 0; i < 60; i++) x.add(i);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 300; i++) x.add(i);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 400e6, `resident memory grew by ${(grown / 1e6).toFixed(0)} MB over 300 tensors of 16 MB`);
});

test("what is still held keeps its elements: tensors, views, graphs and typed arrays", () => {
  const x = torch.zeros(n);
  const tensors: torch.Tensor[] = [];
  const views: torch.Tensor[] = [];
  const arrays: ArrayLike<number | bigint>[] = [];
  const w = torch.ones(1, { requiresGrad: true });
  const graphs: torch.Tensor[] = [];
  for (let i = 0; i < 160; i++) {
    const y = x.add(i);
    if (i % 20 === 0) tensors.push(y);
    if (i % 20 === 5) views.push(y.narrow(0, n - 2, 2));
    if (i % 20 === 10) arrays.push(y.data);
    if (i % 40 === 15) graphs.push(y.mul(w).sum());
  }
  tensors.forEach((y, k) => {
    assert.equal(y.at(0).item(), k * 20);
    assert.equal(y.at(n - 1).item(), k * 20);
  });
  views.forEach((y, k) => assert.deepEqual(y.toArray(), [k * 20 + 5, k * 20 + 5]));
  arrays.forEach((y, k) => assert.deepEqual([y[0], y[n - 1]], [k * 20 + 10, k * 20 + 10]));
  graphs.forEach((loss, k) => {
    w.grad = null;
    loss.backward();
    assert.ok(Math.abs(w.grad!.item() - n * (k * 40 + 15)) <= 1e-5 * n * 200);
  });
});

test("a tensor that takes over larger memory by resize_ keeps it", () => {
  const small = torch.ones(4);
  small.resize_(n);
  small.fill_(7);
  const x = torch.zeros(n);
  for (let i = 0; i < 120; i++) x.add(i);
  assert.equal(small.at(n - 1).item(), 7);
  assert.equal(small.sum().item(), 7 * n);
});
