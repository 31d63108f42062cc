/**
 * Piecewise linear stand-ins: `hardswish`, `hardsigmoid`, `hardshrink`, `softshrink`.
 */
import { checkArguments } from "../arguments.ts";
import { ValueError } from "../../core/errors.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { type InplaceOption, activate, floatingOnly, inPlaceAsked } from "./activation.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link hardshrink}. */
    hardshrink(options?: number | ShrinkOptions): Tensor;
  }
}

const hardswishOp = definePointwise(
  {
    name: "hardswish",
    compute: "promote",
    check: floatingOnly("hardswish_cpu"),
    forward: ([x]) => x!.mul(x!.add(3).maximum(0).minimum(6)).div(6),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      const middle = g.mul(x.div(3).add(0.5));
      return [middle.where(x.le(3), g).where(x.lt(-3).logicalNot(), 0)];
    },
  },
  1,
);

/**
 * `x * min(max(x + 3, 0), 6) / 6`, as `torch.nn.functional.hardswish`. Source: Howard et al. 2019, arXiv:1905.02244.
 * @example
 * F.hardswish(torch.tensor([-1, 0, 2])) // tensor([-0.3333, 0.0000, 1.6667])
 */
export function hardswish(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("hardswish(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(hardswishOp, input, undefined, inPlaceAsked(options));
}

const hardsigmoidOp = definePointwise(
  {
    name: "hardsigmoid",
    compute: "promote",
    check: floatingOnly("hardsigmoid_cpu"),
    forward: ([x]) => x!.add(3).maximum(0).minimum(6).div(6),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      return [g.mul(1 / 6).where(x.gt(-3).logicalAnd(x.lt(3)), 0)];
    },
  },
  1,
);

/**
 * `min(max(x + 3, 0), 6) / 6`, as `torch.nn.functional.hardsigmoid`.
 * @example
 * F.hardsigmoid(torch.tensor([-1, 0, 2])) // tensor([0.3333, 0.5000, 0.8333])
 */
export function hardsigmoid(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("hardsigmoid(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(hardsigmoidOp, input, undefined, inPlaceAsked(options));
}

export interface ShrinkOptions {
  /** Half the width of the interval that becomes 0. Default: 0.5. */
  lambd?: number;
}

function lambdOf(options: number | ShrinkOptions | undefined): number {
  return (typeof options === "object" ? options.lambd : options) ?? 0.5;
}

function shrinkGradient<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [lambd]: readonly (T | number)[]): [T] {
  const low = typeof lambd === "number" ? -lambd : lambd!.neg();
  const inside = (x as T).ge(low).logicalAnd((x as T).le(lambd!));
  return [g.where(inside.logicalNot(), 0)];
}

const hardshrinkOp = definePointwise(
  {
    name: "hardshrink",
    compute: "promote",
    check: floatingOnly("hardshrink_cpu"),
    forward: ([x], [lambd]) => x!.where(x!.ge(lambd!.neg()).logicalAnd(x!.le(lambd!)).logicalNot(), 0),
    backward: shrinkGradient,
  },
  1,
  1,
);

/**
 * `x` outside of ±lambd, else 0. As `torch.nn.functional.hardshrink`.
 * @example
 * torch.hardshrink(torch.tensor([-1, 0, 2])) // tensor([-1., 0., 2.])
 */
export function hardshrink(input: Tensor, options?: number | ShrinkOptions): Tensor {
  checkArguments("hardshrink(Tensor input, float|options? options, {float lambd})", input, options);
  return hardshrinkOp([input], [lambdOf(options)]);
}

const softshrinkOp = definePointwise(
  {
    name: "softshrink",
    compute: "promote",
    check: floatingOnly("softshrink_cpu"),
    forward([x], [lambd]) {
      const below = x!.add(lambd!).where(x!.lt(lambd!.neg()), 0);
      return x!.sub(lambd!).where(x!.gt(lambd!), below);
    },
    backward: shrinkGradient,
  },
  1,
  1,
);

/**
 * `x - lambd` above `lambd`, `x + lambd` below `-lambd`, else 0. As `torch.nn.functional.softshrink`.
 * @example
 * F.softshrink(torch.tensor([-1, 0, 2])) // tensor([-0.5000, 0.0000, 1.5000])
 */
export function softshrink(input: Tensor, options?: number | ShrinkOptions): Tensor {
  checkArguments("softshrink(Tensor input, float|options? options, {float lambd})", input, options);
  const lambd = lambdOf(options);
  if (lambd < 0) throw new ValueError(`lambda must be greater or equal to 0, but found to be ${lambd}.`);
  return softshrinkOp([input], [lambd]);
}

method("hardshrink", hardshrink);
