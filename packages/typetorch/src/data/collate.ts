/**
 * How samples become a batch.
 */
import { classNameOf } from "../core/className.ts";
import { bool, float64, int64 } from "../core/dtype.ts";
import { ArgumentTypeError, ValueError } from "../core/errors.ts";
import { stack, Tensor, tensor } from "../tensor/core.ts";

/** What {@link defaultCollate} makes of a batch of `T`. */
export type Collated<T> = T extends Tensor
  ? Tensor
  : T extends number | bigint | boolean | ArrayBufferView
    ? Tensor
    : T extends string
      ? string[]
      : T extends readonly unknown[]
        ? { -readonly [K in keyof T]: Collated<T[K]> }
        : T extends object
          ? { [K in keyof T]: Collated<T[K]> }
          : never;

/**
 * Stacks samples into a batch, along a new first dimension: tensors and typed arrays are stacked, numbers become a tensor (int64 when all are integers, float64
 * otherwise, as Python's int and float), booleans a bool tensor, strings a list; lists and objects are collated element by element.
 * `torch.utils.data.default_collate`.
 *
 * @throws ArgumentTypeError for anything else.
 * @example
 * const [first, second] = torch.utils.data.defaultCollate([[0, 1.5], [2, 3]]);
 * first // tensor([0, 2])
 * second // tensor([1.5000, 3.0000], dtype=torch.float64)
 */
export function defaultCollate<T>(batch: readonly T[]): Collated<T> {
  return collate(batch) as Collated<T>;
}

function collate(batch: readonly unknown[]): unknown {
  const first = batch[0];
  if (first instanceof Tensor) return stack(batch as readonly Tensor[], 0);
  switch (typeof first) {
    case "number":
      return tensor(batch as readonly number[], { dtype: batch.every(Number.isInteger) ? int64 : float64 });
    case "bigint":
      return tensor(batch as readonly bigint[], { dtype: int64 });
    case "boolean":
      return tensor(batch as readonly boolean[], { dtype: bool });
    case "string":
      return [...batch];
  }
  if (isTypedArray(first))
    return stack(
      (batch as (typeof first)[]).map((array) => tensor(array)),
      0,
    );
  if (Array.isArray(first)) {
    const lists = batch as readonly (readonly unknown[])[];
    if (lists.some((list) => list.length !== first.length)) {
      throw new ValueError(
        "each element in list of batch should be of equal size",
        `the sizes are ${lists.map((l) => l.length).join(", ")}`,
      );
    }
    return first.map((_, k) => collate(lists.map((list) => list[k])));
  }
  if (first instanceof Map) {
    const maps = batch as readonly Map<unknown, unknown>[];
    return new Map([...first.keys()].map((key) => [key, collate(maps.map((map) => map.get(key)))]));
  }
  if (isPlainObject(first)) {
    const objects = batch as readonly Record<string, unknown>[];
    return Object.fromEntries(Object.keys(first).map((key) => [key, collate(objects.map((object) => object[key]))]));
  }
  throw new ArgumentTypeError(
    `default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found ${typeName(first)}`,
    "return one of these from getItem, or pass your own collateFn",
  );
}

/** One sample as it is, but typed arrays as tensors: what a loader without batches does. `torch.utils.data.default_convert`. */
export function defaultConvert(sample: unknown): unknown {
  if (sample instanceof Tensor || typeof sample !== "object" || sample === null) return sample;
  if (isTypedArray(sample)) return tensor(sample);
  if (Array.isArray(sample)) return sample.map(defaultConvert);
  if (sample instanceof Map) return new Map([...sample].map(([key, value]) => [key, defaultConvert(value)]));
  if (isPlainObject(sample))
    return Object.fromEntries(Object.entries(sample).map(([key, value]) => [key, defaultConvert(value)]));
  return sample;
}

type NumberArray = Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array | BigInt64Array;

function isTypedArray(x: unknown): x is NumberArray {
  return ArrayBuffer.isView(x) && !(x instanceof DataView);
}

function isPlainObject(x: unknown): x is Record<string, unknown> {
  if (typeof x !== "object" || x === null) return false;
  const prototype: unknown = Object.getPrototypeOf(x);
  return prototype === Object.prototype || prototype === null;
}

function typeName(x: unknown): string {
  if (x === null || x === undefined) return String(x);
  return typeof x === "object" ? classNameOf(x) : typeof x;
}
