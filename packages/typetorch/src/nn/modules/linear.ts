import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonBool } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface LinearOptions extends FactoryOptions {
  /** Add a bias to the output. Default: true. */
  bias?: boolean;
}

/**
 * `y = x weight^T + bias` on the last dimension: (*, inFeatures) -> (*, outFeatures). Weight and bias start uniform in ±1/sqrt(inFeatures).
 * @see torch.nn.Linear
 * @example
 * const out = new nn.Linear(20, 30).call(torch.randn(128, 20)); // (128, 30)
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** (outFeatures, inFeatures) */
  weight: Parameter;
  /** (outFeatures), or null */
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, ...rest: Trailing<[bias: boolean], LinearOptions>) {
    checkArguments(
      "Linear(int inFeatures, int outFeatures, ~bias, {bool bias, device device, dtype dtype})",
      inFeatures,
      outFeatures,
      ...rest,
    );
    super();
    const options = trailing<LinearOptions>(rest, ["bias"]);
    const factory = factoryOptions(options);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty([outFeatures, inFeatures], factory));
    this.bias = (options.bias ?? true) ? new Parameter(empty([outFeatures], factory)) : null;
    this.resetParameters();
  }
  /** Draws weight and bias anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const [fanIn] = init.calculateFanInAndFanOut(this.weight);
      const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
      init.uniform_(this.bias, -bound, bound);
    }
  }
  override forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias);
  }
  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pythonBool(this.bias !== null)}`;
  }
}

/** The output projection of {@link MultiheadAttention}: a Linear under the name that PyTorch prints for it. */
export class NonDynamicallyQuantizableLinear extends Linear {}

keepClassNames({ Linear, NonDynamicallyQuantizableLinear });
