import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

/** Sizes around the kernels' blocks of 32768 and 65536. */
const sizes = [0, 1, 4095, 4096, 32767, 32768, 32769, 65536, 200003];

test("nonzero lists what is not 0, in order, whatever the size", () => {
  for (const size of sizes) {
    torch.manualSeed(size);
    const x = torch.rand(size).gt(0.6);
    const expected = Array.from(x.data as Uint8Array).flatMap((v, k) => (v === 0 ? [] : [BigInt(k)]));
    assert.deepEqual(Array.from(x.nonzero().view(-1).data as BigInt64Array), expected, `${size}`);
  }
});

test("nonzero of several dimensions, of a transposed tensor, and of nothing", () => {
  torch.manualSeed(1);
  const x = torch.randn(7, 130, 113).relu().permute(2, 0, 1);
  const places = x.nonzero();
  assert.equal(places.shape[0], x.ne(0).sum().item());
  const [a, b, c] = places.unbind(1) as [torch.Tensor, torch.Tensor, torch.Tensor];
  const flat = a
    .mul(7 * 130)
    .add(b.mul(130))
    .add(c);
  assert.ok(torch.equal(flat, x.contiguous().view(-1).nonzero().view(-1)));
  assert.ok(flat.diff().gt(0).all().item());
  assert.deepEqual(torch.zeros(3, 0).nonzero().shape, [0, 2]);
  assert.deepEqual(torch.tensor(2).nonzero().shape, [1, 0]);
  assert.deepEqual(torch.zeros(5, 4).nonzero().shape, [0, 2]);
});

test("NaN is not 0, both zeros are, in every floating dtype", () => {
  for (const dtype of [torch.float32, torch.float64, torch.float16, torch.bfloat16]) {
    const x = torch.tensor([0, -0, Number.NaN, 1e-5, Infinity]).to(dtype);
    assert.deepEqual(x.nonzero().view(-1).toArray(), [2, 3, 4]);
  }
});

test("bincount and histc count what a loop counts", () => {
  for (const size of sizes) {
    torch.manualSeed(size);
    const x = torch.randint(0, 37, [size]);
    const counts = new Array<number>(40).fill(0);
    for (const v of x.data as BigInt64Array) counts[Number(v)]!++;
    assert.deepEqual(x.bincount({ minlength: 40 }).toArray(), counts);
    const bins = x.float().histc(40, 0, 40).toArray();
    assert.deepEqual(bins, counts);
    const weights = torch.full([size], 0.5);
    assert.deepEqual(
      x.bincount(weights, 40).toArray(),
      counts.map((n) => n / 2),
    );
  }
  const many = torch.randint(0, 100000, [70000]); // more counters than blocks have of their own
  assert.equal(many.bincount().sum().item(), 70000);
  assert.deepEqual(torch.tensor([-1, 0, 0.5, 1, 2, Number.NaN]).histc(2, 0, 1).toArray(), [1, 2]);
  assert.throws(() => torch.tensor([1n, -1n]).bincount(), /only supports 1-d non-negative integral inputs/);
  assert.throws(() => torch.tensor([1, Number.NaN]).histc(), /range of \[nan, nan\] is not finite/);
});

test("uniqueConsecutive: values, inverse and counts of long and short runs", () => {
  torch.manualSeed(4);
  for (const size of [0, 1, 5, 40000]) {
    const x = torch.randint(0, 3, [size]);
    const [values, inverse, counts] = x.uniqueConsecutive({ returnInverse: true, returnCounts: true }) as torch.Tensor[];
    assert.ok(torch.equal(values!.indexSelect(0, inverse!), x));
    assert.ok(torch.equal(values!.repeatInterleave(counts!), x));
    if (size > 1) assert.ok(values!.diff().ne(0).all().item());
  }
  const nan = torch.tensor([Number.NaN, Number.NaN, 0, -0]);
  assert.equal((nan.uniqueConsecutive() as torch.Tensor).numel(), 3);
});

test("indices out of range are found among many", () => {
  const x = torch.randn(100, 3);
  const index = torch.randint(0, 100, [5000]);
  assert.equal(x.indexSelect(0, index).shape[0], 5000);
  index.setAt([4321], 100);
  // a device tells when it is waited for
  assert.throws(() => x.indexSelect(0, index).data, /index out of range|out of bounds/i);
  index.setAt([4321], -1);
  assert.throws(() => x.indexSelect(0, index).data, /index out of range|out of bounds/i);
});

test("nll_loss with many targets, some of them ignored, and its gradients", () => {
  torch.manualSeed(2);
  const x = torch.randn(4100, 7).logSoftmax(1).requiresGrad_();
  const target = torch.randint(0, 7, [4100]);
  target.narrow(0, 10, 50).fill_(-100);
  const F = torch.nn.functional;
  const loss = F.nllLoss(x, target);
  const counted = target.ne(-100);
  const picked = x.gather(1, target.where(counted, 0).unsqueeze(1)).squeeze(1).neg().where(counted, 0);
  const expected = picked.sum().div(counted.sum());
  assert.ok(torch.allclose(loss, expected));
  const [g] = torch.autograd.grad([loss], [x]) as [torch.Tensor];
  const [h] = torch.autograd.grad([expected], [x]) as [torch.Tensor];
  assert.ok(torch.allclose(g, h));
  target.setAt([4000], 7);
  assert.throws(() => F.nllLoss(x, target).item(), /Target 7 is out of bounds/);
});

test("cross entropy of images equals that of their pixels", () => {
  torch.manualSeed(3);
  const F = torch.nn.functional;
  const x = torch.randn(2, 5, 37, 31).requiresGrad_();
  const target = torch.randint(0, 5, [2, 37, 31]);
  target.select(0, 1).select(0, 3).fill_(-100);
  const rows = x.movedim(1, -1).reshape(-1, 5);
  for (const reduction of ["mean", "sum", "none"] as const) {
    const image = F.crossEntropy(x, target, { reduction });
    const pixels = F.crossEntropy(rows, target.view(-1), { reduction });
    assert.ok(torch.allclose(image.reshape([-1]), pixels.reshape([-1]), 1e-5));
    const gradient = (y: torch.Tensor) => torch.autograd.grad([y.sum()], [x], { retainGraph: true })[0] as torch.Tensor;
    assert.ok(torch.allclose(gradient(image), gradient(pixels), 1e-4, 1e-7));
  }
});
