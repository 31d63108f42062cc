import { checkArguments } from "../arguments.ts";
import { bool, type DType, kernelName } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { ScalarType } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
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
    round(options?: RoundOptions): Tensor;
    round_(options?: RoundOptions): this;
    fix(options?: OutOption): Tensor;
    fix_(): this;
  }
}

/**
 * The largest integer that is not above. As `torch.floor`.
 * @example
 * torch.floor(torch.tensor([-1.5, 0, 2])) // tensor([-2., 0., 2.])
 */
export const floor = unary("floor", {
  name: "floor",
  compute: "promote",
  check: refuseBool("floor"),
  forward: (x, type) => (isFloat(type) ? x.floor() : x),
  backward: (g) => g.mul(0),
});

/**
 * The smallest integer that is not below. As `torch.ceil`.
 * @example
 * torch.ceil(torch.tensor([-1.5, 0, 2])) // tensor([-1., 0., 2.])
 */
export const ceil = unary("ceil", {
  name: "ceil",
  compute: "promote",
  check: refuseBool("ceil"),
  forward: (x, type) => (isFloat(type) ? x.ceil() : x),
  backward: (g) => g.mul(0),
});

/**
 * The integer part. As `torch.trunc`.
 * @example
 * torch.fix(torch.tensor([-1.5, 0, 2])) // tensor([-1., 0., 2.])
 */
export const trunc = unary("trunc", {
  name: "trunc",
  aliases: ["fix"],
  compute: "promote",
  check: refuseBool("trunc"),
  forward: (x, type) => (isFloat(type) ? x.trunc() : x),
  backward: (g) => g.mul(0),
});

const toInteger = definePointwise(
  {
    name: "round",
    compute: "promote",
    tensors: "all",
    check: refuseBool("round"),
    forward: ([x], _p, type) => (isFloat(type) ? x!.round() : x!),
    backward: (g) => [g.mul(0)],
  },
  1,
);
const toDecimals = definePointwise(
  {
    name: "round",
    compute: "promote",
    tensors: "all",
    check(compute) {
      if (!compute.isFloatingPoint) {
        throw new DTypeError(`"round_cpu" not implemented for '${kernelName(compute)}'`, "decimals are for floating dtypes");
      }
    },
    forward: ([x], [up, down]) => x!.mul(up!).div(down!).round().mul(down!).div(up!),
    backward: (g) => [g.mul(0)],
  },
  1,
  2,
);

export interface RoundOptions extends OutOption {
  /** Digits kept after the point, or zeros before it when negative. Default: 0. */
  decimals?: number;
}

/** The two factors for a number of decimals; one of them is 1. */
function powersOfTen(decimals: number): readonly number[] {
  return decimals > 0 ? [10 ** decimals, 1] : [1, 10 ** -decimals];
}

/**
 * The nearest integer, halves to even; with `decimals`, the nearest number of so many digits. As `torch.round`.
 * @example
 * torch.round(torch.tensor([0.5, 1.5, -2.4])) // tensor([0., 2., -2.])
 */
export function round(input: Tensor, options?: RoundOptions): Tensor {
  checkArguments("round(Tensor input, options? options, {int decimals, Tensor out})", input, options);
  const decimals = options?.decimals ?? 0;
  if (decimals === 0) return toInteger([input], undefined, options?.out);
  return toDecimals([input], powersOfTen(decimals), options?.out);
}
method("round", round);
method("round_", (input: Tensor, options?: RoundOptions) => {
  checkArguments("round_(Tensor input, options? options, {int decimals, Tensor out})", input, options);
  const decimals = options?.decimals ?? 0;
  return decimals === 0 ? toInteger.inPlace([input]) : toDecimals.inPlace([input], powersOfTen(decimals));
});

/** No operation on the fractional part of booleans. */
function refuseBool(name: string): (compute: DType) => void {
  return (compute) => {
    if (compute === bool)
      throw new DTypeError(`"${name}_vml_cpu" not implemented for 'Bool'`, "convert to an integer dtype first");
  };
}
function isFloat(type: ScalarType): boolean {
  return type === "f32" || type === "f64";
}

export { trunc as fix };
