import { keepClassNames } from "../../core/className.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";

/** How the losses of single elements are put together: their mean, their sum, or not at all. */
export type Reduction = "none" | "mean" | "sum";

export interface LossOptions {
  /** Default: `mean`. */
  reduction?: Reduction;
}
export interface WeightedLossOptions extends LossOptions {
  /** Weight of each class (or element, where the loss says so). */
  weight?: Tensor | null;
}

/** What the losses share. */
export abstract class Loss<Args extends readonly unknown[] = [input: Tensor, target: Tensor]> extends Module<Args> {
  readonly reduction: Reduction;
  constructor(options: LossOptions = {}) {
    super();
    this.reduction = options.reduction ?? "mean";
  }
}

/** Losses with a weight, which is a buffer. */
export abstract class WeightedLoss<Args extends readonly unknown[] = [input: Tensor, target: Tensor]> extends Loss<Args> {
  declare weight: Tensor | null;
  constructor(options: WeightedLossOptions) {
    super(options);
    this.registerBuffer("weight", options.weight ?? null);
  }
}

keepClassNames({ Loss, WeightedLoss });
