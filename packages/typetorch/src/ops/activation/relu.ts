/**
 * The rectifiers: `relu`, `relu6`, `leakyRelu`, `threshold`, `hardtanh`, and `prelu` with learned slopes.
 */
import { checkArguments } from "../arguments.ts";
import { bool, type DType, uint8 } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { type InplaceOption, activate, floatingOnly, inPlaceAsked } from "./activation.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link relu}. */
    relu(): Tensor;
    relu_(): this;
    /** See {@link prelu}. */
    prelu(weight: Tensor): Tensor;
  }
}

const reluOp = definePointwise(
  {
    name: "relu",
    compute: "promote",
    check(compute) {
      if (compute === bool)
        throw new DTypeError("Boolean inputs not supported for relu", "a bool tensor has no negative elements");
    },
    forward: ([x]) => x!.maximum(0),
    backward: <T extends Num<T>>(g: T, _x: readonly (T | number)[], out: T) => [g.where(out.le(0).logicalNot(), 0)],
  },
  1,
);

/**
 * `max(0, x)`, as `torch.nn.functional.relu`.
 * @example
 * F.relu(torch.tensor([-1, 2])) // tensor([0., 2.])
 */
export function relu(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("relu(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(reluOp, input, undefined, inPlaceAsked(options));
}
/**
 * `relu` in place, as `torch.relu_`.
 * @example
 * F.relu_(torch.tensor([-1, 0, 2])) // tensor([0., 0., 2.])
 */
export function relu_(input: Tensor): Tensor {
  checkArguments("relu_(Tensor input)", input);
  return reluOp.op.oneInPlace(input);
}

const leaky = definePointwise(
  {
    name: "leaky_relu",
    compute: "promote",
    check: floatingOnly("leaky_relu_cpu"),
    forward: ([x], [slope]) => x!.where(x!.gt(0), x!.mul(slope!)),
    backward<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [slope]: readonly (T | number)[]) {
      return [g.where((x as T).gt(0), g.mul(slope!))];
    },
  },
  1,
  1,
);

export interface LeakyReluOptions extends InplaceOption {
  /** Default: 0.01. */
  negativeSlope?: number;
}

/**
 * `x` where positive, else `negativeSlope * x`. As `torch.nn.functional.leaky_relu`.
 * @example
 * F.leakyRelu(torch.tensor([-1, 0, 2])) // tensor([-0.0100, 0.0000, 2.0000])
 */
export function leakyRelu(input: Tensor, ...rest: Trailing<[negativeSlope: number, inplace: boolean], LeakyReluOptions>): Tensor {
  checkArguments("leaky_relu(Tensor input, ~negativeSlope, ~inplace, {float negativeSlope, bool inplace})", input, ...rest);
  const { negativeSlope = 0.01, inplace } = trailing<LeakyReluOptions>(rest, ["negativeSlope", "inplace"]);
  return activate(leaky, input, [negativeSlope], inplace);
}
/**
 * `leakyRelu` in place, as `torch.nn.functional.leaky_relu_`.
 * @example
 * F.leakyRelu_(torch.tensor([-1, 0, 2])) // tensor([-0.0100, 0.0000, 2.0000])
 */
export function leakyRelu_(input: Tensor, negativeSlope = 0.01): Tensor {
  checkArguments("leaky_relu_(Tensor input, float? negativeSlope)", input, negativeSlope);
  return leaky.inPlace([input], [negativeSlope]);
}

const thresholdOp = definePointwise(
  {
    name: "threshold",
    compute: "first",
    check(compute) {
      if (compute === bool) throw new DTypeError(`"threshold_cpu" not implemented for 'Bool'`, "compare with x.gt(threshold)");
    },
    forward: ([x], [threshold, value]) => value!.where(x!.le(threshold!), x!),
    backward<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [threshold]: readonly (T | number)[]) {
      return [g.where((x as T).le(threshold!).logicalNot(), 0)];
    },
  },
  1,
  2,
);

/**
 * `x` where it is greater than `threshold`, else `value`. As `torch.nn.functional.threshold`.
 * @example
 * F.threshold(torch.tensor([-1, 0, 2]), 1, 20) // tensor([20., 20., 2.])
 */
export function threshold(input: Tensor, threshold: number, value: number, options?: boolean | InplaceOption): Tensor {
  checkArguments(
    "threshold(Tensor input, float threshold, float value, bool|options? options, {bool inplace})",
    input,
    threshold,
    value,
    options,
  );
  return activate(thresholdOp, input, [threshold, value], inPlaceAsked(options));
}
/**
 * `threshold` in place, as `torch.threshold_`.
 * @example
 * F.threshold_(torch.tensor([-1, 0, 2]), 1, 20) // tensor([20., 20., 2.])
 */
export function threshold_(input: Tensor, threshold: number, value: number): Tensor {
  checkArguments("threshold_(Tensor input, float threshold, float value)", input, threshold, value);
  return thresholdOp.inPlace([input], [threshold, value]);
}

function refuseBool(compute: DType): void {
  if (compute === bool) throw new DTypeError("Bool inputs not supported for hardtanh", "convert the input to a floating dtype");
}
const hardtanhOp = definePointwise(
  {
    name: "hardtanh",
    compute: "first",
    check: refuseBool,
    forward: ([x], [low, high]) => x!.maximum(low!).minimum(high!),
    backward<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [low, high]: readonly (T | number)[]) {
      const outside = (x as T).le(low!).logicalOr((x as T).ge(high!));
      return [g.where(outside.logicalNot(), 0)];
    },
  },
  1,
  2,
);

export interface HardtanhOptions extends InplaceOption {
  /** Default: -1. */
  minVal?: number;
  /** Default: 1. */
  maxVal?: number;
}

function checkLimits(input: Tensor, low: number): void {
  if (input.dtype === uint8 && low < 0) {
    throw new DTypeError("cannot do hardtanh on an unsigned type with negative limits", `the input is ${input.dtype}`);
  }
}

/**
 * `x` kept between `minVal` and `maxVal`; the gradient is 0 on the limits. As `torch.nn.functional.hardtanh`.
 * @example
 * F.hardtanh(torch.tensor([-1, 0, 2])) // tensor([-1., 0., 1.])
 */
export function hardtanh(
  input: Tensor,
  ...rest: Trailing<[minVal: number, maxVal: number, inplace: boolean], HardtanhOptions>
): Tensor {
  checkArguments(
    "hardtanh(Tensor input, ~minVal, ~maxVal, ~inplace, {float minVal, float maxVal, bool inplace})",
    input,
    ...rest,
  );
  const { minVal = -1, maxVal = 1, inplace } = trailing<HardtanhOptions>(rest, ["minVal", "maxVal", "inplace"]);
  checkLimits(input, minVal);
  return activate(hardtanhOp, input, [minVal, maxVal], inplace);
}
/**
 * `hardtanh` in place, as `torch.nn.functional.hardtanh_`.
 * @example
 * F.hardtanh_(torch.tensor([-1, 0, 2])) // tensor([-1., 0., 1.])
 */
export function hardtanh_(input: Tensor, minVal = -1, maxVal = 1): Tensor {
  checkArguments("hardtanh_(Tensor input, float? minVal, float? maxVal)", input, minVal, maxVal);
  checkLimits(input, minVal);
  return hardtanhOp.inPlace([input], [minVal, maxVal]);
}

const sixths: readonly number[] = [0, 6];
/**
 * `min(max(0, x), 6)`, as `torch.nn.functional.relu6`.
 * @example
 * F.relu6(torch.tensor([-1, 0, 2])) // tensor([0., 0., 2.])
 */
export function relu6(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("relu6(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(hardtanhOp, input, sixths, inPlaceAsked(options));
}

const preluOp = definePointwise(
  {
    name: "prelu",
    compute: "promote",
    check: floatingOnly("prelu_cpu"),
    forward: ([x, w]) => x!.where(x!.gt(0), x!.mul(w!)),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, w] = operands as [T, T];
      const positive = x.gt(0);
      return [g.where(positive, g.mul(w)), g.mul(x).where(positive.logicalNot(), 0)];
    },
  },
  2,
);

/**
 * `x` where positive, else `weight * x`: one weight for all elements, or one for each channel (dimension 1). As `torch.nn.functional.prelu`.
 * @example
 * F.prelu(torch.tensor([-1, 2]), torch.tensor([0.25])) // tensor([-0.2500, 2.0000])
 */
export function prelu(input: Tensor, weight: Tensor): Tensor {
  checkArguments("prelu(Tensor input, Tensor weight)", input, weight);
  const count = weight.numel();
  if (count === 1) return preluOp([input, weight.shape.length === 0 ? weight : weight.reshape([])]);
  const rank = input.shape.length;
  if (rank === 0) throw new ShapeError("Not allow zero-dim input tensor.", "a 0-d input takes one weight");
  const channels = rank > 1 ? input.shape[1]! : 1;
  if (channels !== count) {
    throw new ShapeError(
      `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${count} and channel size = ${channels}.`,
      "one weight for all elements, or as many as dimension 1 of the input has entries",
    );
  }
  const shape = new Array<number>(rank).fill(1);
  shape[1] = count;
  return preluOp([input, weight.reshape(shape)]);
}

method("relu", (input: Tensor) => reluOp.op.one(input));
method("relu_", relu_);
method("prelu", prelu);
