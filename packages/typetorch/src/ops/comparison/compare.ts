/**
 * Comparisons, element by element: the results are bool.
 */
import { bool } from "../../core/dtype.ts";
import type { NumberLike } from "../../core/promotion.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link eq}. */
    eq(other: Tensor | NumberLike, options?: OutOption): Tensor;
    eq_(other: Tensor | NumberLike): this;
    /** See {@link ne}. */
    ne(other: Tensor | NumberLike, options?: OutOption): Tensor;
    ne_(other: Tensor | NumberLike): this;
    notEqual(other: Tensor | NumberLike, options?: OutOption): Tensor;
    /** See {@link lt}. */
    lt(other: Tensor | NumberLike, options?: OutOption): Tensor;
    lt_(other: Tensor | NumberLike): this;
    less(other: Tensor | NumberLike, options?: OutOption): Tensor;
    /** See {@link le}. */
    le(other: Tensor | NumberLike, options?: OutOption): Tensor;
    le_(other: Tensor | NumberLike): this;
    lessEqual(other: Tensor | NumberLike, options?: OutOption): Tensor;
    /** See {@link gt}. */
    gt(other: Tensor | NumberLike, options?: OutOption): Tensor;
    gt_(other: Tensor | NumberLike): this;
    greater(other: Tensor | NumberLike, options?: OutOption): Tensor;
    /** See {@link ge}. */
    ge(other: Tensor | NumberLike, options?: OutOption): Tensor;
    ge_(other: Tensor | NumberLike): this;
    greaterEqual(other: Tensor | NumberLike, options?: OutOption): Tensor;
  }
}

type Comparison = (input: Tensor, other: Tensor | NumberLike, options?: OutOption) => Tensor;

function comparison(name: string, alias: string | null, compare: (x: Expr, y: Expr) => Expr): Comparison {
  const op = definePointwise(
    { name, compute: "promote", tensors: "first", result: bool, forward: ([x, y]) => compare(x!, y!) },
    2,
  );
  const fn: Comparison = (input, other, options) =>
    options?.out ? op([input, other], undefined, options.out) : op.op.two(input, other);
  const inPlace = (input: Tensor, other: Tensor | NumberLike): Tensor => op.op.twoInPlace(input, other);
  for (const m of alias ? [name, alias] : [name]) {
    method(m, fn);
    method(`${m}_`, inPlace);
  }
  return fn;
}

/**
 * `input == other`, as `torch.eq`.
 * @example
 * torch.eq(torch.tensor([1, 2, 3]), 2) // tensor([False, True, False])
 */
export const eq = comparison("eq", null, (x, y) => x.eq(y));
/**
 * `input != other`, as `torch.ne`.
 * @example
 * torch.ne(torch.tensor([1, 2, 3]), 2) // tensor([True, False, True])
 */
export const ne = comparison("ne", "notEqual", (x, y) => x.ne(y));
/**
 * `input < other`, as `torch.lt`.
 * @example
 * torch.less(torch.tensor([1, 2, 3]), 2) // tensor([True, False, False])
 */
export const lt = comparison("lt", "less", (x, y) => x.lt(y));
/**
 * `input <= other`, as `torch.le`.
 * @example
 * torch.le(torch.tensor([1, 2, 3]), 2) // tensor([True, True, False])
 */
export const le = comparison("le", "lessEqual", (x, y) => x.le(y));
/**
 * `input > other`, as `torch.gt`.
 * @example
 * torch.greater(torch.tensor([1, 2, 3]), 2) // tensor([False, False, True])
 */
export const gt = comparison("gt", "greater", (x, y) => x.gt(y));
/**
 * `input >= other`, as `torch.ge`.
 * @example
 * torch.ge(torch.tensor([1, 2, 3]), 2) // tensor([False, True, True])
 */
export const ge = comparison("ge", "greaterEqual", (x, y) => x.ge(y));

export { ge as greaterEqual, gt as greater, le as lessEqual, lt as less, ne as notEqual };
