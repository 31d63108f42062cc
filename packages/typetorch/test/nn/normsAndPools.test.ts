import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;
const { gradcheck, gradgradcheck } = torch.autograd;
const double = { dtype: torch.float64 };

test("group_norm, with and without weight and bias, of strided input, and its derivatives", () => {
  torch.manualSeed(0);
  const x = torch.randn(2, 6, 5, 3, double).permute(0, 1, 3, 2).requiresGrad_();
  const weight = torch.randn(6, double).requiresGrad_();
  const bias = torch.randn(6, double).requiresGrad_();
  const plain = x.reshape(2, 3, -1);
  const mean = plain.mean(2, true);
  const normal = plain.sub(mean).div(plain.sub(mean).square().mean(2, true).add(1e-5).sqrt()).view(x.shape);
  assert.ok(torch.allclose(F.groupNorm(x, 3), normal));
  const scaled = normal.mul(weight.view(1, 6, 1, 1)).add(bias.view(1, 6, 1, 1));
  assert.ok(torch.allclose(F.groupNorm(x, 3, { weight, bias }), scaled));
  const f = (a: torch.Tensor, w: torch.Tensor, b: torch.Tensor) => F.groupNorm(a, 3, { weight: w, bias: b });
  const leaf = x.detach().requiresGrad_();
  assert.ok(gradcheck(f, [leaf, weight, bias]));
  assert.ok(gradgradcheck(f, [leaf, weight, bias]));
  const large = torch.randn(8, 32, 20, 21).requiresGrad_(); // for all threads
  const parts = F.groupNorm(large.narrow(0, 3, 1), 4);
  assert.ok(torch.equal(F.groupNorm(large, 4).narrow(0, 3, 1), parts));
});

test("maxima of windows are the same whether their places are wanted or not", () => {
  torch.manualSeed(1);
  for (const options of [{}, { stride: 2, padding: 1 }, { stride: 1, dilation: 2 }, { stride: 2, ceilMode: true }]) {
    const x = torch.randn(3, 5, 19, 22);
    x.setAt([1, 2, 3, 4], Number.NaN);
    const alone = F.maxPool2d(x, 3, options);
    const [both, places] = F.maxPool2d(x, 3, { ...options, returnIndices: true });
    assert.ok(torch.allclose(alone, both, { rtol: 0, atol: 0, equalNan: true }));
    const taken = x
      .reshape(3, 5, -1)
      .gather(2, places.reshape(3, 5, -1))
      .view(both.shape);
    assert.ok(torch.allclose(taken, both, { rtol: 0, atol: 0, equalNan: true }));
  }
  const integers = torch.randint(-50, 50, [1, 2, 9, 9]);
  assert.ok(torch.equal(F.maxPool2d(integers, 3), F.maxPool2d(integers, 3, { returnIndices: true })[0]));
});

test("gradients of pooling windows that lie side by side, overlap, or leave a rest", () => {
  torch.manualSeed(2);
  const x = torch.randn(2, 2, 8, 12, double).requiresGrad_();
  for (const f of [
    (a: torch.Tensor) => F.avgPool2d(a, [4, 3]),
    (a: torch.Tensor) => F.avgPool2d(a, 3, { stride: 2, padding: 1 }),
    (a: torch.Tensor) => F.avgPool2d(a, 5),
    (a: torch.Tensor) => F.adaptiveAvgPool2d(a, 1),
    (a: torch.Tensor) => F.adaptiveAvgPool2d(a, [4, 5]),
    (a: torch.Tensor) => F.adaptiveMaxPool2d(a, [2, 4]) as torch.Tensor,
    (a: torch.Tensor) => F.maxPool2d(a, 3, { stride: 2, padding: 1 }),
  ]) {
    assert.ok(gradcheck(f, [x]));
  }
  const line = torch.randn(2, 3, 12, double).requiresGrad_();
  assert.ok(gradcheck((a: torch.Tensor) => F.avgPool1d(a, 4), [line]));
  const volume = torch.randn(1, 2, 4, 4, 6, double).requiresGrad_();
  assert.ok(gradcheck((a: torch.Tensor) => F.avgPool3d(a, 2), [volume]));
});

test("adaptive maxima and their places, where windows are equal and where not", () => {
  torch.manualSeed(3);
  const x = torch.randn(2, 3, 12, 10);
  for (const size of [4, [3, 5], [5, 7], 1] as const) {
    const [y, places] = F.adaptiveMaxPool2d(x, size as number, { returnIndices: true }) as [torch.Tensor, torch.Tensor];
    const taken = x
      .reshape(2, 3, -1)
      .gather(2, places.reshape(2, 3, -1))
      .view(y.shape);
    assert.ok(torch.equal(taken, y));
    assert.ok(torch.equal(F.adaptiveMaxPool2d(x, size as number) as torch.Tensor, y));
  }
});

test("pdist is the upper triangle of cdist, and its derivatives", () => {
  torch.manualSeed(4);
  const x = torch.randn(5, 3, double).requiresGrad_();
  for (const p of [1, 2, 3, Infinity]) {
    const [rows, columns] = torch.triuIndices(5, 5, 1).unbind(0) as [torch.Tensor, torch.Tensor];
    const all = torch.cdist(x, x, p).reshape(-1).indexSelect(0, rows.mul(5).add(columns));
    assert.ok(torch.allclose(F.pdist(x, p), all));
    assert.ok(gradcheck((a: torch.Tensor) => F.pdist(a, p), [x]));
  }
  assert.deepEqual(F.pdist(torch.zeros(1, 3)).shape, [0]);
  assert.deepEqual(F.pdist(torch.zeros(0, 3)).shape, [0]);
});
