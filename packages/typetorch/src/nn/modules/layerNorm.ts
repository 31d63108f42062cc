import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonBool, pythonFloat, pythonTuple } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions, type Size } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** Learn a scale and a shift for each element. Default: true. */
  elementwiseAffine?: boolean;
  /** Learn a shift, when there is a scale. Default: true. */
  bias?: boolean;
}

/**
 * Normalises over the last dimensions, those of `normalizedShape`: (*, ...normalizedShape) -> same.
 * @source Ba et al. 2016, arXiv:1607.06450   @see torch.nn.LayerNorm
 * @example
 * const out = new nn.LayerNorm(512).call(torch.randn(20, 5, 512));
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  /** normalizedShape, or null */
  weight: Parameter | null;
  /** normalizedShape, or null */
  bias: Parameter | null;

  constructor(normalizedShape: Size, ...rest: Trailing<[eps: number, elementwiseAffine: boolean], LayerNormOptions>) {
    checkArguments(
      "LayerNorm(float|float[] normalizedShape, ~eps, ~elementwiseAffine, {float eps, bool elementwiseAffine, bool bias, device device, dtype dtype})",
      normalizedShape,
      ...rest,
    );
    super();
    const options = trailing<LayerNormOptions>(rest, ["eps", "elementwiseAffine"]);
    const factory = factoryOptions(options);
    this.normalizedShape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    this.eps = options.eps ?? 1e-5;
    this.elementwiseAffine = options.elementwiseAffine ?? true;
    const hasBias = this.elementwiseAffine && (options.bias ?? true);
    this.weight = this.elementwiseAffine ? new Parameter(empty(this.normalizedShape, factory)) : null;
    this.bias = hasBias ? new Parameter(empty(this.normalizedShape, factory)) : null;
    this.resetParameters();
  }
  /** Scale 1, shift 0. */
  resetParameters(): void {
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }
  override forward(input: Tensor): Tensor {
    return F.layerNorm(input, this.normalizedShape, { weight: this.weight, bias: this.bias, eps: this.eps });
  }
  override extraRepr(): string {
    const affine = pythonBool(this.elementwiseAffine);
    return `${pythonTuple(this.normalizedShape)}, eps=${pythonFloat(this.eps)}, elementwise_affine=${affine}`;
  }
}

keepClassNames({ LayerNorm });
