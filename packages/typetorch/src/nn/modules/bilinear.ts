import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonBool } from "../pythonFormat.ts";
import { factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { LinearOptions } from "./linear.ts";

/**
 * `y = x1^T A x2 + b`: (*, in1Features), (*, in2Features) -> (*, outFeatures). Weight and bias start uniform in ±1/sqrt(in1Features).
 * @see torch.nn.Bilinear
 * @example
 * new nn.Bilinear(3, 4, 5).call(torch.randn(2, 3), torch.randn(2, 4)).shape // [2, 5]
 */
export class Bilinear extends Module<[input1: Tensor, input2: Tensor]> {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  /** (outFeatures, in1Features, in2Features) */
  weight: Parameter;
  /** (outFeatures), or null */
  bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, ...rest: Trailing<[bias: boolean], LinearOptions>) {
    checkArguments(
      "Bilinear(int in1Features, int in2Features, int outFeatures, ~bias, {bool bias, device device, dtype dtype})",
      in1Features,
      in2Features,
      outFeatures,
      ...rest,
    );
    super();
    const options = trailing<LinearOptions>(rest, ["bias"]);
    const factory = factoryOptions(options);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty([outFeatures, in1Features, in2Features], factory));
    this.bias = (options.bias ?? true) ? new Parameter(empty([outFeatures], factory)) : null;
    this.resetParameters();
  }
  /** Draws weight and bias anew. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    init.uniform_(this.weight, -bound, bound);
    if (this.bias !== null) init.uniform_(this.bias, -bound, bound);
  }
  override forward(input1: Tensor, input2: Tensor): Tensor {
    return F.bilinear(input1, input2, this.weight, this.bias);
  }
  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures } = this;
    const bias = pythonBool(this.bias !== null);
    return `in1_features=${in1Features}, in2_features=${in2Features}, out_features=${outFeatures}, bias=${bias}`;
  }
}

keepClassNames({ Bilinear });
