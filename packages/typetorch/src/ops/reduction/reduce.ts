/**
 * What reductions share: running a row kernel over some dimensions, and the shapes before and after.
 */
import type { DType } from "../../core/dtype.ts";
import { IndexError, ShapeError } from "../../core/errors.ts";
import { wrapDim, wrapDims } from "../../core/shape.ts";
import { type Expr, accumulator, computeType, input } from "../../ir/expr.ts";
import type { Reduction, RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

/** Dimensions of a reduction as users give them. */
export type Dims = number | readonly number[] | null | undefined;

export interface ReductionOptions {
  dim?: Dims;
  keepdim?: boolean;
  dtype?: DType | null;
  out?: Tensor;
}

/** `x.sum()`, `x.sum(1)`, `x.sum([0, 1], { keepdim: true })`, `x.sum({ dim: 1 })`, `x.sum(1, true)`. */
export function reductionArguments(
  x: Tensor,
  dim: Dims | ReductionOptions,
  options: ReductionOptions | boolean | undefined,
): { dims: number[]; all: boolean; options: ReductionOptions } {
  const isOptions = typeof dim === "object" && dim !== null && !Array.isArray(dim);
  const o: ReductionOptions = isOptions
    ? (dim as ReductionOptions)
    : typeof options === "boolean"
      ? { keepdim: options }
      : (options ?? {});
  const given = isOptions ? o.dim : (dim as Dims);
  const all = given === undefined || given === null || (typeof given === "object" && given.length === 0);
  checkRank(x);
  return { dims: wrapDims(given, x.shape.length), all, options: o };
}

function checkRank(x: Tensor): void {
  if (x.shape.length > 64) throw new ShapeError("only tensors with up to 64 dims are supported");
}

/** One dimension: none for a 0-d tensor, which has a single column anyway. */
export function dimensionArguments(
  x: Tensor,
  dim: number,
  keepdim: boolean | undefined,
): { dims: readonly number[]; keepdim: boolean } {
  const d = wrapDim(dim, x.shape.length);
  return { dims: x.shape.length === 0 ? [] : [d], keepdim: keepdim ?? false };
}

/** Throws where a dimension without elements is to be reduced by what has no neutral element. */
export function checkReducible(name: string, x: Tensor, dims: readonly number[]): void {
  for (const d of dims)
    if (x.shape[d] === 0) throw new IndexError(`${name}(): Expected reduction dim ${d} to have non-zero size.`);
}

/** The shape after reducing `dims`. */
export function reducedShape(shape: readonly number[], dims: readonly number[], keepdim: boolean): number[] {
  return keepdim ? shape.map((n, i) => (dims.includes(i) ? 1 : n)) : shape.filter((_, i) => !dims.includes(i));
}

/** Runs a row kernel with one operand whose columns are `dims`; results have the reduced shape. */
export function runReduction(
  spec: RowSpec,
  x: Tensor,
  dims: readonly number[],
  keepdim: boolean,
  params: readonly number[] = [],
): Tensor[] {
  const kept = reducedShape(x.shape, dims, true);
  const outs = spec.outputs.map((o) => runtime.empty(kept, o.dtype));
  const columns = [...dims].sort((a, b) => a - b);
  runtime.backendOf(x).row(spec, x.shape, columns, [x], outs, params);
  if (keepdim || dims.length === 0) return outs;
  const shape = reducedShape(x.shape, dims, false);
  return outs.map((o) => unaliased(o, shape));
}

/** A fresh result in another shape: not a view of anything. */
function unaliased(x: Tensor, shape: readonly number[]): Tensor {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  const y = runtime.alias(x, shape, strides, x.storageOffset);
  y.base = null;
  return y;
}

/** A row kernel with one reduction over one operand. `prepare` maps an element, `finish` the result. */
export function simpleReduction(
  name: string,
  op: Reduction["op"],
  from: DType,
  to: DType,
  compute: DType,
  prepare: (x: Expr) => Expr = (x) => x,
  finish: (acc: Expr) => Expr = (acc) => acc,
  params = 0,
): RowSpec {
  const value = prepare(input(0, computeType(from)).cast(computeType(compute)));
  const type = op === "argmax" || op === "argmin" ? "i64" : value.type;
  return {
    kind: "row",
    name,
    inputs: [{ dtype: from, along: "element" }],
    passes: [[{ op, value, type }]],
    outputs: [{ dtype: to, along: "row", value: finish(accumulator(0, type)).cast(computeType(to)) }],
    params,
    compiled: null,
  };
}

/** A gradient of the reduced shape, seen in the shape of the input. */
export function expandReduced(g: Tensor, shape: readonly number[], dims: readonly number[], keepdim: boolean): Tensor {
  if (shape.length === 0) return g;
  if (g.shape.length === 0) return g.expand(shape);
  let y = g;
  if (!keepdim) for (const d of [...dims].sort((a, b) => a - b)) y = y.unsqueeze(d);
  return y.expand(shape);
}

/**
 * Specifications kept by the dtypes they are for.
 * @__NO_SIDE_EFFECTS__
 */
export function specCache<T>(make: (from: DType, to: DType) => T): (from: DType, to: DType) => T {
  const specs = new Map<number, T>();
  return (from, to) => {
    const key = from.index * 16 + to.index;
    let spec = specs.get(key);
    if (spec === undefined) {
      spec = make(from, to);
      specs.set(key, spec);
    }
    return spec;
  };
}
