/**
 * Norms of vectors and matrices, and what singular values tell: rank, condition, pseudo-inverse.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { kernelName, type DType, int64 } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { cat } from "../memory/cat.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { bringNuclearNorm, vectorNorm as reduceNorm } from "../reduction/norm.ts";
import { type Dims, checkReducible, reductionArguments } from "../reduction/reduce.ts";
import { runtime } from "../runtime.ts";
import { checkMatrices, sizesOf } from "./batches.ts";
import { eigh, eigvalsh, svd, svdvals } from "./decompositions.ts";
import { inv } from "./inverse.ts";
import { matmul } from "./matmul.ts";

export type MatrixNormOrder = NumberLike | "fro" | "nuc";
export interface NormOptions {
  dim?: Dims;
  keepdim?: boolean;
  dtype?: DType | null;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link pinv}. */
    pinverse(rcond?: number | { rcond?: number }): Tensor;
  }
}

function written(result: Tensor, out: Tensor | undefined): Tensor {
  return toOut("linalg_norm", result, out);
}

function floating(name: string, x: Tensor, dtype: DType | null | undefined): Tensor {
  if (!x.dtype.isFloatingPoint)
    throw new DTypeError(
      `${name}: Expected a floating point or complex tensor as input. Got ${kernelName(x.dtype)}`,
      "convert it: x.to(torch.float32)",
    );
  if (dtype && !dtype.isFloatingPoint) {
    throw new DTypeError(`${name}: dtype should be floating point or complex. Got ${kernelName(dtype)}`);
  }
  return dtype ? toDtype(x, dtype) : x;
}

/**
 * The `ord`-norm (default 2) of all elements or over dimensions, as `torch.linalg.vector_norm`.
 * @example
 * torch.linalg.vectorNorm(torch.tensor([[4, 2], [2, 3]])) // tensor(5.7446)
 */
export function vectorNorm(input: Tensor, options: NormOptions & { ord?: NumberLike } = {}): Tensor {
  checkArguments(
    "linalg_vector_norm(Tensor input, options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out, Scalar ord})",
    input,
    options,
  );
  const x = floating("linalg.vector_norm", input, options.dtype);
  const ord = numberOf(options.ord ?? 2);
  const { dims } = reductionArguments(x, options.dim, undefined);
  if (ord < 0 || ord === Infinity) checkReducible("linalg.vector_norm", x, dims);
  return written(reduceNorm(x, ord, dims, options.keepdim ?? false), options.out);
}

/**
 * A norm of matrices: 'fro' (default), 'nuc' (sum of singular values), ±Infinity (rows), ±1 (columns), ±2 (singular values). As `torch.linalg.matrix_norm`.
 * @example
 * torch.linalg.matrixNorm(torch.tensor([[4, 2], [2, 3]])) // tensor(5.7446)
 */
export function matrixNorm(
  input: Tensor,
  ord: MatrixNormOrder | (NormOptions & { ord?: MatrixNormOrder }) = "fro",
  options: NormOptions = {},
): Tensor {
  checkArguments(
    "linalg_matrix_norm(Tensor input, Scalar|str|options? ord, options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out, Scalar|str ord})",
    input,
    ord,
    options,
  );
  const inOptions = typeof ord === "object" && ord !== null && !("value" in ord);
  const o: NormOptions = inOptions ? ord : options;
  const order = (inOptions ? (ord.ord ?? "fro") : ord) as MatrixNormOrder;
  const x = floating("linalg.matrix_norm", input, o.dtype);
  const rank = x.shape.length;
  const given = (o.dim ?? [-2, -1]) as readonly number[];
  if (typeof given === "number" || given.length !== 2)
    throw new ShapeError("linalg.matrix_norm: dim must be a 2-tuple of ints", `it is ${String(given)}`);
  if (rank < 2) throw new ShapeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.");
  const [rows, columns] = given.map((d) => wrapDim(d, rank)) as [number, number];
  if (rows === columns) throw new ShapeError(`linalg.matrix_norm: dims must be different. Got (${given[0]}, ${given[1]})`);
  const keepdim = o.keepdim ?? false;
  if (order === "fro") return written(reduceNorm(x, 2, [rows, columns], keepdim), o.out);
  const p = order === "nuc" ? order : numberOf(order as NumberLike);
  let result: Tensor;
  if (p === "nuc" || Math.abs(p) === 2) {
    const s = svdvals(x.movedim([rows, columns], [-2, -1]));
    result = p === "nuc" ? s.sum(-1) : p > 0 ? s.amax(-1) : s.amin(-1);
  } else if (Math.abs(p) === 1 || Math.abs(p) === Infinity) {
    const summed = Math.abs(p) === 1 ? rows : columns;
    const kept = Math.abs(p) === 1 ? columns : rows;
    const sums = x.abs().sum(summed, { keepdim: true });
    const best = p > 0 ? sums.amax(kept, { keepdim: true }) : sums.amin(kept, { keepdim: true });
    result = best.squeeze(Math.max(rows, columns)).squeeze(Math.min(rows, columns));
  } else throw new ValueError(`linalg.matrix_norm: Order ${String(order)} not supported.`);
  if (keepdim) result = result.unsqueeze(Math.min(rows, columns)).unsqueeze(Math.max(rows, columns));
  return written(result, o.out);
}

/** A vector or matrix norm, by `ord` and the number of dimensions. As `torch.linalg.norm`. */
export function norm(
  input: Tensor,
  ord: MatrixNormOrder | null | (NormOptions & { ord?: MatrixNormOrder | null }) = null,
  options: NormOptions = {},
): Tensor {
  checkArguments(
    "linalg_norm(Tensor input, Scalar|str|options|None? ord, options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out, Scalar|str|None ord})",
    input,
    ord,
    options,
  );
  const inOptions = typeof ord === "object" && ord !== null && !("value" in ord);
  const o: NormOptions = inOptions ? ord : options;
  const order = (inOptions ? (ord.ord ?? null) : ord) as MatrixNormOrder | null;
  const dim = o.dim ?? null;
  if (order !== null) {
    const n = dim === null ? input.shape.length : typeof dim === "number" ? 1 : dim.length;
    if (n !== 1 && n !== 2)
      throw new ShapeError(
        "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D.",
        `the input is ${input.shape.length}D, dim ${String(dim)}`,
      );
    const isMatrix = n === 2 || typeof order === "string";
    if (isMatrix) {
      const dims = dim === null || typeof dim === "number" ? [-2, -1] : dim;
      return matrixNorm(input, order, { ...o, dim: dims });
    }
  }
  const result = vectorNorm(input, { ...o, ord: order === null ? 2 : (order as NumberLike) });
  return result;
}

export interface RankOptions {
  atol?: number | Tensor | null;
  rtol?: number | Tensor | null;
  hermitian?: boolean;
}

/** The limit below which singular values count as 0: max(atol, rtol * largest). */
function limitOf(s: Tensor, m: number, n: number, { atol, rtol }: RankOptions): Tensor {
  const as = (t: number | Tensor): Tensor => (runtime.isTensor(t) ? t : runtime.newFull(s, [], t, s.dtype));
  const absolute = as(atol ?? 0);
  const eps = s.dtype.key === "f64" ? 2 ** -52 : 2 ** -23;
  // A given absolute limit switches the relative one off, unless that is given too.
  const relative =
    rtol !== undefined && rtol !== null
      ? as(rtol)
      : atol === undefined || atol === null
        ? as(eps * Math.max(m, n))
        : runtime.newFull(s, [], eps * Math.max(m, n), s.dtype).where(absolute.le(0), 0);
  const largest = s.shape[s.shape.length - 1] === 0 ? runtime.newFull(s, s.shape.slice(0, -1), 0, s.dtype) : s.amax(-1);
  return absolute.maximum(relative.mul(largest));
}

function spectrum(x: Tensor, hermitian: boolean): Tensor {
  return hermitian ? eigvalsh(x).abs() : svdvals(x);
}

/**
 * How many singular values are above a limit, as `torch.linalg.matrix_rank`.
 * @example
 * torch.linalg.matrixRank(torch.tensor([[4, 2], [2, 3]])) // tensor(2)
 */
export function matrixRank(
  input: Tensor,
  tol?: number | Tensor | (RankOptions & { tol?: number | Tensor }),
  options: { hermitian?: boolean } = {},
): Tensor {
  checkArguments(
    "linalg_matrix_rank(Tensor input, float|Tensor|options? tol, options? options, {float|Tensor|None atol, float|Tensor|None rtol, bool hermitian, float|Tensor tol})",
    input,
    tol,
    options,
  );
  const inOptions = typeof tol === "object" && !runtime.isTensor(tol);
  const o: RankOptions = inOptions
    ? tol.tol === undefined
      ? tol
      : { ...tol, atol: tol.tol, rtol: 0 }
    : tol === undefined
      ? options
      : { ...options, atol: tol, rtol: 0 };
  checkMatrices("linalg.matrix_rank", input, o.hermitian ?? false);
  const { m, n, batch } = sizesOf(input);
  return runtime.withoutGrad(() => {
    if (input.numel() === 0) return runtime.newFull(input, batch, 0, int64);
    const s = spectrum(input.detach(), o.hermitian ?? false);
    return s.gt(limitOf(s, m, n, o).unsqueeze(-1)).sum(-1);
  });
}

const pinvOp = defineOp<RankOptions>({
  name: "linalg_pinv",
  saves: { inputs: [0], outputs: [0] },
  run([x], options) {
    return runtime.withoutGrad(() => {
      const { m, n, batch } = sizesOf(x!);
      if (x!.numel() === 0) return runtime.full([...batch, n, m], 0, x!.dtype);
      if (options.hermitian) {
        const { eigenvalues: l, eigenvectors: v } = eigh(x!);
        const kept = l.abs().gt(limitOf(l.abs(), m, n, options).unsqueeze(-1));
        return matmul(v.mul(l.reciprocal().where(kept, 0).unsqueeze(-2)), v.mT);
      }
      const { U, S, Vh } = svd(x!, { fullMatrices: false });
      const kept = S.gt(limitOf(S, m, n, options).unsqueeze(-1));
      return matmul(Vh.mT.mul(S.reciprocal().where(kept, 0).unsqueeze(-2)), U.mT);
    });
  },
  backward([g], saved) {
    const a = saved.input(0);
    const p = saved.output(0);
    const [gt, pt] = [g!.mT, p.mT];
    const { m, n } = sizesOf(a);
    if (m <= n) {
      const k = matmul(gt, p);
      const kpt = matmul(k, pt);
      const first = matmul(p, k)
        .mT.neg()
        .add(kpt)
        .sub(matmul(matmul(a, p), kpt));
      return [first.add(matmul(matmul(pt, p), gt.sub(matmul(k, a))))];
    }
    const k = matmul(p, gt);
    const ptk = matmul(pt, k);
    const first = matmul(k, p)
      .mT.neg()
      .add(matmul(matmul(gt.sub(matmul(a, k)), p), pt))
      .add(ptk);
    return [first.sub(matmul(matmul(ptk, p), a))];
  },
});

/**
 * The Moore-Penrose pseudo-inverse: (…, m, n) -> (…, n, m). Singular values up to max(atol, rtol * largest) count as 0. As `torch.linalg.pinv`.
 * @example
 * torch.linalg.pinv(torch.tensor([[4, 2], [2, 3]])) // tensor([[0.3750, -0.2500], [-0.2500, 0.5000]])
 */
export function pinv(
  input: Tensor,
  rcond?: number | Tensor | (RankOptions & { rcond?: number | Tensor }),
  options: { hermitian?: boolean } = {},
): Tensor {
  checkArguments(
    "linalg_pinv(Tensor input, float|Tensor|options? rcond, options? options, {float|Tensor|None atol, float|Tensor|None rtol, bool hermitian, float|Tensor rcond})",
    input,
    rcond,
    options,
  );
  const inOptions = typeof rcond === "object" && !runtime.isTensor(rcond);
  const o: RankOptions = inOptions
    ? rcond.rcond === undefined
      ? rcond
      : { ...rcond, rtol: rcond.rcond, atol: 0 }
    : rcond === undefined
      ? options
      : { ...options, rtol: rcond, atol: 0 };
  checkMatrices("linalg.pinv", input, o.hermitian ?? false);
  return runtime.call(pinvOp, [input], o);
}

/**
 * {@link pinv} as the older `torch.pinverse` has it.
 * @example
 * torch.pinverse(torch.tensor([[4, 2], [2, 3]])) // tensor([[0.3750, -0.2500], [-0.2500, 0.5000]])
 */
export function pinverse(input: Tensor, rcond: number | { rcond?: number } = 1e-15): Tensor {
  checkArguments("pinverse(Tensor input, float|options? rcond, {float rcond})", input, rcond);
  return pinv(input, typeof rcond === "object" ? (rcond.rcond ?? 1e-15) : rcond);
}

/**
 * How much solving with a matrix magnifies errors: the norm of the matrix times that of its inverse. As `torch.linalg.cond`.
 * @example
 * torch.linalg.cond(torch.tensor([[4, 2], [2, 3]])) // tensor(3.8664)
 */
export function cond(input: Tensor, p?: MatrixNormOrder | null | { p?: MatrixNormOrder | null }): Tensor {
  checkArguments("linalg_cond(Tensor input, Scalar|str|options|None? p, {Scalar|str|None p})", input, p);
  const order = (typeof p === "object" && p !== null && !("value" in p) ? p.p : p) as MatrixNormOrder | null | undefined;
  if (order === undefined || order === null || order === 2 || order === -2) {
    checkMatrices("linalg.cond", input, false);
    const s = svdvals(input);
    const k = s.shape[s.shape.length - 1]!;
    if (k === 0) return runtime.newFull(s, s.shape.slice(0, -1), 0, s.dtype);
    const [largest, smallest] = [s.select(-1, 0), s.select(-1, k - 1)];
    return order === -2 ? smallest.div(largest) : largest.div(smallest);
  }
  checkMatrices("linalg.cond", input, true);
  if (input.numel() === 0) return runtime.newFull(input, sizesOf(input).batch, 0, input.dtype);
  return matrixNorm(input, order).mul(matrixNorm(inv(input), order));
}

/**
 * The powers 0 to N - 1 of each element as rows: (…, n) -> (…, n, N). As `torch.linalg.vander`.
 * @example
 * torch.linalg.vander(torch.tensor([2, 3])) // tensor([[1., 2.], [1., 3.]])
 */
export function vander(x: Tensor, options: { N?: number | null } = {}): Tensor {
  checkArguments("linalg_vander(Tensor x, options? options, {int|None N})", x, options);
  const v = x.shape.length === 0 ? x.reshape([1]) : x;
  const n = options.N ?? v.shape[v.shape.length - 1]!;
  if (n <= 1) throw new ValueError(`N must be greater than 1.`);
  const dtype = v.dtype.isFloatingPoint ? v.dtype : int64;
  const base = toDtype(v, dtype).unsqueeze(-1);
  const ones = runtime.newFull(v, [...v.shape, 1], 1, dtype);
  const powers = base.expand([...v.shape, n - 1]).cumprod(-1);
  return cat([ones, powers], -1);
}

bringNuclearNorm((input, options) => matrixNorm(input, "nuc", options));
method("pinverse", pinverse);
