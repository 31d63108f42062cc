/**
 * Compiled kernels and how they are called: arguments are packed into one block of float64 slots that all calls share.
 */
import { float64, type TypedArray } from "../../core/dtype.ts";
import type { Storage } from "../../core/storage.ts";
import type { LoopKernel } from "../../ir/loops.ts";
import { compileJs, type JsKernel } from "./js/kernel.ts";
import { allocate, typedArrayOf } from "./memory.ts";

const blockStorage = allocate(4096 * 8);
/** Slot 0, buffers, integers, parameters: see ir/loops.ts. */
export const block = typedArrayOf(blockStorage, float64) as Float64Array;
const views: TypedArray[] = [];

/** A kernel ready to be called. */
export class Compiled {
  readonly kernel: LoopKernel;
  readonly js: JsKernel;
  /** Slot of the first integer and of the first parameter. */
  readonly ints: number;
  readonly params: number;

  constructor(kernel: LoopKernel) {
    this.kernel = kernel;
    this.js = compileJs(kernel);
    this.ints = 1 + kernel.buffers.length;
    this.params = this.ints + kernel.ints;
  }

  /** Sets buffer k to the elements of a storage from `offset` on. */
  setBuffer(k: number, storage: Storage, offset: number): void {
    views[k] = typedArrayOf(storage, this.kernel.buffers[k]!.dtype);
    block[1 + k] = offset;
  }

  setParams(params: readonly number[]): void {
    for (let k = 0; k < params.length; k++) block[this.params + k] = params[k]!;
  }

  /** Runs the kernel on the arguments in the block. */
  run(): void {
    this.js(views, block);
  }
}
