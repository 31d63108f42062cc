import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operand } from "../../src/backends/backend.ts";
import { bringConvolutions, createCpuBackend } from "../../src/backends/cpu/index.ts";
import { convBackwardInput, convBackwardWeight, convForward } from "../../src/backends/cpu/convolution.ts";
import { typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { getNumThreads, setNumThreads } from "../../src/backends/cpu/team.ts";
import { dtypeOfKey } from "../../src/core/dtype.ts";
import { accumulator, input } from "../../src/ir/expr.ts";
import type { MapSpec, RowSpec } from "../../src/ir/spec.ts";
import { generator, strided } from "./operands.ts";

bringConvolutions({ convForward, convBackwardInput, convBackwardWeight });
const backend = createCpuBackend();
const { f32 } = dtypeOfKey;
const x = input(0, "f32");

function random(shape: readonly number[], seed: number): Operand {
  const next = generator(seed);
  const out = strided(f32, shape);
  const array = typedArrayOf(out.storage, f32);
  for (let k = 0; k < array.length; k++) array[k] = next() - 0.25;
  return out;
}

test("results are the same bits on one thread and on three", () => {
  const sum: RowSpec = {
    kind: "row",
    name: "sum",
    inputs: [{ dtype: f32, along: "element" }],
    passes: [[{ op: "add", value: x, type: "f32" }]],
    outputs: [{ dtype: f32, along: "row", value: accumulator(0, "f32") }],
    params: 0,
    compiled: null,
  };
  const tanh: MapSpec = {
    kind: "map",
    name: "tanh",
    inputs: [f32],
    outputs: [{ dtype: f32, value: x.tanh() }],
    params: 0,
    compiled: null,
  };
  const a = random([700, 1031], 1);
  const b = random([1031, 600], 2);
  const image = random([4, 16, 40, 40], 3);
  const weight = random([24, 16, 3, 3], 4);
  const works: Record<string, () => Operand> = {
    "sum of all": () => {
      const out = strided(f32, [1, 1]);
      backend.row(sum, [700, 1031], [0, 1], [a], [out], []);
      return out;
    },
    "sum over rows": () => {
      const out = strided(f32, [1, 1031]);
      backend.row(sum, [700, 1031], [0], [a], [out], []);
      return out;
    },
    "sum over columns": () => {
      const out = strided(f32, [700, 1]);
      backend.row(sum, [700, 1031], [1], [a], [out], []);
      return out;
    },
    tanh: () => {
      const out = strided(f32, [700, 1031]);
      backend.map(tanh, [700, 1031], [a], [out], []);
      return out;
    },
    "transposed tanh": () => {
      const out = strided(f32, [1031, 700]);
      backend.map(tanh, [1031, 700], [{ ...a, shape: [1031, 700], strides: [1, 1031] }], [out], []);
      return out;
    },
    "matrix product": () => {
      const out = strided(f32, [700, 600]);
      backend.gemm({ a, b, out, alpha: 1, beta: 0, bias: null, activation: "none" });
      return out;
    },
    convolution: () => {
      const out = strided(f32, [4, 24, 40, 40]);
      const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
      backend.convForward(image, weight, null, out, geometry, "none");
      return out;
    },
    "gradient of the weight": () => {
      const out = strided(f32, [24, 16, 3, 3]);
      const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
      backend.convBackwardWeight(random([4, 24, 40, 40], 5), image, out, geometry);
      return out;
    },
  };
  const before = getNumThreads();
  try {
    for (const [name, work] of Object.entries(works)) {
      const results = [1, 3, 3].map((threads) => {
        setNumThreads(threads);
        return typedArrayOf(work().storage, f32).slice();
      });
      for (const other of results.slice(1)) assert.deepEqual(other, results[0], name);
      assert.ok(
        results[0]!.some((v) => v !== 0),
        name,
      );
    }
  } finally {
    setNumThreads(before);
  }
});
