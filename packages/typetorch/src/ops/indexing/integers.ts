/**
 * Reading and writing int64 tensors as plain numbers: an element is two 32-bit words, which JavaScript handles much faster than bigints.
 */
import { int64 } from "../../core/dtype.ts";
import { accumulator, constant, input, param } from "../../ir/expr.ts";
import type { MapSpec, RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";

/** The words of a row-major int64 tensor, low before high. */
export function wordsOf(x: Tensor): Int32Array {
  const data = x.data as BigInt64Array;
  return new Int32Array(data.buffer, data.byteOffset, data.length * 2);
}

/** A new int64 tensor on the device of `like`; `write` gives element k. */
export function integers(like: Tensor, shape: readonly number[], write: (k: number) => number): Tensor {
  const out = runtime.newEmpty(like, shape, int64);
  writeIntegers(out, write);
  return out;
}

/** Sets the elements of a row-major int64 tensor; `write` gives element k. */
export function writeIntegers(out: Tensor, write: (k: number) => number): void {
  const words = wordsOf(out);
  for (let k = 0; 2 * k < words.length; k++) {
    const v = write(k);
    words[2 * k] = v | 0;
    words[2 * k + 1] = Math.floor(v / 4294967296);
  }
}

/** Elements from which a kernel looks at them faster than a loop here. */
const leastForKernel = 4096;

/** What {@link extremesOf} finds. */
export interface Extremes {
  readonly least: number;
  readonly greatest: number;
  /** How many elements are not the ignored value. */
  readonly counted: number;
}

let extremesSpec: RowSpec | null = null;

/**
 * The least and the greatest element of an int64 tensor on the CPU, and how many there are; without those that equal `ignored`, for which 0 counts. Not empty.
 */
export function extremesOf(index: Tensor, ignored: number | null): Extremes {
  const x = runtime.withoutGrad(() => index.contiguous());
  if (x.numel() >= leastForKernel) return extremesByKernel(x, ignored);
  const words = wordsOf(x);
  let [least, greatest, counted] = [Infinity, -Infinity, 0];
  for (let k = 0; k < words.length; k += 2) {
    let v = words[k + 1]! * 4294967296 + (words[k]! >>> 0);
    if (v === ignored) v = 0;
    else counted++;
    if (v < least) least = v;
    if (v > greatest) greatest = v;
  }
  return { least, greatest, counted };
}

function extremesByKernel(x: Tensor, ignored: number | null): Extremes {
  if (extremesSpec === null) {
    const element = input(0, "i64");
    const counts = element.ne(param(0, "i64")).or(param(1, "f64").eq(0));
    const value = element.where(counts, 0);
    extremesSpec = {
      ...{ kind: "row", name: "extremes", inputs: [{ dtype: int64, along: "element" }], params: 2, compiled: null },
      passes: [
        [
          { op: "min", value, type: "i64" },
          { op: "max", value, type: "i64" },
          { op: "add", value: counts.cast("i64"), type: "i64" },
        ],
      ],
      outputs: [0, 1, 2].map((k) => ({ dtype: int64, along: "row", value: accumulator(k, "i64") })),
    };
  }
  const n = x.numel();
  const results = [0, 1, 2].map(() => runtime.newEmpty(x, [1, 1], int64));
  const row = runtime.alias(x, [1, n], [n, 1], x.storageOffset);
  runtime.backendOf(x).row(extremesSpec, [1, n], [1], [row], results, [ignored ?? 0, ignored === null ? 0 : 1]);
  const [least, greatest, counted] = results.map((y) => Number((y.data as BigInt64Array)[0])) as [number, number, number];
  return { least, greatest, counted };
}

/** What no element is that lies outside. */
const nothing = -(2 ** 53);
let outsideSpec: RowSpec | null = null;

/**
 * Has a device look whether elements of a row-major int64 tensor that only it has lie between `low` and `high - 1` or equal `ignored`. `fail` throws for one that does
 * not when the device is next waited for.
 */
export function expectInside(x: Tensor, low: number, high: number, ignored: number | null, fail: (value: number) => never): void {
  if (outsideSpec === null) {
    const element = input(0, "i64");
    const inside = element
      .ge(param(0, "i64"))
      .and(element.lt(param(1, "i64")))
      .or(element.eq(param(2, "i64")));
    outsideSpec = {
      ...{ kind: "row", name: "outside", inputs: [{ dtype: int64, along: "element" }], params: 3, compiled: null },
      passes: [[{ op: "max", value: constant(nothing, "i64").where(inside, element), type: "i64" }]],
      outputs: [{ dtype: int64, along: "row", value: accumulator(0, "i64") }],
    };
  }
  const n = x.numel();
  const worst = runtime.newEmpty(x, [1, 1], int64);
  const row = runtime.alias(x, [1, n], [n, 1], x.storageOffset);
  runtime.backendOf(x).row(outsideSpec, [1, n], [1], [row], [worst], [low, high, ignored ?? nothing]);
  worst.storage.remote!.later((value) => {
    if (value !== nothing) fail(value);
  });
}

let insideSpec: MapSpec | null = null;

/** The elements of a row-major int64 tensor, negative ones from the end where `wrap`, as the nearest that lie between 0 and size - 1. */
function insideOnDevice(x: Tensor, size: number, wrap: boolean): Tensor {
  if (insideSpec === null) {
    const element = input(0, "i64");
    const wrapped = element.where(element.ge(0), element.add(param(1, "i64")));
    const value = wrapped.minimum(param(0, "i64")).maximum(0);
    insideSpec = { kind: "map", name: "inside", inputs: [int64], outputs: [{ dtype: int64, value }], params: 2, compiled: null };
  }
  const out = runtime.newEmpty(x, x.shape, int64);
  runtime.backendOf(x).map(insideSpec, x.shape, [x], [out], [size - 1, wrap ? size : 0]);
  return out;
}

/**
 * The index tensor row-major and int64, all its elements between 0 and size - 1. With `wrap` negative ones count from the end. `fail` throws for the first
 * element outside. Indices that only a GPU has are looked at there, because the host would have to wait: what lies outside is taken for the nearest element, and
 * `fail` throws when the device is next waited for.
 */
export function checkedIndices(index: Tensor, size: number, wrap: boolean, fail: (value: number) => never): Tensor {
  const checked = runtime.withoutGrad(() => toDtype(index, int64).contiguous());
  if (checked.numel() === 0) return checked;
  // Most indices are right: one look at the extremes tells.
  if (checked.storage.remote === null) {
    const { least, greatest } = extremesOf(checked, null);
    if (least >= 0 && greatest < size) return checked;
  }
  const elements = runtime.elementsAtHand(checked);
  if (elements === null) {
    expectInside(checked, wrap ? -size : 0, size, null, fail);
    return insideOnDevice(checked, size, wrap);
  }
  const words = new Int32Array(elements.buffer, elements.byteOffset, elements.length * 2);
  let negative = false;
  for (let k = 0; k < words.length; k += 2) {
    const v = words[k + 1]! * 4294967296 + (words[k]! >>> 0);
    if (v >= size || v < (wrap ? -size : 0)) fail(v);
    if (v < 0) negative = true;
  }
  if (!negative) return checked;
  return integers(checked, checked.shape, (k) => {
    const v = words[2 * k + 1]! * 4294967296 + (words[2 * k]! >>> 0);
    return v < 0 ? v + size : v;
  });
}
