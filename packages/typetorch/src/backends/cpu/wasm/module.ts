/**
 * An assembler of WebAssembly modules: types, imports of a memory, a table and functions, functions with locals and structured control, exports.
 *
 * ```ts
 * const m = new ModuleWriter();
 * m.importMemory("env", "memory", { minimum: 1, maximum: 65536, shared: true });
 * const f = m.function(["i32"], []);
 * f.get(0);
 * f.f64(1);
 * f.memory("f64.store", 8);
 * m.export("run", f);
 * const module = new WebAssembly.Module(m.finish());
 * ```
 */
import {
  type LaneName,
  lane,
  type MemoryLaneName,
  type MemoryName,
  memory,
  memoryLane,
  type PlainName,
  plain,
  structured,
} from "./opcodes.ts";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

const typeByte: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const funcref = 0x70;
const noValue = 0x40;

const convert = new DataView(new ArrayBuffer(8));

/** A growing run of bytes. */
export class Bytes {
  data = new Uint8Array(256);
  length = 0;

  private room(count: number): void {
    if (this.length + count <= this.data.length) return;
    const grown = new Uint8Array(Math.max(this.length + count, this.data.length * 2));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }
  byte(value: number): void {
    this.room(1);
    this.data[this.length++] = value;
  }
  bytes(values: ArrayLike<number>, count = values.length): void {
    this.room(count);
    if (values instanceof Uint8Array) {
      this.data.set(count === values.length ? values : values.subarray(0, count), this.length);
      this.length += count;
    } else for (let k = 0; k < count; k++) this.data[this.length++] = values[k]!;
  }
  /** Unsigned LEB128. */
  u32(value: number): void {
    this.room(5);
    let rest = value;
    while (rest >= 0x80) {
      this.data[this.length++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.data[this.length++] = rest;
  }
  /** Signed LEB128 of 32 bits. */
  s32(value: number): void {
    this.room(5);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.data[this.length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.data[this.length++] = rest & 0x7f;
  }
  /** Signed LEB128 of 64 bits. */
  s64(value: bigint): void {
    this.room(10);
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.data[this.length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.data[this.length++] = Number(rest & 0x7fn);
  }
  f32(value: number): void {
    convert.setFloat32(0, value, true);
    for (let k = 0; k < 4; k++) this.byte(convert.getUint8(k));
  }
  f64(value: number): void {
    convert.setFloat64(0, value, true);
    for (let k = 0; k < 8; k++) this.byte(convert.getUint8(k));
  }
  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.u32(encoded.length);
    this.bytes(encoded);
  }
  opcode(code: number): void {
    if (code > 0xff) {
      this.byte(code >>> 16);
      this.u32(code & 0xffff);
    } else this.byte(code);
  }
}

/** What a branch goes to: the end of a block, or the beginning of a loop. */
export class Target {
  /** Number of constructs around it. */
  readonly depth: number;
  constructor(depth: number) {
    this.depth = depth;
  }
}

/** The code of one function. Instructions take operands from the stack and leave results there, in the order in which the methods are called. */
export class Body {
  /** Where instructions go. It may be replaced for a while by another one, which {@link append} puts in its place later. */
  code = new Bytes();
  /** Index of the function in the module. */
  readonly index: number;
  readonly type: number;
  readonly locals: ValueType[] = [];
  private readonly parameters: number;
  private depth = 0;

  constructor(index: number, type: number, parameters: number) {
    this.index = index;
    this.type = type;
    this.parameters = parameters;
  }

  /** A new local variable, 0 at the start. Parameters are locals 0, 1, … */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.parameters + this.locals.length - 1;
  }
  get(local: number): void {
    this.code.byte(structured["local.get"]);
    this.code.u32(local);
  }
  set(local: number): void {
    this.code.byte(structured["local.set"]);
    this.code.u32(local);
  }
  tee(local: number): void {
    this.code.byte(structured["local.tee"]);
    this.code.u32(local);
  }

  i32(value: number): void {
    this.code.byte(structured["i32.const"]);
    this.code.s32(value);
  }
  i64(value: bigint): void {
    this.code.byte(structured["i64.const"]);
    this.code.s64(value);
  }
  f32(value: number): void {
    this.code.byte(structured["f32.const"]);
    this.code.f32(value);
  }
  f64(value: number): void {
    this.code.byte(structured["f64.const"]);
    this.code.f64(value);
  }
  /** A vector of sixteen bytes. */
  v128(bytes: ArrayLike<number>): void {
    this.code.opcode(structured["v128.const"]);
    this.code.bytes(bytes, 16);
  }

  append(code: Bytes): void {
    this.code.bytes(code.data, code.length);
  }

  op(name: PlainName): void {
    this.code.opcode(plain[name]);
  }
  /** A load or store at the address on the stack plus `offset`. */
  memory(name: MemoryName, offset = 0): void {
    const [code, align] = memory[name];
    this.code.opcode(code);
    this.code.byte(align);
    this.code.u32(offset);
  }
  lane(name: LaneName, index: number): void {
    this.code.opcode(lane[name]);
    this.code.byte(index);
  }
  memoryLane(name: MemoryLaneName, index: number, offset = 0): void {
    const [code, align] = memoryLane[name];
    this.code.opcode(code);
    this.code.byte(align);
    this.code.u32(offset);
    this.code.byte(index);
  }
  /** Byte k of the result is byte `bytes[k]` of the two operands side by side. */
  shuffle(bytes: ArrayLike<number>): void {
    this.code.opcode(structured["i8x16.shuffle"]);
    this.code.bytes(bytes, 16);
  }
  /** Takes target, source and length from the stack. */
  memoryCopy(): void {
    this.code.opcode(structured["memory.copy"]);
    this.code.bytes([0, 0]);
  }
  /** Takes target, byte and length from the stack. */
  memoryFill(): void {
    this.code.opcode(structured["memory.fill"]);
    this.code.byte(0);
  }
  fence(): void {
    this.code.opcode(structured["atomic.fence"]);
    this.code.byte(0);
  }

  call(index: number): void {
    this.code.byte(structured.call);
    this.code.u32(index);
  }
  /** Calls the function of this type at the table index on the stack. */
  callIndirect(type: number): void {
    this.code.byte(structured.call_indirect);
    this.code.u32(type);
    this.code.byte(0);
  }

  /** `{ … }`: a branch to its target leaves it. */
  block(inside: (end: Target) => void, result: ValueType | null = null): void {
    this.construct(structured.block, inside, result);
  }
  /** A branch to its target begins the next round; without one the loop is left. */
  loop(inside: (again: Target) => void): void {
    this.construct(structured.loop, inside, null);
  }
  /** Runs `yes` when the i32 on the stack is not 0, else `no`. */
  if(yes: (end: Target) => void, no: ((end: Target) => void) | null = null, result: ValueType | null = null): void {
    this.construct(
      structured.if,
      (end) => {
        yes(end);
        if (no === null) return;
        this.code.byte(structured.else);
        no(end);
      },
      result,
    );
  }
  private construct(code: number, inside: (target: Target) => void, result: ValueType | null): void {
    this.code.byte(code);
    this.code.byte(result === null ? noValue : typeByte[result]);
    const target = new Target(++this.depth);
    inside(target);
    this.depth--;
    this.code.byte(structured.end);
  }
  branch(to: Target): void {
    this.code.byte(structured.br);
    this.code.u32(this.depth - to.depth);
  }
  /** Branches when the i32 on the stack is not 0. */
  branchIf(to: Target): void {
    this.code.byte(structured.br_if);
    this.code.u32(this.depth - to.depth);
  }
}

/** A memory to import: sizes in pages of 64 KiB. */
export interface MemoryLimits {
  readonly minimum: number;
  readonly maximum: number;
  readonly shared: boolean;
}

/** Collects the parts of a module. Imports come before the first function. */
export class ModuleWriter {
  private readonly types: {
    readonly key: string;
    readonly parameters: readonly ValueType[];
    readonly results: readonly ValueType[];
  }[] = [];
  private readonly imports = new Bytes();
  private importCount = 0;
  private importedFunctions = 0;
  private readonly bodies: Body[] = [];
  private readonly exports: { readonly name: string; readonly body: Body }[] = [];
  private readonly names: { readonly name: string; readonly body: Body }[] = [];

  /** Number of a function type. */
  type(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${parameters}>${results}`;
    const known = this.types.findIndex((t) => t.key === key);
    if (known >= 0) return known;
    return this.types.push({ key, parameters, results }) - 1;
  }

  private import(module: string, name: string, kind: number): void {
    if (this.bodies.length > 0) throw new Error("imports come before functions");
    this.importCount++;
    this.imports.text(module);
    this.imports.text(name);
    this.imports.byte(kind);
  }
  /** Imports a function; returns its index for `call`. */
  importFunction(module: string, name: string, parameters: readonly ValueType[], results: readonly ValueType[]): number {
    this.import(module, name, 0);
    this.imports.u32(this.type(parameters, results));
    return this.importedFunctions++;
  }
  /** Imports the table of functions that `callIndirect` calls. */
  importTable(module: string, name: string): void {
    this.import(module, name, 1);
    this.imports.bytes([funcref, 0, 0]);
  }
  importMemory(module: string, name: string, { minimum, maximum, shared }: MemoryLimits): void {
    this.import(module, name, 2);
    this.imports.byte(shared ? 3 : 1);
    this.imports.u32(minimum);
    this.imports.u32(maximum);
  }

  function(parameters: readonly ValueType[], results: readonly ValueType[]): Body {
    const body = new Body(this.importedFunctions + this.bodies.length, this.type(parameters, results), parameters.length);
    this.bodies.push(body);
    return body;
  }
  export(name: string, body: Body): void {
    this.exports.push({ name, body });
  }
  /** What profilers and stack traces call a function. */
  name(body: Body, name: string): void {
    this.names.push({ name, body });
  }

  /** The module's bytes. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Bytes();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    section(out, 1, this.types.length, (to) => {
      for (const { parameters, results } of this.types) {
        to.byte(0x60);
        for (const list of [parameters, results]) {
          to.u32(list.length);
          for (const t of list) to.byte(typeByte[t]);
        }
      }
    });
    section(out, 2, this.importCount, (to) => to.bytes(this.imports.data, this.imports.length));
    section(out, 3, this.bodies.length, (to) => {
      for (const b of this.bodies) to.u32(b.type);
    });
    section(out, 7, this.exports.length, (to) => {
      for (const { name, body } of this.exports) {
        to.text(name);
        to.byte(0);
        to.u32(body.index);
      }
    });
    section(out, 10, this.bodies.length, (to) => {
      const one = new Bytes();
      for (const b of this.bodies) {
        one.length = 0;
        writeLocals(one, b.locals);
        one.bytes(b.code.data, b.code.length);
        one.byte(structured.end);
        to.u32(one.length);
        to.bytes(one.data, one.length);
      }
    });
    if (this.names.length > 0) this.writeNames(out);
    return out.data.slice(0, out.length);
  }

  /** A custom section; functions in ascending order. */
  private writeNames(out: Bytes): void {
    const list = new Bytes();
    const names = this.names.toSorted((a, b) => a.body.index - b.body.index);
    list.u32(names.length);
    for (const { name, body } of names) {
      list.u32(body.index);
      list.text(name);
    }
    const content = new Bytes();
    content.text("name");
    content.byte(1); // names of functions
    content.u32(list.length);
    content.bytes(list.data, list.length);
    out.byte(0);
    out.u32(content.length);
    out.bytes(content.data, content.length);
  }
}

function section(out: Bytes, id: number, count: number, write: (to: Bytes) => void): void {
  if (count === 0) return;
  const content = new Bytes();
  content.u32(count);
  write(content);
  out.byte(id);
  out.u32(content.length);
  out.bytes(content.data, content.length);
}

/** Locals in runs of one type. */
function writeLocals(to: Bytes, locals: readonly ValueType[]): void {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  to.u32(runs.length);
  for (const { type, count } of runs) {
    to.u32(count);
    to.byte(typeByte[type]);
  }
}
