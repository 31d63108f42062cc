import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link exp}. */
    exp(options?: OutOption): Tensor;
    exp_(): this;
    /** See {@link exp2}. */
    exp2(options?: OutOption): Tensor;
    exp2_(): this;
    /** See {@link expm1}. */
    expm1(options?: OutOption): Tensor;
    expm1_(): this;
    /** See {@link log}. */
    log(options?: OutOption): Tensor;
    log_(): this;
    /** See {@link log2}. */
    log2(options?: OutOption): Tensor;
    log2_(): this;
    /** See {@link log10}. */
    log10(options?: OutOption): Tensor;
    log10_(): this;
    /** See {@link log1p}. */
    log1p(options?: OutOption): Tensor;
    log1p_(): this;
  }
}

/**
 * `e^x` of each element; integers give the default floating dtype. As `torch.exp`.
 * @example
 * torch.exp(torch.tensor([0, 1])) // tensor([1.0000, 2.7183])
 */
export const exp = unary("exp", { name: "exp", compute: "float", forward: (x) => x.exp(), backward: (g, _x, out) => g.mul(out) });

/**
 * `2^x` of each element, as `torch.exp2`.
 * @example
 * torch.exp2(torch.tensor([-1.5, 0, 2])) // tensor([0.3536, 1.0000, 4.0000])
 */
export const exp2 = unary("exp2", {
  name: "exp2",
  compute: "float",
  forward: (x) => x.exp2(),
  backward: (g, _x, out) => g.mul(out).mul(Math.LN2),
});

/**
 * `e^x - 1`, accurate near 0, as `torch.expm1`.
 * @example
 * torch.expm1(torch.tensor([-1.5, 0, 2])) // tensor([-0.7769, 0.0000, 6.3891])
 */
export const expm1 = unary("expm1", {
  name: "expm1",
  compute: "float",
  forward: (x) => x.expm1(),
  backward: (g, _x, out) => g.mul(out.add(1)),
});

/**
 * The natural logarithm of each element, as `torch.log`: -inf at 0, NaN below.
 * @example
 * torch.log(torch.tensor([1, Math.E])) // tensor([0., 1.])
 */
export const log = unary("log", { name: "log", compute: "float", forward: (x) => x.log(), backward: (g, x) => g.div(x) });

/**
 * The logarithm to base 2, as `torch.log2`.
 * @example
 * torch.log2(torch.tensor([1, 2, 10])) // tensor([0.0000, 1.0000, 3.3219])
 */
export const log2 = unary("log2", {
  name: "log2",
  compute: "float",
  forward: (x) => x.log2(),
  backward: (g, x) => g.div(x.mul(Math.LN2)),
});

/**
 * The logarithm to base 10, as `torch.log10`.
 * @example
 * torch.log10(torch.tensor([1, 2, 10])) // tensor([0.0000, 0.3010, 1.0000])
 */
export const log10 = unary("log10", {
  name: "log10",
  compute: "float",
  forward: (x) => x.log10(),
  backward: (g, x) => g.div(x.mul(Math.LN10)),
});

/**
 * `log(1 + x)`, accurate near 0, as `torch.log1p`.
 * @example
 * torch.log1p(torch.tensor([1, 2, 10])) // tensor([0.6931, 1.0986, 2.3979])
 */
export const log1p = unary("log1p", {
  name: "log1p",
  compute: "float",
  forward: (x) => x.log1p(),
  backward: (g, x) => g.div(x.add(1)),
});
