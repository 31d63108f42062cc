/**
 * Products of elements.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, int64 } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { cumprod, reverseCumprod } from "./cumulative.ts";
import { type ReductionOptions, dimensionArguments, expandReduced, runReduction, simpleReduction, specCache } from "./reduce.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link prod}. */
    prod(dim?: number | null | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
  }
}

const spec = specCache((from, to) => simpleReduction("prod", "mul", from, to, to.key === "bool" ? int64 : to));

const op = defineOp<{ dims: readonly number[]; keepdim: boolean; dtype: DType }>({
  name: "prod",
  saves: { inputs: [0], outputs: [0] },
  run: ([x], { dims, keepdim, dtype }) => runReduction(spec(x!.dtype, dtype), x!, dims, keepdim)[0]!,
  backward([g], saved) {
    const { dims, keepdim } = saved.attributes;
    const x = saved.input(0);
    if (x.shape.length === 0) return [toDtype(g!, x.dtype)];
    const hasZero = x.numel() > 0 && runtime.withoutGrad(() => x.detach().eq(0).any().item());
    const wide = expandReduced(g!, x.shape, dims, keepdim);
    if (!hasZero) return [toDtype(wide.mul(expandReduced(saved.output(0), x.shape, dims, keepdim)).div(x), x.dtype)];
    // The product of all others, from both sides, so that zeros do no harm.
    const flat = dims.length === 1 ? x : x.reshape([-1]);
    const others = productOfOthers(flat, dims.length === 1 ? dims[0]! : 0);
    return [toDtype(wide.mul(dims.length === 1 ? others : others.view(x.shape)), x.dtype)];
  },
});

function productOfOthers(x: Tensor, dim: number): Tensor {
  const n = x.shape[dim]!;
  const one = runtime.full(
    x.shape.map((s, i) => (i === dim ? 1 : s)),
    1,
    x.dtype,
  );
  const before = cat([one, cumprod(x.narrow(dim, 0, n - 1), dim)], dim);
  const after = cat([reverseCumprod(x.narrow(dim, 1, n - 1), dim), one], dim);
  return before.mul(after);
}

const dimOp = { ...op, gradName: "ProdBackward1" };

/**
 * The product of all elements or along one dimension; integers and booleans give int64. As `torch.prod`.
 * @example
 * torch.prod(torch.tensor([2, 3, 4])) // tensor(24.)
 */
export function prod(input: Tensor, dim?: number | null | ReductionOptions, options?: ReductionOptions | boolean): Tensor {
  checkArguments(
    "prod(Tensor input, int|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, dtype|None dtype, Tensor out})",
    input,
    dim,
    options,
  );
  const o: ReductionOptions =
    typeof dim === "object" && dim !== null ? dim : typeof options === "boolean" ? { keepdim: options } : (options ?? {});
  const d = typeof dim === "number" ? dim : (o.dim as number | null | undefined);
  const dims = d === undefined || d === null ? input.shape.map((_, i) => i) : dimensionArguments(input, d, undefined).dims;
  const dtype = o.dtype ?? o.out?.dtype ?? (input.dtype.isFloatingPoint ? input.dtype : int64);
  const attributes = { dims, keepdim: o.keepdim ?? false, dtype };
  const which = d === undefined || d === null ? op : dimOp;
  return o.out ? runtime.callOut(which, [input], attributes, o.out) : runtime.call(which, [input], attributes);
}
method("prod", prod);
