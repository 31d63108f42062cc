import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConvGeometry, Operand } from "../../src/backends/backend.ts";
import * as reference from "../../src/backends/cpu/js/contract.ts";
import { setNumThreads } from "../../src/backends/cpu/team.ts";
import { Conv } from "../../src/backends/cpu/x64/conv.ts";
import { type DType, float32, float64 } from "../../src/core/dtype.ts";
import { cpu, Storage } from "../../src/core/storage.ts";
import { type GuardedBuffer, openNative } from "../../src/platform/index.ts";

const native = openNative();
const levels = native?.features.avx512 ? [false, true] : native?.features.avx2 ? [false] : [];

let seed = 7;
function random(n: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
}

interface Guarded {
  readonly operand: Operand;
  readonly values: Float32Array | Float64Array;
  readonly memory: GuardedBuffer;
}

/** Small integers, whose sums of products are exact, in memory that ends or begins at a page that must not be touched. */
function guarded(
  dtype: DType,
  shape: readonly number[],
  at: "end" | "start",
  layout: "dense" | "gaps" | "channelsLast" = "dense",
): Guarded {
  const strides = new Array<number>(shape.length).fill(0);
  const order = shape.map((_, d) => d);
  if (layout === "channelsLast") order.push(...order.splice(1, 1));
  let step = layout === "gaps" ? 2 : 1;
  for (const d of order.reverse()) {
    strides[d] = step;
    step = step * Math.max(1, shape[d]!) + (layout === "gaps" ? random(3) : 0);
  }
  const extent = shape.includes(0) ? 0 : 1 + shape.reduce((sum, size, d) => sum + (size - 1) * strides[d]!, 0);
  const memory = native!.guardedBuffer(Math.max(1, extent) * dtype.itemsize, { at });
  const storage = new Storage(cpu, "external", memory.buffer, memory.byteOffset, memory.nbytes, memory.address);
  const View = dtype === float32 ? Float32Array : Float64Array;
  const values = new View(memory.buffer, memory.byteOffset, extent);
  for (let i = 0; i < extent; i++) values[i] = random(9) - 4;
  return { operand: { storage, storageOffset: 0, shape, strides, dtype }, values, memory };
}

function valuesOf(x: Guarded): number[] {
  const { shape, strides } = x.operand;
  const result: number[] = [];
  const visit = (d: number, at: number): void => {
    if (d === shape.length) result.push(x.values[at]! + 0);
    else for (let i = 0; i < shape[d]!; i++) visit(d + 1, at + i * strides[d]!);
  };
  visit(0, 0);
  return result;
}

interface Case {
  readonly images: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly geometry: ConvGeometry;
}

function randomCase(): Case {
  const rank = random(4) === 0 ? 1 : 2;
  const each = (make: () => number): number[] => Array.from({ length: rank }, make);
  for (;;) {
    const kernel = each(() => 1 + random(4));
    const dilation = each(() => 1 + (random(4) === 0 ? random(3) : 0));
    const stride = each(() => 1 + (random(3) === 0 ? random(3) : 0));
    const padding = kernel.map((k) => random(k + 1));
    const size = each(() => 1 + random(24));
    const groups = random(3) === 0 ? 1 + random(4) : 1;
    const fits = size.every((s, d) => s + 2 * padding[d]! >= (kernel[d]! - 1) * dilation[d]! + 1);
    if (!fits) continue;
    const depthwise = groups > 1 && random(2) === 0;
    const inputs = groups * (depthwise ? 1 : 1 + random(6));
    const outputs = groups * (depthwise ? 1 : 1 + random(20));
    return { images: random(4), inputs, outputs, size, kernel, geometry: { stride, padding, dilation, groups } };
  }
}

function outSize({ size, kernel, geometry: g }: Case): number[] {
  return size.map((s, d) => Math.floor((s + 2 * g.padding[d]! - (kernel[d]! - 1) * g.dilation[d]! - 1) / g.stride[d]!) + 1);
}

type Layout = "dense" | "gaps" | "channelsLast";

/** Runs all three passes and compares them with the plain TypeScript ones. */
function check(
  conv: Conv,
  dtype: DType,
  c: Case,
  layouts: { x: Layout; w: Layout; out: Layout },
  bias: boolean,
  relu: boolean,
): void {
  const at = random(2) === 0 ? "end" : "start";
  const { geometry } = c;
  const x = guarded(dtype, [c.images, c.inputs, ...c.size], at, layouts.x);
  const w = guarded(dtype, [c.outputs, c.inputs / geometry.groups, ...c.kernel], at, layouts.w);
  const b = bias ? guarded(dtype, [c.outputs], at) : null;
  const shape = [c.images, c.outputs, ...outSize(c)];
  const out = guarded(dtype, shape, at, layouts.out);
  const g = guarded(dtype, shape, at, layouts.out);
  const expected = guarded(dtype, shape, "end");
  const activation = relu ? "relu" : "none";
  const text = JSON.stringify({ ...c, dtype: dtype.name, ...layouts, bias, relu });
  reference.convForward(x.operand, w.operand, b?.operand ?? null, expected.operand, geometry, activation);
  assert.ok(conv.forward(x.operand, w.operand, b?.operand ?? null, out.operand, geometry, activation));
  assert.deepEqual(valuesOf(out), valuesOf(expected), `forward ${text}`);
  const all = [x, w, b, out, g, expected];
  const gx = guarded(dtype, x.operand.shape, at, layouts.x);
  const expectedGx = guarded(dtype, x.operand.shape, "end");
  reference.convBackwardInput(g.operand, w.operand, expectedGx.operand, geometry);
  assert.ok(conv.backwardInput(g.operand, w.operand, gx.operand, geometry));
  assert.deepEqual(valuesOf(gx), valuesOf(expectedGx), `backwardInput ${text}`);
  const gw = guarded(dtype, w.operand.shape, at, layouts.w);
  const expectedGw = guarded(dtype, w.operand.shape, "end");
  reference.convBackwardWeight(g.operand, x.operand, expectedGw.operand, geometry);
  assert.ok(conv.backwardWeight(g.operand, x.operand, gw.operand, geometry));
  assert.deepEqual(valuesOf(gw), valuesOf(expectedGw), `backwardWeight ${text}`);
  all.push(gx, expectedGx, gw, expectedGw);
  for (const one of all) one?.memory.free();
}

const plain = { x: "dense", w: "dense", out: "dense" } as const;

for (const avx512 of levels) {
  const conv = new Conv(native!, { avx512 });
  const level = avx512 ? "avx512" : "avx2";
  for (const dtype of [float32, float64]) {
    test(`${level} ${dtype.name}: random geometries`, () => {
      for (let i = 0; i < 250; i++) check(conv, dtype, randomCase(), plain, random(2) === 0, random(2) === 0);
    });
    test(`${level} ${dtype.name}: random layouts`, () => {
      const layouts = ["dense", "gaps", "channelsLast"] as const;
      for (let i = 0; i < 80; i++) {
        const c = randomCase();
        check(conv, dtype, c, { x: layouts[random(3)]!, w: layouts[random(3)]!, out: layouts[random(3)]! }, true, false);
      }
    });
    test(`${level} ${dtype.name}: strides that leave inputs without a tap`, () => {
      for (const [size, kernel, stride, dilation] of [
        [2, 1, 2, 1],
        [8, 1, 2, 1],
        [9, 2, 3, 1],
        [9, 2, 2, 2],
      ] as const) {
        const geometry = { stride: [stride, stride], padding: [0, 0], dilation: [dilation, dilation], groups: 1 };
        check(
          conv,
          dtype,
          { images: 2, inputs: 32, outputs: 48, size: [size, size], kernel: [kernel, kernel], geometry },
          plain,
          true,
          false,
        );
      }
    });
    test(`${level} ${dtype.name}: larger ones, cut into blocks of rows`, () => {
      const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
      const c: Case = { images: 2, inputs: 33, outputs: 31, size: [40, 41], kernel: [3, 3], geometry };
      for (const threads of [1, 2, 3]) {
        setNumThreads(threads);
        check(conv, dtype, c, plain, true, true);
        check(conv, dtype, { ...c, geometry: { ...geometry, stride: [2, 2] } }, plain, true, true);
      }
      setNumThreads(2);
    });
  }
}
