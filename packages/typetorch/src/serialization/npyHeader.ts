/**
 * The header of an array in NumPy's `.npy` format: a Python dict with the dtype, the order and the shape.
 */
import {
  type DType,
  bool,
  complex128,
  complex64,
  float16,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  uint8,
} from "../core/dtype.ts";
import { DTypeError, SerializationError } from "../core/errors.ts";

/** What the header says of an array. */
export interface NpyHeader {
  readonly dtype: DType;
  readonly bigEndian: boolean;
  /** The first index runs fastest. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** `\x93NUMPY`. */
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Magic, version, and a length of two or four bytes: what must be read to know how long the rest is. */
export const npyPrefixBytes = 12;
/** NumPy refuses longer headers too. */
const longestHeader = 10_000;
const alignment = 64;

/** NumPy's kind and size of each dtype. */
const dtypeOfCode: Readonly<Record<string, DType>> = {
  b1: bool,
  u1: uint8,
  i1: int8,
  i2: int16,
  i4: int32,
  i8: int64,
  f2: float16,
  f4: float32,
  f8: float64,
  c8: complex64,
  c16: complex128,
};
const codeOfDtype: ReadonlyMap<DType, string> = new Map(Object.entries(dtypeOfCode).map(([code, dtype]) => [dtype, code]));

/** Where the header's text lies in the file. Throws {@link SerializationError} for what is no array. */
export function locateNpyHeader(file: string, prefix: Uint8Array): { readonly start: number; readonly end: number } {
  if (prefix.length < npyPrefixBytes || magic.some((byte, k) => prefix[k] !== byte)) {
    throw new SerializationError(
      `${file} is not an array in NumPy's format: the magic string is not correct; expected b'\\x93NUMPY'`,
      "np.save writes .npy, np.savez .npz",
    );
  }
  const major = prefix[6]!;
  if (major < 1 || major > 3 || prefix[7] !== 0) {
    throw new SerializationError(`${file}: we only support format version (1,0), (2,0), and (3,0), not (${major},${prefix[7]})`);
  }
  const data = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const start = major === 1 ? 10 : 12;
  const length = major === 1 ? data.getUint16(8, true) : data.getUint32(8, true);
  if (length > longestHeader) {
    throw new SerializationError(`${file}: Header info length (${length}) is large and may not be safe to load securely`);
  }
  return { start, end: start + length };
}

/** Reads the header's dict. Throws {@link SerializationError} for a damaged one and {@link DTypeError} for dtypes that are not there. */
export function parseNpyHeader(file: string, bytes: Uint8Array, major: number): NpyHeader {
  let text: string;
  try {
    text = new TextDecoder(major === 3 ? "utf-8" : "latin1", { fatal: true }).decode(bytes);
  } catch {
    throw new SerializationError(`${file}: the array's header is not UTF-8`);
  }
  const refuse = (why: string): never => {
    throw new SerializationError(`${file}: Cannot parse header: ${why}: ${text.trim().slice(0, 200)}`);
  };
  const outer = /^\{(.*)\}\s*$/s.exec(text);
  if (outer === null) return refuse("it is not a dict");
  const found = new Map<string, string>();
  let rest = outer[1]!;
  while (rest.trim() !== "") {
    // 'key': value, where the value is a string, a name, a tuple of numbers, or a list (of a structured dtype, refused below)
    const item = /^\s*(['"])(\w+)\1\s*:\s*('[^'\\]*'|"[^"\\]*"|\w+|\([\d\sL,]*\)|\[.*\])\s*(?:,|$)/s.exec(rest);
    if (item === null) return refuse("it is not a dict of what a header has");
    if (found.has(item[2]!)) return refuse(`it has '${item[2]}' twice`);
    found.set(item[2]!, item[3]!);
    rest = rest.slice(item[0].length);
  }
  const descr = found.get("descr");
  const order = found.get("fortran_order");
  const tuple = found.get("shape");
  if (found.size !== 3 || descr === undefined || order === undefined || tuple === undefined) {
    return refuse("Header does not contain the correct keys: descr, fortran_order, shape");
  }
  if (order !== "True" && order !== "False") return refuse("fortran_order is not a valid bool");
  return { ...parseDescr(file, descr), fortranOrder: order === "True", shape: parseShape(tuple, refuse) };
}

function parseShape(tuple: string, refuse: (why: string) => never): number[] {
  const inner = /^\((?:(\s*\d+L?\s*(?:,\s*\d+L?\s*)*),?)?\s*\)$/.exec(tuple);
  if (inner === null || (inner[1] !== undefined && !tuple.includes(","))) return refuse("shape is not valid");
  const shape = inner[1] === undefined ? [] : inner[1].split(",").map((size) => Number(size.replace("L", "")));
  if (!Number.isSafeInteger(shape.reduce((product, n) => product * n, 8)) || !shape.every(Number.isSafeInteger)) {
    return refuse("shape is too large");
  }
  return shape;
}

function parseDescr(file: string, literal: string): Pick<NpyHeader, "dtype" | "bigEndian"> {
  const descr = /^['"]/.test(literal) ? literal.slice(1, -1) : null;
  const match = descr === null ? null : /^([<>=|]?)(\w\d*)$/.exec(descr);
  const dtype = match === null ? undefined : dtypeOfCode[match[2]!];
  if (dtype !== undefined) return { dtype, bigEndian: match![1] === ">" };
  if (match?.[2] === "O") {
    throw new SerializationError(
      `${file}: Object arrays cannot be loaded when allow_pickle=False`,
      "an array of objects is a pickle, which may run any program; save arrays of numbers",
    );
  }
  throw new DTypeError(
    `${file}: can't convert np.ndarray of dtype ${literal.slice(0, 100)}. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool.`,
    descr === null ? "save each field of a structured array as an array of its own" : "convert it in NumPy with array.astype(…)",
  );
}

/** The bytes before an array's elements, as `np.save` writes them. Throws {@link DTypeError} for dtypes that NumPy does not have. */
export function formatNpyHeader(dtype: DType, fortranOrder: boolean, shape: readonly number[]): Uint8Array {
  const code = codeOfDtype.get(dtype);
  if (code === undefined) {
    throw new DTypeError(`NumPy has no dtype for ${dtype}`, "convert the tensor first: x.to(torch.float32)");
  }
  const descr = `${dtype.itemsize === 1 ? "|" : "<"}${code}`;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': ${fortranOrder ? "True" : "False"}, 'shape': ${tuple}, }`;
  // Room for the first size to grow in place, as NumPy leaves it: 21 digits together.
  const growing = shape.length === 0 ? "" : " ".repeat(21 - String(shape[fortranOrder ? shape.length - 1 : 0]).length);
  const unpadded = 10 + text.length + growing.length + 1;
  const total = unpadded + alignment - (unpadded % alignment);
  if (total - 10 > 0xffff) throw new SerializationError("saveNpy: the tensor has too many dimensions for a header");
  const out = new Uint8Array(total).fill(0x20);
  out.set([...magic, 1, 0]);
  new DataView(out.buffer).setUint16(8, total - 10, true);
  out.set(new TextEncoder().encode(text), 10);
  out[total - 1] = 0x0a;
  return out;
}
