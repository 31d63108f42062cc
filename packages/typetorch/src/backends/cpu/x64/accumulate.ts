/**
 * Accumulators: one step of a reduction, and the lanes of partial results brought together.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { CombineOp } from "../../../ir/loops.ts";
import { Constant } from "../kernel/frames.ts";
import type { Code, Value } from "./code.ts";
import { Instruction, View, Virtual } from "./machine.ts";
import { choose, extreme, multiply } from "./operations.ts";
import { precedes, render, replaces, sameRank } from "./renderTable.ts";
import { rax, rcx } from "./registers.ts";

export function fresh(c: Code, type: ScalarType): Virtual {
  return type === "bool" && c.avx512 ? new Virtual("k", 8) : new Virtual("v", c.bytesOf(type));
}

export function copyTo(c: Code, to: Virtual, from: Value, type: ScalarType): void {
  if (to.kind === "k") {
    const source = from instanceof Constant ? c.boolConstant(Boolean(from.value)) : from;
    c.put(new Instruction("kmovq", [to, source]));
    return;
  }
  const bytes = to.bytes as 16 | 32 | 64;
  const source = from instanceof Constant && type === "bool" ? c.boolConstant(Boolean(from.value)) : from;
  c.put(new Instruction("vmovaps", [to, c.register(source, bytes)]));
}

/** registers = registers op values, in the lanes of `active`. `inOrder`: the values come later than what the registers hold (argmax and argmin). */
export function combine(
  c: Code,
  op: CombineOp,
  types: readonly ScalarType[],
  registers: readonly Virtual[],
  values: readonly Value[],
  active: Virtual | null,
  inOrder = false,
): void {
  const [type] = types as [ScalarType];
  const [a] = registers as [Virtual];
  const [x] = values as [Value];
  if (op === "argmax" || op === "argmin") {
    const order = op === "argmax" ? "gt" : "lt";
    let take: Value;
    if (inOrder) take = replaces(c, order, type, x, a);
    else {
      const earlier = render.lt(c, "bool", [values[1]!, registers[1]!], "i64");
      const tie = render.and(c, "bool", [sameRank(c, type, x, a), earlier], "bool");
      take = render.or(c, "bool", [precedes(c, order, type, x, a), tie], "bool");
    }
    if (active !== null) take = render.and(c, "bool", [take, active], "bool");
    const first = choose(c, type, take, x, a);
    const second = choose(c, "i64", take, values[1]!, registers[1]!);
    copyTo(c, a, first, type);
    copyTo(c, registers[1]!, second, "i64");
    return;
  }
  if (op === "set") {
    copyTo(c, a, x, type);
    return;
  }
  let next: Value;
  switch (op) {
    case "max":
    case "min":
      next = extreme(c, op, type, a, x);
      break;
    case "mul":
      next = multiply(c, type, a, x);
      break;
    default:
      next = render[op](c, type, [a, x], type);
  }
  if (active !== null) {
    next = choose(c, type, active, next, a);
  }
  const last = c.block.items.at(-1);
  if (next instanceof Virtual && last instanceof Instruction && last.operands[0] === next && last.defines && last.emit === null) {
    last.operands = [a, ...last.operands.slice(1)];
  } else copyTo(c, a, next, type);
}

/** The upper half of the first `bytes` bytes of a vector. */
export function upperHalf(c: Code, x: Virtual, bytes: number): Virtual {
  switch (bytes) {
    case 64:
      return c.v("vextractf64x4", 32, x, 1);
    case 32:
      return c.v(c.avx512 ? "vextractf32x4" : "vextractf128", 16, new View(x, 32), 1);
    case 16:
      return c.v("vpshufd", 16, new View(x, 16), 0xee);
    default:
      return c.v("vpshufd", 16, new View(x, 16), 0x55);
  }
}

/** Whether any lane of a bool holds, or all, as a bool of one lane. */
export function anyOrAll(c: Code, x: Virtual, all: boolean, lanes: number): Virtual {
  if (c.avx512) {
    return c.customResult("k", 8, [x], ({ asm, mask }, d) => {
      const full = 2 ** lanes - 1;
      asm.op("kmovd", rax.d, mask(x));
      asm.and(rax.d, full);
      asm.xor(rcx.d, rcx.d);
      asm.cmp(rax.d, all ? full : 0);
      asm.setcc(all ? "e" : "ne", rcx);
      asm.op("kmovd", mask(d), rcx.d);
    });
  }
  return c.customResult("v", 16, [x], ({ asm, vec }, d) => {
    const v = vec(x);
    asm.op("vmovmskps", rax.d, v);
    asm.xor(rcx.d, rcx.d);
    asm.cmp(rax.d, all ? 2 ** (v.bytes / 4) - 1 : 0);
    asm.setcc(all ? "e" : "ne", rcx);
    asm.neg(rcx);
    asm.op("vmovq", vec(d, 16), rcx);
  });
}
