/**
 * `log Σ exp`, stable: the largest element of a row is taken off first.
 */
import { checkArguments } from "../arguments.ts";
import { getDefaultDtype } from "../../core/dtype.ts";
import { accumulator, computeType, constant, input } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { type Dims, type ReductionOptions, expandReduced, reductionArguments, runReduction, specCache } from "./reduce.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link logsumexp}. */
    logsumexp(dim: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
  }
}

const spec = specCache((from): RowSpec => {
  const type = computeType(from);
  const x = input(0, type);
  const max = accumulator(0, type);
  const shift = constant(0, type).where(max.abs().eq(Infinity), max);
  return {
    kind: "row",
    name: "logsumexp",
    inputs: [{ dtype: from, along: "element" }],
    passes: [[{ op: "max", value: x, type }], [{ op: "add", value: x.sub(shift).exp(), type }]],
    outputs: [{ dtype: from, along: "row", value: accumulator(1, type).log().add(shift) }],
    params: 0,
    compiled: null,
  };
});

const op = defineOp<{ dims: readonly number[]; keepdim: boolean }>({
  name: "logsumexp",
  saves: { inputs: [0], outputs: [0] },
  run: ([x], { dims, keepdim }) => runReduction(spec(x!.dtype, x!.dtype), x!, dims, keepdim)[0]!,
  backward([g], saved) {
    const { dims, keepdim } = saved.attributes;
    const x = saved.input(0);
    const wide = (t: Tensor): Tensor => expandReduced(t, x.shape, dims, keepdim);
    return [wide(g!).mul(x.sub(wide(saved.output(0))).exp())];
  },
});

/**
 * `log Σ exp(x)` over dimensions, as `torch.logsumexp`.
 * @example
 * torch.logsumexp(torch.zeros(4), 0) // tensor(1.3863)
 */
export function logsumexp(input: Tensor, dim: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
  checkArguments(
    "logsumexp(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    dim,
    options,
  );
  const { dims, options: o } = reductionArguments(input, dim, options);
  const x = input.dtype.isFloatingPoint ? input : toDtype(input, getDefaultDtype());
  const attributes = { dims, keepdim: o.keepdim ?? false };
  return o.out ? runtime.callOut(op, [x], attributes, o.out) : runtime.call(op, [x], attributes);
}
method("logsumexp", logsumexp);
