/**
 * Sign and absolute value.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, bool } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link neg}. */
    neg(options?: OutOption): Tensor;
    neg_(): this;
    negative(options?: OutOption): Tensor;
    negative_(): this;
    /** See {@link abs}. */
    abs(options?: OutOption): Tensor;
    abs_(): this;
    absolute(options?: OutOption): Tensor;
    absolute_(): this;
    /** See {@link sign}. */
    sign(options?: OutOption): Tensor;
    sign_(): this;
    /** See {@link sgn}. */
    sgn(options?: OutOption): Tensor;
    sgn_(): this;
    /** See {@link positive}. */
    positive(): Tensor;
  }
}

/**
 * `-x`. As `torch.neg`.
 * @example
 * torch.neg(torch.tensor([-1.5, 0, 2])) // tensor([1.5000, -0.0000, -2.0000])
 */
export const neg = unary("neg", {
  name: "neg",
  aliases: ["negative"],
  compute: "promote",
  check: refuseBool,
  forward: (x) => x.neg(),
  backward: (g) => g.neg(),
});

/**
 * The absolute value. As `torch.abs`.
 * @example
 * torch.abs(torch.tensor([-1.5, 0, 2])) // tensor([1.5000, 0.0000, 2.0000])
 */
export const abs = unary("abs", {
  name: "abs",
  aliases: ["absolute"],
  compute: "promote",
  check(compute) {
    if (compute === bool) throw new DTypeError(`"abs_cpu" not implemented for 'Bool'`, "booleans have no sign");
  },
  forward: (x) => x.abs(),
  backward: (g, x) => g.mul(x.sign()),
});

/**
 * -1, 0 or 1 as the sign. As `torch.sign`.
 * @example
 * torch.sign(torch.tensor([-1.5, 0, 2])) // tensor([-1., 0., 1.])
 */
export const sign = unary("sign", {
  name: "sign",
  compute: "promote",
  forward: (x, type) => (type === "bool" ? x : x.sign()),
  backward: (g) => g.mul(0),
});

function refuseBool(compute: DType): void {
  if (compute === bool)
    throw new DTypeError(
      "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
    );
}
/**
 * -1, 0 or 1 as the sign; of real numbers the same as `sign`. As `torch.sgn`.
 * @example
 * torch.sgn(torch.tensor([-1.5, 0, 2])) // tensor([-1., 0., 1.])
 */
export const sgn = unary("sgn", {
  name: "sgn",
  compute: "promote",
  forward: (x, type) => (type === "bool" ? x : x.sign()),
  backward: (g) => g.mul(0),
});

/**
 * The tensor itself, as `torch.positive`. Throws for bool tensors.
 * @example
 * torch.positive(torch.tensor([-1.5, 0, 2])) // tensor([-1.5000, 0.0000, 2.0000])
 */
export function positive(input: Tensor): Tensor {
  checkArguments("positive(Tensor input)", input);
  if (input.dtype === bool)
    throw new DTypeError("The `+` operator, on a bool tensor is not supported.", "convert to an integer dtype first");
  return input;
}

method("positive", positive);

export { abs as absolute, neg as negative };
