/**
 * The factorisation `A = P L D Lᵀ Pᵀ` of symmetric matrices that need not be positive definite (Bunch and Kaufman 1977), in LAPACK's packed form: D, with
 * diagonal blocks of 1 or 2, on the diagonal (a block of 2 has its other element below), L without its ones below. Positive pivots are row numbers, from 1, of blocks of 1; two
 * equal negative ones belong to a block of 2.
 */
import { int32, kernelName } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { defineOp } from "../op.ts";
import { toOut } from "../outputs.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { checkMatrices, elementsOf, sizesOf, tensorOf } from "./batches.ts";

export type LdlFactor = ReturnType<readonly ["LD", "pivots"]>;
export type LdlFactorInfo = ReturnType<readonly ["LD", "pivots", "info"]>;

/** Bounds the growth of elements. */
const ALPHA = (1 + Math.sqrt(17)) / 8;

/** One n x n matrix, of which the lower triangle counts; it is replaced. */
class SymmetricFactor {
  readonly a: Float64Array;
  readonly n: number;
  readonly pivots: Int32Array;
  /** The first zero block, from 1, or 0. */
  info = 0;

  constructor(a: Float64Array, n: number) {
    this.a = a;
    this.n = n;
    this.pivots = new Int32Array(n);
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) a[i * n + j] = 0;
    for (let k = 0; k < n; ) k += this.step(k);
  }

  private at(i: number, j: number): number {
    return this.a[i * this.n + j]!;
  }
  private exchange(i: number, j: number, p: number, q: number): void {
    const { a, n } = this;
    const t = a[i * n + j]!;
    a[i * n + j] = a[p * n + q]!;
    a[p * n + q] = t;
  }

  /** The row of the largest element of column k below `from`. */
  private largest(k: number, from: number): number {
    let best = from;
    for (let i = from + 1; i < this.n; i++) if (Math.abs(this.at(i, k)) > Math.abs(this.at(best, k))) best = i;
    return best;
  }

  /** Which row becomes the pivot, and how large the block is. */
  private choose(k: number): { row: number; size: 1 | 2 } {
    const { n } = this;
    const diagonal = Math.abs(this.at(k, k));
    const row = k < n - 1 ? this.largest(k, k + 1) : k;
    const column = k < n - 1 ? Math.abs(this.at(row, k)) : 0;
    if (Math.max(diagonal, column) === 0 || Number.isNaN(diagonal) || diagonal >= ALPHA * column) return { row: k, size: 1 };
    let others = 0;
    for (let j = k; j < row; j++) others = Math.max(others, Math.abs(this.at(row, j)));
    for (let i = row + 1; i < n; i++) others = Math.max(others, Math.abs(this.at(i, row)));
    if (diagonal >= ALPHA * column * (column / others)) return { row: k, size: 1 };
    return Math.abs(this.at(row, row)) >= ALPHA * others ? { row, size: 1 } : { row, size: 2 };
  }

  private step(k: number): number {
    const { row, size } = this.choose(k);
    const last = k + size - 1;
    if (row !== last) {
      for (let i = row + 1; i < this.n; i++) this.exchange(i, last, i, row);
      for (let i = last + 1; i < row; i++) this.exchange(i, last, row, i);
      this.exchange(last, last, row, row);
      if (size === 2) this.exchange(k + 1, k, row, k);
    }
    this.pivots.fill(size === 1 ? row + 1 : -(row + 1), k, k + size);
    if (size === 1) this.eliminate(k);
    else this.eliminatePair(k);
    return size;
  }

  private eliminate(k: number): void {
    const { a, n } = this;
    const pivot = this.at(k, k);
    if (pivot === 0) {
      if (this.info === 0) this.info = k + 1;
      return;
    }
    for (let j = k + 1; j < n; j++) {
      const scaled = this.at(j, k) / pivot;
      for (let i = j; i < n; i++) a[i * n + j] = this.at(i, j) - this.at(i, k) * scaled;
    }
    for (let i = k + 1; i < n; i++) a[i * n + k] = this.at(i, k) / pivot;
  }

  private eliminatePair(k: number): void {
    const { a, n } = this;
    const between = this.at(k + 1, k);
    const [first, second] = [this.at(k + 1, k + 1) / between, this.at(k, k) / between];
    const scale = 1 / (first * second - 1) / between;
    for (let j = k + 2; j < n; j++) {
      const left = scale * (first * this.at(j, k) - this.at(j, k + 1));
      const right = scale * (second * this.at(j, k + 1) - this.at(j, k));
      for (let i = j; i < n; i++) a[i * n + j] = this.at(i, j) - this.at(i, k) * left - this.at(i, k + 1) * right;
      a[j * n + k] = left;
      a[j * n + k + 1] = right;
    }
  }
}

/** Rows of an n x columns matrix, for the substitutions. */
class Rows {
  readonly x: Float64Array;
  readonly columns: number;
  constructor(x: Float64Array, columns: number) {
    this.x = x;
    this.columns = columns;
  }
  swap(i: number, j: number): void {
    const { x, columns } = this;
    for (let c = 0; c < columns; c++) {
      const t = x[i * columns + c]!;
      x[i * columns + c] = x[j * columns + c]!;
      x[j * columns + c] = t;
    }
  }
  /** Row i less `factor` times row k. */
  subtract(i: number, k: number, factor: number): void {
    const { x, columns } = this;
    for (let c = 0; c < columns; c++) x[i * columns + c] = x[i * columns + c]! - factor * x[k * columns + c]!;
  }
}

function solveSymmetric(a: Float64Array, pivots: ArrayLike<number>, n: number, x: Float64Array, columns: number): void {
  const rows = new Rows(x, columns);
  for (let k = 0; k < n; ) {
    const size = pivots[k]! > 0 || k === n - 1 ? 1 : 2;
    const other = Math.abs(pivots[k]!) - 1;
    rows.swap(k + size - 1, other);
    for (let i = k + size; i < n; i++) for (let j = k; j < k + size; j++) rows.subtract(i, j, a[i * n + j]!);
    for (let c = 0; c < columns; c++) {
      const at = k * columns + c;
      if (size === 1) x[at] = x[at]! / a[k * n + k]!;
      else {
        const between = a[(k + 1) * n + k]!;
        const [first, second] = [a[k * n + k]! / between, a[(k + 1) * n + k + 1]! / between];
        const [u, v] = [x[at]! / between, x[at + columns]! / between];
        const determinant = first * second - 1;
        x[at] = (second * u - v) / determinant;
        x[at + columns] = (first * v - u) / determinant;
      }
    }
    k += size;
  }
  for (let k = n - 1; k >= 0; ) {
    const size = pivots[k]! > 0 || k === 0 ? 1 : 2;
    for (let j = k; j > k - size; j--) for (let i = k + 1; i < n; i++) rows.subtract(j, i, a[i * n + j]!);
    rows.swap(k, Math.abs(pivots[k]!) - 1);
    k -= size;
  }
}

const factorOp = defineOp<{ strict: boolean }>({
  name: "linalg_ldl_factor_ex",
  run([x], { strict }) {
    const { n, batch, count } = sizesOf(x!);
    const elements = Float64Array.from(elementsOf(x!));
    const pivots = runtime.full([...batch, n], 0, int32);
    const info = runtime.full(batch, 0, int32);
    for (let b = 0; b < count; b++) {
      const factor = new SymmetricFactor(elements.subarray(b * n * n, (b + 1) * n * n), n);
      if (strict && factor.info > 0)
        throw new ValueError(
          `torch.linalg.ldl_factor: ${batch.length > 0 ? `(Batch element ${b}): ` : ""}The diagonal block ${factor.info} of D is zero`,
          "the matrix is singular: ldlFactorEx gives its factors and does not throw",
        );
      (pivots.data as Int32Array).set(factor.pivots, b * n);
      info.data[b] = factor.info;
    }
    return [tensorOf(elements, x!.shape, x!.dtype), pivots, info];
  },
});

interface LdlOptions {
  /** Makes a difference for complex matrices only. */
  hermitian?: boolean;
  checkErrors?: boolean;
}

/**
 * `A = P L D Lᵀ Pᵀ` of symmetric matrices (…, n, n), of which the lower triangle is read, in LAPACK's packed form. As `torch.linalg.ldl_factor`; no derivative.
 * Throws for a singular matrix.
 * @example
 * torch.linalg.ldlFactor(torch.tensor([[4, 2], [2, 3]])).LD // tensor([[4.0000, 0.0000], [0.5000, 2.0000]])
 */
export function ldlFactor(input: Tensor, options: LdlOptions = {}): LdlFactor {
  checkArguments("linalg_ldl_factor(Tensor input, options? options, {bool hermitian})", input, options);
  checkMatrices("torch.linalg.ldl_factor_ex", input, true);
  const [LD, pivots] = runtime.callMany(factorOp, [input], { strict: true });
  return returnType("linalg_ldl_factor", ["LD", "pivots"] as const, [LD!, pivots!]);
}

/**
 * {@link ldlFactor} that does not throw: `info` is 0 or the place of the first zero block of D. As `torch.linalg.ldl_factor_ex`.
 * @example
 * torch.linalg.ldlFactorEx(torch.tensor([[4, 2], [2, 3]]))[0] // tensor([[4.0000, 0.0000], [0.5000, 2.0000]])
 */
export function ldlFactorEx(input: Tensor, options: LdlOptions = {}): LdlFactorInfo {
  checkArguments("linalg_ldl_factor_ex(Tensor input, options? options, {bool hermitian, bool checkErrors})", input, options);
  checkMatrices("torch.linalg.ldl_factor_ex", input, true);
  const results = runtime.callMany(factorOp, [input], { strict: options.checkErrors ?? false });
  return returnType("linalg_ldl_factor_ex", ["LD", "pivots", "info"] as const, results);
}

const solveOp = defineOp<null>({
  name: "linalg_ldl_solve",
  run([ld, pivots, b]) {
    const { n: columns, count } = sizesOf(b!);
    const n = ld!.shape[ld!.shape.length - 1]!;
    const x = Float64Array.from(elementsOf(b!));
    const factors = elementsOf(ld!);
    const order = elementsOf(pivots!);
    for (let i = 0; i < count; i++) {
      const place = order.subarray(i * n, (i + 1) * n);
      if (place.some((p) => p === 0 || Math.abs(p) > n))
        throw new ValueError("torch.linalg.ldl_solve: pivots must be between 1 and n, or between -n and -1", `n is ${n}`);
      solveSymmetric(
        factors.subarray(i * n * n, (i + 1) * n * n),
        place,
        n,
        x.subarray(i * n * columns, (i + 1) * n * columns),
        columns,
      );
    }
    return tensorOf(x, b!.shape, b!.dtype);
  },
});

/**
 * Solves `A X = B` for A given by {@link ldlFactor}: (…, n, k) gives (…, n, k). As `torch.linalg.ldl_solve`.
 * @example
 * const { LD, pivots } = torch.linalg.ldlFactor(torch.tensor([[4, 2], [2, 3]]));
 * torch.linalg.ldlSolve(LD, pivots, torch.tensor([[8], [8]])) // tensor([[1.], [2.]])
 */
export function ldlSolve(LD: Tensor, pivots: Tensor, B: Tensor, options: { hermitian?: boolean; out?: Tensor } = {}): Tensor {
  checkArguments(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, options? options, {bool hermitian, Tensor out})",
    LD,
    pivots,
    B,
    options,
  );
  const name = "torch.linalg.ldl_solve";
  checkMatrices(name, LD, true, "LD");
  if (B.shape.length < 2)
    throw new ShapeError(`${name}: Expected B to have at least 2 dimensions, but it has ${B.shape.length} dimensions instead`);
  if (!sameShape(LD.shape.slice(0, -1), pivots.shape))
    throw new ShapeError(
      `${name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape [${pivots.shape.join(", ")}] instead`,
    );
  if (pivots.dtype.isFloatingPoint || pivots.dtype.isComplex || pivots.dtype.key === "bool")
    throw new DTypeError(`${name}: Expected pivots to be integers. Got ${kernelName(pivots.dtype)}`);
  if (LD.dtype !== B.dtype)
    throw new DTypeError(`${name}: LD dtype ${kernelName(LD.dtype)} does not match b dtype ${kernelName(B.dtype)}`);
  const [n, rows, columns] = [LD.shape[LD.shape.length - 1]!, ...B.shape.slice(-2)] as [number, number, number];
  if (rows !== n)
    throw new ShapeError(
      `Incompatible matrix sizes for ${name}: each A matrix is ${n} by ${n} but each b matrix is ${rows} by ${columns}`,
    );
  const batch = broadcastShapes(LD.shape.slice(0, -2), B.shape.slice(0, -2));
  const operands = [LD.expand([...batch, n, n]), pivots.expand([...batch, n]), B.expand([...batch, rows, columns])];
  return toOut("linalg_ldl_solve", runtime.call(solveOp, operands, null), options.out);
}
