/**
 * Matrix products for the generators of all targets: sizes, layouts, batches, epilogues. Values are small integers, whose products are exact, so that a wrong
 * element is never a matter of rounding.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Activation, GemmArguments } from "../../src/backends/backend.ts";
import { getNumThreads, setNumThreads } from "../../src/backends/cpu/team.ts";
import { type DType, float32, float64 } from "../../src/core/dtype.ts";
import { generator, type Guarded, type GuardedMemory, guardedOperand } from "./guarded.ts";

export interface GemmUnderTest {
  run(args: GemmArguments): boolean;
}

const random = generator(1);

/** Strides for a shape: some order of dimensions, sometimes with gaps, sometimes with zero strides (`expand`). */
function randomStrides(shape: readonly number[], options: { expand: boolean }): number[] {
  const order = shape.map((_, d) => d);
  if (random(2) === 0) [order[order.length - 1], order[order.length - 2]] = [order[order.length - 2]!, order[order.length - 1]!];
  if (random(6) === 0) order.reverse();
  const strides = new Array<number>(shape.length).fill(0);
  let step = random(8) === 0 ? 2 : 1;
  for (const d of order.reverse()) {
    if (options.expand && random(8) === 0) continue;
    strides[d] = step;
    step *= Math.max(1, shape[d]!);
    if (random(4) === 0) step += random(5);
  }
  return strides;
}

function at(x: Guarded, index: readonly number[]): number {
  return index.reduce((sum, i, d) => sum + i * x.operand.strides[d]!, 0);
}

interface Case {
  readonly dtype: DType;
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: "none" | "row" | "column" | "full";
  readonly activation: Activation;
  readonly contiguous: boolean;
  readonly transposed?: "a" | "b" | "ab";
}

function check(gemm: GemmUnderTest, memory: GuardedMemory, c: Case): void {
  const { batch, m, n, k, dtype } = c;
  const side = random(2) === 0 ? "end" : "start";
  const dense = (shape: readonly number[], swap: boolean): number[] => {
    const strides = new Array<number>(shape.length);
    let step = 1;
    for (let d = shape.length - 1; d >= 0; d--) {
      strides[d] = step;
      step *= shape[d]!;
    }
    if (swap) {
      strides[shape.length - 1] = shape[shape.length - 2]!;
      strides[shape.length - 2] = 1;
    }
    return strides;
  };
  const make = (rows: number, columns: number, swap: boolean, expand: boolean): Guarded => {
    const shape = [...batch, rows, columns];
    return guardedOperand(
      memory,
      random,
      dtype,
      shape,
      c.contiguous ? dense(shape, swap) : randomStrides(shape, { expand }),
      side,
    );
  };
  const a = make(m, k, c.transposed?.includes("a") ?? false, true);
  const b = make(k, n, c.transposed?.includes("b") ?? false, true);
  const out = make(m, n, false, false);
  const biasStrides = { none: [0, 0], row: [1, 0], column: [0, 1], full: [n, 1] }[c.bias];
  const bias = c.bias === "none" ? null : guardedOperand(memory, random, dtype, [m, n], biasStrides, side);
  const before = out.values.slice();
  const expected = out.values.slice();
  const batches = batch.reduce((x, y) => x * y, 1);
  for (let q = 0; q < batches; q++) {
    const where: number[] = [];
    let rest = q;
    for (let d = batch.length - 1; d >= 0; d--) {
      where.unshift(rest % batch[d]!);
      rest = Math.floor(rest / batch[d]!);
    }
    const [aFirst, bFirst] = [at(a, [...where, 0, 0]), at(b, [...where, 0, 0])];
    const [aRow, aStep] = a.operand.strides.slice(-2) as [number, number];
    const [bStep, bColumn] = b.operand.strides.slice(-2) as [number, number];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += a.values[aFirst + i * aRow + p * aStep]! * b.values[bFirst + p * bStep + j * bColumn]!;
        const place = at(out, [...where, i, j]);
        let value = c.alpha * sum;
        if (c.beta !== 0) value += c.beta * before[place]!;
        if (bias) value += bias.values[at(bias, [i, j])]!;
        expected[place] = c.activation === "relu" ? Math.max(0, value) : value;
      }
    }
  }
  assert.ok(
    gemm.run({
      a: a.operand,
      b: b.operand,
      out: out.operand,
      alpha: c.alpha,
      beta: c.beta,
      bias: bias?.operand ?? null,
      activation: c.activation,
    }),
  );
  for (let i = 0; i < expected.length; i++) {
    if (out.values[i] !== expected[i]) {
      const layout = `a ${a.operand.strides} b ${b.operand.strides} out ${out.operand.strides}`;
      assert.fail(
        `${JSON.stringify({ ...c, dtype: dtype.name })} ${layout}: element ${i} is ${out.values[i]}, not ${expected[i]}`,
      );
    }
  }
  for (const x of [a, b, out, bias]) x?.check();
}

const plain = { batch: [], alpha: 1, beta: 0, bias: "none", activation: "none", contiguous: true } as const;

/** The tests of one generator; `effort` is the share of the random cases. */
export function testGemm(level: string, gemm: GemmUnderTest, memory: GuardedMemory, effort = 1): void {
  for (const dtype of [float32, float64]) {
    test(`${level} ${dtype.name}: all small sizes`, () => {
      for (const m of [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 29])
        for (const n of [1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 65, 130])
          for (const k of [0, 1, 2, 3, 4, 5, 16, 17, 33]) check(gemm, memory, { ...plain, dtype, m, n, k });
    });
    test(`${level} ${dtype.name}: transposed sides`, () => {
      for (const transposed of ["a", "b", "ab"] as const)
        for (const m of [1, 2, 3, 5, 7, 8, 9, 14, 20, 40])
          for (const n of [1, 2, 4, 5, 9, 16, 31, 33, 70])
            for (const k of [1, 4, 8, 15, 16, 17, 33, 70]) check(gemm, memory, { ...plain, dtype, m, n, k, transposed });
    });
    test(`${level} ${dtype.name}: random shapes, strides, batches and epilogues`, () => {
      for (let i = 0; i < 1500 * effort; i++) {
        const batch = Array.from({ length: random(4) }, () => random(4));
        if (random(3) > 0) for (const [d, size] of batch.entries()) batch[d] = Math.max(1, size);
        check(gemm, memory, {
          dtype,
          batch,
          m: random(34),
          n: random(60),
          k: random(50),
          alpha: [1, 1, -2, 0.5][random(4)]!,
          beta: [0, 0, 1, -3, 0.5][random(5)]!,
          bias: (["none", "row", "column", "full"] as const)[random(4)]!,
          activation: random(2) === 0 ? "relu" : "none",
          contiguous: random(3) === 0,
          transposed: (["a", "b", "ab", undefined] as const)[random(4)],
        });
      }
    });
    test(`${level} ${dtype.name}: large products are packed and blocked`, () => {
      for (const [m, n, k] of [
        [200, 300, 700],
        [91, 515, 270],
        [301, 64, 1030],
        [64, 256, 784],
      ] as const)
        for (const transposed of [undefined, "a", "b", "ab"] as const)
          for (const beta of [0, 2])
            check(gemm, memory, { ...plain, dtype, m, n, k, transposed, beta, bias: "column", activation: "relu" });
      check(gemm, memory, { ...plain, dtype, m: 150, n: 100, k: 90, batch: [3], transposed: "b" });
      check(gemm, memory, { ...plain, dtype, m: 150, n: 200, k: 190, batch: [2] });
    });
    test(`${level} ${dtype.name}: beta 0 overwrites what is not a number, relu keeps it`, () => {
      const a = guardedOperand(memory, random, dtype, [20, 20], [20, 1], "end");
      const b = guardedOperand(memory, random, dtype, [20, 40], [40, 1], "end");
      const out = guardedOperand(memory, random, dtype, [20, 40], [40, 1], "end");
      out.values.fill(Number.NaN);
      const args = { a: a.operand, b: b.operand, out: out.operand, alpha: 1, beta: 0, bias: null, activation: "none" } as const;
      gemm.run(args);
      assert.ok(!out.values.includes(Number.NaN));
      a.values[0] = Number.NaN;
      gemm.run({ ...args, activation: "relu" });
      assert.ok(out.values.subarray(0, 40).every(Number.isNaN));
      assert.ok(!out.values.subarray(40).includes(Number.NaN));
    });
    test(`${level} ${dtype.name}: results do not depend on the number of threads`, () => {
      const [m, n, k] = [230, 333, 900];
      const a = guardedOperand(memory, random, dtype, [m, k], [k, 1], "end");
      const b = guardedOperand(memory, random, dtype, [k, n], [1, k], "end");
      const out = guardedOperand(memory, random, dtype, [m, n], [n, 1], "end");
      for (const x of [a, b]) for (let i = 0; i < x.values.length; i++) x.values[i] = random(1 << 30) / (1 << 29) - 1;
      const args = { a: a.operand, b: b.operand, out: out.operand, alpha: 1, beta: 0, bias: null, activation: "none" } as const;
      const before = getNumThreads();
      const results: (Float32Array | Float64Array)[] = [];
      for (const threads of [1, 2, 3, 8]) {
        setNumThreads(threads);
        gemm.run(args);
        results.push(out.values.slice());
      }
      setNumThreads(before);
      for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
      let worst = 0;
      for (let i = 0; i < m; i += 7)
        for (let j = 0; j < n; j += 5) {
          let sum = 0;
          for (let p = 0; p < k; p++) sum += a.values[i * k + p]! * b.values[j * k + p]!;
          worst = Math.max(worst, Math.abs(sum - results[0]![i * n + j]!));
        }
      assert.ok(worst < (dtype === float32 ? 1e-4 : 1e-12), `error ${worst}`);
    });
  }
}
