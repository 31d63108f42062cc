/**
 * Where reductions begin.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { CombineOp } from "../../../ir/loops.ts";

/** The value with which partial results start: for argmax and argmin (k = 1: the position) behind every other. */
export function neutralOf(op: CombineOp, k: number, type: ScalarType): number | bigint {
  const least = type === "i64" ? -(2n ** 63n) : type === "i32" ? -(2 ** 31) : type === "bool" ? 0 : -Infinity;
  const most = type === "i64" ? 2n ** 63n - 1n : type === "i32" ? 2 ** 31 - 1 : type === "bool" ? 1 : Infinity;
  switch (op) {
    case "mul":
      return 1;
    case "max":
      return least;
    case "min":
      return most;
    case "and":
      return type === "bool" ? 1 : -1;
    case "argmax":
      return k === 1 ? most : least;
    case "argmin":
      return most;
    default:
      return 0;
  }
}
