/**
 * Custom functions, gradcheck, the functional API and checkpointing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import torch from "../../src/index.ts";

type Context = torch.autograd.FunctionContext;
type Tensor = torch.Tensor;
const f64 = (data: number[]) => torch.tensor(data, { dtype: torch.float64, requiresGrad: true });

class Square extends torch.autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: Context, g: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return g.mul(x!).mul(2);
  }
}

test("a custom function has the derivative that it declares, also the second", () => {
  const x = f64([1, -2]);
  assert.equal(
    torch.autograd.gradcheck((y) => Square.apply(y), [x]),
    true,
  );
  assert.equal(
    torch.autograd.gradgradcheck((y) => Square.apply(y), [x]),
    true,
  );
  assert.equal(Square.apply(x).gradFn!.name(), "SquareBackward");
});

test("gradcheck finds a wrong derivative", () => {
  class Wrong extends torch.autograd.Function {
    static forward(_ctx: Context, x: Tensor): Tensor {
      return x.mul(3);
    }
    static backward(_ctx: Context, g: Tensor): Tensor {
      return g.mul(2);
    }
  }
  assert.throws(() => torch.autograd.gradcheck((y) => Wrong.apply(y), [f64([1])]), /Jacobian mismatch/);
  assert.equal(
    torch.autograd.gradcheck((y) => Wrong.apply(y), [f64([1])], { raiseException: false }),
    false,
  );
});

test("several results, arguments that are no tensors, and results without gradient", () => {
  class Two extends torch.autograd.Function {
    static forward(ctx: Context, x: Tensor, factor: number): [Tensor, Tensor] {
      ctx.factor = factor;
      const index = x.gt(0).long();
      ctx.markNonDifferentiable(index);
      return [x.mul(factor), index];
    }
    static backward(ctx: Context, g: Tensor): [Tensor, null] {
      return [g.mul(ctx.factor as number), null];
    }
  }
  const x = torch.tensor([1, -1], { requiresGrad: true });
  const [y, index] = Two.apply(x, 4);
  assert.equal(index.requiresGrad, false);
  y.sum().backward();
  assert.deepEqual(x.grad!.toArray(), [4, 4]);
});

test("a gradient of the wrong shape or number is refused", () => {
  class BadShape extends torch.autograd.Function {
    static forward(_ctx: Context, x: Tensor): Tensor {
      return x.mul(1);
    }
    static backward(_ctx: Context, _g: Tensor): Tensor {
      return torch.ones(5);
    }
  }
  class BadCount extends torch.autograd.Function {
    static forward(_ctx: Context, x: Tensor, y: Tensor): Tensor {
      return x.add(y);
    }
    static backward(_ctx: Context, g: Tensor): Tensor {
      return g;
    }
  }
  const x = torch.ones(2, { requiresGrad: true });
  assert.throws(
    () => BadShape.apply(x).sum().backward(),
    /returned an invalid gradient at index 0 - got \[5\] but expected shape compatible with \[2\]/,
  );
  assert.throws(() => BadCount.apply(x, x).sum().backward(), /returned an incorrect number of gradients \(expected 2, got 1\)/);
});

test("jacobian, hessian, vjp, jvp and hvp agree with each other", () => {
  const x = torch.tensor([1, 2], { dtype: torch.float64 });
  const { functional } = torch.autograd;
  const J = functional.jacobian((y) => y.mul(y).mul(torch.tensor([1, 3], { dtype: torch.float64 })), x);
  assert.deepEqual(J.toArray(), [
    [2, 0],
    [0, 12],
  ]);
  const H = functional.hessian((y) => y.pow(3).sum(), x);
  assert.deepEqual(H.toArray(), [
    [6, 0],
    [0, 12],
  ]);
  const v = torch.tensor([1, 10], { dtype: torch.float64 });
  assert.deepEqual((functional.vjp((y) => y.mul(y), x, v)[1] as Tensor).toArray(), [2, 40]);
  assert.deepEqual((functional.jvp((y) => y.mul(y), x, v)[1] as Tensor).toArray(), [2, 40]);
  assert.deepEqual((functional.hvp((y) => y.pow(3).sum(), x, v)[1] as Tensor).toArray(), [6, 120]);
});

test("a checkpoint gives the same gradients, random numbers included", () => {
  const w = torch.full([3], 2).requiresGrad_();
  const body = (x: Tensor): Tensor => x.mul(w).mul(torch.rand(3));
  const x = torch.ones(3, { requiresGrad: true });
  torch.manualSeed(1);
  body(x).sum().backward();
  const [gx, gw] = [x.grad!.toArray(), w.grad!.toArray()];
  x.grad = null;
  w.grad = null;
  torch.manualSeed(1);
  torch.utils.checkpoint.checkpoint(body, x).sum().backward();
  assert.deepEqual(x.grad!.toArray(), gx);
  assert.deepEqual(w.grad!.toArray(), gw);
});
