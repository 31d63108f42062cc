/**
 * A long reduction as two: partial results of blocks of columns, and their combination in the order of the blocks. So it runs on all threads, stays accurate
 * (no accumulator sees more than a block) and does not depend on the number of threads.
 */
import { bool, type DType, float32, float64, int32, int64 } from "../../core/dtype.ts";
import { accumulator, Expr, input, param, type ScalarType } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import { extreme, type PositionedReduction } from "./lowerRow.ts";

const dtypeOfScalar: Readonly<Record<ScalarType, DType>> = { f32: float32, f64: float64, i32: int32, i64: int64, bool };

export interface SplitRow {
  /** Same inputs; every output is a partial result per row. */
  readonly partial: RowSpec;
  /** Inputs: the partial results along the columns, then the row inputs `rowInputs`. Two more params: elements of a block, and of a whole row. */
  readonly combine: RowSpec;
  readonly rowInputs: readonly number[];
  /** Whether the partial results may be computed in style `stream`. */
  readonly streams: boolean;
}

function uses(e: Expr, op: Expr["op"]): boolean {
  return e.op === op || e.args.some((a) => uses(a, op));
}

/** The two halves, or null when the reduction needs a whole row at once. */
export function splitRow(spec: RowSpec): SplitRow | null {
  const pass = spec.passes[0];
  if (spec.passes.length !== 1 || pass === undefined) return null;
  if (spec.outputs.some((o) => o.along === "element" || uses(o.value, "at"))) return null;
  // positions of a combination are those of the whole already
  if (pass.some((r) => (r as PositionedReduction).position !== undefined)) return null;
  if (pass.some((r) => uses(r.value, "column") || uses(r.value, "at"))) return null;

  const outputs: { dtype: DType; along: "row"; value: Expr }[] = [];
  const reductions: PositionedReduction[] = [];
  const blockElements = param(spec.params, "i64");
  for (const [k, r] of pass.entries()) {
    const type = r.value.type;
    const positioned = r.op === "argmax" || r.op === "argmin";
    const value = input(outputs.length, type);
    outputs.push({ dtype: dtypeOfScalar[type], along: "row", value: positioned ? extreme(k, type) : accumulator(k, type) });
    if (positioned) {
      const position = input(outputs.length, "i64").add(new Expr("column", "i64").mul(blockElements));
      outputs.push({ dtype: int64, along: "row", value: accumulator(k, "i64") });
      reductions.push({ op: r.op, value, type: r.type, position });
    } else reductions.push({ op: r.op, value, type: r.type });
  }

  const rowInputs = spec.inputs.flatMap((x, p) => (x.along === "row" ? [p] : []));
  const renumber = (e: Expr): Expr => {
    if (e.op === "input") return input(outputs.length + rowInputs.indexOf(e.value as number), e.type);
    if (e.op === "columns") return param(spec.params + 1, "i64");
    return e.args.length === 0 ? e : new Expr(e.op, e.type, e.args.map(renumber), e.value, e.ref);
  };
  return {
    partial: { ...spec, name: `${spec.name} partial`, outputs, compiled: null },
    combine: {
      ...spec,
      name: `${spec.name} combine`,
      inputs: [...outputs.map((o) => ({ dtype: o.dtype, along: "element" as const })), ...rowInputs.map((p) => spec.inputs[p]!)],
      passes: [reductions],
      outputs: spec.outputs.map((o) => ({ ...o, value: renumber(o.value) })),
      params: spec.params + 2,
      compiled: null,
    },
    rowInputs,
    streams: reductions.every((r) => r.position === undefined),
  };
}
