/**
 * Random numbers that the device draws itself.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostKernelRuns } from "../../src/backends/webgpu/index.ts";
import * as torch from "../../src/torch.ts";

const options = { device: "webgpu" };
const countersNow = () => {
  torch.empty(1, options); // opens the device
  return torch.webgpu.counters()!;
};
const near = (x: torch.Tensor, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(Number(x.cpu().item()) - expected) <= tolerance, `${what}: ${x.cpu().item()}, not ${expected}`);

test("distributions have their moments, and nothing runs on the host", () => {
  torch.manualSeed(7);
  torch.webgpu.synchronize();
  const before = countersNow();
  const n = 20_000;
  const u = torch.rand(n, options);
  const z = torch.randn(n, options);
  const e = torch.empty(n, options).exponential_(2);
  const b = torch.empty(n, options).bernoulli_(0.3);
  const k = torch.randint(-3, 5, [n], options);
  const v = torch
    .empty([n / 2, 2], options)
    .t()
    .uniform_(-1, 3); // strided
  assert.equal(countersNow().readBacks, before.readBacks);
  assert.equal(countersNow().uploads, before.uploads);
  assert.ok([...hostKernelRuns().keys()].every((name) => !name.startsWith("random")));
  near(u.mean(), 0.5, 0.01, "mean of uniform");
  near(u.var(), 1 / 12, 0.003, "variance of uniform");
  assert.ok(Number(u.min().item()) >= 0 && Number(u.max().item()) < 1);
  near(z.mean(), 0, 0.03, "mean of normal");
  near(z.std(), 1, 0.02, "deviation of normal");
  near(z.pow(4).mean(), 3, 0.25, "fourth moment of normal");
  near(z.at(":-1").mul(z.at("1:")).mean(), 0, 0.03, "correlation of neighbours");
  near(e.mean(), 0.5, 0.015, "mean of exponential");
  near(b.mean(), 0.3, 0.015, "mean of bernoulli");
  near(v.mean(), 1, 0.04, "mean of uniform_");
  const counts = new Array<number>(8).fill(0);
  for (const value of k.cpu().toArray() as number[]) counts[value + 3]!++;
  for (const count of counts) assert.ok(Math.abs(count - n / 8) < 250, `${counts}`);
});

test("a seed gives the same numbers again, and later ones differ", () => {
  torch.manualSeed(11);
  const first = torch.rand(100, options).cpu();
  const second = torch.rand(100, options).cpu();
  torch.manualSeed(11);
  assert.deepEqual(torch.rand(100, options).cpu().toArray(), first.toArray());
  assert.ok(!second.equal(first));
});

test("dropout draws its mask on the device", () => {
  torch.manualSeed(3);
  const x = torch.ones(10_000, options).requiresGrad_();
  torch.webgpu.synchronize();
  const before = countersNow();
  const y = torch.nn.functional.dropout(x, 0.25);
  y.sum().backward();
  const after = countersNow();
  assert.equal(after.readBacks, before.readBacks);
  assert.equal(after.uploads, before.uploads);
  near(y.mean(), 1, 0.03, "mean");
  assert.deepEqual(x.grad!.cpu().toArray(), y.cpu().toArray());
});

test("drawn on the host they are those of the CPU", () => {
  const before = torch.webgpu.drawOnHost(true);
  try {
    torch.manualSeed(0);
    const onDevice = torch.randn(50, options).cpu();
    torch.manualSeed(0);
    assert.deepEqual(onDevice.toArray(), torch.randn(50).toArray());
  } finally {
    torch.webgpu.drawOnHost(before);
  }
});
