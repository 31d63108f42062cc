/**
 * The loop IR: the small language to which `map` and `row` are lowered on CPU targets, and in which ops with odd access patterns are written. Sizes, strides and
 * parameters are run-time arguments, so that a new batch size compiles nothing.
 *
 * A kernel's arguments are one block of float64 slots: slot 0 belongs to the launcher (on x64 the code's address), then one slot per buffer (on x64 the machine
 * address of its first element), per integer, and per parameter, in this order. A kernel knows nothing of threads: the launcher cuts the work by moving
 * buffers and shortening one extent.
 */
import type { DType } from "../core/dtype.ts";
import { Expr, type ScalarType } from "./expr.ts";

/** A loop's counter: runs from 0 to its extent - 1. */
export class LoopVar {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** An integer: a constant, or integer argument `arg` of the block. */
export type Int = number | { readonly arg: number };

/** Element position in a buffer: the sum of `loop * stride` over the terms, plus `dynamic * dynamicStride` when it is computed (a gather), plus `offset`. */
export interface Access {
  readonly buffer: number;
  readonly terms: readonly { readonly loop: LoopVar; readonly stride: Int }[];
  readonly offset?: Int;
  readonly dynamic?: { readonly index: Expr; readonly stride: Int };
}

export type Stmt =
  /**
   * A loop. `vector`: iterations are independent but for `accumulate`, and the target may run them in lanes; at most one loop of a nest is a vector loop, and
   * inside it `loop` statements are run by all lanes together (their extents do not depend on the lane).
   */
  | {
      readonly kind: "loop";
      readonly loop: LoopVar;
      readonly extent: Int;
      readonly vector: boolean;
      readonly body: readonly Stmt[];
    }
  /** Names a value; it is seen by the statements after it in the same body and in bodies nested there. */
  | { readonly kind: "let"; readonly id: number; readonly value: Expr }
  /**
   * Declares mutable accumulators, in scope like a `let`; read as `local` ids. Declared outside of the vector loop and updated inside, they are combined over
   * the lanes at its end; declared inside of it, they are per lane.
   */
  | {
      readonly kind: "accumulators";
      readonly ids: readonly number[];
      readonly types: readonly ScalarType[];
      readonly init: readonly Expr[];
    }
  /** id = id op value, see {@link CombineOp}. For argmax and argmin `ids` are the value and its i64 index, and `values` the candidate pair. */
  | { readonly kind: "accumulate"; readonly ids: readonly number[]; readonly op: CombineOp; readonly values: readonly Expr[] }
  | { readonly kind: "store"; readonly access: Access; readonly value: Expr }
  /** Runs `body` when `condition` holds. Not inside a vector loop (use `select` there). */
  | { readonly kind: "if"; readonly condition: Expr; readonly body: readonly Stmt[] };

/** `add`, `mul`, `max`, `min` (NaN wins), `or`, `and`; `argmax`/`argmin`: the first of the extreme values, NaN the most extreme; `set`: the value replaces it. */
export type CombineOp = "add" | "mul" | "max" | "min" | "or" | "and" | "argmax" | "argmin" | "set";

export interface LoopKernel {
  readonly name: string;
  readonly buffers: readonly { readonly dtype: DType; readonly access: "read" | "write" | "update" }[];
  /** Number of integer arguments (extents, strides). Strides count elements. */
  readonly ints: number;
  /** Number of float64 parameters. */
  readonly params: number;
  readonly body: readonly Stmt[];
}

/** An element of a buffer, converted to the compute type of its dtype. */
export function load(access: Access, type: ScalarType): Expr {
  return new Expr("load", type, access.dynamic ? [access.dynamic.index] : [], 0, access);
}
/** A `let` or an accumulator. */
export function local(id: number, type: ScalarType): Expr {
  return new Expr("local", type, [], id);
}
/** A loop's counter as an i64. */
export function index(loop: LoopVar): Expr {
  return new Expr("index", "i64", [], 0, loop);
}
/** An integer argument as an i64. */
export function extent(int: Int): Expr {
  return new Expr("extent", "i64", [], 0, int);
}
