/**
 * Operands in memory where a stray access is noticed.
 */
import assert from "node:assert/strict";
import type { Operand } from "../../src/backends/backend.ts";
import { type DType, float32 } from "../../src/core/dtype.ts";
import { cpu, Storage } from "../../src/core/storage.ts";
import type { Native } from "../../src/platform/index.ts";

/** Fresh memory with guards around it; `check` fails when they were touched, and gives the memory back. */
export type GuardedMemory = (nbytes: number, at: "end" | "start") => { readonly storage: Storage; check(): void };

/** Memory between pages that must not be accessed: a stray access ends the process. */
export function guardPages(native: Native): GuardedMemory {
  return (nbytes, at) => {
    const memory = native.guardedBuffer(nbytes, { at });
    const storage = new Storage(cpu, "external", memory.buffer, memory.byteOffset, memory.nbytes, memory.address);
    return { storage, check: () => memory.free() };
  };
}

/** Memory with known bytes before and behind it, where there are no pages to guard: writes are noticed, reads are not. */
export function canaries(allocate: (nbytes: number) => Storage, release: (storage: Storage) => void): GuardedMemory {
  const margin = 256;
  return (nbytes) => {
    const whole = allocate(nbytes + 2 * margin);
    const bytes = new Uint8Array(whole.buffer, whole.byteOffset, nbytes + 2 * margin).fill(0xa5);
    const storage = new Storage(cpu, whole.kind, whole.buffer, whole.byteOffset + margin, nbytes, whole.address + margin);
    const check = (): void => {
      const ends = [bytes.subarray(0, margin), bytes.subarray(margin + nbytes)];
      assert.ok(
        ends.every((end) => end.every((byte) => byte === 0xa5)),
        "bytes outside of an operand were written",
      );
      release(whole);
    };
    return { storage, check };
  };
}

/** Integers from 0 to n - 1. */
export function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

export interface Guarded {
  readonly operand: Operand;
  readonly values: Float32Array | Float64Array;
  check(): void;
}

/** Small integers in guarded memory. */
export function guardedOperand(
  memory: GuardedMemory,
  random: (n: number) => number,
  dtype: DType,
  shape: readonly number[],
  strides: readonly number[],
  at: "end" | "start",
): Guarded {
  const extent = shape.includes(0) ? 0 : 1 + shape.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 0);
  const { storage, check } = memory(Math.max(1, extent) * dtype.itemsize, at);
  const View = dtype === float32 ? Float32Array : Float64Array;
  const values = new View(storage.buffer, storage.byteOffset, extent);
  for (let i = 0; i < extent; i++) values[i] = random(17) - 8;
  return { operand: { storage, storageOffset: 0, shape, strides, dtype }, values, check };
}
