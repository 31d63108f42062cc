/**
 * Tensors from JavaScript values: `tensor`, `asTensor`, `fromArray`-like factories, and `scalar`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, type TypedArray, bool, dtypes, float64, getDefaultDtype, int64 } from "../../core/dtype.ts";
import { ArgumentTypeError, ShapeError } from "../../core/errors.ts";
import { numberToBfloat, numberToHalf } from "../../core/float16.ts";
import { Scalar } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";
import { type FactoryOptions, finish } from "./options.ts";

export type TensorData = number | bigint | boolean | Scalar | TypedArray | Tensor | readonly TensorData[];

/**
 * A tensor from nested arrays, numbers or a typed array. Numbers make the default floating dtype (never guessed from their values), bigints int64, booleans
 * bool; typed arrays keep their element type; `dtype` decides. As `torch.tensor`.
 * @example
 * torch.tensor([[1, 2], [3, 4]]) // tensor([[1., 2.], [3., 4.]])
 */
export function tensor(data: TensorData, options?: FactoryOptions): Tensor {
  if (runtime.isTensor(data)) {
    const copy = runtime.withoutGrad(() => toDtype(data.clone(), options?.dtype ?? data.dtype));
    return finish(copy, options);
  }
  if (ArrayBuffer.isView(data)) return finish(fromTypedArray(data as TypedArray, options?.dtype ?? null), options);
  const shape = shapeOfNested(data);
  const flat: (number | bigint | boolean | Scalar)[] = [];
  flatten(data, shape, 0, flat);
  const dtype = options?.dtype ?? inferDtype(flat);
  return finish(fromFlat(flat, shape, dtype), options);
}

/**
 * A tensor of the same data; a tensor as it is when nothing has to change. As `torch.as_tensor`.
 * @example
 * torch.asTensor([1, 2]) // tensor([1., 2.])
 */
export function asTensor(data: TensorData, options?: FactoryOptions): Tensor {
  checkArguments(
    "as_tensor(any data, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    data,
    options,
  );
  if (runtime.isTensor(data)) return toDtype(data, options?.dtype ?? data.dtype);
  return tensor(data, options);
}

/**
 * A number with a dtype: `scalar(2, torch.float32)` is Python's `2.0`, where a plain 2 counts as an int in promotion.
 * @example
 * torch.tensor([1n, 2n]).add(torch.scalar(2, torch.float32)) // tensor([3., 4.])
 */
export function scalar(value: number | bigint | boolean, dtype: DType): Scalar {
  return new Scalar(value, dtype);
}

function shapeOfNested(data: TensorData): number[] {
  const shape: number[] = [];
  let x: unknown = data;
  while (Array.isArray(x) || ArrayBuffer.isView(x)) {
    const list = x as unknown as ArrayLike<unknown>;
    shape.push(list.length);
    if (list.length === 0) break;
    x = list[0];
  }
  if (runtime.isTensor(x)) shape.push(...x.shape);
  return shape;
}

function flatten(data: unknown, shape: readonly number[], depth: number, out: (number | bigint | boolean | Scalar)[]): void {
  if (runtime.isTensor(data)) {
    flatten(data.toArray(), shape, depth, out);
  } else if (Array.isArray(data) || ArrayBuffer.isView(data)) {
    const list = data as ArrayLike<unknown>;
    if (depth >= shape.length || list.length !== shape[depth]) {
      throw new ShapeError(
        `expected sequence of length ${shape[depth] ?? 1} at dim ${depth} (got ${list.length})`,
        "all rows of a tensor have the same length",
      );
    }
    for (let i = 0; i < list.length; i++) flatten(list[i], shape, depth + 1, out);
  } else {
    if (depth !== shape.length)
      throw new ShapeError(
        `expected sequence of length ${shape[depth]} at dim ${depth} (got a number)`,
        "all rows of a tensor have the same length",
      );
    if (typeof data !== "number" && typeof data !== "bigint" && typeof data !== "boolean" && !(data instanceof Scalar)) {
      throw new ArgumentTypeError(
        `new(): invalid data type '${data === null ? "null" : typeof data}'`,
        "a tensor is made of numbers, bigints or booleans",
      );
    }
    out.push(data);
  }
}

function inferDtype(flat: readonly (number | bigint | boolean | Scalar)[]): DType {
  if (flat.length === 0) return getDefaultDtype();
  let kind = 0;
  for (const x of flat) {
    const k = typeof x === "boolean" ? 0 : typeof x === "bigint" ? 1 : x instanceof Scalar ? x.dtype.category : 2;
    if (k > kind) kind = k;
  }
  return kind === 0 ? bool : kind === 1 ? int64 : getDefaultDtype();
}

/** Writes numbers into a new row-major tensor; integers wrap as C's conversions do. */
function fromFlat(flat: readonly (number | bigint | boolean | Scalar)[], shape: readonly number[], dtype: DType): Tensor {
  const x = runtime.empty(shape, dtype);
  const data = x.data;
  const encode = encoderFor(dtype);
  for (let i = 0; i < flat.length; i++) {
    const v = flat[i]!;
    data[i] = encode(v instanceof Scalar ? v.value : v);
  }
  return x;
}

/** How a JavaScript value is put into the typed array of a dtype. */
function encoderFor(dtype: DType): (value: number | bigint | boolean) => number | bigint {
  switch (dtype.key) {
    case "i64":
      return (v) => {
        if (typeof v !== "number") return BigInt(v);
        if (!Number.isFinite(v))
          throw new ArgumentTypeError(`cannot convert float ${Number.isNaN(v) ? "NaN" : "infinity"} to integer`);
        return BigInt(Math.trunc(v));
      };
    case "bool":
      return (v) => (v ? 1 : 0);
    case "f16":
      return (v) => numberToHalf(Number(v));
    case "bf16":
      return (v) => numberToBfloat(Number(v));
    default:
      return (v) => Number(v);
  }
}

const byConstructor = new Map<unknown, DType>(
  dtypes.filter((d) => !d.isComplex && d.key !== "f16" && d.key !== "bf16" && d.key !== "bool").map((d) => [d.Array, d]),
);

function fromTypedArray(data: TypedArray, dtype: DType | null): Tensor {
  const wide =
    data instanceof Uint16Array ||
    data instanceof Uint32Array ||
    data instanceof Uint8ClampedArray ||
    data instanceof BigUint64Array;
  const raw16 = data instanceof Uint16Array && (dtype?.key === "f16" || dtype?.key === "bf16");
  let from = raw16 ? dtype! : byConstructor.get(data.constructor);
  if (from === undefined && !wide) from = float64;
  if (from === undefined) {
    const numbers = Array.from(data as ArrayLike<number | bigint>);
    return fromFlat(numbers, [numbers.length], dtype ?? int64);
  }
  const x = runtime.empty([data.length], from);
  x.data.set(data as never);
  return dtype === null ? x : toDtype(x, dtype);
}
