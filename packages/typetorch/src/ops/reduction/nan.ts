/**
 * Reductions that leave NaN out, and counts: `nansum`, `nanmean`, `countNonzero`.
 */
import { checkArguments } from "../arguments.ts";
import { kernelName, type DType, int64 } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { constant } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import {
  type Dims,
  type ReductionOptions,
  expandReduced,
  reductionArguments,
  runReduction,
  simpleReduction,
  specCache,
} from "./reduce.ts";
import { sum } from "./sum.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link nansum}. */
    nansum(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
    /** See {@link nanmean}. */
    nanmean(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
    /** See {@link countNonzero}. */
    countNonzero(dim?: Dims | { dim?: Dims }): Tensor;
  }
}

interface Attributes {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly dtype: DType;
}

const sumSpec = specCache((from, to) =>
  simpleReduction("nansum", "add", from, to, to, (x) => constant(0, x.type).where(x.ne(x), x)),
);

const sumOp = defineOp<Attributes>({
  name: "nansum",
  saves: { inputs: [0] },
  run: ([x], { dims, keepdim, dtype }) => runReduction(sumSpec(x!.dtype, dtype), x!, dims, keepdim)[0]!,
  backward([g], saved) {
    const { dims, keepdim } = saved.attributes;
    const x = saved.input(0);
    return [toDtype(expandReduced(g!, x.shape, dims, keepdim).where(x.eq(x), 0), x.dtype)];
  },
});

/**
 * The sum of all elements that are not NaN, as `torch.nansum`.
 * @example
 * torch.nansum(torch.tensor([1, NaN, 2])) // tensor(3.)
 */
export function nansum(input: Tensor, dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
  checkArguments(
    "nansum(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    dim,
    options,
  );
  if (!input.dtype.isFloatingPoint) return sum(input, dim, options);
  const { dims, options: o } = reductionArguments(input, dim, options);
  const attributes = { dims, keepdim: o.keepdim ?? false, dtype: o.dtype ?? o.out?.dtype ?? input.dtype };
  return o.out ? runtime.callOut(sumOp, [input], attributes, o.out) : runtime.call(sumOp, [input], attributes);
}

/**
 * The mean of all elements that are not NaN, as `torch.nanmean`. Throws for integer dtypes.
 * @example
 * torch.nanmean(torch.tensor([1, NaN, 3])) // tensor(2.)
 */
export function nanmean(input: Tensor, dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
  checkArguments(
    "nanmean(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    dim,
    options,
  );
  if (!input.dtype.isFloatingPoint)
    throw new DTypeError(
      `nanmean(): expected input to have floating point dtype but got ${kernelName(input.dtype)}`,
      "convert the tensor: x.to(torch.float32)",
    );
  const { dims, options: o } = reductionArguments(input, dim, options);
  const keepdim = o.keepdim ?? false;
  const count = runtime.withoutGrad(() => sum(input.eq(input), dims, { keepdim }));
  const result = nansum(input, dims, { keepdim, dtype: o.dtype }).div(count);
  return o.out ? o.out.resize_(result.shape).copy_(result) : result;
}

const countSpec = specCache((from, to) =>
  simpleReduction("count_nonzero", "add", from, to, from, (x) => x.cast("bool").cast("i64")),
);
const countOp = defineOp<{ dims: readonly number[] }>({
  name: "count_nonzero",
  run: ([x], { dims }) => runReduction(countSpec(x!.dtype, int64), x!, dims, false)[0]!,
});

/**
 * How many elements are not 0, of all or over dimensions. As `torch.count_nonzero`.
 * @example
 * torch.countNonzero(torch.tensor([0, 3, 0, 1])) // tensor(2)
 */
export function countNonzero(input: Tensor, dim?: Dims | { dim?: Dims }): Tensor {
  checkArguments("count_nonzero(Tensor input, int|int[]|options|None? dim, {int|int[]|None dim})", input, dim);
  const { dims } = reductionArguments(input, dim, undefined);
  return runtime.call(countOp, [input], { dims });
}

method("nansum", nansum);
method("nanmean", nanmean);
method("countNonzero", countNonzero);
