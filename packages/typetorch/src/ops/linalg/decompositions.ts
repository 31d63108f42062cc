/**
 * Factorisations of matrices: Cholesky, QR, eigenvalues of symmetric matrices, singular values; and solving with triangular matrices.
 */
import { checkArguments } from "../arguments.ts";
import { int32 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { checkMatrices, elementsOf, sizesOf, tensorOf } from "./batches.ts";
import { choleskyFactor, qrFactor, singularValues, symmetricEigen, transposed } from "./dense.ts";
import { inv, invEx, solved } from "./inverse.ts";
import { matmul } from "./matmul.ts";

export type QrResult = ReturnType<readonly ["Q", "R"]>;
export type EighResult = ReturnType<readonly ["eigenvalues", "eigenvectors"]>;
export type SvdResult = ReturnType<readonly ["U", "S", "Vh"]>;
export type OldSvdResult = ReturnType<readonly ["U", "S", "V"]>;
export type CholeskyResult = ReturnType<readonly ["L", "info"]>;
export type TriangularResult = ReturnType<readonly ["solution", "cloned_coefficient"]>;

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link cholesky}. */
    cholesky(upper?: boolean | { upper?: boolean }): Tensor;
    /** The Q and R of `torch.qr`. */
    qr(some?: boolean | { some?: boolean }): QrResult;
    /** The U, S and V of `torch.svd`. */
    svd(options?: { some?: boolean; computeUv?: boolean }): OldSvdResult;
    triangularSolve(A: Tensor, options?: TriangularOptions): TriangularResult;
    /** See {@link symeig}. */
    symeig(options?: { eigenvectors?: boolean; upper?: boolean }): EighResult;
  }
}

/** A diagonal scaled: `x diag(s)`. */
const columnsTimes = (x: Tensor, s: Tensor): Tensor => x.mul(s.unsqueeze(-2));
const rowsTimes = (s: Tensor, x: Tensor): Tensor => x.mul(s.unsqueeze(-1));
/** The lower triangle and its mirror image. */
const mirrored = (x: Tensor): Tensor => x.tril().add(x.tril(-1).mT);

const choleskyOp = defineOp<{ infos: number[] | null; name: string }>({
  name: "linalg_cholesky_ex",
  saves: { outputs: [0] },
  run([x], { infos, name }) {
    const { n, batch, count } = sizesOf(x!);
    const elements = elementsOf(x!);
    const out = new Float64Array(elements.length);
    for (let i = 0; i < count; i++) {
      const factor = choleskyFactor(elements.subarray(i * n * n, (i + 1) * n * n), n);
      if (typeof factor !== "number") out.set(factor, i * n * n);
      else if (infos === null)
        throw new ValueError(
          `${name}: ${batch.length > 0 ? `(Batch element ${i}): ` : ""}The factorization could not be completed because the input is not positive-definite (the leading minor of order ${factor} is not positive-definite).`,
        );
      infos?.push(typeof factor === "number" ? factor : 0);
    }
    return tensorOf(out, x!.shape, x!.dtype);
  },
  backward([g], saved) {
    const l = saved.output(0);
    const inverse = invEx(l).inverse;
    const middle = mirrored(matmul(l.mT, g!)).mul(0.5);
    return [matmul(matmul(inverse.mT, middle), inverse)];
  },
});

/**
 * The lower triangular L (or upper, `upper`) with `L Lᵀ = A` of symmetric positive-definite matrices; only one triangle is read. As `torch.linalg.cholesky`.
 * @example
 * torch.linalg.cholesky(torch.tensor([[4, 0], [0, 9]])) // tensor([[2., 0.], [0., 3.]])
 */
export function cholesky(input: Tensor, upper: boolean | { upper?: boolean } = false): Tensor {
  checkArguments("cholesky(Tensor input, bool|options? upper, {bool upper})", input, upper);
  checkMatrices("linalg.cholesky", input, true);
  const up = typeof upper === "object" ? (upper.upper ?? false) : upper;
  const l = runtime.call(choleskyOp, [up ? input.mT : input], { infos: null, name: "linalg.cholesky" });
  return up ? l.mT : l;
}

/**
 * The Cholesky factor, and for each matrix 0 or the order of the first minor that is not positive. As `torch.linalg.cholesky_ex`.
 * @example
 * torch.linalg.choleskyEx(torch.tensor([[4, 2], [2, 3]]))[0] // tensor([[2.0000, 0.0000], [1.0000, 1.4142]])
 */
export function choleskyEx(input: Tensor, options: { upper?: boolean; checkErrors?: boolean } = {}): CholeskyResult {
  checkArguments("linalg_cholesky_ex(Tensor input, options? options, {bool upper, bool checkErrors})", input, options);
  checkMatrices("linalg.cholesky_ex", input, true);
  const infos: number[] = [];
  const strict = options.checkErrors ?? false;
  const x = options.upper ? input.mT : input;
  const l = runtime.call(choleskyOp, [x], { infos: strict ? null : infos, name: "linalg.cholesky_ex" });
  const info = runtime.newFull(input, sizesOf(input).batch, 0, int32);
  infos.forEach((order, i) => {
    info.data[i] = order;
  });
  return returnType("linalg_cholesky_ex", ["L", "info"] as const, [options.upper ? l.mT : l, info]);
}

const qrOp = defineOp<{ complete: boolean }>({
  name: "linalg_qr",
  saves: { inputs: [0], outputs: [0, 1] },
  run([x], { complete }) {
    const { m, n, batch, count } = sizesOf(x!);
    const columns = complete ? m : Math.min(m, n);
    const elements = elementsOf(x!);
    const qs = new Float64Array(count * m * columns);
    const rs = new Float64Array(count * columns * n);
    for (let i = 0; i < count; i++) {
      const { q, r } = qrFactor(elements.subarray(i * m * n, (i + 1) * m * n), m, n, columns);
      qs.set(q, i * m * columns);
      rs.set(r, i * columns * n);
    }
    return [tensorOf(qs, [...batch, m, columns], x!.dtype), tensorOf(rs, [...batch, columns, n], x!.dtype)];
  },
  backward([gq, gr], saved) {
    const x = saved.input(0);
    const [q, r] = [saved.output(0), saved.output(1)];
    const { m, n } = sizesOf(x);
    if (saved.attributes.complete && m > n)
      throw new ShapeError(
        "linalg_qr_backward: the QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
      );
    const gQ = gq ?? runtime.full(q.shape, 0, x.dtype);
    const gR = gr ?? runtime.full(r.shape, 0, x.dtype);
    if (m >= n) return [tallGradient(gQ, gR, q, r)];
    // A = [A1, A2], R = [R1, R2] with A2 = Q R2.
    const [r1, gR1, gR2] = [r.narrow(-1, 0, m), gR.narrow(-1, 0, m), gR.narrow(-1, m, n - m)];
    const right = x.narrow(-1, m, n - m);
    const first = tallGradient(gQ.add(matmul(right, gR2.mT)), gR1, q, r1);
    return [cat([first, matmul(q, gR2)], -1)];
  },
});

function tallGradient(gQ: Tensor, gR: Tensor, q: Tensor, r: Tensor): Tensor {
  const upper = matmul(gR, r.mT).sub(matmul(q.mT, gQ)).triu();
  const symmetric = upper.add(upper.triu(1).mT);
  return matmul(gQ.add(matmul(q, symmetric)), inv(r).mT);
}

/**
 * `A = Q R` with orthonormal columns Q and upper triangular R; mode 'reduced', 'complete' or 'r'. As `torch.linalg.qr`.
 * @example
 * torch.linalg.qr(torch.ones(3, 2))[0].shape // [3, 2]
 */
export function qr(
  input: Tensor,
  mode: "reduced" | "complete" | "r" | { mode?: "reduced" | "complete" | "r" } = "reduced",
): QrResult {
  checkArguments("linalg_qr(Tensor input, str|options? mode, {str mode})", input, mode);
  const kind = typeof mode === "object" ? (mode.mode ?? "reduced") : mode;
  checkMatrices("linalg.qr", input, false);
  if (kind !== "reduced" && kind !== "complete" && kind !== "r")
    throw new ValueError(
      `qr received unrecognized mode '${String(kind)}' but expected one of 'reduced' (default), 'r', or 'complete'`,
    );
  const [q, r] = runtime.callMany(qrOp, [input], { complete: kind === "complete" });
  return returnType("linalg_qr", ["Q", "R"] as const, [kind === "r" ? runtime.newEmpty(input, [0], input.dtype) : q!, r!]);
}

/** {@link qr} as the older `torch.qr` has it. */
export function oldQr(input: Tensor, some: boolean | { some?: boolean } = true): QrResult {
  checkArguments("qr(Tensor input, bool|options? some, {bool some})", input, some);
  const reduced = typeof some === "object" ? (some.some ?? true) : some;
  return qr(input, reduced ? "reduced" : "complete");
}

/** Eigenvalues of matrices of which one triangle is read, and eigenvectors where they are wanted. */
function eigenOf(x: Tensor, upper: boolean, wanted: boolean): Tensor[] {
  const { n, batch, count } = sizesOf(x);
  const elements = elementsOf(x);
  const values = new Float64Array(count * n);
  const vectors = new Float64Array(wanted ? count * n * n : 0);
  for (let b = 0; b < count; b++) {
    const a = elements.slice(b * n * n, (b + 1) * n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++) {
        if (upper) a[i * n + j] = a[j * n + i]!;
        else a[j * n + i] = a[i * n + j]!;
      }
    const e = symmetricEigen(a, n, wanted);
    values.set(e.values, b * n);
    if (wanted) vectors.set(e.vectors!, b * n * n);
  }
  const result = tensorOf(values, [...batch, n], x.dtype);
  return wanted ? [result, tensorOf(vectors, x.shape, x.dtype)] : [result];
}

const eigenvaluesOp = defineOp<{ upper: boolean }>({
  name: "linalg_eigvalsh",
  run: ([x], { upper }) => eigenOf(x!, upper, false)[0]!,
});

const eighOp = defineOp<{ upper: boolean }>({
  name: "linalg_eigh",
  saves: { outputs: [0, 1] },
  run: ([x], { upper }) => eigenOf(x!, upper, true),
  backward([gl, gv], saved) {
    const [l, v] = [saved.output(0), saved.output(1)];
    if (!gv) return [matmul(columnsTimes(v, gl!), v.mT)];
    const gaps = l.unsqueeze(-2).sub(l.unsqueeze(-1));
    const diagonal = eyeLike(v);
    let middle = matmul(v.mT, gv).div(gaps.where(diagonal.logicalNot(), 1)).where(diagonal.logicalNot(), 0);
    if (gl) middle = middle.add(gl.diagEmbed());
    // Both triangles of a symmetric matrix share what one of them is read for.
    const full = matmul(matmul(v, middle), v.mT);
    return [full.add(full.mT).mul(0.5)];
  },
});

/** True on the diagonal. */
function eyeLike(x: Tensor): Tensor {
  const n = x.shape[x.shape.length - 1]!;
  return runtime.newFull(x, [n], true, booleanOf(x)).diagEmbed();
}
const booleanOf = (x: Tensor): Tensor["dtype"] => runtime.withoutGrad(() => x.detach().ne(x.detach())).dtype;

function checkTriangle(uplo: string): boolean {
  if (uplo !== "L" && uplo !== "U" && uplo !== "l" && uplo !== "u")
    throw new ValueError(`Expected UPLO argument to be 'L' or 'U', but got ${uplo}`);
  return uplo === "U" || uplo === "u";
}

type UploOption = "L" | "U" | { UPLO?: "L" | "U" };
const uploOf = (o: UploOption): string => (typeof o === "object" ? (o.UPLO ?? "L") : o);

/**
 * Eigenvalues in ascending order and eigenvectors (columns) of symmetric matrices, of which one triangle is read. As `torch.linalg.eigh`.
 * @example
 * torch.linalg.eigh(torch.tensor([[4, 2], [2, 3]]))[0] // tensor([1.4384, 5.5616])
 */
export function eigh(input: Tensor, UPLO: UploOption = "L"): EighResult {
  checkArguments("linalg_eigh(Tensor input, str|options? UPLO, {str UPLO})", input, UPLO);
  checkMatrices("linalg.eigh", input, true);
  const results = runtime.callMany(eighOp, [input], { upper: checkTriangle(uploOf(UPLO)) });
  return returnType("linalg_eigh", ["eigenvalues", "eigenvectors"] as const, results);
}

/**
 * The eigenvalues of symmetric matrices in ascending order, as `torch.linalg.eigvalsh`.
 * @example
 * torch.linalg.eigvalsh(torch.tensor([[4, 2], [2, 3]])) // tensor([1.4384, 5.5616])
 */
export function eigvalsh(input: Tensor, UPLO: UploOption = "L"): Tensor {
  checkArguments("linalg_eigvalsh(Tensor input, str|options? UPLO, {str UPLO})", input, UPLO);
  checkMatrices("linalg.eigvalsh", input, true);
  const attributes = { upper: checkTriangle(uploOf(UPLO)) };
  // the derivative is made of the vectors
  return runtime.recording([input])
    ? runtime.callMany(eighOp, [input], attributes)[0]!
    : runtime.call(eigenvaluesOp, [input], attributes);
}

/**
 * {@link eigh} as the older `torch.symeig` has it: without `eigenvectors` only the values, and the other result is empty; `upper` (default) tells which triangle is read.
 * @example
 * torch.symeig(torch.tensor([[2, 0], [0, 1]])).eigenvalues // tensor([1., 2.])
 */
export function symeig(
  input: Tensor,
  eigenvectors: boolean | { eigenvectors?: boolean; upper?: boolean } = false,
  upper = true,
): EighResult {
  checkArguments(
    "symeig(Tensor input, bool|options? eigenvectors, bool? upper, {bool eigenvectors, bool upper})",
    input,
    eigenvectors,
    upper,
  );
  const o = typeof eigenvectors === "object" ? eigenvectors : { eigenvectors, upper };
  checkMatrices("symeig", input, true);
  const [values, vectors] = runtime.callMany(eighOp, [input], { upper: o.upper ?? true });
  return returnType("symeig", ["eigenvalues", "eigenvectors"] as const, [
    values!,
    o.eigenvectors ? vectors! : runtime.newEmpty(input, [0], input.dtype),
  ]);
}

const svdOp: Op<{ full: boolean }> = defineOp<{ full: boolean }>({
  name: "linalg_svd",
  saves: { outputs: [0, 1, 2] },
  run([x], { full }) {
    const { m, n, batch, count } = sizesOf(x!);
    const k = Math.min(m, n);
    const [uColumns, vRows] = full ? [m, n] : [k, k];
    const elements = elementsOf(x!);
    const us = new Float64Array(count * m * uColumns);
    const ss = new Float64Array(count * k);
    const vs = new Float64Array(count * vRows * n);
    for (let b = 0; b < count; b++) {
      const { u, s, v } = singularValues(elements.subarray(b * m * n, (b + 1) * m * n), m, n);
      us.set(full ? completed(u, m, k) : u, b * m * uColumns);
      ss.set(s, b * k);
      vs.set(full ? transposed(completed(v, n, k), n, n) : transposed(v, n, k), b * vRows * n);
    }
    const dtype = x!.dtype;
    return [
      tensorOf(us, [...batch, m, uColumns], dtype),
      tensorOf(ss, [...batch, k], dtype),
      tensorOf(vs, [...batch, vRows, n], dtype),
    ];
  },
  backward([gU, gS, gVh], saved) {
    const s = saved.output(1);
    const k = s.shape[s.shape.length - 1]!;
    const u = saved.output(0).narrow(-1, 0, k);
    const v = saved.output(2).narrow(-2, 0, k).mT;
    if (!gU && !gVh) return [gS ? matmul(columnsTimes(u, gS), v.mT) : null];
    const skew = (t: Tensor): Tensor => t.sub(t.mT);
    const diagonal = runtime.newFull(s, [k], true, booleanOf(s)).diagEmbed();
    const squares = s.mul(s);
    const gaps = squares.unsqueeze(-2).sub(squares.unsqueeze(-1)).where(diagonal.logicalNot(), 1);
    const du = gU ? gU.narrow(-1, 0, k) : null;
    const dv = gVh ? gVh.narrow(-2, 0, k).mT : null;
    let middle = gS ? gS.diagEmbed() : runtime.full([...s.shape, k], 0, s.dtype);
    if (du) middle = middle.add(columnsTimes(skew(matmul(u.mT, du)).div(gaps), s));
    if (dv) middle = middle.add(rowsTimes(s, skew(matmul(v.mT, dv)).div(gaps)));
    let g = matmul(matmul(u, middle), v.mT);
    if (du && u.shape[u.shape.length - 2]! > k) {
      const scaled = columnsTimes(du, s.reciprocal());
      g = g.add(matmul(scaled.sub(matmul(u, matmul(u.mT, scaled))), v.mT));
    }
    if (dv && v.shape[v.shape.length - 2]! > k) {
      const scaled = columnsTimes(dv, s.reciprocal());
      g = g.add(matmul(u, scaled.sub(matmul(v, matmul(v.mT, scaled))).mT));
    }
    return [g];
  },
});

/** k orthonormal columns of length m completed to m of them. */
function completed(u: Float64Array, m: number, k: number): Float64Array {
  const { q, r } = qrFactor(u, m, k, m);
  for (let j = 0; j < k; j++) if (r[j * k + j]! < 0) for (let i = 0; i < m; i++) q[i * m + j] = -q[i * m + j]!;
  return q;
}

/**
 * `A = U diag(S) Vh`, singular values in descending order; with `fullMatrices` (default) U and Vh are square. As `torch.linalg.svd`.
 * @example
 * torch.linalg.svd(torch.ones(3, 2))[0].shape // [3, 3]
 */
export function svd(input: Tensor, options: { fullMatrices?: boolean; driver?: string | null } | boolean = {}): SvdResult {
  checkArguments("linalg_svd(Tensor input, bool|options? options, {bool fullMatrices, str|None driver})", input, options);
  checkMatrices("linalg.svd", input, false);
  const full = typeof options === "boolean" ? options : (options.fullMatrices ?? true);
  return returnType("linalg_svd", ["U", "S", "Vh"] as const, runtime.callMany(svdOp, [input], { full }));
}

/**
 * The singular values in descending order, as `torch.linalg.svdvals`.
 * @example
 * torch.linalg.svdvals(torch.tensor([[4, 2], [2, 3]])) // tensor([5.5616, 1.4384])
 */
export function svdvals(input: Tensor, _options?: { driver?: string | null }): Tensor {
  checkArguments("linalg_svdvals(Tensor input, options? _options, {str|None driver})", input, _options);
  checkMatrices("linalg.svdvals", input, false);
  return runtime.callMany(svdOp, [input], { full: false })[1]!;
}

/** {@link svd} as the older `torch.svd` has it: U, S and V (not transposed), reduced unless `some` is false. */
export function oldSvd(
  input: Tensor,
  some: boolean | { some?: boolean; computeUv?: boolean } = true,
  computeUv = true,
): OldSvdResult {
  checkArguments("svd(Tensor input, bool|options? some, bool? computeUv, {bool some, bool computeUv})", input, some, computeUv);
  const o = typeof some === "object" ? some : { some, computeUv };
  checkMatrices("linalg.svd", input, false);
  const names = ["U", "S", "V"] as const;
  if (o.computeUv === false) {
    const { m, n, batch } = sizesOf(input);
    const s = svdvals(input);
    const zeros = (size: number): Tensor => runtime.newFull(input, [...batch, size, size], 0, input.dtype);
    return returnType("svd", names, [zeros(m), s, zeros(n)]);
  }
  const { U, S, Vh } = svd(input, { fullMatrices: !(o.some ?? true) });
  return returnType("svd", names, [U, S, Vh.mT]);
}

export interface TriangularOptions {
  upper?: boolean;
  transpose?: boolean;
  unitriangular?: boolean;
}

/**
 * Solves `A X = B` (or `X A = B`) for triangular A, of which the other triangle is not read. As `torch.linalg.solve_triangular`.
 * @example
 * torch.linalg.solveTriangular(torch.tensor([[2, 1], [0, 4]]), torch.tensor([[4], [8]]), { upper: true }) // tensor([[1.], [2.]])
 */
export function solveTriangular(
  input: Tensor,
  B: Tensor,
  options: { upper: boolean; left?: boolean; unitriangular?: boolean },
): Tensor {
  checkArguments(
    "linalg_solve_triangular(Tensor input, Tensor B, options options, {bool upper, bool left, bool unitriangular})",
    input,
    B,
    options,
  );
  checkMatrices("linalg.solve_triangular", input, true);
  const { upper, left = true, unitriangular = false } = options;
  let a = upper ? input.triu(unitriangular ? 1 : 0) : input.tril(unitriangular ? -1 : 0);
  if (unitriangular) a = a.add(eyeLike(input).toDtype(a.dtype));
  const batch = broadcastShapes(a.shape.slice(0, -2), B.shape.slice(0, -2));
  const b = B.expand([...batch, ...B.shape.slice(-2)]);
  return solved(a.expand([...batch, ...a.shape.slice(-2)]), b, left, false);
}

/**
 * Solves `A X = B` for triangular A, as the older `torch.triangular_solve`.
 * @example
 * torch.triangularSolve(torch.tensor([[4], [8]]), torch.tensor([[2, 1], [0, 4]]))[0] // tensor([[1.], [2.]])
 */
export function triangularSolve(
  input: Tensor,
  A: Tensor,
  upper: boolean | TriangularOptions = true,
  transpose = false,
  unitriangular = false,
): TriangularResult {
  checkArguments(
    "triangular_solve(Tensor input, Tensor A, bool|options? upper, bool? transpose, bool? unitriangular, {bool upper, bool transpose, bool unitriangular})",
    input,
    A,
    upper,
    transpose,
    unitriangular,
  );
  const o: TriangularOptions = typeof upper === "object" ? upper : { upper, transpose, unitriangular };
  for (const [name, x] of [
    ["b", input],
    ["A", A],
  ] as const) {
    if (x.shape.length < 2)
      throw new ShapeError(
        `torch.triangular_solve: Expected ${name} to have at least 2 dimensions, but it has ${x.shape.length} dimensions instead`,
      );
  }
  const up = o.upper ?? true;
  const x = solveTriangular(o.transpose ? A.mT : A, input, {
    upper: o.transpose ? !up : up,
    unitriangular: o.unitriangular ?? false,
  });
  const batch = broadcastShapes(A.shape.slice(0, -2), input.shape.slice(0, -2));
  return returnType("triangular_solve", ["solution", "cloned_coefficient"] as const, [
    x,
    A.expand([...batch, ...A.shape.slice(-2)]).clone(),
  ]);
}

method("cholesky", cholesky);
method("qr", oldQr);
method("svd", oldSvd);
method("symeig", symeig);
method("triangularSolve", triangularSolve);
