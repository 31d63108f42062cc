/**
 * Multiplication.
 */
import { checkArguments } from "../arguments.ts";
import type { NumberLike } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import type { Num } from "../../ir/num.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link mul}. */
    mul(other: Tensor | NumberLike, options?: OutOption): Tensor;
    mul_(other: Tensor | NumberLike): this;
    multiply(other: Tensor | NumberLike, options?: OutOption): Tensor;
    multiply_(other: Tensor | NumberLike): this;
  }
}

const op = definePointwise(
  {
    name: "mul",
    compute: "promote",
    forward: ([x, y], _p, type) => (type === "bool" ? x!.and(y!) : x!.mul(y!)),
    backward<T extends Num<T>>(g: T, [x, y]: readonly (T | number)[]) {
      return [g.mul(y!), g.mul(x!)];
    },
  },
  2,
);

/**
 * Multiplies element by element, with broadcasting and type promotion. As `torch.mul`.
 * @example
 * torch.mul(torch.tensor([1, 2]), 10) // tensor([10., 20.])
 */
export function mul(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: OutOption): Tensor {
  checkArguments("multiply(Scalar|Tensor input, Scalar|Tensor other, options? options, {Tensor out})", input, other, options);
  return options?.out ? op([input, other], undefined, options.out) : op.op.two(input, other);
}
export { mul as multiply };

const mul_ = (input: Tensor, other: Tensor | NumberLike): Tensor => op.op.twoInPlace(input, other);
method("mul", mul);
method("mul_", mul_);
method("multiply", mul);
method("multiply_", mul_);
