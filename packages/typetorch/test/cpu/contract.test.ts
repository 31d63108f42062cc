import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConvGeometry, Operand } from "../../src/backends/backend.ts";
import { bringConvolutions, createCpuBackend } from "../../src/backends/cpu/index.ts";
import { convBackwardInput, convBackwardWeight, convForward } from "../../src/backends/cpu/convolution.ts";
import { dtypeOfKey, type DTypeKey } from "../../src/core/dtype.ts";
import { fill, generator, pick, randomStrides, read, strided } from "./operands.ts";

bringConvolutions({ convForward, convBackwardInput, convBackwardWeight });
const backend = createCpuBackend();

function near(actual: readonly (number | bigint)[], expected: readonly number[], tolerance: number, note: string): void {
  assert.equal(actual.length, expected.length, note);
  actual.forEach((v, k) => {
    const e = expected[k]!;
    assert.ok(Math.abs(Number(v) - e) <= tolerance * (1 + Math.abs(e)), `${note}: element ${k} is ${v}, not ${e}`);
  });
}

test("gemm multiplies any strides, batches and dtypes, and adds what it should", () => {
  const random = generator(5);
  for (let round = 0; round < 120; round++) {
    const key = pick(random, ["f32", "f32", "f64", "i64", "i32", "i16", "u8", "f16", "bf16"] as DTypeKey[]);
    const dtype = dtypeOfKey[key];
    const [m, n, k] = [0, 0, 0].map(() => pick(random, [1, 2, 3, 7, 17, 33])) as [number, number, number];
    const batch = pick(random, [[], [2], [2, 3]] as number[][]);
    const matrix = (rows: number, columns: number, broadcast: boolean): Operand => {
      const shape = [...batch, rows, columns];
      const inner = random() < 0.5 ? [columns, 1] : [1, rows];
      let step = rows * columns;
      const outer = batch.map(() => 0);
      for (let d = batch.length - 1; d >= 0; d--) {
        if (broadcast && random() < 0.3) continue;
        outer[d] = step;
        step *= batch[d]!;
      }
      const x = strided(dtype, shape, [...outer, ...inner], Math.floor(random() * 2));
      return fill(
        x,
        Array.from({ length: batch.reduce((a, b) => a * b, 1) * rows * columns }, () => Math.floor(random() * 7) - 3),
      );
    };
    const a = matrix(m, k, true);
    const b = matrix(k, n, true);
    const out = matrix(m, n, false);
    const bias =
      random() < 0.5
        ? fill(
            strided(dtype, [m, n], [0, 1]),
            Array.from({ length: m * n }, (_, i) => (i % n) - 1),
          )
        : null;
    const beta = pick(random, [0, 1, 2]);
    const alpha = pick(random, [1, 2]);
    const activation = pick(random, ["none", "none", "relu"] as const);
    const [x, y, before] = [a, b, out].map((o) => read(o).map(Number)) as [number[], number[], number[]];
    const added = bias === null ? null : read(bias).map(Number);
    const batches = batch.reduce((p, q) => p * q, 1);
    const expected: number[] = [];
    for (let p = 0; p < batches; p++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let q = 0; q < k; q++) sum += x[(p * m + i) * k + q]! * y[(p * k + q) * n + j]!;
          let v = alpha * sum + (beta === 0 ? 0 : beta * before[(p * m + i) * n + j]!) + (added === null ? 0 : added[i * n + j]!);
          if (activation === "relu" && dtype.isFloatingPoint) v = Math.max(0, v);
          expected.push(key === "u8" ? v & 255 : v);
        }
      }
    }
    backend.gemm({ a, b, out, alpha, beta, bias, activation: dtype.isFloatingPoint ? activation : "none" });
    near(
      read(out),
      expected,
      key === "bf16" ? 8e-3 : key === "f16" ? 1e-3 : 0,
      `round ${round} ${key} ${m}x${n}x${k} batch [${batch}]`,
    );
  }
});

test("gemm over an empty inner dimension gives beta * out + bias", () => {
  const { f32 } = dtypeOfKey;
  const out = fill(strided(f32, [2, 2]), [1, 2, 3, 4]);
  backend.gemm({ a: strided(f32, [2, 0]), b: strided(f32, [0, 2]), out, alpha: 1, beta: 2, bias: null, activation: "none" });
  assert.deepEqual(read(out), [2, 4, 6, 8]);
  fill(out, [NaN, NaN, NaN, NaN]);
  backend.gemm({ a: strided(f32, [2, 0]), b: strided(f32, [0, 2]), out, alpha: 1, beta: 0, bias: null, activation: "none" });
  assert.deepEqual(read(out), [0, 0, 0, 0]);
});

/** The definition of a convolution: visits (output, input, weight) index triples. */
function products(x: Operand, w: Operand, out: Operand, g: ConvGeometry, visit: (o: number, i: number, k: number) => void): void {
  const spatial = x.shape.length - 2;
  const flat = (shape: readonly number[], index: readonly number[]) => index.reduce((s, i, d) => s * shape[d]! + i, 0);
  const outputsPerGroup = out.shape[1]! / g.groups;
  const loop = (limits: readonly number[], body: (index: number[]) => void): void => {
    const total = limits.reduce((a, b) => a * b, 1);
    for (let n = 0; n < total; n++) {
      const index: number[] = [];
      for (let d = limits.length - 1, rest = n; d >= 0; d--) {
        index[d] = rest % limits[d]!;
        rest = Math.floor(rest / limits[d]!);
      }
      body(index);
    }
  };
  loop([...out.shape, w.shape[1]!, ...w.shape.slice(2)], (index) => {
    const o = index.slice(0, 2 + spatial);
    const ci = index[2 + spatial]!;
    const k = index.slice(3 + spatial);
    const group = Math.floor(o[1]! / outputsPerGroup);
    const i = [o[0]!, group * w.shape[1]! + ci];
    for (let d = 0; d < spatial; d++) i.push(o[2 + d]! * g.stride[d]! + k[d]! * g.dilation[d]! - g.padding[d]!);
    if (i.slice(2).some((v, d) => v < 0 || v >= x.shape[2 + d]!)) return;
    visit(flat(out.shape, o), flat(x.shape, i), flat(w.shape, [o[1]!, ci, ...k]));
  });
}

test("convolutions and their gradients follow the definition", () => {
  const random = generator(11);
  const { f32, f64, f16, bf16 } = dtypeOfKey;
  for (let round = 0; round < 80; round++) {
    const spatial = pick(random, [1, 2, 2, 2, 3]);
    const draw = (list: readonly number[]) => Array.from({ length: spatial }, () => pick(random, list));
    const g: ConvGeometry = {
      stride: draw([1, 1, 2, 3]),
      padding: draw([0, 1, 2]),
      dilation: draw([1, 1, 2]),
      groups: pick(random, [1, 1, 2, 3]),
    };
    const kernel = draw([1, 2, 3]);
    const size = draw([5, 6, 8]);
    const outSize = size.map(
      (n, d) => Math.floor((n + 2 * g.padding[d]! - g.dilation[d]! * (kernel[d]! - 1) - 1) / g.stride[d]!) + 1,
    );
    const inputs = g.groups * pick(random, [1, 2]);
    const outputs = g.groups * pick(random, [1, 2, 3]);
    const dtype = pick(random, [f32, f64, f32, f64, f16, bf16]);
    const tolerance = dtype === bf16 ? 8e-3 : dtype === f16 ? 1e-3 : 0;
    const make = (shape: number[]) => {
      const x = strided(dtype, shape, randomStrides(random, shape, false));
      return fill(
        x,
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.floor(random() * 9) - 4),
      );
    };
    const x = make([2, inputs, ...size]);
    const w = make([outputs, inputs / g.groups, ...kernel]);
    const out = make([2, outputs, ...outSize]);
    const bias = make([outputs]);
    const [xs, ws, bs] = [x, w, bias].map((o) => read(o).map(Number)) as [number[], number[], number[]];
    const note = `round ${round}, x [${x.shape}], weight [${w.shape}], ${JSON.stringify(g)}`;

    const volume = outSize.reduce((a, b) => a * b, 1);
    const expected = Array.from({ length: 2 * outputs * volume }, (_, o) => bs[Math.floor(o / volume) % outputs]!);
    products(x, w, out, g, (o, i, k) => (expected[o]! += xs[i]! * ws[k]!));
    backend.convForward(x, w, bias, out, g, "relu");
    near(
      read(out),
      expected.map((v) => Math.max(v, 0)),
      0,
      note,
    );

    const gradient = make([2, outputs, ...outSize]);
    const gs = read(gradient).map(Number);
    const gx = make([2, inputs, ...size]);
    const expectedX = xs.map(() => 0);
    products(x, w, gradient, g, (o, i, k) => (expectedX[i]! += gs[o]! * ws[k]!));
    backend.convBackwardInput(gradient, w, gx, g);
    near(read(gx), expectedX, tolerance, note);

    const gw = make([outputs, inputs / g.groups, ...kernel]);
    const expectedW = ws.map(() => 0);
    products(x, w, gradient, g, (o, i, k) => (expectedW[k]! += gs[o]! * xs[i]!));
    backend.convBackwardWeight(gradient, x, gw, g);
    near(read(gw), expectedW, tolerance, note);
  }
});
