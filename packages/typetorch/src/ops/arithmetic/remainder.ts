/**
 * Remainders of division.
 */
import { type DType, bool } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { NumberLike } from "../../core/promotion.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import { type AnyAndAny, type TensorAndAny, binary } from "../binary.ts";
import type { OutOption } from "../unary.ts";
import { checkDivisor, isAlgebra } from "./div.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link remainder}. */
    remainder(other: Tensor | NumberLike, options?: OutOption): Tensor;
    remainder_(other: Tensor | NumberLike): this;
    /** See {@link fmod}. */
    fmod(other: Tensor | NumberLike, options?: OutOption): Tensor;
    fmod_(other: Tensor | NumberLike): this;
  }
}

function refuseBool(name: string): (compute: DType) => void {
  return (compute) => {
    if (compute === bool)
      throw new DTypeError(`"${name}_cpu" not implemented for 'Bool'`, "convert one operand to an integer dtype");
  };
}

/** `-g * rounded(x / y)`, the derivative by the divisor. */
function byDivisor<T extends Num<T>>(g: T, x: T | number, y: T | number, round: (quotient: T) => T): T | null {
  if (!isAlgebra<T>(y)) return null;
  const quotient = isAlgebra<T>(x) ? x.div(y) : y.reciprocal().mul(x as number);
  return g.mul(round(quotient)).neg();
}

/**
 * The remainder with the sign of the divisor, as Python's `%`: `input - other * floor(input / other)`. Throws for integers divided by zero. As
 * `torch.remainder`.
 * @example
 * torch.remainder(torch.tensor([-3, 3]), 2) // tensor([1., 1.])
 */
export const remainder = binary<AnyAndAny>(
  ["remainder"],
  {
    name: "remainder",
    compute: "promote",
    tensors: "one",
    check: refuseBool("remainder"),
    forward([x, y]) {
      const r: Expr = x!.rem(y!);
      return r.add(y!).where(r.ne(0).logicalAnd(y!.lt(0).xor(r.lt(0))), r);
    },
    backward: <T extends Num<T>>(g: T, [x, y]: readonly (T | number)[]) => [g, byDivisor(g, x!, y!, (q) => q.floor())],
  },
  (x, y) => checkDivisor([x, y]),
);

/**
 * The remainder with the sign of the dividend, as C's `fmod` and `%`. Throws for integers divided by zero. As `torch.fmod`.
 * @example
 * torch.fmod(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([3., 1.])
 */
export const fmod = binary<TensorAndAny>(
  ["fmod"],
  {
    name: "fmod",
    compute: "promote",
    tensors: "first",
    check: refuseBool("fmod"),
    forward: ([x, y]) => x!.rem(y!),
    backward: <T extends Num<T>>(g: T, [x, y]: readonly (T | number)[]) => [g, byDivisor(g, x!, y!, (q) => q.trunc())],
  },
  (x, y) => checkDivisor([x, y]),
);
