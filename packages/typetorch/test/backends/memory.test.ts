import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { allocate, cachedMemory, emptyCache, release, setCacheLimit, typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { dtypes, float32, float64, int64 } from "../../src/core/dtype.ts";
import type { Storage } from "../../src/core/storage.ts";
import { openNative } from "../../src/platform/index.ts";

const native = openNative();

function assertOwnsItsBytes(storage: Storage): void {
  assert.ok(storage.byteOffset + storage.nbytes <= storage.buffer.byteLength);
  if (native === null) assert.equal(storage.address, 0);
  else assert.equal(storage.address, native.addressOf(storage.buffer) + storage.byteOffset);
}

const sizes = [
  1,
  4,
  15,
  16,
  17,
  63,
  64,
  65,
  100,
  129,
  1000,
  4095,
  4097,
  49153,
  65535,
  65536,
  65537,
  73728,
  73729,
  131072,
  131073,
  1e6,
  2 ** 24 + 1,
];

test("allocate(nbytes) gives that many bytes, aligned to 64 from 64 bytes on, at the stated address", () => {
  for (const nbytes of sizes) {
    for (let k = 0; k < 70; k++) {
      const storage = allocate(nbytes);
      assert.equal(storage.nbytes, nbytes);
      assertOwnsItsBytes(storage);
      if (native !== null) assert.equal(storage.address % (nbytes >= 64 ? 64 : 16), 0);
    }
  }
});

test("storages do not overlap", () => {
  const kept: Storage[] = [];
  for (let k = 0; k < 500; k++) kept.push(allocate(sizes[k % (sizes.length - 3)]!));
  for (const [k, storage] of kept.entries()) new Uint8Array(storage.buffer, storage.byteOffset, storage.nbytes).fill(k);
  kept.forEach((storage, k) => {
    const bytes = new Uint8Array(storage.buffer, storage.byteOffset, storage.nbytes);
    assert.ok(bytes.every((byte) => byte === (k & 255)));
  });
});

test("allocate(0) works, and so does its release", () => {
  const storage = allocate(0);
  assert.equal(storage.nbytes, 0);
  assert.equal(typedArrayOf(storage, float32).length, 0);
  release(storage);
});

test("released memory is used again and the old storage finds nothing", () => {
  for (const nbytes of [4, 700, 65536, 1 << 20, 3_000_000]) {
    const old = allocate(nbytes);
    const { buffer, byteOffset, address } = old;
    release(old);
    assert.ok(old.released);
    const fresh = allocate(nbytes);
    assert.equal(fresh.buffer, buffer);
    assert.equal(fresh.byteOffset, byteOffset);
    assert.equal(fresh.address, address);
    assert.equal(fresh.released, false);
    assert.equal(old.buffer.byteLength, 0);
    assert.throws(() => release(old), /released before/);
    release(fresh);
  }
  emptyCache();
  assert.equal(cachedMemory(), 0);
});

test("released memory goes to a storage of another size in its class, with views of its own length", () => {
  const old = allocate(1_000_000);
  assert.equal(typedArrayOf(old, float32).length, 250_000);
  release(old);
  const fresh = allocate(1_000_008);
  assertOwnsItsBytes(fresh);
  assert.equal(typedArrayOf(fresh, float32).length, 250_002);
});

test("a buffer that the user transferred away is not used again", () => {
  const storage = allocate(100_000);
  structuredClone(storage.buffer, { transfer: [storage.buffer] });
  const before = cachedMemory();
  release(storage);
  assert.equal(cachedMemory(), before);
});

test("the cache is bounded, and sizes that no longer occur make room", () => {
  emptyCache();
  const before = setCacheLimit(10 * 2 ** 20);
  const stale = Array.from({ length: 20 }, () => allocate(2 ** 20));
  for (const storage of stale) release(storage);
  assert.ok(cachedMemory() <= 10 * 2 ** 20);
  for (let step = 0; step < 3; step++) {
    const storage = allocate(8 * 2 ** 20);
    release(storage);
  }
  const storage = allocate(8 * 2 ** 20);
  const { buffer } = storage;
  release(storage);
  const again = allocate(8 * 2 ** 20);
  assert.equal(again.buffer, buffer);
  setCacheLimit(before);
});

test("typedArrayOf spans the storage in each dtype and is made once", () => {
  const storage = allocate(44);
  for (const dtype of dtypes) {
    const view = typedArrayOf(storage, dtype);
    assert.ok(view instanceof dtype.Array);
    assert.equal(view.length, Math.floor(44 / view.BYTES_PER_ELEMENT)); // of complex dtypes the parts
    assert.equal(view.byteOffset, storage.byteOffset);
    assert.equal(typedArrayOf(storage, dtype), view);
  }
  (typedArrayOf(storage, float64) as Float64Array)[1] = 1;
  assert.equal((typedArrayOf(storage, int64) as BigInt64Array)[1], 0x3ff0000000000000n);
});

/** Runs a script in a process of its own and gives the number that it prints. */
function measured(script: string): number {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const prelude = `
    const { allocate, release, typedArrayOf } = await import(${url("../../src/backends/cpu/memory.js")});
    const { float32 } = await import(${url("../../src/core/dtype.js")});
    const megabytes = () => process.memoryUsage().rss / 2 ** 20;
    const touch = (storage) => { const a = typedArrayOf(storage, float32); for (let i = 0; i < a.length; i += 1024) a[i] = 1; };
    let peak = 0;
    const before = megabytes();`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", prelude + script], { encoding: "utf8" });
  assert.equal(child.status, 0, child.stderr);
  return Number(child.stdout);
}

test("dropped storages of 1 MB are freed: resident memory stays flat over 10,000 of them", () => {
  const grown = measured(
    "for (let i = 0; i < 10000; i++) { touch(allocate(2 ** 20)); if (i % 100 === 0) peak = Math.max(peak, megabytes()); } console.log(peak - before);",
  );
  assert.ok(grown < 250, `grew by ${grown} MB`);
});

test("dropped storages of 64 MB are freed: resident memory stays flat over 600 of them", () => {
  const grown = measured(
    "for (let i = 0; i < 600; i++) { touch(allocate(64 * 2 ** 20)); if (i % 10 === 0) peak = Math.max(peak, megabytes()); } console.log(peak - before);",
  );
  assert.ok(grown < 1200, `grew by ${grown} MB`);
});

test("10,000 scalars kept among dropped neighbours of all sizes cost little", () => {
  const grown = measured(`
    const kept = [];
    for (let i = 0; i < 10000; i++) {
      for (let k = 0; k < 40; k++) { allocate(4); allocate(40); allocate(700); allocate(4096); }
      const scalar = allocate(4);
      typedArrayOf(scalar, float32)[0] = i;
      kept.push(scalar);
    }
    const sum = kept.reduce((s, x) => s + typedArrayOf(x, float32)[0], 0);
    if (sum !== 49995000) throw new Error("a kept scalar changed");
    console.log(megabytes() - before);`);
  assert.ok(grown < 80, `grew by ${grown} MB`);
});

test("released storages make a loop of large temporaries run in one buffer", () => {
  const grown = measured(
    "for (let i = 0; i < 1000; i++) { const s = allocate(64 * 2 ** 20); touch(s); release(s); peak = Math.max(peak, megabytes()); } console.log(peak - before);",
  );
  assert.ok(grown < 80, `grew by ${grown} MB`);
});
