/**
 * Where a compiler puts its code: frames, one inside of the other, and the values that each of them holds already.
 */
import type { ScalarType } from "../../../ir/expr.ts";

/** A constant of an expression. */
export class Constant {
  readonly type: ScalarType;
  readonly value: number | bigint;
  constructor(type: ScalarType, value: number | bigint) {
    this.type = type;
    this.value = value;
  }
}

/** Bytes of an element of a type; bool has no fixed size. */
export const sizeOf: Readonly<Record<Exclude<ScalarType, "bool">, 4 | 8>> = { f32: 4, i32: 4, f64: 8, i64: 8 };

export interface Known<Register> {
  readonly value: Register | Constant;
  /** Index of the frame that holds it. */
  readonly level: number;
}

/**
 * A place for code. `before`: runs once before a loop; `body`: the loop's body; `if`: a body that may be skipped. Values are known from their frame inwards.
 */
export interface Frame<Register> {
  readonly kind: "root" | "before" | "body" | "if";
  readonly known: Map<number | string, Known<Register>>;
}

/** The frames of a compilation. `Register`: what holds a value of the kernel, a register of machine code or a local of WebAssembly. */
export abstract class Frames<Register extends object, F extends Frame<Register> = Frame<Register>> {
  readonly frames: F[] = [];
  /** Lanes of the values being computed. */
  lanes = 1;
  /** Without mask registers: bytes of a lane of a bool. */
  boolBytes: 4 | 8 = 4;

  get top(): number {
    return this.frames.length - 1;
  }
  /** The outermost frame where a value that is known from frame `level` on can be computed. */
  outermost(level: number): number {
    if (level >= this.top) return this.top;
    return this.frames[level]!.kind === "before" ? level : level + 1;
  }
  /** Does `make` with the code going to a frame further out. */
  abstract inFrame<T>(level: number, make: () => T): T;

  find(key: number | string): Known<Register> | undefined {
    for (let i = this.top; i >= 0; i--) {
      const known = this.frames[i]!.known.get(key);
      if (known !== undefined) return known;
    }
    return undefined;
  }
  /** What `make` makes in a frame, known there from now on. */
  keep(key: number | string, level: number, make: () => Register | Constant): Known<Register> {
    const known = { value: this.inFrame(level, make), level };
    this.frames[level]!.known.set(key, known);
    return known;
  }
  /** The register of this name, made in the outermost frame that `level` allows when it is not there yet. */
  once(key: string, level: number, make: () => Register): Register {
    const known = this.find(key) ?? this.keep(key, this.outermost(level), make);
    return known.value as Register;
  }
}
