import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sin}. */
    sin(options?: OutOption): Tensor;
    sin_(): this;
    /** See {@link cos}. */
    cos(options?: OutOption): Tensor;
    cos_(): this;
    /** See {@link tan}. */
    tan(options?: OutOption): Tensor;
    tan_(): this;
    /** See {@link asin}. */
    asin(options?: OutOption): Tensor;
    asin_(): this;
    arcsin(options?: OutOption): Tensor;
    arcsin_(): this;
    /** See {@link acos}. */
    acos(options?: OutOption): Tensor;
    acos_(): this;
    arccos(options?: OutOption): Tensor;
    arccos_(): this;
    /** See {@link atan}. */
    atan(options?: OutOption): Tensor;
    atan_(): this;
    arctan(options?: OutOption): Tensor;
    arctan_(): this;
  }
}

/**
 * The sine. As `torch.sin`.
 * @example
 * torch.sin(torch.tensor([-1.5, 0, 2])) // tensor([-0.9975, 0.0000, 0.9093])
 */
export const sin = unary("sin", { name: "sin", compute: "float", forward: (x) => x.sin(), backward: (g, x) => g.mul(x.cos()) });

/**
 * The cosine. As `torch.cos`.
 * @example
 * torch.cos(torch.tensor([-1.5, 0, 2])) // tensor([0.0707, 1.0000, -0.4161])
 */
export const cos = unary("cos", {
  name: "cos",
  compute: "float",
  forward: (x) => x.cos(),
  backward: (g, x) => g.mul(x.sin().neg()),
});

/**
 * The tangent. As `torch.tan`.
 * @example
 * torch.tan(torch.tensor([-1.5, 0, 2])) // tensor([-14.1014, 0.0000, -2.1850])
 */
export const tan = unary("tan", {
  name: "tan",
  compute: "float",
  forward: (x) => x.tan(),
  backward: (g, _x, out) => g.mul(out.square().add(1)),
});

/**
 * The inverse sine, NaN outside of [-1, 1]. As `torch.asin`.
 * @example
 * torch.arcsin(torch.tensor([-0.5, 0, 0.5])) // tensor([-0.5236, 0.0000, 0.5236])
 */
export const asin = unary("asin", {
  name: "asin",
  aliases: ["arcsin"],
  compute: "float",
  forward: (x) => x.asin(),
  backward: (g, x) => g.mul(x.square().neg().add(1).rsqrt()),
});

/**
 * The inverse cosine, NaN outside of [-1, 1]. As `torch.acos`.
 * @example
 * torch.acos(torch.tensor([-0.5, 0, 0.5])) // tensor([2.0944, 1.5708, 1.0472])
 */
export const acos = unary("acos", {
  name: "acos",
  aliases: ["arccos"],
  compute: "float",
  forward: (x) => x.acos(),
  backward: (g, x) => g.mul(x.square().neg().add(1).rsqrt().neg()),
});

/**
 * The inverse tangent. As `torch.atan`.
 * @example
 * torch.arctan(torch.tensor([-1.5, 0, 2])) // tensor([-0.9828, 0.0000, 1.1071])
 */
export const atan = unary("atan", {
  name: "atan",
  aliases: ["arctan"],
  compute: "float",
  forward: (x) => x.atan(),
  backward: (g, x) => g.div(x.square().add(1)),
});

export { acos as arccos, asin as arcsin, atan as arctan };
