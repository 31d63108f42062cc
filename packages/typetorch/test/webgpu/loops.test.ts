/**
 * Kernels written as loop nests, on the device and on the CPU: what runs in parallel, what is shared out by residues, what stays in one invocation.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/torch.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { webgpuQueue } from "../../src/backends/webgpu/device.ts";
import { hostKernelRuns } from "../../src/backends/webgpu/index.ts";

const F = torch.nn.functional;

/** Runs `f` on the CPU and on the device, and compares results and the gradients of the first tensor. The device reads nothing back on the way. */
function agree(f: (...x: Tensor[]) => Tensor, ...x: Tensor[]): void {
  const results = ["cpu", "webgpu"].map((device) => {
    const own = x.map((t, k) => {
      const moved = t.to(device).detach();
      return k === 0 && t.dtype.isFloatingPoint ? moved.requiresGrad_() : moved;
    });
    if (device === "webgpu") webgpuQueue().synchronize();
    const [readBacks, host] = [webgpuQueue().counters().readBacks, hostKernelRuns().size];
    const out = f(...own);
    const tensors = [out];
    if (out.requiresGrad) {
      const weights = torch.arange(out.numel(), { dtype: torch.float32 }).remainder(7).sub(3).reshape(out.shape).to(device);
      tensors.push(torch.autograd.grad([out.mul(weights).sum()], [own[0]!])[0]!);
    }
    assert.equal(webgpuQueue().counters().readBacks, readBacks, "read-backs");
    assert.equal(hostKernelRuns().size, host, `kernels on the host: ${[...hostKernelRuns().keys()]}`);
    return tensors.map((t) => t.cpu());
  });
  results[0]!.forEach((want, k) => {
    const got = results[1]![k]!;
    assert.deepEqual(got.shape, want.shape);
    const exact = !want.dtype.isFloatingPoint;
    assert.ok(
      exact ? torch.equal(got, want) : torch.allclose(got, want, { rtol: 1e-5, atol: 1e-6, equalNan: true }),
      `${k === 0 ? "result" : "gradient"}: ${got} is not ${want}`,
    );
  });
}

const generator = torch.manualSeed(5);
void generator;
const image = torch.randn(2, 3, 8, 9);

test("pooling", () => {
  agree((x) => F.maxPool2d(x, 2), image);
  agree((x) => F.maxPool2d(x, 3, { stride: 1 }), image);
  agree((x) => F.avgPool2d(x, 2), image);
  agree((x) => F.avgPool2d(x, 3, { stride: 2, padding: 1 }), image);
});

test("gathering and scattering, with positions that coincide", () => {
  const x = torch.randn(6, 50);
  const rows = torch.tensor([5n, 0n, 5n, 3n, 5n]);
  agree((t, i) => t.indexSelect(0, i), x, rows);
  agree((t, i) => torch.zeros([6, 50], { device: t.device }).indexAdd(0, i, t), torch.randn(5, 50), rows);
  const places = torch.randint(0, 50, [6, 40]);
  agree((t, i) => t.gather(1, i), x, places);
  agree((t, i) => torch.ones([6, 50], { device: t.device }).scatterAdd(1, i, t), torch.randn(6, 40), places);
  agree((t, i) => F.embedding(i, t), torch.randn(11, 4), torch.randint(0, 11, [7, 30]));
  const line = torch.randint(0, 300, [5000]);
  agree((t, i) => torch.zeros([300], { device: t.device }).indexAdd(0, i, t), torch.randn(5000), line);
  // the last one stays
  agree((t, i) => torch.zeros([6, 50], { device: t.device }).indexCopy(0, i, t), torch.randn(5, 50), rows);
});

test("scans and triangles", () => {
  const x = torch.randn(3, 20, 5);
  for (const dim of [0, 1, 2]) {
    agree((t) => t.cumsum(dim), x);
    agree((t) => t.cumsum(dim), x.mul(10).to(torch.int64));
    agree((t) => torch.cummax(t, dim).values, x);
  }
  agree((t) => t.cumsum(0), torch.randn(5000).mul(8).round());
  agree((t) => t.cumsum(1), torch.randint(-9, 9, [2, 2500, 3]));
  agree((t) => t.logcumsumexp(1), x);
  agree((t) => t.tril({ diagonal: 1 }), torch.randn(2, 6, 5));
  agree((t) => t.add(torch.arange(3, 23, { device: t.device, dtype: torch.float32 })), torch.randn(20));
});

test("long reductions are cut into blocks", () => {
  const x = torch.randn(70_001);
  agree((t) => t.sum(), x);
  agree((t) => t.max(), x.to(torch.float16).to(torch.float32));
  agree((t) => t.argmax(), x);
  agree((t) => t.sum(0), torch.randn(3000, 3).mul(4).round());
  agree((t) => t.var(0), torch.randn(900, 3));
  agree((t) => t.softmax(-1), torch.randn(3, 1500));
});

test("what takes more iterations than a driver grants gives the same results", () => {
  torch.manualSeed(1);
  const places = torch.randint(0, 37, [70_000]);
  assert.ok(torch.equal(places.to("webgpu").bincount().cpu(), places.bincount()));
  const x = torch.rand(3000); // each step takes quotients in double precision, digit by digit
  assert.ok(torch.allclose(x.to("webgpu").logcumsumexp(0).cpu(), x.logcumsumexp(0)));
});
