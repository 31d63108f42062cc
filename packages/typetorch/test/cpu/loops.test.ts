import assert from "node:assert/strict";
import { test } from "node:test";
import { createCpuBackend } from "../../src/backends/cpu/index.ts";
import { dtypeOfKey } from "../../src/core/dtype.ts";
import { constant } from "../../src/ir/expr.ts";
import { extent, index, load, type LoopKernel, LoopVar, local } from "../../src/ir/loops.ts";
import { normalize } from "../../src/ir/simplify.ts";
import type { LoopSpec } from "../../src/ir/spec.ts";
import { fill, operand, read, strided } from "./operands.ts";

const backend = createCpuBackend();
const { f32, i64 } = dtypeOfKey;

function spec(kernel: LoopKernel): LoopSpec {
  return { kind: "loops", kernel, compiled: null };
}

test("a running sum carries its accumulator from element to element", () => {
  const [row, column] = [new LoopVar("row"), new LoopVar("column")];
  const at = (buffer: number) => ({
    buffer,
    terms: [
      { loop: row, stride: { arg: 1 } },
      { loop: column, stride: 1 },
    ],
  });
  const s = spec({
    name: "cumsum",
    buffers: [
      { dtype: f32, access: "read" },
      { dtype: f32, access: "write" },
    ],
    ints: 2,
    params: 0,
    body: [
      {
        kind: "loop",
        loop: row,
        extent: { arg: 0 },
        vector: false,
        body: [
          { kind: "accumulators", ids: [0], types: ["f32"], init: [constant(0, "f32")] },
          {
            kind: "loop",
            loop: column,
            extent: { arg: 1 },
            vector: false,
            body: [
              { kind: "accumulate", ids: [0], op: "add", values: [load(at(0), "f32")] },
              { kind: "store", access: at(1), value: local(0, "f32") },
            ],
          },
        ],
      },
    ],
  });
  const x = operand("f32", [1, 2, 3, 4, 5, 6], [2, 3]);
  const out = strided(f32, [2, 3]);
  backend.loops(s, [x, out], [2, 3], [], { extent: 0, steps: [3, 3] });
  assert.deepEqual(read(out), [1, 3, 6, 4, 9, 15]);
});

test("a gather reads and a scatter writes at computed positions, an if guards", () => {
  const i = new LoopVar("i");
  const one = (buffer: number) => ({ buffer, terms: [{ loop: i, stride: 1 }] });
  const wanted = load(one(1), "i64");
  const s = spec({
    name: "pick even, put back reversed",
    buffers: [
      { dtype: f32, access: "read" },
      { dtype: i64, access: "read" },
      { dtype: f32, access: "write" },
    ],
    ints: 1,
    params: 1,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: { arg: 0 },
        vector: false,
        body: [
          { kind: "let", id: 0, value: load({ buffer: 0, terms: [], dynamic: { index: wanted, stride: 1 } }, "f32") },
          {
            kind: "if",
            condition: wanted.rem(2).eq(0),
            body: [
              {
                kind: "store",
                access: { buffer: 2, terms: [], dynamic: { index: extent({ arg: 0 }).sub(1).sub(index(i)), stride: 1 } },
                value: local(0, "f32"),
              },
            ],
          },
        ],
      },
    ],
  });
  const out = fill(strided(f32, [4]), [-1, -1, -1, -1]);
  backend.loops(s, [operand("f32", [10, 11, 12, 13]), operand("i64", [2n, 3n, 0n, 2n]), out], [4], [0]);
  assert.deepEqual(read(out), [12, 10, -1, 12]);
});

test("normalize computes shared expressions once, but never across a write", () => {
  const i = new LoopVar("i");
  const x = () => load({ buffer: 0, terms: [{ loop: i, stride: 1 }] }, "f32");
  const kernel: LoopKernel = {
    name: "shared",
    buffers: [
      { dtype: f32, access: "update" },
      { dtype: f32, access: "write" },
    ],
    ints: 1,
    params: 0,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: { arg: 0 },
        vector: false,
        body: [
          { kind: "store", access: { buffer: 0, terms: [{ loop: i, stride: 1 }] }, value: x().exp().add(x().exp()) },
          { kind: "store", access: { buffer: 1, terms: [{ loop: i, stride: 1 }] }, value: x().exp() },
        ],
      },
    ],
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
