/**
 * Accumulators: one step of a reduction, and the lanes of partial results brought together.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { CombineOp } from "../../../ir/loops.ts";
import { Constant } from "../kernel/frames.ts";
import type { Code, Local, Value } from "./code.ts";
import { choose, extreme, multiply, precedes, render, sameRank } from "./renderTable.ts";

export function copyTo(c: Code, to: Local, from: Value): void {
  c.push(from);
  c.set(to);
}

/** locals = locals op values. `inOrder`: the values come later than what the locals hold (argmax and argmin). */
export function combine(
  c: Code,
  op: CombineOp,
  types: readonly ScalarType[],
  locals: readonly Local[],
  values: readonly Value[],
  inOrder = false,
): void {
  const [type] = types as [ScalarType];
  const [a] = locals as [Local];
  const [x] = values as [Value];
  switch (op) {
    case "argmax":
    case "argmin": {
      let take = precedes(c, op === "argmax" ? "gt" : "lt", type, x, a);
      if (!inOrder) {
        const earlier = render.lt(c, "bool", [values[1]!, locals[1]!], "i64");
        take = c.v("v128.or", take, c.v("v128.and", sameRank(c, type, x, a), earlier));
      }
      const first = choose(c, type, take, x, a);
      const second = choose(c, "i64", take, values[1]!, locals[1]!);
      copyTo(c, a, first);
      copyTo(c, locals[1]!, second);
      return;
    }
    case "set":
      copyTo(c, a, x);
      return;
    case "max":
    case "min":
      copyTo(c, a, extreme(c, op, type, a, x));
      return;
    case "mul":
      copyTo(c, a, multiply(c, type, a, x));
      return;
    default:
      copyTo(c, a, render[op](c, type, [a, x], type));
  }
}

/** The upper half of the first `bytes` bytes of a vector. */
export function upperHalf(c: Code, x: Value, bytes: 8 | 16): Local {
  return bytes === 16 ? c.pick(x, x, [2, 3, 2, 3]) : c.pick(x, x, [1, 1, 1, 1]);
}

/** Whether any lane of a bool holds, or all, as a bool in all lanes. */
export function anyOrAll(c: Code, x: Value, all: boolean): Local {
  const found = c.hold("i32", () => {
    c.push(x);
    c.body.op(all ? "i32x4.all_true" : "v128.any_true");
  });
  return c.v(
    "i32x4.neg",
    c.hold("v128", () => {
      c.body.get(found.index);
      c.body.op("i32x4.splat");
    }),
  );
}

/** Lane 0 of a value in all lanes. */
export function spread(c: Code, type: ScalarType, value: Value): Value {
  if (value instanceof Constant) return value;
  const size = type === "bool" ? c.boolBytes : type === "f32" || type === "i32" ? 4 : 8;
  return size === 4 ? c.pick(value, value, [0, 0, 0, 0]) : c.pick(value, value, [0, 1, 0, 1]);
}
