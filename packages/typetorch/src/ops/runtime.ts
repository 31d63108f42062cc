/**
 * What op files use of the floors above: bound once by tensor/, so that an op imports nothing that imports ops.
 */
import type { Backend } from "../backends/backend.ts";
import type { DType, TypedArray } from "../core/dtype.ts";
import type { NumberLike } from "../core/promotion.ts";
import type { Device } from "../core/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { MapSpec } from "../ir/spec.ts";
import type { Op } from "./op.ts";

export interface Runtime {
  /** Runs an op: the only way that ops are run. */
  call<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor;
  /** The same for an op with several results. */
  callMany<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor[];
  /** inputs[0] becomes the op's result, and is returned. */
  callInPlace<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor;
  /** The op's result is written to `out`, which is resized when its shape differs, and returned. */
  callOut<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, out: Tensor): Tensor;
  /** Whether an op on this tensor only has to run its kernel: no mode looks on, and nothing is recorded because of it. */
  isPlain(x: Tensor): boolean;
  /**
   * A map of contiguous tensors of `n` elements into a new one like `x`: the short way for calls of which `isPlain` holds for all tensors. Without `y` the
   * kernel's second operand is a param, if it has one.
   */
  mapFlat(spec: MapSpec, n: number, x: Tensor, y: Tensor | null, param: number, result: DType): Tensor;
  /** The same over memory that is there: `out` counts as changed in place. */
  mapFlatInto(spec: MapSpec, n: number, x: Tensor, y: Tensor | null, param: number, out: Tensor): Tensor;
  /** Runs `body` with new tensors on the device. Ops are run on that of their inputs; what calls no op but allocates says where. */
  on<R>(device: Device, body: () => R): R;
  /** The tensor on a device; itself when it is there. */
  moveTo(x: Tensor, device: Device): Tensor;
  /** Throws {@link DeviceError} when tensors of the dtype cannot be on the device. */
  checkDeviceDtype(device: Device, dtype: DType): void;
  /** A new row-major tensor on the current device, contents undefined. */
  empty(shape: readonly number[], dtype: DType): Tensor;
  /** A new tensor with the given strides, which cover its memory without gaps. */
  emptyStrided(shape: readonly number[], strides: readonly number[], dtype: DType): Tensor;
  /** A new row-major tensor beside another: on its device, contents undefined. */
  newEmpty(like: Tensor, shape: readonly number[], dtype: DType): Tensor;
  /** A new tensor beside another, filled with a number. */
  newFull(like: Tensor, shape: readonly number[], value: NumberLike, dtype: DType): Tensor;
  /** A tensor over the memory of another, without history: what view ops return from `run`. */
  alias(source: Tensor, shape: readonly number[], strides: readonly number[], storageOffset: number): Tensor;
  /** The same bytes seen as another dtype. */
  aliasDtype(source: Tensor, shape: readonly number[], strides: readonly number[], storageOffset: number, dtype: DType): Tensor;
  /** A new tensor filled with a number. */
  full(shape: readonly number[], value: NumberLike, dtype: DType): Tensor;
  /**
   * A typed array over the whole storage; the elements are at `storageOffset` and on by the strides. For a tensor on another device than the CPU it is a mirror: it
   * costs a read-back, and what is written is uploaded before the device next uses the tensor.
   */
  storageArray(x: Tensor): TypedArray;
  /** The elements of a tensor in row-major order, for reading; null when that would mean waiting for a device. */
  elementsAtHand(x: Tensor): TypedArray | null;
  /** Gives the node that made a new tensor the name of PyTorch's op, where here several ops stand for it. */
  named(x: Tensor, gradName: string): Tensor;
  isTensor(x: unknown): x is Tensor;
  backendOf(x: Tensor): Backend;
  /** Whether gradients are being recorded and one of the tensors takes part. */
  recording(inputs: readonly (Tensor | null)[]): boolean;
  /** Gives a tensor's memory back early: the caller knows that nobody else holds it. */
  release(x: Tensor): void;
  /** Runs `body` without recording gradients. */
  withoutGrad<R>(body: () => R): R;
}

/** The runtime; its fields are filled by `bindRuntime`. */
export const runtime = {} as Runtime;

/** Called once by tensor/. */
export function bindRuntime(implementation: Runtime): void {
  Object.assign(runtime, implementation);
}
