/**
 * Short ways to write the statements of loop kernels.
 */
import type { DType } from "../core/dtype.ts";
import type { Expr, ScalarType } from "./expr.ts";
import type { Access, CombineOp, Int, LoopKernel, LoopVar, Stmt } from "./loops.ts";

/** Integer argument `n` of the kernel. */
export function argument(n: number): Int {
  return { arg: n };
}
export function loop(counter: LoopVar, extent: Int, body: readonly Stmt[]): Stmt {
  return { kind: "loop", loop: counter, extent, vector: false, body };
}
/** The loop whose rounds may run in lanes. */
export function vectorLoop(counter: LoopVar, extent: Int, body: readonly Stmt[]): Stmt {
  return { kind: "loop", loop: counter, extent, vector: true, body };
}
/** Element `sum of counter * stride` of a buffer. */
export function at(buffer: number, ...terms: readonly (readonly [counter: LoopVar, stride: Int])[]): Access {
  return { buffer, terms: terms.map(([counter, stride]) => ({ loop: counter, stride })) };
}
export function store(access: Access, value: Expr): Stmt {
  return { kind: "store", access, value };
}
/** Names a value. */
export function define(id: number, value: Expr): Stmt {
  return { kind: "let", id, value };
}
/** Accumulators with where they begin. */
export function accumulators(...list: readonly (readonly [id: number, init: Expr])[]): Stmt {
  const types = list.map(([, { type }]): ScalarType => type);
  return { kind: "accumulators", ids: list.map(([id]) => id), types, init: list.map(([, init]) => init) };
}
export function accumulate(ids: readonly number[], op: CombineOp, values: readonly Expr[]): Stmt {
  return { kind: "accumulate", ids, op, values };
}
export function when(condition: Expr, body: readonly Stmt[]): Stmt {
  return { kind: "if", condition, body };
}
/** A buffer that a kernel reads, unless told. */
export function buffer(dtype: DType, access: "read" | "write" | "update" = "read"): LoopKernel["buffers"][number] {
  return { dtype, access };
}
