/**
 * Reads the recorded cases: JSON lines beside a .safetensors file that holds the elements of all their tensors, one pool per dtype.
 */
import fs from "node:fs";
import path from "node:path";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Short dtype names of the format. */
export type Kind = "f32" | "f64" | "f16" | "bf16" | "i64" | "i32" | "i16" | "i8" | "u8" | "bool" | "c64" | "c128";

/** A tensor of a case: elements `p` … of the pool of dtype `d`, seen with shape `s`. */
export interface Entry {
  readonly d: Kind;
  readonly p: number;
  readonly s: readonly number[];
  /** Strides, where the tensor is not contiguous. */
  readonly st?: readonly number[];
  /** Storage offset. */
  readonly o?: number;
  /** Elements in the storage. */
  readonly n?: number;
  /** Shares its storage with the other entries of the case that have the same d, p and n. */
  readonly sh?: 1;
  /** Requires grad. */
  readonly g?: 1;
  /** Strides of PyTorch's result. */
  readonly ost?: readonly number[];
  /** The result is a view of this input. */
  readonly alias?: number;
  /** The storage's elements, where they are not in a pool; absent for a view of `of`. */
  readonly v?: readonly (number | string)[];
  /** The entry whose memory this one sees. */
  readonly of?: number;
}

export interface Case {
  readonly id: string;
  readonly T: readonly Entry[];
  readonly [key: string]: unknown;
}

type PoolArray = Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
  c64: Float32Array,
  c128: Float64Array,
} as const;

/** The pools of one .safetensors file. */
export class Pools {
  readonly #bytes: Uint8Array;
  readonly #header: Record<string, { data_offsets: [number, number] }>;
  readonly #base: number;
  readonly #arrays = new Map<Kind, PoolArray>();

  constructor(file: string) {
    this.#bytes = fs.readFileSync(file);
    const { buffer, byteOffset, byteLength } = this.#bytes;
    const length = Number(new DataView(buffer, byteOffset, byteLength).getBigUint64(0, true));
    this.#header = JSON.parse(new TextDecoder().decode(this.#bytes.subarray(8, 8 + length)));
    this.#base = 8 + length;
  }

  array(kind: Kind): PoolArray {
    let found = this.#arrays.get(kind);
    if (found === undefined) {
      const [from, to] = this.#header[kind]!.data_offsets;
      const bytes = new Uint8Array(to - from); // a copy, so that it is aligned
      bytes.set(this.#bytes.subarray(this.#base + from, this.#base + to));
      found = new ARRAYS[kind](bytes.buffer);
      this.#arrays.set(kind, found);
    }
    return found;
  }

  /** The elements of an entry's storage. */
  storage(entry: Entry): PoolArray {
    const length = entry.n ?? entry.s.reduce((a, b) => a * b, 1);
    if (length === 0) return new ARRAYS[entry.d](0);
    return this.array(entry.d).slice(entry.p, entry.p + length);
  }

  /** The elements of an entry in row-major order, as numbers (bigints for int64). */
  values(entry: Entry): readonly (number | bigint)[] {
    const numel = entry.s.reduce((a, b) => a * b, 1);
    const out = new Array<number | bigint>(numel);
    if (numel === 0) return out;
    const pool = this.array(entry.d);
    const decode = entry.d === "f16" ? halfToNumber : entry.d === "bf16" ? bfloatToNumber : null;
    const base = entry.p + (entry.o ?? 0);
    for (let k = 0; k < numel; k++) {
      let at = k;
      if (entry.st !== undefined) {
        at = 0;
        for (let d = entry.s.length - 1, rest = k; d >= 0; d--) {
          at += (rest % entry.s[d]!) * entry.st[d]!;
          rest = Math.floor(rest / entry.s[d]!);
        }
      }
      const value = pool[base + at]!;
      out[k] = decode === null ? value : decode(value as number);
    }
    return out;
  }
}

export function halfToNumber(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

export function bfloatToNumber(word: number): number {
  words[0] = word << 16;
  return floats[0]!;
}

/** The cases of `name`.jsonl in `directory` with their pools, or null when the folder does not have it. */
export function readCases(directory: string, name: string): { cases: Case[]; pools: Pools } | null {
  const file = path.join(directory, `${name}.jsonl`);
  if (!fs.existsSync(file)) return null;
  const cases = fs
    .readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Case);
  return { cases, pools: new Pools(path.join(directory, `${name}.safetensors`)) };
}

/** A JSON file of `directory`, or null when the folder does not have it. */
export function readJson(directory: string, name: string): Json {
  const file = path.join(directory, name);
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as Json) : null;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
