/**
 * Element types and PyTorch's promotion rules.
 */
import { ArgumentTypeError, DTypeError } from "./errors.ts";

/** Short name of a dtype, the key by which kernels are chosen. */
export type DTypeKey = "f32" | "f64" | "f16" | "bf16" | "i64" | "i32" | "i16" | "i8" | "u8" | "bool";
/** Short name of a complex dtype. No kernel has these: the dispatcher refuses complex tensors before one is looked for. */
export type ComplexKey = "c32" | "c64" | "c128";

/** The typed array that holds elements of a dtype; float16 and bfloat16 are raw 16-bit words. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array;

export interface TypedArrayConstructor {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
  new (length: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

/** Categories in promotion order: bool < integer < floating < complex. */
export type Category = 0 | 1 | 2 | 3;

/** An element type. `torch.float32` and the others are the only instances: compare by identity. */
export class DType {
  readonly name: string;
  readonly key: DTypeKey;
  /** Bytes of one element. */
  readonly itemsize: number;
  readonly isFloatingPoint: boolean;
  readonly isComplex: boolean;
  readonly isSigned: boolean;
  readonly category: Category;
  /** Position in `dtypes`, for tables. */
  readonly index: number;
  /** Holds the elements; of complex ones the real and the imaginary parts, in turn. */
  readonly Array: TypedArrayConstructor;

  constructor(
    name: string,
    key: DTypeKey | ComplexKey,
    itemsize: number,
    category: Category,
    isSigned: boolean,
    index: number,
    Array: TypedArrayConstructor,
  ) {
    this.name = name;
    this.key = key as DTypeKey;
    this.itemsize = itemsize;
    this.category = category;
    this.isFloatingPoint = category === 2;
    this.isComplex = category === 3;
    this.isSigned = isSigned;
    this.index = index;
    this.Array = Array;
  }
  toString(): string {
    return `torch.${this.name}`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

export const uint8 = new DType("uint8", "u8", 1, 1, false, 0, Uint8Array as TypedArrayConstructor);
export const int8 = new DType("int8", "i8", 1, 1, true, 1, Int8Array as TypedArrayConstructor);
export const int16 = new DType("int16", "i16", 2, 1, true, 2, Int16Array as TypedArrayConstructor);
export const int32 = new DType("int32", "i32", 4, 1, true, 3, Int32Array as TypedArrayConstructor);
export const int64 = new DType("int64", "i64", 8, 1, true, 4, BigInt64Array as TypedArrayConstructor);
export const float16 = new DType("float16", "f16", 2, 2, true, 5, Uint16Array as TypedArrayConstructor);
export const float32 = new DType("float32", "f32", 4, 2, true, 6, Float32Array as TypedArrayConstructor);
export const float64 = new DType("float64", "f64", 8, 2, true, 7, Float64Array as TypedArrayConstructor);
export const bool = new DType("bool", "bool", 1, 0, false, 8, Uint8Array as TypedArrayConstructor);
export const bfloat16 = new DType("bfloat16", "bf16", 2, 2, true, 9, Uint16Array as TypedArrayConstructor);
/** Complex dtypes are for storage: tensors of them are loaded, viewed, copied, read, printed and saved; there is no arithmetic. */
export const complex32 = new DType("complex32", "c32", 4, 3, true, 10, Uint16Array as TypedArrayConstructor);
export const complex64 = new DType("complex64", "c64", 8, 3, true, 11, Float32Array as TypedArrayConstructor);
export const complex128 = new DType("complex128", "c128", 16, 3, true, 12, Float64Array as TypedArrayConstructor);
export { complex32 as chalf, complex64 as cfloat, complex128 as cdouble };
export { float16 as half, float32 as float, float64 as double, int16 as short, int32 as int, int64 as long };

/** Every dtype, by its `index`. */
export const dtypes: readonly DType[] = [
  uint8,
  int8,
  int16,
  int32,
  int64,
  float16,
  float32,
  float64,
  bool,
  bfloat16,
  complex32,
  complex64,
  complex128,
];

export const dtypeOfKey: Readonly<Record<DTypeKey, DType>> = Object.fromEntries(dtypes.map((d) => [d.key, d])) as Record<
  DTypeKey,
  DType
>;

/** The floating dtype of a complex dtype's parts. */
export function partsOf(complex: DType): DType {
  return complex === complex128 ? float64 : complex === complex64 ? float32 : float16;
}

/** The complex dtype whose parts hold a dtype. */
function complexOf(dtype: DType): DType {
  return dtype === float64 ? complex128 : dtype === float16 ? complex32 : complex64;
}

const table: DType[] = [];
for (const a of dtypes) {
  for (const b of dtypes) table.push(promotePair(a, b));
}

function promotePair(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a.isComplex !== b.isComplex) {
    const [complex, real] = a.isComplex ? [a, b] : [b, a];
    return real.isFloatingPoint ? promotePair(complex, complexOf(real)) : complex;
  }
  if (a.category !== b.category) return a.category > b.category ? a : b;
  if (a.category === 3) return a.itemsize > b.itemsize ? a : b;
  if (a.category === 2) {
    if (a.itemsize === b.itemsize) return float32; // float16 with bfloat16
    return a.itemsize > b.itemsize ? a : b;
  }
  if (a.isSigned === b.isSigned) return a.itemsize > b.itemsize ? a : b;
  const [unsigned, signed] = a.isSigned ? [b, a] : [a, b]; // uint8 with a signed type
  return signed.itemsize > unsigned.itemsize ? signed : int16;
}

/**
 * The smallest dtype that both can be converted to, as `torch.promote_types`.
 * @example
 * String(torch.promoteTypes(torch.int32, torch.float16)) // "torch.float16"
 */
export function promoteTypes(a: DType, b: DType): DType {
  const promoted = table[a?.index * dtypes.length + b?.index];
  if (promoted === undefined) {
    const at = a instanceof DType ? 2 : 1;
    throw new ArgumentTypeError(
      `promote_types(): argument 'type${at}' (position ${at}) must be torch.dtype, not ${typeof (at === 1 ? a : b)}`,
    );
  }
  return promoted;
}

/**
 * Whether a value of `from` may be written to `to` by an in-place op or `out`, as `torch.can_cast`: no step down in category.
 * @example
 * torch.canCast(torch.float32, torch.int64) // false
 */
export function canCast(from: DType, to: DType): boolean {
  if (!(from instanceof DType && to instanceof DType)) {
    const at = from instanceof DType ? 2 : 1;
    throw new ArgumentTypeError(
      `can_cast(): argument '${at === 1 ? "from" : "to"}' (position ${at}) must be torch.dtype, not ${typeof (at === 1 ? from : to)}`,
    );
  }
  if (from.category > to.category && !(from.category === 1 && to.category === 2)) return false;
  if (from.category === 1 && from.isSigned && to === uint8) return true;
  return !(to === bool && from !== bool);
}

const kernelNames: Readonly<Record<DTypeKey | ComplexKey, string>> = {
  u8: "Byte",
  i8: "Char",
  i16: "Short",
  i32: "Int",
  i64: "Long",
  f16: "Half",
  f32: "Float",
  f64: "Double",
  bool: "Bool",
  bf16: "BFloat16",
  c32: "ComplexHalf",
  c64: "ComplexFloat",
  c128: "ComplexDouble",
};

/** PyTorch's name of a dtype in messages about kernels: `Long` for int64. */
export function kernelName(dtype: DType): string {
  return kernelNames[dtype.key];
}

let defaultDType: DType = float32;

/**
 * The dtype of new floating tensors, as `torch.get_default_dtype`.
 * @example
 * String(torch.getDefaultDtype()) // "torch.float32"
 */
export function getDefaultDtype(): DType {
  return defaultDType;
}

/**
 * Sets the dtype of new floating tensors, as `torch.set_default_dtype`. Throws {@link DTypeError} unless it is floating.
 * @example
 * torch.setDefaultDtype(torch.float64);
 * const made = torch.ones(2);
 * torch.setDefaultDtype(torch.float32);
 * made.dtype === torch.float64 // true
 */
export function setDefaultDtype(dtype: DType): void {
  if (!dtype.isFloatingPoint)
    throw new DTypeError(`only floating-point types are supported as the default type, but got ${dtype}`);
  defaultDType = dtype;
}
