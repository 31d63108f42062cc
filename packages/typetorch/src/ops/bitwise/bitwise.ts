/**
 * Operations on the bits of integers, and on booleans.
 */
import { bool, type DType, kernelName } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { NumberLike } from "../../core/promotion.ts";
import type { Expr } from "../../ir/expr.ts";
import { type AnyAndAny, binary } from "../binary.ts";
import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link bitwiseAnd}. */
    bitwiseAnd(other: Tensor | NumberLike, options?: OutOption): Tensor;
    bitwiseAnd_(other: Tensor | NumberLike): this;
    /** See {@link bitwiseOr}. */
    bitwiseOr(other: Tensor | NumberLike, options?: OutOption): Tensor;
    bitwiseOr_(other: Tensor | NumberLike): this;
    /** See {@link bitwiseXor}. */
    bitwiseXor(other: Tensor | NumberLike, options?: OutOption): Tensor;
    bitwiseXor_(other: Tensor | NumberLike): this;
    /** See {@link bitwiseNot}. */
    bitwiseNot(options?: OutOption): Tensor;
    bitwiseNot_(): this;
    /** See {@link bitwiseLeftShift}. */
    bitwiseLeftShift(other: Tensor | NumberLike, options?: OutOption): Tensor;
    bitwiseLeftShift_(other: Tensor | NumberLike): this;
    /** See {@link bitwiseRightShift}. */
    bitwiseRightShift(other: Tensor | NumberLike, options?: OutOption): Tensor;
    bitwiseRightShift_(other: Tensor | NumberLike): this;
  }
}

function integral(kernel: string, withBool: boolean): (compute: DType) => void {
  return (compute) => {
    if (!compute.isFloatingPoint && (withBool || compute !== bool)) return;
    throw new DTypeError(`"${kernel}" not implemented for '${kernelName(compute)}'`, "convert to an integer dtype first");
  };
}

function bitwise(methodName: string, name: string, combine: (x: Expr, y: Expr) => Expr): AnyAndAny {
  return binary<AnyAndAny>([methodName], {
    name,
    compute: "promote",
    tensors: "one",
    check: integral(`${name}_cpu`, true),
    forward: ([x, y]) => combine(x!, y!),
  });
}

/**
 * The bits that both have, as `torch.bitwise_and`; for booleans the logical and.
 * @example
 * torch.bitwiseAnd(torch.tensor([12n, 9n]), torch.tensor([2n, 1n])) // tensor([0, 1])
 */
export const bitwiseAnd = bitwise("bitwiseAnd", "bitwise_and", (x, y) => x.and(y));
/**
 * The bits that one has, as `torch.bitwise_or`.
 * @example
 * torch.bitwiseOr(torch.tensor([12n, 9n]), torch.tensor([2n, 1n])) // tensor([14, 9])
 */
export const bitwiseOr = bitwise("bitwiseOr", "bitwise_or", (x, y) => x.or(y));
/**
 * The bits that exactly one has, as `torch.bitwise_xor`.
 * @example
 * torch.bitwiseXor(torch.tensor([12n, 9n]), torch.tensor([2n, 1n])) // tensor([14, 8])
 */
export const bitwiseXor = bitwise("bitwiseXor", "bitwise_xor", (x, y) => x.xor(y));

/**
 * All bits turned over, as `torch.bitwise_not`; for booleans the logical not.
 * @example
 * torch.bitwiseNot(torch.tensor([0n, 5n])) // tensor([-1, -6])
 */
export const bitwiseNot = unary("bitwiseNot", {
  name: "bitwise_not",
  compute: "promote",
  check: integral("bitwise_not_cpu", true),
  forward: (x) => x.not(),
});

function shift(methodName: string, name: string, kernel: string, move: (x: Expr, y: Expr) => Expr): AnyAndAny {
  return binary<AnyAndAny>([methodName], {
    name,
    compute: "promote",
    tensors: "one",
    check: integral(kernel, false),
    // The processor takes the count modulo the width.
    forward: ([x, y], _p, type) => move(x!, y!.and(type === "i64" ? 63 : 31)),
  });
}

/**
 * `input * 2^other` in integers, bits that leave at the left are lost. As `torch.bitwise_left_shift`.
 * @example
 * torch.bitwiseLeftShift(torch.tensor([12n, 9n]), torch.tensor([2n, 1n])) // tensor([48, 18])
 */
export const bitwiseLeftShift = shift("bitwiseLeftShift", "bitwise_left_shift", "lshift_cpu", (x, y) => x.shl(y));
/**
 * `floor(input / 2^other)` in integers. As `torch.bitwise_right_shift`.
 * @example
 * torch.bitwiseRightShift(torch.tensor([12n, 9n]), torch.tensor([2n, 1n])) // tensor([3, 4])
 */
export const bitwiseRightShift = shift("bitwiseRightShift", "bitwise_right_shift", "rshift_cpu", (x, y) => x.shr(y));
