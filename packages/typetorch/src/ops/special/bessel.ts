/**
 * Modified Bessel functions of the first kind.
 */
import { takeResult } from "../outputs.ts";
import { besselI, besselIe } from "../../core/normalFunctions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import type { OutOption } from "../unary.ts";
import { hostUnary } from "./host.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link i0}. */
    i0(options?: OutOption): Tensor;
    i0_(): this;
  }
}

/** `value / x`, and `limit` near 0, where the quotient is one of small numbers. */
function nearZero(x: Tensor, slope: (x: Tensor) => Tensor, limit: number): Tensor {
  const tiny = x.abs().le(x.dtype.key === "f64" ? 2 ** -52 : 2 ** -23);
  // The other numbers go through the formula; tiny ones through a harmless stand-in, so that no NaN comes back through them.
  const safe = x.where(tiny.logicalNot(), 1);
  return slope(safe).where(tiny.logicalNot(), limit);
}

/** The modified Bessel function of order 0. As `torch.i0`. */
export const i0 = hostUnary(
  "i0",
  (x) => besselI(0, x),
  (g, x) => g.mul(i1(x)),
);

/** `exp(-|x|) i0(x)`. As `torch.special.i0e`. */
export const i0e = hostUnary(
  "special_i0e",
  (x) => besselIe(0, x),
  (g, x, out) => g.mul(i1e(x).sub(x.sign().mul(out))),
);

/** The modified Bessel function of order 1. As `torch.special.i1`. */
export const i1 = hostUnary(
  "special_i1",
  (x) => besselI(1, x),
  (g, x) => g.mul(nearZero(x, (z) => i0(z).sub(i1(z).div(z)), 0.5)),
);

/** `exp(-|x|) i1(x)`. As `torch.special.i1e`. */
export const i1e = hostUnary(
  "special_i1e",
  (x) => besselIe(1, x),
  (g, x) => g.mul(nearZero(x, (z) => i0e(z).sub(i1e(z).mul(z.sign().add(z.reciprocal()))), 0.5)),
);

method("i0", i0);
method("i0_", (input: Tensor) => takeResult(input, i0(input)));
