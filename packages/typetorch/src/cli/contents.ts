/**
 * What a file holds, without its data where the format allows: the content of `typetorch inspect`.
 */
import { DType } from "../core/dtype.ts";
import { Complex } from "../core/complex.ts";
import { Device } from "../core/storage.ts";
import { fileBytes } from "../platform/commandLine.ts";
import { readSync } from "../serialization/bytes.ts";
import { load, openSafetensors } from "../serialization/index.ts";
import { readNpyHeader } from "../serialization/npy.ts";
import { readNpzHeaders } from "../serialization/npz.ts";
import { torchNameOf } from "../serialization/safetensorsHeader.ts";
import { fileSource } from "../serialization/source.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Format, detectFormat } from "./formats.ts";

export interface TensorEntry {
  readonly name: string;
  /** PyTorch's name of the dtype, or the file's own for one that PyTorch does not have. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly numel: number;
  /** Bytes of the elements. */
  readonly bytes: number;
  /** Of a file that keeps them: strides that are not row-major. */
  readonly strides?: readonly number[];
  /** The name of the first tensor with the same memory. */
  readonly sharesWith?: string;
  /** Bytes of the memory that is saved for it, where that is more than its elements. */
  readonly storageBytes?: number;
  readonly requiresGrad?: boolean;
}

/** An optimizer's state_dict. */
export interface OptimizerEntry {
  readonly name: string;
  readonly paramGroups: readonly { readonly params: number; readonly options: Readonly<Record<string, string>> }[];
  /** Parameters that have state, and what it is. */
  readonly stateOf: number;
  readonly stateKeys: readonly string[];
}

export interface Contents {
  readonly file: string;
  readonly format: Format;
  /** Bytes of the file, of shards of all. */
  readonly fileBytes: number;
  readonly files?: readonly string[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly tensors: readonly TensorEntry[];
  readonly optimizers: readonly OptimizerEntry[];
  /** What else is in the file, by name. */
  readonly values: readonly { readonly name: string; readonly value: string }[];
}

/** Looks into a file. Throws what the reader of its format throws for a damaged one. */
export function contentsOf(path: string): Contents {
  const format = detectFormat(path);
  const base = { file: path, format, fileBytes: fileBytes(path) ?? 0, metadata: null, optimizers: [], values: [] };
  switch (format) {
    case "safetensors":
    case "shards": {
      using file = openSafetensors(path);
      const tensors = file.keys().map((name) => {
        const shape = file.getShape(name);
        return { name, dtype: torchNameOf(file.getDtype(name)), shape, numel: product(shape), bytes: file.getBytes(name) };
      });
      const metadata = file.metadata();
      const bytes = file.files().reduce((sum, { size }) => sum + size, 0);
      const files = format === "shards" ? { files: file.files().map(({ name }) => name) } : {};
      return { ...base, fileBytes: bytes, ...files, tensors, metadata: metadata === null ? null : fromEntries(metadata) };
    }
    case "npz":
    case "npy": {
      const source = fileSource(path);
      try {
        const headers =
          format === "npz"
            ? readSync(source, readNpzHeaders(source))
            : new Map([["", readSync(source, readNpyHeader(path, 0, source.size))]]);
        const tensors = [...headers].map(([name, { dtype, shape, fortranOrder }]) => ({
          name,
          dtype: dtype.name,
          shape,
          numel: product(shape),
          bytes: product(shape) * dtype.itemsize,
          ...(fortranOrder && { strides: shape.map((_, dim) => product(shape.slice(0, dim))) }),
        }));
        return { ...base, tensors };
      } finally {
        source.close();
      }
    }
    case "pt":
      return { ...base, ...contentsOfCheckpoint(load<unknown>(path, { mmap: isZip(path) })) };
  }
}

function isZip(path: string): boolean {
  const source = fileSource(path);
  try {
    const head = source.read({ offset: 0, length: Math.min(2, source.size) });
    return head[0] === 0x50 && head[1] === 0x4b;
  } finally {
    source.close();
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((n, size) => n * size, 1);
}

/** An object of these entries, also of names that objects have already. */
function fromEntries(entries: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.fromEntries(entries);
}

/** The name of a part: `model.fc.weight`, `optimizer.param_groups[0]`. */
function partName(parent: string, key: unknown): string {
  if (typeof key === "number" || typeof key === "bigint") return `${parent}[${key}]`;
  const text = typeof key === "string" ? key : describe(key);
  return parent === "" ? text : `${parent}.${text}`;
}

function contentsOfCheckpoint(root: unknown): Pick<Contents, "tensors" | "optimizers" | "values"> {
  const tensors: TensorEntry[] = [];
  const optimizers: OptimizerEntry[] = [];
  const values: { name: string; value: string }[] = [];
  const firstOf = new Map<object, string>();
  const seen = new Set<unknown>();

  const visit = (name: string, value: unknown): void => {
    if (value instanceof Tensor) {
      tensors.push(tensorEntry(name, value, firstOf));
      return;
    }
    const parts = partsOf(value);
    if (parts === null || seen.has(value) || (parts.length > 0 && !hasTensor(value, new Set()))) {
      values.push({ name, value: describe(value) });
      return;
    }
    seen.add(value);
    const optimizer = optimizerEntry(name, value);
    if (optimizer !== null) {
      optimizers.push(optimizer);
      visit(partName(name, "state"), (value as Map<unknown, unknown>).get("state"));
      return;
    }
    if (parts.length === 0 && name !== "") values.push({ name, value: describe(value) });
    for (const [key, part] of parts) visit(partName(name, key), part);
  };
  visit("", root);
  return { tensors, optimizers, values };
}

/** The parts of a container, or null for anything else. */
function partsOf(value: unknown): (readonly [unknown, unknown])[] | null {
  if (value instanceof Map) return [...value];
  if (Array.isArray(value)) return value.map((part, k) => [k, part] as const);
  if (value instanceof Set) return [...value].map((part, k) => [k, part] as const);
  return null;
}

function hasTensor(value: unknown, seen: Set<unknown>): boolean {
  if (value instanceof Tensor) return true;
  if (seen.has(value)) return false;
  seen.add(value);
  return partsOf(value)?.some(([, part]) => hasTensor(part, seen)) ?? false;
}

function tensorEntry(name: string, x: Tensor, firstOf: Map<object, string>): TensorEntry {
  const bytes = x.numel() * x.dtype.itemsize;
  const sharesWith = x.storage.nbytes > 0 ? firstOf.get(x.storage) : undefined;
  if (sharesWith === undefined) firstOf.set(x.storage, name);
  return {
    name,
    dtype: x.dtype.name,
    shape: x.shape,
    numel: x.numel(),
    bytes,
    ...(!x.isContiguous() && { strides: x.strides }),
    ...(sharesWith !== undefined && { sharesWith }),
    ...(sharesWith === undefined && x.storage.nbytes > bytes && { storageBytes: x.storage.nbytes }),
    ...(x.requiresGrad && { requiresGrad: true }),
  };
}

function optimizerEntry(name: string, value: unknown): OptimizerEntry | null {
  if (!(value instanceof Map)) return null;
  const state: unknown = value.get("state");
  const groups: unknown = value.get("param_groups");
  if (!(state instanceof Map) || !Array.isArray(groups) || !groups.every((group) => group instanceof Map)) return null;
  const keys = new Set<string>();
  for (const of of state.values()) if (of instanceof Map) for (const key of of.keys()) keys.add(String(key));
  return {
    name,
    paramGroups: (groups as Map<unknown, unknown>[]).map((group) => {
      const params: unknown = group.get("params");
      const options = [...group]
        .filter(([key]) => key !== "params")
        .map(([key, option]) => [String(key), describe(option)] as const);
      return { params: Array.isArray(params) ? params.length : 0, options: fromEntries(options) };
    }),
    stateOf: state.size,
    stateKeys: [...keys],
  };
}

/** A value in Python's words, cut to a line. */
export function describe(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return cut(JSON.stringify(value));
  if (typeof value === "number" || typeof value === "bigint") return pythonNumber(value);
  if (value instanceof Tensor) return `tensor of ${value.dtype.name} [${value.shape.join(", ")}]`;
  if (value instanceof DType || value instanceof Device || value instanceof Complex) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const parts = partsOf(value);
  if (parts === null) return cut(String(value));
  const isMap = value instanceof Map;
  const isTuple = Array.isArray(value) && Object.isFrozen(value);
  const brackets = isTuple ? "()" : Array.isArray(value) ? "[]" : "{}";
  if (depth > 2) return `${brackets[0]}…${brackets[1]}`;
  const shown = parts
    .slice(0, 8)
    .map(([key, part]) => (isMap ? `${describe(key, depth + 1)}: ` : "") + describe(part, depth + 1));
  const rest = parts.length > 8 ? `, … ${parts.length} in all` : isTuple && parts.length === 1 ? "," : "";
  return cut(`${brackets[0]}${shown.join(", ")}${rest}${brackets[1]}`);
}

function pythonNumber(value: number | bigint): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint" || Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function cut(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}
