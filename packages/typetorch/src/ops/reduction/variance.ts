/**
 * Variance and standard deviation: two passes over each row, the mean and then the squared distances from it.
 */
import { checkArguments } from "../arguments.ts";
import type { DType } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { type Expr, accumulator, computeType, input, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { type Dims, expandReduced, reductionArguments, runReduction, specCache } from "./reduce.ts";

export interface VarianceOptions {
  dim?: Dims;
  /** Divide by n - 1 rather than by n. Default true. */
  unbiased?: boolean;
  /** Divide by n - correction. Default 1. */
  correction?: number | null;
  keepdim?: boolean;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link var_}. */
    var(dim?: Dims | boolean | VarianceOptions, unbiased?: boolean | VarianceOptions, keepdim?: boolean): Tensor;
    /** See {@link std}. */
    std(dim?: Dims | boolean | VarianceOptions, unbiased?: boolean | VarianceOptions, keepdim?: boolean): Tensor;
  }
}

interface Attributes {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  /** Number of elements of a row. */
  readonly count: number;
  /** n - correction, at least 0. */
  readonly divisor: number;
}

/** Params: elements of a row, divisor. Results: variance (or its root), mean. */
function spec(name: string, finish: (variance: Expr) => Expr): (from: DType) => RowSpec {
  const cached = specCache((from): RowSpec => {
    const type = computeType(from);
    const x = input(0, type);
    const mean = accumulator(0, type).div(param(0, type));
    const distance = x.sub(mean);
    return {
      kind: "row",
      name,
      inputs: [{ dtype: from, along: "element" }],
      passes: [[{ op: "add", value: x, type }], [{ op: "add", value: distance.mul(distance), type }]],
      outputs: [
        { dtype: from, along: "row", value: finish(accumulator(1, type).div(param(1, type))) },
        { dtype: from, along: "row", value: mean },
      ],
      params: 2,
      compiled: null,
    };
  });
  return (from) => cached(from, from);
}
const variances = spec("var_mean", (v) => v);
const deviations = spec("std_mean", (v) => v.sqrt());

/** The gradient of x, given the gradient of the variance and, perhaps, that of the mean. */
function varianceGradient(g: Tensor | null, gMean: Tensor | null, x: Tensor, attributes: Attributes): Tensor | null {
  const { dims, keepdim, count, divisor } = attributes;
  const wide = (t: Tensor): Tensor => expandReduced(t, x.shape, dims, keepdim);
  const fromMean = gMean ? wide(gMean.div(count)) : null;
  if (!g) return fromMean;
  const mean = x.shape.length === 0 ? x : x.mean([...dims], { keepdim: true });
  const fromVariance = wide(g.mul(2 / divisor)).mul(x.sub(mean));
  return fromMean ? fromVariance.add(fromMean) : fromVariance;
}

function family(name: "var" | "std") {
  const isRoot = name === "std";
  const specOf = isRoot ? deviations : variances;
  const compute = (x: Tensor, { dims, keepdim, count, divisor }: Attributes): Tensor[] =>
    runReduction(specOf(x.dtype), x, dims, keepdim, [count, divisor]);
  /** The gradient of the variance from that of its root. */
  const beforeRoot = (g: Tensor | null, root: Tensor | null): Tensor | null =>
    g && root ? g.div(root.mul(2)).where(root.ne(0), 0) : g;
  const saves = isRoot ? { inputs: [0], outputs: [0] } : { inputs: [0] };
  const single = defineOp<Attributes>({
    name,
    saves,
    run: ([x], attributes) => compute(x!, attributes)[0]!,
    backward: ([g], saved) => [
      varianceGradient(beforeRoot(g!, isRoot ? saved.output(0) : null), null, saved.input(0), saved.attributes),
    ],
  });
  const withMean = defineOp<Attributes>({
    name: `${name}_mean`,
    saves,
    run: ([x], attributes) => compute(x!, attributes),
    backward: ([g, gMean], saved) => [
      varianceGradient(beforeRoot(g!, isRoot ? saved.output(0) : null), gMean!, saved.input(0), saved.attributes),
    ],
  });

  const signature = `${name}(Tensor input, int|int[]|bool|options|None? dim, bool|options? unbiased, bool? keepdim, {int|int[]|None dim, bool unbiased, float|None correction, bool keepdim, Tensor out})`;
  const attributesOf = (
    x: Tensor,
    dim: Dims | boolean | VarianceOptions,
    unbiased: boolean | VarianceOptions | undefined,
    keepdim: boolean | undefined,
  ): { attributes: Attributes; out: Tensor | undefined } => {
    checkArguments(signature, x, dim, unbiased, keepdim);
    const isOptions = typeof dim === "object" && dim !== null && !Array.isArray(dim);
    const o: VarianceOptions = isOptions
      ? (dim as VarianceOptions)
      : typeof unbiased === "object"
        ? unbiased
        : { unbiased: typeof dim === "boolean" ? dim : unbiased, keepdim };
    const given = isOptions ? o.dim : typeof dim === "boolean" ? undefined : (dim as Dims);
    if (!x.dtype.isFloatingPoint)
      throw new DTypeError(
        "std and var only support floating point and complex dtypes",
        `the tensor is ${x.dtype}; convert it with x.to(torch.float32)`,
      );
    const { dims } = reductionArguments(x, given, undefined);
    let count = 1;
    for (const d of dims) count *= x.shape[d]!;
    const correction = o.correction ?? (o.unbiased === false ? 0 : 1);
    return {
      attributes: { dims, keepdim: o.keepdim ?? false, count, divisor: Math.max(0, count - correction) },
      out: o.out,
    };
  };

  const fn = (
    x: Tensor,
    dim?: Dims | boolean | VarianceOptions,
    unbiased?: boolean | VarianceOptions,
    keepdim?: boolean,
  ): Tensor => {
    const { attributes, out } = attributesOf(x, dim, unbiased, keepdim);
    return out ? runtime.callOut(single, [x], attributes, out) : runtime.call(single, [x], attributes);
  };
  const meanFn = (
    x: Tensor,
    dim?: Dims | boolean | VarianceOptions,
    unbiased?: boolean | VarianceOptions,
    keepdim?: boolean,
  ): readonly [Tensor, Tensor] => {
    const { attributes } = attributesOf(x, dim, unbiased, keepdim);
    return runtime.callMany(withMean, [x], attributes) as [Tensor, Tensor];
  };
  method(name, fn);
  return { fn, meanFn };
}

const variance = family("var");
const deviation = family("std");

/**
 * `Σ (x - mean)² / (n - 1)` of all elements or over dimensions; `{ unbiased: false }` divides by n, `{ correction: c }` by n - c. As `torch.var`.
 * @example
 * torch.var(torch.tensor([1, 2, 3])) // tensor(1.)
 */
export const var_ = variance.fn;
export { var_ as var };
/** The square root of {@link var_}, as `torch.std`. */
export const std = deviation.fn;
/**
 * The variance and the mean together, as `torch.var_mean`.
 * @example
 * torch.varMean(torch.tensor([1, 3]))[0] // tensor(2.)
 */
export const varMean = variance.meanFn;
/**
 * The standard deviation and the mean together, as `torch.std_mean`.
 * @example
 * torch.stdMean(torch.tensor([1, 3]))[0] // tensor(1.4142)
 */
export const stdMean = deviation.meanFn;
