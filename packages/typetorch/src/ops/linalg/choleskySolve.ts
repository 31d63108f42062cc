/**
 * What a Cholesky factor is good for: `choleskySolve`, `choleskyInverse`.
 */
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { kernelName } from "../../core/dtype.ts";
import { broadcastShapes } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { eye } from "../factory/range.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { toOut } from "../outputs.ts";
import { runtime } from "../runtime.ts";
import { checkMatrices } from "./batches.ts";
import { solveTriangular } from "./decompositions.ts";

export interface CholeskyFactorOptions {
  /** The factor is upper triangular. Default: false. */
  upper?: boolean;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link choleskySolve}. */
    choleskySolve(input2: Tensor, upper?: boolean | CholeskyFactorOptions): Tensor;
    /** See {@link choleskyInverse}. */
    choleskyInverse(upper?: boolean | CholeskyFactorOptions): Tensor;
  }
}

function optionsOf(upper: boolean | CholeskyFactorOptions | undefined): CholeskyFactorOptions {
  return typeof upper === "object" ? upper : { upper };
}

/** L, lower, of the factor as it is given. */
const lowerOf = (factor: Tensor, upper: boolean): Tensor => (upper ? factor.mT : factor);

/** The gradient of the factor, given that of A: the whole matrix, as in PyTorch, also beside the triangle. */
function factorGradient(ofMatrix: Tensor, factor: Tensor, upper: boolean): Tensor {
  const symmetric = ofMatrix.add(ofMatrix.mT);
  return (upper ? factor.matmul(symmetric) : symmetric.matmul(factor)).neg();
}

const solveOp = defineOp<{ upper: boolean }>({
  name: "cholesky_solve",
  saves: { inputs: [1], outputs: [0] },
  run: ([b, factor], { upper }) =>
    runtime.withoutGrad(() => {
      const lower = lowerOf(factor!, upper);
      return solveTriangular(lower.mT, solveTriangular(lower, b!, { upper: false }), { upper: true });
    }),
  backward([g], saved) {
    const { upper } = saved.attributes;
    const factor = saved.input(1);
    const gb = choleskySolve(g!, factor, upper);
    return [gb, saved.needs(1) ? factorGradient(gb.matmul(saved.output(0).mT), factor, upper) : null];
  },
});

const inverseOp = defineOp<{ upper: boolean }>({
  name: "cholesky_inverse",
  saves: { inputs: [0], outputs: [0] },
  run: ([factor], { upper }) =>
    runtime.withoutGrad(() => {
      const n = factor!.shape[factor!.shape.length - 1]!;
      const identity = eye(n, { dtype: factor!.dtype, device: factor!.device }).expand(factor!.shape);
      const lower = lowerOf(factor!, upper);
      return solveTriangular(lower.mT, solveTriangular(lower, identity, { upper: false }), { upper: true });
    }),
  backward([g], saved) {
    const inverse = saved.output(0);
    return [factorGradient(inverse.matmul(g!).matmul(inverse), saved.input(0), saved.attributes.upper)];
  },
});

/**
 * Solves `A X = B` for A = L Lᵀ given by its Cholesky factor `input2` (A = Uᵀ U with `upper`): (…, n, k) and (…, n, n) give (…, n, k). As
 * `torch.cholesky_solve`. Throws for shapes that do not fit and different dtypes.
 * @example
 * const A = torch.tensor([[4, 2], [2, 3]]);
 * torch.choleskySolve(torch.tensor([[8], [7]]), torch.cholesky(A)) // tensor([[1.2500], [1.5000]])
 */
export function choleskySolve(input: Tensor, input2: Tensor, upper?: boolean | CholeskyFactorOptions): Tensor {
  checkArguments(
    "cholesky_solve(Tensor input, Tensor input2, bool|options? upper, {bool upper, Tensor out})",
    input,
    input2,
    upper,
  );
  const o = optionsOf(upper);
  for (const [name, x] of [
    ["b", input],
    ["u", input2],
  ] as const) {
    if (x.shape.length < 2)
      throw new ShapeError(`${name} should have at least 2 dimensions, but has ${x.shape.length} dimensions instead`);
  }
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  const [m, n] = input2.shape.slice(-2) as [number, number];
  if (m !== n) throw new ShapeError(`A must be batches of square matrices, but they are ${m} by ${n} matrices`);
  if (n !== rows) {
    throw new ShapeError(
      `Incompatible matrix sizes for cholesky_solve: each A matrix is ${n} by ${n} but each b matrix is ${rows} by ${columns}`,
    );
  }
  if (input.dtype !== input2.dtype) {
    throw new DTypeError(
      `Expected b and A to have the same dtype, but found b of type ${kernelName(input.dtype)} and A of type ${kernelName(input2.dtype)} instead.`,
    );
  }
  const batch = broadcastShapes(input.shape.slice(0, -2), input2.shape.slice(0, -2));
  const operands = [input.expand([...batch, rows, columns]), input2.expand([...batch, n, n])];
  return toOut("cholesky_solve", runtime.call(solveOp, operands, { upper: o.upper ?? false }), o.out);
}

/**
 * The inverse of A = L Lᵀ given by its Cholesky factor (A = Uᵀ U with `upper`): (…, n, n) gives (…, n, n). As `torch.cholesky_inverse`. Throws unless the
 * matrices are square.
 * @example
 * torch.choleskyInverse(torch.tensor([[2, 0], [0, 4]])) // tensor([[0.2500, 0.0000], [0.0000, 0.0625]])
 */
export function choleskyInverse(input: Tensor, upper?: boolean | CholeskyFactorOptions): Tensor {
  checkArguments("cholesky_inverse(Tensor input, bool|options? upper, {bool upper, Tensor out})", input, upper);
  const o = optionsOf(upper);
  checkMatrices("cholesky_inverse", input, true);
  runtime.withoutGrad(() => {
    const zero = input.detach().diagonal(0, -2, -1).eq(0).nonzero();
    if (zero.shape[0]! > 0)
      throw new ValueError(
        `cholesky_inverse: ${input.shape.length > 2 ? `(Batch element ${Number(zero.at(0, 0).item())}): ` : ""}The diagonal element ${Number(zero.at(0, -1).item()) + 1} is zero, the inversion could not be completed because the input matrix is singular.`,
      );
  });
  return toOut("cholesky_inverse", runtime.call(inverseOp, [input], { upper: o.upper ?? false }), o.out);
}

method("choleskySolve", choleskySolve);
method("choleskyInverse", choleskyInverse);
