/**
 * The uniform block of a kernel: what a call tells it beside its buffers. Pipelines do not depend on sizes, because all of them stand here.
 */
import type { Expr, ScalarType } from "../../../ir/expr.ts";
import type { LoopKernel, Stmt } from "../../../ir/loops.ts";

/** Where arguments stand in the uniform block, in words of 32 bits. */
export const zeroWord = 0;
export const totalWord = 1;
export const residuesWord = 2;
const headerWords = 3;

export interface ParamSlot {
  readonly k: number;
  readonly type: ScalarType;
  readonly word: number;
}

/** The uniform block of a kernel: the header, each buffer's first element, the integers, the parameters as the kernel reads them. */
export class ArgumentLayout {
  readonly offsets = headerWords;
  readonly ints: number;
  readonly params: readonly ParamSlot[];
  /** Bytes, a multiple of 16. */
  readonly bytes: number;

  constructor(kernel: LoopKernel) {
    this.ints = this.offsets + kernel.buffers.length;
    let word = this.ints + kernel.ints;
    const params = new Map<string, ParamSlot>();
    forEachExpression(kernel.body, (e) => {
      if (e.op !== "param" || params.has(`${e.value}${e.type}`)) return;
      params.set(`${e.value}${e.type}`, { k: e.value as number, type: e.type, word });
      word += e.type === "i64" || e.type === "f64" ? 2 : 1;
    });
    this.params = [...params.values()];
    this.bytes = Math.ceil(word / 4) * 16;
  }

  param(e: Expr): ParamSlot {
    return this.params.find((p) => p.k === e.value && p.type === e.type)!;
  }
}

/** Calls `visit` for every part of every expression, some parts more than once. */
export function forEachExpression(body: readonly Stmt[], visit: (e: Expr) => void): void {
  const seen = new Set<Expr>();
  const walk = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    visit(e);
    for (const a of e.args) walk(a);
  };
  for (const s of body) {
    switch (s.kind) {
      case "loop":
        forEachExpression(s.body, visit);
        break;
      case "let":
        walk(s.value);
        break;
      case "accumulators":
        s.init.forEach(walk);
        break;
      case "accumulate":
        s.values.forEach(walk);
        break;
      case "store":
        walk(s.value);
        if (s.access.dynamic) walk(s.access.dynamic.index);
        break;
      case "if":
        walk(s.condition);
        forEachExpression(s.body, visit);
        break;
    }
  }
}
