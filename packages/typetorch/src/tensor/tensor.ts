/**
 * The Tensor: a strided view of a storage with a place in the autograd graph. Its methods come from the op files in ops/, which declare them on this interface.
 */
import type { DType, TypedArray } from "../core/dtype.ts";
import { ArgumentTypeError, AutogradError, IndexError, ValueError } from "../core/errors.ts";
import { isContiguous, numelOf, wrapDim } from "../core/shape.ts";
import type { Device, Storage } from "../core/storage.ts";
import type { Node } from "./autograd/node.ts";
import { runtime } from "../ops/runtime.ts";
import { viewGradFn } from "./autograd/views.ts";
import { onHostAsync, readElement, readElementAsync, readNested, typedArrayOfTensor } from "./read.ts";

/** Nested arrays of numbers, as `toArray()` returns them. */
export type Nested<T> = T | Nested<T>[];

export type Hook = (grad: Tensor) => Tensor | null | undefined | void;

/** What only few tensors have: kept apart so that a tensor stays small. */
export interface AutogradExtras {
  /** Called with this tensor's gradient, see `registerHook`. */
  hooks: Map<number, Hook> | null;
  /** The graph's leaf node for this tensor. */
  accumulator: Node | null;
  retainsGrad: boolean;
  /** True for views made without recording: in-place changes through them are refused where they would be lost. */
  viewMadeInNoGrad: boolean;
  /** One of several results that share memory (`split`, `unbind`): in-place changes are refused. */
  multiView: boolean;
}

export class Tensor {
  readonly storage: Storage;
  shape: readonly number[];
  strides: readonly number[];
  storageOffset: number;
  readonly dtype: DType;
  /** What `grad` gives; the framework reads it here, since reading `grad` may put it into other hands. @internal */
  ownGrad: Tensor | null = null;
  /** Whether anybody else may hold `ownGrad`. @internal */
  gradShared = false;
  /** The tensor that this one is a view of. */
  base: Tensor | null = null;
  /** Leaves only; see `requiresGrad`. @internal */
  leafRequiresGrad = false;
  /** The graph node that made this tensor; use `gradFn`. @internal */
  node: Node | null = null;
  /** Which result of `node` this is. @internal */
  outputNr = 0;
  /** For views: the storage's version when `node` was set. @internal */
  viewVersion = 0;
  /** Keeps every op that it takes part in from recording; see `autograd.Variable`. */
  volatile = false;
  /** @internal */
  extras: AutogradExtras | null = null;

  constructor(storage: Storage, shape: readonly number[], strides: readonly number[], storageOffset: number, dtype: DType) {
    this.storage = storage;
    this.shape = shape;
    this.strides = strides;
    this.storageOffset = storageOffset;
    this.dtype = dtype;
  }

  get device(): Device {
    return this.storage.device;
  }
  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }
  dim(): number {
    return this.shape.length;
  }
  numel(): number {
    return numelOf(this.shape);
  }
  nelement(): number {
    return numelOf(this.shape);
  }
  /** The shape, or the size of one dimension. */
  size(): readonly number[];
  size(dim: number): number;
  size(dim?: number): number | readonly number[] {
    return dim === undefined ? this.shape : this.shape[wrapIndex(dim, this.shape.length)]!;
  }
  stride(): readonly number[];
  stride(dim: number): number;
  stride(dim?: number): number | readonly number[] {
    return dim === undefined ? this.strides : this.strides[wrapIndex(dim, this.shape.length)]!;
  }
  /** Bytes of one element. */
  elementSize(): number {
    return this.dtype.itemsize;
  }
  isContiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }
  isFloatingPoint(): boolean {
    return this.dtype.isFloatingPoint;
  }
  isComplex(): boolean {
    return this.dtype.isComplex;
  }
  isSigned(): boolean {
    return this.dtype.isSigned;
  }
  /** Machine address of the first element; 0 where there are no addresses. */
  dataPtr(): number {
    return this.storage.address === 0 ? 0 : this.storage.address + this.storageOffset * this.dtype.itemsize;
  }

  // ---- autograd ----

  /** The gradient that `backward` accumulated, for leaves that require one. */
  get grad(): Tensor | null {
    this.gradShared = true;
    return this.ownGrad;
  }
  set grad(grad: Tensor | null) {
    this.gradShared = true;
    this.ownGrad = grad;
  }
  /** Forgets the gradient. One that was never read has its memory used again at once. @internal */
  dropGrad(): void {
    const grad = this.ownGrad;
    this.ownGrad = null;
    if (grad !== null && !this.gradShared) runtime.release(grad);
  }
  /** Whether gradients are computed for this tensor. */
  get requiresGrad(): boolean {
    return this.leafRequiresGrad || this.node !== null || (this.base !== null && this.base.requiresGrad);
  }
  set requiresGrad(value: boolean) {
    this.requiresGrad_(value);
  }
  /** Asks for gradients (in place), as `Tensor.requires_grad_`. Throws for dtypes without derivatives and for non-leaves. */
  requiresGrad_(requiresGrad = true): this {
    if (typeof requiresGrad !== "boolean") {
      throw new ArgumentTypeError(
        `requires_grad_(): argument 'requires_grad' (position 1) must be bool, not ${typeof requiresGrad}`,
      );
    }
    if (this.gradFn !== null) {
      if (!requiresGrad) {
        throw new AutogradError(
          "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
          "call x.detach() for a tensor without history",
        );
      }
      return this;
    }
    if (requiresGrad && !this.dtype.isFloatingPoint && !this.dtype.isComplex) {
      throw new AutogradError(
        "only Tensors of floating point and complex dtype can require gradients",
        `this tensor is ${this.dtype}; convert it with x.to(torch.float32) first`,
      );
    }
    this.leafRequiresGrad = requiresGrad;
    return this;
  }
  /** Made by the user, not by an op that recorded gradients. */
  get isLeaf(): boolean {
    return this.gradFn === null;
  }
  /** The node of the graph that made this tensor, or null. */
  get gradFn(): Node | null {
    return this.base !== null && this.viewVersion !== this.storage.version ? viewGradFn(this) : this.node;
  }
  /** How often the memory was changed in place. */
  get _version(): number {
    return this.storage.version;
  }
  isView(): boolean {
    return this.base !== null;
  }
  get _base(): Tensor | null {
    return this.base;
  }
  /** @internal */
  extrasOrNew(): AutogradExtras {
    this.extras ??= { hooks: null, accumulator: null, retainsGrad: false, viewMadeInNoGrad: false, multiView: false };
    return this.extras;
  }

  // ---- reading ----

  /**
   * The elements in row-major order as a typed array: the tensor's own memory when it is contiguous, otherwise a copy, and on another device than the CPU always a
   * copy. float16 and bfloat16 are raw 16-bit words; complex elements are their real and imaginary parts, in turn.
   */
  get data(): TypedArray {
    return typedArrayOfTensor(this);
  }
  /** The value of a tensor with one element: a boolean, a number, or a bigint where a number would not be exact. */
  item(): number {
    if (this.numel() !== 1)
      throw new ValueError(
        "only one element tensors can be converted to Python scalars",
        `this tensor has the shape [${this.shape.join(", ")}]; use toArray()`,
      );
    return readElement(this, this.storageOffset) as number;
  }
  /** `item` without blocking this thread, for devices that answer later; the only way in a page's main thread for tensors on `webgpu`. */
  async itemAsync(): Promise<number> {
    if (this.numel() !== 1 || this.storage.remote === null) return this.item();
    return (await readElementAsync(this, this.storageOffset)) as number;
  }
  /** Nested arrays of the elements, as `Tensor.tolist`; a plain number for a 0-d tensor. */
  toArray<T = Nested<number>>(): T {
    return readNested(this) as T;
  }
  tolist<T = Nested<number>>(): T {
    return readNested(this) as T;
  }
  /** `toArray` without blocking this thread, see `itemAsync`. */
  async toArrayAsync<T = Nested<number>>(): Promise<T> {
    return readNested(await onHostAsync(this)) as T;
  }
  async tolistAsync<T = Nested<number>>(): Promise<T> {
    return this.toArrayAsync<T>();
  }
  /** `data` without blocking this thread, see `itemAsync`. */
  async dataAsync(): Promise<TypedArray> {
    return typedArrayOfTensor(await onHostAsync(this));
  }
  /** Length of the first dimension. */
  get length(): number {
    if (this.shape.length === 0) throw new ValueError("len() of a 0-d tensor");
    return this.shape[0]!;
  }
  /** Frees early what can be freed; nothing for CPU tensors, which the garbage collector frees. */
  [Symbol.dispose](): void {}
}

/** Number and boolean conversions, as Python's `float(x)` and `bool(x)`. */
Object.defineProperty(Tensor.prototype, Symbol.toPrimitive, {
  value(this: Tensor, hint: string): unknown {
    if (hint === "string") return this.toString();
    return this.item();
  },
});

function wrapIndex(dim: number, rank: number): number {
  if (rank === 0) throw new IndexError(`Dimension specified as ${dim} but tensor has no dimensions`);
  return wrapDim(dim, rank);
}
