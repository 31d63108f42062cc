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

/**
 * The error function. As `torch.erf`.
 * @example
 * torch.erf(torch.tensor([-1.5, 0, 2])) // tensor([-0.9661, 0.0000, 0.9953])
 */
export const erf = unary("erf", {
  name: "erf",
  compute: "float",
  forward: (x) => x.erf(),
  backward: (g, x) => g.mul(x.square().neg().exp()).mul(2 / Math.sqrt(Math.PI)),
});

/**
 * The complementary error function. As `torch.erfc`.
 * @example
 * torch.erfc(torch.tensor([-1.5, 0, 2])) // tensor([1.9661, 1.0000, 0.0047])
 */
export const erfc = unary("erfc", {
  name: "erfc",
  compute: "float",
  forward: (x) => x.erfc(),
  backward: (g, x) => g.mul(x.square().neg().exp()).mul(-2 / Math.sqrt(Math.PI)),
});

/**
 * The inverse of the error function. As `torch.erfinv`.
 * @example
 * torch.erfinv(torch.tensor([-0.5, 0, 0.5])) // tensor([-0.4769, 0.0000, 0.4769])
 */
export const erfinv = unary("erfinv", {
  name: "erfinv",
  compute: "float",
  forward: (x) => x.erfinv(),
  backward: (g, _x, out) => g.mul(out.square().exp()).mul(Math.sqrt(Math.PI) / 2),
});

/**
 * The logarithm of the absolute value of the gamma function. As `torch.lgamma`.
 * @example
 * torch.lgamma(torch.tensor([1, 2, 10])) // tensor([0.0000, 0.0000, 12.8018])
 */
export const lgamma = unary("lgamma", {
  name: "lgamma",
  compute: "float",
  forward: (x) => x.lgamma(),
  backward: (g, x) => g.mul(x.digamma()),
});

/**
 * The logarithmic derivative of the gamma function. As `torch.digamma`.
 * @example
 * torch.digamma(torch.tensor([1, 2, 10])) // tensor([-0.5772, 0.4228, 2.2518])
 */
export const digamma = unary("digamma", {
  name: "digamma",
  compute: "float",
  forward: (x) => x.digamma(),
  backward: (g, x) => g.mul(x.trigamma()),
});
