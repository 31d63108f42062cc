import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonBool, pythonFloat, pythonTuple } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions, type Size } from "../sizes.ts";

export interface RMSNormModuleOptions extends FactoryOptions {
  /** Added to the mean square. Default: the dtype's distance from 1 to the next number. */
  eps?: number | null;
  /** Learn a scale for each element. Default: true. */
  elementwiseAffine?: boolean;
}

/**
 * Divides by the root of the mean square over the last dimensions, those of `normalizedShape`: (*, ...normalizedShape) -> same.
 * @source Zhang and Sennrich 2019, arXiv:1910.07467   @see torch.nn.RMSNorm
 * @example
 * new nn.RMSNorm([2]).call(torch.tensor([3, 4])) // tensor([0.8485, 1.1314], grad_fn=<MulBackward0>)
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;
  /** normalizedShape, or null */
  weight: Parameter | null;
  constructor(normalizedShape: Size, ...rest: Trailing<[eps: number | null, elementwiseAffine: boolean], RMSNormModuleOptions>) {
    checkArguments(
      "RMSNorm(int|int[] normalizedShape, ~eps, ~elementwiseAffine, {float|None eps, bool elementwiseAffine, device device, dtype dtype})",
      normalizedShape,
      ...rest,
    );
    super();
    const options = trailing<RMSNormModuleOptions>(rest, ["eps", "elementwiseAffine"]);
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = options.eps ?? null;
    this.elementwiseAffine = options.elementwiseAffine ?? true;
    this.weight = this.elementwiseAffine ? new Parameter(empty(this.normalizedShape, factoryOptions(options))) : null;
    this.resetParameters();
  }
  /** Scale 1. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
  }
  override forward(input: Tensor): Tensor {
    return F.rmsNorm(input, this.normalizedShape, { weight: this.weight, eps: this.eps });
  }
  override extraRepr(): string {
    const eps = this.eps === null ? "None" : pythonFloat(this.eps);
    return `${pythonTuple(this.normalizedShape)}, eps=${eps}, elementwise_affine=${pythonBool(this.elementwiseAffine)}`;
  }
}

keepClassNames({ RMSNorm });
