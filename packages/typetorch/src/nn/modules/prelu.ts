import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { full } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface PReLUOptions extends FactoryOptions {
  /** 1, or the number of channels. Default: 1. */
  numParameters?: number;
  /** The slope at the start. Default: 0.25. */
  init?: number;
}

/**
 * `x` where positive, else `weight * x`; the slope is learned, one for all or one for each channel.
 * @source He et al. 2015, arXiv:1502.01852   @see torch.nn.PReLU
 * @example
 * new nn.PReLU().call(torch.tensor([-1, 0, 2])) // tensor([-0.2500, 0.0000, 2.0000], grad_fn=<PreluBackward0>)
 */
export class PReLU extends Module {
  readonly numParameters: number;
  /** (numParameters) */
  weight: Parameter;
  constructor(...rest: Trailing<[numParameters: number, init: number], PReLUOptions>) {
    checkArguments("PReLU(~numParameters, ~init, {int numParameters, float init, device device, dtype dtype})", ...rest);
    super();
    const options = trailing<PReLUOptions>(rest, ["numParameters", "init"]);
    this.numParameters = options.numParameters ?? 1;
    this.weight = new Parameter(full([this.numParameters], options.init ?? 0.25, factoryOptions(options)));
  }
  override forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight);
  }
  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

keepClassNames({ PReLU });
