import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";
import { pickWeighted, resampleAlong } from "../../src/ops/nn/sample.ts";

/** The definition, element by element. */
function picked(x: torch.Tensor, weights: torch.Tensor, index: torch.Tensor): torch.Tensor {
  const [n, c] = x.shape as [number, number, number];
  const [, taps, places] = index.shape as [number, number, number];
  const terms = Array.from({ length: taps }, (_, k) => {
    const at = index.select(1, k).unsqueeze(1).expand([n, c, places]);
    return x.gather(2, at).mul(weights.select(1, k).unsqueeze(1));
  });
  return terms.reduce((a, b) => a.add(b));
}

test("weighted elements at given positions, and both gradients, for one sample and for several", () => {
  torch.manualSeed(0);
  for (const [n, c, s, taps, places] of [
    [1, 3, 50, 4, 37],
    [3, 2, 20, 1, 129],
    [2, 5, 1, 16, 3],
    [2, 600, 64, 2, 300],
  ] as const) {
    const x = torch.randn(n, c, s).requiresGrad_();
    const weights = torch.randn(n, taps, places).requiresGrad_();
    const index = torch.randint(0, s, [n, taps, places]);
    const ours = pickWeighted(x, weights, index);
    const theirs = picked(x, weights, index);
    assert.ok(torch.allclose(ours, theirs, 1e-5, 1e-5));
    const g = torch.randn(ours.shape as number[]);
    const a = torch.autograd.grad([ours], [x, weights], { gradOutputs: [g] }) as torch.Tensor[];
    const b = torch.autograd.grad([theirs], [x, weights], { gradOutputs: [g] }) as torch.Tensor[];
    assert.ok(torch.allclose(a[0]!, b[0]!, 1e-4, 1e-4));
    assert.ok(torch.allclose(a[1]!, b[1]!, 1e-4, 1e-3));
  }
});

test("second derivatives of weighted elements", () => {
  torch.manualSeed(1);
  const x = torch.randn(2, 3, 7, { dtype: torch.float64 }).requiresGrad_();
  const weights = torch.randn(2, 2, 5, { dtype: torch.float64 }).requiresGrad_();
  const index = torch.randint(0, 7, [2, 2, 5]);
  const f = (a: torch.Tensor, b: torch.Tensor) => pickWeighted(a, b, index);
  assert.ok(torch.autograd.gradcheck(f, [x, weights]));
  assert.ok(torch.autograd.gradgradcheck(f, [x, weights]));
});

test("resampling along any dimension, of strided and of empty tensors, and its gradient", () => {
  torch.manualSeed(2);
  const index = torch.randint(0, 6, [2, 9]);
  const weights = torch.randn(2, 9, { dtype: torch.float64 });
  for (const dim of [0, 1, 2]) {
    const shape = [3, 4, 5];
    shape[dim] = 6;
    for (const x of [
      torch.randn(shape, { dtype: torch.float64 }),
      torch.randn([...shape].reverse(), { dtype: torch.float64 }).permute(2, 1, 0),
    ]) {
      const y = resampleAlong(x, dim, index, weights);
      const view = [1, 1, 1];
      view[dim] = 9;
      const terms = [0, 1].map((k) => x.indexSelect(dim, index.select(0, k)).mul(weights.select(0, k).view(view)));
      assert.ok(torch.allclose(y, terms[0]!.add(terms[1]!)));
      const leaf = x.detach().clone().requiresGrad_();
      assert.ok(torch.autograd.gradcheck((a: torch.Tensor) => resampleAlong(a, dim, index, weights), [leaf]));
    }
  }
  assert.deepEqual(resampleAlong(torch.zeros(0, 6, { dtype: torch.float64 }), 1, index, weights).shape, [0, 9]);
});

test("interpolation of many rows, by all threads, is that of few", () => {
  torch.manualSeed(3);
  const F = torch.nn.functional;
  const x = torch.randn(8, 40, 30, 31);
  for (const mode of ["bilinear", "bicubic", "nearest"] as const) {
    const all = F.interpolate(x, { size: [47, 66], mode });
    const one = F.interpolate(x.narrow(0, 5, 1).narrow(1, 7, 1), { size: [47, 66], mode });
    assert.ok(torch.equal(all.narrow(0, 5, 1).narrow(1, 7, 1), one));
  }
});
