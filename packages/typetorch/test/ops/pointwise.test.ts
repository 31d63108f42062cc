import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;

test("results lie in memory as the first operand that decides", () => {
  const a = torch.ones(2, 3, 4).permute([2, 0, 1]);
  const b = torch.ones(4, 2, 3);
  assert.deepEqual(a.add(b).strides, [1, 12, 4]);
  assert.deepEqual(b.add(a).strides, [6, 3, 1]);
  assert.deepEqual(a.exp().strides, [1, 12, 4]);
  assert.deepEqual(torch.ones(3, 1).t().add(torch.ones(4, 1)).strides, [3, 1]);
});

test("the short way gives what the general one gives, call after call", () => {
  for (const dtype of [torch.float32, torch.float64, torch.int64, torch.int32, torch.float16, torch.bfloat16, torch.uint8]) {
    const x = torch.tensor([1, 2, 3, 4], { dtype });
    const y = torch.tensor([5, 6, 7, 8], { dtype });
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(x.add(y).toArray(), [6, 8, 10, 12]);
      assert.equal(x.add(y).dtype, dtype);
      assert.deepEqual(x.mul(3).toArray(), [3, 6, 9, 12]);
      assert.equal(x.mul(3).dtype, dtype);
      assert.equal(x.mul(0.5).dtype, dtype.isFloatingPoint ? dtype : torch.float32);
      assert.deepEqual(x.lt(y).toArray(), [true, true, true, true]);
      assert.deepEqual(x.add(y.reshape([4, 1])).shape, [4, 4]);
      assert.deepEqual(
        x
          .asStrided([2], [2])
          .add(y.asStrided([2], [2]))
          .toArray(),
        [6, 10],
      );
    }
  }
});

test("recording, noGrad and in-place versions on the short way", () => {
  const x = torch.ones(3);
  const w = torch.ones(3).requiresGrad_();
  for (let round = 0; round < 3; round++) {
    assert.equal(x.add(x).requiresGrad, false);
    assert.equal(x.add(w).requiresGrad, true);
    assert.equal(w.mul(2).requiresGrad, true);
    assert.equal(torch.noGrad(() => w.mul(2)).requiresGrad, false);
    assert.equal(w.exp().gradFn!.name(), "ExpBackward0");
  }
  const before = x._version;
  x.add_(x.clone()).mul_(2).relu_();
  assert.equal(x._version, before + 3);
  assert.deepEqual(x.toArray(), [4, 4, 4]);
  const y = w.exp();
  const z = y.mul(y);
  y.add_(1);
  assert.throws(() => z.sum().backward(), /modified by an inplace operation/);
});

test("in place: dtypes, shapes and memory that cannot hold the result", () => {
  const long = torch.arange(3);
  assert.throws(() => long.add_(1.5), /result type Float can't be cast to the desired output type Long/);
  assert.throws(() => long.sqrt_(), /result type Float can't be cast to the desired output type Long/);
  assert.throws(() => torch.ones(3).add_(torch.ones(2, 3)), /output with shape \[3\] doesn't match the broadcast shape \[2, 3\]/);
  assert.throws(() => torch.ones(1).expand(3).add_(1), /more than one element of the written-to tensor/);
  const x = torch.tensor([1, 2, 3, 4]);
  x.narrow(0, 1, 3).add_(x.narrow(0, 0, 3));
  assert.deepEqual(x.toArray(), [1, 3, 5, 7]);
});

test("numbers where PyTorch takes tensors only", () => {
  const x = torch.ones(3);
  const any = torch as unknown as Record<string, (...args: unknown[]) => unknown>;
  assert.throws(() => any.atan2!(x, 2), /atan2\(\): argument 'other' \(position 2\) must be Tensor, not int/);
  assert.throws(() => any.maximum!(2.5, x), /maximum\(\): argument 'input' \(position 1\) must be Tensor, not float/);
  assert.throws(() => any.gt!(2, x), /gt\(\) received an invalid combination of arguments - got \(int, Tensor\)/);
  assert.throws(() => any.add!(x, "a"), /add\(\): argument 'other' \(position 2\) must be Tensor, not str/);
  assert.deepEqual((torch.add(2, 3) as torch.Tensor).item(), 5);
  assert.deepEqual(torch.pow(2, torch.tensor([1, 2])).toArray(), [2, 4]);
  assert.throws(() => any.pow!(2, 3), /pow\(\) received an invalid combination/);
});

test("bool operands that PyTorch refuses", () => {
  const mask = torch.tensor([true, false]);
  assert.throws(() => mask.sub(mask), /with two bool tensors is not supported/);
  assert.throws(() => mask.sub(1), /with a bool tensor is not supported/);
  assert.throws(() => mask.abs(), /"abs_cpu" not implemented for 'Bool'/);
  assert.equal(mask.square().dtype, torch.int64);
  assert.throws(() => torch.add(torch.ones(2), 1, { alpha: true }), /Boolean alpha only supported for Boolean results/);
});

test("remainders take the sign of the divisor, fmod that of the dividend", () => {
  const x = torch.tensor([-7, 7, Infinity, 5, 1e30]);
  const y = torch.tensor([3, -3, 2, Infinity, -Infinity]);
  assert.deepEqual(x.remainder(y).toArray(), [2, -2, Number.NaN, 5, -Infinity]);
  assert.deepEqual(x.fmod(y).narrow(0, 0, 4).toArray(), [-1, 1, Number.NaN, 5]);
  assert.throws(() => torch.arange(3).remainder(0), /ZeroDivisionError/);
});

test("clamp: bounds by position, by name, as tensors, and none", () => {
  const x = torch.tensor([-2, 0.5, 3, Number.NaN]);
  assert.deepEqual(x.clamp(-1, 1).toArray(), [-1, 0.5, 1, Number.NaN]);
  assert.deepEqual(x.clamp({ max: 1 }).toArray(), [-2, 0.5, 1, Number.NaN]);
  assert.deepEqual(x.clamp(torch.tensor(0), 2).toArray(), [0, 0.5, 2, Number.NaN]);
  assert.deepEqual(x.clip(null, 0).toArray(), [-2, 0, 0, Number.NaN]);
  assert.throws(() => x.clamp(), /At least one of 'min' or 'max' must not be None/);
  assert.equal(torch.arange(3).clamp(0.5).dtype, torch.float32);
});

test("round to decimals, before and after the point", () => {
  assert.deepEqual(torch.tensor([1250, 1350, -1251]).round({ decimals: -2 }).toArray(), [1200, 1400, -1300]);
  assert.equal(torch.tensor([1.2355]).round({ decimals: 3 }).item(), Math.fround(1.236));
});

test("activations in place give the input back and keep the graph right", () => {
  const x = torch.tensor([-1, 2]).requiresGrad_();
  const y = x.mul(1);
  assert.equal(F.leakyRelu(y, 0.5, true), y);
  y.sum().backward();
  assert.deepEqual(x.grad!.toArray(), [0.5, 1]);
  assert.throws(() => F.gelu(torch.arange(3)), /"GeluKernelImpl" not implemented for 'Long'/);
});

test("second derivatives of piecewise linear functions are zero, not absent", () => {
  const x = torch.tensor([-1, 2], { dtype: torch.float64 }).requiresGrad_();
  const [g] = torch.autograd.grad(F.hardtanh(x, -3, 3).sum(), x, { createGraph: true });
  const [second] = torch.autograd.grad(g!.sum(), x);
  assert.deepEqual(second!.toArray(), [0, 0]);
});

test("derivatives near the edges: infinite exponentials that are not chosen leave no NaN", () => {
  for (const f of [F.elu, F.mish, F.softplus, F.celu, F.selu, F.silu, F.logsigmoid]) {
    const x = torch.tensor([-800, -1, 0.5, 800], { dtype: torch.float64 }).requiresGrad_();
    const [g] = torch.autograd.grad((f as (x: torch.Tensor) => torch.Tensor)(x).sum(), x, { createGraph: true });
    const [second] = torch.autograd.grad(g!.sum(), x);
    assert.ok(g!.isfinite().all().item() && second!.isfinite().all().item(), f.name);
  }
});

test("a backward pass inside of a hook does not disturb the one that is under way", () => {
  const x = torch.tensor([2]).requiresGrad_();
  const y = x.mul(x);
  let inner: unknown = null;
  const z = y.mul(3);
  z.registerHook(() => {
    inner = torch.autograd.grad(y, x, { retainGraph: true, gradOutputs: torch.tensor([1]) })[0]!.toArray();
  });
  z.backward({ retainGraph: true });
  assert.deepEqual(inner, [4]);
  assert.deepEqual(x.grad!.toArray(), [12]);
});
