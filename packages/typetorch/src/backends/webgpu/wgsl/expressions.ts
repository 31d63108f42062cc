/**
 * Scalar expressions as WGSL text.
 */
import type { Expr, LeafPrimitive, Primitive, ScalarType } from "../../../ir/expr.ts";
import { renderPrimitive, constantText } from "./primitives.ts";

const leaves: ReadonlySet<Primitive> = new Set<LeafPrimitive>([
  ...(["input", "param", "accumulator", "column", "columns", "at", "local", "load", "index", "extent"] as const),
]);

/** Text of an expression. `leaf` writes what depends on the kernel; `rendered` gives the text of parts that have a name already. */
export function renderExpression(e: Expr, leaf: (e: Expr) => string, rendered: (e: Expr) => string): string {
  if (e.op === "const") return constantText(e.value, e.type);
  if (leaves.has(e.op)) return leaf(e);
  const op = e.op as Exclude<Primitive, LeafPrimitive>;
  const [a, b] = e.args;
  // NaN alone differs from itself; a compiler that knows no NaN would fold the test
  if ((op === "eq" || op === "ne") && a === b && a!.type === "f32")
    return op === "ne" ? `f32_isnan(${rendered(a!)})` : `(!f32_isnan(${rendered(a!)}))`;
  const product = lostInProduct(e);
  if (product !== null) return `f32_product_error(${rendered(a!)}, ${rendered(b!)}, ${rendered(product)})`;
  const operands = e.args.map(rendered);
  // WGSL computes constants itself, and refuses a kernel in which that overflows or gives NaN
  if (e.args.every((x) => x.op === "const")) operands[0] = hidden(operands[0]!, a!.type);
  // a compiler that knows no NaN takes x * 0 and x - x for 0
  if (e.type === "f32" && (op === "mul" || op === "add" || op === "sub")) {
    e.args.forEach((x, k) => {
      if ((x.op === "const" && Number(x.value) === 0) || (op === "sub" && a === b && k === 1))
        operands[k] = hidden(operands[k]!, "f32");
    });
  }
  return renderPrimitive(op, a!.type, e.type, operands);
}

/** A value that the compiler knows nothing of. */
function hidden(x: string, type: ScalarType): string {
  switch (type) {
    case "f32":
      return `opaque(${x})`;
    case "i32":
      return `(${x} ^ bitcast<i32>(zero_bits()))`;
    case "bool":
      return `(${x} != (zero_bits() != 0u))`;
    default:
      return `(${x} ^ vec2<u32>(zero_bits()))`;
  }
}

/** The product p when `e` is fma(a, b, -p) for p = a * b: the rounding error of p, which an fma that is not fused would give as 0. */
function lostInProduct(e: Expr): Expr | null {
  if (e.op !== "fma" || e.type !== "f32") return null;
  const [a, b, c] = e.args;
  if (c!.op !== "neg" || c!.args[0]!.op !== "mul") return null;
  const [x, y] = c!.args[0]!.args;
  return (x === a && y === b) || (x === b && y === a) ? c!.args[0]! : null;
}
