/**
 * Reading pickles, protocols 0 to 5. A pickle is a program for a small stack machine; here it can name nothing but what a closed list holds, and nothing it
 * names does more than make a value. Time and memory are bounded by the pickle's length.
 */
import { FrozenSet, OrderedDict } from "../core/collections.ts";
import { UnpicklingError } from "../core/errors.ts";
import { type PickleAccount, heapBytes } from "./pickleAccount.ts";
import { decodeDecimal, decodeFloat, decodeLong, decodeText, unescapeText, unquoteString } from "./pickleText.ts";
import { PickleCursor } from "./pickleCursor.ts";
import { Callable, describe, isTuple } from "./pickleValues.ts";

export interface UnpickleOptions {
  /** What a global of this name stands for: a value, or a {@link Callable}. Throws for those that are not on the list. */
  findGlobal(module: string, name: string): unknown;
  /** What a persistent id stands for: a storage. */
  persistentLoad(id: unknown): unknown;
  /** Counts the objects that are made. */
  readonly account: PickleAccount;
}

/** Longer whole numbers are not numbers anybody saved. */
const longestLong = 4096;
/** The stack and the marks are counted by so many at once. */
const stackStep = 256;

/** Runs the pickle that begins at `start` of the bytes; gives its value and where it ends. */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions, start = 0): { value: unknown; end: number } {
  const machine = new Machine(bytes, options, start);
  const value = machine.run();
  return { value, end: machine.from.at };
}

class Machine {
  readonly from: PickleCursor;
  private readonly options: UnpickleOptions;
  private readonly account: PickleAccount;
  private readonly stack: unknown[] = [];
  /** Positions in the stack of the marks. */
  private readonly marks: number[] = [];
  /** How many of both are counted. */
  private counted = 0;
  /** By index, as far as picklers count them up; others are in `sparseMemo`. */
  private readonly memo: unknown[] = [];
  private readonly sparseMemo = new Map<number, unknown>();
  /** Where an empty list that stands at a position of the stack is in the memo; meaningless for what else stands there. */
  private readonly memoIndexAt: number[] = [];
  /** Empty lists that may stand in more than these two places. */
  private readonly shared = new Set<unknown>();

  constructor(bytes: Uint8Array, options: UnpickleOptions, start: number) {
    this.from = new PickleCursor(bytes, start);
    this.options = options;
    this.account = options.account;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.from.uint8();
      if (opcode === 0x2e) return this.pop(); // STOP
      this.step(opcode);
    }
  }

  private bad(why: string): UnpicklingError {
    return new UnpicklingError(`invalid pickle (at byte ${this.from.at}): ${why}`);
  }
  private index(): number {
    const line = this.from.line();
    if (!/^\d{1,9}$/.test(line)) throw this.bad(`${JSON.stringify(line.slice(0, 20))} is no memo index`);
    return Number(line);
  }

  // The stack

  private push(value: unknown): void {
    this.stack.push(value);
    if (this.stack.length + this.marks.length > this.counted) this.countStack();
  }
  private countStack(): void {
    this.account.spend(stackStep * heapBytes.slot);
    this.counted += stackStep;
  }
  private pop(): unknown {
    if (this.stack.length === 0 || this.stack.length === this.marks.at(-1)) throw this.bad("the stack is empty");
    return this.stack.pop();
  }
  private top(): unknown {
    if (this.stack.length === 0 || this.stack.length === this.marks.at(-1)) throw this.bad("the stack is empty");
    return this.stack[this.stack.length - 1];
  }
  private mark(): void {
    this.marks.push(this.stack.length);
    if (this.stack.length + this.marks.length > this.counted) this.countStack();
  }
  /** Everything above the last mark, which goes too: a new array. */
  private popMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.bad("there is no mark");
    return this.stack.splice(mark);
  }
  private put(index: number): void {
    const value = this.top();
    if (index < this.memo.length) this.memo[index] = value;
    else if (index === this.memo.length) {
      this.account.spend(heapBytes.slot);
      this.memo.push(value);
    } else {
      this.account.spend(heapBytes.entry);
      this.sparseMemo.set(index, value);
    }
    if (!isEmptyList(value)) return;
    const position = this.stack.length - 1;
    const before = this.memoIndexAt[position];
    if (before !== undefined && before !== index && this.memo[before] === value) this.shared.add(value);
    this.memoIndexAt[position] = index;
  }
  private get(index: number): void {
    const value = index < this.memo.length ? this.memo[index] : this.sparseMemo.get(index);
    if (value === undefined) throw this.bad(`memo value not found at index ${index}`);
    this.again(value);
  }
  /** Pushes a value that stands elsewhere too. */
  private again(value: unknown): void {
    if (isEmptyList(value) && !this.shared.has(value)) {
      this.account.spend(heapBytes.entry);
      this.shared.add(value);
    }
    this.push(value);
  }
  private persistent(id: unknown): void {
    this.push(this.options.persistentLoad(id));
  }
  private call(callable: unknown, args: unknown): void {
    if (!(callable instanceof Callable)) throw this.bad("something is called that is no function");
    if (!isTuple(args)) throw this.bad(`the arguments of ${callable.name} are not a tuple`);
    let parts = 0;
    for (const arg of args) parts += lengthOf(arg);
    this.account.spend(callable.bytes + parts * callable.partBytes);
    this.push(callable.call(args));
  }
  private global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") throw this.bad("the name of a global is not a string");
    this.push(this.options.findGlobal(module, name));
  }

  // Containers

  private tuple(items: unknown[]): void {
    this.account.spend(heapBytes.list + 8 * items.length);
    this.push(items.length === 0 ? emptyTuple : Object.freeze(items));
  }
  private list(items: unknown[]): void {
    this.account.spend(heapBytes.list + 8 * items.length);
    this.push(items);
  }
  /** Adds items to the list at the top. */
  private append(items: unknown[]): void {
    const target = this.top();
    if (!Array.isArray(target) || Object.isFrozen(target)) throw this.bad("items are added to something that is no list");
    // An array that grows has room for 16 more. Most lists are short, and filled at once: the array of the items takes the place of the empty one.
    const position = this.stack.length - 1;
    const index = this.memoIndexAt[position];
    if (target.length === 0 && index !== undefined && this.memo[index] === target && !this.shared.has(target)) {
      this.account.spend(8 * items.length);
      this.stack[position] = this.memo[index] = items;
      return;
    }
    if (target.length === 0) this.account.spend(16 * heapBytes.slot);
    this.account.spend(items.length * heapBytes.slot);
    for (const item of items) target.push(item);
  }
  private dict(): void {
    this.account.spend(heapBytes.dict);
    this.push(new Map());
  }
  private setItems(target: unknown, items: readonly unknown[]): void {
    if (!(target instanceof Map)) throw this.bad("items are set in something that is no dict");
    if (items.length % 2 !== 0) throw this.bad("a dict has a key without a value");
    const before = target.size;
    for (let i = 0; i < items.length; i += 2) target.set(this.hashable(items[i]), items[i + 1]);
    this.countEntries(before, target.size);
  }
  private addItems(target: unknown, items: readonly unknown[]): void {
    if (!(target instanceof Set) || target instanceof FrozenSet) throw this.bad("items are added to something that is no set");
    const before = target.size;
    for (const item of items) target.add(this.hashable(item));
    this.countEntries(before, target.size);
  }
  /** Counts the entries of a Map or Set that has grown. There is room for the first four from the beginning. */
  private countEntries(before: number, after: number): void {
    if (after > 4) this.account.spend((after - Math.max(before, 4)) * heapBytes.entry);
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
    this.account.spend(heapBytes.dict + state.size * heapBytes.entry);
    target.attributes ??= new Map();
    for (const [key, value] of state) target.attributes.set(key, value);
  }

  private text(length: number): void {
    this.account.spend(heapBytes.text + 2 * length);
    const start = this.from.skip(length);
    this.push(decodeText(this.from.bytes, start, start + length));
  }
  private byteString(length: number): void {
    this.account.spend(heapBytes.bytes + length);
    const start = this.from.skip(length);
    this.push(this.from.bytes.slice(start, start + length));
  }
  private long(length: number): void {
    if (length < 0 || length > longestLong) throw this.bad(`a whole number of ${length} bytes`);
    this.account.spend(heapBytes.long + length);
    const start = this.from.skip(length);
    this.push(decodeLong(this.from.bytes.subarray(start, start + length)));
  }
  /** A value that is written as a line of text. */
  private written<T>(line: string, decode: (line: string) => T | null, what: string): void {
    this.account.spend(heapBytes.long + 2 * line.length);
    const value = decode(line);
    if (value === null) throw this.bad(`${JSON.stringify(line.slice(0, 20))} is no ${what}`);
    this.push(value);
  }

  private step(opcode: number): void {
    switch (opcode) {
      case 0x80: {
        const protocol = this.from.uint8();
        if (protocol > 5) throw new UnpicklingError(`unsupported pickle protocol: ${protocol}`);
        return;
      }
      case 0x95: // FRAME
        this.from.expect(this.from.length64());
        return;

      // numbers
      case 0x4b:
        this.push(this.from.uint8()); // BININT1
        return;
      case 0x4d:
        this.push(this.from.uint16()); // BININT2
        return;
      case 0x4a:
        this.push(this.from.int32()); // BININT
        return;
      case 0x8a:
        this.long(this.from.uint8()); // LONG1
        return;
      case 0x8b:
        this.long(this.from.int32()); // LONG4
        return;
      case 0x47: // BINFLOAT
        this.account.spend(heapBytes.float);
        this.push(this.from.float64());
        return;
      case 0x49: {
        const line = this.from.line(); // INT
        if (line === "00" || line === "01") this.push(line === "01");
        else this.written(line, decodeDecimal, "whole number");
        return;
      }
      case 0x4c:
        this.written(this.from.line(), decodeDecimal, "whole number"); // LONG
        return;
      case 0x46:
        this.written(this.from.line(), decodeFloat, "number"); // FLOAT
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
        this.text(this.from.uint32()); // BINUNICODE
        return;
      case 0x8c:
        this.text(this.from.uint8()); // SHORT_BINUNICODE
        return;
      case 0x8d:
        this.text(this.from.length64()); // BINUNICODE8
        return;
      case 0x56:
        this.written(this.from.line(), unescapeText, "text"); // UNICODE
        return;
      case 0x55:
        this.text(this.from.uint8()); // SHORT_BINSTRING
        return;
      case 0x54:
        this.text(this.from.uint32()); // BINSTRING
        return;
      case 0x53:
        this.written(this.from.line(), unquoteString, "string in quotes"); // STRING
        return;
      case 0x43:
        this.byteString(this.from.uint8()); // SHORT_BINBYTES
        return;
      case 0x42:
        this.byteString(this.from.uint32()); // BINBYTES
        return;
      case 0x8e: // BINBYTES8
      case 0x96:
        this.byteString(this.from.length64()); // BYTEARRAY8
        return;

      // containers
      case 0x28:
        this.mark(); // MARK
        return;
      case 0x5d:
        this.list([]); // EMPTY_LIST
        return;
      case 0x6c:
        this.list(this.popMark()); // LIST
        return;
      case 0x61: {
        this.append([this.pop()]); // APPEND
        return;
      }
      case 0x65: {
        this.append(this.popMark()); // APPENDS
        return;
      }
      case 0x29:
        this.push(emptyTuple); // EMPTY_TUPLE
        return;
      case 0x74:
        this.tuple(this.popMark()); // TUPLE
        return;
      case 0x85:
        this.tuple([this.pop()]); // TUPLE1
        return;
      case 0x86: {
        const second = this.pop(); // TUPLE2
        this.tuple([this.pop(), second]);
        return;
      }
      case 0x87: {
        const third = this.pop(); // TUPLE3
        const second = this.pop();
        this.tuple([this.pop(), second, third]);
        return;
      }
      case 0x7d:
        this.dict(); // EMPTY_DICT
        return;
      case 0x64: {
        const items = this.popMark(); // DICT
        this.dict();
        this.setItems(this.top(), items);
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
        this.account.spend(heapBytes.set); // EMPTY_SET
        this.push(new Set());
        return;
      case 0x90: {
        const items = this.popMark(); // ADDITEMS
        this.addItems(this.top(), items);
        return;
      }
      case 0x91: {
        const items = this.popMark(); // FROZENSET
        this.account.spend(heapBytes.set + items.length * heapBytes.entry);
        this.push(new FrozenSet(items.map((item) => this.hashable(item))));
        return;
      }

      // the stack and the memo
      case 0x30: // POP
        if (this.marks.at(-1) === this.stack.length && this.stack.length > 0) this.marks.pop();
        else this.pop();
        return;
      case 0x31:
        this.popMark(); // POP_MARK
        return;
      case 0x32:
        this.again(this.top()); // DUP
        return;
      case 0x67:
        this.get(this.index()); // GET
        return;
      case 0x68:
        this.get(this.from.uint8()); // BINGET
        return;
      case 0x6a:
        this.get(this.from.uint32()); // LONG_BINGET
        return;
      case 0x70:
        this.put(this.index()); // PUT
        return;
      case 0x71:
        this.put(this.from.uint8()); // BINPUT
        return;
      case 0x72:
        this.put(this.from.uint32()); // LONG_BINPUT
        return;
      case 0x94:
        this.put(this.memo.length + this.sparseMemo.size); // MEMOIZE
        return;

      // what the closed list decides about
      case 0x63: {
        const module = this.from.line(); // GLOBAL
        this.global(module, this.from.line());
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
        const module = this.from.line(); // INST
        const callable = this.options.findGlobal(module, this.from.line());
        this.call(callable, Object.freeze(this.popMark()));
        return;
      }
      case 0x6f: {
        const [callable, ...args] = this.popMark(); // OBJ
        this.call(callable, Object.freeze(args));
        return;
      }
      case 0x62: {
        const state = this.pop(); // BUILD
        this.build(this.top(), state);
        return;
      }
      case 0x50:
        this.persistent(this.from.line()); // PERSID
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
        this.from.at--;
        throw this.bad(`${JSON.stringify(String.fromCharCode(opcode))} is no opcode`);
    }
  }
}

const emptyTuple: readonly unknown[] = Object.freeze([]);

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0 && !Object.isFrozen(value);
}

/** How many parts a function's argument has that it may copy. */
function lengthOf(value: unknown): number {
  if (Array.isArray(value) || typeof value === "string" || value instanceof Uint8Array) return value.length;
  return value instanceof Map || value instanceof Set ? value.size : 0;
}
