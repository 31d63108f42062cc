/**
 * Scans: kernels that carry something along one dimension.
 */
import type { DType } from "../../core/dtype.ts";
import { type Expr, type ScalarType, computeType } from "../../ir/expr.ts";
import { type Access, type CombineOp, LoopVar, type Stmt, index, load, local } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

/** What a scan carries: its types, where they start, and the step that takes in one element x at position k. */
export interface ScanRule {
  readonly name: string;
  readonly types: readonly ScalarType[];
  readonly init: readonly Expr[];
  /** The combination; for `set` the new values, otherwise the candidates. */
  readonly op: CombineOp;
  step(x: Expr, k: Expr, carried: readonly Expr[]): readonly Expr[];
  readonly outputs: readonly DType[];
  /** The step costs more than reading elements that do not lie side by side: rows run in the lanes where there is nothing else. */
  readonly costly?: boolean;
}

/** What runs in the vector lanes: the elements between neighbours of the scan, whole rows, or nothing. */
type Lanes = "inner" | "rows" | "none";
const specs = new Map<ScanRule, Partial<Record<Lanes, LoopSpec>>>();

/** Integers: rows, length, lanes, row stride, step (negative for reverse), start, lane stride. */
function scanSpec(rule: ScanRule, from: DType, style: Lanes): LoopSpec {
  const lanes = style !== "none";
  const row = new LoopVar("row");
  const lane = new LoopVar("lane");
  const k = new LoopVar("k");
  const access = (buffer: number): Access => ({
    buffer,
    terms: [{ loop: row, stride: { arg: 3 } }, ...(lanes ? [{ loop: lane, stride: 1 }] : []), { loop: k, stride: { arg: 4 } }],
    offset: { arg: 5 },
  });
  const type = computeType(from);
  const x = load(access(0), type);
  const position = index(k);
  const ids = rule.types.map((_, i) => i);
  const carried = rule.types.map((t, i) => local(i, t));
  const values = rule.step(x, position, carried);
  const fresh = ids.map((i) => ids.length + i);
  const body: Stmt[] =
    rule.op === "set"
      ? [
          ...values.map((value, i): Stmt => ({ kind: "let", id: fresh[i]!, value })),
          ...ids.map((i): Stmt => ({ kind: "accumulate", ids: [i], op: "set", values: [local(fresh[i]!, rule.types[i]!)] })),
        ]
      : [{ kind: "accumulate", ids, op: rule.op, values }];
  rule.outputs.forEach((dtype, i) => {
    body.push({ kind: "store", access: access(1 + i), value: carried[i]!.cast(computeType(dtype)) });
  });
  const scan: Stmt[] = [
    { kind: "accumulators", ids, types: rule.types, init: rule.init },
    { kind: "loop", loop: k, extent: { arg: 1 }, vector: false, body },
  ];
  const inner: Stmt[] = lanes ? [{ kind: "loop", loop: lane, extent: { arg: 2 }, vector: true, body: scan }] : scan;
  return {
    kind: "loops",
    kernel: {
      name: rule.name,
      buffers: [{ dtype: from, access: "read" }, ...rule.outputs.map((dtype) => ({ dtype, access: "write" as const }))],
      ints: 7,
      params: 0,
      body: [{ kind: "loop", loop: row, extent: { arg: 0 }, vector: false, body: inner }],
    },
    compiled: null,
  };
}

/** Runs a scan along `dim` of x; results are row-major. */
export function runScan(rule: ScanRule, x: Tensor, dim: number, reverse = false): Tensor[] {
  const outs = rule.outputs.map((dtype) => runtime.empty(x.shape, dtype));
  if (outs[0]!.numel() === 0) return outs;
  const source = runtime.withoutGrad(() => x.contiguous());
  const n = x.shape.length === 0 ? 1 : x.shape[dim]!;
  let rows = 1;
  let lanes = 1;
  x.shape.forEach((s, i) => {
    if (i < dim) rows *= s;
    else if (i > dim) lanes *= s;
  });
  const style: Lanes = lanes > 1 ? "inner" : rule.costly && rows > 1 ? "rows" : "none";
  let made = specs.get(rule);
  if (made === undefined) {
    made = {};
    specs.set(rule, made);
  }
  made[style] ??= scanSpec(rule, x.dtype, style);
  const stride = n * lanes;
  const step = reverse ? -lanes : lanes;
  const start = reverse ? (n - 1) * lanes : 0;
  const buffers = [source, ...outs];
  const ints = style === "rows" ? [1, n, rows, 0, step, start, stride] : [rows, n, lanes, stride, step, start, 1];
  const acrossRows = style !== "rows" && (rows > 1 || lanes === 1);
  const parallel = acrossRows
    ? { extent: 0, steps: buffers.map(() => stride) }
    : { extent: 2, steps: buffers.map(() => (style === "rows" ? stride : 1)) };
  runtime.backendOf(x).loops(made[style], buffers, ints, [], parallel);
  return outs;
}
