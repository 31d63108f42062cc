/**
 * Methods of Tensor that are about the tensor itself rather than its elements: `backward`, `detach`, hooks, `to`, `resize_`, printing.
 */
import { checkArguments } from "../ops/arguments.ts";
import { adopt } from "../backends/cpu/memory.ts";
import { DType } from "../core/dtype.ts";
import { AutogradError, ShapeError } from "../core/errors.ts";
import { contiguousStrides, numelOf } from "../core/shape.ts";
import { cpu, Device } from "../core/storage.ts";
import { checkSizes, deviceOf } from "../ops/factory/options.ts";
import { copyElements, type MemoryFormat, toDtype } from "../ops/memory/copy.ts";
import { bindPrototype } from "../ops/methods.ts";
import { runtime } from "../ops/runtime.ts";
import { asStridedOp } from "../ops/views/strided.ts";
import { transposeProperties } from "../ops/views/permute.ts";
import { runBackward } from "./autograd/engine.ts";
import { register } from "./autograd/node.ts";
import { viewRecorder } from "./autograd/views.ts";
import { checkDeviceDtype, moveTo } from "./devices.ts";
import { call } from "./dispatch.ts";
import { tensorToString } from "./print.ts";
import { onHostAsync } from "./read.ts";
import { type Hook, Tensor } from "./tensor.ts";

export interface BackwardCallOptions {
  /** The gradient of this tensor; needed unless it has one element. */
  gradient?: Tensor | null;
  /** Keep what the graph saved, for another backward. Default: the value of createGraph. */
  retainGraph?: boolean;
  /** Record the backward itself, for higher derivatives. */
  createGraph?: boolean;
  /** Accumulate into these leaves only. */
  inputs?: Tensor | readonly Tensor[];
}

export interface ToOptions {
  dtype?: DType;
  device?: Device | string;
  copy?: boolean;
  nonBlocking?: boolean;
  memoryFormat?: MemoryFormat;
}

declare module "./tensor.ts" {
  interface Tensor {
    /**
     * Computes the gradients of all leaves that this tensor was computed from and adds them to their `grad`, as `Tensor.backward`.
     * @example
     * const x = torch.tensor([2, 3], { requiresGrad: true });
     * x.mul(x).sum().backward();
     * x.grad // tensor([4., 6.])
     */
    backward(gradient?: Tensor | BackwardCallOptions | null, options?: BackwardCallOptions): void;
    /** The same memory without history, as `Tensor.detach`. */
    detach(): Tensor;
    detach_(): this;
    /** Calls `hook` with this tensor's gradient when it is computed; what it returns takes its place. Returns a handle with `remove()`. */
    registerHook(hook: Hook): { remove(): void };
    /** Keeps the gradient of a non-leaf in `grad`, as `Tensor.retain_grad`. */
    retainGrad(): void;
    readonly retainsGrad: boolean;
    /** The tensor in another dtype or on another device; itself when nothing changes. As `Tensor.to`. */
    to(target: DType | Device | string | Tensor | ToOptions, options?: ToOptions): Tensor;
    to(device: Device | string, dtype: DType, options?: ToOptions): Tensor;
    type(dtype: DType): Tensor;
    typeAs(other: Tensor): Tensor;
    cpu(): Tensor;
    float(): Tensor;
    double(): Tensor;
    half(): Tensor;
    bfloat16(): Tensor;
    long(): Tensor;
    int(): Tensor;
    short(): Tensor;
    char(): Tensor;
    byte(): Tensor;
    bool(): Tensor;
    /** Changes the shape of this tensor, keeping its first elements; new ones are undefined. As `Tensor.resize_`. */
    resize_(...shape: number[]): this;
    resize_(shape: readonly number[]): this;
    /** {@link resize_} to the shape of another tensor, as `Tensor.resize_as_`. */
    resizeAs_(template: Tensor): this;
    /** Whether the two are the same elements of the same memory. */
    isSetTo(other: Tensor): boolean;
    sharesStorageWith(other: Tensor): boolean;
    /** What the console prints, without blocking this thread while the device answers, see `itemAsync`. */
    toStringAsync(): Promise<string>;
    [Symbol.iterator](): Iterator<Tensor>;
  }
}

function backward(this: Tensor, gradient?: Tensor | BackwardCallOptions | null, options?: BackwardCallOptions): void {
  const o: BackwardCallOptions =
    gradient instanceof Tensor || gradient === null || gradient === undefined
      ? { ...options, gradient: gradient ?? options?.gradient ?? null }
      : gradient;
  const createGraph = o.createGraph ?? false;
  const retainGraph = o.retainGraph ?? createGraph;
  if (o.inputs === undefined) {
    runBackward([this], [o.gradient ?? null], null, { retainGraph, createGraph });
    return;
  }
  const inputs = o.inputs instanceof Tensor ? [o.inputs] : o.inputs;
  if (inputs.length === 0) throw new AutogradError("'inputs' argument to backward cannot be empty.");
  const grads = runBackward([this], [o.gradient ?? null], inputs, { retainGraph, createGraph });
  inputs.forEach((x, i) => {
    const g = grads[i];
    if (g) x.grad = x.grad === null ? g : x.grad.add(g);
  });
}

function detach(this: Tensor): Tensor {
  const x = new Tensor(this.storage, this.shape, this.strides, this.storageOffset, this.dtype);
  x.volatile = this.volatile;
  return x;
}

function detach_(this: Tensor): Tensor {
  if (this.base !== null) throw new AutogradError("Can't detach views in-place. Use detach() instead.");
  this.node = null;
  this.outputNr = 0;
  this.leafRequiresGrad = false;
  return this;
}

function registerHook(this: Tensor, hook: Hook): { remove(): void } {
  if (!this.requiresGrad) throw new AutogradError("cannot register a hook on a tensor that doesn't require gradient");
  const node = this.gradFn;
  if (node === null) {
    const extras = this.extrasOrNew();
    extras.hooks ??= new Map();
    return register(extras.hooks, hook);
  }
  node.tensorHooks ??= new Map();
  let hooks = node.tensorHooks.get(this.outputNr);
  if (!hooks) {
    hooks = new Map();
    node.tensorHooks.set(this.outputNr, hooks);
  }
  return register(hooks, hook);
}

function retainGrad(this: Tensor): void {
  if (!this.requiresGrad) throw new AutogradError("can't retain_grad on Tensor that has requires_grad=False");
  const node = this.gradFn;
  if (node === null || this.extras?.retainsGrad) return;
  this.extrasOrNew().retainsGrad = true;
  node.retained ??= new Map();
  node.retained.set(this.outputNr, this);
}

function to(
  this: Tensor,
  target: DType | Device | string | Tensor | ToOptions,
  second?: DType | ToOptions,
  third?: ToOptions,
): Tensor {
  checkArguments(
    "to(dtype|device|Tensor|options target, dtype|options? second, options? options, {dtype|None dtype, device|None device, bool copy, bool nonBlocking, str memoryFormat})",
    target,
    second,
    third,
  );
  const options = second instanceof DType ? { ...third, dtype: second } : second;
  let dtype: DType | undefined = options?.dtype;
  let device: Device | string | undefined = options?.device;
  let copy = options?.copy ?? false;
  let format = options?.memoryFormat ?? "preserve";
  if (target instanceof DType) dtype = target;
  else if (target instanceof Tensor) {
    dtype = target.dtype;
    device = target.device;
  } else if (typeof target === "string" || target instanceof Device) device = target;
  else {
    dtype = target.dtype ?? dtype;
    device = target.device ?? device;
    copy = target.copy ?? copy;
    format = target.memoryFormat ?? format;
  }
  const wanted = dtype ?? this.dtype;
  const place = device === undefined ? this.device : deviceOf(device);
  checkDeviceDtype(place, wanted);
  // the conversion runs where both dtypes exist
  const y = place === cpu ? toDtype(moveTo(this, place), wanted) : moveTo(toDtype(this, wanted), place);
  const laid = format === "preserve" ? y : y.contiguous({ memoryFormat: format });
  return laid === this && copy ? this.clone() : laid;
}

/** A conversion that the user asks for: the device must have the dtype. */
function converted(x: Tensor, dtype: DType): Tensor {
  checkDeviceDtype(x.device, dtype);
  return toDtype(x, dtype);
}

function resize_(this: Tensor, ...args: unknown[]): Tensor {
  const shape = (args.length === 1 && Array.isArray(args[0]) ? args[0] : args) as number[];
  if (this.requiresGrad) throw new AutogradError("cannot resize variables that require grad");
  checkSizes(shape);
  const n = numelOf(shape);
  const needed = (this.storageOffset + n) * this.dtype.itemsize;
  if (needed > this.storage.nbytes) {
    const old = Math.floor(this.storage.nbytes / this.dtype.itemsize);
    const grown = runtime.on(this.device, () => runtime.empty([this.storageOffset + n], this.dtype));
    const before = new Tensor(this.storage, [old], [1], 0, this.dtype);
    if (old > 0) copyElements(new Tensor(grown.storage, [old], [1], 0, this.dtype), before);
    const { remote } = grown.storage;
    if (remote === null) adopt(this.storage, grown.storage);
    else remote.handOver(this.storage, grown.storage);
  }
  this.shape = [...shape];
  this.strides = contiguousStrides(shape);
  return this;
}

viewRecorder.record = (view) => {
  const base = view.base!;
  const again = call(asStridedOp, [base], {
    size: view.shape,
    stride: view.strides,
    storageOffset: view.storageOffset,
    inputStrides: base.strides,
    inputOffset: base.storageOffset,
  }) as Tensor;
  return again.node;
};

const casts: Record<string, string> = {
  float: "f32",
  double: "f64",
  half: "f16",
  bfloat16: "bf16",
  long: "i64",
  int: "i32",
  short: "i16",
  char: "i8",
  byte: "u8",
  bool: "bool",
};

/** Puts the methods of this file and those that the op files registered on the prototype. */
export function installMethods(dtypeOfKey: Readonly<Record<string, DType>>): void {
  const prototype = Tensor.prototype as unknown as Record<string | symbol, unknown>;
  const define = (name: string | symbol, value: unknown): void => {
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  };
  bindPrototype(prototype);
  for (const [name, key] of Object.entries(casts)) {
    define(name, function (this: Tensor) {
      return converted(this, dtypeOfKey[key]!);
    });
  }
  for (const [name, get] of Object.entries(transposeProperties)) {
    Object.defineProperty(prototype, name, {
      get(this: Tensor) {
        return get(this);
      },
      configurable: true,
    });
  }
  Object.defineProperty(prototype, "retainsGrad", {
    get(this: Tensor) {
      return this.extras?.retainsGrad ?? false;
    },
    configurable: true,
  });
  const own = { backward, detach, detach_, registerHook, retainGrad, to, resize_ };
  for (const [name, fn] of Object.entries(own)) define(name, fn);
  define("type", function (this: Tensor, dtype: DType) {
    return converted(this, dtype);
  });
  define("resizeAs_", function (this: Tensor, template: Tensor) {
    checkArguments("resize_as_(Tensor input, Tensor template)", this, template);
    return resize_.call(this, template.shape);
  });
  define("typeAs", function (this: Tensor, other: Tensor) {
    checkArguments("type_as(Tensor input, Tensor other)", this, other);
    return converted(this, other.dtype);
  });
  define("cpu", function (this: Tensor) {
    return moveTo(this, cpu);
  });
  define("isSetTo", function (this: Tensor, other: Tensor) {
    checkArguments("is_set_to(Tensor input, Tensor tensor)", this, other);
    return (
      this.storage === other.storage &&
      this.storageOffset === other.storageOffset &&
      this.shape.join() === other.shape.join() &&
      this.strides.join() === other.strides.join()
    );
  });
  define("sharesStorageWith", function (this: Tensor, other: Tensor) {
    checkArguments("shares_storage_with(Tensor input, Tensor other)", this, other);
    return this.storage === other.storage;
  });
  define("toString", function (this: Tensor) {
    return tensorToString(this);
  });
  define("toStringAsync", async function (this: Tensor) {
    return tensorToString(this, false, await onHostAsync(this));
  });
  define(Symbol.for("nodejs.util.inspect.custom"), function (this: Tensor) {
    return tensorToString(this);
  });
  define(Symbol.iterator, function* (this: Tensor) {
    if (this.shape.length === 0) throw new ShapeError("iteration over a 0-d tensor");
    yield* this.unbind(0);
  });
}
