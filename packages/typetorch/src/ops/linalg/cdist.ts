/**
 * Distances between all pairs of rows.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, kernelName } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf } from "../../core/promotion.ts";
import { broadcastShapes } from "../../core/shape.ts";
import { type Expr, accumulator, computeType, input as inputOf, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Op, defineOp } from "../op.ts";
import { sumToShape } from "../pointwise.ts";
import { normGradient } from "../reduction/norm.ts";
import { runtime } from "../runtime.ts";
import { matmul } from "./matmul.ts";

export interface CdistOptions {
  /** The p of the norm. Default 2. */
  p?: NumberLike;
  /** Whether Euclidean distances are computed by a matrix product, which is faster and less exact. By default for more than 25 rows. */
  computeMode?: "use_mm_for_euclid_dist_if_necessary" | "use_mm_for_euclid_dist" | "donot_use_mm_for_euclid_dist";
}

const modes = ["use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"];

type Kind = "zero" | "one" | "two" | "max" | "power";
const specs = new Map<string, RowSpec>();

/** Inputs: rows of both, broadcast against each other. Params for `power`: p, 1 / p. */
function specFor(kind: Kind, dtype: DType): RowSpec {
  const key = `${kind} ${dtype.key}`;
  let spec = specs.get(key);
  if (spec !== undefined) return spec;
  const type = computeType(dtype);
  const difference = inputOf(0, type).sub(inputOf(1, type)).abs();
  const terms: Record<Kind, () => Expr> = {
    zero: () => difference.ne(0).cast(type),
    one: () => difference,
    two: () => difference.mul(difference),
    max: () => difference,
    power: () => difference.pow(param(0, type)),
  };
  const sum = accumulator(0, type);
  const value = kind === "two" ? sum.sqrt() : kind === "power" ? sum.pow(param(1, type)) : sum;
  spec = {
    kind: "row",
    name: `cdist_${kind}`,
    inputs: [
      { dtype, along: "element" },
      { dtype, along: "element" },
    ],
    passes: [[{ op: kind === "max" ? "max" : "add", value: terms[kind](), type }]],
    outputs: [{ dtype, along: "row", value }],
    params: kind === "power" ? 2 : 0,
    compiled: null,
  };
  specs.set(key, spec);
  return spec;
}

function kindOf(p: number): Kind {
  if (p === 0) return "zero";
  if (p === 1) return "one";
  if (p === 2) return "two";
  return p === Infinity ? "max" : "power";
}

/** (…, P, 1, M) and (…, 1, R, M) seen in the common shape (…, P, R, M). */
function pairs(a: Tensor, b: Tensor): { left: Tensor; right: Tensor; shape: readonly number[] } {
  const x = a.unsqueeze(-2);
  const y = b.unsqueeze(-3);
  const shape = broadcastShapes(x.shape, y.shape);
  return { left: x.expand(shape), right: y.expand(shape), shape };
}

interface Attributes {
  readonly p: number;
  /** By a matrix product. */
  readonly byProduct: boolean;
}

const op: Op<Attributes> = defineOp<Attributes>({
  name: "cdist",
  saves: { inputs: [0, 1], outputs: [0] },
  run([a, b], { p, byProduct }) {
    return runtime.withoutGrad(() => {
      const { left, right, shape } = pairs(a!, b!);
      const rows = shape.slice(0, -1);
      if (shape[shape.length - 1] === 0) return runtime.full(rows, 0, a!.dtype);
      if (byProduct) {
        const squares = a!.mul(a!).sum(-1).unsqueeze(-1).add(b!.mul(b!).sum(-1).unsqueeze(-2));
        const result = squares.sub(matmul(a!, b!.mT).mul(2));
        return result.where(result.gt(0).logicalOr(result.ne(result)), 0).sqrt();
      }
      const out = runtime.empty([...rows, 1], a!.dtype);
      const kind = kindOf(p);
      if (out.numel() > 0)
        runtime
          .backendOf(out)
          .row(specFor(kind, a!.dtype), shape, [shape.length - 1], [left, right], [out], kind === "power" ? [p, 1 / p] : []);
      return out.view(rows).detach();
    });
  },
  backward([g], saved) {
    const { p } = saved.attributes;
    const [a, b] = [saved.input(0), saved.input(1)];
    const out = saved.output(0);
    if (p === 2) {
      // x - y summed over the other's rows, without all the differences at once.
      const ratio = g!.div(out).where(out.ne(0), 0);
      const ga = a.mul(ratio.sum(-1).unsqueeze(-1)).sub(matmul(ratio, b));
      const gb = b.mul(ratio.sum(-2).unsqueeze(-1)).sub(matmul(ratio.mT, a));
      return [sumToShape(ga, a.shape), sumToShape(gb, b.shape)];
    }
    const { left, right, shape } = pairs(a, b);
    const wide = (t: Tensor): Tensor => t.unsqueeze(-1).expand(shape);
    const difference = left.sub(right);
    const each = normGradient(wide(g!), difference, wide(out), p, [shape.length - 1]);
    return [sumToShape(each.sum(-2), a.shape), sumToShape(each.sum(-3).neg(), b.shape)];
  },
});

/**
 * The p-norm distances between all rows of two batches: (…, P, M), (…, R, M) -> (…, P, R). As `torch.cdist`.
 * @example
 * torch.cdist(torch.zeros(1, 2), torch.tensor([[3, 4]])) // tensor([[5.]])
 */
export function cdist(
  x1: Tensor,
  x2: Tensor,
  p: NumberLike | CdistOptions = 2,
  computeMode?: CdistOptions["computeMode"],
): Tensor {
  checkArguments(
    "cdist(Tensor x1, Tensor x2, Scalar|options? p, str? computeMode, {Scalar p, str computeMode})",
    x1,
    x2,
    p,
    computeMode,
  );
  const o: CdistOptions = isNumberLike(p) ? { p, computeMode } : p;
  const order = numberOf(o.p ?? 2);
  const mode = o.computeMode ?? modes[0]!;
  if (!modes.includes(mode)) throw new ValueError(`${mode} is not a valid value for compute_mode`);
  for (const [x, name] of [
    [x1, "X1"],
    [x2, "X2"],
  ] as const) {
    if (!x.dtype.isFloatingPoint)
      throw new DTypeError(`cdist only supports floating-point dtypes, ${name} got: ${kernelName(x.dtype)}`);
    if (x.shape.length < 2) throw new ShapeError(`cdist only supports at least 2D tensors, ${name} got: ${x.shape.length}D`);
  }
  const [m, n] = [x1.shape[x1.shape.length - 1]!, x2.shape[x2.shape.length - 1]!];
  if (m !== n) throw new ShapeError(`X1 and X2 must have the same number of columns. X1: ${m} X2: ${n}`);
  if (!(order >= 0)) throw new ValueError("cdist only supports non-negative p values");
  const many = x1.shape[x1.shape.length - 2]! > 25 || x2.shape[x2.shape.length - 2]! > 25;
  const byProduct = order === 2 && (mode === modes[1] || (mode === modes[0] && many));
  return runtime.call(op, [x1, x2], { p: order, byProduct });
}
