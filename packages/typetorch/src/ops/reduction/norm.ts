/**
 * Norms: `norm`, `dist`, `renorm`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, kernelName } from "../../core/dtype.ts";
import { DTypeError, NotSupportedError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf, resultType } from "../../core/promotion.ts";
import { wrapDim } from "../../core/shape.ts";
import { type Expr, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import {
  type Dims,
  checkReducible,
  expandReduced,
  reductionArguments,
  runReduction,
  simpleReduction,
  specCache,
} from "./reduce.ts";

type NuclearNorm = (
  input: Tensor,
  options: { dim: readonly number[]; keepdim?: boolean; dtype?: DType | null; out?: Tensor },
) => Tensor;

let nuclearNorm: NuclearNorm | null = null;

/** The nuclear norm needs singular values: linalg/norms.ts brings it, which `typetorch/core` does without. */
export function bringNuclearNorm(brought: NuclearNorm): void {
  nuclearNorm = brought;
}

export type NormOrder = NumberLike | "fro" | "nuc" | null;

export interface NormOptions {
  p?: NormOrder;
  dim?: Dims;
  keepdim?: boolean;
  dtype?: DType | null;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link norm}. */
    norm(p?: NormOrder | NormOptions, dim?: Dims | NormOptions, keepdim?: boolean): Tensor;
    /** See {@link dist}. */
    dist(other: Tensor, p?: NumberLike | { p?: NumberLike }): Tensor;
    /** See {@link renorm}. */
    renorm(p: NumberLike, dim: number, maxnorm: NumberLike): Tensor;
    renorm_(p: NumberLike, dim: number, maxnorm: NumberLike): this;
  }
}

type Kind = "zero" | "one" | "two" | "max" | "min" | "power";

function kindOf(p: number): Kind {
  if (p === 0) return "zero";
  if (p === 1) return "one";
  if (p === 2) return "two";
  if (p === Infinity) return "max";
  return p === -Infinity ? "min" : "power";
}

const combine: Record<Kind, "add" | "max" | "min"> = {
  zero: "add",
  one: "add",
  two: "add",
  max: "max",
  min: "min",
  power: "add",
};
const prepare: Record<Kind, (x: Expr) => Expr> = {
  zero: (x) => x.ne(0).cast(x.type),
  one: (x) => x.abs(),
  two: (x) => x.mul(x),
  max: (x) => x.abs(),
  min: (x) => x.abs(),
  power: (x) => x.abs().pow(param(0, x.type)),
};

const specs = Object.fromEntries(
  (Object.keys(combine) as Kind[]).map((kind) => [
    kind,
    specCache((from, to) => {
      const finish = (acc: Expr): Expr => (kind === "two" ? acc.sqrt() : kind === "power" ? acc.pow(param(1, acc.type)) : acc);
      return simpleReduction(`norm_${kind}`, combine[kind], from, to, to, prepare[kind], finish, kind === "power" ? 2 : 0);
    }),
  ]),
) as unknown as Record<Kind, (from: DType, to: DType) => RowSpec>;

interface Attributes {
  readonly p: number;
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly dtype: DType;
}

const op = defineOp<Attributes>({
  name: "linalg_vector_norm",
  saves: { inputs: [0], outputs: [0] },
  run([x], { p, dims, keepdim, dtype }) {
    const kind = kindOf(p);
    return runReduction(specs[kind](x!.dtype, dtype), x!, dims, keepdim, kind === "power" ? [p, 1 / p] : [])[0]!;
  },
  backward([grad], saved) {
    const { p, dims, keepdim } = saved.attributes;
    if (p === 0) return [null];
    const x = saved.input(0);
    const g = expandReduced(grad!, x.shape, dims, keepdim);
    const norm = expandReduced(saved.output(0), x.shape, dims, keepdim);
    return [toDtype(normGradient(g, toDtype(x, norm.dtype), norm, p, dims), x.dtype)];
  },
});

/** The gradient of a vector norm, all tensors in the shape of x. @internal */
export function normGradient(g: Tensor, x: Tensor, norm: Tensor, p: number, dims: readonly number[]): Tensor {
  switch (kindOf(p)) {
    case "zero":
      return runtime.full(x.shape, 0, g.dtype);
    case "one":
      return x.sign().mul(g);
    case "two":
      return g.mul(x.div(norm).where(norm.ne(0), 0));
    case "max":
    case "min": {
      const mask = x.abs().eq(norm).logicalOr(x.ne(x));
      const count = x.shape.length === 0 ? mask : mask.sum([...dims], { keepdim: true });
      return x.sign().mul(g.div(count).mul(mask));
    }
    default:
  }
  if (p < 1) {
    const scaled = x.sign().mul(
      x
        .abs()
        .pow(p - 1)
        .where(x.ne(0), 0),
    );
    return scaled.mul(g).mul(norm.pow(1 - p));
  }
  const scaled = p < 2 ? x.sign().mul(x.abs().pow(p - 1)) : x.mul(x.abs().pow(p - 2));
  return scaled.mul(g.div(norm.pow(p - 1)).where(norm.ne(0), 0));
}

/** The vector norm of checked arguments. @internal */
export function vectorNorm(x: Tensor, p: number, dims: readonly number[], keepdim: boolean, dtype: DType = x.dtype): Tensor {
  return runtime.call(op, [x], { p, dims, keepdim, dtype });
}

/**
 * The p-norm `(Σ |x|^p)^(1/p)` of all elements or over dimensions: p a number, ±Infinity (largest or smallest magnitude), 0 (how many are not 0), 'fro' (2), or 'nuc' (of matrices).
 * As `torch.norm`.
 * @example
 * torch.norm(torch.tensor([3, 4])) // tensor(5.)
 */
export function norm(input: Tensor, p?: NormOrder | NormOptions, dim?: Dims | NormOptions, keepdim?: boolean): Tensor {
  checkArguments(
    "norm(Tensor input, Scalar|str|options|None? p, int|int[]|options|None? dim, bool? keepdim, {Scalar|str|None p, int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    p,
    dim,
    keepdim,
  );
  const pIsOptions = typeof p === "object" && p !== null && !isNumberLike(p);
  const dimIsOptions = typeof dim === "object" && dim !== null && !Array.isArray(dim);
  const o: NormOptions = pIsOptions ? p : dimIsOptions ? (dim as NormOptions) : {};
  const order = (pIsOptions ? o.p : p) ?? "fro";
  const given = pIsOptions || dimIsOptions ? o.dim : (dim as Dims);
  const dtype = o.dtype ?? input.dtype;
  if (!dtype.isFloatingPoint)
    throw new DTypeError(
      `norm(): input dtype should be either floating point or complex. Got ${kernelName(input.dtype)} instead.`,
      "convert the tensor (x.to(torch.float32)) or give { dtype: torch.float32 }",
    );
  if (order === "nuc") {
    const pair = typeof given === "number" ? [given] : (given ?? input.shape.map((_, i) => i));
    if (pair.length !== 2)
      throw new ShapeError(
        `Expected a tensor with 2 dimensions, but got a tensor with ${pair.length} dimension${pair.length === 1 ? "" : "s"} instead.`,
        "the nuclear norm is that of matrices; give { dim: [rows, columns] }",
      );
    if (nuclearNorm === null)
      throw new NotSupportedError("norm: the nuclear norm is not part of typetorch/core", 'import "typetorch", which has it');
    return nuclearNorm(input, { dim: pair, keepdim: keepdim ?? o.keepdim, dtype: o.dtype, out: o.out });
  }
  const { dims } = reductionArguments(input, given, undefined);
  const number = typeof order === "string" ? 2 : numberOf(order);
  if (number < 0 || number === Infinity) checkReducible("norm", input, dims);
  const attributes = { p: number, dims, keepdim: keepdim ?? o.keepdim ?? false, dtype };
  return o.out ? runtime.callOut(op, [input], attributes, o.out) : runtime.call(op, [input], attributes);
}

/**
 * The p-norm of `input - other`, as `torch.dist`.
 * @example
 * torch.dist(torch.tensor([0, 0]), torch.tensor([3, 4])) // tensor(5.)
 */
export function dist(input: Tensor, other: Tensor, p: NumberLike | { p?: NumberLike } = 2): Tensor {
  checkArguments("dist(Tensor input, Tensor other, Scalar|options? p, {Scalar p})", input, other, p);
  const order = isNumberLike(p) ? p : (p.p ?? 2);
  return norm(toDtype(input, resultType([input, other])).sub(other), order);
}

/**
 * The tensor with every slice of dimension `dim` whose p-norm is above `maxnorm` scaled down to it. As `torch.renorm`.
 * @example
 * torch.renorm(torch.tensor([[3, 4], [0.3, 0.4]]), 2, 0, 1) // tensor([[0.6000, 0.8000], [0.3000, 0.4000]])
 */
export function renorm(input: Tensor, p: NumberLike, dim: number, maxnorm: NumberLike): Tensor {
  checkArguments("renorm(Tensor input, Scalar p, int dim, Scalar maxnorm)", input, p, dim, maxnorm);
  const limit = numberOf(maxnorm);
  if (!input.dtype.isFloatingPoint)
    throw new DTypeError("renorm: expected a floating point or complex tensor", `it is ${input.dtype}`);
  if (numberOf(p) <= 0) throw new ValueError("renorm: non-positive-norm not supported");
  if (limit < 0) throw new ValueError(`renorm: expected maxnorm to be >= 0 but got ${limit}`);
  const rank = input.shape.length;
  if (rank <= 1) throw new ShapeError(`renorm: input needs at least 2 dimensions, got ${rank} dimensions`);
  const d = wrapDim(dim, rank);
  const others = input.shape.map((_, i) => i).filter((i) => i !== d);
  const norms = vectorNorm(input, numberOf(p), others, true);
  const factor = norms.add(1e-7).reciprocal().mul(limit).where(norms.gt(limit), 1);
  return input.mul(factor);
}

method("norm", norm);
method("dist", dist);
method("renorm", renorm);
method("renorm_", (x: Tensor, p: NumberLike, dim: number, maxnorm: NumberLike) => {
  checkArguments("renorm_(Tensor x, Scalar p, int dim, Scalar maxnorm)", x, p, dim, maxnorm);
  return x.copy_(renorm(x, p, dim, maxnorm));
});
