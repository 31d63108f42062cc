/**
 * Operands and random layouts for tests of the CPU backend.
 */
import { type DType, dtypeOfKey, type DTypeKey } from "../../src/core/dtype.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../src/core/float16.ts";
import { contiguousStrides, numelOf } from "../../src/core/shape.ts";
import type { Operand } from "../../src/backends/backend.ts";
import { allocate, typedArrayOf } from "../../src/backends/cpu/memory.ts";

export type Element = number | bigint;

/** A small generator with a seed, so that a failing layout can be seen again. */
export function generator(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function strided(
  dtype: DType,
  shape: readonly number[],
  strides: readonly number[] = contiguousStrides(shape),
  offset = 0,
): Operand {
  let last = offset;
  shape.forEach((n, d) => (last += Math.max(0, n - 1) * strides[d]!));
  const storage = allocate((last + 1) * dtype.itemsize);
  typedArrayOf(storage, dtype).fill((dtype.key === "i64" ? 0n : 0) as never);
  return { storage, storageOffset: offset, shape, strides, dtype };
}

export function positions(x: Operand): number[] {
  const out: number[] = [];
  const total = numelOf(x.shape);
  const index = x.shape.map(() => 0);
  for (let n = 0; n < total; n++) {
    out.push(x.storageOffset + index.reduce((sum, i, d) => sum + i * x.strides[d]!, 0));
    for (let d = index.length - 1; d >= 0; d--) {
      if (++index[d]! < x.shape[d]!) break;
      index[d] = 0;
    }
  }
  return out;
}

export function toElement(dtype: DType, x: Element): Element {
  if (dtype.key === "f16") return numberToHalf(Math.fround(Number(x)));
  if (dtype.key === "bf16") return numberToBfloat(Math.fround(Number(x)));
  if (dtype.key === "i64") return typeof x === "bigint" ? x : BigInt(Math.trunc(x));
  if (dtype.key === "bool") return x ? 1 : 0;
  return Number(x);
}

export function fromElement(dtype: DType, x: Element): Element {
  if (dtype.key === "f16") return halfToNumber(x as number);
  if (dtype.key === "bf16") return bfloatToNumber(x as number);
  return x;
}

/** Writes values in row-major order. */
export function fill(x: Operand, values: readonly Element[]): Operand {
  const array = typedArrayOf(x.storage, x.dtype) as unknown as { [k: number]: Element };
  positions(x).forEach((p, k) => {
    array[p] = toElement(x.dtype, values[k]!);
  });
  return x;
}

/** The values in row-major order. */
export function read(x: Operand): Element[] {
  const array = typedArrayOf(x.storage, x.dtype) as unknown as { [k: number]: Element };
  return positions(x).map((p) => fromElement(x.dtype, array[p]!));
}

export function operand(key: DTypeKey, values: readonly Element[], shape: readonly number[] = [values.length]): Operand {
  return fill(strided(dtypeOfKey[key], shape), values);
}

/** Strides for a shape: a random order of dimensions, sometimes gaps, sometimes (for inputs) dimensions that do not move. */
export function randomStrides(random: () => number, shape: readonly number[], broadcast: boolean): number[] {
  const order = shape.map((_, d) => d);
  if (random() < 0.5) order.sort(() => random() - 0.5);
  const strides = shape.map(() => 0);
  let step = random() < 0.3 ? 2 : 1;
  for (let k = order.length - 1; k >= 0; k--) {
    const d = order[k]!;
    if (broadcast && random() < 0.25) continue;
    strides[d] = step;
    step *= Math.max(1, shape[d]!) + (random() < 0.2 ? 1 : 0);
  }
  return strides;
}

export function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}
