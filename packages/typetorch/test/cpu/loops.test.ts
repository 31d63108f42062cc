import assert from "node:assert/strict";
import { test } from "node:test";
import { createCpuBackend } from "../../src/backends/cpu/index.ts";
import { dtypeOfKey } from "../../src/core/dtype.ts";
import { constant } from "../../src/ir/expr.ts";
import { type Access, extent, index, load, type LoopKernel, LoopVar, local } from "../../src/ir/loops.ts";
import { normalize } from "../../src/ir/simplify.ts";
import type { LoopSpec } from "../../src/ir/spec.ts";
import { fill, operand, read, strided } from "./operands.ts";
import { accumulate, accumulators, argument, at, buffer, define, loop, store, when } from "../../src/ir/statements.ts";

const backend = createCpuBackend();
const { f32, i64 } = dtypeOfKey;

function spec(kernel: LoopKernel): LoopSpec {
  return { kind: "loops", kernel, compiled: null };
}

test("a running sum carries its accumulator from element to element", () => {
  const [row, column] = [new LoopVar("row"), new LoopVar("column")];
  const element = (k: number) => at(k, [row, argument(1)], [column, 1]);
  const s = spec({
    name: "cumsum",
    buffers: [buffer(f32), buffer(f32, "write")],
    ints: 2,
    params: 0,
    body: [
      loop(row, argument(0), [
        accumulators([0, constant(0, "f32")]),
        loop(column, argument(1), [accumulate([0], "add", [load(element(0), "f32")]), store(element(1), local(0, "f32"))]),
      ]),
    ],
  });
  const x = operand("f32", [1, 2, 3, 4, 5, 6], [2, 3]);
  const out = strided(f32, [2, 3]);
  backend.loops(s, [x, out], [2, 3], [], { extent: 0, steps: [3, 3] });
  assert.deepEqual(read(out), [1, 3, 6, 4, 9, 15]);
});

test("a gather reads and a scatter writes at computed positions, an if guards", () => {
  const i = new LoopVar("i");
  const wanted = load(at(1, [i, 1]), "i64");
  const chosen: Access = { ...at(0), dynamic: { index: wanted, stride: 1 } };
  const reversed: Access = { ...at(2), dynamic: { index: extent(argument(0)).sub(1).sub(index(i)), stride: 1 } };
  const s = spec({
    name: "pick even, put back reversed",
    buffers: [buffer(f32), buffer(i64), buffer(f32, "write")],
    ints: 1,
    params: 1,
    body: [loop(i, argument(0), [define(0, load(chosen, "f32")), when(wanted.rem(2).eq(0), [store(reversed, local(0, "f32"))])])],
  });
  const out = fill(strided(f32, [4]), [-1, -1, -1, -1]);
  backend.loops(s, [operand("f32", [10, 11, 12, 13]), operand("i64", [2n, 3n, 0n, 2n]), out], [4], [0]);
  assert.deepEqual(read(out), [12, 10, -1, 12]);
});

test("normalize computes shared expressions once, but never across a write", () => {
  const i = new LoopVar("i");
  const x = () => load(at(0, [i, 1]), "f32");
  const kernel: LoopKernel = {
    name: "shared",
    buffers: [buffer(f32, "update"), buffer(f32, "write")],
    ints: 1,
    params: 0,
    body: [loop(i, argument(0), [store(at(0, [i, 1]), x().exp().add(x().exp())), store(at(1, [i, 1]), x().exp())])],
  };
  const inner = normalize(kernel).body[0]!;
  assert.ok(inner.kind === "loop");
  assert.deepEqual(
    inner.body.map((s) => s.kind),
    ["let", "store", "let", "store"],
  );
  const a = operand("f32", [0, 1]);
  const b = strided(f32, [2]);
  backend.loops(spec(kernel), [a, b], [2], []);
  assert.deepEqual(read(a), [2, Math.fround(2 * Math.fround(Math.E))]);
  const expected = [Math.exp(2), Math.exp(Math.fround(2 * Math.fround(Math.E)))];
  (read(b) as number[]).forEach((v, k) => assert.ok(Math.abs(v - expected[k]!) < 1e-6 * expected[k]!));
});
