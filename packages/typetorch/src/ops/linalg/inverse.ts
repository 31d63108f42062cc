/**
 * Inverses, systems of equations and determinants, by LU factorisation with partial pivoting.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { int32, kernelName } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes, formatShape, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { indexWith } from "../indexing/advanced.ts";
import { integers } from "../indexing/integers.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { checkMatrices, elementsOf, sizesOf, tensorOf } from "./batches.ts";
import { type Factors, factorize, identityMatrix, singularValues, solveFactored } from "./dense.ts";
import { matmul } from "./matmul.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link inv}. */
    inverse(options?: OutOption): Tensor;
    /** See {@link det}. */
    det(): Tensor;
    /** See {@link slogdet}. */
    slogdet(): SignAndLog;
    /** See {@link logdet}. */
    logdet(): Tensor;
  }
}

export type SignAndLog = ReturnType<readonly ["sign", "logabsdet"]>;
export type ResultAndInfo = ReturnType<readonly ["result", "info"]>;
export type InverseAndInfo = ReturnType<readonly ["inverse", "info"]>;

/** The factors of each matrix. */
function factorsOf(x: Tensor): Factors[] {
  const { n, count } = sizesOf(x);
  const elements = elementsOf(x);
  return Array.from({ length: count }, (_, i) => factorize(elements.subarray(i * n * n, (i + 1) * n * n), n));
}

function written(result: Tensor, options: OutOption | undefined): Tensor {
  return toOut("linalg_inv", result, options?.out);
}

const inverseOp: Op<{ name: string; strict: boolean }> = defineOp<{ name: string; strict: boolean }>({
  name: "linalg_inv_ex",
  saves: { outputs: [0] },
  run([x], { name, strict }) {
    const { n, batch, count } = sizesOf(x!);
    const out = new Float64Array(count * n * n);
    factorsOf(x!).forEach((factors, i) => {
      if (strict && factors.singular >= 0)
        throw new ValueError(
          `${name}: ${batch.length > 0 ? `(Batch element ${i}): ` : ""}The diagonal element ${factors.singular + 1} is zero, the inversion could not be completed because the input matrix is singular.`,
          "torch.linalg.pinv gives the pseudo-inverse",
        );
      out.set(solveFactored(factors, identityMatrix(n), n), i * n * n);
    });
    return tensorOf(out, x!.shape, x!.dtype);
  },
  backward([g], saved) {
    const right = saved.output(0).mT;
    return [matmul(matmul(right, g!), right).neg()];
  },
});

/**
 * The inverse of square matrices (…, n, n), as `torch.linalg.inv`. Throws for a singular one.
 * @example
 * torch.linalg.inv(torch.tensor([[2, 0], [0, 4]])) // tensor([[0.5000, 0.0000], [0.0000, 0.2500]])
 */
export function inv(input: Tensor, options?: OutOption): Tensor {
  checkArguments("inverse(Tensor input, options? options, {Tensor out})", input, options);
  checkMatrices("linalg.inv", input, true);
  return written(runtime.call(inverseOp, [input], { name: "linalg.inv", strict: true }), options);
}
export { inv as inverse };

/** For each matrix 0 or the place of the first zero pivot. */
function singularPivots(x: Tensor): Tensor {
  const info = runtime.newEmpty(x, sizesOf(x).batch, int32);
  factorsOf(x).forEach((factors, i) => {
    info.data[i] = factors.singular + 1;
  });
  return info;
}

/**
 * The inverse, and for each matrix 0 or the place of the first zero pivot. As `torch.linalg.inv_ex`.
 * @example
 * torch.linalg.invEx(torch.tensor([[4, 2], [2, 3]]))[0] // tensor([[0.3750, -0.2500], [-0.2500, 0.5000]])
 */
export function invEx(input: Tensor, options: { checkErrors?: boolean } = {}): InverseAndInfo {
  checkArguments("linalg_inv_ex(Tensor input, options? options, {bool checkErrors})", input, options);
  checkMatrices("linalg.inv", input, true);
  const info = singularPivots(input);
  const inverse = runtime.call(inverseOp, [input], { name: "linalg.inv_ex", strict: options.checkErrors ?? false });
  return returnType("linalg_inv_ex", ["inverse", "info"] as const, [inverse, info]);
}

/** Whether B is a vector (or batch of vectors) for the matrices A, as PyTorch decides it. */
function isVector(a: Tensor, b: Tensor): boolean {
  return b.shape.length === 1 || (a.shape.length - 1 === b.shape.length && sameShape(b.shape, a.shape.slice(0, -1)));
}

/** Inputs with equal leading dimensions: A (…, n, n), B (…, n, k). */
const solveOp: Op<{ strict: boolean }> = defineOp<{ strict: boolean }>({
  name: "linalg_solve_ex",
  saves: { inputs: [0], outputs: [0] },
  run([a, b], { strict }) {
    const { n: columns, count } = sizesOf(b!);
    const n = a!.shape[a!.shape.length - 1]!;
    const right = elementsOf(b!);
    const out = new Float64Array(right.length);
    const factors = factorsOf(a!);
    for (let i = 0; i < count; i++) {
      const f = factors[i]!;
      if (strict && f.singular >= 0)
        throw new ValueError(
          `torch.linalg.solve: ${a!.shape.length > 2 ? `(Batch element ${i}): ` : ""}The solver failed because the input matrix is singular.`,
          "torch.linalg.lstsq or pinv give the best solution there is",
        );
      out.set(solveFactored(f, right.subarray(i * n * columns, (i + 1) * n * columns), columns), i * n * columns);
    }
    return tensorOf(out, b!.shape, b!.dtype);
  },
  backward([g], saved) {
    const gb = runtime.call(solveOp, [saved.input(0).mT, g!], saved.attributes);
    return [saved.needs(0) ? matmul(gb, saved.output(0).mT).neg() : null, saved.needs(1) ? gb : null];
  },
});

/**
 * Solves `A X = B` (or `X A = B` with `left` false) for square matrices; B is a matrix or a vector. As `torch.linalg.solve`.
 * @example
 * torch.linalg.solve(torch.tensor([[2, 0], [0, 4]]), torch.tensor([2, 4])) // tensor([1., 1.])
 */
export function solve(A: Tensor, B: Tensor, options: { left?: boolean; out?: Tensor } = {}): Tensor {
  checkArguments("linalg_solve(Tensor A, Tensor B, options? options, {bool left, Tensor out})", A, B, options);
  return written(solved(A, B, options.left ?? true, true), options);
}

/** {@link solve}; `strict` throws for a singular matrix, else what comes out is not finite. */
export function solved(A: Tensor, B: Tensor, left: boolean, strict: boolean): Tensor {
  checkMatrices("linalg.solve", A, true);
  if (A.dtype !== B.dtype)
    throw new ValueError(
      `linalg.solve: Expected A and B to have the same dtype, but found A of type ${kernelName(A.dtype)} and B of type ${kernelName(B.dtype)} instead`,
    );
  const vector = isVector(A, B);
  if (vector && !left)
    throw new ShapeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False");
  const b = vector ? B.unsqueeze(-1) : left ? B : B.mT;
  const a = left ? A : A.mT;
  const n = A.shape[A.shape.length - 1]!;
  if (b.shape[b.shape.length - 2] !== n)
    throw new ShapeError(
      `linalg.solve: Incompatible shapes of A and B for the equation ${left ? "AX = B" : "XA = B"} (${n}x${n} and ${B.shape.slice(-2).join("x")})`,
      `A has shape ${formatShape(A.shape)}, B ${formatShape(B.shape)}`,
    );
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const x = runtime.call(solveOp, [a.expand([...batch, n, n]), b.expand([...batch, ...b.shape.slice(-2)])], { strict });
  return vector ? x.squeeze(-1) : left ? x : x.mT;
}

/**
 * {@link solve} that does not throw for a singular matrix: `info` is 0, or the place of the first zero pivot of each A. As `torch.linalg.solve_ex`.
 * @example
 * torch.linalg.solveEx(torch.tensor([[4, 2], [2, 3]]), torch.tensor([[6], [5]]))[0] // tensor([[1.], [1.]])
 */
export function solveEx(A: Tensor, B: Tensor, options: { left?: boolean; checkErrors?: boolean } = {}): ResultAndInfo {
  checkArguments("linalg_solve_ex(Tensor A, Tensor B, options? options, {bool left, bool checkErrors})", A, B, options);
  const result = solved(A, B, options.left ?? true, options.checkErrors ?? false);
  return returnType("linalg_solve_ex", ["result", "info"] as const, [result, singularPivots(A)]);
}

/** The product of the diagonal of U with the sign of the permutation. */
function determinant({ n, lu, sign }: Factors): number {
  let d = sign;
  for (let i = 0; i < n; i++) d *= lu[i * n + i]!;
  return d;
}

/** The matrix of cofactors: det(A) A⁻ᵀ also where A has no inverse. */
const cofactorsOf = (x: Tensor): Tensor => {
  const { n, count } = sizesOf(x);
  const elements = elementsOf(x);
  const out = new Float64Array(elements.length);
  for (let b = 0; b < count; b++) {
    const { u, s, v } = singularValues(elements.subarray(b * n * n, (b + 1) * n * n), n, n);
    const sign = determinant(factorize(u, n)) * determinant(factorize(v, n)) < 0 ? -1 : 1;
    for (let k = 0; k < n; k++) {
      let others = sign;
      for (let j = 0; j < n; j++) if (j !== k) others *= s[j]!;
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) out[b * n * n + i * n + j]! += others * u[i * n + k]! * v[j * n + k]!;
    }
  }
  return tensorOf(out, x.shape, x.dtype);
};

/** Whether the determinant of one of the matrices is next to nothing beside the product of its rows' norms. */
function isNearlySingular(x: Tensor, determinants: Tensor): boolean {
  return runtime.withoutGrad(() => {
    const a = x.detach();
    const bound = a.mul(a).sum(-1).sqrt().prod(-1);
    return Boolean(
      determinants
        .detach()
        .abs()
        .le(bound.mul(x.dtype.key === "f64" ? 1e-9 : 1e-4))
        .any()
        .item(),
    );
  });
}

/** The cofactors as determinants of what is left without a row and a column: slower than by the inverse, and differentiable where there is none. */
function minors(x: Tensor): Tensor {
  const { n, batch } = sizesOf(x);
  const left = n - 1;
  const others = integers(x, [n, left], (k) => {
    const [skipped, i] = [Math.floor(k / left), k % left];
    return i < skipped ? i : i + 1;
  });
  const rows = others.view([n, 1, left, 1]);
  const columns = others.view([1, n, 1, left]);
  const parts = indexWith(x, [...batch.map(() => null), rows, columns]); // (…, n, n, n - 1, n - 1)
  const signs = integers(x, [n, n], (k) => ((Math.floor(k / n) + (k % n)) % 2 === 0 ? 1 : -1));
  return runtime.call(detOp, [parts], null).mul(signs);
}

const detOp: Op<null> = defineOp<null>({
  name: "linalg_det",
  saves: { inputs: [0], outputs: [0] },
  run([x]) {
    return tensorOf(Float64Array.from(factorsOf(x!), determinant), sizesOf(x!).batch, x!.dtype);
  },
  backward([g], saved) {
    const x = saved.input(0);
    if (x.numel() === 0) return [null];
    const wide = (t: Tensor): Tensor => t.unsqueeze(-1).unsqueeze(-1);
    if (!runtime.recording([g!, x])) return [wide(g!).mul(cofactorsOf(x))];
    if (isNearlySingular(x, saved.output(0))) return [wide(g!).mul(minors(x))];
    const inverse = runtime.call(inverseOp, [x], { name: "linalg.det", strict: false });
    return [wide(g!.mul(saved.output(0))).mul(inverse.mT)];
  },
});

/**
 * The determinant of square matrices, as `torch.linalg.det`.
 * @example
 * torch.linalg.det(torch.tensor([[1, 2], [3, 4]])) // tensor(-2.)
 */
export function det(input: Tensor, options?: OutOption): Tensor {
  checkArguments("det(Tensor input, options? options, {Tensor out})", input, options);
  checkMatrices("linalg.det", input, true);
  return written(runtime.call(detOp, [input], null), options);
}

const slogdetOp = defineOp<null>({
  name: "linalg_slogdet",
  saves: { inputs: [0] },
  run([x]) {
    const factors = factorsOf(x!);
    const signs = Float64Array.from(factors, ({ n, lu, sign }) => {
      let s = sign;
      for (let i = 0; i < n; i++) s *= Math.sign(lu[i * n + i]!);
      return s;
    });
    const logs = Float64Array.from(factors, ({ n, lu }) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += Math.log(Math.abs(lu[i * n + i]!));
      return sum;
    });
    const { batch } = sizesOf(x!);
    return [tensorOf(signs, batch, x!.dtype), tensorOf(logs, batch, x!.dtype)];
  },
  backward([, g], saved) {
    if (!g) return [null];
    const inverse = runtime.call(inverseOp, [saved.input(0)], { name: "linalg.slogdet", strict: false });
    return [g.unsqueeze(-1).unsqueeze(-1).mul(inverse.mT)];
  },
});

/**
 * The sign of the determinant and the logarithm of its magnitude, as `torch.linalg.slogdet`.
 * @example
 * torch.linalg.slogdet(torch.tensor([[4, 2], [2, 3]]))[1] // tensor(2.0794)
 */
export function slogdet(input: Tensor): SignAndLog {
  checkArguments("slogdet(Tensor input)", input);
  checkMatrices("linalg.slogdet", input, true);
  return returnType("linalg_slogdet", ["sign", "logabsdet"] as const, runtime.callMany(slogdetOp, [input], null));
}

/**
 * The logarithm of the determinant: NaN where it is negative. As `torch.logdet`.
 * @example
 * torch.logdet(torch.tensor([[4, 2], [2, 3]])) // tensor(2.0794)
 */
export function logdet(input: Tensor): Tensor {
  checkArguments("logdet(Tensor input)", input);
  checkMatrices("logdet", input, true);
  const { sign, logabsdet } = slogdet(input);
  return logabsdet.where(sign.ne(-1), Number.NaN);
}

method("inverse", inv);
method("det", det);
method("slogdet", slogdet);
method("logdet", logdet);
