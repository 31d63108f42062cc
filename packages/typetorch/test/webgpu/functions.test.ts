/**
 * Accuracy of single precision on the device, and double precision made of integers.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { typedArrayOf } from "../../src/backends/cpu/memory.ts";
import type { Operand } from "../../src/backends/backend.ts";
import { createCpuBackend } from "../../src/backends/cpu/index.ts";
import { createWebgpuBackend, hostKernelRuns } from "../../src/backends/webgpu/index.ts";
import type { DeviceMemory } from "../../src/backends/webgpu/memory.ts";
import { ulpBounds } from "../../src/backends/webgpu/wgsl/functions.ts";
import { type DType, float32, int64 } from "../../src/core/dtype.ts";
import * as special from "../../src/core/special.ts";
import { type BinaryPrimitive, Expr, input } from "../../src/ir/expr.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { unary } from "../cpu/mathFunctions.ts";
import { Random } from "../cpu/randomKernels.ts";

const gpu = createWebgpuBackend(createCpuBackend());
const n = 6000;

const binary: Partial<Record<BinaryPrimitive, (x: number, y: number) => number>> = {
  pow: special.power,
  atan2: Math.atan2,
  nextafter: special.nextafter32,
};

function operand(dtype: DType, fill?: (array: Float32Array) => void): Operand {
  const x = { storage: gpu.allocate(n * dtype.itemsize, dtype), storageOffset: 0, shape: [n], strides: [1], dtype };
  fill?.(typedArrayOf((x.storage.remote as DeviceMemory).bringToHost(true), dtype) as Float32Array);
  return x;
}
function run(dtype: DType, value: Expr, inputs: readonly Operand[]): Float32Array {
  const spec: MapSpec = {
    kind: "map",
    name: "function",
    inputs: inputs.map((x) => x.dtype),
    outputs: [{ dtype, value }],
    params: 0,
    compiled: null,
  };
  const out = operand(dtype);
  gpu.map(spec, [n], inputs, [out], []);
  return typedArrayOf((out.storage.remote as DeviceMemory).bringToHost(false), dtype) as Float32Array;
}

const r = new Random(11);
const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  3,
  -3,
  Infinity,
  -Infinity,
  Number.NaN,
  1e30,
  -1e30,
  1e-30,
  88,
  -88,
  104,
  1e10,
  123456.789,
];
const ranges = [
  () => (r.next() - 0.5) * 4,
  () => (r.next() - 0.5) * 200,
  () => (r.next() - 0.5) * 2 ** ((r.next() - 0.5) * 200),
  () => r.next() * 2 - 1,
  () => 1 + (r.next() - 0.5) * 0.01,
  () => (r.next() - 0.5) * 1e5,
];
const count = specials.length;
const x = operand(float32, (a) => {
  for (let i = 0; i < n; i++) a[i] = i < count * count ? specials[i % count]! : ranges[i % 6]!();
});
const y = operand(float32, (a) => {
  for (let i = 0; i < n; i++) a[i] = i < count * count ? specials[Math.floor(i / count)]! : ranges[Math.floor(i / 6) % 6]!();
});
const arrayOf = (t: Operand): Float32Array =>
  typedArrayOf((t.storage.remote as DeviceMemory).bringToHost(false), float32) as Float32Array;
const [xs, ys] = [arrayOf(x).slice(), arrayOf(y).slice()];

/** Checks all results; subnormal ones may be 0. `rooted`: near a root the error is absolute. */
function check(name: string, got: Float32Array, f: (x: number, y: number) => number, bound: number, rooted = false): void {
  for (let i = 0; i < n; i++) {
    const want = f(xs[i]!, ys[i]!);
    const rounded = Math.fround(want);
    const text = `${name}(${xs[i]}, ${ys[i]}) is ${got[i]}, not ${want}`;
    if (Number.isNaN(rounded)) assert.ok(Number.isNaN(got[i]), text);
    else if (Math.abs(want) < 2 ** -126) assert.ok(Math.abs(got[i]!) <= 2 ** -126, text);
    else if (!Number.isFinite(rounded)) assert.equal(got[i], rounded, text);
    else {
      const ulp = 2 ** (Math.floor(Math.log2(Math.abs(rounded))) - 23);
      const allowed = rooted ? Math.max(bound * ulp, bound * 2 ** -22) : bound * ulp;
      // beside the largest number the result may be infinite already
      if (!Number.isFinite(got[i])) assert.ok(Math.abs(want) > 3.4028e38 && got[i]! * want > 0, text);
      else assert.ok(Math.abs(got[i]! - want) <= allowed, text);
    }
  }
}

test("transcendental functions keep their bounds, at special values too", () => {
  for (const [name, f] of Object.entries(unary)) {
    const op = name as keyof typeof ulpBounds & keyof typeof unary;
    check(name, run(float32, new Expr(op, "f32", [input(0, "f32")]), [x]), f, ulpBounds[op], op === "lgamma" || op === "digamma");
  }
  for (const [name, f] of Object.entries(binary)) {
    const op = name as keyof typeof ulpBounds & BinaryPrimitive;
    check(name, run(float32, new Expr(op, "f32", [input(0, "f32"), input(1, "f32")]), [x, y]), f, ulpBounds[op]);
  }
  assert.equal(hostKernelRuns().get("function"), undefined);
});

test("quotients, remainders and roots are rounded once", () => {
  const [a, b] = [input(0, "f32"), input(1, "f32")];
  check("div", run(float32, a.div(b), [x, y]), (p, q) => p / q, 0.5);
  check("rem", run(float32, a.rem(b), [x, y]), (p, q) => p % q, 0);
  check("sqrt", run(float32, a.sqrt(), [x]), Math.sqrt, 0.5);
});

test("double precision inside of a kernel is exact", () => {
  const [a, b] = [input(0, "f32").cast("f64"), input(1, "f32").cast("f64")];
  const cases: Readonly<Record<string, [Expr, (p: number, q: number) => number]>> = {
    add: [a.add(b), (p, q) => p + q],
    sub: [a.sub(b.mul(1 / 3)), (p, q) => p - q * (1 / 3)],
    mul: [a.mul(0.1).mul(b), (p, q) => p * 0.1 * q],
    div: [a.div(b), (p, q) => p / q],
    sqrt: [a.sqrt(), (p) => Math.sqrt(p)],
    floor: [a.mul(0.7).floor(), (p) => Math.floor(p * 0.7)],
    round: [a.mul(0.5).round(), (p) => special.roundHalfEven(p * 0.5)],
    exp: [a.exp(), Math.exp],
  };
  for (const [name, [value, f]] of Object.entries(cases)) {
    const out = run(int64, value.bitcast("i64"), [x, y]);
    const got = new Float64Array(out.buffer, out.byteOffset, n);
    for (let i = 0; i < n; i++) {
      const want = f(xs[i]!, ys[i]!);
      const text = `${name}(${xs[i]}, ${ys[i]}) is ${got[i]}, not ${want}`;
      if (Number.isNaN(want)) assert.ok(Number.isNaN(got[i]), text);
      else if (Math.abs(want) < 2 ** -1022) assert.ok(Math.abs(got[i]!) <= 2 ** -1022, text);
      else if (name === "exp" && Number.isFinite(want)) assert.ok(Math.abs(got[i]! - want) <= 1.5e-16 * 2 * want, text);
      else assert.equal(got[i], want, text);
    }
  }
});
