/**
 * The leaky rectifier with random slopes.
 */
import { checkArguments } from "../arguments.ts";
import { ValueError } from "../../core/errors.ts";
import { roundTo } from "../../core/random/fill.ts";
import { type Generator, defaultGenerator } from "../../core/random/generator.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../core/float16.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";
import { type InplaceOption, floatingOnly } from "./activation.ts";
import { leakyRelu } from "./relu.ts";

export interface RreluOptions extends InplaceOption {
  /** Default: 1/8. */
  lower?: number;
  /** Default: 1/3. */
  upper?: number;
  /** Draw the slopes; otherwise all are the mean of `lower` and `upper`. Default: false. */
  training?: boolean;
}

const checkDtype = floatingOnly("rrelu_with_noise_out_cpu");

/** 1 where x is positive, else a slope drawn from [lower, upper). Only elements that are not positive draw. */
function slopes(input: Tensor, lower: number, upper: number, generator: Generator): Tensor {
  const noise = runtime.newEmpty(input, input.shape, input.dtype);
  const target = noise.data;
  const source = input.data;
  const { key } = input.dtype;
  const decode = key === "f16" ? halfToNumber : key === "bf16" ? bfloatToNumber : null;
  const encode = key === "f16" ? numberToHalf : key === "bf16" ? numberToBfloat : null;
  const put = (x: number): number => (encode === null ? x : encode(x));
  for (let i = 0; i < target.length; i++) {
    const x = decode === null ? (source[i] as number) : decode(source[i] as number);
    target[i] = put(x <= 0 ? roundTo(input.dtype, generator.uniform() * (upper - lower) + lower) : 1);
  }
  return noise;
}

/**
 * `x` where positive, else `slope * x`; in training each slope is drawn from [lower, upper). As `torch.nn.functional.rrelu`. Source: Xu et al. 2015,
 * arXiv:1505.00853.
 * @example
 * F.rrelu(torch.tensor([-1, 2])).shape // [2]
 */
export function rrelu(
  input: Tensor,
  ...rest: Trailing<[lower: number, upper: number, training: boolean, inplace: boolean], RreluOptions>
): Tensor {
  checkArguments(
    "rrelu(Tensor input, ~lower, ~upper, ~training, ~inplace, {float lower, float upper, bool training, bool inplace})",
    input,
    ...rest,
  );
  const {
    lower = 1 / 8,
    upper = 1 / 3,
    training = false,
    inplace = false,
  } = trailing<RreluOptions>(rest, ["lower", "upper", "training", "inplace"]);
  if (!(lower <= upper)) {
    throw new ValueError("Lower bound should be less than or equal to the upper bound", `they are ${lower} and ${upper}`);
  }
  if (!training) return leakyRelu(input, (lower + upper) / 2, inplace);
  checkDtype(input.dtype);
  const noise = slopes(input, lower, upper, defaultGenerator);
  return inplace ? input.mul_(noise) : input.mul(noise);
}
/**
 * `rrelu` in place, as `torch.rrelu_`.
 * @example
 * F.rrelu_(torch.tensor([-1, 2])).shape // [2]
 */
export function rrelu_(
  input: Tensor,
  ...rest: Trailing<[lower: number, upper: number, training: boolean], Omit<RreluOptions, "inplace">>
): Tensor {
  checkArguments("rrelu_(Tensor input, ~lower, ~upper, ~training, {float lower, float upper, bool training})", input, ...rest);
  const options = trailing<RreluOptions>(rest, ["lower", "upper", "training"]);
  return rrelu(input, { ...options, inplace: true });
}
