/**
 * Layers that learn the number of their inputs from the first one. Until then their parameters have no shape; with the first call they get one, are drawn, and
 * the module becomes an ordinary one of its kind.
 */
import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { empty, ones, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Parameter, replaceData } from "../parameter.ts";
import { type FactoryOptions, factoryOptions, type Size } from "../sizes.ts";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "./batchNorm.ts";
import { Conv1d, Conv2d, Conv3d, type ConvNd, type ConvOptions, type ConvRest } from "./conv.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeOptions } from "./convTranspose.ts";
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from "./instanceNorm.ts";
import { Linear, type LinearOptions } from "./linear.ts";
import type { NormBase, NormOptions } from "./normBase.ts";

/**
 * A parameter whose shape is not known yet. Optimizers may hold it: it stays the same object.
 * @see torch.nn.parameter.UninitializedParameter
 */
export class UninitializedParameter extends Parameter {
  constructor(options: FactoryOptions = {}) {
    super(empty([0], options));
  }
  /** Gives the parameter its shape; its elements are undefined. It is an ordinary {@link Parameter} from then on. */
  materialize(shape: readonly number[]): void {
    replaceData(this, empty(shape, { dtype: this.dtype, device: this.device }));
    Object.setPrototypeOf(this, Parameter.prototype);
  }
  override toString(): string {
    return "<UninitializedParameter>";
  }
}

/** Fields that are fixed for users are set once here. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };

function materialize(parameter: Parameter | null, shape: readonly number[]): void {
  if (parameter instanceof UninitializedParameter) parameter.materialize(shape);
}

/** Gives parameters that are still without shape that of the entries of a state_dict. */
function materializeFrom(
  module: { weight: Parameter | null; bias: Parameter | null },
  state: Map<string, unknown>,
  prefix: string,
): void {
  for (const name of ["weight", "bias"] as const) {
    const entry = state.get(prefix + name) as Tensor | undefined;
    if (entry !== undefined) materialize(module[name], entry.shape);
  }
}

/**
 * A {@link Linear} that takes `inFeatures` from its first input.
 * @see torch.nn.LazyLinear
 * @example
 * new nn.LazyLinear(2).call(torch.ones(5, 3)).shape // [5, 2]
 */
export class LazyLinear extends Linear {
  constructor(outFeatures: number, ...rest: Trailing<[bias: boolean], LinearOptions>) {
    checkArguments("LazyLinear(int outFeatures, ~bias, {bool bias, device device, dtype dtype})", outFeatures, ...rest);
    const options = trailing<LinearOptions>(rest, ["bias"]);
    const factory = factoryOptions(options);
    super(0, 0, { ...factory, bias: false });
    (this as Writable<this>).outFeatures = outFeatures;
    this.weight = new UninitializedParameter(factory);
    this.bias = (options.bias ?? true) ? new UninitializedParameter(factory) : null;
  }
  override call(input: Tensor): Tensor {
    checkArguments("linear(Tensor input)", input);
    if (input.shape.length === 0) throw new ShapeError("linear: the input has no features, it is 0-d");
    const features = input.shape[input.shape.length - 1]!;
    (this as Writable<this>).inFeatures = features;
    materialize(this.weight, [this.outFeatures, features]);
    materialize(this.bias, [this.outFeatures]);
    Object.setPrototypeOf(this, Linear.prototype);
    this.resetParameters();
    return this.call(input);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}

/** Prepares a convolution that was made for no channels. */
function leaveOpen(module: ConvNd<readonly unknown[]>, outChannels: number, groups: number, options: ConvOptions): void {
  const factory = factoryOptions(options);
  const writable = module as Writable<typeof module>;
  writable.outChannels = outChannels;
  writable.groups = groups;
  module.weight = new UninitializedParameter(factory);
  module.bias = (options.bias ?? true) ? new UninitializedParameter(factory) : null;
}

/** Takes the channels from an input and draws the parameters; the module becomes one of `prototype`. */
function settleConv(module: ConvNd<readonly unknown[]>, input: Tensor, prototype: object): void {
  checkArguments("forward(Tensor input)", input);
  const spatial = module.kernelSize.length;
  const rank = input.shape.length;
  if (rank !== spatial + 1 && rank !== spatial + 2) {
    throw new ShapeError(
      `Expected ${spatial + 1}D (unbatched) or ${spatial + 2}D (batched) input to ${module.getName()}, but got input of size: torch.Size([${input.shape.join(", ")}])`,
    );
  }
  const channels = input.shape[rank - spatial - 1]!;
  const { groups, outChannels, kernelSize, transposed } = module;
  if (channels % groups !== 0) throw new ValueError("in_channels must be divisible by groups");
  (module as Writable<typeof module>).inChannels = channels;
  const head = transposed ? [channels, outChannels / groups] : [outChannels, channels / groups];
  materialize(module.weight, [...head, ...kernelSize]);
  materialize(module.bias, [outChannels]);
  Object.setPrototypeOf(module, prototype);
  module.resetParameters();
}

const convPositional = ["stride", "padding", "dilation", "groups", "bias", "paddingMode"] as const;

/**
 * A {@link Conv1d} that takes `inChannels` from its first input.
 * @see torch.nn.LazyConv1d
 * @example
 * new nn.LazyConv1d(6, 3).call(torch.randn(1, 4, 5)).shape // [1, 6, 3]
 */
export class LazyConv1d extends Conv1d {
  constructor(outChannels: number, kernelSize: Size, ...rest: ConvRest) {
    checkArguments(
      "LazyConv1d(int outChannels, int|int[] kernelSize, ~stride, ~padding, ~dilation, ~groups, ~bias, ~paddingMode, {int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      outChannels,
      kernelSize,
      ...rest,
    );
    const options = trailing<ConvOptions>(rest, convPositional);
    super(0, 0, kernelSize, { ...options, groups: 1, bias: false });
    leaveOpen(this, outChannels, options.groups ?? 1, options);
  }
  override call(input: Tensor): Tensor {
    settleConv(this, input, Conv1d.prototype);
    return this.call(input);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}
/**
 * A {@link Conv2d} that takes `inChannels` from its first input.
 * @see torch.nn.LazyConv2d
 * @example
 * new nn.LazyConv2d(6, 3).call(torch.randn(1, 4, 5, 5)).shape // [1, 6, 3, 3]
 */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, kernelSize: Size, ...rest: ConvRest) {
    checkArguments(
      "LazyConv2d(int outChannels, int|int[] kernelSize, ~stride, ~padding, ~dilation, ~groups, ~bias, ~paddingMode, {int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      outChannels,
      kernelSize,
      ...rest,
    );
    const options = trailing<ConvOptions>(rest, convPositional);
    super(0, 0, kernelSize, { ...options, groups: 1, bias: false });
    leaveOpen(this, outChannels, options.groups ?? 1, options);
  }
  override call(input: Tensor): Tensor {
    settleConv(this, input, Conv2d.prototype);
    return this.call(input);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}
/**
 * A {@link Conv3d} that takes `inChannels` from its first input.
 * @see torch.nn.LazyConv3d
 * @example
 * new nn.LazyConv3d(6, 3).call(torch.randn(1, 4, 5, 5, 5)).shape // [1, 6, 3, 3, 3]
 */
export class LazyConv3d extends Conv3d {
  constructor(outChannels: number, kernelSize: Size, ...rest: ConvRest) {
    checkArguments(
      "LazyConv3d(int outChannels, int|int[] kernelSize, ~stride, ~padding, ~dilation, ~groups, ~bias, ~paddingMode, {int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      outChannels,
      kernelSize,
      ...rest,
    );
    const options = trailing<ConvOptions>(rest, convPositional);
    super(0, 0, kernelSize, { ...options, groups: 1, bias: false });
    leaveOpen(this, outChannels, options.groups ?? 1, options);
  }
  override call(input: Tensor): Tensor {
    settleConv(this, input, Conv3d.prototype);
    return this.call(input);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}
/**
 * A {@link ConvTranspose1d} that takes `inChannels` from its first input.
 * @see torch.nn.LazyConvTranspose1d
 * @example
 * new nn.LazyConvTranspose1d(6, 3).call(torch.randn(1, 4, 5)).shape // [1, 6, 7]
 */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    checkArguments(
      "LazyConvTranspose1d(int outChannels, int|int[] kernelSize, options? options, {int|int[] padding, float|float[] outputPadding, int|int[] stride, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      outChannels,
      kernelSize,
      options,
    );
    super(0, 0, kernelSize, { ...options, groups: 1, bias: false });
    leaveOpen(this, outChannels, options.groups ?? 1, options);
  }
  override call(...args: Parameters<ConvTranspose1d["call"]>): Tensor {
    settleConv(this, args[0], ConvTranspose1d.prototype);
    return this.call(...args);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}
/**
 * A {@link ConvTranspose2d} that takes `inChannels` from its first input.
 * @see torch.nn.LazyConvTranspose2d
 * @example
 * new nn.LazyConvTranspose2d(6, 3).call(torch.randn(1, 4, 5, 5)).shape // [1, 6, 7, 7]
 */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    checkArguments(
      "LazyConvTranspose2d(int outChannels, int|int[] kernelSize, options? options, {int|int[] padding, float|float[] outputPadding, int|int[] stride, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      outChannels,
      kernelSize,
      options,
    );
    super(0, 0, kernelSize, { ...options, groups: 1, bias: false });
    leaveOpen(this, outChannels, options.groups ?? 1, options);
  }
  override call(...args: Parameters<ConvTranspose2d["call"]>): Tensor {
    settleConv(this, args[0], ConvTranspose2d.prototype);
    return this.call(...args);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}
/**
 * A {@link ConvTranspose3d} that takes `inChannels` from its first input.
 * @see torch.nn.LazyConvTranspose3d
 * @example
 * new nn.LazyConvTranspose3d(6, 3).call(torch.randn(1, 4, 5, 5, 5)).shape // [1, 6, 7, 7, 7]
 */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeOptions = {}) {
    checkArguments(
      "LazyConvTranspose3d(int outChannels, int|int[] kernelSize, options? options, {int|int[] padding, float|float[] outputPadding, int|int[] stride, int|int[] dilation, int groups, bool bias, str paddingMode, device device, dtype dtype})",
      outChannels,
      kernelSize,
      options,
    );
    super(0, 0, kernelSize, { ...options, groups: 1, bias: false });
    leaveOpen(this, outChannels, options.groups ?? 1, options);
  }
  override call(...args: Parameters<ConvTranspose3d["call"]>): Tensor {
    settleConv(this, args[0], ConvTranspose3d.prototype);
    return this.call(...args);
  }
  override beforeLoad(state: Map<string, unknown>, prefix: string): void {
    materializeFrom(this, state, prefix);
  }
}

/** Takes the features from dimension 1 of an input; the module becomes one of `prototype`. */
function settleNorm(module: NormBase, input: Tensor, prototype: object): void {
  checkArguments("forward(Tensor input)", input);
  if (input.shape.length < 2) {
    throw new ShapeError(`expected at least 2D input (got ${input.shape.length}D input)`);
  }
  const features = input.shape[1]!;
  const writable = module as Writable<NormBase>;
  writable.numFeatures = features;
  const like = { dtype: (module.weight ?? module.runningMean)?.dtype, device: input.device };
  materialize(module.weight, [features]);
  materialize(module.bias, [features]);
  if (module.trackRunningStats) {
    module.runningMean = zeros([features], like);
    module.runningVar = ones([features], like);
  }
  Object.setPrototypeOf(module, prototype);
  module.resetParameters();
}

/** Prepares a norm that was made for no features. */
function leaveNormOpen(module: NormBase, options: NormOptions, affine: boolean, trackRunningStats: boolean): void {
  const factory = factoryOptions(options);
  const writable = module as Writable<NormBase>;
  writable.affine = affine;
  writable.trackRunningStats = trackRunningStats;
  if (affine) {
    module.weight = new UninitializedParameter(factory);
    module.bias = new UninitializedParameter(factory);
  }
  if (trackRunningStats) {
    module.runningMean = zeros([0], factory);
    module.runningVar = ones([0], factory);
    module.numBatchesTracked = zeros([], { dtype: int64 });
  }
}
const bare = { affine: false, trackRunningStats: false };

/**
 * A {@link BatchNorm1d} that takes `numFeatures` from its first input.
 * @see torch.nn.LazyBatchNorm1d
 * @example
 * new nn.LazyBatchNorm1d().call(torch.randn(2, 4, 3)).shape // [2, 4, 3]
 */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(options: NormOptions = {}) {
    checkArguments(
      "LazyBatchNorm1d(options? options, {float eps, float|None momentum, bool affine, bool trackRunningStats, device device, dtype dtype})",
      options,
    );
    super(0, { ...options, ...bare });
    leaveNormOpen(this, options, options.affine ?? true, options.trackRunningStats ?? true);
  }
  override call(input: Tensor): Tensor {
    settleNorm(this, input, BatchNorm1d.prototype);
    return this.call(input);
  }
}
/**
 * A {@link BatchNorm2d} that takes `numFeatures` from its first input.
 * @see torch.nn.LazyBatchNorm2d
 * @example
 * new nn.LazyBatchNorm2d().call(torch.randn(2, 4, 3, 3)).shape // [2, 4, 3, 3]
 */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(options: NormOptions = {}) {
    checkArguments(
      "LazyBatchNorm2d(options? options, {float eps, float|None momentum, bool affine, bool trackRunningStats, device device, dtype dtype})",
      options,
    );
    super(0, { ...options, ...bare });
    leaveNormOpen(this, options, options.affine ?? true, options.trackRunningStats ?? true);
  }
  override call(input: Tensor): Tensor {
    settleNorm(this, input, BatchNorm2d.prototype);
    return this.call(input);
  }
}
/**
 * A {@link BatchNorm3d} that takes `numFeatures` from its first input.
 * @see torch.nn.LazyBatchNorm3d
 * @example
 * new nn.LazyBatchNorm3d().call(torch.randn(2, 4, 3, 3, 3)).shape // [2, 4, 3, 3, 3]
 */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(options: NormOptions = {}) {
    checkArguments(
      "LazyBatchNorm3d(options? options, {float eps, float|None momentum, bool affine, bool trackRunningStats, device device, dtype dtype})",
      options,
    );
    super(0, { ...options, ...bare });
    leaveNormOpen(this, options, options.affine ?? true, options.trackRunningStats ?? true);
  }
  override call(input: Tensor): Tensor {
    settleNorm(this, input, BatchNorm3d.prototype);
    return this.call(input);
  }
}
/**
 * An {@link InstanceNorm1d} that takes `numFeatures` from its first input.
 * @see torch.nn.LazyInstanceNorm1d
 * @example
 * new nn.LazyInstanceNorm1d().call(torch.randn(1, 4, 5)).shape // [1, 4, 5]
 */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(options: NormOptions = {}) {
    checkArguments(
      "LazyInstanceNorm1d(options? options, {float eps, float|None momentum, bool affine, bool trackRunningStats, device device, dtype dtype})",
      options,
    );
    super(0, { ...options, ...bare });
    leaveNormOpen(this, options, options.affine ?? true, options.trackRunningStats ?? true);
  }
  override call(input: Tensor): Tensor {
    settleNorm(this, input, InstanceNorm1d.prototype);
    return this.call(input);
  }
}
/**
 * An {@link InstanceNorm2d} that takes `numFeatures` from its first input.
 * @see torch.nn.LazyInstanceNorm2d
 * @example
 * new nn.LazyInstanceNorm2d().call(torch.randn(1, 4, 5, 5)).shape // [1, 4, 5, 5]
 */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(options: NormOptions = {}) {
    checkArguments(
      "LazyInstanceNorm2d(options? options, {float eps, float|None momentum, bool affine, bool trackRunningStats, device device, dtype dtype})",
      options,
    );
    super(0, { ...options, ...bare });
    leaveNormOpen(this, options, options.affine ?? true, options.trackRunningStats ?? true);
  }
  override call(input: Tensor): Tensor {
    settleNorm(this, input, InstanceNorm2d.prototype);
    return this.call(input);
  }
}
/**
 * An {@link InstanceNorm3d} that takes `numFeatures` from its first input.
 * @see torch.nn.LazyInstanceNorm3d
 * @example
 * new nn.LazyInstanceNorm3d().call(torch.randn(1, 4, 5, 5, 5)).shape // [1, 4, 5, 5, 5]
 */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(options: NormOptions = {}) {
    checkArguments(
      "LazyInstanceNorm3d(options? options, {float eps, float|None momentum, bool affine, bool trackRunningStats, device device, dtype dtype})",
      options,
    );
    super(0, { ...options, ...bare });
    leaveNormOpen(this, options, options.affine ?? true, options.trackRunningStats ?? true);
  }
  override call(input: Tensor): Tensor {
    settleNorm(this, input, InstanceNorm3d.prototype);
    return this.call(input);
  }
}

keepClassNames({
  UninitializedParameter,
  LazyLinear,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
});
