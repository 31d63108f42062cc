/**
 * Dense linear algebra on plain arrays: row-major float64 matrices, one at a time. The ops of this folder convert, batch and differentiate.
 */
import { tridiagonalEigen } from "./tridiagonal.ts";

/** An LU factorisation with partial pivoting: `lu` holds both factors, row i of their product is row `pivots[i]` of the matrix. */
export interface Factors {
  /** Rows. */
  readonly n: number;
  readonly lu: Float64Array;
  readonly pivots: Int32Array;
  /** LAPACK's form of the same: in step k, row k and row `swaps[k]` changed places. */
  readonly swaps: Int32Array;
  /** 1 or -1: the sign of the permutation. */
  readonly sign: number;
  /** The first zero on the diagonal of U, or -1. */
  readonly singular: number;
}

/** The factors of an n x n matrix, or of one with n rows. */
export function factorize(matrix: Float64Array, n: number, columns = n): Factors {
  const lu = Float64Array.from(matrix);
  const pivots = Int32Array.from({ length: n }, (_, i) => i);
  const swaps = new Int32Array(Math.min(n, columns));
  let sign = 1;
  let singular = -1;
  for (let k = 0; k < swaps.length; k++) {
    let best = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(lu[i * columns + k]!) > Math.abs(lu[best * columns + k]!)) best = i;
    swaps[k] = best;
    if (best !== k) {
      for (let j = 0; j < columns; j++) {
        const t = lu[k * columns + j]!;
        lu[k * columns + j] = lu[best * columns + j]!;
        lu[best * columns + j] = t;
      }
      const p = pivots[k]!;
      pivots[k] = pivots[best]!;
      pivots[best] = p;
      sign = -sign;
    }
    const pivot = lu[k * columns + k]!;
    if (pivot === 0) {
      if (singular < 0) singular = k;
      continue;
    }
    for (let i = k + 1; i < n; i++) {
      const f = lu[i * columns + k]! / pivot;
      lu[i * columns + k] = f;
      if (f === 0) continue;
      for (let j = k + 1; j < columns; j++) lu[i * columns + j] = lu[i * columns + j]! - f * lu[k * columns + j]!;
    }
  }
  return { n, lu, pivots, swaps, sign, singular };
}

/** Solves `A X = B` for B (n, columns). */
export function solveFactored({ n, lu, pivots }: Factors, b: Float64Array, columns: number): Float64Array {
  const x = new Float64Array(n * columns);
  for (let i = 0; i < n; i++) x.set(b.subarray(pivots[i]! * columns, (pivots[i]! + 1) * columns), i * columns);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const f = lu[i * n + k]!;
      if (f !== 0) for (let j = 0; j < columns; j++) x[i * columns + j] = x[i * columns + j]! - f * x[k * columns + j]!;
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) {
      const f = lu[i * n + k]!;
      if (f !== 0) for (let j = 0; j < columns; j++) x[i * columns + j] = x[i * columns + j]! - f * x[k * columns + j]!;
    }
    const d = lu[i * n + i]!;
    for (let j = 0; j < columns; j++) x[i * columns + j] = x[i * columns + j]! / d;
  }
  return x;
}

export function identityMatrix(n: number): Float64Array {
  const eye = new Float64Array(n * n);
  for (let i = 0; i < n; i++) eye[i * n + i] = 1;
  return eye;
}

/** The lower Cholesky factor of the lower triangle, or the order of the first minor that is not positive. */
export function choleskyFactor(a: Float64Array, n: number): Float64Array | number {
  const l = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    let d = a[j * n + j]!;
    for (let k = 0; k < j; k++) d -= l[j * n + k]! * l[j * n + k]!;
    if (!(d > 0)) return j + 1;
    const root = Math.sqrt(d);
    l[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let s = a[i * n + j]!;
      for (let k = 0; k < j; k++) s -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = s / root;
    }
  }
  return l;
}

/** Householder QR of an m x n matrix, packed as LAPACK does: R on and above the diagonal of `r`, the reflectors (I - tau v vᵀ), v of which begin with a 1 on it, below. */
export function householderFactor(a: Float64Array, m: number, n: number): { r: Float64Array; taus: Float64Array } {
  const r = Float64Array.from(a);
  const taus = new Float64Array(Math.min(m, n));
  for (let j = 0; j < taus.length; j++) {
    let below = 0;
    for (let i = j + 1; i < m; i++) below += r[i * n + j]! * r[i * n + j]!;
    if (!(below > 0)) continue;
    const alpha = r[j * n + j]!;
    const norm = Math.sqrt(alpha * alpha + below);
    const head = alpha >= 0 ? alpha + norm : alpha - norm;
    const tau = Math.abs(head) / norm;
    const v = reflectorOf(r, n, j, m);
    for (let i = j + 1; i < m; i++) v[i] = v[i]! / head;
    reflect(r, n, j, n, v, j, m, tau);
    for (let i = j + 1; i < m; i++) r[i * n + j] = v[i]!;
    taus[j] = tau;
  }
  return { r, taus };
}

/** The vector of reflector j: column j below the diagonal, with a 1 on it. */
function reflectorOf(r: Float64Array, n: number, j: number, m: number): Float64Array {
  const v = new Float64Array(m);
  v[j] = 1;
  for (let i = j + 1; i < m; i++) v[i] = r[i * n + j]!;
  return v;
}

/** QR of an m x n matrix with the signs of LAPACK: Q is m x q columns, R is q x n. */
export function qrFactor(a: Float64Array, m: number, n: number, q: number): { q: Float64Array; r: Float64Array } {
  const { r, taus } = householderFactor(a, m, n);
  const full = new Float64Array(m * q);
  for (let i = 0; i < Math.min(m, q); i++) full[i * q + i] = 1;
  for (let j = taus.length - 1; j >= 0; j--) reflect(full, q, 0, q, reflectorOf(r, n, j, m), j, m, taus[j]!);
  const upper = new Float64Array(q * n);
  for (let i = 0; i < q; i++) for (let j = i; j < n; j++) upper[i * n + j] = r[i * n + j]!;
  return { q: full, r: upper };
}

/** x <- (I - beta v vᵀ) x for the columns from `from` to `to`. */
function reflect(
  x: Float64Array,
  width: number,
  from: number,
  to: number,
  v: Float64Array,
  first: number,
  m: number,
  beta: number,
): void {
  if (beta === 0) return;
  for (let c = from; c < to; c++) {
    let s = 0;
    for (let i = first; i < m; i++) s += v[i]! * x[i * width + c]!;
    s *= beta;
    for (let i = first; i < m; i++) x[i * width + c] = x[i * width + c]! - s * v[i]!;
  }
}

/** Up to this many rows Jacobi rotations are quick, and more exact. */
const mostForJacobi = 24;

/** Eigenvalues in ascending order and eigenvectors (columns, where they are wanted) of a symmetric matrix. */
export function symmetricEigen(
  matrix: Float64Array,
  n: number,
  wanted = true,
): { values: Float64Array; vectors: Float64Array | null } {
  const reducible = n > mostForJacobi && matrix.every((x) => Number.isFinite(x));
  return reducible ? tridiagonalEigen(matrix, n, wanted) : jacobiEigen(matrix, n);
}

/** The same by Jacobi rotations. */
function jacobiEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(matrix);
  const v = identityMatrix(n);
  let scale = 0;
  for (const x of a) scale += x * x;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) off += a[i * n + j]! * a[i * n + j]!;
    if (!(off > 1e-34 * scale)) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q]!;
        if (apq === 0) continue;
        const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const kp = a[k * n + p]!;
          const kq = a[k * n + q]!;
          a[k * n + p] = c * kp - s * kq;
          a[k * n + q] = s * kp + c * kq;
        }
        for (let k = 0; k < n; k++) {
          const pk = a[p * n + k]!;
          const qk = a[q * n + k]!;
          a[p * n + k] = c * pk - s * qk;
          a[q * n + k] = s * pk + c * qk;
        }
        for (let k = 0; k < n; k++) {
          const kp = v[k * n + p]!;
          const kq = v[k * n + q]!;
          v[k * n + p] = c * kp - s * kq;
          v[k * n + q] = s * kp + c * kq;
        }
      }
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i]! - a[j * n + j]!);
  const values = Float64Array.from(order, (i) => a[i * n + i]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let k = 0; k < n; k++) vectors[k * n + to] = v[k * n + from]!;
  });
  return { values, vectors };
}

/** `U diag(S) Vᵀ` of an m x n matrix with k = min(m, n) singular values in descending order: U (m, k), V (n, k), by one-sided Jacobi rotations. */
export function singularValues(
  matrix: Float64Array,
  m: number,
  n: number,
): { u: Float64Array; s: Float64Array; v: Float64Array } {
  if (m < n) {
    const { u, s, v } = singularValues(transposed(matrix, m, n), n, m);
    return { u: v, s, v: u };
  }
  let largest = 0;
  for (let i = 0; i < m * n; i++) largest = Math.max(largest, Math.abs(matrix[i]!));
  const scale = largest > 0 && largest < Infinity ? largest : 1; // no square may overflow
  let a: Float64Array = transposed(matrix, m, n).map((x) => x / scale); // columns side by side: (n, m)
  let v: Float64Array = identityMatrix(n); // rows are columns of V
  if (n > mostForJacobi && largest < Infinity) {
    // Eigenvectors of AᵀA make the columns nearly orthogonal, and few rotations exact.
    v = transposed(tridiagonalEigen(product(a, a, n, m), n, true).vectors!, n, n);
    a = product(v, transposed(a, n, m), n, n);
  }
  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        let alpha = 0;
        let beta = 0;
        let gamma = 0;
        for (let i = 0; i < m; i++) {
          const x = a[p * m + i]!;
          const y = a[q * m + i]!;
          alpha += x * x;
          beta += y * y;
          gamma += x * y;
        }
        if (!(Math.abs(gamma) > 1e-15 * Math.sqrt(alpha * beta)) || gamma === 0) continue;
        rotated = true;
        const zeta = (beta - alpha) / (2 * gamma);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        rotateRows(a, m, p, q, c, c * t);
        rotateRows(v, n, p, q, c, c * t);
      }
    }
    if (!rotated) break;
  }
  const norms = Array.from({ length: n }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < m; i++) sum += a[j * m + i]! * a[j * m + i]!;
    return Math.sqrt(sum);
  });
  const order = norms.map((_, j) => j).sort((i, j) => norms[j]! - norms[i]!);
  const s = Float64Array.from(order, (j) => norms[j]!);
  const u = new Float64Array(m * n);
  const right = new Float64Array(n * n);
  const tiny = (s[0] ?? 0) * 1e-300;
  order.forEach((from, to) => {
    const zero = !(norms[from]! > tiny);
    for (let i = 0; i < m; i++) u[i * n + to] = zero ? 0 : a[from * m + i]! / norms[from]!;
    for (let i = 0; i < n; i++) right[i * n + to] = v[from * n + i]!;
  });
  completeColumns(u, m, n, s, tiny);
  return { u, s: s.map((x) => x * scale), v: right };
}

/** The product of an (rows, inner) matrix and the transpose of one with as many columns: each element is a product of two rows. */
function product(a: Float64Array, b: Float64Array, rows: number, inner: number): Float64Array {
  const columns = b.length / inner;
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[i * inner + k]! * b[j * inner + k]!;
      out[i * columns + j] = sum;
    }
  }
  return out;
}

function rotateRows(x: Float64Array, width: number, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < width; i++) {
    const xp = x[p * width + i]!;
    const xq = x[q * width + i]!;
    x[p * width + i] = c * xp - s * xq;
    x[q * width + i] = s * xp + c * xq;
  }
}

/** Columns of u that belong to singular values of 0 become orthonormal to the others. */
function completeColumns(u: Float64Array, m: number, n: number, s: Float64Array, tiny: number): void {
  for (let j = 0; j < n; j++) {
    if (s[j]! > tiny) continue;
    for (let candidate = 0; candidate < m; candidate++) {
      const column = new Float64Array(m);
      column[candidate] = 1;
      for (let pass = 0; pass < 2; pass++) {
        for (let k = 0; k < n; k++) {
          if (k === j || (k > j && !(s[k]! > tiny))) continue;
          let dot = 0;
          for (let i = 0; i < m; i++) dot += column[i]! * u[i * n + k]!;
          for (let i = 0; i < m; i++) column[i] = column[i]! - dot * u[i * n + k]!;
        }
      }
      const norm = Math.hypot(...column);
      if (norm < 0.5 / Math.sqrt(m)) continue;
      for (let i = 0; i < m; i++) u[i * n + j] = column[i]! / norm;
      break;
    }
  }
}

/** The transpose of an m x n matrix. */
export function transposed(a: Float64Array, m: number, n: number): Float64Array {
  const t = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) t[j * m + i] = a[i * n + j]!;
  return t;
}

function multiplied(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const f = a[i * n + k]!;
      if (f !== 0) for (let j = 0; j < n; j++) out[i * n + j] = out[i * n + j]! + f * b[k * n + j]!;
    }
  }
  return out;
}

/** The exponential of an n x n matrix: halved until its norm is below 1/2, Taylor's series (whose 16th term is below the last bit), and squared as often. */
export function exponential(matrix: Float64Array, n: number): Float64Array {
  let norm = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += Math.abs(matrix[i * n + j]!);
    norm = sum > norm || Number.isNaN(sum) ? sum : norm;
  }
  if (!Number.isFinite(norm)) return new Float64Array(n * n).fill(Number.NaN);
  const halvings = norm > 0.5 ? Math.ceil(Math.log2(norm)) + 1 : 0;
  const x = matrix.map((v) => v * 2 ** -halvings);
  let out = identityMatrix(n);
  for (let k = 16; k > 0; k--) {
    out = multiplied(x, out, n).map((v) => v / k);
    for (let i = 0; i < n; i++) out[i * n + i] = out[i * n + i]! + 1;
  }
  for (let i = 0; i < halvings; i++) out = multiplied(out, out, n);
  return out;
}
