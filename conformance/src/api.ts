/**
 * The library under test, seen by name only: what PyTorch calls `nn.functional.max_pool2d` is looked up as `torch.nn.functional.maxPool2d`.
 */
import { type Case, type Entry, isObject, type Json, type JsonObject, type Kind, type Pools } from "./format.ts";
import { type Bound, bind, overloads } from "./signatures.ts";

/** The op, module or dtype does not exist in the library. */
export class Missing extends Error {}
/** The library's result differs from the recorded one. */
export class Mismatch extends Error {}

export interface DTypeLike {
  readonly name: string;
  readonly isFloatingPoint: boolean;
}

/** What the runner itself uses of a tensor. */
export interface TensorLike {
  readonly shape: readonly number[];
  readonly dtype: DTypeLike;
  readonly device: { readonly type: string };
  readonly storage?: unknown;
  grad: TensorLike | null;
  requiresGrad: boolean;
  stride(): readonly number[];
  detach(): TensorLike;
  to(dtype: DTypeLike): TensorLike;
  reshape(shape: readonly number[]): TensorLike;
  asStrided(size: readonly number[], stride: readonly number[], options: { storageOffset: number }): TensorLike;
  requiresGrad_(value?: boolean): TensorLike;
  toArray(): unknown;
  item(): unknown;
  copy_(source: TensorLike): TensorLike;
  clone(): TensorLike;
}

type Namespace = Record<string, unknown>;
export type Callable = (...args: unknown[]) => unknown;
type Constructor = new (...args: unknown[]) => object;

const DTYPES: Record<Kind, string> = {
  f32: "float32",
  f64: "float64",
  f16: "float16",
  bf16: "bfloat16",
  i64: "int64",
  i32: "int32",
  i16: "int16",
  i8: "int8",
  u8: "uint8",
  bool: "bool",
  c64: "complex64",
  c128: "complex128",
};

/** PyTorch's name in camel case. */
export function camel(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The library, imported by its package name after the target was chosen. */
export class Api {
  readonly torch: Namespace;
  readonly Tensor: { readonly prototype: Namespace } & (new (...args: never[]) => TensorLike);
  readonly NotSupported: (new (...args: never[]) => Error) | undefined;
  /** Where the tensors of the cases lie; null for the CPU. */
  readonly device: string | null;

  constructor(torch: Namespace, device: string | null = null) {
    this.torch = torch;
    this.device = device;
    this.Tensor = torch.Tensor as Api["Tensor"];
    this.NotSupported = torch.NotSupportedError as Api["NotSupported"];
  }

  static async load(target: string | undefined, device: string | null = null): Promise<Api> {
    if (target !== undefined) process.env.TYPETORCH_TARGET = target;
    const name: string = "typetorch";
    const library = (await import(name)) as Namespace & { readonly backends: { readonly cpu: { readonly target: string } } };
    const used = library.backends.cpu.target;
    if (target !== undefined && used !== target)
      throw new Error(`the library was loaded for ${used} before ${target} was chosen`);
    return new Api(library, device);
  }

  /** Whether what names no device is made on the cases' device, or on the CPU. */
  setDefaultDevice(there: boolean): void {
    if (this.device !== null) this.fn("set_default_device")(there ? this.device : "cpu");
  }

  /** A tensor, or a module, on the cases' device. */
  place<P extends { to(device: never): unknown }>(x: P): P {
    return this.device === null ? x : (x.to(this.device as never) as P);
  }

  /** A namespace whose absent names throw {@link Missing} when they are read; `""` is torch itself. */
  strict(dotted: string): object {
    const target = dotted === "" ? this.torch : this.lookup(dotted)?.value;
    const path = dotted === "" ? "torch" : `torch.${dotted}`;
    if (typeof target !== "object" || target === null) throw new Missing(`there is no ${path}`);
    return new Proxy(target, {
      get: (object, key) => {
        const value = Reflect.get(object, key) as unknown;
        if (value === undefined && typeof key === "string") throw new Missing(`there is no ${path}.${key}`);
        return key === "nn" || key === "optim" ? this.strict(key) : value;
      },
    });
  }

  isTensor(value: unknown): value is TensorLike {
    return value instanceof this.Tensor;
  }

  /** A value by its dotted PyTorch name, `nn.functional.relu`; undefined when there is none. */
  lookup(dotted: string): { owner: Namespace; value: unknown } | undefined {
    const parts = dotted.split(".");
    let owner = this.torch;
    for (const part of parts.slice(0, -1)) {
      const next = owner[camel(part)];
      if (typeof next !== "object" || next === null) return undefined;
      owner = next as Namespace;
    }
    const name = camel(parts[parts.length - 1]!);
    const value = owner[name];
    return value === undefined ? undefined : { owner, value };
  }

  /** The function that PyTorch calls `dotted`. */
  fn(dotted: string): Callable {
    const found = this.lookup(dotted);
    if (typeof found?.value !== "function") throw new Missing(`there is no torch.${dotted.split(".").map(camel).join(".")}`);
    return (...args) => (found.value as Callable).apply(found.owner, args);
  }

  construct(dotted: string, args: readonly unknown[]): object {
    const found = this.lookup(dotted);
    if (typeof found?.value !== "function") throw new Missing(`there is no torch.${dotted.split(".").map(camel).join(".")}`);
    return new (found.value as Constructor)(...args);
  }

  dtype(kind: Kind): DTypeLike {
    const found = this.torch[DTYPES[kind]];
    if (found === undefined) throw new Missing(`there is no dtype ${DTYPES[kind]}`);
    return found as DTypeLike;
  }

  /** Complex dtypes may be there for storage only: arithmetic comes with `torch.complex`. Throws {@link Missing} without it. */
  requireComplex(): void {
    if (this.torch.complex === undefined) throw new Missing("there is no complex arithmetic");
  }

  /** Calls a function or, where the library has only that, a method, with Python's arguments. */
  call(name: string, args: readonly Json[], kwargs: JsonObject, decode: Decoder): unknown {
    const found = this.lookup(name);
    const method = name.includes(".") ? undefined : camel(name);
    const isFunction = typeof found?.value === "function";
    if (!isFunction && (method === undefined || typeof this.Tensor.prototype[method] !== "function")) {
      throw new Missing(
        `there is no ${method === undefined ? `torch.${name.split(".").map(camel).join(".")}` : `torch.${method} and no Tensor.${method}`}`,
      );
    }
    const bound = bind(name, args, kwargs);
    if (bound === null) {
      const reason =
        overloads(name) === undefined ? "signatures.json has no such function" : "no signature takes these arguments";
      throw new Error(`${name}: ${reason}: ${JSON.stringify(args)} ${JSON.stringify(kwargs)}`);
    }
    const values = decode.bound(bound);
    if (isFunction) return (found.value as Callable).apply(found.owner, values);
    const [self, ...rest] = values as [TensorLike & Namespace, ...unknown[]];
    if (!this.isTensor(self)) throw new Missing(`there is no torch.${method}`);
    return (self[method!] as Callable).apply(self, rest);
  }
}

/** Turns the values of one case into the library's. Tensors are made once and kept, so that gradients can be asked for. */
export class Decoder {
  readonly api: Api;
  readonly pools: Pools | null;
  readonly entries: readonly Entry[];
  /** Whether Python's `2.0` must stay visibly a float: only where no floating tensor takes part can it change a dtype. */
  floatScalars = false;
  readonly #tensors = new Map<number, TensorLike>();
  readonly #storages = new Map<string, TensorLike>();

  constructor(api: Api, source: Pick<Case, "T">, pools: Pools | null) {
    this.api = api;
    this.pools = pools;
    this.entries = source.T;
  }

  /** Tensor `index` of the case; requires grad where the case says so. */
  tensor(index: number): TensorLike {
    let made = this.#tensors.get(index);
    if (made === undefined) {
      const entry = this.entries[index]!;
      made = this.#make(entry);
      if (entry.g === 1) made = made.requiresGrad_();
      this.#tensors.set(index, made);
    }
    return made;
  }

  /** Whether tensor `index` was used as an argument. */
  has(index: number): boolean {
    return this.#tensors.has(index);
  }

  /** Tensor `index` without gradient, never shared with the arguments. */
  constant(index: number): TensorLike {
    return this.#make(this.entries[index]!);
  }

  #make(entry: Entry): TensorLike {
    const dtype = this.api.dtype(entry.d);
    if (entry.d === "c64" || entry.d === "c128") this.api.requireComplex();
    if (entry.of !== undefined) return this.tensor(entry.of).asStrided(entry.s, entry.st!, { storageOffset: entry.o ?? 0 });
    if (entry.v !== undefined) {
      const made = this.api.fn("tensor")(entry.v.map(floatOf), { dtype }) as TensorLike;
      return entry.st === undefined ? made.reshape(entry.s) : made.asStrided(entry.s, entry.st, { storageOffset: entry.o ?? 0 });
    }
    const key = `${entry.d}/${entry.p}/${entry.n}`;
    let base = entry.sh === 1 ? this.#storages.get(key) : undefined;
    if (base === undefined) {
      const create = this.api.fn("tensor");
      const raw = this.pools!.storage(entry);
      if (entry.d === "f16" || entry.d === "bf16") {
        const flat = this.pools!.values({ d: entry.d, p: entry.p, s: [raw.length] });
        base = create(Float32Array.from(flat as number[]), { dtype }) as TensorLike;
      } else base = create(raw, { dtype }) as TensorLike;
      base = this.api.place(base);
      if (entry.sh === 1) this.#storages.set(key, base);
    }
    if (entry.st !== undefined) return base.asStrided(entry.s, entry.st, { storageOffset: entry.o ?? 0 });
    return base.reshape(entry.s);
  }

  /** One value. `scalarType` is the letter of the parameter it goes to. */
  value(value: Json, type = "a"): unknown {
    if (Array.isArray(value)) return value.map((v) => this.value(v, type));
    if (!isObject(value)) return value;
    if ("$t" in value) return this.tensor(value.$t as number);
    if ("$tuple" in value) return (value.$tuple as Json[]).map((v) => this.value(v, type));
    if ("$f" in value) {
      const number = floatOf(value.$f as number | string);
      return this.floatScalars && type.startsWith("s") && Number.isInteger(number)
        ? this.api.fn("scalar")(number, this.api.dtype("f32"))
        : number;
    }
    if ("$i" in value) return BigInt(value.$i as string);
    if ("$dtype" in value) return this.api.dtype(value.$dtype as Kind);
    if ("$c" in value) throw new Missing("there are no complex numbers");
    if ("$mf" in value) return this.api.torch[camel(value.$mf as string)];
    if ("$slice" in value) {
      const [start, stop, step] = value.$slice as (number | null)[];
      return this.api.fn("slice")(start, stop, step);
    }
    if ("$ellipsis" in value) return "...";
    if ("$dict" in value) return Object.fromEntries((value.$dict as [string, Json][]).map(([k, v]) => [k, this.value(v)]));
    if ("$module" in value) {
      const { name, args, kwargs } = value.$module as { name: string; args: Json[]; kwargs: JsonObject };
      return this.api.place(this.construct(name, args, kwargs) as { to(device: never): unknown });
    }
    if ("$fn" in value) return this.api.fn(value.$fn as string);
    if ("$js" in value) return functionOf(value.$js as string);
    if ("$device" in value) return value.$device;
    if ("$layout" in value) return this.api.torch[camel(String(value.$layout))];
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, this.value(v)]));
  }

  /** Arguments in our calling convention: positional ones, then the options object where there are any. */
  bound(bound: Bound): unknown[] {
    const out = bound.positional.map(({ parameter, value }) => this.value(value, parameter.type));
    if (bound.options.length > 0) {
      out.push(
        Object.fromEntries(
          bound.options.map(({ parameter, value }) => [
            camel(parameter.name),
            parameter.name === "device" && value === "cpu" && this.api.device !== null
              ? this.api.device
              : this.value(value, parameter.type),
          ]),
        ),
      );
    }
    return out;
  }

  /** Constructs a class of the library with Python's arguments. */
  construct(name: string, args: readonly Json[], kwargs: JsonObject): object {
    const bound = bind(name, args, kwargs);
    if (bound === null) {
      if (this.api.lookup(name) === undefined) throw new Missing(`there is no torch.${name}`);
      throw new Error(`${name}: no signature takes these arguments: ${JSON.stringify(args)} ${JSON.stringify(kwargs)}`);
    }
    return this.api.construct(name, this.bound(bound));
  }
}

export function floatOf(value: number | string): number {
  if (typeof value === "number") return value;
  if (value === "nan") return Number.NaN;
  if (value === "inf") return Number.POSITIVE_INFINITY;
  if (value === "-inf") return Number.NEGATIVE_INFINITY;
  return value === "-0" ? -0 : Number(value);
}

/** A number of the format, `{"$f": …}` included. */
export function numberOf(value: Json): number {
  return isObject(value) ? floatOf(value.$f as number | string) : (value as number);
}

/** The recorded cases carry small JavaScript functions (learning-rate factors): `epoch => 0.95 ** epoch`. */
function functionOf(source: string): Callable {
  return new Function(`return (${source})`)() as Callable;
}
