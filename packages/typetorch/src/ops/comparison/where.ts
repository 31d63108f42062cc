/**
 * Choosing elements by a condition, and the larger or smaller of two.
 */
import { checkArguments } from "../arguments.ts";
import { DTypeError } from "../../core/errors.ts";
import type { NumberLike } from "../../core/promotion.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { bool } from "../../core/dtype.ts";
import { nonzeroColumns } from "../indexing/nonzero.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** This tensor's elements where `condition` holds, else those of `other`. */
    where(condition: Tensor, other: Tensor | NumberLike): Tensor;
    /** See {@link maximum}. */
    maximum(other: Tensor, options?: OutOption): Tensor;
    /** See {@link minimum}. */
    minimum(other: Tensor, options?: OutOption): Tensor;
  }
}

const select = definePointwise(
  {
    name: "where",
    compute: "promote",
    forward: ([c, x, y]) => x!.where(c!.cast("bool"), y!),
    backward<T extends Num<T>>(g: T, [c]: readonly (T | number)[]) {
      const condition = c as T;
      return [null, g.where(condition, 0), g.where(condition.logicalNot(), 0)];
    },
  },
  3,
);

export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, input: Tensor | NumberLike, other: Tensor | NumberLike): Tensor;
/**
 * Elements of `input` where `condition` holds, else of `other`, with broadcasting and promotion. As `torch.where`; with the condition alone, the indices where
 * it holds, one tensor per dimension.
 * @example
 * torch.where(torch.tensor([true, false]), torch.tensor([1, 2]), 0) // tensor([1., 0.])
 */
export function where(condition: Tensor, input?: Tensor | NumberLike, other?: Tensor | NumberLike): Tensor | Tensor[] {
  checkArguments("where(Tensor condition, Scalar|Tensor? input, Scalar|Tensor? other)", condition, input, other);
  if (input === undefined || other === undefined) return nonzeroColumns(condition);
  if (condition.dtype !== bool && condition.dtype.key !== "u8") {
    throw new DTypeError(
      `where expected condition to be a boolean tensor, but got a tensor with dtype ${condition.dtype}`,
      "make a mask with a comparison: x.ne(0)",
    );
  }
  return select([condition, input, other]);
}

function extreme(name: string, choose: (x: Expr, y: Expr) => Expr, better: <T extends Num<T>>(x: T, y: T) => T) {
  const op = definePointwise(
    {
      name,
      compute: "promote",
      tensors: "all",
      forward: ([x, y], _p, type) => (type === "bool" ? (name === "maximum" ? x!.or(y!) : x!.and(y!)) : choose(x!, y!)),
      backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
        const [x, y] = operands as [T, T];
        const half = g.mul(0.5).where(x.eq(y), g);
        return [half.where(better(y, x).logicalNot(), 0), half.where(better(x, y).logicalNot(), 0)];
      },
    },
    2,
  );
  const fn = (input: Tensor, other: Tensor, options?: OutOption): Tensor =>
    options?.out ? op([input, other], undefined, options.out) : op.op.two(input, other);
  method(name, fn);
  return fn;
}

/**
 * The larger of two elements, NaN when either is; equal ones share the gradient. As `torch.maximum`.
 * @example
 * torch.maximum(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([4., 5.])
 */
export const maximum = extreme(
  "maximum",
  (x, y) => x.maximum(y),
  (x, y) => x.gt(y),
);
/**
 * The smaller of two elements, NaN when either is; equal ones share the gradient. As `torch.minimum`.
 * @example
 * torch.minimum(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([3., 2.])
 */
export const minimum = extreme(
  "minimum",
  (x, y) => x.minimum(y),
  (x, y) => x.lt(y),
);

method("where", (input: Tensor, condition: Tensor, other: Tensor | NumberLike) => where(condition, input, other));
