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

/**
 * The square root, NaN below 0. As `torch.sqrt`.
 * @example
 * torch.sqrt(torch.tensor([1, 2, 10])) // tensor([1.0000, 1.4142, 3.1623])
 */
export const sqrt = unary("sqrt", {
  name: "sqrt",
  compute: "float",
  forward: (x) => x.sqrt(),
  backward: (g, _x, out) => g.div(out.mul(2)),
});

/**
 * The reciprocal of the square root. As `torch.rsqrt`.
 * @example
 * torch.rsqrt(torch.tensor([1, 2, 10])) // tensor([1.0000, 0.7071, 0.3162])
 */
export const rsqrt = unary("rsqrt", {
  name: "rsqrt",
  compute: "float",
  forward: (x) => x.rsqrt(),
  backward: (g, _x, out) => g.mul(out.mul(out).mul(out)).mul(-0.5),
});

/**
 * `1 / x`. As `torch.reciprocal`.
 * @example
 * torch.reciprocal(torch.tensor([1, 2, 10])) // tensor([1.0000, 0.5000, 0.1000])
 */
export const reciprocal = unary("reciprocal", {
  name: "reciprocal",
  compute: "float",
  forward: (x) => x.reciprocal(),
  backward: (g, _x, out) => g.mul(out.mul(out)).neg(),
});

/**
 * `x * x`. As `torch.square`.
 * @example
 * torch.square(torch.tensor([-1.5, 0, 2])) // tensor([2.2500, 0.0000, 4.0000])
 */
export const square = unary("square", {
  name: "square",
  compute: "promote",
  integral: true,
  forward: (x) => x.square(),
  backward: (g, x) => g.mul(x.mul(2)),
});
