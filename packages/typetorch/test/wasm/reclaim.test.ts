/**
 * The linear memory in loops that never yield: where a collection can be asked for, what was dropped comes back all the same.
 */
import "./onWasm.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyCache, typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { allocateTensor } from "../../src/backends/cpu/reclaim.ts";
import { wasm } from "../../src/backends/cpu/target.ts";
import { float32 } from "../../src/core/dtype.ts";
import { OutOfMemoryError } from "../../src/core/errors.ts";
import type { Storage } from "../../src/core/storage.ts";
import torch, { nn, optim } from "../../src/index.ts";
import { collectGarbage } from "../../src/platform/index.ts";

const linear = wasm!.linear;
const megabyte = 2 ** 20;

/** What is in use when everything that was dropped is taken back. */
function live(): number {
  emptyCache();
  collectGarbage();
  linear.sweep();
  return linear.usedBytes;
}

test("small storages dropped in a loop without a pause come back; one kept now and then costs little and stays as it is", () => {
  const before = live();
  const kept: Storage[] = [];
  for (let k = 0; k < 600_000; k++) {
    const s = allocateTensor(16 << 10); // 9.4 GiB in all
    if (k % 10_000 === 0) {
      (typedArrayOf(s, float32) as Float32Array).fill(k);
      kept.push(s);
    }
  }
  assert.ok(linear.usedBytes - before < linear.limit / 2, `${linear.usedBytes / megabyte} MiB in use`);
  kept.forEach((s, k) => {
    const array = typedArrayOf(s, float32);
    assert.ok(array[0] === k * 10_000 && array[array.length - 1] === k * 10_000);
  });
  assert.ok(live() - before < 60 * megabyte);
});

test("what a user reads stays: `data` and its subarrays after the tensor is gone", () => {
  const n = megabyte;
  const arrays: ArrayLike<number | bigint>[] = [];
  for (let k = 0; k < 1500; k++) {
    const keep = k % 100 === 0;
    const x = keep ? torch.full([n], k) : torch.empty(n); // 5.9 GiB in all
    if (keep) arrays.push(k % 200 === 0 ? x.data : x.data.subarray(5).subarray(5, 10));
  }
  arrays.forEach((a, k) => {
    assert.equal(a[0], k * 100);
    assert.equal(a[a.length - 1], k * 100);
  });
});

test("a training loop without a pause that keeps each loss stays flat", () => {
  torch.manualSeed(0);
  const model = new nn.Sequential(new nn.Linear(64, 128), new nn.ReLU(), new nn.Linear(128, 10));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  const x = torch.randn(512, 64);
  const y = torch.randint(0, 10, [512]);
  const losses: torch.Tensor[] = [];
  const before = live();
  const step = (): void => {
    optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(model.call(x) as torch.Tensor, y);
    loss.backward();
    optimizer.step();
    losses.push(loss.detach());
  };
  let peak = 0;
  for (let k = 0; k < 600; k++) {
    step();
    peak = Math.max(peak, linear.usedBytes);
  }
  assert.ok(peak - before < linear.limit / 4, `${(peak - before) / megabyte} MiB`);
  assert.ok(losses.at(-1)!.item() < losses[0]!.item());
  assert.ok(live() - before < 8 * megabyte, `${(live() - before) / megabyte} MiB stay`);
});

test("memory that ends is an error with advice, and what was there before still works", () => {
  const held: torch.Tensor[] = [];
  assert.throws(
    () => {
      for (;;) held.push(torch.empty(64 * megabyte));
    },
    (error) =>
      error instanceof OutOfMemoryError &&
      /tried to allocate 256\.0 MiB/.test(error.message) &&
      /help: hold fewer/.test(error.message),
  );
  assert.ok(held.length >= 12);
  held.length = 0;
  assert.equal(
    torch
      .ones(64 * megabyte)
      .sum()
      .item(),
    64 * megabyte,
  );
});
