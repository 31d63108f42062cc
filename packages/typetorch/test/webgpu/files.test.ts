/**
 * Tensors of the device to files, and files to the device.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

test("tensors of the device are written like those of the CPU, at once and later", async () => {
  const x = torch.arange(12, { dtype: torch.float32 }).reshape(3, 4);
  const remote = x.to("webgpu");
  const there = { x: remote, t: remote.t(), sum: remote.add(1) };
  const here = { x, t: x.t(), sum: x.add(1) };
  assert.throws(() => torch.saveSafetensors(there), /share memory/);
  const { t: _, ...own } = there;
  assert.deepEqual(torch.saveSafetensors(own), torch.saveSafetensors({ x: here.x, sum: here.sum }));
  assert.deepEqual(await torch.saveSafetensorsAsync(own), torch.saveSafetensors({ x: here.x, sum: here.sum }));
  assert.deepEqual(torch.saveNpz(there), torch.saveNpz(here));
  assert.deepEqual(await torch.saveNpzAsync(there), torch.saveNpz(here));
  assert.deepEqual(await torch.saveNpyAsync(there.t), torch.saveNpy(here.t));
});

test("a safetensors file loads onto the device", async () => {
  const bytes = torch.saveSafetensors({ x: torch.arange(6).reshape(2, 3), y: torch.ones(2) });
  const loaded = torch.loadSafetensors(bytes, { device: "webgpu" });
  assert.equal(loaded.get("y")!.device.type, "webgpu");
  assert.deepEqual(await loaded.get("y")!.add(1).toArrayAsync(), [2, 2]);
  const file = await torch.openSafetensorsAsync(bytes, { device: "webgpu" });
  const row = await file.getSlice("x").at(1);
  assert.equal(row.device.type, "webgpu");
  assert.deepEqual(await row.toArrayAsync(), [3, 4, 5]);
});
