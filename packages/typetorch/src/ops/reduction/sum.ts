/**
 * Sum and mean.
 */
import { checkArguments } from "../arguments.ts";
import { kernelName, type DType, int64 } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { param } from "../../ir/expr.ts";
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

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sum}. */
    sum(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
    /** See {@link mean}. */
    mean(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
  }
}

interface Attributes {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly dtype: DType;
}

const sumSpec = specCache((from, to) => simpleReduction("sum", "add", from, to, to.key === "bool" ? int64 : to));

const sumOp = defineOp<Attributes>({
  name: "sum",
  run: ([x], { dims, keepdim, dtype }) => runReduction(sumSpec(x!.dtype, dtype), x!, dims, keepdim)[0]!,
  backward([g], saved) {
    const { dims, keepdim } = saved.attributes;
    return [toDtype(expandReduced(g!, saved.inputShape(0), dims, keepdim), saved.inputDtype(0))];
  },
});

const sumDimOp = { ...sumOp, gradName: "SumBackward1" };

const meanSpec = specCache((from, to) =>
  simpleReduction("mean", "add", from, to, to, undefined, (acc) => acc.mul(param(0, acc.type)), 1),
);

const meanOp = defineOp<Attributes & { readonly count: number }>({
  name: "mean",
  run: ([x], { dims, keepdim, dtype, count }) => runReduction(meanSpec(x!.dtype, dtype), x!, dims, keepdim, [1 / count])[0]!,
  backward([g], saved) {
    const { dims, keepdim, count } = saved.attributes;
    return [toDtype(expandReduced(g!.div(count), saved.inputShape(0), dims, keepdim), saved.inputDtype(0))];
  },
});

const meanDimOp = { ...meanOp, gradName: "MeanBackward1" };

/** Whether `dim` names dimensions, or all of them are meant: PyTorch's two overloads. */
function namesDims(dim: Dims | ReductionOptions): boolean {
  const given = typeof dim === "object" && dim !== null && !Array.isArray(dim) ? (dim as ReductionOptions).dim : (dim as Dims);
  return given !== undefined && given !== null;
}

/**
 * The sum of all elements or over dimensions; integers and booleans give int64. As `torch.sum`.
 * @example
 * torch.tensor([[1, 2], [3, 4]]).sum(0) // tensor([4., 6.])
 */
export function sum(input: Tensor, dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
  checkArguments(
    "sum(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    dim,
    options,
  );
  const { dims, options: o } = reductionArguments(input, dim, options);
  const dtype = o.dtype ?? o.out?.dtype ?? (input.dtype.isFloatingPoint ? input.dtype : int64);
  const attributes = { dims, keepdim: o.keepdim ?? false, dtype };
  const op = namesDims(dim) ? sumDimOp : sumOp;
  return o.out ? runtime.callOut(op, [input], attributes, o.out) : runtime.call(op, [input], attributes);
}

/**
 * The mean of all elements or over dimensions, as `torch.mean`. Throws for integer dtypes unless `dtype` is given.
 * @example
 * torch.tensor([1, 2, 6]).mean() // tensor(3.)
 */
export function mean(input: Tensor, dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
  checkArguments(
    "mean(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    dim,
    options,
  );
  const { dims, options: o } = reductionArguments(input, dim, options);
  const dtype = o.dtype ?? o.out?.dtype ?? input.dtype;
  if (!dtype.isFloatingPoint) {
    throw new DTypeError(
      `mean(): could not infer output dtype. ${o.dtype ? "Optional" : "Input"} dtype must be either a floating point or complex dtype. Got: ${kernelName(dtype)}`,
      "convert the tensor (x.to(torch.float32)) or give { dtype: torch.float32 }",
    );
  }
  let count = 1;
  for (const d of dims) count *= input.shape[d]!;
  const attributes = { dims, keepdim: o.keepdim ?? false, dtype, count };
  const op = namesDims(dim) ? meanDimOp : meanOp;
  return o.out ? runtime.callOut(op, [input], attributes, o.out) : runtime.call(op, [input], attributes);
}

method("sum", sum);
method("mean", mean);
