/**
 * What a device must do to carry tensors. Everything above speaks to a device through this interface alone. Arguments were checked before: a backend never
 * reports a user's mistake.
 */
import type { DType } from "../core/dtype.ts";
import type { Storage } from "../core/storage.ts";
import type { LoopSpec, MapSpec, RowSpec } from "../ir/spec.ts";

/** A strided view of a storage; every Tensor is one. `strides` and `storageOffset` count elements. */
export interface Operand {
  readonly storage: Storage;
  readonly storageOffset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly dtype: DType;
}

/** What follows a matrix product: `activation(alpha * (a b) + beta * c + bias)`. */
export type Activation = "none" | "relu" | "gelu" | "tanh" | "sigmoid";

/**
 * out[b] = activation(alpha * a[b] @ x[b] + beta * out[b] + bias), for every batch b. `a`: (…batch, m, k), `b`: (…batch, k, n), `out`: (…batch, m, n), any
 * strides (batch strides may be 0); `bias`: (n) or (m, 1)-like, given as an operand broadcast to (m, n) by zero strides. f32 and f64 natively; other dtypes as
 * plain loops with f32 or i64 accumulation.
 */
export interface GemmArguments {
  readonly a: Operand;
  readonly b: Operand;
  readonly out: Operand;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: Operand | null;
  readonly activation: Activation;
}

/** Geometry of a 1-d, 2-d or 3-d convolution: one entry per spatial dimension. */
export interface ConvGeometry {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** The convolutions of a backend. */
export interface Convolutions {
  /** out = conv(x, weight) + bias; x (N, C, …), weight (O, C/groups, …), out (N, O, …). */
  convForward(
    x: Operand,
    weight: Operand,
    bias: Operand | null,
    out: Operand,
    geometry: ConvGeometry,
    activation: Activation,
  ): void;
  /** gx = gradient of x. */
  convBackwardInput(g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): void;
  /** gw = gradient of weight. */
  convBackwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): void;
}

export interface Backend extends Convolutions {
  readonly name: string;
  /** Fresh memory for elements of a dtype, contents undefined. */
  allocate(nbytes: number, dtype: DType): Storage;
  /** Gives memory back early. The caller knows that nothing refers to it. */
  release(storage: Storage): void;
  /** Inputs and outputs have the shape of the index space (broadcast by zero strides). Outputs do not overlap inputs unless they are the very same elements. */
  map(
    spec: MapSpec,
    shape: readonly number[],
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    params: readonly number[],
  ): void;
  /**
   * `map` of contiguous operands of n > 0 elements: one or two inputs and one output, with no allocation on the way. `param` is the value of the one param that
   * the kernel may have.
   */
  mapFlat(spec: MapSpec, n: number, a: Operand, b: Operand | null, out: Operand, param: number): void;
  /**
   * All operands have the rank of the index space. `element` operands have shape `shape`; the dimensions in `columns` (ascending) are a row's columns, the others
   * the rows. `row` operands have size 1 (any stride) in the column dimensions, `column` operands size 1 in the row dimensions.
   */
  row(
    spec: RowSpec,
    shape: readonly number[],
    columns: readonly number[],
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    params: readonly number[],
  ): void;
  /** `ints` and `params` as the kernel's arguments. When `parallel` is given the kernel's extent `ints[parallel.extent]` may be cut: buffer k moves by `steps[k]` elements per unit. */
  loops(
    spec: LoopSpec,
    buffers: readonly Operand[],
    ints: readonly number[],
    params: readonly number[],
    parallel?: { extent: number; steps: readonly number[] },
  ): void;
  gemm(args: GemmArguments): void;
}
