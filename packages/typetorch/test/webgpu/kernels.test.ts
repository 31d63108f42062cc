/**
 * WGSL kernels against the CPU's: random expressions, dtypes, shapes and strides.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCpuBackend } from "../../src/backends/cpu/index.ts";
import { typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { allocateTensor } from "../../src/backends/cpu/reclaim.ts";
import type { Operand } from "../../src/backends/backend.ts";
import { createWebgpuBackend, hostKernelRuns, webgpuQueue } from "../../src/backends/webgpu/index.ts";
import type { DeviceMemory } from "../../src/backends/webgpu/memory.ts";
import type { GpuQueue } from "../../src/backends/webgpu/queue.ts";
import { row } from "../../src/backends/webgpu/wgsl/row.ts";
import { bool, type DType, dtypes, float32, float64, int32, int64, type TypedArray } from "../../src/core/dtype.ts";
import { accumulator, computeType, constant, Expr, input } from "../../src/ir/expr.ts";
import type { MapSpec, Reduction, RowSpec } from "../../src/ir/spec.ts";
import { difference, fill, Random, randomExpr, show } from "../cpu/randomKernels.ts";

const cpu = createCpuBackend();
const gpu = createWebgpuBackend(cpu);
/** What device memory can have. */
const stored = dtypes.filter((d) => d !== float64 && !d.isComplex);

/** An operand on the CPU and its copy on the device. */
interface Pair {
  readonly host: Operand;
  readonly device: Operand;
}

function elements(x: Operand): TypedArray {
  return x.storage.remote === null
    ? typedArrayOf(x.storage, x.dtype)
    : typedArrayOf((x.storage.remote as DeviceMemory).bringToHost(false), x.dtype);
}

function pairOf(
  dtype: DType,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  set: (a: TypedArray) => void,
): Pair {
  let last = offset;
  shape.forEach((n, d) => {
    last += Math.max(0, n - 1) * strides[d]!;
  });
  const host = { storage: allocateTensor((last + 1) * dtype.itemsize), storageOffset: offset, shape, strides, dtype };
  const device = { ...host, storage: gpu.allocate((last + 1) * dtype.itemsize, dtype) };
  const array = typedArrayOf(host.storage, dtype);
  set(array);
  typedArrayOf((device.storage.remote as DeviceMemory).bringToHost(true), dtype).set(array as never);
  return { host, device };
}

function clear(array: TypedArray): void {
  if (array instanceof BigInt64Array) array.fill(0n);
  else array.fill(0);
}

/** Random elements without subnormals, which a device may flush to zero. */
function ordinary(r: Random, dtype: DType, small = false): (array: TypedArray) => void {
  return (array) => {
    fill(r, array, dtype, small);
    for (let i = 0; i < array.length; i++) {
      const x = array[i]!;
      if (dtype === float32 && Math.abs(Number(x)) < 2 ** -126) array[i] = 0;
      if (dtype.key === "f16" && (Number(x) & 0x7c00) === 0) array[i] = 0;
      if (dtype.key === "bf16" && (Number(x) & 0x7f80) === 0) array[i] = 0;
      if (dtype.key === "u8" || dtype.key === "i8" || dtype.key === "i16") array[i] = Number(x);
    }
  };
}

/** WGSL's fma may round twice. */
function withoutFusion(e: Expr): Expr {
  const args = e.args.map(withoutFusion);
  if (e.op === "fma" && e.type === "f32") return args[0]!.mul(args[1]!).add(args[2]!);
  return e.args.length === 0 ? e : new Expr(e.op, e.type, args, e.value, e.ref);
}

/** Dense strides for a shape in a random order of dimensions, some 0 for an input. */
function randomStrides(r: Random, shape: readonly number[], broadcast: boolean): number[] {
  const order = shape.map((_, d) => d);
  if (r.next() < 0.4) order.reverse();
  const strides = new Array<number>(shape.length).fill(0);
  let step = r.next() < 0.2 ? 2 : 1;
  for (const d of order.reverse()) {
    if (broadcast && r.next() < 0.2) continue;
    strides[d] = step;
    step *= shape[d]!;
  }
  return strides;
}

function compare(pairs: readonly Pair[], text: string): void {
  for (const [k, { host, device }] of pairs.entries()) {
    const [want, got] = [elements(host), elements(device)];
    const i = difference(got, want, host.dtype);
    if (i < 0) continue;
    if (host.dtype === float32 && Math.abs(Number(want[i])) < 2 ** -125 && Math.abs(Number(got[i])) < 2 ** -125) continue;
    assert.fail(`output ${k} (${host.dtype}) element ${i}: ${got[i]}, not ${want[i]}: ${text}`);
  }
}

test("maps compute what the CPU computes", () => {
  const r = new Random(Number(process.env.TYPETORCH_SEED ?? 7));
  for (let round = 0; round < Number(process.env.TYPETORCH_ROUNDS ?? 15); round++) {
    const choices = r.next() < 0.5 ? stored : [float32, int64, int32, bool];
    const inputs = Array.from({ length: 1 + r.below(3) }, () => r.pick(choices));
    const shared: Expr[] = [];
    const outputs = Array.from({ length: 1 + (r.next() < 0.2 ? 1 : 0) }, () => {
      const dtype = r.pick(choices);
      const value = withoutFusion(randomExpr(r, computeType(dtype), 1 + r.below(4), inputs.map(computeType), shared));
      return { dtype, value };
    });
    const spec: MapSpec = { kind: "map", name: "random map", inputs, outputs, params: 2, compiled: null };
    const shape = Array.from({ length: 1 + r.below(3) }, () => 1 + r.below(9));
    const x = inputs.map((dtype) => pairOf(dtype, shape, randomStrides(r, shape, true), r.below(3), ordinary(r, dtype)));
    const y = outputs.map(({ dtype }) => pairOf(dtype, shape, randomStrides(r, shape, false), r.below(3), clear));
    const params = [r.below(7) - 3, (r.next() - 0.5) * 9];
    const host = (p: Pair): Operand => p.host;
    const device = (p: Pair): Operand => p.device;
    cpu.map(spec, shape, x.map(host), y.map(host), params);
    gpu.map(spec, shape, x.map(device), y.map(device), params);
    compare(y, `${inputs} -> ${outputs.map((o) => `${o.dtype} ${show(o.value)}`)} shape ${shape} params ${params}`);
  }
  assert.equal(hostKernelRuns().get("random map"), undefined);
});

/** The device, whose kernels are written for other sizes of subgroups than its own; it must have them, or larger ones. */
const otherSubgroups = [0, 1].map((known): GpuQueue => {
  const queue = webgpuQueue();
  const { subgroups, subgroupMinSize, subgroupMaxSize } = queue.features;
  const features = {
    ...queue.features,
    ...(known === 0 && { subgroups: false, subgroupMinSize: 0, subgroupMaxSize: 0 }),
    ...(known === 1 && subgroups && { subgroupMinSize, subgroupMaxSize: Math.max(64, subgroupMaxSize) }),
  };
  return new Proxy(queue, {
    get(target, name) {
      const value: unknown = name === "features" ? features : Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
});

test("rows compute what the CPU computes, whichever way they are cut", () => {
  const r = new Random(Number(process.env.TYPETORCH_SEED ?? 3));
  const shapes = [
    [5, 7],
    [3, 200],
    [300, 3],
    [2, 600],
    [1, 20000],
    [40, 300],
    [4, 3, 70],
    [20, 2, 9],
  ];
  for (let round = 0; round < Number(process.env.TYPETORCH_ROUNDS ?? 10); round++) {
    const dtype = r.pick([float32, int32, int64, bool, float32]);
    const type = computeType(dtype);
    const second = r.pick([float32, int64, bool]);
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
        const ops = type === "bool" ? (["or", "and", "max"] as const) : (["add", "max", "min", "argmax", "argmin"] as const);
        const op = r.pick(ops);
        const result = op === "argmax" || op === "argmin" ? "i64" : type;
        list.push({ op, value: r.next() < 0.5 ? x : type === "bool" ? x.xor(other) : x.add(other), type: result });
        outputs.push({ dtype: result === type ? dtype : int64, along: "row", value: accumulator(count++, result) });
      }
      passes.push(list);
    }
    if (r.next() < 0.5) {
      const value = new Expr("select", type, [accumulator(0, passes[0]![0]!.type).cast("bool"), x, other]);
      outputs.push({ dtype, along: "element", value });
    }
    const spec: RowSpec = { kind: "row", name: "random row", inputs, passes, outputs, params: 0, compiled: null };
    const shape = r.pick(shapes);
    const columns = r.next() < 0.3 ? [0] : shape.length === 3 && r.next() < 0.5 ? [1, 2] : [shape.length - 1];
    const part = (along: "element" | "row" | "column"): number[] =>
      shape.map((n, d) => (along === "element" || (along === "row") !== columns.includes(d) ? n : 1));
    const make = (dt: DType, along: "element" | "row" | "column", isInput: boolean): Pair => {
      const own = part(along);
      return pairOf(dt, own, randomStrides(r, own, false), 0, isInput ? ordinary(r, dt, true) : clear);
    };
    const given = inputs.map((i) => make(i.dtype, i.along, true));
    const results = outputs.map((o) => make(o.dtype, o.along, false));
    const text = `${inputs.map((i) => `${i.dtype} ${i.along}`)} ${passes.map((p) => p.map((q) => `${q.op} ${show(q.value)}`))} shape ${shape} columns ${columns}`;
    cpu.row(
      spec,
      shape,
      columns,
      given.map((p) => p.host),
      results.map((p) => p.host),
      [],
    );
    const devices = [given.map((p) => p.device), results.map((p) => p.device)] as const;
    gpu.row(spec, shape, columns, ...devices, []);
    compare(results, text);
    for (const queue of otherSubgroups) {
      for (const p of results) clear(typedArrayOf((p.device.storage.remote as DeviceMemory).bringToHost(true), p.device.dtype));
      assert.ok(row(queue, spec, shape, columns, ...devices, []));
      compare(results, `${text}, subgroups of ${queue.features.subgroupMinSize} to ${queue.features.subgroupMaxSize}`);
    }
  }
  assert.equal(hostKernelRuns().get("random row"), undefined);
});

test("NaN is the extreme of a row wherever it stands", () => {
  const x = input(0, "f32");
  const reductions: Reduction[] = [
    { op: "max", value: x, type: "f32" },
    { op: "argmax", value: x, type: "i64" },
    { op: "argmin", value: x, type: "i64" },
  ];
  const outputs = [float32, int64, int64].map((dtype, k) => ({
    dtype,
    along: "row" as const,
    value: accumulator(k, computeType(dtype)),
  }));
  const inputs = [{ dtype: float32, along: "element" as const }];
  const spec: RowSpec = { kind: "row", name: "extremes", inputs, passes: [reductions], outputs, params: 0, compiled: null };
  const shape = [4, 700];
  const set = (a: TypedArray): void => {
    for (let i = 0; i < a.length; i++) a[i] = Math.sin(i);
    a[700 + 600] = a[700 + 5] = Number.NaN;
    a[1400 + 3] = a[1400 + 555] = Infinity;
    a[2100 + 699] = -Infinity;
  };
  const given = pairOf(float32, shape, [700, 1], 0, set);
  const results = outputs.map((o) => pairOf(o.dtype, [4, 1], [1, 1], 0, () => {}));
  gpu.row(
    spec,
    shape,
    [1],
    [given.device],
    results.map((p) => p.device),
    [],
  );
  const [max, argmax, argmin] = results.map((p) => [...(elements(p.device) as unknown as (number | bigint)[])]);
  assert.deepEqual(max!.slice(1, 3), [Number.NaN, Infinity]);
  assert.deepEqual(argmax!.slice(1, 3), [5n, 3n]);
  assert.deepEqual([argmin![1], argmin![3]], [5n, 699n]);
});

test("constants may overflow, and give NaN", () => {
  const f32 = (x: number): Expr => constant(x, "f32");
  const i32 = (x: number): Expr => constant(x, "i32");
  const values = [
    f32(1e30).mul(1e30),
    f32(0).div(0),
    f32(-1).sqrt(),
    i32(-5).bitcast("f32"),
    i32(2 ** 31 - 1)
      .add(1)
      .cast("f32"),
    i32(7).div(0).cast("f32"),
    f32(1e30).cast("i32").cast("f32"),
  ];
  const outputs = values.map((value) => ({ dtype: float32, value: value.add(input(0, "f32")) }));
  const spec: MapSpec = { kind: "map", name: "constants", inputs: [float32], outputs, params: 0, compiled: null };
  const x = pairOf(float32, [4], [1], 0, clear);
  const y = outputs.map(() => pairOf(float32, [4], [1], 0, clear));
  gpu.map(
    spec,
    [4],
    [x.device],
    y.map((p) => p.device),
    [],
  );
  const nan = Number.NaN;
  assert.deepEqual(
    y.map((p) => elements(p.device)[1]),
    [Infinity, nan, nan, nan, -(2 ** 31), 0, -(2 ** 31)],
  );
});

test("an output may be the memory of an input", () => {
  const spec: MapSpec = {
    kind: "map",
    name: "update",
    inputs: [float32, float32],
    outputs: [
      { dtype: float32, value: input(0, "f32").add(input(1, "f32")) },
      { dtype: float32, value: input(1, "f32").mul(constant(2, "f32")) },
    ],
    params: 0,
    compiled: null,
  };
  const a = pairOf(float32, [100], [1], 0, (x) => (x as Float32Array).fill(3));
  const b = pairOf(float32, [100], [1], 0, (x) => (x as Float32Array).fill(4));
  gpu.map(spec, [100], [a.device, b.device], [a.device, b.device], []);
  assert.equal(elements(a.device)[99], 7);
  assert.equal(elements(b.device)[99], 8);
});
