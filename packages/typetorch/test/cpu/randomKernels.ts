/** Random kernels and operands, to compare machine code with the js target bit for bit. */
import { compileJs } from "../../src/backends/cpu/js/kernel.ts";
import type { StrideClass } from "../../src/backends/lowering/dims.ts";
import { lowerMap } from "../../src/backends/lowering/lowerMap.ts";
import { lowerRow, rowHeaderInts, type RowStyle } from "../../src/backends/lowering/lowerRow.ts";
import { bool, type DType, dtypes as allDtypes, float32, float64, int32, int64, type TypedArray } from "../../src/core/dtype.ts";
import { accumulator, computeType, constant, Expr, input, param, type ScalarType } from "../../src/ir/expr.ts";
import type { LoopKernel } from "../../src/ir/loops.ts";
import type { MapSpec, Reduction, RowSpec } from "../../src/ir/spec.ts";
import { Arena, install, type Level } from "./install.ts";

/** What kernels compute with. */
export const dtypes = allDtypes.filter((d) => !d.isComplex);

export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = (seed * 2654435761) | 0;
    for (let k = 0; k < 4; k++) this.next();
  }
  /** In [0, 1). */
  next(): number {
    let x = this.state || 88172645;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) / 4294967296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const floatUnary = ["neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt"] as const;
const floatBinary = ["add", "sub", "mul", "div", "max", "min", "rem", "copysign"] as const;
const intUnary = ["neg", "abs", "sign", "not"] as const;
const intBinary = ["add", "sub", "mul", "div", "rem", "max", "min", "and", "or", "xor"] as const;
const compares = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
const allTypes = ["f32", "f64", "i32", "i64", "bool"] as const;

const interesting: Readonly<Record<Exclude<ScalarType, "bool">, readonly (number | bigint)[]>> = {
  f32: [0, -0, 1, -1, 0.5, 2.5, -3.75, 1e10, -1e-30, Infinity, Number.NaN, 7],
  f64: [0, -0, 1, -1, 0.5, 2.5, -3.75, 1e100, -1e-300, -Infinity, Number.NaN, 3],
  i32: [0, 1, -1, 2, 7, -5, 2147483647, -2147483648, 31],
  i64: [0, 1, -1, 2, 7, -5, 2n ** 62n, -(2n ** 63n), 63],
};

/** A random expression over `inputs` (their types) and two params, of exact operations only. */
export function randomExpr(r: Random, type: ScalarType, depth: number, inputs: readonly ScalarType[], shared: Expr[]): Expr {
  if (shared.length > 0 && r.next() < 0.2) {
    const candidates = shared.filter((e) => e.type === type);
    if (candidates.length > 0) return r.pick(candidates);
  }
  const e = make(r, type, depth, inputs, shared);
  shared.push(e);
  return e;
}
function make(r: Random, type: ScalarType, depth: number, inputs: readonly ScalarType[], shared: Expr[]): Expr {
  const sub = (t: ScalarType): Expr => randomExpr(r, t, depth - 1, inputs, shared);
  if (depth <= 0 || r.next() < 0.1) {
    const k = r.below(inputs.length + 2);
    if (k < inputs.length) return toType(input(k, inputs[k]!), type);
    if (k === inputs.length) return param(r.below(2), type);
    return type === "bool" ? constant(r.below(2), "bool") : constant(r.pick(interesting[type]), type);
  }
  if (r.next() < 0.12) {
    const from = r.pick(allTypes.filter((t) => t !== type));
    return toType(sub(from), type);
  }
  if (r.next() < 0.12) return new Expr("select", type, [sub("bool"), sub(type), sub(type)]);
  switch (type) {
    case "bool": {
      if (r.next() < 0.6) {
        const t = r.pick(allTypes);
        return new Expr(r.pick(compares), "bool", [sub(t), sub(t)]);
      }
      return r.next() < 0.3
        ? sub("bool").not()
        : new Expr(r.pick(["and", "or", "xor"] as const), "bool", [sub("bool"), sub("bool")]);
    }
    case "f32":
    case "f64": {
      const x = r.next();
      if (x < 0.25) return new Expr(r.pick(floatUnary), type, [sub(type)]);
      if (x < 0.4) return new Expr("fma", type, [sub(type), sub(type), sub(type)]);
      if (x < 0.45) return sub(type === "f32" ? "i32" : "i64").bitcast(type);
      const op = r.pick(floatBinary);
      // the sign of a NaN is not determined, nor that of the larger or smaller of 0 and -0
      const e = new Expr(op, type, [sub(type), op === "copysign" ? sub("i32").cast(type) : sub(type)]);
      return op === "max" || op === "min" ? e.add(0) : e;
    }
    default: {
      const x = r.next();
      if (x < 0.2) return new Expr(r.pick(intUnary), type, [sub(type)]);
      if (x < 0.35) {
        const by = r.next() < 0.6 ? constant(r.below(type === "i32" ? 34 : 66), type) : sub(type);
        return new Expr(r.pick(["shl", "shr"] as const), type, [sub(type), by]);
      }
      return new Expr(r.pick(intBinary), type, [sub(type), sub(type)]);
    }
  }
}
/** A cast that leaves nothing to the rounding of f32 sums in double precision. */
function toType(e: Expr, type: ScalarType): Expr {
  return e.cast(type);
}

export interface MapCase {
  readonly kernel: LoopKernel;
  readonly dtypes: readonly DType[];
  readonly inputs: number;
  readonly rank: number;
  readonly classes: readonly StrideClass[];
  readonly text: string;
}

export function randomMap(r: Random): MapCase {
  const choices = r.next() < 0.5 ? dtypes : r.next() < 0.5 ? [float32, int32, bool] : [float64, int64, float32];
  const inputs = Array.from({ length: 1 + r.below(3) }, () => r.pick(choices));
  const types = inputs.map(computeType);
  const shared: Expr[] = [];
  const outputs = Array.from({ length: 1 + (r.next() < 0.2 ? 1 : 0) }, () => {
    const dtype = r.pick(choices);
    return { dtype, value: randomExpr(r, computeType(dtype), r.next() < 0.15 ? 9 : 1 + r.below(4), types, shared) };
  });
  const rank = 1 + r.below(3);
  const classes: StrideClass[] = [
    ...inputs.map(() => (r.next() < 0.6 ? 1 : r.next() < 0.5 ? 0 : 2) as StrideClass),
    ...outputs.map(() => (r.next() < 0.8 ? 1 : 2) as StrideClass),
  ];
  const spec: MapSpec = { kind: "map", name: "random map", inputs, outputs, params: 2, compiled: null };
  return {
    kernel: lowerMap(spec, rank, classes),
    dtypes: [...inputs, ...outputs.map((o) => o.dtype)],
    inputs: inputs.length,
    rank,
    classes,
    text: `${[...inputs, "->", ...outputs.map((o) => o.dtype)].join(" ")} rank ${rank} classes ${classes}: ${outputs.map((o) => show(o.value)).join("; ")}`,
  };
}

export function show(e: Expr): string {
  if (e.op === "const") return `${Object.is(e.value, -0) ? "-0" : e.value}${e.type}`;
  if (e.args.length === 0) return `${e.op}${e.value}${e.type}`;
  return `${e.op}.${e.type}(${e.args.map(show).join(", ")})`;
}

const arenas = new Map<string, Arena>();
/** Memory for operand k of kernels of a level, which ends or begins where nothing may be touched. */
export function arena(level: Level, k: number, at: "end" | "start"): Arena {
  const key = `${level} ${k} ${at}`;
  let found = arenas.get(key);
  if (found === undefined) {
    found = new Arena(level, 1 << 19, at);
    arenas.set(key, found);
  }
  return found;
}

export function fill(r: Random, array: TypedArray, dtype: DType, small = false): void {
  const halves = [0, 0x8000, 0x3c00, 0xbc00, 0x4248, 0x7c00, 0xfc00, 0x7e00, 1, 0x3e00, 0xc700];
  for (let i = 0; i < array.length; i++) {
    const x = r.next();
    if (array instanceof BigInt64Array) {
      array[i] = small
        ? BigInt(r.below(9) - 4)
        : x < 0.1
          ? r.pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)])
          : (BigInt(Math.floor((r.next() - 0.5) * 2 ** 50)) * 4096n) >> BigInt(r.below(62));
    } else if (dtype.key === "bool") array[i] = r.below(2);
    else if (dtype.key === "f16")
      array[i] = small ? r.pick([0, 0x3c00, 0xbc00, 0x4000]) : x < 0.3 ? r.pick(halves) : r.below(65536);
    else if (dtype.key === "bf16") array[i] = small ? r.pick([0, 0x3f80, 0xbf80, 0x4000]) : r.below(65536);
    else if (dtype.isFloatingPoint) {
      if (small) array[i] = r.below(9) - 4;
      else if (x < 0.15) array[i] = r.pick([0, -0, 1, -1, Infinity, -Infinity, Number.NaN, 1e-40, 1e30]);
      else array[i] = (r.next() - 0.5) * 2 ** (r.below(40) - 10);
    } else
      array[i] = small
        ? r.below(9) - 4
        : x < 0.1
          ? r.pick([0, 1, -1, 2147483647, -2147483648])
          : ((r.next() - 0.5) * 2 ** r.below(33)) | 0;
  }
}

/** Whether two buffers are equal, NaN equal to any NaN. */
export function difference(a: TypedArray, b: TypedArray, dtype: DType): number {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (Object.is(x, y)) continue;
    const nan16 = (v: number): boolean =>
      dtype.key === "f16" ? (v & 0x7fff) > 0x7c00 : dtype.key === "bf16" && (v & 0x7fff) > 0x7f80;
    if (dtype.itemsize === 2 && nan16(Number(x)) && nan16(Number(y))) continue;
    return i;
  }
  return -1;
}

export interface Operands {
  /** Elements that each buffer spans. */
  readonly spans: readonly number[];
  readonly ints: readonly number[];
}

/** Runs a kernel on both targets over the same random operands; returns what differs, or "". */
export function compareTargets(
  r: Random,
  kernel: LoopKernel,
  level: Level,
  layouts: readonly Operands[],
  params: readonly number[],
  small = false,
): string | null {
  const run = install(kernel, level);
  if (run === null) return null;
  const js = compileJs(kernel, "text");
  for (const { spans, ints } of layouts) {
    const at = r.next() < 0.8 ? "end" : "start";
    const places = kernel.buffers.map((b, k) => arena(level, k, at).place(b.dtype, spans[k]!));
    places.forEach((p, k) => fill(r, p.array, kernel.buffers[k]!.dtype, small));
    const views = places.map((p) => p.array.slice());
    js(views, Float64Array.of(0, ...views.map(() => 0), ...ints, ...params));
    run(
      places.map((p) => p.address),
      ints,
      params,
    );
    for (let k = 0; k < places.length; k++) {
      places[k]!.check();
      const i = difference(places[k]!.array, views[k]!, kernel.buffers[k]!.dtype);
      if (i >= 0)
        return `ints ${ints} buffer ${k} (${kernel.buffers[k]!.dtype}) element ${i}: ${places[k]!.array[i]}, js ${views[k]![i]}`;
    }
  }
  return "";
}

/** Random sizes and strides for a map, and the spans of its operands. */
export function mapOperands(r: Random, m: MapCase): Operands {
  const sizes = Array.from(
    { length: m.rank },
    (_, d) => 1 + (d === m.rank - 1 ? r.below(r.next() < 0.3 ? 200 : 71) : r.below(3)),
  );
  const ints = [...sizes];
  const spans: number[] = [];
  for (let p = 0; p < m.dtypes.length; p++) {
    const strides = new Array<number>(m.rank);
    let step = 1;
    let last = 0;
    for (let d = m.rank - 1; d >= 0; d--) {
      if (d === m.rank - 1) strides[d] = m.classes[p] === 2 ? (p >= m.inputs ? 1 + r.below(3) : r.below(4)) : m.classes[p]!;
      else strides[d] = p < m.inputs && r.next() < 0.2 ? 0 : step + r.below(3);
      step = Math.max(step, strides[d]! * Math.max(1, sizes[d]!));
      last += strides[d]! * Math.max(0, sizes[d]! - 1);
    }
    spans.push(sizes.includes(0) ? 0 : last + 1);
    ints.push(...strides);
  }
  return { spans, ints };
}

export interface RowCase {
  readonly kernel: LoopKernel;
  readonly spec: RowSpec;
  readonly style: RowStyle;
  readonly rowDims: number;
  readonly columnDims: number;
  readonly classes: readonly StrideClass[];
  readonly text: string;
}

/** A reduction over rows whose results are exact in any order. */
export function randomRow(r: Random): RowCase {
  const dtype = r.pick(dtypes);
  const type = computeType(dtype);
  const second = r.pick(dtypes);
  const inputs: RowSpec["inputs"][number][] = [{ dtype, along: "element" }];
  if (r.next() < 0.5) inputs.push({ dtype: second, along: r.pick(["row", "column", "element"] as const) });
  const x = input(0, type);
  const other = inputs.length > 1 ? input(1, computeType(second)).cast(type) : x;
  const passes: Reduction[][] = [];
  const outputs: RowSpec["outputs"][number][] = [];
  let count = 0;
  for (let pass = 0; pass < 1 + r.below(2); pass++) {
    const list: Reduction[] = [];
    for (let k = 0; k < 1 + r.below(2); k++) {
      const ops =
        type === "bool" ? (["or", "and", "max", "min"] as const) : (["add", "max", "min", "argmax", "argmin", "mul"] as const);
      let op: Reduction["op"] = r.pick(ops);
      if (op === "mul" && type !== "i32" && type !== "i64") op = "add";
      const value = r.next() < 0.5 ? x : type === "bool" ? x.xor(other) : x.add(other);
      const result: ScalarType = op === "argmax" || op === "argmin" ? "i64" : type;
      list.push({ op, value, type: result });
      outputs.push({
        dtype: result === "i64" ? int64 : result === type ? dtype : int64,
        along: "row",
        value: accumulator(count, result),
      });
      count++;
    }
    passes.push(list);
  }
  if (r.next() < 0.5) {
    const value = new Expr("select", type, [accumulator(0, outputs[0]!.value.type).cast("bool"), x, other]);
    outputs.push({ dtype, along: "element", value });
  }
  const spec: RowSpec = { kind: "row", name: "random row", inputs, passes, outputs, params: 0, compiled: null };
  const style: RowStyle = r.pick(["columns", "rows"] as const);
  const rowDims = 1 + r.below(2);
  const columnDims = 1 + r.below(2);
  const along = [...inputs.map((i) => i.along), ...outputs.map((o) => o.along)];
  const classes = along.map((a, p): StrideClass => {
    const still = style === "columns" ? a === "row" : a === "column";
    if (still) return 0;
    return r.next() < 0.75 ? 1 : p < inputs.length && r.next() < 0.3 ? 0 : 2;
  });
  return {
    kernel: lowerRow(spec, rowDims, columnDims, style, classes),
    spec,
    style,
    rowDims,
    columnDims,
    classes,
    text: `${style} ${rowDims}+${columnDims} ${inputs.map((i) => `${i.dtype} ${i.along}`)} classes ${classes} ${passes.map((p) => p.map((q) => `${q.op} ${show(q.value)}`))} -> ${outputs.map((o) => `${o.dtype} ${o.along} ${show(o.value)}`)}`,
  };
}

export function rowOperands(r: Random, c: RowCase): Operands {
  const rank = c.rowDims + c.columnDims;
  const vector = c.style === "rows" ? c.rowDims - 1 : rank - 1;
  const sizes = Array.from({ length: rank }, (_, d) => {
    const n = d === vector ? r.below(r.next() < 0.3 ? 300 : 71) : r.below(5);
    return d < c.rowDims ? Math.max(1, n) : n; // without rows nothing is called
  });
  const columns = sizes.slice(c.rowDims).reduce((a, b) => a * b, 1);
  const along = [...c.spec.inputs.map((i) => i.along), ...c.spec.outputs.map((o) => o.along)];
  const ints = [...sizes, columns];
  if (ints.length !== rowHeaderInts(c.rowDims, c.columnDims)) throw new Error("header");
  const spans: number[] = [];
  along.forEach((a, p) => {
    const uses = (d: number): boolean => a === "element" || (a === "row") === d < c.rowDims;
    const order = [...Array(rank).keys()].sort((x, y) => (x === vector ? 1 : y === vector ? -1 : x - y));
    const strides = new Array<number>(rank).fill(0);
    let step = 1;
    let last = 0;
    for (const d of order.reverse()) {
      if (!uses(d)) continue;
      const isOutput = p >= c.spec.inputs.length;
      if (d === vector) strides[d] = c.classes[p] === 2 ? 1 + r.below(3) : c.classes[p]!;
      else strides[d] = !isOutput && r.next() < 0.1 ? 0 : step + r.below(2);
      step = Math.max(step, strides[d]! * Math.max(1, sizes[d]!));
      last += strides[d]! * Math.max(0, sizes[d]! - 1);
    }
    const empty = sizes.some((n, d) => n === 0 && uses(d));
    spans.push(empty ? 0 : last + 1);
    ints.push(...strides);
  });
  return { spans, ints };
}
