/**
 * The linear memory: who holds what, and that it comes back.
 */
import "./onWasm.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { allocate, cachedMemory, emptyCache, release, typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { LinearMemory, pageBytes } from "../../src/backends/cpu/wasm/linear.ts";
import { float32 } from "../../src/core/dtype.ts";
import type { Storage } from "../../src/core/storage.ts";
import torch from "../../src/index.ts";
import { canShareMemory } from "../../src/platform/index.ts";

const megabyte = 2 ** 20;

test("storages lie in the linear memory, aligned, without overlap", () => {
  const kept: Storage[] = [];
  for (let k = 0; k < 600; k++) kept.push(allocate([1, 16, 40, 64, 100, 4097, 65537, 1e6, 3e6][k % 9]!));
  for (const [k, s] of kept.entries()) {
    assert.equal(s.kind, "wasm");
    assert.equal(s.address, s.byteOffset);
    assert.equal(s.address % (s.nbytes >= 64 ? 64 : 16), 0);
    new Uint8Array(s.buffer, s.byteOffset, s.nbytes).fill(k);
  }
  for (const [k, s] of kept.entries()) {
    const bytes = new Uint8Array(s.buffer, s.byteOffset, s.nbytes);
    assert.ok(bytes[0] === (k & 255) && bytes[s.nbytes - 1] === (k & 255) && bytes[s.nbytes >> 1] === (k & 255));
  }
});

test("behind every region there is room for a vector that is read beyond its end, also where the memory ends for now", () => {
  const fresh = new LinearMemory({ shared: canShareMemory(), limit: 256 * megabyte });
  const { region } = fresh.take(fresh.buffer.byteLength - pageBytes)!; // all that the memory has at first
  assert.ok(region.address + region.nbytes + 64 <= fresh.buffer.byteLength);
});

test("released memory is used again at once, also by a size of its class", () => {
  for (const nbytes of [4, 700, 65536, megabyte, 3_000_000]) {
    const old = allocate(nbytes);
    const { address } = old;
    release(old);
    const fresh = allocate(nbytes - 1);
    assert.equal(fresh.address, address);
    assert.equal(typedArrayOf(fresh, float32).length, Math.floor((nbytes - 1) / 4));
    release(fresh);
  }
  emptyCache();
  assert.equal(cachedMemory(), 0);
});

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

test("tensors dropped in a loop that yields a turn now and then come back, and what a user reads stays", async () => {
  const n = 2 ** 20;
  const arrays: ArrayLike<number | bigint>[] = [];
  for (let k = 0; k < 2000; k++) {
    const keep = k % 100 === 0;
    const x = keep ? torch.full([n], k) : torch.empty(n); // 7.8 GiB in all
    if (keep) arrays.push(k % 200 === 0 ? x.data : x.data.subarray(5).subarray(5, 10));
    if (k % 10 === 0) await turn();
  }
  arrays.forEach((a, k) => {
    assert.equal(a[0], k * 100);
    assert.equal(a[a.length - 1], k * 100);
  });
});
