import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

const close = (a: torch.Tensor, b: torch.Tensor): boolean =>
  a.shape.join() === b.shape.join() && a.sub(b).abs().le(1e-9).all().item() === (true as never);

test("einsum agrees with the products that it stands for", () => {
  torch.manualSeed(1);
  const a = torch.randn(3, 4, { dtype: torch.float64 });
  const b = torch.randn(4, 5, { dtype: torch.float64 });
  const c = torch.randn(2, 5, 4, { dtype: torch.float64 });
  assert.ok(close(torch.einsum("ij,jk->ik", a, b), a.mm(b)));
  assert.ok(close(torch.einsum("ij,bkj->bik", a, c), a.matmul(c.mT)));
  assert.ok(close(torch.einsum("ij,jk,bkl->bil", a, b, c), a.mm(b).matmul(c)));
  assert.ok(close(torch.einsum("...ij->...ji", c), c.mT));
  assert.ok(close(torch.einsum("ii->i", b.mm(b.t())), b.mm(b.t()).diagonal()));
  assert.ok(close(torch.einsum(a, [0, 1], b, [1, 2], [2, 0]), a.mm(b).t()));
  assert.ok(close(torch.einsum("ij->", a), a.sum()));
  assert.throws(() => torch.einsum("ij,jk->iz", a, b), /einsum\(\): output subscript z does not appear in the equation/);
  assert.throws(
    () => torch.einsum("ij,jk", a, a),
    /einsum\(\): subscript j has size 3 for operand 1 which does not broadcast with previously seen size 4/,
  );
});

test("distances by product and by differences agree, and so do their gradients", () => {
  torch.manualSeed(2);
  const run = (computeMode: torch.CdistOptions["computeMode"]): torch.Tensor[] => {
    torch.manualSeed(3);
    const x = torch.randn(40, 7, { dtype: torch.float64 }).requiresGrad_();
    const y = torch.randn(30, 7, { dtype: torch.float64 }).requiresGrad_();
    const d = torch.cdist(x, y, { computeMode });
    d.mul(d).sum().backward();
    return [d.detach(), x.grad!, y.grad!];
  };
  const [exact, product] = [run("donot_use_mm_for_euclid_dist"), run("use_mm_for_euclid_dist")];
  exact.forEach((t, i) => assert.ok(close(t, product[i]!), String(i)));
});

test("matrix powers and chains", () => {
  const m = torch.tensor([
    [1, 1],
    [1, 0],
  ]);
  assert.deepEqual(torch.matrixPower(m, 10).toArray(), [
    [89, 55],
    [55, 34],
  ]);
  assert.deepEqual(torch.linalg.multiDot([torch.ones(2), torch.ones(2, 9), torch.ones(9, 3)]).toArray(), [18, 18, 18]);
});

test("an infinity in a corner reaches only the tap that sees it in the gradient of a convolution's weight", () => {
  for (const channels of [1, 3, 32]) {
    const x = torch.ones(2, channels, 6, 7);
    torch.noGrad(() => x.select(0, 0).select(0, 0).select(0, 0).select(0, 0).fill_(Number.POSITIVE_INFINITY));
    const weight = torch.ones(4, channels, 3, 3).requiresGrad_();
    torch.nn.functional.conv2d(x, weight).sum().backward();
    const finite = weight.grad!.isfinite();
    assert.equal(finite.logicalNot().sum().item(), 4); // tap (0, 0) of channel 0, of each output
    assert.equal(finite.select(3, 0).select(2, 0).select(1, 0).any().item(), false);
    assert.equal(weight.grad!.isnan().any().item(), false);
  }
});
