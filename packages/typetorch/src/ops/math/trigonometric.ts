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

/** The sine. As `torch.sin`. */
export const sin = unary("sin", { name: "sin", compute: "float", forward: (x) => x.sin(), backward: (g, x) => g.mul(x.cos()) });

/** The cosine. As `torch.cos`. */
export const cos = unary("cos", {
  name: "cos",
  compute: "float",
  forward: (x) => x.cos(),
  backward: (g, x) => g.mul(x.sin().neg()),
});

/** The tangent. As `torch.tan`. */
export const tan = unary("tan", {
  name: "tan",
  compute: "float",
  forward: (x) => x.tan(),
  backward: (g, _x, out) => g.mul(out.square().add(1)),
});

/** The inverse sine, NaN outside of [-1, 1]. As `torch.asin`. */
export const asin = unary("asin", {
  name: "asin",
  aliases: ["arcsin"],
  compute: "float",
  forward: (x) => x.asin(),
  backward: (g, x) => g.mul(x.square().neg().add(1).rsqrt()),
});

/** The inverse cosine, NaN outside of [-1, 1]. As `torch.acos`. */
export const acos = unary("acos", {
  name: "acos",
  aliases: ["arccos"],
  compute: "float",
  forward: (x) => x.acos(),
  backward: (g, x) => g.mul(x.square().neg().add(1).rsqrt().neg()),
});

/** The inverse tangent. As `torch.atan`. */
export const atan = unary("atan", {
  name: "atan",
  aliases: ["arctan"],
  compute: "float",
  forward: (x) => x.atan(),
  backward: (g, x) => g.div(x.square().add(1)),
});

export { acos as arccos, asin as arcsin, atan as arctan };
