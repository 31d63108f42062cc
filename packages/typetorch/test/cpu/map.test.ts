import assert from "node:assert/strict";
import { test } from "node:test";
import { createCpuBackend } from "../../src/backends/cpu/index.ts";
import { dtypeOfKey } from "../../src/core/dtype.ts";
import { computeType, input, param } from "../../src/ir/expr.ts";
import { typedArrayOf } from "../../src/backends/cpu/memory.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { fill, generator, operand, pick, randomStrides, read, strided } from "./operands.ts";

const backend = createCpuBackend();
const { f32, i64 } = dtypeOfKey;

function addSpec(): MapSpec {
  return {
    kind: "map",
    name: "add scaled",
    inputs: [f32, f32],
    outputs: [{ dtype: f32, value: input(0, "f32").add(input(1, "f32").mul(param(0, "f32"))) }],
    params: 1,
    compiled: null,
  };
}

test("map reads and writes any strides, broadcasts and ranks", () => {
  const random = generator(7);
  const spec = addSpec();
  for (let round = 0; round < 300; round++) {
    const shape = Array.from({ length: Math.floor(random() * 5) }, () => pick(random, [1, 1, 2, 3, 5, 17]));
    const total = shape.reduce((a, b) => a * b, 1);
    const a = strided(f32, shape, randomStrides(random, shape, true), Math.floor(random() * 3));
    const b = strided(f32, shape, randomStrides(random, shape, true), Math.floor(random() * 3));
    const out = strided(f32, shape, randomStrides(random, shape, false), Math.floor(random() * 3));
    fill(
      a,
      Array.from({ length: total }, () => Math.floor(random() * 100)),
    );
    fill(
      b,
      Array.from({ length: total }, () => Math.floor(random() * 100)),
    );
    const x = read(a) as number[];
    const y = read(b) as number[];
    backend.map(spec, shape, [a, b], [out], [0.5]);
    assert.deepEqual(
      read(out),
      x.map((v, k) => v + y[k]! * 0.5),
      `round ${round}, shape [${shape}]`,
    );
  }
});

test("map with several outputs computes all values before it stores the first", () => {
  const spec: MapSpec = {
    kind: "map",
    name: "rotate",
    inputs: [f32, f32],
    outputs: [
      { dtype: f32, value: input(1, "f32") },
      { dtype: f32, value: input(0, "f32") },
    ],
    params: 0,
    compiled: null,
  };
  const a = operand("f32", [1, 2, 3]);
  const b = operand("f32", [10, 20, 30]);
  backend.map(spec, [3], [a, b], [a, b], []);
  assert.deepEqual(read(a), [10, 20, 30]);
  assert.deepEqual(read(b), [1, 2, 3]);
});

test("map over no elements touches nothing", () => {
  const spec = addSpec();
  const out = operand("f32", [7]);
  backend.map(spec, [0], [operand("f32", []), operand("f32", [])], [{ ...out, shape: [0], strides: [1] }], [1]);
  backend.map(
    spec,
    [3, 0, 2],
    [operand("f32", [], [3, 0, 2]), operand("f32", [], [3, 0, 2])],
    [{ ...out, shape: [3, 0, 2], strides: [2, 2, 1] }],
    [1],
  );
  assert.deepEqual(read(out), [7]);
});

test("map casts between dtypes", () => {
  const spec: MapSpec = {
    kind: "map",
    name: "to int64",
    inputs: [f32],
    outputs: [{ dtype: i64, value: input(0, "f32").cast("i64") }],
    params: 0,
    compiled: null,
  };
  const out = strided(i64, [4]);
  backend.map(spec, [4], [operand("f32", [1.9, -1.9, NaN, 2 ** 40])], [out], []);
  assert.deepEqual(read(out), [1n, -1n, -(2n ** 63n), 2n ** 40n]);
});

test("copies between any orders of dimensions, of elements of any size", () => {
  const random = generator(21);
  for (const key of ["f32", "f64", "i64", "f16", "u8"] as const) {
    const dtype = dtypeOfKey[key];
    const type = computeType(dtype);
    const spec: MapSpec = {
      kind: "map",
      name: "copy",
      inputs: [dtype],
      outputs: [{ dtype, value: input(0, type) }],
      params: 0,
      compiled: null,
    };
    for (let round = 0; round < 40; round++) {
      const shape = Array.from({ length: 2 + Math.floor(random() * 3) }, () => pick(random, [1, 3, 16, 17, 37, 64]));
      if (shape.reduce((a, b) => a * b, 1) > 200_000) continue;
      const x = strided(dtype, shape, randomStrides(random, shape, false), Math.floor(random() * 2));
      const total = shape.reduce((a, b) => a * b, 1);
      fill(
        x,
        Array.from({ length: total }, (_, k) => (k * 7) % 251),
      );
      const out = strided(dtype, shape, randomStrides(random, shape, false), Math.floor(random() * 2));
      backend.map(spec, shape, [x], [out], []);
      assert.deepEqual(read(out), read(x), `${key} round ${round}, shape [${shape}], strides [${x.strides}] to [${out.strides}]`);
    }
  }
});

test("a large transposed copy is cut into items and leaves what is beside it alone", () => {
  const spec: MapSpec = {
    kind: "map",
    name: "copy",
    inputs: [f32],
    outputs: [{ dtype: f32, value: input(0, "f32") }],
    params: 0,
    compiled: null,
  };
  const [rows, columns, pitch] = [1510, 1523, 1536];
  const x = strided(f32, [columns, rows], [1, columns]);
  const source = typedArrayOf(x.storage, f32) as Float32Array;
  for (let k = 0; k < source.length; k++) source[k] = k % 65521;
  const out = strided(f32, [columns, rows], [pitch, 1]);
  const target = (typedArrayOf(out.storage, f32) as Float32Array).fill(-1);
  backend.map(spec, [columns, rows], [x], [out], []);
  for (let j = 0; j < columns; j++) {
    for (let i = 0; i < rows; i++)
      if (target[j * pitch + i] !== source[i * columns + j]) assert.fail(`element ${i}, ${j} is ${target[j * pitch + i]}`);
    for (let i = rows; i < pitch && j < columns - 1; i++)
      if (target[j * pitch + i] !== -1) assert.fail(`the gap at ${i}, ${j} was written`);
  }
});
