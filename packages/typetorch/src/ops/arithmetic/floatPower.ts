/**
 * Powers in float64.
 */
import { checkArguments } from "../arguments.ts";
import { float64, kernelName } from "../../core/dtype.ts";
import { ArgumentTypeError, DTypeError } from "../../core/errors.ts";
import { type NumberLike, Scalar, numberOf } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { pow } from "./pow.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link floatPower}. */
    floatPower(exponent: Tensor | NumberLike, options?: OutOption): Tensor;
    floatPower_(exponent: Tensor | NumberLike): this;
  }
}

function wide(x: Tensor | NumberLike): Tensor | NumberLike {
  return runtime.isTensor(x) ? toDtype(x, float64) : new Scalar(numberOf(x), float64);
}

/**
 * `input ** exponent` computed in float64, whatever the dtypes are. As `torch.float_power`.
 * @example
 * torch.floatPower(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([81., 25.], dtype=torch.float64)
 */
export function floatPower(input: Tensor | NumberLike, exponent: Tensor | NumberLike, options?: OutOption): Tensor {
  checkArguments(
    "float_power(Scalar|Tensor input, Scalar|Tensor exponent, options? options, {Tensor out})",
    input,
    exponent,
    options,
  );
  if (!runtime.isTensor(input) && !runtime.isTensor(exponent)) {
    throw new ArgumentTypeError(
      "float_power() received an invalid combination of arguments - got (Number, Number), but expected one of:\n * (Tensor input, Tensor or Number exponent)\n * (Number input, Tensor exponent)",
    );
  }
  return pow(wide(input), wide(exponent), options);
}

method("floatPower", floatPower);
method("floatPower_", (input: Tensor, exponent: Tensor | NumberLike) => {
  checkArguments("float_power_(Tensor input, Scalar|Tensor exponent)", input, exponent);
  if (input.dtype !== float64) {
    throw new DTypeError(
      `the base given to float_power_ has dtype ${kernelName(input.dtype)} but the operation's result requires dtype Double`,
      "use floatPower() without the underscore",
    );
  }
  return input.pow_(wide(exponent));
});
