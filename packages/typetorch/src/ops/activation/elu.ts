/**
 * Exponential linear units: `elu`, `celu`, `selu`.
 */
import { checkArguments } from "../arguments.ts";
import { ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Pointwise, definePointwise } from "../pointwise.ts";
import { type InplaceOption, activate, floatingOnly, inPlaceAsked } from "./activation.ts";

/** `scale * x` where positive, else `factor * (exp(inner * x) - 1)`. */
function unit(name: string): Pointwise {
  return definePointwise(
    {
      name,
      compute: "promote",
      check: floatingOnly("elu_cpu"),
      forward: ([x], [factor, scale, inner]) => x!.mul(scale!).where(x!.gt(0), x!.mul(inner!).expm1().mul(factor!)),
      backward<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [factor, scale, inner]: readonly (T | number)[]) {
        const positive = (x as T).gt(0);
        // The exponential of large positive elements, which are not chosen, would be infinite and its derivative of second order NaN.
        const low = (x as T).where(positive.logicalNot(), 0);
        const slope = low.mul(inner!).exp().mul(factor!).mul(inner!);
        return [g.mul(scale!).where(positive, g.mul(slope))];
      },
    },
    1,
    3,
  );
}

const eluOp = unit("elu");
const celuOp = unit("celu");
const seluOp = unit("selu");

export interface EluOptions extends InplaceOption {
  /** Default: 1. */
  alpha?: number;
}

/**
 * `x` where positive, else `alpha * (exp(x) - 1)`. As `torch.nn.functional.elu`. Source: Clevert et al. 2015, arXiv:1511.07289.
 * @example
 * F.elu(torch.tensor([-1, 0, 2])) // tensor([-0.6321, 0.0000, 2.0000])
 */
export function elu(input: Tensor, ...rest: Trailing<[alpha: number, inplace: boolean], EluOptions>): Tensor {
  checkArguments("elu(Tensor input, ~alpha, ~inplace, {float alpha, bool inplace})", input, ...rest);
  const { alpha = 1, inplace } = trailing<EluOptions>(rest, ["alpha", "inplace"]);
  return activate(eluOp, input, [alpha, 1, 1], inplace);
}
/**
 * `elu` in place, as `torch.nn.functional.elu_`.
 * @example
 * F.elu_(torch.tensor([-1, 0, 2])) // tensor([-0.6321, 0.0000, 2.0000])
 */
export function elu_(input: Tensor, alpha = 1): Tensor {
  checkArguments("elu_(Tensor input, float? alpha)", input, alpha);
  return eluOp.inPlace([input], [alpha, 1, 1]);
}

function checkAlpha(alpha: number): readonly number[] {
  if (alpha === 0) throw new ValueError("ZeroDivisionError: alpha cannot be 0 for CELU", "alpha divides the input");
  return [alpha, 1, 1 / alpha];
}

/**
 * `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. As `torch.nn.functional.celu`. Source: Barron 2017, arXiv:1704.07483.
 * @example
 * torch.celu(torch.tensor([-1, 0, 2])) // tensor([-0.6321, 0.0000, 2.0000])
 */
export function celu(input: Tensor, ...rest: Trailing<[alpha: number, inplace: boolean], EluOptions>): Tensor {
  checkArguments("celu(Tensor input, ~alpha, ~inplace, {float alpha, bool inplace})", input, ...rest);
  const { alpha = 1, inplace } = trailing<EluOptions>(rest, ["alpha", "inplace"]);
  return activate(celuOp, input, checkAlpha(alpha), inplace);
}
/**
 * `celu` in place, as `torch.celu_`.
 * @example
 * torch.celu_(torch.tensor([-1, 0, 2])) // tensor([-0.6321, 0.0000, 2.0000])
 */
export function celu_(input: Tensor, alpha = 1): Tensor {
  checkArguments("celu_(Tensor input, float? alpha)", input, alpha);
  return celuOp.inPlace([input], checkAlpha(alpha));
}

const seluAlpha = 1.6732632423543772848170429916717;
const seluScale = 1.0507009873554804934193349852946;
const seluParams: readonly number[] = [seluAlpha * seluScale, seluScale, 1];

/**
 * `elu` with the constants that keep mean 0 and variance 1. As `torch.nn.functional.selu`. Source: Klambauer et al. 2017, arXiv:1706.02515.
 * @example
 * F.selu(torch.tensor([-1, 0, 2])) // tensor([-1.1113, 0.0000, 2.1014])
 */
export function selu(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("selu(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(seluOp, input, seluParams, inPlaceAsked(options));
}
/**
 * `selu` in place, as `torch.selu_`.
 * @example
 * F.selu_(torch.tensor([-1, 0, 2])) // tensor([-1.1113, 0.0000, 2.1014])
 */
export function selu_(input: Tensor): Tensor {
  checkArguments("selu_(Tensor input)", input);
  return seluOp.inPlace([input], seluParams);
}
