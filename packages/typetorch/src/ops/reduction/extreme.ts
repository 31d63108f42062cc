/**
 * The largest and the smallest elements: `max`, `min`, `amax`, `amin`, `aminmax`.
 */
import { checkArguments } from "../arguments.ts";
import { bool, type DType, int64 } from "../../core/dtype.ts";
import { DTypeError, IndexError, ValueError } from "../../core/errors.ts";
import { type Expr, accumulator, at, computeType, input } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { maximum, minimum } from "../comparison/where.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { defineOp } from "../op.ts";
import { writeOutputs } from "../outputs.ts";
import { type ReturnType, type ValuesIndices, returnType, valuesIndices } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import {
  type Dims,
  type ReductionOptions,
  checkReducible,
  dimensionArguments,
  expandReduced,
  reductionArguments,
  runReduction,
  simpleReduction,
  specCache,
} from "./reduce.ts";

/** Options of a reduction that gives values and indices. */
export interface DimensionOptions {
  dim?: number;
  keepdim?: boolean;
  out?: readonly [Tensor, Tensor];
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link max}. */
    max(): Tensor;
    max(other: Tensor, options?: OutOption): Tensor;
    max(dim: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
    /** See {@link min}. */
    min(): Tensor;
    min(other: Tensor, options?: OutOption): Tensor;
    min(dim: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
    /** See {@link amax}. */
    amax(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
    /** See {@link amin}. */
    amin(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
    /** See {@link aminmax}. */
    aminmax(options?: { dim?: number | null; keepdim?: boolean; out?: readonly [Tensor, Tensor] }): MinMax;
  }
}

export type MinMax = ReturnType<readonly ["min", "max"]>;

interface Attributes {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
}

/** Booleans are compared as integers. */
export function comparable(k: number, dtype: DType): Expr {
  const x = input(k, computeType(dtype));
  return dtype.key === "bool" ? x.cast("i32") : x;
}

/** A selected element's gradient goes to its place: the derivative of values that come with indices. */
export function scatterSelected(
  g: Tensor,
  indices: Tensor,
  shape: readonly number[],
  dims: readonly number[],
  keepdim: boolean,
): Tensor {
  if (dims.length === 0) return g;
  const dim = dims[0]!;
  const [values, places] = keepdim ? [g, indices] : [g.unsqueeze(dim), indices.unsqueeze(dim)];
  return runtime.full(shape, 0, g.dtype).scatter(dim, places, values);
}

/** Equality in which NaN equals NaN. */
const same = definePointwise(
  {
    name: "same",
    compute: "promote",
    result: bool,
    forward: ([x, y]) => x!.eq(y!).or(x!.ne(x!).and(y!.ne(y!))),
  },
  2,
);

/** The gradient of one extreme value is shared by all elements that equal it. */
export function shareEvenly(g: Tensor, x: Tensor, value: Tensor): Tensor {
  const mask = runtime.withoutGrad(() => same([x, value]));
  return g.div(mask.sum()).expand(x.shape).where(mask, 0);
}

function family(kind: "max" | "min") {
  const bestSpec = specCache((from, to) =>
    from.key === "bool"
      ? simpleReduction(`a${kind}`, kind === "max" ? "or" : "and", from, to, from)
      : simpleReduction(`a${kind}`, kind, from, to, from),
  );
  const pairSpec = specCache(
    (from): RowSpec => ({
      kind: "row",
      name: `${kind}_dim`,
      inputs: [{ dtype: from, along: "element" }],
      passes: [[{ op: kind === "max" ? "argmax" : "argmin", value: comparable(0, from), type: "i64" }]],
      outputs: [
        { dtype: from, along: "row", value: at(0, accumulator(0, "i64"), computeType(from)) },
        { dtype: int64, along: "row", value: accumulator(0, "i64") },
      ],
      params: 0,
      compiled: null,
    }),
  );
  const full = defineOp<Attributes>({
    name: kind,
    gradName: `${kind === "max" ? "Max" : "Min"}Backward1`,
    saves: { inputs: [0], outputs: [0] },
    run: ([x], { dims, keepdim }) => runReduction(bestSpec(x!.dtype, x!.dtype), x!, dims, keepdim)[0]!,
    backward: ([g], saved) => [shareEvenly(g!, saved.input(0), saved.output(0))],
  });
  const overDims = defineOp<Attributes>({
    name: `a${kind}`,
    saves: { inputs: [0], outputs: [0] },
    run: ([x], { dims, keepdim }) => runReduction(bestSpec(x!.dtype, x!.dtype), x!, dims, keepdim)[0]!,
    backward([g], saved) {
      const { dims, keepdim } = saved.attributes;
      const x = saved.input(0);
      if (x.shape.length === 0) return [g!];
      const mask = x.eq(expandReduced(saved.output(0), x.shape, dims, keepdim));
      const count = mask.sum([...dims], { keepdim: true });
      return [expandReduced(g!, x.shape, dims, keepdim).where(mask, 0).div(count)];
    },
  });
  const withIndices = defineOp<Attributes>({
    name: kind,
    saves: { outputs: [1] },
    run: ([x], { dims, keepdim }) => runReduction(pairSpec(x!.dtype, x!.dtype), x!, dims, keepdim),
    backward: ([g], saved) => [
      g ? scatterSelected(g, saved.output(1), saved.inputShape(0), saved.attributes.dims, saved.attributes.keepdim) : null,
    ],
  });
  const elementwise = kind === "max" ? maximum : minimum;

  const signature = `${kind}(Tensor input, int|Tensor|options? dim, bool|options? options, {int dim, bool keepdim, Tensor other, Tensor|Tensor[] out})`;
  function extreme(input: Tensor): Tensor;
  function extreme(input: Tensor, other: Tensor, options?: OutOption): Tensor;
  function extreme(input: Tensor, dim: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
  function extreme(
    input: Tensor,
    dim?: number | Tensor | DimensionOptions,
    options?: DimensionOptions | boolean | OutOption,
  ): Tensor | ValuesIndices {
    checkArguments(signature, input, dim, options);
    if (runtime.isTensor(dim)) return elementwise(input, dim, options as OutOption | undefined);
    const o = (typeof dim === "object" && dim !== null ? dim : typeof options === "object" ? options : {}) as DimensionOptions &
      OutOption;
    if (typeof dim === "object" && dim !== null && "other" in dim)
      return elementwise(input, (dim as { other: Tensor }).other, dim as OutOption);
    const d = typeof dim === "number" ? dim : o.dim;
    if (d === undefined || d === null) {
      if (input.numel() === 0)
        throw new ValueError(
          `${kind}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
        );
      const attributes = { dims: input.shape.map((_, i) => i), keepdim: false };
      return runtime.call(full, [input], attributes);
    }
    const { dims, keepdim } = dimensionArguments(input, d, typeof options === "boolean" ? options : o.keepdim);
    checkReducible(kind, input, dims);
    const run = (): Tensor[] => runtime.callMany(withIndices, [input], { dims, keepdim });
    return valuesIndices(kind, o.out ? writeOutputs(kind, [input], o.out as unknown as readonly Tensor[], run) : run());
  }

  const reducedSignature = `a${kind}(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, Tensor out})`;
  function reduced(input: Tensor, dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
    checkArguments(reducedSignature, input, dim, options);
    const { dims, all, options: o } = reductionArguments(input, dim, options);
    if (o.out && o.out.dtype !== input.dtype) {
      throw new DTypeError(
        `Expected the dtype for input and out to match, but got ${input.dtype} for input's dtype and ${o.out.dtype} for out's dtype.`,
      );
    }
    if (all && input.numel() === 0)
      throw new ValueError(
        `a${kind}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
      );
    checkReducible(`a${kind}`, input, dims);
    const attributes = { dims, keepdim: o.keepdim ?? false };
    return o.out ? runtime.callOut(overDims, [input], attributes, o.out) : runtime.call(overDims, [input], attributes);
  }
  method(kind, extreme as (...args: never[]) => unknown);
  method(`a${kind}`, reduced);
  return { extreme, reduced };
}

const larger = family("max");
const smaller = family("min");

/**
 * The largest element; along `dim` the largest elements and their positions (NaN counts as the largest); of two tensors the larger of each pair. As `torch.max`.
 * @example
 * const { values, indices } = torch.max(torch.tensor([[1, 5], [4, 2]]), 1) // values tensor([5., 4.]), indices tensor([1, 0])
 */
export const max = larger.extreme;
/**
 * The smallest element; along `dim` the smallest elements and their positions; of two tensors the smaller of each pair. As `torch.min`.
 * @example
 * torch.min(torch.tensor([3, 1, 2])) // tensor(1.)
 */
export const min = smaller.extreme;
/** The largest elements over one or several dimensions; equal ones share the gradient. As `torch.amax`. */
export const amax = larger.reduced;
/** The smallest elements over one or several dimensions; equal ones share the gradient. As `torch.amin`. */
export const amin = smaller.reduced;

/**
 * The smallest and the largest element at once, over everything or along one dimension. As `torch.aminmax`.
 * @example
 * torch.aminmax(torch.tensor([3, -1, 2]))[0] // tensor(-1.)
 */
export function aminmax(
  input: Tensor,
  options: { dim?: number | null; keepdim?: boolean; out?: readonly [Tensor, Tensor] } = {},
): MinMax {
  checkArguments("aminmax(Tensor input, options? options, {int|None dim, bool keepdim, Tensor[] out})", input, options);
  const { dim, keepdim, out } = options;
  const all = dim === undefined || dim === null;
  if (all && input.numel() === 0)
    throw new ValueError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
  const { dims } = reductionArguments(input, dim, undefined);
  for (const d of dims)
    if (input.shape[d] === 0) throw new IndexError(`aminmax: Expected reduction dim ${d} to have non-zero size.`);
  const reduction = { dim: all ? undefined : dim, keepdim };
  // A 0-d tensor gets a dimension from { dim, keepdim }, as in PyTorch.
  const shaped = (x: Tensor): Tensor => (keepdim && !all && input.shape.length === 0 ? x.unsqueeze(0) : x);
  const run = (): Tensor[] => [shaped(amin(input, reduction)), shaped(amax(input, reduction))];
  return returnType("aminmax", ["min", "max"] as const, out ? writeOutputs("aminmax", [input], out, run) : run());
}
method("aminmax", aminmax);
