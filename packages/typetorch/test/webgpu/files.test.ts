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

test("a checkpoint loads onto the device: all of it, by name, by function; what shares memory shares it there", async () => {
  const base = torch.arange(12, { dtype: torch.float32 }).reshape(3, 4);
  const weight = new torch.nn.Parameter(torch.ones(2, 3));
  const bytes = torch.save({
    base,
    row: base.select(0, 1),
    t: base.t(),
    nested: [weight, { n: torch.tensor([1, 2]).to(torch.int64) }],
  });
  for (const mapLocation of ["webgpu", { cpu: "webgpu" }, new Map([["cpu", torch.device("webgpu")]]), () => "webgpu:0"]) {
    const loaded = await torch.loadAsync<Map<string, never>>(bytes, { mapLocation });
    const [x, row, t] = ["base", "row", "t"].map((name) => loaded.get(name)! as torch.Tensor);
    assert.ok([x!, row!, t!].every((y) => y.device.type === "webgpu"));
    assert.ok(x!.storage === row!.storage && x!.storage === t!.storage);
    x!.add_(10);
    assert.deepEqual(await row!.toArrayAsync(), [14, 15, 16, 17]);
    assert.deepEqual(await t!.select(0, 0).toArrayAsync(), [10, 14, 18]);
    const [parameter, { n }] = [
      loaded.get("nested")![0] as torch.nn.Parameter,
      { n: (loaded.get("nested")![1] as Map<string, torch.Tensor>).get("n")! },
    ];
    assert.ok(
      parameter instanceof torch.nn.Parameter && parameter.requiresGrad && parameter.isLeaf && parameter.device.type === "webgpu",
    );
    parameter.mul(2).sum().backward();
    assert.deepEqual(await parameter.grad!.toArrayAsync(), [[2, 2, 2], [2, 2, 2]]); // biome-ignore format: short
    assert.deepEqual(await n.toArrayAsync(), [1, 2]);
  }
  assert.equal(torch.load(bytes, { mapLocation: { "cuda:0": "webgpu" } }).get("base")!.device.type, "cpu");
  const doubles = torch.save({ x: torch.ones(2, { dtype: torch.float64 }) });
  assert.throws(() => torch.load(doubles, { mapLocation: "webgpu" }), torch.DeviceError);
});

test("saveAsync reads back without blocking, and shared memory stays shared", async () => {
  const x = torch.arange(6, { dtype: torch.float32 }).reshape(2, 3).to("webgpu").mul(2);
  const file = await torch.saveAsync({ x, t: x.t() });
  const loaded = torch.load(file);
  assert.deepEqual(loaded.get("x")!.toArray(), [[0, 2, 4], [6, 8, 10]]); // biome-ignore format: short
  assert.equal(loaded.get("x")!.storage, loaded.get("t")!.storage);
  assert.deepEqual(torch.save({ x, t: x.t() }), file);
});
