import { keepClassNames } from "../../core/className.ts";
import { int64 } from "../../core/dtype.ts";
import { empty, ones, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonBool, pythonFloat } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import type { Trailing } from "../../core/trailing.ts";

export interface NormOptions extends FactoryOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
  /** Share of the new batch in the running statistics; null takes their plain average. Default: 0.1. */
  momentum?: number | null;
  /** Learn a scale and a shift for each channel. */
  affine?: boolean;
  /** Keep running statistics, to be used in evaluation. */
  trackRunningStats?: boolean;
}
export type NormRest = Trailing<[eps: number, momentum: number | null, affine: boolean, trackRunningStats: boolean], NormOptions>;
export const normPositional = ["eps", "momentum", "affine", "trackRunningStats"] as const;

/** What batch and instance norm hold: scale and shift, running statistics. */
export abstract class NormBase extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  /** (numFeatures), or null */
  weight: Parameter | null;
  /** (numFeatures), or null */
  bias: Parameter | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  /** int64 scalar */
  declare numBatchesTracked: Tensor | null;

  constructor(numFeatures: number, options: NormOptions) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    const factory = factoryOptions(options);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? new Parameter(empty([numFeatures], factory)) : null;
    this.bias = affine ? new Parameter(empty([numFeatures], factory)) : null;
    const track = trackRunningStats;
    this.registerBuffer("runningMean", track ? zeros([numFeatures], factory) : null);
    this.registerBuffer("runningVar", track ? ones([numFeatures], factory) : null);
    this.registerBuffer("numBatchesTracked", track ? zeros([], { ...factory, dtype: int64 }) : null);
    this.resetParameters();
  }
  /** Running mean 0, variance 1, no batch seen. */
  resetRunningStats(): void {
    this.runningMean?.zero_();
    this.runningVar?.fill_(1);
    this.numBatchesTracked?.zero_();
  }
  /** Scale 1, shift 0, running statistics as at the start. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) init.ones_(this.weight);
    if (this.bias !== null) init.zeros_(this.bias);
  }
  /** Files of old versions of PyTorch, and of other programs, do not hold `num_batches_tracked`. */
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    const key = `${prefix}num_batches_tracked`;
    if (this.trackRunningStats && !state.has(key)) state.set(key, zeros([], { dtype: int64 }));
  }
  override extraRepr(): string {
    const momentum = this.momentum === null ? "None" : pythonFloat(this.momentum);
    const affine = pythonBool(this.affine);
    const track = pythonBool(this.trackRunningStats);
    return `${this.numFeatures}, eps=${pythonFloat(this.eps)}, momentum=${momentum}, affine=${affine}, track_running_stats=${track}`;
  }
}

keepClassNames({ NormBase });
