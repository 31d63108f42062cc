/**
 * Singular values and principal components of matrices of low rank, by random projections (Halko, Martinsson and Tropp 2009, arXiv:0909.4061, algorithm 5.1).
 */
import { ShapeError, ValueError } from "../../core/errors.ts";
import { getDefaultDtype } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { randn } from "../random/index.ts";
import { qr, svd } from "./decompositions.ts";
import { matmul } from "./matmul.ts";

/** A less M, where there is one, times x. */
const times = (a: Tensor, m: Tensor | null, x: Tensor): Tensor => (m === null ? matmul(a, x) : matmul(a, x).sub(matmul(m, x)));

/** Iterations after which nothing changes any more. */
const ENOUGH = 1000;

/** q orthonormal columns whose span is close to that of A. */
function approximateBasis(a: Tensor, q: number, niter: number, m: Tensor | null): Tensor {
  const start = randn([a.shape[a.shape.length - 1]!, q], { dtype: a.dtype, device: a.device });
  let basis = qr(times(a, m, start)).Q;
  for (let i = 0; i < Math.min(niter, ENOUGH); i++) {
    basis = qr(times(a.mT, m === null ? null : m.mT, basis)).Q;
    basis = qr(times(a, m, basis)).Q;
  }
  return basis;
}

function factors(a: Tensor, q: number, niter: number, m: Tensor | null): Tensor[] {
  const [rows, columns] = a.shape.slice(-2) as [number, number];
  const mT = m === null ? null : m.mT;
  if (rows < columns || columns > q) {
    const basis = approximateBasis(a.mT, q, niter, mT);
    const { U, S, Vh } = svd(times(a, m, basis), { fullMatrices: false });
    return [U, S, matmul(basis, Vh.mT)];
  }
  const basis = approximateBasis(a, q, niter, m);
  const { U, S, Vh } = svd(times(a.mT, mT, basis).mT, { fullMatrices: false });
  return [matmul(basis, U), S, Vh.mT];
}

function requireMatrix(name: string, a: Tensor): [number, number] {
  if (a.shape.length < 2) throw new ShapeError(`${name}: The input tensor A must have at least 2 dimensions.`);
  return a.shape.slice(-2) as [number, number];
}

export interface SvdLowrankOptions {
  q?: number | null;
  niter?: number | null;
  M?: Tensor | null;
}

/**
 * `[U, S, V]` with `A ≈ U diag(S) Vᵀ` for A (…, m, n) of rank up to `q` (default 6): U (…, m, q), S (…, q), V (…, n, q); `niter` (2) iterations sharpen it. With `M` the
 * factors are those of A - M. Draws from the random generator. As `torch.svd_lowrank`.
 * @example
 * const A = torch.tensor([[2, 0, 0], [0, 1, 0], [0, 0, 0]]);
 * torch.svdLowrank(A, { q: 2 })[1] // tensor([2., 1.])
 */
export function svdLowrank(
  A: Tensor,
  q: number | null | SvdLowrankOptions = 6,
  niter: number | null = 2,
  M: Tensor | null = null,
): Tensor[] {
  checkArguments(
    "svd_lowrank(Tensor A, int|None|options? q, int|None? niter, Tensor|None? M, {int|None q, int|None niter, Tensor|None M})",
    A,
    q,
    niter,
    M,
  );
  const o: SvdLowrankOptions = typeof q === "object" && q !== null ? q : { q, niter, M };
  const [rows, columns] = requireMatrix("svd_lowrank", A);
  const rank = o.q ?? 6;
  if (!(rank >= 0 && rank <= Math.min(rows, columns)))
    throw new ValueError(`q(=${rank}) must be non-negative integer and not greater than min(m, n)=${Math.min(rows, columns)}`);
  return factors(A, rank, o.niter ?? 2, o.M ?? null);
}

export interface PcaLowrankOptions {
  q?: number | null;
  center?: boolean;
  niter?: number;
}

/**
 * The principal components of m samples of n features (…, m, n): `[U, S, V]` of {@link svdLowrank} of A less its mean (with `center`, default true); the columns of V are the
 * directions, `S² / (m - 1)` their variances. `q` defaults to min(6, m, n). Draws from the random generator. As `torch.pca_lowrank`.
 * @example
 * torch.pcaLowrank(torch.tensor([[1, 1], [2, 2], [3, 3]]), { q: 1 })[1] // tensor([2.])
 */
export function pcaLowrank(A: Tensor, q: number | null | PcaLowrankOptions = null, center = true, niter = 2): Tensor[] {
  checkArguments(
    "pca_lowrank(Tensor A, int|None|options? q, bool? center, int? niter, {int|None q, bool center, int niter})",
    A,
    q,
    center,
    niter,
  );
  const o: PcaLowrankOptions = typeof q === "object" && q !== null ? q : { q, center, niter };
  const [m, n] = requireMatrix("pca_lowrank", A);
  const rank = o.q ?? Math.min(6, m, n);
  if (!(rank >= 0 && rank <= Math.min(m, n)))
    throw new ValueError(`q(=${rank}) must be non-negative integer and not greater than min(m, n)=${Math.min(m, n)}`);
  const iterations = o.niter ?? 2;
  if (!(iterations >= 0)) throw new ValueError(`niter(=${iterations}) must be non-negative integer`);
  const x = A.dtype.isFloatingPoint ? A : A.to(getDefaultDtype());
  return factors((o.center ?? true) ? x.sub(x.mean(-2, { keepdim: true })) : x, rank, iterations, null);
}
