/**
 * Kernels as closures (where code must not be generated) do what generated code does.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJs } from "../../src/backends/cpu/js/kernel.ts";
import { lowerRow, type RowStyle } from "../../src/backends/lowering/lowerRow.ts";
import { typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { dtypeOfKey } from "../../src/core/dtype.ts";
import { accumulator, at, Expr, input } from "../../src/ir/expr.ts";
import type { LoopKernel } from "../../src/ir/loops.ts";
import type { RowSpec } from "../../src/ir/spec.ts";
import { generator, operand, read, strided } from "./operands.ts";

const { f16, f32, i64 } = dtypeOfKey;
const x = input(0, "f32");
const exponential = x.sub(accumulator(0, "f32")).exp();

const spec: RowSpec = {
  kind: "row",
  name: "softmax, argmax and what stands there",
  inputs: [{ dtype: f32, along: "element" }],
  passes: [
    [
      { op: "max", value: x, type: "f32" },
      { op: "argmax", value: x, type: "i64" },
      { op: "argmin", value: x, type: "i64" },
      { op: "mul", value: x.abs().add(0.5), type: "f32" },
    ],
    [{ op: "add", value: exponential, type: "f32" }],
  ],
  outputs: [
    { dtype: f16, along: "element", value: exponential.div(accumulator(4, "f32")) },
    { dtype: i64, along: "row", value: accumulator(1, "i64").add(new Expr("columns", "i64")) },
    { dtype: f32, along: "row", value: at(0, accumulator(2, "i64"), "f32").add(accumulator(3, "f32")) },
  ],
  params: 0,
  compiled: null,
};

test("closures and generated code agree on row kernels of either style", () => {
  const random = generator(31);
  const [rows, columns] = [7, 13];
  for (const style of ["columns", "rows"] as RowStyle[]) {
    const kernel: LoopKernel = lowerRow(spec, 1, 1, style, [2, 2, 2, 2]);
    const source = operand(
      "f32",
      Array.from({ length: rows * columns }, () => (random() < 0.02 ? Number.NaN : random() * 4 - 2)),
      [rows, columns],
    );
    const results = (["text", "closures"] as const).map((how) => {
      const outs = [strided(f16, [rows, columns]), strided(i64, [rows]), strided(f32, [rows])];
      const all = [source, ...outs];
      const block = new Float64Array(1 + all.length + kernel.ints);
      // sizes, total columns, then strides along rows and columns
      block.set([rows, columns, columns, columns, 1, columns, 1, 1, 0, 1, 0], 1 + all.length);
      compileJs(kernel, how)(
        all.map((o) => typedArrayOf(o.storage, o.dtype)),
        block,
      );
      return outs.map((o) => read(o));
    });
    assert.deepEqual(results[1], results[0], style);
    const first = Array.from({ length: columns }, (_, c) => read(source)[c] as number);
    if (!first.some(Number.isNaN)) assert.equal(results[0]![1]![0], BigInt(first.indexOf(Math.max(...first)) + columns));
  }
});
