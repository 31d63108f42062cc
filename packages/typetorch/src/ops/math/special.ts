import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link erf}. */
    erf(options?: OutOption): Tensor;
    erf_(): this;
    /** See {@link erfc}. */
    erfc(options?: OutOption): Tensor;
    erfc_(): this;
    /** See {@link erfinv}. */
    erfinv(options?: OutOption): Tensor;
    erfinv_(): this;
    /** See {@link lgamma}. */
    lgamma(options?: OutOption): Tensor;
    lgamma_(): this;
    /** See {@link digamma}. */
    digamma(options?: OutOption): Tensor;
    digamma_(): this;
  }
}

/** The error function. As `torch.erf`. */
export const erf = unary("erf", {
  name: "erf",
  compute: "float",
  forward: (x) => x.erf(),
  backward: (g, x) => g.mul(x.square().neg().exp()).mul(2 / Math.sqrt(Math.PI)),
});

/** The complementary error function. As `torch.erfc`. */
export const erfc = unary("erfc", {
  name: "erfc",
  compute: "float",
  forward: (x) => x.erfc(),
  backward: (g, x) => g.mul(x.square().neg().exp()).mul(-2 / Math.sqrt(Math.PI)),
});

/** The inverse of the error function. As `torch.erfinv`. */
export const erfinv = unary("erfinv", {
  name: "erfinv",
  compute: "float",
  forward: (x) => x.erfinv(),
  backward: (g, _x, out) => g.mul(out.square().exp()).mul(Math.sqrt(Math.PI) / 2),
});

/** The logarithm of the absolute value of the gamma function. As `torch.lgamma`. */
export const lgamma = unary("lgamma", {
  name: "lgamma",
  compute: "float",
  forward: (x) => x.lgamma(),
  backward: (g, x) => g.mul(x.digamma()),
});

/** The logarithmic derivative of the gamma function. As `torch.digamma`. */
export const digamma = unary("digamma", {
  name: "digamma",
  compute: "float",
  forward: (x) => x.digamma(),
  backward: (g, x) => g.mul(x.trigamma()),
});
