/**
 * The state of a compilation: frames into which code is put, what they hold already, and short ways to write instructions.
 *
 * All values of a kernel are 128-bit vectors, also single ones, which lie in lane 0; bools are lanes of all ones or zeros. Addresses and counters are i32 locals.
 */
import { Constant, type Frame, Frames, type Known } from "../kernel/frames.ts";
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

export type Value = Local | Constant;

interface BytesFrame extends Frame<Local> {
  readonly code: Bytes;
  /** Locals in use until the frame is left, and until the end of the present scope. */
  readonly kept: Local[];
  readonly temporary: Local[];
}

/** Functions that kernels import: of three and of two f64. */
export interface Imported {
  readonly fma: number;
  readonly remainder: number;
}

export class Code extends Frames<Local, BytesFrame> {
  readonly body: Body;
  readonly imported: Imported;
  /** The engine's relaxed multiply-add may be used where rounding twice is allowed. */
  readonly relaxed: boolean;
  /** Index of the frame into which code goes; usually the last. */
  place = 0;
  /**
   * Locals that are free again. Those of one depth are never used in another: code that is hoisted runs before code that was made earlier, but never before
   * code of its own depth.
   */
  private readonly free: Map<ValueType, Local[]>[] = [];

  constructor(body: Body, imported: Imported, relaxed: boolean) {
    super();
    this.body = body;
    this.imported = imported;
    this.relaxed = relaxed;
    this.frames.push(newFrame("root", body.code));
  }

  enter(kind: BytesFrame["kind"]): void {
    this.frames.push(newFrame(kind, new Bytes()));
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
  override inFrame<T>(level: number, make: () => T): T {
    const { place } = this;
    this.place = level;
    this.body.code = this.frames[level]!.code;
    const result = make();
    this.place = place;
    this.body.code = this.frames[place]!.code;
    return result;
  }
  /** The local that `make` returns is in use for as long as the frame. */
  override keep(key: number | string, level: number, make: () => Value): Known<Local> {
    return super.keep(key, level, () => {
      const result = this.scope(make);
      const { temporary, kept } = this.frames[level]!;
      if (result instanceof Local && temporary.at(-1) === result) kept.push(temporary.pop()!);
      return result;
    });
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

function newFrame(kind: BytesFrame["kind"], code: Bytes): BytesFrame {
  return { kind, code, known: new Map(), kept: [], temporary: [] };
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
