/**
 * Files without files: bytes, Blobs, and object URLs. These run in pages too.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

/** Whether a tensor has the same elements, without a kernel that a page may have to wait for. */
function same(a: torch.Tensor | undefined, b: torch.Tensor): void {
  assert.ok(a !== undefined);
  assert.deepEqual(a.shape, b.shape);
  assert.deepEqual(a.tolist(), b.tolist());
}

test("a safetensors file in memory or in a Blob loads whole, by name and by slice", async () => {
  const x = torch.arange(12, { dtype: torch.float32 }).reshape(3, 4);
  const bytes = await torch.saveSafetensorsAsync({ x, flags: torch.tensor([true, false]) }, { metadata: { by: "test" } });
  assert.deepEqual(bytes, torch.saveSafetensors({ x, flags: torch.tensor([true, false]) }, { metadata: { by: "test" } }));
  for (const input of [bytes, bytes.slice().buffer, new Blob([bytes])]) {
    const loaded = await torch.loadSafetensorsAsync(input);
    same(loaded.get("x"), x);
    assert.deepEqual(loaded.get("flags")!.tolist(), [true, false]);
    assert.equal(loaded.metadata!.get("by"), "test");
    const file = await torch.openSafetensorsAsync(input);
    same(await file.getTensor("x"), x);
    same(await file.getSlice("x").at(":", "1:3"), x.at(":", "1:3"));
    await file.close();
  }
  same(torch.loadSafetensors(bytes).get("x"), x);
});

test("an object URL of a Blob loads like a server's file, with progress", async () => {
  const x = torch.arange(1000);
  const bytes = torch.saveSafetensors({ x });
  const url = URL.createObjectURL(new Blob([bytes]));
  try {
    const heard: number[] = [];
    const loaded = await torch.loadSafetensorsAsync(url, { progress: (done) => heard.push(done) });
    same(loaded.get("x"), x);
    assert.equal(heard.at(-1), bytes.length);
  } finally {
    URL.revokeObjectURL(url);
  }
});

test("NumPy's arrays and archives go through memory and Blobs", async () => {
  const x = torch.arange(6).reshape(2, 3);
  same(torch.loadNpy(torch.saveNpy(x.t())), x.t());
  same(await torch.loadNpyAsync(new Blob([await torch.saveNpyAsync(x)])), x);
  const archive = await torch.saveNpzAsync({ x, y: torch.ones(2) });
  same(torch.loadNpz(archive).get("x"), x);
  same((await torch.loadNpzAsync(new Blob([archive]))).get("y"), torch.ones(2));
});

test("a compressed archive of np.savez_compressed loads from a Blob", async () => {
  // np.savez_compressed(out, x=np.arange(4, dtype="<i4"))
  const base64 =
    "UEsDBBQAAAAIAAAAIQD+dB7UTgAAAJAAAAAFABQAeC5ucHkBABAAkAAAAAAAAABOAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaKuo6Cell9UUpSYF59flJIKEndLzClO" +
    "BYoXZyQWpAL5GiY6mjoKtQoUAC4GIGAEYiYgZgZiAFBLAQIUAxQAAAAIAAAAIQD+dB7UTgAAAJAAAAAFAAAAAAAAAAAAAACAAQAAAAB4Lm5weVBLBQYAAAAAAQABADMAAACFAAAAAAA=";
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const x = (await torch.loadNpzAsync(new Blob([bytes]))).get("x")!;
  assert.equal(x.dtype, torch.int32);
  assert.deepEqual(x.tolist(), [0, 1, 2, 3]);
});
