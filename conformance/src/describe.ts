/**
 * What a loaded checkpoint holds, in the form of the descriptions beside the recorded files: Python's types, every tensor with its place in its storage.
 */
import { createHash } from "node:crypto";
import type { Api, TensorLike } from "./api.ts";
import type { Json, JsonObject } from "./format.ts";

type Described = TensorLike & {
  readonly storageOffset: number;
  readonly storage: { readonly nbytes: number };
  readonly dtype: { readonly key: string; readonly itemsize: number };
  readonly data: ArrayBufferView;
};

const mostValues = 12;

/** Describes values of one file: storages are numbered in the order in which they are met. */
export class Describer {
  readonly #api: Api;
  readonly #storages = new Map<object, number>();

  constructor(api: Api) {
    this.#api = api;
  }

  describe(value: unknown): Json {
    const torch = this.#api.torch as Record<string, new () => object>;
    const is = (name: string) => torch[name] !== undefined && value instanceof torch[name];
    if (value === null) return { type: "None" };
    if (typeof value === "boolean") return { type: "bool", value };
    if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0))) {
      return { type: "int", value: String(value) };
    }
    if (typeof value === "number") return { type: "float", value: float(value) };
    if (typeof value === "string") return { type: "str", value };
    if (value instanceof Uint8Array) return { type: "bytes", hex: Buffer.from(value).toString("hex") };
    if (this.#api.isTensor(value)) return this.#tensor(value as Described);
    if (is("Size")) return { type: "Size", value: [...(value as number[])] };
    if (Array.isArray(value)) {
      return { type: Object.isFrozen(value) ? "tuple" : "list", items: value.map((item) => this.describe(item)) };
    }
    if (value instanceof Set)
      return { type: is("FrozenSet") ? "frozenset" : "set", items: [...value].map((item) => this.describe(item)) };
    if (value instanceof Map) {
      const names: [string, string][] = [["OrderedDict", "OrderedDict"], ["DefaultDict", "defaultdict"], ["Counter", "Counter"]]; // biome-ignore format: a table
      const type = names.find(([name]) => is(name))?.[1] ?? "dict";
      return { type, items: [...value].map(([k, v]) => [this.describe(k), this.describe(v)]) };
    }
    if (is("Complex")) {
      const { real, imag } = value as { real: number; imag: number };
      return { type: "complex", value: [float(real), float(imag)] };
    }
    if (is("DType")) return { type: "dtype", value: (value as { key: string }).key };
    if (is("Device")) return { type: "device", value: String(value) };
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.describe(new Map(Object.entries(value as object))); // saved as a dict
    return { type: (value as object).constructor?.name ?? typeof value };
  }

  #tensor(x: Described): JsonObject {
    let storage = this.#storages.get(x.storage);
    if (storage === undefined) this.#storages.set(x.storage, (storage = this.#storages.size));
    const { data } = x.detach() as Described;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const isParameter = x instanceof ((this.#api.torch.nn as Record<string, new () => object>).Parameter ?? Object);
    return {
      type: "tensor",
      dtype: x.dtype.key,
      shape: [...x.shape],
      stride: [...x.stride()],
      offset: x.storageOffset,
      storage,
      storage_numel: x.storage.nbytes / x.dtype.itemsize,
      requires_grad: x.requiresGrad,
      values: firstValues(x),
      sha1: createHash("sha1").update(bytes).digest("hex"),
      ...(isParameter ? { parameter: true } : {}),
    };
  }
}

/** The first elements in row-major order. */
function firstValues(x: Described): Json[] {
  const out: Json[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length && out.length < mostValues; i++) visit(value[i]);
    } else if (typeof value === "object") {
      const { real, imag } = value as { real: number; imag: number };
      out.push([float(real), float(imag)]);
    } else if (typeof value === "boolean") out.push(value);
    else if (typeof value === "bigint") out.push({ $i: String(value) });
    else out.push(x.dtype.isFloatingPoint ? float(value as number) : (value as number));
  };
  visit(x.detach().toArray());
  return out;
}

/** A float of the format: integral ones and what JSON does not have are spelled out. */
function float(value: number): Json {
  if (Number.isNaN(value)) return { $f: "nan" };
  if (!Number.isFinite(value)) return { $f: value > 0 ? "inf" : "-inf" };
  if (Object.is(value, -0)) return { $f: "-0" };
  return Number.isInteger(value) ? { $f: value } : value;
}
