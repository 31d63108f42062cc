import assert from "node:assert/strict";
import { test } from "node:test";
import { createCpuBackend } from "../../src/backends/cpu/index.ts";
import { dtypeOfKey } from "../../src/core/dtype.ts";
import { accumulator, at, computeType, Expr, input } from "../../src/ir/expr.ts";
import type { RowSpec } from "../../src/ir/spec.ts";
import { type Element, fill, generator, pick, randomStrides, read, strided } from "./operands.ts";

const backend = createCpuBackend();
const { f32, f64, i64 } = dtypeOfKey;

function spec(fields: Pick<RowSpec, "name" | "inputs" | "passes" | "outputs">): RowSpec {
  return { kind: "row", params: 0, compiled: null, ...fields };
}
const x32 = input(0, "f32");

function sumSpec(): RowSpec {
  return spec({
    name: "sum",
    inputs: [{ dtype: f32, along: "element" }],
    passes: [[{ op: "add", value: x32, type: "f32" }]],
    outputs: [{ dtype: f32, along: "row", value: accumulator(0, "f32") }],
  });
}
function statisticsSpec(): RowSpec {
  const n = new Expr("columns", "i64").cast("f32");
  return spec({
    name: "mean, max, argmax, argmin, value at argmin",
    inputs: [{ dtype: f32, along: "element" }],
    passes: [
      [
        { op: "add", value: x32, type: "f32" },
        { op: "max", value: x32, type: "f32" },
        { op: "argmax", value: x32, type: "i64" },
        { op: "argmin", value: x32, type: "i64" },
      ],
    ],
    outputs: [
      { dtype: f32, along: "row", value: accumulator(0, "f32").div(n) },
      { dtype: f32, along: "row", value: accumulator(1, "f32") },
      { dtype: i64, along: "row", value: accumulator(2, "i64") },
      { dtype: i64, along: "row", value: accumulator(3, "i64") },
    ],
  });
}
function softmaxSpec(): RowSpec {
  const e = x32.sub(accumulator(0, "f32")).exp();
  return spec({
    name: "softmax",
    inputs: [{ dtype: f32, along: "element" }],
    passes: [[{ op: "max", value: x32, type: "f32" }], [{ op: "add", value: e, type: "f32" }]],
    outputs: [{ dtype: f32, along: "element", value: e.div(accumulator(1, "f32")) }],
  });
}

/** Rows of a row-major list: for each row the list of its elements, in column order. */
function rowsOf(
  values: readonly Element[],
  shape: readonly number[],
  columns: readonly number[],
): { rows: Element[][]; rowOf: number[]; columnOf: number[] } {
  const rowDims = shape.map((_, d) => d).filter((d) => !columns.includes(d));
  const rowCount = rowDims.reduce((n, d) => n * shape[d]!, 1);
  const rows: Element[][] = Array.from({ length: rowCount }, () => []);
  const rowOf: number[] = [];
  const columnOf: number[] = [];
  values.forEach((v, k) => {
    const index: number[] = [];
    for (let d = shape.length - 1, rest = k; d >= 0; d--) {
      index[d] = rest % shape[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    const r = rowDims.reduce((n, d) => n * shape[d]! + index[d]!, 0);
    rowOf.push(r);
    columnOf.push(rows[r]!.length);
    rows[r]!.push(v);
  });
  return { rows, rowOf, columnOf };
}

/** An operand with size 1 in the given dimensions. */
function reduced(dtype: typeof f32, shape: readonly number[], columns: readonly number[]) {
  return strided(
    dtype,
    shape.map((n, d) => (columns.includes(d) ? 1 : n)),
  );
}

test("row reductions over any dimensions, orders and strides", () => {
  const random = generator(3);
  const statistics = statisticsSpec();
  const softmax = softmaxSpec();
  for (let round = 0; round < 200; round++) {
    const shape = Array.from({ length: Math.floor(random() * 5) }, () => pick(random, [1, 2, 3, 4, 19]));
    const columns = shape.map((_, d) => d).filter(() => random() < 0.5);
    const total = shape.reduce((a, b) => a * b, 1);
    const x = strided(f32, shape, randomStrides(random, shape, false), 1);
    fill(
      x,
      Array.from({ length: total }, () => Math.floor(random() * 40) - 20),
    );
    const { rows, rowOf, columnOf } = rowsOf(read(x), shape, columns);
    const outs = [f32, f32, i64, i64].map((dtype) => reduced(dtype, shape, columns));
    const note = `round ${round}, shape [${shape}], columns [${columns}], strides [${x.strides}]`;
    backend.row(statistics, shape, columns, [x], outs, []);
    assert.deepEqual(
      read(outs[0]!),
      rows.map((r) => Math.fround((r as number[]).reduce((a, b) => a + b, 0) / r.length)),
      note,
    );
    assert.deepEqual(
      read(outs[1]!),
      rows.map((r) => Math.max(...(r as number[]))),
      note,
    );
    assert.deepEqual(
      read(outs[2]!),
      rows.map((r) => BigInt(r.indexOf(Math.max(...(r as number[]))))),
      note,
    );
    assert.deepEqual(
      read(outs[3]!),
      rows.map((r) => BigInt(r.indexOf(Math.min(...(r as number[]))))),
      note,
    );
    const out = strided(f32, shape, randomStrides(random, shape, false));
    backend.row(softmax, shape, columns, [x], [out], []);
    (read(out) as number[]).forEach((v, k) => {
      const row = rows[rowOf[k]!] as number[];
      const top = Math.max(...row);
      const expected = Math.exp(row[columnOf[k]!]! - top) / row.reduce((s, y) => s + Math.exp(y - top), 0);
      assert.ok(Math.abs(v - expected) <= 1e-6 * expected + 1e-12, `${note}: ${v} is not ${expected}`);
    });
  }
});

test("row kernels see row and column operands, and elements at other columns", () => {
  const s = spec({
    name: "picked",
    inputs: [
      { dtype: f32, along: "element" },
      { dtype: i64, along: "row" },
      { dtype: f32, along: "column" },
    ],
    passes: [[{ op: "add", value: x32.mul(input(2, "f32")), type: "f32" }]],
    outputs: [
      { dtype: f32, along: "row", value: at(0, input(1, "i64"), "f32").add(accumulator(0, "f32")) },
      {
        dtype: f32,
        along: "element",
        value: x32.add(at(0, new Expr("column", "i64").mul(-1).add(new Expr("columns", "i64")).sub(1), "f32")),
      },
    ],
  });
  for (const [shape, columns] of [
    [[3, 5], [1]],
    [[5, 3], [0]],
    [
      [2, 3, 4],
      [0, 2],
    ],
  ] as const) {
    const total = shape.reduce((a: number, b) => a * b, 1);
    const x = fill(
      strided(f32, shape),
      Array.from({ length: total }, (_, k) => k * k),
    );
    const { rows, rowOf, columnOf } = rowsOf(read(x), shape, columns);
    const length = rows[0]!.length;
    const target = fill(
      reduced(i64, shape, columns),
      rows.map((_, r) => BigInt(r % length)),
    );
    const rowDims = shape.map((_, d) => d).filter((d) => !(columns as readonly number[]).includes(d));
    const weight = fill(
      reduced(f32, shape, rowDims),
      Array.from({ length }, (_, c) => c + 1),
    );
    const sums = reduced(f32, shape, columns);
    const mirrored = strided(f32, shape);
    backend.row(s, shape, columns, [x, target, weight], [sums, mirrored], []);
    assert.deepEqual(
      read(sums),
      rows.map((r, k) => (r as number[]).reduce((a, v, c) => a + v * (c + 1), 0) + (r as number[])[k % length]!),
    );
    assert.deepEqual(
      read(mirrored),
      read(x).map((v, k) => (v as number) + (rows[rowOf[k]!]![length - 1 - columnOf[k]!] as number)),
    );
  }
});

test("empty rows give the neutral results, empty outputs nothing", () => {
  const out = strided(f32, [3, 1]);
  fill(out, [5, 5, 5]);
  backend.row(sumSpec(), [3, 0], [1], [strided(f32, [3, 0])], [out], []);
  assert.deepEqual(read(out), [0, 0, 0]);
  backend.row(sumSpec(), [0, 3], [1], [strided(f32, [0, 3])], [strided(f32, [0, 1])], []);
  const scalar = fill(strided(f32, []), [4]);
  const sum = strided(f32, []);
  backend.row(sumSpec(), [], [], [scalar], [sum], []);
  assert.deepEqual(read(sum), [4]);
});

test("long reductions are split without changing what they mean", () => {
  const n = 300_001;
  const long = Array.from({ length: n }, (_, k) => ((k * 7919) % 1000) / 8);
  long[123_456] = 500;
  long[223_456] = 500;
  long[299_999] = -3;
  const x = fill(strided(f32, [n]), long);
  const outs = [f32, f32, i64, i64].map((dtype) => strided(dtype, [1]));
  backend.row(statisticsSpec(), [n], [0], [x], outs, []);
  const total = long.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs((read(outs[0]!)[0] as number) - total / n) < 1e-5);
  assert.deepEqual(
    outs.slice(1).map((o) => read(o)[0]),
    [500, 123_456n, 299_999n],
  );

  // few columns of many rows: the reduced dimension is the outer one
  const m = 5_000;
  const tall = Array.from({ length: m * 3 }, (_, k) => k % 11);
  const y = fill(strided(f32, [m, 3]), tall);
  const sums = strided(f32, [1, 3]);
  backend.row(sumSpec(), [m, 3], [0], [y], [sums], []);
  assert.deepEqual(
    read(sums),
    [0, 1, 2].map((c) => tall.filter((_, k) => k % 3 === c).reduce((a, b) => a + b, 0)),
  );
});

test("a split reduction hands row operands and the number of columns to its outputs", () => {
  const s = spec({
    name: "mean plus row",
    inputs: [
      { dtype: f64, along: "element" },
      { dtype: f64, along: "row" },
    ],
    passes: [[{ op: "add", value: input(0, "f64").sub(input(1, "f64")), type: "f64" }]],
    outputs: [
      {
        dtype: f64,
        along: "row",
        value: accumulator(0, "f64").div(new Expr("columns", "i64").cast("f64")).add(input(1, "f64").mul(2)),
      },
    ],
  });
  const n = 200_000;
  const values = Array.from({ length: 2 * n }, (_, k) => k % 10);
  const x = fill(strided(f64, [2, n]), values);
  const row = fill(strided(f64, [2, 1]), [1, 3]);
  const out = strided(f64, [2, 1]);
  backend.row(s, [2, n], [1], [x, row], [out], []);
  assert.deepEqual(read(out), [4.5 - 1 + 2, 4.5 - 3 + 6]);
});

test("reductions over an outer dimension stream through memory, for all types and with row and column operands", () => {
  for (const key of ["f32", "f64", "i64", "i32", "f16"] as const) {
    const dtype = dtypeOfKey[key];
    const type = computeType(dtype);
    const n = new Expr("columns", "i64").cast(type);
    const s = spec({
      name: "weighted sum, max, min",
      inputs: [
        { dtype, along: "element" },
        { dtype, along: "row" },
        { dtype, along: "column" },
      ],
      passes: [
        [
          { op: "add", value: input(0, type).mul(input(2, type)).add(input(1, type)).add(n), type },
          { op: "max", value: input(0, type), type },
          { op: "min", value: input(0, type).sub(input(2, type)), type },
        ],
      ],
      outputs: [
        { dtype, along: "row", value: accumulator(0, type).sub(input(1, type)) },
        { dtype, along: "row", value: accumulator(1, type) },
        { dtype, along: "row", value: accumulator(2, type) },
      ],
    });
    for (const shape of [
      [45, 300],
      [2, 70, 3, 1027],
      [1100, 5000],
    ]) {
      if (key !== "f32" && shape[0] === 1100) continue;
      const columns = shape.length === 2 ? [0] : [1];
      const total = shape.reduce((a, b) => a * b, 1);
      const x = fill(
        strided(dtype, shape),
        Array.from({ length: total }, (_, k) => ((k * 37) % 11) - 5),
      );
      const rowDims = shape.map((_, d) => d).filter((d) => !columns.includes(d));
      const { rows } = rowsOf(read(x), shape, columns);
      const offset = fill(
        reduced(dtype, shape, columns),
        rows.map((_, r) => r % 3),
      );
      const weight = fill(
        reduced(dtype, shape, rowDims),
        Array.from({ length: shape[columns[0]!]! }, (_, c) => c % 2),
      );
      const outs = [0, 1, 2].map(() => reduced(dtype, shape, columns));
      backend.row(s, shape, columns, [x, offset, weight], outs, []);
      const [sums, tops, lows] = outs.map((o) => read(o).map(Number)) as [number[], number[], number[]];
      const length = rows[0]!.length;
      rows.forEach((values, r) => {
        const row = values.map(Number);
        const sum = row.reduce((a, v, c) => a + v * (c % 2) + (r % 3) + length, 0) - (r % 3);
        const note = `${key} [${shape}] row ${r}`;
        if (key === "f16") assert.ok(Math.abs(sums[r]! - sum) <= Math.abs(sum) * 1e-3, note);
        else assert.equal(sums[r], sum, note);
        assert.equal(tops[r], Math.max(...row), note);
        assert.equal(lows[r], Math.min(...row.map((v, c) => v - (c % 2))), note);
      });
    }
  }
});
