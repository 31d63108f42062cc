/**
 * Reading pickles, protocols 0 to 5. A pickle is a program for a small stack machine; here it can name nothing but what a closed list holds, and nothing it
 * names does more than make a value. Time and memory are bounded by the pickle's length.
 */
import { Counter, DefaultDict, FrozenSet, OrderedDict, Size } from "../core/collections.ts";
import { UnpicklingError } from "../core/errors.ts";
import { decodeLong, decodeText, latin1, wholeNumber } from "./pickleText.ts";

/** A function or class that a pickle may name and call. */
export class Callable {
  /** As Python names it: `collections.OrderedDict`. */
  readonly name: string;
  readonly call: (args: readonly unknown[]) => unknown;
  constructor(name: string, call: (args: readonly unknown[]) => unknown) {
    this.name = name;
    this.call = call;
  }
}

/** The pickle goes on behind the end of the bytes. */
export class TruncatedPickleError extends UnpicklingError {}

export interface UnpickleOptions {
  /** What a global of this name stands for: a value, or a {@link Callable}. Throws for those that are not on the list. */
  findGlobal(module: string, name: string): unknown;
  /** What a persistent id stands for: a storage. */
  persistentLoad(id: unknown): unknown;
}

/** Longer whole numbers are not numbers anybody saved; Python refuses more decimal digits too. */
const longestLong = 4096;
const longestDecimal = 4300;

/** Runs the pickle that begins at `start` of the bytes; gives its value and where it ends. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions, start = 0): { value: unknown; end: number } {
  const machine = new Machine(bytes, options, start);
  const value = machine.run();
  return { value, end: machine.at };
}

class Machine {
  at: number;
  private readonly bytes: Uint8Array;
  private readonly data: DataView;
  private readonly options: UnpickleOptions;
  private readonly stack: unknown[] = [];
  /** Positions in the stack of the marks. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, options: UnpickleOptions, start: number) {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.options = options;
    this.at = start;
  }

  run(): unknown {
    for (;;) {
      if (this.at >= this.bytes.length) throw this.cutOff();
      const opcode = this.bytes[this.at++]!;
      if (opcode === 0x2e) return this.pop(); // STOP
      this.step(opcode);
    }
  }

  private bad(why: string): UnpicklingError {
    return new UnpicklingError(`invalid pickle (at byte ${this.at}): ${why}`);
  }
  private cutOff(): TruncatedPickleError {
    return new TruncatedPickleError("pickle data was truncated", "the file is cut off, or is no pickle");
  }

  // Arguments of opcodes

  private take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw this.cutOff();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  private uint8(): number {
    return this.take(1)[0]!;
  }
  private uint16(): number {
    this.take(2);
    return this.data.getUint16(this.at - 2, true);
  }
  private uint32(): number {
    this.take(4);
    return this.data.getUint32(this.at - 4, true);
  }
  private int32(): number {
    return this.uint32() | 0;
  }
  private length64(): number {
    const low = this.uint32();
    return this.uint32() * 2 ** 32 + low;
  }
  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.cutOff();
    const line = this.bytes.subarray(this.at, end);
    this.at = end + 1;
    return latin1(line[line.length - 1] === 0x0d ? line.subarray(0, -1) : line);
  }
  private index(): number {
    const line = this.line();
    if (!/^\d{1,9}$/.test(line)) throw this.bad(`${JSON.stringify(line.slice(0, 20))} is no memo index`);
    return Number(line);
  }

  // The stack

  private push(value: unknown): void {
    this.stack.push(value);
  }
  private pop(): unknown {
    if (this.stack.length === 0 || this.stack.length === this.marks.at(-1)) throw this.bad("the stack is empty");
    return this.stack.pop();
  }
  private top(): unknown {
    if (this.stack.length === 0 || this.stack.length === this.marks.at(-1)) throw this.bad("the stack is empty");
    return this.stack[this.stack.length - 1];
  }
  /** Everything above the last mark, which goes too. */
  private popMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.bad("there is no mark");
    return this.stack.splice(mark);
  }
  private put(index: number): void {
    this.memo.set(index, this.top());
  }
  private get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined && !this.memo.has(index)) throw this.bad(`memo value not found at index ${index}`);
    this.push(value);
  }
  private persistent(id: unknown): void {
    this.push(this.options.persistentLoad(id));
  }
  private call(callable: unknown, args: unknown): void {
    if (!(callable instanceof Callable)) throw this.bad("something is called that is no function");
    if (!isTuple(args)) throw this.bad(`the arguments of ${callable.name} are not a tuple`);
    this.push(callable.call(args));
  }
  private global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") throw this.bad("the name of a global is not a string");
    this.push(this.options.findGlobal(module, name));
  }

  // Containers

  private append(target: unknown, items: readonly unknown[]): void {
    if (!Array.isArray(target) || Object.isFrozen(target)) throw this.bad("items are added to something that is no list");
    for (const item of items) target.push(item);
  }
  private setItems(target: unknown, items: readonly unknown[]): void {
    if (!(target instanceof Map)) throw this.bad("items are set in something that is no dict");
    if (items.length % 2 !== 0) throw this.bad("a dict has a key without a value");
    for (let i = 0; i < items.length; i += 2) target.set(this.hashable(items[i]), items[i + 1]);
  }
  private addItems(target: unknown, items: readonly unknown[]): void {
    if (!(target instanceof Set) || target instanceof FrozenSet) throw this.bad("items are added to something that is no set");
    for (const item of items) target.add(this.hashable(item));
  }
  private hashable(key: unknown): unknown {
    if (
      key instanceof Map ||
      (key instanceof Set && !(key instanceof FrozenSet)) ||
      (Array.isArray(key) && !Object.isFrozen(key))
    ) {
      throw this.bad(`unhashable type: '${Array.isArray(key) ? "list" : key instanceof Map ? "dict" : "set"}'`);
    }
    return key;
  }
  /** Attributes for an object that was made before. */
  private build(target: unknown, state: unknown): void {
    if (!(target instanceof OrderedDict) || !(state instanceof Map)) {
      throw new UnpicklingError(`attributes are set on ${describe(target)}`, "only an OrderedDict can have some");
    }
    target.attributes ??= new Map();
    for (const [key, value] of state) target.attributes.set(key, value);
  }

  private decimal(line: string): number | bigint {
    const digits = line.endsWith("L") ? line.slice(0, -1) : line;
    if (digits.length > longestDecimal || !/^[+-]?\d+$/.test(digits)) {
      throw this.bad(`${JSON.stringify(line.slice(0, 20))} is no whole number`);
    }
    return wholeNumber(BigInt(digits.replace(/^\+/, "")));
  }
  private float(line: string): number {
    const special: Record<string, number> = { nan: Number.NaN, "-nan": Number.NaN, inf: Infinity, "-inf": -Infinity };
    if (line in special) return special[line]!;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(line) || line.length > 1000) {
      throw this.bad(`${JSON.stringify(line.slice(0, 20))} is no number`);
    }
    return Number(line);
  }
  private long(length: number): number | bigint {
    if (length < 0 || length > longestLong) throw this.bad(`a whole number of ${length} bytes`);
    return decodeLong(this.take(length));
  }
  /** A Python 2 `str` in quotes, with its escapes. */
  private quotedString(line: string): string {
    const quote = line[0];
    if (line.length < 2 || (quote !== "'" && quote !== '"') || !line.endsWith(quote)) throw this.bad("a string is not in quotes");
    const simple: Record<string, string> = {
      n: "\n",
      r: "\r",
      t: "\t",
      a: "\x07",
      b: "\b",
      f: "\f",
      v: "\v",
      "\\": "\\",
      "'": "'",
      '"': '"',
    };
    const text = line.slice(1, -1).replace(/\\(x[0-9a-f]{2}|[0-7]{1,3}|.)/gis, (all, escape: string) => {
      if (/^x[0-9a-f]{2}$/i.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
      if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 255);
      return simple[escape] ?? all;
    });
    return decodeText(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  }
  /** Text of protocol 0: Latin-1 with \uXXXX escapes. */
  private escapedText(line: string): string {
    return line.replace(/\\u([0-9a-f]{4})|\\U([0-9a-f]{8})/gi, (_, short?: string, long?: string) => {
      const code = Number.parseInt((short ?? long)!, 16);
      if (code > 0x10ffff) throw this.bad("a character beyond Unicode");
      return String.fromCodePoint(code);
    });
  }

  private step(opcode: number): void {
    switch (opcode) {
      case 0x80: {
        const protocol = this.uint8();
        if (protocol > 5) throw new UnpicklingError(`unsupported pickle protocol: ${protocol}`);
        return;
      }
      case 0x95: // FRAME
        if (this.length64() > this.bytes.length - this.at) throw this.cutOff();
        return;

      // numbers
      case 0x4b:
        this.push(this.uint8()); // BININT1
        return;
      case 0x4d:
        this.push(this.uint16()); // BININT2
        return;
      case 0x4a:
        this.push(this.int32()); // BININT
        return;
      case 0x8a:
        this.push(this.long(this.uint8())); // LONG1
        return;
      case 0x8b:
        this.push(this.long(this.int32())); // LONG4
        return;
      case 0x47: // BINFLOAT
        this.take(8);
        this.push(this.data.getFloat64(this.at - 8, false));
        return;
      case 0x49: {
        const line = this.line(); // INT
        this.push(line === "00" ? false : line === "01" ? true : this.decimal(line));
        return;
      }
      case 0x4c:
        this.push(this.decimal(this.line())); // LONG
        return;
      case 0x46:
        this.push(this.float(this.line())); // FLOAT
        return;
      case 0x4e:
        this.push(null); // NONE
        return;
      case 0x88:
        this.push(true); // NEWTRUE
        return;
      case 0x89:
        this.push(false); // NEWFALSE
        return;

      // text and bytes
      case 0x58:
        this.push(decodeText(this.take(this.uint32()))); // BINUNICODE
        return;
      case 0x8c:
        this.push(decodeText(this.take(this.uint8()))); // SHORT_BINUNICODE
        return;
      case 0x8d:
        this.push(decodeText(this.take(this.length64()))); // BINUNICODE8
        return;
      case 0x56:
        this.push(this.escapedText(this.line())); // UNICODE
        return;
      case 0x55:
        this.push(decodeText(this.take(this.uint8()))); // SHORT_BINSTRING
        return;
      case 0x54:
        this.push(decodeText(this.take(this.uint32()))); // BINSTRING
        return;
      case 0x53:
        this.push(this.quotedString(this.line())); // STRING
        return;
      case 0x43:
        this.push(this.take(this.uint8()).slice()); // SHORT_BINBYTES
        return;
      case 0x42:
        this.push(this.take(this.uint32()).slice()); // BINBYTES
        return;
      case 0x8e: // BINBYTES8
      case 0x96:
        this.push(this.take(this.length64()).slice()); // BYTEARRAY8
        return;

      // containers
      case 0x28:
        this.marks.push(this.stack.length); // MARK
        return;
      case 0x5d:
        this.push([]); // EMPTY_LIST
        return;
      case 0x6c:
        this.push(this.popMark()); // LIST
        return;
      case 0x61: {
        const item = this.pop(); // APPEND
        this.append(this.top(), [item]);
        return;
      }
      case 0x65: {
        const items = this.popMark(); // APPENDS
        this.append(this.top(), items);
        return;
      }
      case 0x29:
        this.push(tuple([])); // EMPTY_TUPLE
        return;
      case 0x74:
        this.push(tuple(this.popMark())); // TUPLE
        return;
      case 0x85:
        this.push(tuple([this.pop()])); // TUPLE1
        return;
      case 0x86: {
        const second = this.pop(); // TUPLE2
        this.push(tuple([this.pop(), second]));
        return;
      }
      case 0x87: {
        const third = this.pop(); // TUPLE3
        const second = this.pop();
        this.push(tuple([this.pop(), second, third]));
        return;
      }
      case 0x7d:
        this.push(new Map()); // EMPTY_DICT
        return;
      case 0x64: {
        const items = this.popMark(); // DICT
        const dict = new Map();
        this.setItems(dict, items);
        this.push(dict);
        return;
      }
      case 0x73: {
        const value = this.pop(); // SETITEM
        const key = this.pop();
        this.setItems(this.top(), [key, value]);
        return;
      }
      case 0x75: {
        const items = this.popMark(); // SETITEMS
        this.setItems(this.top(), items);
        return;
      }
      case 0x8f:
        this.push(new Set()); // EMPTY_SET
        return;
      case 0x90: {
        const items = this.popMark(); // ADDITEMS
        this.addItems(this.top(), items);
        return;
      }
      case 0x91:
        this.push(new FrozenSet(this.popMark().map((item) => this.hashable(item)))); // FROZENSET
        return;

      // the stack and the memo
      case 0x30: // POP
        if (this.marks.at(-1) === this.stack.length && this.stack.length > 0) this.marks.pop();
        else this.pop();
        return;
      case 0x31:
        this.popMark(); // POP_MARK
        return;
      case 0x32:
        this.push(this.top()); // DUP
        return;
      case 0x67:
        this.get(this.index()); // GET
        return;
      case 0x68:
        this.get(this.uint8()); // BINGET
        return;
      case 0x6a:
        this.get(this.uint32()); // LONG_BINGET
        return;
      case 0x70:
        this.put(this.index()); // PUT
        return;
      case 0x71:
        this.put(this.uint8()); // BINPUT
        return;
      case 0x72:
        this.put(this.uint32()); // LONG_BINPUT
        return;
      case 0x94:
        this.put(this.memo.size); // MEMOIZE
        return;

      // what the closed list decides about
      case 0x63: {
        const module = this.line(); // GLOBAL
        this.global(module, this.line());
        return;
      }
      case 0x93: {
        const name = this.pop(); // STACK_GLOBAL
        this.global(this.pop(), name);
        return;
      }
      case 0x52: {
        const args = this.pop(); // REDUCE
        this.call(this.pop(), args);
        return;
      }
      case 0x81: {
        const args = this.pop(); // NEWOBJ
        this.call(this.pop(), args);
        return;
      }
      case 0x92: {
        const keywords = this.pop(); // NEWOBJ_EX
        const args = this.pop();
        if (!(keywords instanceof Map) || keywords.size > 0) throw this.bad("a class is called with keyword arguments");
        this.call(this.pop(), args);
        return;
      }
      case 0x69: {
        const module = this.line(); // INST
        const callable = this.options.findGlobal(module, this.line());
        this.call(callable, tuple(this.popMark()));
        return;
      }
      case 0x6f: {
        const [callable, ...args] = this.popMark(); // OBJ
        this.call(callable, tuple(args));
        return;
      }
      case 0x62: {
        const state = this.pop(); // BUILD
        this.build(this.top(), state);
        return;
      }
      case 0x50:
        this.persistent(this.line()); // PERSID
        return;
      case 0x51:
        this.persistent(this.pop()); // BINPERSID
        return;
      case 0x82:
      case 0x83:
      case 0x84:
        throw new UnpicklingError(
          "the pickle names a global by an extension code",
          "extension codes mean something to one program only",
        );
      case 0x97:
      case 0x98:
        throw new UnpicklingError("the pickle refers to buffers outside of it");
      default:
        this.at--;
        throw this.bad(`${JSON.stringify(String.fromCharCode(opcode))} is no opcode`);
    }
  }
}

function tuple(items: unknown[]): readonly unknown[] {
  return Object.freeze(items);
}

/** A frozen array, which is what a Python tuple becomes. */
export function isTuple(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.isFrozen(value);
}

/** What kind of Python object a value stands for, in messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value instanceof Callable) return value.name;
  if (value instanceof Size) return "a torch.Size";
  if (Array.isArray(value)) return Object.isFrozen(value) ? "a tuple" : "a list";
  if (value instanceof OrderedDict) return "an OrderedDict";
  if (value instanceof DefaultDict) return "a defaultdict";
  if (value instanceof Counter) return "a Counter";
  if (value instanceof Map) return "a dict";
  if (value instanceof Set) return "a set";
  if (value instanceof Uint8Array) return "bytes";
  if (typeof value === "object") return `a ${value.constructor?.name ?? "object"}`;
  const names: Record<string, string> = { string: "a str", number: "a number", bigint: "an int", boolean: "a bool" };
  return names[typeof value] ?? typeof value;
}

/** Values nested deeper than this are refused. */
const deepest = 1000;
/** So many values are walked through in any case; beyond, each must not be met more than `mostRepeated` times on average. */
const alwaysWalked = 1_000_000;
const mostRepeated = 100;

/** What was found below a container; null while it is on the way from the root. */
interface Extent {
  readonly height: number;
  /** Values below, those in several places as often as they are met. */
  readonly values: number;
}

/**
 * Throws for a value that contains itself, is nested too deeply to be worked with, or names the same parts so often that walking through it takes forever.
 * Takes time in proportion to the value's size in memory.
 */
export function checkTree(root: unknown): void {
  const seen = new Map<object, Extent | null>();
  const path: { node: object; rest: Iterator<unknown>; height: number; values: number }[] = [];
  let distinct = 0;
  const leave = (height: number, values: number): void => {
    if (height > deepest) throw new UnpicklingError(`the object is nested more than ${deepest} levels deep`);
    const parent = path[path.length - 1];
    if (parent === undefined) return;
    parent.height = Math.max(parent.height, height);
    parent.values += values;
  };
  const enter = (value: unknown): void => {
    distinct++;
    const children = childrenOf(value);
    if (children === null) {
      leave(0, 1);
      return;
    }
    const extent = seen.get(value as object);
    if (extent === null) throw new UnpicklingError("the object contains itself", "save a tree: lists, dicts and tensors");
    if (extent !== undefined) {
      leave(extent.height, extent.values);
      return;
    }
    if (path.length >= deepest) throw new UnpicklingError(`the object is nested more than ${deepest} levels deep`);
    seen.set(value as object, null);
    path.push({ node: value as object, rest: children, height: 0, values: 1 });
  };
  enter(root);
  while (path.length > 0) {
    const { node, rest, height, values } = path[path.length - 1]!;
    const next = rest.next();
    if (!next.done) {
      enter(next.value);
      continue;
    }
    path.pop();
    seen.set(node, { height: height + 1, values });
    if (values > alwaysWalked && values > distinct * mostRepeated) {
      throw new UnpicklingError("the object repeats parts of itself so often that it would take forever to walk through it");
    }
    leave(height + 1, values);
  }
}

function childrenOf(value: unknown): Iterator<unknown> | null {
  if (Array.isArray(value) || value instanceof Set) return value.values();
  if (!(value instanceof Map)) return null;
  return entriesOf(value);
}

function* entriesOf(map: Map<unknown, unknown>): Generator<unknown> {
  for (const [key, value] of map) {
    yield key;
    yield value;
  }
  if (map instanceof OrderedDict && map.attributes !== null) yield map.attributes;
}
