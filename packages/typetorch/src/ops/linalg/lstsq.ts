/**
 * Least squares.
 */
import { int64, kernelName } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { broadcastShapes, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { eye } from "../factory/range.ts";
import { defineOp } from "../op.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { elementsOf, sizesOf, tensorOf } from "./batches.ts";
import { singularValues } from "./dense.ts";
import { matmul } from "./matmul.ts";
import { pinv } from "./norms.ts";

export type LeastSquares = ReturnType<readonly ["solution", "residuals", "rank", "singular_values"]>;
export type LeastSquaresDriver = "gels" | "gelsy" | "gelsd" | "gelss";

const drivers: readonly string[] = ["gels", "gelsy", "gelsd", "gelss"];

/** The solution of least norm, the squared residuals of each column, the rank and the singular values. */
const lstsqOp = defineOp<{ rcond: number }>({
  name: "linalg_lstsq",
  saves: { inputs: [0, 1] },
  run([a, b], { rcond }) {
    const { m, n, batch, count } = sizesOf(a!);
    const { n: columns } = sizesOf(b!);
    const k = Math.min(m, n);
    const [left, right] = [elementsOf(a!), elementsOf(b!)];
    const solution = new Float64Array(count * n * columns);
    const residuals = new Float64Array(count * columns);
    const ranks = new Float64Array(count);
    const values = new Float64Array(count * k);
    for (let i = 0; i < count; i++) {
      const matrix = left.subarray(i * m * n, (i + 1) * m * n);
      const rhs = right.subarray(i * m * columns, (i + 1) * m * columns);
      const { u, s, v } = singularValues(matrix, m, n);
      values.set(s, i * k);
      const rank = s.filter((value) => value > rcond * (s[0] ?? 0)).length;
      ranks[i] = rank;
      const x = solution.subarray(i * n * columns, (i + 1) * n * columns);
      for (let c = 0; c < columns; c++) {
        for (let j = 0; j < rank; j++) {
          let dot = 0;
          for (let r = 0; r < m; r++) dot += u[r * k + j]! * rhs[r * columns + c]!;
          for (let r = 0; r < n; r++) x[r * columns + c] = x[r * columns + c]! + (v[r * k + j]! * dot) / s[j]!;
        }
        for (let r = 0; r < m; r++) {
          let rest = rhs[r * columns + c]!;
          for (let j = 0; j < n; j++) rest -= matrix[r * n + j]! * x[j * columns + c]!;
          residuals[i * columns + c] = residuals[i * columns + c]! + rest * rest;
        }
      }
    }
    return [
      tensorOf(solution, [...batch, n, columns], a!.dtype),
      tensorOf(residuals, [...batch, columns], a!.dtype),
      tensorOf(ranks, batch, int64),
      tensorOf(values, [...batch, k], a!.dtype),
    ];
  },
  backward([g], saved) {
    if (!g) return [null, null];
    const [a, b] = [saved.input(0), saved.input(1)];
    const { m, n } = sizesOf(a);
    const inverse = pinv(a);
    const one = (size: number): Tensor => eye(size, { dtype: a.dtype, device: a.device });
    // X = A⁺ B; the derivative of A⁺ is Golub and Pereyra's
    const byInverse = matmul(g, b.mT);
    const byMatrix = saved.needs(0)
      ? matmul(matmul(one(m).sub(matmul(a, inverse)), byInverse.mT), matmul(inverse, inverse.mT))
          .add(matmul(matmul(inverse.mT, inverse), matmul(byInverse.mT, one(n).sub(matmul(inverse, a)))))
          .sub(matmul(matmul(inverse.mT, byInverse), inverse.mT))
      : null;
    return [byMatrix, saved.needs(1) ? matmul(inverse.mT, g) : null];
  },
});

/**
 * The X (…, n, k) that minimises `‖A X - B‖` for A = `input` (…, m, n) and B = `b` (…, m, k), or a vector each (…, m); of several the smallest. Singular values up to
 * `rcond` (default: the dtype's epsilon times max(m, n)) times the largest count as 0. `residuals`: the squared errors of the columns, where m > n and A has full rank; `rank` and
 * `singular_values` where the `driver` (gels, gelsy (default), gelsd, gelss) gives them, else empty. As `torch.linalg.lstsq`.
 * @example
 * torch.linalg.lstsq(torch.tensor([[1, 0], [1, 1], [1, 2]]), torch.tensor([[1], [3], [5]])).solution // tensor([[1.], [2.]])
 */
export function lstsq(
  input: Tensor,
  b: Tensor,
  rcond: number | null | { rcond?: number | null; driver?: LeastSquaresDriver | null } = null,
  options: { driver?: LeastSquaresDriver | null } = {},
): LeastSquares {
  checkArguments(
    "linalg_lstsq(Tensor input, Tensor b, float|None|options? rcond, options? options, {float|None rcond, str|None driver})",
    input,
    b,
    rcond,
    options,
  );
  const o = typeof rcond === "object" && rcond !== null ? rcond : { rcond, ...options };
  const driver = o.driver ?? "gelsy";
  const name = "torch.linalg.lstsq";
  if (input.shape.length < 2) throw new ShapeError(`${name}: input must have at least 2 dimensions.`);
  if (b.shape.length < 1) throw new ShapeError(`${name}: other must have at least 1 dimension.`);
  if (input.dtype !== b.dtype)
    throw new DTypeError(
      `${name}: Expected input and other to have the same dtype, but got input's dtype ${kernelName(input.dtype)} and other's dtype ${kernelName(b.dtype)}`,
    );
  if (!input.dtype.isFloatingPoint || input.dtype.itemsize === 2)
    throw new DTypeError("This function doesn't handle types other than float and double", "convert it: x.to(torch.float32)");
  const vector =
    b.shape.length === 1 || (input.shape.length - 1 === b.shape.length && sameShape(b.shape, input.shape.slice(0, -1)));
  // PyTorch counts one that lacks a dimension as a vector, and says so
  const looksLikeVector = b.shape.length === 1 || input.shape.length - 1 === b.shape.length;
  const { m, n } = sizesOf(input);
  if (b.shape[b.shape.length - (looksLikeVector ? 1 : 2)] !== m)
    throw new ShapeError(
      `${name}: input.size(-2) should match other.size(-${looksLikeVector ? 1 : 2})`,
      `input has shape [${input.shape.join(", ")}] and other [${b.shape.join(", ")}]`,
    );
  if (!drivers.includes(driver))
    throw new ValueError(`${name}: parameter \`driver\` should be one of (${drivers.join(", ")})`, `it is '${driver}'`);
  const right = vector ? b.unsqueeze(-1) : b;
  const batch = broadcastShapes(input.shape.slice(0, -2), right.shape.slice(0, -2));
  const epsilon = input.dtype.key === "f64" ? 2 ** -52 : 2 ** -23;
  const [solution, residuals, rank, values] = runtime.callMany(
    lstsqOp,
    [input.expand([...batch, m, n]), right.expand([...batch, ...right.shape.slice(-2)])],
    { rcond: o.rcond ?? epsilon * Math.max(m, n) },
  ) as [Tensor, Tensor, Tensor, Tensor];
  const nothing = (dtype: Tensor["dtype"]): Tensor => runtime.newEmpty(input, [0], dtype);
  const full = m > n && driver !== "gelsy" && (driver === "gels" || runtime.withoutGrad(() => rank.eq(n).all().item()));
  return returnType("linalg_lstsq", ["solution", "residuals", "rank", "singular_values"] as const, [
    vector ? solution.squeeze(-1) : solution,
    full ? (vector ? residuals.detach().squeeze(-1) : residuals.detach()) : nothing(input.dtype),
    driver === "gels" ? nothing(int64) : rank,
    driver === "gelsd" || driver === "gelss" ? values.detach() : nothing(input.dtype),
  ]);
}
