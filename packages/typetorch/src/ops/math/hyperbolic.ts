import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sinh}. */
    sinh(options?: OutOption): Tensor;
    sinh_(): this;
    /** See {@link cosh}. */
    cosh(options?: OutOption): Tensor;
    cosh_(): this;
    /** See {@link tanh}. */
    tanh(options?: OutOption): Tensor;
    tanh_(): this;
    /** See {@link asinh}. */
    asinh(options?: OutOption): Tensor;
    asinh_(): this;
    arcsinh(options?: OutOption): Tensor;
    arcsinh_(): this;
    /** See {@link acosh}. */
    acosh(options?: OutOption): Tensor;
    acosh_(): this;
    arccosh(options?: OutOption): Tensor;
    arccosh_(): this;
    /** See {@link atanh}. */
    atanh(options?: OutOption): Tensor;
    atanh_(): this;
    arctanh(options?: OutOption): Tensor;
    arctanh_(): this;
    /** See {@link sigmoid}. */
    sigmoid(options?: OutOption): Tensor;
    sigmoid_(): this;
  }
}

/**
 * The hyperbolic sine. As `torch.sinh`.
 * @example
 * torch.sinh(torch.tensor([-1.5, 0, 2])) // tensor([-2.1293, 0.0000, 3.6269])
 */
export const sinh = unary("sinh", {
  name: "sinh",
  compute: "float",
  forward: (x) => x.sinh(),
  backward: (g, x) => g.mul(x.cosh()),
});

/**
 * The hyperbolic cosine. As `torch.cosh`.
 * @example
 * torch.cosh(torch.tensor([-1.5, 0, 2])) // tensor([2.3524, 1.0000, 3.7622])
 */
export const cosh = unary("cosh", {
  name: "cosh",
  compute: "float",
  forward: (x) => x.cosh(),
  backward: (g, x) => g.mul(x.sinh()),
});

/**
 * The hyperbolic tangent. As `torch.tanh`.
 * @example
 * torch.tanh(torch.tensor([-1.5, 0, 2])) // tensor([-0.9051, 0.0000, 0.9640])
 */
export const tanh = unary("tanh", {
  name: "tanh",
  compute: "float",
  forward: (x) => x.tanh(),
  backward: (g, _x, out) => g.mul(out.square().neg().add(1)),
});

/**
 * The inverse hyperbolic sine. As `torch.asinh`.
 * @example
 * torch.arcsinh(torch.tensor([-1.5, 0, 2])) // tensor([-1.1948, 0.0000, 1.4436])
 */
export const asinh = unary("asinh", {
  name: "asinh",
  aliases: ["arcsinh"],
  compute: "float",
  forward: (x) => x.asinh(),
  backward: (g, x) => g.mul(x.square().add(1).rsqrt()),
});

/**
 * The inverse hyperbolic cosine, NaN below 1. As `torch.acosh`.
 * @example
 * torch.acosh(torch.tensor([1, 2, 10])) // tensor([0.0000, 1.3170, 2.9932])
 */
export const acosh = unary("acosh", {
  name: "acosh",
  aliases: ["arccosh"],
  compute: "float",
  forward: (x) => x.acosh(),
  backward: (g, x) => g.mul(x.square().sub(1).rsqrt()),
});

/**
 * The inverse hyperbolic tangent, NaN outside of [-1, 1]. As `torch.atanh`.
 * @example
 * torch.arctanh(torch.tensor([-0.5, 0, 0.5])) // tensor([-0.5493, 0.0000, 0.5493])
 */
export const atanh = unary("atanh", {
  name: "atanh",
  aliases: ["arctanh"],
  compute: "float",
  forward: (x) => x.atanh(),
  backward: (g, x) => g.div(x.square().neg().add(1)),
});

/**
 * The logistic function `1 / (1 + e^-x)`. As `torch.sigmoid`.
 * @example
 * F.sigmoid(torch.tensor([-1, 0, 2])) // tensor([0.2689, 0.5000, 0.8808])
 */
export const sigmoid = unary("sigmoid", {
  name: "sigmoid",
  compute: "float",
  forward: (x) => x.sigmoid(),
  backward: (g, _x, out) => g.mul(out.neg().add(1).mul(out)),
});

export { acosh as arccosh, asinh as arcsinh, atanh as arctanh };
