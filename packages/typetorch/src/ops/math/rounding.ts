import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link floor}. */
    floor(options?: OutOption): Tensor;
    floor_(): this;
    /** See {@link ceil}. */
    ceil(options?: OutOption): Tensor;
    ceil_(): this;
    /** See {@link trunc}. */
    trunc(options?: OutOption): Tensor;
    trunc_(): this;
    /** See {@link round}. */
    round(options?: OutOption): Tensor;
    round_(): this;
  }
}

/** The largest integer that is not above. As `torch.floor`. */
export const floor = unary("floor", {
  name: "floor",
  compute: "promote",
  forward: (x, type) => (type === "f32" || type === "f64" ? x.floor() : x),
  backward: (g) => g.mul(0),
});

/** The smallest integer that is not below. As `torch.ceil`. */
export const ceil = unary("ceil", {
  name: "ceil",
  compute: "promote",
  forward: (x, type) => (type === "f32" || type === "f64" ? x.ceil() : x),
  backward: (g) => g.mul(0),
});

/** The integer part. As `torch.trunc`. */
export const trunc = unary("trunc", {
  name: "trunc",
  compute: "promote",
  forward: (x, type) => (type === "f32" || type === "f64" ? x.trunc() : x),
  backward: (g) => g.mul(0),
});

/** The nearest integer, halves to even. As `torch.round`. */
export const round = unary("round", {
  name: "round",
  compute: "promote",
  forward: (x, type) => (type === "f32" || type === "f64" ? x.round() : x),
  backward: (g) => g.mul(0),
});
