/**
 * The dtype of a result: PyTorch's three priorities. Tensors with dimensions decide; 0-d tensors count only where they are of a higher category; plain numbers
 * only where they are of a higher category still.
 */
import { type Category, DType, bool, getDefaultDtype, int64, promoteTypes } from "./dtype.ts";
import { ArgumentTypeError, ValueError } from "./errors.ts";

/** A number that says which kind it is: `scalar(2, float32)` is Python's `2.0`, where a plain `2` counts as an int. */
export class Scalar {
  readonly value: number | bigint | boolean;
  readonly dtype: DType;
  constructor(value: number | bigint | boolean, dtype: DType) {
    this.value = value;
    this.dtype = dtype;
  }
}

/** A plain number where PyTorch takes a Python number. An integral JavaScript number counts as an int, any other as a float. */
export type NumberLike = number | bigint | boolean | Scalar;

export function isNumberLike(x: unknown): x is NumberLike {
  return typeof x === "number" || typeof x === "bigint" || typeof x === "boolean" || x instanceof Scalar;
}

export function categoryOfNumber(x: NumberLike): Category {
  if (typeof x === "number") return Number.isInteger(x) ? 1 : 2;
  if (typeof x === "bigint") return 1;
  if (typeof x === "boolean") return 0;
  return x.dtype.category;
}

/** The dtype that a number has by itself: int64, the default floating type, or bool. */
function dtypeOfNumber(x: NumberLike): DType {
  if (x instanceof Scalar && x.dtype.category !== 2) return x.dtype;
  const category = categoryOfNumber(x);
  return category === 2 ? getDefaultDtype() : category === 1 ? int64 : bool;
}

/** The number as float64. Throws {@link ValueError} for a bigint that float64 cannot hold exactly. */
export function numberOf(x: NumberLike): number {
  if (typeof x === "number") return x;
  const value = x instanceof Scalar ? x.value : x;
  const n = Number(value);
  if (typeof value === "bigint" && BigInt(n) !== value) {
    throw new ValueError(
      `the integer ${value} cannot be represented as a number`,
      "pass it as a tensor: torch.tensor([…]) with bigints keeps 64 bits",
    );
  }
  return n;
}

/** What promotion needs to know of a tensor. */
export interface Typed {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * The dtype to which operands are promoted, as `torch.result_type`.
 * @example
 * String(torch.resultType([torch.tensor([1n]), 2.5])) // "torch.float32"
 */
export function resultType(operands: readonly (Typed | NumberLike)[]): DType {
  if (!Array.isArray(operands)) throw new ArgumentTypeError("result_type() takes a list of tensors and numbers");
  let dims: DType | null = null;
  let zero: DType | null = null;
  let numbers: DType | null = null;
  for (let i = 0; i < operands.length; i++) {
    const x = operands[i]!;
    if (isNumberLike(x)) {
      const t = dtypeOfNumber(x);
      numbers = numbers === null ? t : promoteTypes(numbers, t);
    } else if (!(x?.dtype instanceof DType)) {
      throw new ArgumentTypeError(
        `result_type(): argument 'tensor${i + 1}' (position ${i + 1}) must be Tensor, not ${x === null || x === undefined ? "NoneType" : typeof x}`,
      );
    } else if (x.shape.length > 0) dims = dims === null ? x.dtype : promoteTypes(dims, x.dtype);
    else zero = zero === null ? x.dtype : promoteTypes(zero, x.dtype);
  }
  return combine(dims, combine(zero, numbers))!;
}

function combine(higher: DType | null, lower: DType | null): DType | null {
  if (higher === null) return lower;
  if (lower === null || higher.category >= lower.category) return higher;
  return promoteTypes(higher, lower);
}
