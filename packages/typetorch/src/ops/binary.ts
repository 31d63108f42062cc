/**
 * How ops of two operands are declared: one definition gives the function, `x.name(y)`, `x.name_(y)` and `out`.
 */
import type { NumberLike } from "../core/promotion.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { method } from "./methods.ts";
import { type PointwiseDefinition, definePointwise } from "./pointwise.ts";
import type { OutOption } from "./unary.ts";

export type Binary<X = Tensor, Y = X> = (input: X, other: Y, options?: OutOption) => Tensor;
/** An op whose second operand may be a number. */
export type TensorAndAny = Binary<Tensor, Tensor | NumberLike>;
/** An op of which one operand may be a number. */
export type AnyAndAny = Binary<Tensor | NumberLike, Tensor | NumberLike>;

/** Declares `name(x, y)` and its methods, under all the given names. `check` sees the operands before anything else. */
export function binary<F extends AnyAndAny | TensorAndAny | Binary>(
  methodNames: readonly string[],
  definition: PointwiseDefinition,
  check?: (input: Tensor | NumberLike, other: Tensor | NumberLike) => void,
): F {
  const { op } = definePointwise(definition, 2);
  const fn = (input: Tensor | NumberLike, other: Tensor | NumberLike, options?: OutOption): Tensor => {
    check?.(input, other);
    return options?.out ? op.call([input, other], [], options.out) : op.two(input, other);
  };
  const inPlace = (input: Tensor, other: Tensor | NumberLike): Tensor => {
    check?.(input, other);
    return op.twoInPlace(input, other);
  };
  for (const name of methodNames) {
    method(name, fn);
    method(`${name}_`, inPlace);
  }
  return fn as F;
}
