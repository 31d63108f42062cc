import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

const double = { dtype: torch.float64 };

/** Symmetric matrices that are reduced to tridiagonal ones: random, diagonal, of low rank, with equal and with far apart eigenvalues. */
function matrices(): torch.Tensor[] {
  torch.manualSeed(0);
  const random = torch.randn(61, 61, double);
  const q = torch.linalg.qr(random)[0];
  const spread = q.mul(torch.logspace(-12, 3, 61, double)).matmul(q.mT);
  const equal = q.mul(torch.arange(61).div(20).floor().to(torch.float64)).matmul(q.mT);
  const low = torch.randn(61, 2, double);
  return [
    random.add(random.mT),
    torch.eye(40, double).mul(3),
    torch.zeros(30, 30, double),
    low.matmul(low.mT),
    spread.add(spread.mT).div(2),
    equal.add(equal.mT).div(2),
    torch.diag(torch.ones(49, double), 1).add(torch.diag(torch.ones(49, double), -1)),
    random.add(random.mT).mul(1e-200),
    random.add(random.mT).mul(1e200),
  ];
}

test("eigenvalues and eigenvectors of larger symmetric matrices", () => {
  for (const [k, a] of matrices().entries()) {
    const n = a.shape[0]!;
    const [values, vectors] = torch.linalg.eigh(a);
    const size = Math.max(a.abs().max().item() as number, 1e-300);
    const residual = a
      .div(size)
      .matmul(vectors)
      .sub(vectors.mul(values.div(size)));
    assert.ok((residual.abs().max().item() as number) < 1e-12, `matrix ${k}: residual`);
    const gram = vectors.mT.matmul(vectors).sub(torch.eye(n, double));
    assert.ok((gram.abs().max().item() as number) < 1e-12, `matrix ${k}: orthogonality`);
    assert.ok(values.diff().ge(0).all().item(), `matrix ${k}: order`);
    assert.ok(torch.allclose(torch.linalg.eigvalsh(a), values, 1e-10, 1e-13 * size), `matrix ${k}: values alone`);
    assert.ok(torch.allclose(values.sum(), a.trace(), 1e-9, 1e-11 * size * n), `matrix ${k}: trace`);
  }
});

test("the known eigenvalues of a chain, in float32 and of either triangle", () => {
  const n = 100;
  const chain = torch.diag(torch.ones(n - 1), -1);
  const expected = torch.tensor(Array.from({ length: n }, (_, k) => 2 * Math.cos(((n - k) * Math.PI) / (n + 1))));
  assert.ok(torch.allclose(torch.linalg.eigvalsh(chain), expected, 1e-5, 1e-5));
  assert.ok(torch.allclose(torch.linalg.eigvalsh(chain.mT, "U"), expected, 1e-5, 1e-5));
});

test("the gradient of eigenvalues of a larger matrix is that of its trace", () => {
  const x = torch.randn(40, 40, double).requiresGrad_();
  torch.linalg.eigvalsh(x.add(x.mT)).sum().backward();
  assert.ok(torch.allclose(x.grad!, torch.eye(40, double).mul(2), 1e-9, 1e-9));
});

test("singular values and vectors of larger matrices, also of low rank and badly scaled", () => {
  torch.manualSeed(1);
  const tall = torch.randn(70, 41, double);
  const q = torch.linalg.qr(torch.randn(41, 41, double))[0];
  const graded = q.mul(torch.logspace(-10, 3, 41, double));
  for (const [k, a] of [
    tall,
    tall.mT,
    graded,
    tall.narrow(1, 0, 3).matmul(torch.randn(3, 41, double)),
    tall.mul(1e150),
  ].entries()) {
    const [u, s, vh] = torch.linalg.svd(a, { fullMatrices: false });
    const size = s.max().item() as number;
    assert.ok((u.mul(s.div(size)).matmul(vh).sub(a.div(size)).abs().max().item() as number) < 1e-13, `matrix ${k}: product`);
    const eye = torch.eye(41, double);
    assert.ok((u.mT.matmul(u).sub(eye).abs().max().item() as number) < 1e-12, `matrix ${k}: U`);
    assert.ok((vh.matmul(vh.mT).sub(eye).abs().max().item() as number) < 1e-12, `matrix ${k}: V`);
    assert.ok(s.diff().le(0).all().item() && s.ge(0).all().item(), `matrix ${k}: order`);
  }
  const s = torch.linalg.svdvals(graded).flip(0);
  assert.ok(torch.allclose(s, torch.logspace(-10, 3, 41, double), 1e-4), "small singular values");
});
