/**
 * Writing pickles of protocol 2, as `torch.save` does: only what `torch.load(weights_only=True)` knows, as far as the values allow.
 */
import { Counter, DefaultDict, FrozenSet, OrderedDict, Size } from "../core/collections.ts";
import { Complex } from "../core/complex.ts";
import { DType } from "../core/dtype.ts";
import { SerializationError } from "../core/errors.ts";
import { Scalar } from "../core/promotion.ts";
import { Device } from "../core/storage.ts";
import { encodeLong, encodeText } from "./pickleText.ts";

/** Writes what the caller knows how to: returns false for values it does not. */
export type WriteSpecial = (value: object, pickler: Pickler, path: string) => boolean;

const deepest = 1000;

export class Pickler {
  private bytes = new Uint8Array(4096);
  private data = new DataView(this.bytes.buffer);
  private length = 0;
  /** Memo numbers of strings, globals and objects written before. */
  private readonly memo = new Map<unknown, number>();
  private readonly globals = new Map<string, number>();
  private memoSize = 0;
  private readonly open = new Set<object>();
  private readonly special: WriteSpecial;

  constructor(special: WriteSpecial) {
    this.special = special;
  }

  /** The pickle of a value. */
  pickle(value: unknown): Uint8Array {
    this.opcode(0x80, 2); // PROTO
    this.value(value, "");
    this.opcode(0x2e); // STOP
    return this.bytes.subarray(0, this.length);
  }

  private reserve(extra: number): number {
    if (this.length + extra > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length + extra, 2 * this.bytes.length));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
      this.data = new DataView(larger.buffer);
    }
    this.length += extra;
    return this.length - extra;
  }
  private opcode(...bytes: number[]): void {
    this.append(bytes);
  }
  private opcode32(opcode: number, argument: number): void {
    const at = this.reserve(5);
    this.bytes[at] = opcode;
    this.data.setUint32(at + 1, argument, true);
  }
  private append(bytes: ArrayLike<number>): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  /** Gives what is on top of the stack a number, by which it can be had again. */
  private put(): number {
    const index = this.memoSize++;
    if (index < 256) this.opcode(0x71, index);
    else this.opcode32(0x72, index);
    return index;
  }
  private get(index: number): void {
    if (index < 256) this.opcode(0x68, index);
    else this.opcode32(0x6a, index);
  }

  mark(): void {
    this.opcode(0x28);
  }
  /** A tuple of everything above the mark. */
  tupleOfMark(): void {
    this.opcode(0x74);
  }
  /** Calls the function with the arguments, both on the stack. */
  reduce(): void {
    this.opcode(0x52);
  }
  /** The object that the persistent id on the stack names. */
  persistent(): void {
    this.opcode(0x51);
  }

  /** A function or class by its name. */
  global(module: string, name: string): void {
    const full = `${module}\n${name}\n`;
    const index = this.globals.get(full);
    if (index !== undefined) {
      this.get(index);
      return;
    }
    this.opcode(0x63);
    this.append(encodeText(full));
    this.globals.set(full, this.put());
  }

  integer(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.float(value);
      return;
    }
    if (value >= 0 && value < 256) this.opcode(0x4b, value);
    else if (value >= 0 && value < 65536) this.opcode(0x4d, value & 255, value >> 8);
    else if (value >= -(2 ** 31) && value < 2 ** 31) this.opcode32(0x4a, value);
    else this.long(BigInt(value));
  }
  private long(value: bigint): void {
    const bytes = encodeLong(value);
    if (bytes.length < 256) this.opcode(0x8a, bytes.length);
    else this.opcode32(0x8b, bytes.length);
    this.append(bytes);
  }
  private float(value: number): void {
    const at = this.reserve(9);
    this.bytes[at] = 0x47;
    this.data.setFloat64(at + 1, value, false);
  }
  boolean(value: boolean): void {
    this.opcode(value ? 0x88 : 0x89);
  }
  text(value: string): void {
    const index = this.memo.get(value);
    if (index !== undefined) {
      this.get(index);
      return;
    }
    const bytes = encodeText(value);
    this.opcode32(0x58, bytes.length);
    this.append(bytes);
    this.memo.set(value, this.put());
  }
  /** A tuple of whole numbers. */
  sizes(values: readonly number[]): void {
    this.tuple(
      values,
      () => {},
      (value) => this.integer(value),
    );
  }

  private tuple<T>(items: readonly T[], memoize: () => void, write: (item: T, i: number) => void): void {
    if (items.length === 0) {
      this.opcode(0x29);
      return;
    }
    if (items.length > 3) this.mark();
    items.forEach(write);
    this.opcode(items.length > 3 ? 0x74 : 0x84 + items.length);
    memoize();
  }

  /** A call of a function with arguments. */
  call(module: string, name: string, ...args: unknown[]): void {
    this.global(module, name);
    this.tuple(
      args,
      () => {},
      (arg) => this.value(arg, ""),
    );
    this.reduce();
  }

  value(value: unknown, path: string): void {
    switch (typeof value) {
      case "undefined":
        this.opcode(0x4e);
        return;
      case "boolean":
        this.boolean(value);
        return;
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(value);
        else this.float(value);
        return;
      case "bigint":
        this.long(value);
        return;
      case "string":
        this.text(value);
        return;
      case "object":
        if (value === null) this.opcode(0x4e);
        else this.object(value, path);
        return;
      default:
        throw this.refusal(value, path);
    }
  }

  private refusal(value: unknown, path: string): SerializationError {
    const what = typeof value === "object" ? `an object of the class ${value!.constructor?.name ?? "?"}` : `a ${typeof value}`;
    return new SerializationError(
      `cannot save ${what}${path === "" ? "" : ` (at ${path})`}`,
      typeof value === "object" && "stateDict" in value!
        ? "save its stateDict()"
        : "what can be saved: tensors, numbers, bigints, booleans, strings, null, Uint8Array, arrays, Map, Set and plain objects",
    );
  }

  private object(value: object, path: string): void {
    if (this.open.has(value)) throw new SerializationError(`cannot save an object that contains itself (at ${path})`);
    const index = this.memo.get(value);
    if (index !== undefined) {
      this.get(index);
      return;
    }
    if (this.open.size >= deepest) throw new SerializationError(`cannot save an object nested more than ${deepest} levels deep`);
    this.open.add(value);
    if (!this.special(value, this, path)) this.plainObject(value, path);
    else this.memoize(value);
    this.open.delete(value);
  }

  private memoize(value: object): void {
    this.memo.set(value, this.put());
  }

  private plainObject(value: object, path: string): void {
    if (Array.isArray(value) && !(value instanceof Size)) this.array(value, path);
    else if (value instanceof Map) this.map(value, path);
    else if (value instanceof DType) this.global("torch", value.name);
    else if (value instanceof Scalar) {
      if (value.dtype.isFloatingPoint) this.float(Number(value.value));
      else this.value(value.value, path);
    } else if (isPlainObject(value)) {
      this.opcode(0x7d); // EMPTY_DICT
      this.memoize(value);
      this.entries(Object.entries(value), path);
    } else {
      this.constructed(value, path);
      this.memoize(value);
    }
  }

  private array(value: readonly unknown[], path: string): void {
    const item = (x: unknown, i: number) => this.value(x, `${path}[${i}]`);
    if (Object.isFrozen(value)) {
      this.tuple(value, () => this.memoize(value), item);
      return;
    }
    this.opcode(0x5d); // EMPTY_LIST
    this.memoize(value);
    this.batches(value.length, 0x65, (i) => item(value[i], i));
  }

  /** Objects that a function makes of its arguments. */
  private constructed(value: object, path: string): void {
    if (value instanceof Size) {
      this.global("torch", "Size");
      this.sizes(value);
      this.opcode(0x85);
      this.reduce();
    } else if (value instanceof Set) {
      this.call("__builtin__", value instanceof FrozenSet ? "frozenset" : "set", [...value]);
    } else if (value instanceof Uint8Array) {
      this.byteString(value);
    } else if (value instanceof Complex) {
      this.global("__builtin__", "complex");
      this.float(value.real);
      this.float(value.imag);
      this.opcode(0x86);
      this.reduce();
    } else if (value instanceof Device) {
      this.call("torch", "device", value.type, ...(value.index === null ? [] : [value.index]));
    } else throw this.refusal(value, path);
  }

  private map(value: Map<unknown, unknown>, path: string): void {
    if (value instanceof OrderedDict) this.call("collections", "OrderedDict");
    else if (value instanceof DefaultDict) {
      this.global("collections", "defaultdict");
      if (value.factory === null) this.opcode(0x29);
      else {
        const [module, name] = value.factory.includes(".") ? value.factory.split(".") : ["__builtin__", value.factory];
        this.global(module!, name!);
        this.opcode(0x85);
      }
      this.reduce();
    } else if (value instanceof Counter) {
      this.call("collections", "Counter", new Map(value));
      this.memoize(value);
      return;
    } else this.opcode(0x7d);
    this.memoize(value);
    this.entries([...value], path);
    if (value instanceof OrderedDict && value.attributes !== null) {
      this.value(value.attributes, path);
      this.opcode(0x62); // BUILD
    }
  }

  private entries(entries: readonly (readonly [unknown, unknown])[], path: string): void {
    this.batches(entries.length, 0x75, (i) => {
      const [key, value] = entries[i]!;
      if (
        (key instanceof Map || key instanceof Set || Array.isArray(key)) &&
        !Object.isFrozen(key) &&
        !(key instanceof FrozenSet)
      ) {
        throw new SerializationError(
          `cannot save a dictionary whose key is ${Array.isArray(key) ? "a list" : "a collection"} (at ${path})`,
          "freeze an array with Object.freeze to make it a tuple",
        );
      }
      this.value(key, path);
      this.value(
        value,
        typeof key === "string" && /^\w+$/.test(key) ? `${path}${path === "" ? "" : "."}${key}` : `${path}[${keyText(key)}]`,
      );
    });
  }

  /** A thousand items at a time, as Python writes them. */
  private batches(count: number, opcode: number, write: (i: number) => void): void {
    for (let start = 0; start < count; start += 1000) {
      this.mark();
      for (let i = start; i < Math.min(start + 1000, count); i++) write(i);
      this.opcode(opcode);
    }
  }

  /** Protocol 2 has no bytes: they are encoded from text with the same characters. */
  private byteString(bytes: Uint8Array): void {
    if (bytes.length === 0) {
      this.global("__builtin__", "bytes");
      this.opcode(0x29);
      this.reduce();
      return;
    }
    this.global("_codecs", "encode");
    const encoded = new Uint8Array(bytes.length + bytes.reduce((n, byte) => n + (byte >> 7), 0));
    let at = 0;
    for (const byte of bytes) {
      if (byte >= 128) encoded[at++] = 0xc0 | (byte >> 6);
      encoded[at++] = byte >= 128 ? 0x80 | (byte & 0x3f) : byte;
    }
    this.opcode32(0x58, encoded.length);
    this.append(encoded);
    this.text("latin1");
    this.opcode(0x86);
    this.reduce();
  }
}

function keyText(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null; // the last: of another realm
}
