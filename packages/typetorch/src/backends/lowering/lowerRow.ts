/**
 * `row` to loops. Two styles: with `columns` innermost a row's columns run in vector lanes and its accumulators are combined at the end of each pass; with
 * `rows` innermost neighbouring rows run in the lanes, each with accumulators of its own. A third, `stream`, is for reductions over an outer dimension of a
 * matrix: it reads memory in its order, with the accumulators of all rows in the output, which stays in the caches.
 */
import { computeType, constant, Expr, type ScalarType } from "../../ir/expr.ts";
import {
  type Access,
  type CombineOp,
  extent,
  index,
  type Int,
  load,
  local,
  type LoopKernel,
  LoopVar,
  type Stmt,
} from "../../ir/loops.ts";
import type { Reduction, RowSpec } from "../../ir/spec.ts";
import type { StrideClass } from "./dims.ts";
import { Hoister } from "./lowerMap.ts";

export type RowStyle = "columns" | "rows" | "stream";

/** A reduction whose extreme's position is given (instead of the column): how partial results are combined. */
export interface PositionedReduction extends Reduction {
  readonly position?: Expr;
}

/** The extreme value that goes with reduction k, an argmax or argmin; only in specifications made by {@link splitRow}. */
export function extreme(k: number, type: ScalarType): Expr {
  return new Expr("accumulator", type, [], k, "extreme");
}

/** Number of integer arguments before the strides: the row sizes, the column sizes and the total number of columns. */
export function rowHeaderInts(rowDims: number, columnDims: number): number {
  return rowDims + columnDims + 1;
}

/**
 * The kernel of a row specification over `rowDims` and `columnDims` dimensions. `classes` says for each operand how it moves along the vector dimension.
 * Integers: row sizes, column sizes, total columns, then for each operand its strides along the rows and the columns.
 */
export function lowerRow(
  spec: RowSpec,
  rowDims: number,
  columnDims: number,
  style: RowStyle,
  classes: readonly StrideClass[],
): LoopKernel {
  const rank = rowDims + columnDims;
  const header = rowHeaderInts(rowDims, columnDims);
  const rowLoops = Array.from({ length: rowDims }, (_, d) => new LoopVar(`r${d}`));
  const along = [...spec.inputs.map((x) => x.along), ...spec.outputs.map((x) => x.along)];
  const dtypes = [...spec.inputs.map((x) => x.dtype), ...spec.outputs.map((x) => x.dtype)];
  const ids = { next: 0 };

  /** Stride of operand p along dimension d (rows first); 0, 1 or an argument. */
  const stride = (p: number, d: number): Int => {
    const vector = style === "columns" ? rank - 1 : rowDims - 1;
    if (d === vector && classes[p] !== 2) return classes[p]!;
    return { arg: header + p * rank + d };
  };
  const rowAccess = (p: number): Access => ({
    buffer: p,
    terms: rowLoops.map((loop, d) => ({ loop, stride: stride(p, d) })).filter((t) => t.stride !== 0),
  });
  const elementAccess = (p: number, columnLoops: readonly LoopVar[]): Access => ({
    buffer: p,
    terms: [
      ...rowAccess(p).terms,
      ...columnLoops.map((loop, d) => ({ loop, stride: stride(p, rowDims + d) })).filter((t) => t.stride !== 0),
    ],
  });
  const columnSize = (d: number): Int => ({ arg: rowDims + d });

  /** The position in the row: columns in row-major order. */
  const columnIndex = (columnLoops: readonly LoopVar[]): Expr => {
    let e = index(columnLoops[0]!);
    for (let d = 1; d < columnDims; d++) e = e.mul(extent(columnSize(d))).add(index(columnLoops[d]!));
    return e;
  };
  const atColumn = (p: number, column: Expr): Expr => {
    const type = computeType(dtypes[p]!);
    if (columnDims === 1) return load({ ...rowAccess(p), dynamic: { index: column, stride: stride(p, rowDims) } }, type);
    let rest = column;
    let position: Expr | null = null;
    for (let d = columnDims - 1; d >= 0; d--) {
      const size = extent(columnSize(d));
      const step = stride(p, rowDims + d);
      const part = (d === 0 ? rest : rest.rem(size)).mul(typeof step === "number" ? step : extent(step));
      position = position === null ? part : position.add(part);
      rest = rest.div(size);
    }
    return load({ ...rowAccess(p), dynamic: { index: position!, stride: 1 } }, type);
  };

  if (style === "stream") return streamed();

  const body: Stmt[] = [];
  const rowInputs = new Map<number, Expr>();
  spec.inputs.forEach((x, p) => {
    if (x.along !== "row") return;
    const type = computeType(x.dtype);
    const id = ids.next++;
    body.push({ kind: "let", id, value: load(rowAccess(p), type) });
    rowInputs.set(p, local(id, type));
  });

  const results: { result: Expr; extreme: Expr }[] = [];
  /** A lowering for expressions inside of these column loops; with none, at the level of the row. */
  const hoister = (columnLoops: readonly LoopVar[]): Hoister => {
    const self: Hoister = new Hoister(body, ids, (e) => {
      switch (e.op) {
        case "input": {
          const p = e.value as number;
          const row = rowInputs.get(p);
          if (row !== undefined) return { value: row, varies: false };
          return { value: load(elementAccess(p, columnLoops), computeType(dtypes[p]!)), varies: true };
        }
        case "accumulator": {
          const found = results[e.value as number]!;
          return { value: e.ref === "extreme" ? found.extreme : found.result, varies: false };
        }
        case "column":
          return { value: columnIndex(columnLoops), varies: true };
        case "columns":
          return { value: extent({ arg: rowDims + columnDims }), varies: false };
        case "at": {
          const column = self.lower(e.args[0]!);
          return { value: atColumn(e.value as number, column), varies: dependsOnColumn(e.args[0]!, spec) };
        }
        default:
          return null;
      }
    });
    return self;
  };

  const columnNest = (make: (columnLoops: readonly LoopVar[], inner: Stmt[]) => void): void => {
    const columnLoops = Array.from({ length: columnDims }, (_, d) => new LoopVar(`c${d}`));
    const inner: Stmt[] = [];
    make(columnLoops, inner);
    let nest = inner;
    for (let d = columnDims - 1; d >= 0; d--) {
      nest = [
        {
          kind: "loop",
          loop: columnLoops[d]!,
          extent: columnSize(d),
          vector: style === "columns" && d === columnDims - 1,
          body: nest,
        },
      ];
    }
    body.push(...nest);
  };

  for (const pass of spec.passes as readonly (readonly PositionedReduction[])[]) {
    const made: { result: Expr; extreme: Expr }[] = [];
    columnNest((columnLoops, inner) => {
      const lowered = hoister(columnLoops);
      const updates: Stmt[] = [];
      for (const reduction of pass) {
        const value = lowered.lower(reduction.value);
        const type = reduction.value.type;
        const id = ids.next++;
        if (reduction.op === "argmax" || reduction.op === "argmin") {
          const at = ids.next++;
          const position = reduction.position ? lowered.lower(reduction.position) : columnIndex(columnLoops);
          body.push({
            kind: "accumulators",
            ids: [id, at],
            types: [type, "i64"],
            init: [neutral(reduction.op, type), constant(0, "i64")],
          });
          updates.push({ kind: "accumulate", ids: [id, at], op: reduction.op, values: [value, position] });
          made.push({ result: local(at, "i64"), extreme: local(id, type) });
        } else {
          body.push({ kind: "accumulators", ids: [id], types: [type], init: [neutral(reduction.op, type)] });
          updates.push({ kind: "accumulate", ids: [id], op: reduction.op, values: [value] });
          made.push({ result: local(id, type), extreme: local(id, type) });
        }
      }
      inner.push(...updates);
    });
    results.push(...made);
  }

  const elementOutputs = spec.outputs.flatMap((o, k) => (o.along === "element" ? [k] : []));
  if (elementOutputs.length > 0) {
    columnNest((columnLoops, inner) => {
      const lowered = hoister(columnLoops);
      const names = elementOutputs.map((k) => {
        const id = ids.next++;
        const value = spec.outputs[k]!.value;
        inner.push({ kind: "let", id, value: lowered.lower(value) });
        return local(id, value.type);
      });
      elementOutputs.forEach((k, n) => {
        inner.push({ kind: "store", access: elementAccess(spec.inputs.length + k, columnLoops), value: names[n]! });
      });
    });
  }
  const rowLevel = hoister([]);
  spec.outputs.forEach((o, k) => {
    if (o.along !== "row") return;
    const value = rowLevel.lower(o.value);
    body.push({ kind: "store", access: rowAccess(spec.inputs.length + k), value });
  });

  let nest: Stmt[] = body;
  for (let d = rowDims - 1; d >= 0; d--) {
    nest = [{ kind: "loop", loop: rowLoops[d]!, extent: { arg: d }, vector: style === "rows" && d === rowDims - 1, body: nest }];
  }
  return kernelOf(nest);

  function kernelOf(kernelBody: readonly Stmt[]): LoopKernel {
    const written = style === "stream" ? "update" : "write";
    return {
      name: spec.name,
      buffers: dtypes.map((dtype, p) => ({ dtype, access: p < spec.inputs.length ? "read" : written })),
      ints: header + along.length * rank,
      params: spec.params,
      body: kernelBody,
    };
  }

  /** The outputs are the reductions themselves, in order: set to neutral, then for each column all rows are combined with it. */
  function streamed(): LoopKernel {
    const reductions = spec.passes[0]!;
    const last = rowDims - 1;
    const start: Stmt[] = [];
    const update: Stmt[] = [];
    const columnLoops = Array.from({ length: columnDims }, (_, d) => new LoopVar(`c${d}`));
    const before: Stmt[] = [];
    const lowered = new Hoister(before, ids, (e) => {
      if (e.op === "columns") return { value: extent({ arg: rowDims + columnDims }), varies: false };
      if (e.op !== "input") return null;
      const p = e.value as number;
      return { value: load(elementAccess(p, along[p] === "row" ? [] : columnLoops), computeType(dtypes[p]!)), varies: true };
    });
    const stores: Stmt[] = [];
    for (const [k, r] of reductions.entries()) {
      const access = rowAccess(spec.inputs.length + k);
      start.push({ kind: "store", access, value: neutral(r.op, r.type) });
      const id = ids.next++;
      update.push({ kind: "let", id, value: new Expr(combining(r.op), r.type, [load(access, r.type), lowered.lower(r.value)]) });
      stores.push({ kind: "store", access, value: local(id, r.type) });
    }
    const rowLoop = (inner: readonly Stmt[]): Stmt => ({
      kind: "loop",
      loop: rowLoops[last]!,
      extent: { arg: last },
      vector: true,
      body: inner,
    });
    let columns: Stmt = rowLoop([...update, ...stores]);
    for (let d = columnDims - 1; d >= 0; d--) {
      columns = { kind: "loop", loop: columnLoops[d]!, extent: columnSize(d), vector: false, body: [columns] };
    }
    let nest: Stmt[] = [...before, rowLoop(start), columns];
    for (let d = last - 1; d >= 0; d--)
      nest = [{ kind: "loop", loop: rowLoops[d]!, extent: { arg: d }, vector: false, body: nest }];
    return kernelOf(nest);
  }
}

/** The primitive that combines two partial results. */
function combining(op: CombineOp): "add" | "mul" | "max" | "min" | "or" | "and" {
  if (op === "argmax" || op === "argmin" || op === "set") throw new TypeError(`${op} cannot be streamed`);
  return op;
}

/** Whether an expression changes from column to column. */
function dependsOnColumn(e: Expr, spec: RowSpec): boolean {
  if (e.op === "column") return true;
  if (e.op === "input") return spec.inputs[e.value as number]!.along !== "row";
  return e.args.some((a) => dependsOnColumn(a, spec));
}

/** Where a reduction starts. */
export function neutral(op: CombineOp, type: ScalarType): Expr {
  switch (op) {
    case "mul":
      return constant(1, type);
    case "max":
    case "argmax":
      if (type === "bool") return constant(0, type);
      if (type === "i64") return constant(-(2n ** 63n), type);
      return constant(type === "i32" ? -(2 ** 31) : -Infinity, type);
    case "min":
    case "argmin":
      if (type === "bool") return constant(1, type);
      if (type === "i64") return constant(2n ** 63n - 1n, type);
      return constant(type === "i32" ? 2 ** 31 - 1 : Infinity, type);
    case "and":
      return type === "i64" || type === "i32" ? constant(-1, type) : constant(1, type);
    default:
      return constant(0, type);
  }
}
