import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonFloat, pythonNumber } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface InplaceOptions {
  /** Change the input itself. Default: false. */
  inplace?: boolean;
}

/**
 * `max(0, x)`.
 * @see torch.nn.ReLU
 * @example
 * const y = new nn.ReLU().call(torch.randn(2));
 */
export class ReLU extends Module {
  readonly inplace: boolean;
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("ReLU(~inplace, {bool inplace})", ...rest);
    super();
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.relu(input, { inplace: this.inplace });
  }
  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

interface LeakyReLUOptions extends InplaceOptions {
  /** Default: 0.01. */
  negativeSlope?: number;
}
/**
 * `x` where positive, else `negativeSlope * x`.
 * @see torch.nn.LeakyReLU
 * @example
 * new nn.LeakyReLU().call(torch.tensor([-1, 0, 2])) // tensor([-0.0100, 0.0000, 2.0000])
 */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  readonly inplace: boolean;
  constructor(...rest: Trailing<[negativeSlope: number, inplace: boolean], LeakyReLUOptions>) {
    checkArguments("LeakyReLU(~negativeSlope, ~inplace, {float negativeSlope, bool inplace})", ...rest);
    super();
    const { negativeSlope = 0.01, inplace = false } = trailing<LeakyReLUOptions>(rest, ["negativeSlope", "inplace"]);
    this.negativeSlope = negativeSlope;
    this.inplace = inplace;
  }
  override forward(input: Tensor): Tensor {
    return F.leakyRelu(input, { negativeSlope: this.negativeSlope, inplace: this.inplace });
  }
  override extraRepr(): string {
    return `negative_slope=${pythonFloat(this.negativeSlope)}${this.inplace ? ", inplace=True" : ""}`;
  }
}

interface ELUOptions extends InplaceOptions {
  /** Default: 1. */
  alpha?: number;
}
/**
 * `x` where positive, else `alpha * (exp(x) - 1)`.
 * @source Clevert et al. 2015, arXiv:1511.07289   @see torch.nn.ELU
 * @example
 * new nn.ELU().call(torch.tensor([-1, 0, 2])) // tensor([-0.6321, 0.0000, 2.0000])
 */
export class ELU extends Module {
  readonly alpha: number;
  readonly inplace: boolean;
  constructor(...rest: Trailing<[alpha: number, inplace: boolean], ELUOptions>) {
    checkArguments("ELU(~alpha, ~inplace, {float alpha, bool inplace})", ...rest);
    super();
    const { alpha = 1, inplace = false } = trailing<ELUOptions>(rest, ["alpha", "inplace"]);
    this.alpha = alpha;
    this.inplace = inplace;
  }
  override forward(input: Tensor): Tensor {
    return F.elu(input, { alpha: this.alpha, inplace: this.inplace });
  }
  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}${this.inplace ? ", inplace=True" : ""}`;
  }
}

interface CELUOptions extends InplaceOptions {
  /** Default: 1. */
  alpha?: number;
}
/**
 * `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`.
 * @source Barron 2017, arXiv:1704.07483   @see torch.nn.CELU
 * @example
 * new nn.CELU().call(torch.tensor([-1, 0, 2])) // tensor([-0.6321, 0.0000, 2.0000])
 */
export class CELU extends Module {
  readonly alpha: number;
  readonly inplace: boolean;
  constructor(...rest: Trailing<[alpha: number, inplace: boolean], CELUOptions>) {
    checkArguments("CELU(~alpha, ~inplace, {float alpha, bool inplace})", ...rest);
    super();
    const { alpha = 1, inplace = false } = trailing<CELUOptions>(rest, ["alpha", "inplace"]);
    this.alpha = alpha;
    this.inplace = inplace;
  }
  override forward(input: Tensor): Tensor {
    return F.celu(input, { alpha: this.alpha, inplace: this.inplace });
  }
  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}${this.inplace ? ", inplace=True" : ""}`;
  }
}

/**
 * `scale * (max(0, x) + min(0, alpha * (exp(x) - 1)))`, which keeps mean 0 and variance 1.
 * @source Klambauer et al. 2017, arXiv:1706.02515   @see torch.nn.SELU
 * @example
 * new nn.SELU().call(torch.tensor([-1, 0, 2])) // tensor([-1.1113, 0.0000, 2.1014])
 */
export class SELU extends Module {
  readonly inplace: boolean;
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("SELU(~inplace, {bool inplace})", ...rest);
    super();
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.selu(input, { inplace: this.inplace });
  }
  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

interface RReLUOptions extends InplaceOptions {
  /** Default: 1/8. */
  lower?: number;
  /** Default: 1/3. */
  upper?: number;
}
/**
 * Leaky ReLU whose slope is drawn between `lower` and `upper` for each element in training, and is their mean in evaluation.
 * @source Xu et al. 2015, arXiv:1505.00853   @see torch.nn.RReLU
 * @example
 * new nn.RReLU().eval().call(torch.tensor([-1, 2])) // tensor([-0.2292, 2.0000])
 */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;
  readonly inplace: boolean;
  constructor(...rest: Trailing<[lower: number, upper: number, inplace: boolean], RReLUOptions>) {
    checkArguments("RReLU(~lower, ~upper, ~inplace, {float lower, float upper, bool inplace})", ...rest);
    super();
    const { lower = 1 / 8, upper = 1 / 3, inplace = false } = trailing<RReLUOptions>(rest, ["lower", "upper", "inplace"]);
    this.lower = lower;
    this.upper = upper;
    this.inplace = inplace;
  }
  override forward(input: Tensor): Tensor {
    return F.rrelu(input, { lower: this.lower, upper: this.upper, training: this.training, inplace: this.inplace });
  }
  override extraRepr(): string {
    return `lower=${pythonFloat(this.lower)}, upper=${pythonFloat(this.upper)}${this.inplace ? ", inplace=True" : ""}`;
  }
}

interface HardtanhOptions extends InplaceOptions {
  /** Default: -1. */
  minVal?: number;
  /** Default: 1. */
  maxVal?: number;
}
/**
 * `x` kept between `minVal` and `maxVal`.
 * @see torch.nn.Hardtanh
 * @example
 * new nn.Hardtanh().call(torch.tensor([-1, 0, 2])) // tensor([-1., 0., 1.])
 */
export class Hardtanh extends Module {
  readonly minVal: number;
  readonly maxVal: number;
  readonly inplace: boolean;
  constructor(...rest: Trailing<[minVal: number, maxVal: number, inplace: boolean], HardtanhOptions>) {
    checkArguments("Hardtanh(~minVal, ~maxVal, ~inplace, {float minVal, float maxVal, bool inplace})", ...rest);
    super();
    const { minVal = -1, maxVal = 1, inplace = false } = trailing<HardtanhOptions>(rest, ["minVal", "maxVal", "inplace"]);
    if (!(maxVal > minVal)) throw new ValueError(`Hardtanh: max_val (${maxVal}) must be larger than min_val (${minVal})`);
    this.minVal = minVal;
    this.maxVal = maxVal;
    this.inplace = inplace;
  }
  override forward(input: Tensor): Tensor {
    return F.hardtanh(input, { minVal: this.minVal, maxVal: this.maxVal, inplace: this.inplace });
  }
  override extraRepr(): string {
    return `min_val=${pythonFloat(this.minVal)}, max_val=${pythonFloat(this.maxVal)}${this.inplace ? ", inplace=True" : ""}`;
  }
}

/**
 * `min(max(0, x), 6)`.
 * @see torch.nn.ReLU6
 * @example
 * new nn.ReLU6().call(torch.tensor([-1, 0, 2])) // tensor([0., 0., 2.])
 */
export class ReLU6 extends Hardtanh {
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("ReLU6(~inplace, {bool inplace})", ...rest);
    super(0, 6, trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false);
  }
  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `x` where it is greater than `threshold`, else `value`.
 * @see torch.nn.Threshold
 * @example
 * new nn.Threshold(1, 20).call(torch.tensor([-1, 0, 2])) // tensor([20., 20., 2.])
 */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;
  readonly inplace: boolean;
  constructor(threshold: number, value: number, ...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("Threshold(float threshold, float value, ~inplace, {bool inplace})", threshold, value, ...rest);
    super();
    this.threshold = threshold;
    this.value = value;
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, { inplace: this.inplace });
  }
  override extraRepr(): string {
    const inplace = this.inplace ? ", inplace=True" : "";
    return `threshold=${pythonNumber(this.threshold)}, value=${pythonNumber(this.value)}${inplace}`;
  }
}

keepClassNames({ ReLU, LeakyReLU, ELU, CELU, SELU, RReLU, Hardtanh, ReLU6, Threshold });
