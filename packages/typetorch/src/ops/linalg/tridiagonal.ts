/**
 * Eigenvalues of larger symmetric matrices: by Householder reflections to a tridiagonal one, then by the QL iteration with implicit shifts.
 * @source Golub and Van Loan, Matrix Computations, chapter 8
 */

/** Sweeps for one eigenvalue; two are usual. */
const mostSweeps = 60;

/**
 * Eigenvalues in ascending order and, when they are wanted, eigenvectors (columns) of a finite symmetric matrix of n > 1 rows, whose lower triangle is read.
 */
export function tridiagonalEigen(
  matrix: Float64Array,
  n: number,
  wanted: boolean,
): { values: Float64Array; vectors: Float64Array | null } {
  let largest = 0;
  for (let i = 0; i < n * n; i++) largest = Math.max(largest, Math.abs(matrix[i]!));
  const scale = largest > 0 ? largest : 1;
  const a = matrix.map((x) => x / scale);
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n); // element i lies between i and i + 1
  const factors = reduce(a, n, diagonal, beside);
  const rows = wanted ? reflections(a, n, factors) : null;
  iterate(diagonal, beside, n, rows);
  const order = Int32Array.from({ length: n }, (_, i) => i).sort((i, j) => diagonal[i]! - diagonal[j]!);
  const values = Float64Array.from(order, (i) => diagonal[i]! * scale);
  if (rows === null) return { values, vectors: null };
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let k = 0; k < n; k++) vectors[k * n + to] = rows[from * n + k]!;
  });
  return { values, vectors };
}

/**
 * Reduces the lower triangle of `a`. Reflector k, I - factor v vᵀ, works on the rows below k; column k of `a` then holds its v. Gives the factors.
 */
function reduce(a: Float64Array, n: number, diagonal: Float64Array, beside: Float64Array): Float64Array {
  const factors = new Float64Array(n);
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    const first = k + 1;
    diagonal[k] = a[k * n + k]!;
    let below = 0;
    for (let i = first; i < n; i++) v[i] = a[i * n + k]!;
    for (let i = first + 1; i < n; i++) below += v[i]! * v[i]!;
    const head = v[first]!;
    if (below === 0) {
      beside[k] = head;
      continue;
    }
    const norm = Math.sqrt(head * head + below);
    beside[k] = head >= 0 ? -norm : norm;
    v[first] = head - beside[k]!;
    const factor = 2 / (v[first]! * v[first]! + below);
    factors[k] = factor;
    multiply(a, n, first, v, p);
    let dot = 0;
    for (let i = first; i < n; i++) dot += p[i]! * v[i]!;
    const half = (factor * factor * dot) / 2;
    for (let i = first; i < n; i++) p[i] = factor * p[i]! - half * v[i]!;
    for (let i = first; i < n; i++) {
      const [vi, pi, row] = [v[i]!, p[i]!, i * n];
      for (let j = first; j <= i; j++) a[row + j] = a[row + j]! - vi * p[j]! - pi * v[j]!;
    }
    for (let i = first; i < n; i++) a[i * n + k] = v[i]!;
  }
  diagonal[n - 1] = a[n * n - 1]!;
  return factors;
}

/** p = A v for the symmetric matrix whose lower triangle are the rows from `first` on. */
function multiply(a: Float64Array, n: number, first: number, v: Float64Array, p: Float64Array): void {
  for (let i = first; i < n; i++) {
    const row = i * n;
    const vi = v[i]!;
    let sum = a[row + i]! * vi;
    for (let j = first; j < i; j++) {
      const x = a[row + j]!;
      sum += x * v[j]!;
      p[j] = p[j]! + x * vi;
    }
    p[i] = sum;
  }
}

/** The transposed product of all reflectors: its rows become the eigenvectors. */
function reflections(a: Float64Array, n: number, factors: Float64Array): Float64Array {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  const v = new Float64Array(n);
  for (let k = n - 2; k >= 0; k--) {
    const factor = factors[k]!;
    if (factor === 0) continue;
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k]!;
    // Of the product so far only the rows and columns after k are not those of the identity.
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      let dot = 0;
      for (let j = k + 1; j < n; j++) dot += q[row + j]! * v[j]!;
      dot *= factor;
      for (let j = k + 1; j < n; j++) q[row + j] = q[row + j]! - dot * v[j]!;
    }
  }
  return q;
}

/** Makes the tridiagonal matrix diagonal; every rotation of its rows i and i + 1 turns those of `rows`, too. */
function iterate(d: Float64Array, e: Float64Array, n: number, rows: Float64Array | null): void {
  e[n - 1] = 0;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; sweep < mostSweeps; sweep++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
      if (m === l) break;
      const ratio = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      const root = Math.sqrt(ratio * ratio + 1);
      let g = d[m]! - d[l]! + e[l]! / (ratio >= 0 ? ratio + root : ratio - root);
      let [s, c, shift] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        const r = Math.sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r === 0) break;
        s = f / r;
        c = g / r;
        g = d[i + 1]! - shift;
        const t = (d[i]! - g) * s + 2 * c * b;
        shift = s * t;
        d[i + 1] = g + shift;
        g = c * t - b;
        if (rows !== null) rotate(rows, n, i, c, s);
      }
      if (i >= l) {
        d[i + 1] = d[i + 1]! - shift; // the matrix falls apart here
        e[m] = 0;
        continue;
      }
      d[l] = d[l]! - shift;
      e[l] = g;
      e[m] = 0;
    }
  }
}

function rotate(rows: Float64Array, n: number, i: number, c: number, s: number): void {
  const upper = i * n;
  const lower = upper + n;
  for (let k = 0; k < n; k++) {
    const x = rows[upper + k]!;
    const y = rows[lower + k]!;
    rows[upper + k] = c * x - s * y;
    rows[lower + k] = s * x + c * y;
  }
}
