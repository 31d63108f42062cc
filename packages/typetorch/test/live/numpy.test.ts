/**
 * .npy and .npz both ways through the NumPy that is installed: random tensors written here are loaded there, changed and written back. Run by the lane
 * "files, PyTorch live", which sets PYTHON.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as torch from "../../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "typetorch-live-numpy-"));
after(() => rmSync(folder, { recursive: true }));

function python(script: string): void {
  writeFileSync(join(folder, "script.py"), script);
  const { status, stderr } = spawnSync(process.env.PYTHON ?? "python3", ["script.py"], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const floating = [torch.float16, torch.float32, torch.float64];
const integral = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64];

function randomTensors(): Map<string, torch.Tensor> {
  torch.manualSeed(seed);
  const out = new Map<string, torch.Tensor>();
  for (const shape of [[], [0], [1], [7], [3, 5], [2, 0, 3], [2, 3, 4]]) {
    for (const dtype of floating) out.set(`${dtype.name} ${shape.join("x")}`, torch.randn(shape).mul(100).to(dtype));
    for (const dtype of integral) out.set(`${dtype.name} ${shape.join("x")}`, torch.randint(0, 100, shape).to(dtype));
    out.set(`bool ${shape.join("x")}`, torch.rand(shape).lt(0.5));
  }
  for (const [name, x] of [...out]) if (x.ndim === 2) out.set(`${name} transposed`, x.t());
  return out;
}

for (const compressed of [false, true]) {
  test(`tensors of every dtype and layout reach NumPy and come back${compressed ? ", compressed" : ""} (SEED=${seed})`, () => {
    const tensors = randomTensors();
    torch.saveNpz(tensors, join(folder, "here.npz"), { compressed });
    torch.saveNpy([...tensors.values()].at(-1)!, join(folder, "here.npy"));
    python(`
import numpy as np
here = np.load("here.npz")
for name in here.files:
    x = here[name]
    words = name.split(" ")
    assert x.dtype.name == words[0], (name, x.dtype)
    shape = tuple(int(n) for n in words[1].split("x") if n)
    assert x.shape == (shape[::-1] if "transposed" in words else shape), (name, x.shape)
    assert not ("transposed" in words and x.size > 1 and min(x.shape) > 1) or x.flags["F_CONTIGUOUS"], name
np.${compressed ? "savez_compressed" : "savez"}("there.npz", **{name: here[name] for name in here.files})
np.savez("doubled.npz", **{name: here[name] + here[name] for name in here.files if here[name].dtype.kind == "f"})
np.save("there.npy", np.load("here.npy"))
for kind in "<>":
    for size in (2, 4, 8):
        np.save(f"order{'big' if kind == '>' else 'little'}{size}.npy", np.arange(-3, 4).astype(f"{kind}i{size}"))
`);
    const back = torch.loadNpz(join(folder, "there.npz"));
    assert.deepEqual([...back.keys()], [...tensors.keys()]);
    for (const [name, x] of tensors) {
      assert.equal(back.get(name)!.dtype, x.dtype);
      assert.ok(torch.equal(back.get(name)!, x), name);
    }
    for (const [name, x] of torch.loadNpz(join(folder, "doubled.npz")))
      assert.ok(torch.equal(x, tensors.get(name)!.add(tensors.get(name)!)), name);
    assert.ok(torch.equal(torch.loadNpy(join(folder, "there.npy")), [...tensors.values()].at(-1)!));
    for (const [size, dtype] of [
      [2, torch.int16],
      [4, torch.int32],
      [8, torch.int64],
    ] as const) {
      for (const order of ["big", "little"]) {
        const x = torch.loadNpy(join(folder, `order${order}${size}.npy`));
        assert.equal(x.dtype, dtype);
        assert.deepEqual(x.tolist(), [-3, -2, -1, 0, 1, 2, 3]);
      }
    }
  });
}
