/**
 * Scalar expressions as WGSL text.
 */
import type { Expr, LeafPrimitive, Primitive } from "../../../ir/expr.ts";
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
  return renderPrimitive(op, a!.type, e.type, e.args.map(rendered));
}

/** The product p when `e` is fma(a, b, -p) for p = a * b: the rounding error of p, which an fma that is not fused would give as 0. */
function lostInProduct(e: Expr): Expr | null {
  if (e.op !== "fma" || e.type !== "f32") return null;
  const [a, b, c] = e.args;
  if (c!.op !== "neg" || c!.args[0]!.op !== "mul") return null;
  const [x, y] = c!.args[0]!.args;
  return (x === a && y === b) || (x === b && y === a) ? c!.args[0]! : null;
}
