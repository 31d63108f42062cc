/**
 * Whether some or all elements are true.
 */
import { checkArguments } from "../arguments.ts";
import { bool, uint8 } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { type Dims, type ReductionOptions, reductionArguments, runReduction, simpleReduction, specCache } from "./reduce.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link any}. */
    any(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
    /** See {@link all}. */
    all(dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor;
  }
}

function quantifier(name: "any" | "all", combine: "or" | "and") {
  const spec = specCache((from, to) => simpleReduction(name, combine, from, to, bool));
  const op = defineOp<{ dims: readonly number[]; keepdim: boolean }>({
    name,
    // uint8 gives uint8, as in PyTorch.
    run: ([x], { dims, keepdim }) => runReduction(spec(x!.dtype, x!.dtype === uint8 ? uint8 : bool), x!, dims, keepdim)[0]!,
  });
  const signature = `${name}(Tensor input, int|int[]|options|None? dim, bool|options? options, {int|int[]|None dim, bool keepdim, Tensor out})`;
  const fn = (input: Tensor, dim?: Dims | ReductionOptions, options?: ReductionOptions | boolean): Tensor => {
    checkArguments(signature, input, dim, options);
    const { dims, options: o } = reductionArguments(input, dim, options);
    const attributes = { dims, keepdim: o.keepdim ?? false };
    return o.out ? runtime.callOut(op, [input], attributes, o.out) : runtime.call(op, [input], attributes);
  };
  method(name, fn);
  return fn;
}

/**
 * True when any element is (along `dim`), as `torch.any`.
 * @example
 * torch.any(torch.tensor([[0, 0], [1, 0]]), 1) // tensor([False, True])
 */
export const any = quantifier("any", "or");
/**
 * True when all elements are (along `dim`), as `torch.all`.
 * @example
 * torch.all(torch.tensor([[1, 0], [1, 1]]), 1) // tensor([False, True])
 */
export const all = quantifier("all", "and");
