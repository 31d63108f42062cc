/**
 * Numbers taken apart into mantissa and exponent.
 */
import { checkArguments } from "../arguments.ts";
import { int32, kernelName } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { float64 } from "../../core/dtype.ts";
import { defineOp } from "../op.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link frexp}. */
    frexp(): Frexp;
  }
}

export interface Frexp {
  /** In (-1, -0.5] or [0.5, 1), or 0. */
  mantissa: Tensor;
  /** int32. */
  exponent: Tensor;
}

const op = defineOp<null>({
  name: "frexp",
  run: ([x]) =>
    runtime.withoutGrad(() => {
      const values = toDtype(x!, float64).data as Float64Array;
      const wide = runtime.empty(x!.shape, float64);
      const exponent = runtime.empty(x!.shape, int32);
      const [m, e] = [wide.data as Float64Array, exponent.data as Int32Array];
      for (let i = 0; i < values.length; i++) {
        const v = values[i]!;
        if (v === 0 || !Number.isFinite(v)) {
          m[i] = v;
          e[i] = 0;
          continue;
        }
        let power = Math.max(-1023, Math.floor(Math.log2(Math.abs(v))) + 1);
        let mantissa = v * 2 ** -power;
        while (Math.abs(mantissa) < 0.5) {
          mantissa *= 2;
          power--;
        }
        while (Math.abs(mantissa) >= 1) {
          mantissa /= 2;
          power++;
        }
        m[i] = mantissa;
        e[i] = power;
      }
      return [toDtype(wide, x!.dtype), exponent];
    }),
  // The mantissa is the input divided by 2^exponent.
  saves: { outputs: [1] },
  backward: ([g], saved) => [g ? g.div(saved.output(1).exp2()) : null],
});

/**
 * `mantissa * 2^exponent`, the mantissa between 0.5 and 1 in size. As `torch.frexp`.
 * @example
 * torch.frexp(torch.tensor([3, 0.5])).mantissa // tensor([0.7500, 0.5000])
 */
export function frexp(input: Tensor): Frexp {
  checkArguments("frexp(Tensor input)", input);
  if (!input.dtype.isFloatingPoint) {
    throw new DTypeError("torch.frexp() only supports floating-point dtypes", `the input is ${kernelName(input.dtype)}`);
  }
  const [mantissa, exponent] = runtime.callMany(op, [input], null) as [Tensor, Tensor];
  return { mantissa, exponent };
}

method("frexp", frexp);
