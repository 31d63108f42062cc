import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonFloat, pythonNumber } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface LocalResponseNormOptions {
  /** Default: 1e-4. */
  alpha?: number;
  /** Default: 0.75. */
  beta?: number;
  /** Default: 1. */
  k?: number;
}

/**
 * `x / (k + alpha * mean of the squares in a window of `size` channels)^beta`: (N, C, *) -> same.
 * @source Krizhevsky et al. 2012   @see torch.nn.LocalResponseNorm
 * @example
 * new nn.LocalResponseNorm(2).call(torch.ones(1, 4, 3, 3)).shape // [1, 4, 3, 3]
 */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
  constructor(size: number, ...rest: Trailing<[alpha: number, beta: number, k: number], LocalResponseNormOptions>) {
    checkArguments("LocalResponseNorm(int size, ~alpha, ~beta, ~k, {float alpha, float beta, float k})", size, ...rest);
    super();
    const { alpha = 1e-4, beta = 0.75, k = 1 } = trailing<LocalResponseNormOptions>(rest, ["alpha", "beta", "k"]);
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  override forward(input: Tensor): Tensor {
    return F.localResponseNorm(input, this.size, { alpha: this.alpha, beta: this.beta, k: this.k });
  }
  override extraRepr(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, alpha=${pythonFloat(alpha)}, beta=${pythonFloat(beta)}, k=${pythonFloat(k)}`;
  }
}

/**
 * {@link LocalResponseNorm} under its older name, for images: (N, C, H, W) -> same.
 * @see torch.nn.CrossMapLRN2d
 * @example
 * new nn.CrossMapLRN2d(2).call(torch.ones(1, 4, 3, 3)).shape // [1, 4, 3, 3]
 */
export class CrossMapLRN2d extends LocalResponseNorm {
  override extraRepr(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, alpha=${pythonFloat(alpha)}, beta=${pythonFloat(beta)}, k=${pythonNumber(k)}`;
  }
}

keepClassNames({ LocalResponseNorm, CrossMapLRN2d });
