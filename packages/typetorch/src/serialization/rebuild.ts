/**
 * Tensors from what a pickle says of them: a storage, an offset, sizes and strides, all checked.
 */
import { DType, uint8 } from "../core/dtype.ts";
import { SerializationError, UnpicklingError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { Parameter } from "../nn/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import { describe, isTuple } from "./pickleValues.ts";

/** A storage that a pickle refers to. */
export class SavedStorage {
  readonly storage: Storage;
  /** What its elements are; of untyped storages null. */
  readonly dtype: DType | null;
  /** Where it begins in `storage`, and how long it is. */
  readonly byteOffset: number;
  readonly nbytes: number;
  constructor(storage: Storage, dtype: DType | null, byteOffset = 0, nbytes = storage.nbytes) {
    this.storage = storage;
    this.dtype = dtype;
    this.byteOffset = byteOffset;
    this.nbytes = nbytes;
  }
}

/** What stands for a storage while a pickle is read, and remains of one that no tensor was made of: the tensor of all its elements. */
const storageOf = new WeakMap<Tensor, SavedStorage>();

/** A storage as a value: a tensor of one dimension, of bytes if the storage is untyped. */
export function tensorOfStorage(saved: SavedStorage): Tensor {
  const dtype = saved.dtype ?? uint8;
  if (saved.byteOffset % dtype.itemsize !== 0) throw new UnpicklingError("a view of a storage lies between its elements");
  const length = Math.floor(saved.nbytes / dtype.itemsize);
  const tensor = new Tensor(saved.storage, [length], [1], saved.byteOffset / dtype.itemsize, dtype);
  storageOf.set(tensor, saved);
  return tensor;
}

/** The arguments of `torch._utils._rebuild_tensor_v3` and its forerunners. */
export interface Rebuild {
  storage: unknown;
  offset: unknown;
  size: unknown;
  stride: unknown;
  requiresGrad?: unknown;
  dtype?: unknown;
  metadata?: unknown;
}

const mostDimensions = 64;

function sizesOf(what: string, value: unknown): readonly number[] {
  if (!isTuple(value) || !value.every((n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0)) {
    throw new UnpicklingError(
      `the ${what} of a tensor is ${isTuple(value) ? `(${value.map(String).join(", ").slice(0, 100)})` : describe(value)}`,
    );
  }
  if (value.length > mostDimensions) throw new UnpicklingError(`a tensor of ${value.length} dimensions`);
  return [...(value as readonly number[])];
}

/** The tensor that the arguments describe. Throws unless it lies within its storage. */
export function rebuildTensor(args: Rebuild): Tensor {
  const { storage, offset, requiresGrad = false, metadata = null } = args;
  const saved = storageOf.get(storage as Tensor);
  if (saved === undefined) throw new UnpicklingError(`a tensor is made of ${describe(storage)}, not of a storage`);
  if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0) {
    throw new UnpicklingError(`the storage offset of a tensor is ${String(offset).slice(0, 100)}`);
  }
  const shape = sizesOf("size", args.size);
  const strides = sizesOf("stride", args.stride);
  if (shape.length !== strides.length) {
    throw new UnpicklingError(`mismatch in length of strides and shape: (${strides.join(", ")}) and (${shape.join(", ")})`);
  }
  const dtype = args.dtype ?? saved.dtype;
  if (!(dtype instanceof DType)) throw new UnpicklingError("a tensor has no dtype");
  if (typeof requiresGrad !== "boolean") throw new UnpicklingError(`requires_grad of a tensor is ${describe(requiresGrad)}`);
  if (metadata instanceof Map && (metadata.get("conj") === true || metadata.get("neg") === true)) {
    throw new SerializationError(
      "the file holds a tensor whose conjugation or negation is still to be done",
      "save tensor.resolve_conj().resolve_neg() in Python",
    );
  }

  const { itemsize } = dtype;
  const needed = shape.includes(0) ? 0 : offset + shape.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 1);
  if (!(needed * itemsize <= saved.nbytes)) {
    throw new UnpicklingError(
      `setStorage: sizes [${shape.join(", ")}], strides [${strides.join(", ")}], storage offset ${offset}, and itemsize ${itemsize} requiring a storage size of ${needed * itemsize} are out of bounds for storage of size ${saved.nbytes}`,
    );
  }
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * size, 1))) {
    throw new UnpicklingError(`a tensor of the shape (${shape.join(", ")})`);
  }
  if (saved.byteOffset % itemsize !== 0) throw new UnpicklingError("a tensor lies between the elements of its storage");
  if (requiresGrad && !dtype.isFloatingPoint && !dtype.isComplex) throw new UnpicklingError(`a tensor of ${dtype} requires grad`);
  const tensor = new Tensor(saved.storage, shape, strides, saved.byteOffset / itemsize + offset, dtype);
  if (requiresGrad) tensor.requiresGrad_(true);
  return tensor;
}

/** A parameter over a tensor's memory. */
export function rebuildParameter(data: unknown, requiresGrad: unknown): Parameter {
  if (!(data instanceof Tensor) || typeof requiresGrad !== "boolean") {
    throw new UnpicklingError(`a Parameter is made of ${describe(data)} and ${describe(requiresGrad)}`);
  }
  return new Parameter(data, requiresGrad);
}
