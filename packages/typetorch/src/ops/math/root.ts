import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sqrt}. */
    sqrt(options?: OutOption): Tensor;
    sqrt_(): this;
    /** See {@link rsqrt}. */
    rsqrt(options?: OutOption): Tensor;
    rsqrt_(): this;
    /** See {@link reciprocal}. */
    reciprocal(options?: OutOption): Tensor;
    reciprocal_(): this;
    /** See {@link square}. */
    square(options?: OutOption): Tensor;
    square_(): this;
  }
}

/** The square root, NaN below 0. As `torch.sqrt`. */
export const sqrt = unary("sqrt", {
  name: "sqrt",
  compute: "float",
  forward: (x) => x.sqrt(),
  backward: (g, _x, out) => g.div(out.mul(2)),
});

/** The reciprocal of the square root. As `torch.rsqrt`. */
export const rsqrt = unary("rsqrt", {
  name: "rsqrt",
  compute: "float",
  forward: (x) => x.rsqrt(),
  backward: (g, _x, out) => g.mul(out.mul(out).mul(out)).mul(-0.5),
});

/** `1 / x`. As `torch.reciprocal`. */
export const reciprocal = unary("reciprocal", {
  name: "reciprocal",
  compute: "float",
  forward: (x) => x.reciprocal(),
  backward: (g, _x, out) => g.mul(out.mul(out)).neg(),
});

/** `x * x`. As `torch.square`. */
export const square = unary("square", {
  name: "square",
  compute: "promote",
  integral: true,
  forward: (x) => x.square(),
  backward: (g, x) => g.mul(x.mul(2)),
});
