/**
 * Positions of the largest and smallest elements.
 */
import { checkArguments } from "../arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { DTypeError, IndexError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { checkReducible, dimensionArguments, runReduction, simpleReduction, specCache } from "./reduce.ts";

export interface ArgOptions {
  dim?: number | null;
  keepdim?: boolean;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link argmax}. */
    argmax(dim?: number | null | ArgOptions, options?: ArgOptions | boolean): Tensor;
    /** See {@link argmin}. */
    argmin(dim?: number | null | ArgOptions, options?: ArgOptions | boolean): Tensor;
  }
}

function position(name: "argmax" | "argmin") {
  const spec = specCache((from) => simpleReduction(name, name, from, int64, from));
  const op = defineOp<{ dims: readonly number[]; keepdim: boolean }>({
    name,
    run: ([x], { dims, keepdim }) => runReduction(spec(x!.dtype, int64), x!, dims, keepdim)[0]!,
  });
  const signature = `${name}(Tensor input, int|options|None? dim, bool|options? options, {int|None dim, bool keepdim, Tensor out})`;
  const fn = (input: Tensor, dim?: number | null | ArgOptions, options?: ArgOptions | boolean): Tensor => {
    checkArguments(signature, input, dim, options);
    const o = typeof dim === "object" && dim !== null ? dim : typeof options === "object" ? options : {};
    const d = typeof dim === "number" ? dim : (o.dim ?? null);
    const keepdim = typeof options === "boolean" ? options : (o.keepdim ?? false);
    if (input.dtype.key === "bool")
      throw new DTypeError(`"${name}_cpu" not implemented for 'Bool'`, "convert the tensor: x.to(torch.uint8)");
    let dims: readonly number[];
    if (d === null) {
      if (input.numel() === 0) throw new IndexError(`${name}(): Expected reduction dim to be specified for input.numel() == 0.`);
      dims = input.shape.map((_, i) => i);
    } else {
      dims = dimensionArguments(input, d, keepdim).dims;
      checkReducible(name, input, dims);
    }
    const attributes = { dims, keepdim };
    return o.out ? runtime.callOut(op, [input], attributes, o.out) : runtime.call(op, [input], attributes);
  };
  method(name, fn);
  return fn;
}

/**
 * The position of the first largest element, in the flattened tensor or along `dim`; NaN counts as the largest. As `torch.argmax`.
 * @example
 * torch.argmax(torch.tensor([[1, 5], [4, 2]]), 1) // tensor([1, 0])
 */
export const argmax = position("argmax");
/** The position of the first smallest element, in the flattened tensor or along `dim`; NaN counts as the smallest. As `torch.argmin`. */
export const argmin = position("argmin");
