/**
 * The LU factorisation with partial pivoting, `A = P L U`, and solving with it. Pivots are LAPACK's: in step k, row k and row `pivots[k] - 1` changed places.
 */
import { int32, kernelName } from "../../core/dtype.ts";
import { DTypeError, NotSupportedError, ShapeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { eye } from "../factory/range.ts";
import { cat } from "../memory/cat.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { toOut } from "../outputs.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { checkMatrices, elementsOf, sizesOf, tensorOf } from "./batches.ts";
import { solveTriangular } from "./decompositions.ts";
import { factorize } from "./dense.ts";
import { matmul } from "./matmul.ts";

export type LuFactor = ReturnType<readonly ["LU", "pivots"]>;
export type LuFactorInfo = ReturnType<readonly ["LU", "pivots", "info"]>;
export type LuParts = ReturnType<readonly ["P", "L", "U"]>;

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link lu}. */
    lu(options?: LuOptions): Tensor[] | LuFactorInfo;
    /** See {@link luSolve}. */
    luSolve(LU_data: Tensor, LU_pivots: Tensor, options?: { out?: Tensor }): Tensor;
  }
}

const lowerPart = (x: Tensor, rows: number, columns: number): Tensor => x.narrow(-2, 0, rows).narrow(-1, 0, columns);
const transposedSolve = (a: Tensor, b: Tensor, upper: boolean): Tensor =>
  solveTriangular(a.mT, b, { upper: !upper, unitriangular: !upper });

/** The permutation of rows that the pivots make: row i of `L U` is row `order[i]` of A. */
function orderOf(pivots: ArrayLike<number>, from: number, k: number, rows: number): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  for (let i = 0; i < k; i++) {
    const other = pivots[from + i]! - 1;
    if (!(other >= 0 && other < rows))
      throw new ValueError(
        "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of lu_factor?",
      );
    const t = order[i]!;
    order[i] = order[other]!;
    order[other] = t;
  }
  return order;
}

/** P (…, rows, rows) of the pivots, in the dtype and on the device of `like`. */
function permutation(like: Tensor, pivots: Tensor, rows: number): Tensor {
  const batch = pivots.shape.slice(0, -1);
  const k = pivots.shape[pivots.shape.length - 1]!;
  const given = runtime.withoutGrad(() => pivots.detach().contiguous().data) as Int32Array;
  const count = batch.reduce((a, b) => a * b, 1);
  const elements = new Float64Array(count * rows * rows);
  for (let b = 0; b < count; b++) {
    orderOf(given, b * k, k, rows).forEach((row, i) => {
      elements[(b * rows + row) * rows + i] = 1;
    });
  }
  return runtime.on(like.device, () => tensorOf(elements, [...batch, rows, rows], like.dtype));
}

const factorOp = defineOp<{ name: string; strict: boolean }>({
  name: "linalg_lu_factor_ex",
  saves: { outputs: [0, 1] },
  run([x], { name, strict }) {
    const { m, n, batch, count } = sizesOf(x!);
    const k = Math.min(m, n);
    const elements = elementsOf(x!);
    const out = new Float64Array(elements.length);
    const pivots = runtime.full([...batch, k], 0, int32);
    const info = runtime.full(batch, 0, int32);
    for (let b = 0; b < count; b++) {
      const { lu, swaps, singular } = factorize(elements.subarray(b * m * n, (b + 1) * m * n), m, n);
      if (strict && singular >= 0)
        throw new ValueError(
          `torch.linalg.${name}: ${batch.length > 0 ? `(Batch element ${b}): ` : ""}U[${singular + 1},${singular + 1}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)`,
        );
      out.set(lu, b * m * n);
      swaps.forEach((row, i) => {
        pivots.data[b * k + i] = row + 1;
      });
      info.data[b] = singular + 1;
    }
    return [tensorOf(out, x!.shape, x!.dtype), pivots, info];
  },
  backward([g], saved) {
    if (!g) return [null];
    const lu = saved.output(0);
    const { m, n } = sizesOf(lu);
    const k = Math.min(m, n);
    const square = lowerPart(lu, k, k);
    const [gSquare, L, U] = [lowerPart(g, k, k), square, square.triu()];
    let gL = gSquare.tril(-1);
    let gU = gSquare.triu();
    let rest: Tensor | null = null;
    if (m < n) {
      // A = P [L U1, L U2]
      rest = transposedSolve(L, g.narrow(-1, k, n - k), false);
      gL = gL.sub(matmul(rest, lu.narrow(-1, k, n - k).mT));
    } else if (m > n) {
      // A = P [L1 U; L2 U]
      rest = solveTriangular(U.mT, g.narrow(-2, k, m - k), { upper: false, left: false });
      gU = gU.sub(matmul(lu.narrow(-2, k, m - k).mT, rest));
    }
    const unit = L.tril(-1).add(eye(k, { dtype: lu.dtype, device: lu.device }));
    const middle = matmul(unit.mT, gL).tril(-1).add(matmul(gU, U.mT).triu());
    const first = solveTriangular(U.mT, transposedSolve(L, middle, false), { upper: false, left: false });
    const whole = rest === null ? first : cat([first, rest], m < n ? -1 : -2);
    return [matmul(permutation(lu, saved.output(1), m), whole)];
  },
});

function checkPivot(pivot: boolean): void {
  if (!pivot) throw new NotSupportedError("linalg.lu_factor: LU without pivoting is not implemented on the CPU");
}

function factored(name: string, x: Tensor, pivot: boolean, strict: boolean): Tensor[] {
  if (x.shape.length < 2)
    throw new ShapeError(`torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: [${x.shape.join(", ")}] instead`);
  if (!x.dtype.isFloatingPoint || x.dtype.itemsize === 2)
    throw new DTypeError(`"lu_cpu" not implemented for '${kernelName(x.dtype)}'`, "convert it: x.to(torch.float32)");
  checkPivot(pivot);
  return runtime.callMany(factorOp, [x], { name, strict });
}

/**
 * The LU factorisation of (…, m, n) in packed form: U on and above the diagonal, L (whose diagonal is 1) below; and the pivots (…, min(m, n)), int32. As
 * `torch.linalg.lu_factor`. Throws where U has a zero on its diagonal.
 * @example
 * torch.linalg.luFactor(torch.tensor([[2, 1], [4, 4]])).LU // tensor([[ 4.0000,  4.0000], [ 0.5000, -1.0000]])
 */
export function luFactor(A: Tensor, options: { pivot?: boolean } = {}): LuFactor {
  checkArguments("linalg_lu_factor(Tensor A, options? options, {bool pivot})", A, options);
  const [LU, pivots] = factored("lu_factor", A, options.pivot ?? true, true);
  return returnType("linalg_lu_factor", ["LU", "pivots"] as const, [LU!, pivots!]);
}

/**
 * {@link luFactor} that does not throw: `info` is 0 or the place of the first zero on the diagonal of U. As `torch.linalg.lu_factor_ex`.
 * @example
 * torch.linalg.luFactorEx(torch.tensor([[4, 2], [2, 3]]))[0] // tensor([[4.0000, 2.0000], [0.5000, 2.0000]])
 */
export function luFactorEx(A: Tensor, options: { pivot?: boolean; checkErrors?: boolean } = {}): LuFactorInfo {
  checkArguments("linalg_lu_factor_ex(Tensor A, options? options, {bool pivot, bool checkErrors})", A, options);
  const results = factored("lu_factor_ex", A, options.pivot ?? true, options.checkErrors ?? false);
  return returnType("linalg_lu_factor_ex", ["LU", "pivots", "info"] as const, results);
}

/**
 * The factors of `A = P L U`: P a permutation (…, m, m), L lower triangular with ones on the diagonal (…, m, k), U upper triangular (…, k, n), k = min(m, n). As
 * `torch.linalg.lu`.
 * @example
 * torch.linalg.lu(torch.tensor([[2, 1], [4, 4]])).L // tensor([[1.0000, 0.0000], [0.5000, 1.0000]])
 */
export function luParts(A: Tensor, options: { pivot?: boolean } = {}): LuParts {
  checkArguments("linalg_lu(Tensor A, options? options, {bool pivot})", A, options);
  const [LU, pivots] = factored("lu", A, options.pivot ?? true, false);
  return returnType("linalg_lu", ["P", "L", "U"] as const, [...luUnpack(LU!, pivots!)]);
}

export interface LuOptions {
  pivot?: boolean;
  getInfos?: boolean;
}

/**
 * {@link luFactor} as the older `torch.lu` has it: `[LU, pivots]`, and `info` with `getInfos`. A singular matrix does not throw.
 * @example
 * torch.lu(torch.tensor([[2, 1], [4, 4]]))[1] // tensor([2, 2], dtype=torch.int32)
 */
export function lu(A: Tensor, pivot: boolean | LuOptions = true, getInfos = false): Tensor[] | LuFactorInfo {
  checkArguments("lu(Tensor A, bool|options? pivot, bool? getInfos, {bool pivot, bool getInfos})", A, pivot, getInfos);
  const o: LuOptions = typeof pivot === "object" ? pivot : { pivot, getInfos };
  const results = factored("lu_factor_ex", A, o.pivot ?? true, false);
  return o.getInfos ? returnType("_lu_with_info", ["LU", "pivots", "info"] as const, results) : results.slice(0, 2);
}

export interface LuUnpackOptions {
  unpackData?: boolean;
  unpackPivots?: boolean;
}

/**
 * P, L and U of packed factors and pivots; what is not wanted (`unpackData`, `unpackPivots`) is empty. As `torch.lu_unpack`.
 * @example
 * const { LU, pivots } = torch.linalg.luFactor(torch.tensor([[2, 1], [4, 4]]));
 * torch.luUnpack(LU, pivots).U // tensor([[ 4.,  4.], [ 0., -1.]])
 */
export function luUnpack(
  LU_data: Tensor,
  LU_pivots: Tensor,
  unpackData: boolean | LuUnpackOptions = true,
  unpackPivots = true,
): LuParts {
  checkArguments(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool|options? unpackData, bool? unpackPivots, {bool unpackData, bool unpackPivots})",
    LU_data,
    LU_pivots,
    unpackData,
    unpackPivots,
  );
  const o: LuUnpackOptions = typeof unpackData === "object" ? unpackData : { unpackData, unpackPivots };
  if (LU_data.shape.length < 2)
    throw new ShapeError("torch.lu_unpack: The input tensor LU_data must have at least 2 dimensions.");
  if (LU_pivots.dtype !== int32)
    throw new DTypeError(
      "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is intended to be used with the output produced by torch.linalg.lu_factor",
    );
  const { m, n, batch } = sizesOf(LU_data);
  const k = Math.min(m, n);
  if (!sameShape(LU_pivots.shape, [...batch, k]))
    throw new ShapeError(
      "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of lu_factor?",
      `LU_data has shape [${LU_data.shape.join(", ")}] and LU_pivots [${LU_pivots.shape.join(", ")}]`,
    );
  const nothing = runtime.newEmpty(LU_data, [0], LU_data.dtype);
  let [L, U] = [nothing, nothing];
  if (o.unpackData ?? true) {
    L = lowerPart(LU_data, m, k)
      .tril(-1)
      .add(eye(m, k, { dtype: LU_data.dtype, device: LU_data.device }));
    U = lowerPart(LU_data, k, n).triu();
  }
  const P = (o.unpackPivots ?? true) ? permutation(LU_data, LU_pivots, m) : nothing;
  return returnType("lu_unpack", ["P", "L", "U"] as const, [P, L, U]);
}

/**
 * Solves `A X = B` for A given by {@link luFactor}: `Aᵀ X = B` with `adjoint`, `X A = B` with `left` false. As `torch.linalg.lu_solve`.
 * @example
 * const { LU, pivots } = torch.linalg.luFactor(torch.tensor([[2, 1], [4, 4]]));
 * torch.linalg.luSolve(LU, pivots, torch.tensor([[3], [8]])) // tensor([[1.], [1.]])
 */
export function linalgLuSolve(
  LU: Tensor,
  pivots: Tensor,
  B: Tensor,
  options: { left?: boolean; adjoint?: boolean; out?: Tensor } = {},
): Tensor {
  checkArguments(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, options? options, {bool left, bool adjoint, Tensor out})",
    LU,
    pivots,
    B,
    options,
  );
  const { left = true, adjoint = false } = options;
  checkMatrices("torch.linalg.lu_solve", LU, true);
  if (pivots.dtype !== int32) throw new DTypeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32");
  if (LU.dtype !== B.dtype)
    throw new DTypeError(
      `linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type ${kernelName(LU.dtype)} and B of type ${kernelName(B.dtype)} instead`,
    );
  const n = LU.shape[LU.shape.length - 1]!;
  if (pivots.shape.length === 0 || pivots.shape[pivots.shape.length - 1] !== n)
    throw new ShapeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix");
  if (!sameShape(LU.shape.slice(0, -1), pivots.shape))
    throw new ShapeError(
      `linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape [${pivots.shape.join(", ")}] instead`,
    );
  if (B.shape.length < 2) throw new ShapeError("torch.linalg.lu_solve: The input tensor B must have at least 2 dimensions.");
  if (B.shape[B.shape.length - (left ? 2 : 1)] !== n)
    throw new ShapeError(
      `linalg.lu_solve: Incompatible shapes of A and B for the equation ${left ? "AX = B" : "XA = B"} (${n}x${n} and ${B.shape.slice(-2).join("x")})`,
    );
  const batch = broadcastShapes(LU.shape.slice(0, -2), B.shape.slice(0, -2));
  const wide = (x: Tensor): Tensor => x.expand([...batch, ...x.shape.slice(-2)]);
  const factors = wide(LU);
  const P = permutation(LU, pivots, n);
  const right = wide(left ? B : B.mT);
  // X A = B is Aᵀ Xᵀ = Bᵀ
  const x =
    left !== adjoint
      ? solveTriangular(factors, solveTriangular(factors, matmul(P.mT, right), { upper: false, unitriangular: true }), {
          upper: true,
        })
      : matmul(P, transposedSolve(factors, solveTriangular(factors.mT, right, { upper: false }), false));
  return toOut("linalg_lu_solve", left ? x : x.mT, options.out);
}

/**
 * {@link linalgLuSolve} as the older `torch.lu_solve` has it.
 * @example
 * const { LU, pivots } = torch.linalg.luFactor(torch.tensor([[2, 1], [4, 4]]));
 * torch.luSolve(torch.tensor([[3], [8]]), LU, pivots) // tensor([[1.], [1.]])
 */
export function luSolve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, options: { out?: Tensor } = {}): Tensor {
  checkArguments(
    "lu_solve(Tensor input, Tensor LU_data, Tensor LU_pivots, options? options, {Tensor out})",
    b,
    LU_data,
    LU_pivots,
    options,
  );
  return linalgLuSolve(LU_data, LU_pivots, b, options);
}

method("lu", lu);
method("luSolve", luSolve);
