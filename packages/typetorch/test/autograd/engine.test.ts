/**
 * The autograd engine: order, accumulation, hooks, in-place changes and views, freed graphs, depth.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import torch from "../../src/index.ts";

const t = (data: number[], requiresGrad = true) => torch.tensor(data, { requiresGrad });

test("a leaf accumulates over backward calls until zeroed", () => {
  const x = t([1, 2]);
  x.mul(3).sum().backward();
  x.mul(x).sum().backward();
  assert.deepEqual(x.grad!.toArray(), [5, 7]);
});

test("a tensor that is used twice gets the sum of both gradients", () => {
  const x = t([2]);
  const y = x.mul(x);
  y.add(y.mul(x)).backward();
  assert.deepEqual(x.grad!.toArray(), [2 * 2 + 3 * 4]);
});

test("a deep graph needs no deep stack", () => {
  const x = t([1]);
  let y = x;
  for (let i = 0; i < 100_000; i++) y = y.add(1);
  y.backward();
  assert.deepEqual(x.grad!.toArray(), [1]);
});

test("backward twice needs retainGraph", () => {
  const x = t([1, 2]);
  const y = x.exp().sum();
  y.backward({ retainGraph: true });
  y.backward();
  assert.throws(() => y.backward(), /Trying to backward through the graph a second time/);
});

test("a tensor with several elements needs a gradient", () => {
  const x = t([1, 2]);
  assert.throws(() => x.mul(2).backward(), /grad can be implicitly created only for scalar outputs/);
  x.mul(2).backward(torch.tensor([1, 10]));
  assert.deepEqual(x.grad!.toArray(), [2, 20]);
});

test("a tensor without history cannot be differentiated", () => {
  assert.throws(() => torch.ones(1).backward(), /does not require grad and does not have a grad_fn/);
});

test("gradients do not share memory with each other or with what the user gave", () => {
  const x = t([1, 2]);
  const y = t([3, 4]);
  const g = torch.ones(2);
  x.add(y).backward(g);
  x.grad!.add_(5);
  assert.deepEqual(y.grad!.toArray(), [1, 1]);
  assert.deepEqual(g.toArray(), [1, 1]);
});

test("a gradient that was kept by a hook is not overwritten later", () => {
  const x = t([1, 2, 3]);
  const y = x.mul(2);
  let seen: torch.Tensor | null = null;
  y.registerHook((g) => {
    seen = g;
  });
  y.mul(3).sum().backward();
  for (let i = 0; i < 50; i++) torch.full([3], i).mul(2);
  assert.deepEqual(seen!.toArray(), [3, 3, 3]);
});

test("a hook replaces the gradient, and its handle takes it off", () => {
  const x = t([1, 2]);
  const y = x.mul(2);
  const handle = y.registerHook((g) => g.mul(10));
  y.sum().backward({ retainGraph: true });
  assert.deepEqual(x.grad!.toArray(), [20, 20]);
  handle.remove();
  x.grad = null;
  y.sum().backward();
  assert.deepEqual(x.grad!.toArray(), [2, 2]);
});

test("a hook of a leaf sees the gradient before it is accumulated", () => {
  const x = t([1, 2]);
  x.registerHook((g) => g.neg());
  x.sum().backward();
  assert.deepEqual(x.grad!.toArray(), [-1, -1]);
});

test("retainGrad keeps the gradient of a non-leaf", () => {
  const x = t([1, 2]);
  const y = x.mul(2);
  y.retainGrad();
  y.mul(y).sum().backward();
  assert.deepEqual(y.grad!.toArray(), [4, 8]);
});

test("autograd.grad gives null for an unused input only when asked", () => {
  const x = t([1]);
  const y = t([1]);
  const z = x.mul(2);
  assert.throws(() => torch.autograd.grad(z, [x, y], { retainGraph: true }), /appears to not have been used in the graph/);
  assert.deepEqual(
    torch.autograd.grad(z, [x, y], { allowUnused: true }).map((g) => g?.toArray() ?? null),
    [[2], null],
  );
  assert.equal(x.grad, null);
});

test("autograd.grad of a non-leaf does not go on behind it", () => {
  const x = t([3]);
  const y = x.mul(2);
  const [g] = torch.autograd.grad(y.mul(y), y);
  assert.deepEqual(g!.toArray(), [12]);
});

test("createGraph gives derivatives of any order", () => {
  const x = t([2]);
  let y = x.pow(4);
  const values: number[] = [];
  for (let i = 0; i < 4; i++) {
    [y] = torch.autograd.grad(y, x, { createGraph: true }) as [torch.Tensor];
    values.push(y.item());
  }
  assert.deepEqual(values, [32, 48, 48, 24]);
});

test("noGrad records nothing, enableGrad inside of it does", () => {
  const x = t([1]);
  assert.equal(torch.noGrad(() => x.mul(2)).requiresGrad, false);
  assert.equal(torch.noGrad(() => torch.enableGrad(() => x.mul(2))).requiresGrad, true);
  assert.throws(() => torch.noGrad(async () => x), /cannot wait for an async function/);
  assert.equal(torch.isGradEnabled(), true);
});

test("an in-place change of a saved tensor is found", () => {
  const x = t([1, 2]);
  const y = x.exp();
  y.add_(1);
  assert.throws(() => y.sum().backward(), /modified by an inplace operation.*is at version 1; expected version 0/);
});

test("in-place ops whose derivative reads only the result work", () => {
  const x = t([0.5, -1]);
  const y = x.mul(1);
  y.tanh_();
  y.sum().backward();
  assert.ok(Math.abs(x.grad!.toArray<number[]>()[0]! - (1 - Math.tanh(0.5) ** 2)) < 1e-6);
});

test("in-place ops whose derivative reads what they overwrite keep a copy", () => {
  const x = t([2, 3]);
  const w = t([5, 7]);
  const y = x.mul(1);
  y.mul_(w);
  y.sum().backward();
  assert.deepEqual(x.grad!.toArray(), [5, 7]);
  assert.deepEqual(w.grad!.toArray(), [2, 3]);
});

test("a leaf and views of a leaf may not be changed in place", () => {
  const x = t([1, 2]);
  assert.throws(() => x.add_(1), /a leaf Variable that requires grad is being used in an in-place operation/);
  assert.throws(() => x.view(2, 1).add_(1), /a view of a leaf Variable that requires grad/);
  torch.noGrad(() => x.add_(1));
  assert.deepEqual(x.toArray(), [2, 3]);
});

test("a change through a view reaches the base, and one of the base its views", () => {
  const x = t([1, 1, 1, 1]);
  const base = x.mul(2);
  const view = base.view(2, 2);
  view.select(0, 0).mul_(10);
  base.sum().backward();
  assert.deepEqual(x.grad!.toArray(), [20, 20, 2, 2]);

  const y = t([1, 1]);
  const b = y.mul(3);
  const v = b.narrow(0, 1, 1);
  b.mul_(4);
  assert.equal(v.gradFn!.name(), "AsStridedBackward0");
  v.sum().backward();
  assert.deepEqual(y.grad!.toArray(), [0, 12]);
});

test("copying into a part of a tensor without history gives it one", () => {
  const w = t([1, 2]);
  const z = torch.zeros(4);
  z.narrow(0, 1, 2).copy_(w.mul(3));
  assert.equal(z.requiresGrad, true);
  z.mul(torch.tensor([1, 10, 100, 1000]))
    .sum()
    .backward();
  assert.deepEqual(w.grad!.toArray(), [30, 300]);
});

test("the parts of a split may not be changed in place", () => {
  const [a] = t([1, 2]).mul(1).split(1);
  assert.throws(() => a!.add_(1), /output of a function that returns multiple views/);
});

test("a view made in noGrad may not be changed in place where gradients are recorded", () => {
  const y = t([1, 2]).mul(1);
  const v = torch.noGrad(() => y.view(2, 1));
  assert.throws(() => v.mul_(2), /A view was created in no_grad mode/);
});

test("expanded tensors may not be written", () => {
  assert.throws(
    () => torch.zeros(1).expand(3).add_(1),
    /more than one element of the written-to tensor refers to a single memory location/,
  );
});

test("broadcast operands get the sum of the gradient", () => {
  const x = torch.ones(2, 3, { requiresGrad: true });
  const b = t([1, 2, 3]);
  const c = torch.tensor(2, { requiresGrad: true });
  x.mul(b).add(c).sum().backward();
  assert.deepEqual(b.grad!.toArray(), [2, 2, 2]);
  assert.equal(c.grad!.item(), 6);
});

test("integer tensors cannot require gradients", () => {
  assert.throws(() => torch.arange(3).requiresGrad_(), /only Tensors of floating point and complex dtype can require gradients/);
});

test("a volatile variable keeps everything it takes part in from recording", () => {
  const w = t([1, 2]);
  const v = torch.autograd.Variable(torch.ones(2), { volatile: true });
  assert.equal(w.mul(v).requiresGrad, false);
  assert.equal(w.mul(v).add(w).requiresGrad, false);
  assert.equal(w.mul(2).requiresGrad, true);
  assert.throws(
    () => torch.autograd.Variable(torch.ones(1), { volatile: true, requiresGrad: true }),
    /can't be volatile and require_grad/,
  );
});

test("anomaly mode names the forward call of the node that made NaN", () => {
  const x = t([0]);
  function zeroByZero(): torch.Tensor {
    return x.mul(0).div(x.mul(0));
  }
  assert.throws(
    () => torch.autograd.detectAnomaly(() => zeroByZero().sum().backward()),
    /'DivBackward0' returned nan values[\s\S]*zeroByZero/,
  );
});
