/**
 * Degrees and radians, and `sinc`.
 */
import { constant } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link deg2rad}. */
    deg2rad(options?: OutOption): Tensor;
    deg2rad_(): this;
    /** See {@link rad2deg}. */
    rad2deg(options?: OutOption): Tensor;
    rad2deg_(): this;
    /** See {@link sinc}. */
    sinc(options?: OutOption): Tensor;
    sinc_(): this;
    /** See {@link angle}. */
    angle(options?: OutOption): Tensor;
  }
}

/**
 * `x * π / 180`, as `torch.deg2rad`.
 * @example
 * torch.deg2rad(torch.tensor([-1.5, 0, 2])) // tensor([-0.0262, 0.0000, 0.0349])
 */
export const deg2rad = unary("deg2rad", {
  name: "deg2rad",
  compute: "float",
  forward: (x) => x.mul(Math.PI / 180),
  backward: (g) => g.mul(Math.PI / 180),
});

/**
 * `x * 180 / π`, as `torch.rad2deg`.
 * @example
 * torch.rad2deg(torch.tensor([-1.5, 0, 2])) // tensor([-85.9437, 0.0000, 114.5916])
 */
export const rad2deg = unary("rad2deg", {
  name: "rad2deg",
  compute: "float",
  forward: (x) => x.mul(180 / Math.PI),
  backward: (g) => g.mul(180 / Math.PI),
});

/**
 * `sin(πx) / (πx)`, 1 at 0. As `torch.sinc`.
 * @example
 * torch.sinc(torch.tensor([-1.5, 0, 0.5])) // tensor([-0.2122, 1.0000, 0.6366])
 */
export const sinc = unary("sinc", {
  name: "sinc",
  compute: "float",
  forward(x) {
    const scaled = x.mul(Math.PI);
    return constant(1, x.type).where(x.eq(0), scaled.sin().div(scaled));
  },
  backward<T extends Num<T>>(g: T, x: T) {
    const scaled = x.mul(Math.PI);
    const square = scaled.mul(x);
    const slope = scaled.mul(scaled.cos()).sub(scaled.sin()).div(square);
    return g.mul(slope).where(square.ne(0), 0);
  },
});

/**
 * The angle of each number seen as complex: 0, π for negative ones, NaN for NaN. As `torch.angle`.
 * @example
 * torch.angle(torch.tensor([-1, 0, 2])) // tensor([3.1416, 0.0000, 0.0000])
 */
export const angle = unary("angle", {
  name: "angle",
  compute: "float",
  inPlace: false,
  forward: (x) => x.where(x.ne(x), constant(Math.PI, x.type).where(x.lt(0), 0)),
  backward: (g) => g.mul(0),
});
