/**
 * Memory that lives for one call.
 */
import type { DType } from "../../core/dtype.ts";
import { contiguousStrides, numelOf } from "../../core/shape.ts";
import type { Storage } from "../../core/storage.ts";
import type { Operand } from "../backend.ts";
import { allocate, release, typedArrayOf } from "./memory.ts";

/** Hands out row-major operands and takes them all back at once. */
export class Scratch {
  private readonly storages: Storage[] = [];

  /** Fresh memory, contents undefined unless `zero` is set. */
  operand(dtype: DType, shape: readonly number[], zero = false): Operand {
    const storage = allocate(Math.max(1, numelOf(shape)) * dtype.itemsize);
    this.storages.push(storage);
    if (zero) (typedArrayOf(storage, dtype) as Float32Array).fill(0);
    return { storage, storageOffset: 0, shape, strides: contiguousStrides(shape), dtype };
  }

  free(): void {
    for (const storage of this.storages) release(storage);
    this.storages.length = 0;
  }
}
