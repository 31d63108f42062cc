import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

const options = { dtype: torch.float64 };
const largest = (x: torch.Tensor): number => x.abs().max().item();

test("factorisations multiply back to the matrix", () => {
  torch.manualSeed(4);
  for (const [m, n] of [
    [6, 4],
    [4, 6],
    [5, 5],
    [1, 3],
  ] as const) {
    const a = torch.randn(2, m, n, options);
    const { U, S, Vh } = torch.linalg.svd(a, { fullMatrices: false });
    assert.ok(largest(U.mul(S.unsqueeze(-2)).matmul(Vh).sub(a)) < 1e-13);
    const full = torch.linalg.svd(a);
    assert.ok(largest(full.U.mT.matmul(full.U).sub(torch.eye(m, options))) < 1e-13);
    assert.ok(largest(full.Vh.matmul(full.Vh.mT).sub(torch.eye(n, options))) < 1e-13);
    const { Q, R } = torch.linalg.qr(a);
    assert.ok(largest(Q.matmul(R).sub(a)) < 1e-13);
    const p = torch.linalg.pinv(a);
    assert.ok(largest(a.matmul(p).matmul(a).sub(a)) < 1e-12);
  }
});

test("symmetric matrices: eigenvalues and Cholesky factors", () => {
  torch.manualSeed(5);
  const b = torch.randn(20, 20, options);
  const a = b.matmul(b.mT);
  const { eigenvalues, eigenvectors } = torch.linalg.eigh(a);
  assert.ok(largest(eigenvectors.mul(eigenvalues).matmul(eigenvectors.mT).sub(a)) < 1e-11);
  const l = torch.linalg.cholesky(a);
  assert.ok(largest(l.matmul(l.mT).sub(a)) < 1e-11);
  assert.throws(() => torch.linalg.cholesky(a.neg()), /not positive-definite \(the leading minor of order 1/);
});

test("solutions, inverses and determinants", () => {
  torch.manualSeed(6);
  const a = torch.randn(3, 8, 8, options);
  const x = torch.randn(8, 2, options);
  assert.ok(largest(torch.linalg.solve(a, a.matmul(x)).sub(x)) < 1e-10);
  assert.ok(largest(torch.linalg.inv(a).matmul(a).sub(torch.eye(8, options))) < 1e-10);
  const { sign, logabsdet } = torch.linalg.slogdet(a);
  assert.ok(largest(sign.mul(logabsdet.exp()).sub(torch.linalg.det(a))) < 1e-9);
  assert.throws(() => torch.linalg.inv(torch.ones(2, 2)), /The diagonal element 2 is zero, .* input matrix is singular\./);
  assert.throws(() => torch.linalg.inv(torch.ones(2, 3)), /A must be batches of square matrices, but they are 2 by 3 matrices/);
});

test("the determinant of a singular matrix has derivatives", () => {
  const a = torch
    .tensor(
      [
        [1, 2],
        [2, 4],
      ],
      options,
    )
    .requiresGrad_();
  const [g] = torch.autograd.grad([torch.linalg.det(a)], [a], { createGraph: true });
  assert.ok(
    largest(
      g!.detach().sub(
        torch.tensor([
          [4, -2],
          [-2, 1],
        ]),
      ),
    ) < 1e-12,
  );
  const [h] = torch.autograd.grad([g!.at(0, 0)], [a]);
  assert.deepEqual(h!.toArray(), [
    [0, 0],
    [0, 1],
  ]);
});

test("a Cholesky factor solves and inverts, from either triangle, with derivatives", () => {
  torch.manualSeed(4);
  const root = torch.randn(2, 4, 4, { dtype: torch.float64 });
  const A = root.matmul(root.mT).add(torch.eye(4, { dtype: torch.float64 }));
  const L = torch.linalg.cholesky(A);
  const b = torch.randn(2, 4, 3, { dtype: torch.float64 });
  const near = (x: torch.Tensor, y: torch.Tensor): void => assert.ok(torch.allclose(x, y, 1e-9, 1e-9));
  near(A.matmul(torch.choleskySolve(b, L)), b);
  near(A.matmul(b.choleskySolve(L.mT, true)), b);
  near(A.matmul(L.choleskyInverse()), torch.eye(4, { dtype: torch.float64 }).expand(2, 4, 4));
  assert.throws(
    () => torch.choleskySolve(b.select(2, 0).select(0, 0), L),
    /b should have at least 2 dimensions, but has 1 dimensions/,
  );
  const factor = L.detach().requiresGrad_();
  const x = b.clone().requiresGrad_();
  assert.ok(torch.autograd.gradcheck((y: torch.Tensor) => torch.choleskySolve(y, L), [x]));
  // the factor's gradient agrees with that of solving by A itself on the lower triangle
  const direct = torch.linalg.solve(factor.matmul(factor.mT), b).sum();
  const [expected] = torch.autograd.grad([direct], [factor]) as [torch.Tensor];
  const [actual] = torch.autograd.grad([torch.choleskySolve(b, factor).sum()], [factor]) as [torch.Tensor];
  near(actual.tril(), expected.tril());
});
