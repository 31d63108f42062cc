/**
 * Convolutions and their gradients for the generators of all targets, compared with plain TypeScript.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Activation, ConvGeometry, Operand } from "../../src/backends/backend.ts";
import * as reference from "../../src/backends/cpu/js/contract.ts";
import { getNumThreads, setNumThreads } from "../../src/backends/cpu/team.ts";
import { type DType, float32, float64 } from "../../src/core/dtype.ts";
import { type Guarded, type GuardedMemory, generator, guardedOperand } from "./guarded.ts";

export interface ConvUnderTest {
  forward(
    x: Operand,
    weight: Operand,
    bias: Operand | null,
    out: Operand,
    geometry: ConvGeometry,
    activation: Activation,
  ): boolean;
  backwardInput(g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): boolean;
  backwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): boolean;
}

const random = generator(7);

type Layout = "dense" | "gaps" | "channelsLast";

function guarded(
  memory: GuardedMemory,
  dtype: DType,
  shape: readonly number[],
  at: "end" | "start",
  layout: Layout = "dense",
): Guarded {
  const strides = new Array<number>(shape.length).fill(0);
  const order = shape.map((_, d) => d);
  if (layout === "channelsLast") order.push(...order.splice(1, 1));
  let step = layout === "gaps" ? 2 : 1;
  for (const d of order.reverse()) {
    strides[d] = step;
    step = step * Math.max(1, shape[d]!) + (layout === "gaps" ? random(3) : 0);
  }
  return guardedOperand(memory, random, dtype, shape, strides, at);
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

/** Runs all three passes and compares them with the plain TypeScript ones. */
function check(
  conv: ConvUnderTest,
  memory: GuardedMemory,
  dtype: DType,
  c: Case,
  layouts: { x: Layout; w: Layout; out: Layout },
  bias: boolean,
  relu: boolean,
): void {
  const at = random(2) === 0 ? "end" : "start";
  const { geometry } = c;
  const x = guarded(memory, dtype, [c.images, c.inputs, ...c.size], at, layouts.x);
  const w = guarded(memory, dtype, [c.outputs, c.inputs / geometry.groups, ...c.kernel], at, layouts.w);
  const b = bias ? guarded(memory, dtype, [c.outputs], at) : null;
  const shape = [c.images, c.outputs, ...outSize(c)];
  const out = guarded(memory, dtype, shape, at, layouts.out);
  const g = guarded(memory, dtype, shape, at, layouts.out);
  const expected = guarded(memory, dtype, shape, "end");
  const activation = relu ? "relu" : "none";
  const text = JSON.stringify({ ...c, dtype: dtype.name, ...layouts, bias, relu });
  reference.convForward(x.operand, w.operand, b?.operand ?? null, expected.operand, geometry, activation);
  assert.ok(conv.forward(x.operand, w.operand, b?.operand ?? null, out.operand, geometry, activation));
  assert.deepEqual(valuesOf(out), valuesOf(expected), `forward ${text}`);
  const all = [x, w, b, out, g, expected];
  const gx = guarded(memory, dtype, x.operand.shape, at, layouts.x);
  const expectedGx = guarded(memory, dtype, x.operand.shape, "end");
  reference.convBackwardInput(g.operand, w.operand, expectedGx.operand, geometry);
  assert.ok(conv.backwardInput(g.operand, w.operand, gx.operand, geometry));
  assert.deepEqual(valuesOf(gx), valuesOf(expectedGx), `backwardInput ${text}`);
  const gw = guarded(memory, dtype, w.operand.shape, at, layouts.w);
  const expectedGw = guarded(memory, dtype, w.operand.shape, "end");
  reference.convBackwardWeight(g.operand, x.operand, expectedGw.operand, geometry);
  assert.ok(conv.backwardWeight(g.operand, x.operand, gw.operand, geometry));
  assert.deepEqual(valuesOf(gw), valuesOf(expectedGw), `backwardWeight ${text}`);
  all.push(gx, expectedGx, gw, expectedGw);
  for (const one of all) one?.check();
}

const plain = { x: "dense", w: "dense", out: "dense" } as const;

/** The tests of one generator; `effort` is the share of the random cases. */
export function testConv(level: string, conv: ConvUnderTest, memory: GuardedMemory, effort = 1): void {
  for (const dtype of [float32, float64]) {
    test(`${level} ${dtype.name}: random geometries`, () => {
      for (let i = 0; i < 250 * effort; i++) check(conv, memory, dtype, randomCase(), plain, random(2) === 0, random(2) === 0);
    });
    test(`${level} ${dtype.name}: random layouts`, () => {
      const layouts = ["dense", "gaps", "channelsLast"] as const;
      for (let i = 0; i < 80 * effort; i++) {
        const c = randomCase();
        check(conv, memory, dtype, c, { x: layouts[random(3)]!, w: layouts[random(3)]!, out: layouts[random(3)]! }, true, false);
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
          memory,
          dtype,
          { images: 2, inputs: 32, outputs: 48, size: [size, size], kernel: [kernel, kernel], geometry },
          plain,
          true,
          false,
        );
      }
    });
    test(`${level} ${dtype.name}: many channels of small pictures, taken together`, () => {
      const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
      const [inputs, outputs] = dtype === float32 ? [130, 230] : [100, 150];
      check(conv, memory, dtype, { images: 7, inputs, outputs, size: [5, 6], kernel: [3, 3], geometry }, plain, true, true);
      // 1024 channels: rows of weights that the first-level cache cannot hold beside each other; and the same weights turned, and with a stride
      const pointwise = { images: 3, inputs: 1024, outputs: 280, size: [2, 3], kernel: [1, 1] };
      check(conv, memory, dtype, { ...pointwise, geometry: { ...geometry, padding: [0, 0] } }, plain, true, false);
      const strided = { ...geometry, stride: [2, 2] };
      check(
        conv,
        memory,
        dtype,
        { images: 3, inputs: 230, outputs: 320, size: [5, 6], kernel: [3, 3], geometry: strided },
        plain,
        true,
        true,
      );
      const small = { images: 9, inputs: 40, outputs: 70, size: [3, 2], geometry: { ...geometry, padding: [0, 0] } };
      check(conv, memory, dtype, { ...small, kernel: [1, 1] }, plain, true, false);
      check(conv, memory, dtype, { ...small, kernel: [2, 1] }, { ...plain, x: "gaps" }, false, false);
    });
    test(`${level} ${dtype.name}: larger ones, cut into blocks of rows`, () => {
      const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
      const c: Case = { images: 2, inputs: 33, outputs: 31, size: [40, 41], kernel: [3, 3], geometry };
      const before = getNumThreads();
      for (const threads of [1, 2, 3]) {
        setNumThreads(threads);
        check(conv, memory, dtype, c, plain, true, true);
        check(conv, memory, dtype, { ...c, geometry: { ...geometry, stride: [2, 2] } }, plain, true, true);
      }
      setNumThreads(before);
    });
  }
}
