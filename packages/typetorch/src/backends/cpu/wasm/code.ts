/**
 * The state of a compilation: frames into which code is put, what they hold already, and short ways to write instructions.
 *
 * All values of a kernel are 128-bit vectors, also single ones, which lie in lane 0; bools are lanes of all ones or zeros. Addresses and counters are i32 locals.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { LoopVar } from "../../../ir/loops.ts";
import { type Body, Bytes, type ValueType } from "./module.ts";
import type { LaneName, PlainName } from "./opcodes.ts";

/** A local variable of the function. */
export class Local {
  readonly index: number;
  readonly type: ValueType;
  constructor(index: number, type: ValueType) {
    this.index = index;
    this.type = type;
  }
}

/** A constant of an expression, the same in all lanes. */
export class Constant {
  readonly type: ScalarType;
  readonly value: number | bigint;
  constructor(type: ScalarType, value: number | bigint) {
    this.type = type;
    this.value = value;
  }
}

export type Value = Local | Constant;

/** Bytes of an element of a type; bool has no fixed size. */
export const sizeOf: Readonly<Record<Exclude<ScalarType, "bool">, 4 | 8>> = { f32: 4, i32: 4, f64: 8, i64: 8 };

/**
 * A place for code. `before`: runs once before a loop; `body`: the loop's body; `if`: a body that may be skipped. Values are known from their frame inwards.
 */
export interface Frame {
  readonly kind: "root" | "before" | "body" | "if";
  readonly code: Bytes;
  readonly known: Map<number | string, Known>;
  readonly loop: LoopVar | null;
  /** Locals in use until the frame is left, and until the end of the present scope. */
  readonly kept: Local[];
  readonly temporary: Local[];
}
export interface Known {
  readonly value: Value;
  /** Index of the frame that holds it. */
  readonly level: number;
}

/** Functions that kernels import: of three and of two f64. */
export interface Imported {
  readonly fma: number;
  readonly remainder: number;
}

export class Code {
  readonly body: Body;
  readonly imported: Imported;
  /** The engine's relaxed multiply-add may be used where rounding twice is allowed. */
  readonly relaxed: boolean;
  readonly frames: Frame[] = [];
  /** Index of the frame into which code goes; usually the last. */
  place = 0;
  /** Lanes of the values being computed. */
  lanes = 1;
  /** Bytes of a lane of a bool. */
  boolBytes: 4 | 8 = 4;
  /**
   * Locals that are free again. Those of one depth are never used in another: code that is hoisted runs before code that was made earlier, but never before
   * code of its own depth.
   */
  private readonly free: Map<ValueType, Local[]>[] = [];

  constructor(body: Body, imported: Imported, relaxed: boolean) {
    this.body = body;
    this.imported = imported;
    this.relaxed = relaxed;
    this.frames.push(newFrame("root", body.code, null));
  }

  get top(): number {
    return this.frames.length - 1;
  }
  enter(kind: Frame["kind"], loop: LoopVar | null = null): void {
    this.frames.push(newFrame(kind, new Bytes(), loop));
    this.place = this.top;
    this.body.code = this.frames[this.place]!.code;
  }
  /** Goes back to the frame around; what was put into the one that is left is returned, for {@link Body.append}. */
  leave(): Bytes {
    const { code, kept, temporary } = this.frames.pop()!;
    for (const l of kept) this.giveBack(l, this.top + 1);
    for (const l of temporary) this.giveBack(l, this.top + 1);
    this.place = this.top;
    this.body.code = this.frames[this.place]!.code;
    return code;
  }
  /** The outermost frame where a value that is known from frame `level` on can be computed. */
  outermost(level: number): number {
    if (level >= this.top) return this.top;
    return this.frames[level]!.kind === "before" ? level : level + 1;
  }
  /** Does `make` with the code going to a frame further out. */
  inFrame<T>(level: number, make: () => T): T {
    const { place } = this;
    this.place = level;
    this.body.code = this.frames[level]!.code;
    const result = make();
    this.place = place;
    this.body.code = this.frames[place]!.code;
    return result;
  }
  find(key: number | string): Known | undefined {
    for (let i = this.top; i >= 0; i--) {
      const known = this.frames[i]!.known.get(key);
      if (known !== undefined) return known;
    }
    return undefined;
  }
  /** What `make` makes in a frame, kept for as long as the frame. */
  keep(key: number | string, level: number, make: () => Value): Known {
    const value = this.inFrame(level, () => {
      const result = this.scope(make);
      const { temporary, kept } = this.frames[level]!;
      if (result instanceof Local && temporary.at(-1) === result) kept.push(temporary.pop()!);
      return result;
    });
    const known = { value, level };
    this.frames[level]!.known.set(key, known);
    return known;
  }
  /** The local of this name, made in the outermost frame that `level` allows when it is not there yet. */
  once(key: string, level: number, make: () => Local): Local {
    const known = this.find(key) ?? this.keep(key, this.outermost(level), make);
    return known.value as Local;
  }

  // ---- locals

  private fresh(type: ValueType): Local {
    return this.free[this.place]?.get(type)?.pop() ?? new Local(this.body.local(type), type);
  }
  private giveBack(local: Local, depth: number): void {
    this.free[depth] ??= new Map();
    const list = this.free[depth].get(local.type);
    if (list === undefined) this.free[depth].set(local.type, [local]);
    else list.push(local);
  }
  /** A local for as long as the frame into which code goes. */
  variable(type: ValueType): Local {
    const local = this.fresh(type);
    this.frames[this.place]!.kept.push(local);
    return local;
  }
  private temporary(type: ValueType): Local {
    const local = this.fresh(type);
    this.frames[this.place]!.temporary.push(local);
    return local;
  }
  /** Frees the temporary locals that `make` took, but for its result. */
  scope<T>(make: () => T): T {
    const { temporary } = this.frames[this.place]!;
    const mark = temporary.length;
    const result = make();
    let keep: Local | null = null;
    while (temporary.length > mark) {
      const local = temporary.pop()!;
      if (local === result) keep = local;
      else this.giveBack(local, this.place);
    }
    if (keep !== null) temporary.push(keep);
    return result;
  }

  // ---- instructions

  /** Puts a value on the stack. */
  push(value: Value): void {
    if (value instanceof Local) this.body.get(value.index);
    else this.body.v128(bytesOf(value));
  }
  set(local: Local): void {
    this.body.set(local.index);
  }
  /** A new local that holds what `push` leaves on the stack. */
  hold(type: ValueType, push: () => void): Local {
    push();
    const local = this.temporary(type);
    this.body.set(local.index);
    return local;
  }
  /** The result of a vector instruction. */
  v(name: PlainName, ...args: readonly Value[]): Local {
    return this.hold("v128", () => {
      for (const a of args) this.push(a);
      this.body.op(name);
    });
  }
  /** A vector shifted by a constant. */
  shift(name: PlainName, a: Value, by: number): Local {
    return this.hold("v128", () => {
      this.push(a);
      this.body.i32(by);
      this.body.op(name);
    });
  }
  /** yes where mask has ones, else no. */
  blend(mask: Value, yes: Value, no: Value): Local {
    return this.v("v128.bitselect", yes, no, mask);
  }
  shuffle(a: Value, b: Value, bytes: readonly number[]): Local {
    return this.hold("v128", () => {
      this.push(a);
      this.push(b);
      this.body.shuffle(bytes);
    });
  }
  /** Lanes of four bytes, chosen from those of a (0 to 3) and b (4 to 7). */
  pick(a: Value, b: Value, lanes: readonly number[]): Local {
    return this.shuffle(
      a,
      b,
      lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]),
    );
  }
  lane(value: Value, name: LaneName, index: number): void {
    this.push(value);
    this.body.lane(name, index);
  }
  /** A vector whose lane l is what `each(l)` leaves on the stack, for the lanes in use. */
  byLanes(type: "f32" | "f64" | "i32" | "i64", each: (lane: number) => void): Local {
    const shape = vectorOf[type];
    let result = this.hold("v128", () => {
      each(0);
      this.body.op(`${shape}.splat`);
    });
    for (let l = 1; l < this.lanes; l++) {
      const before = result;
      result = this.hold("v128", () => {
        this.push(before);
        each(l);
        this.body.lane(`${shape}.replace_lane`, l);
      });
    }
    return result;
  }

  // ---- bools

  boolConstant(value: boolean): Constant {
    return new Constant("bool", value ? 1 : 0);
  }
  /** Lanes of ones and zeros of `size` bytes as a bool. */
  boolFrom(mask: Local, size: 4 | 8): Local {
    return this.resizeMask(mask, size, this.boolBytes);
  }
  /** A bool as lanes of `size` bytes. */
  boolAs(value: Value, size: 4 | 8): Value {
    return value instanceof Constant ? value : this.resizeMask(value, this.boolBytes, size);
  }
  private resizeMask(mask: Local, from: 4 | 8, to: 4 | 8): Local {
    if (from === to) return mask;
    if (to === 8) return this.v("i64x2.extend_low_i32x4_s", mask);
    return this.pick(mask, mask, [0, 2, 0, 2]);
  }

  // ---- integers

  /** Slot of the argument block as an address or a stride: modulo 2^32. */
  argument(slot: number): Local {
    return this.once(`arg${slot}`, 0, () =>
      this.hold("i32", () => {
        this.slot(slot);
        this.body.op("i64.trunc_sat_f64_s");
        this.body.op("i32.wrap_i64");
      }),
    );
  }
  /** Slot of the argument block as a number of rounds; stops the program where it is beyond 2^31. */
  count(slot: number): Local {
    return this.once(`count${slot}`, 0, () =>
      this.hold("i32", () => {
        this.slot(slot);
        this.body.op("i32.trunc_f64_s");
      }),
    );
  }
  /** Puts a slot of the block on the stack. */
  slot(slot: number): void {
    this.body.get(0);
    this.body.memory("f64.load", slot * 8);
  }
}

function newFrame(kind: Frame["kind"], code: Bytes, loop: LoopVar | null): Frame {
  return { kind, code, known: new Map(), loop, kept: [], temporary: [] };
}

/** The vector of a type's elements. */
export const vectorOf = { f32: "f32x4", f64: "f64x2", i32: "i32x4", i64: "i64x2" } as const;

const scratch = new DataView(new ArrayBuffer(16));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Sixteen bytes; bools are all ones or zeros. */
function bytesOf({ type, value }: Constant): Uint8Array {
  for (let at = 0; at < 16; at += 8) {
    switch (type) {
      case "f32":
        scratch.setFloat32(at, Number(value), true);
        scratch.setFloat32(at + 4, Number(value), true);
        break;
      case "f64":
        scratch.setFloat64(at, Number(value), true);
        break;
      case "i64":
        scratch.setBigInt64(at, BigInt.asIntN(64, typeof value === "bigint" ? value : BigInt(Math.trunc(value))), true);
        break;
      case "i32":
        scratch.setInt32(at, Number(value) | 0, true);
        scratch.setInt32(at + 4, Number(value) | 0, true);
        break;
      case "bool":
        scratch.setBigInt64(at, value ? -1n : 0n, true);
        break;
    }
  }
  return scratchBytes;
}
