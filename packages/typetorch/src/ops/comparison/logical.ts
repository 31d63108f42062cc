/**
 * Boolean operations, element by element: anything but 0 is true, the results are bool.
 */
import { bool } from "../../core/dtype.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link logicalAnd}. */
    logicalAnd(other: Tensor, options?: OutOption): Tensor;
    logicalAnd_(other: Tensor): this;
    /** See {@link logicalOr}. */
    logicalOr(other: Tensor, options?: OutOption): Tensor;
    logicalOr_(other: Tensor): this;
    /** See {@link logicalXor}. */
    logicalXor(other: Tensor, options?: OutOption): Tensor;
    logicalXor_(other: Tensor): this;
    /** See {@link logicalNot}. */
    logicalNot(options?: OutOption): Tensor;
    logicalNot_(): this;
  }
}

type Logical = (input: Tensor, other: Tensor, options?: OutOption) => Tensor;

function logical(methodName: string, name: string, combine: (x: Expr, y: Expr) => Expr): Logical {
  const op = definePointwise(
    { name, compute: "promote", tensors: "all", result: bool, forward: ([x, y]) => combine(x!.cast("bool"), y!.cast("bool")) },
    2,
  );
  const fn: Logical = (input, other, options) => op([input, other], undefined, options?.out);
  method(methodName, fn);
  method(`${methodName}_`, (input: Tensor, other: Tensor) => op.inPlace([input, other]));
  return fn;
}

/**
 * True where both are, as `torch.logical_and`.
 * @example
 * torch.logicalAnd(torch.tensor([true, false]), torch.tensor([true, true])) // tensor([True, False])
 */
export const logicalAnd = logical("logicalAnd", "logical_and", (x, y) => x.and(y));
/**
 * True where one is, as `torch.logical_or`.
 * @example
 * torch.logicalOr(torch.tensor([true, false]), torch.tensor([true, true])) // tensor([True, True])
 */
export const logicalOr = logical("logicalOr", "logical_or", (x, y) => x.or(y));
/**
 * True where exactly one is, as `torch.logical_xor`.
 * @example
 * torch.logicalXor(torch.tensor([true, false]), torch.tensor([true, true])) // tensor([False, True])
 */
export const logicalXor = logical("logicalXor", "logical_xor", (x, y) => x.xor(y));
/**
 * True where the element is 0, as `torch.logical_not`.
 * @example
 * torch.logicalNot(torch.tensor([0, 2])) // tensor([True, False])
 */
export const logicalNot = unary("logicalNot", {
  name: "logical_not",
  compute: "promote",
  result: bool,
  forward: (x) => x.cast("bool").not(),
});
