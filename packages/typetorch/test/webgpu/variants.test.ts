/**
 * The WGSL of devices that are not here: Dawn's null backend checks what is rendered for devices with and without float16.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operand } from "../../src/backends/backend.ts";
import type { CommandQueue } from "../../src/backends/webgpu/commandQueue.ts";
import { DeviceMemory } from "../../src/backends/webgpu/memory.ts";
import { webgpuQueue } from "../../src/backends/webgpu/device.ts";
import { renderer } from "../../src/backends/webgpu/wgsl/index.ts";
import { type DType, dtypes, float32, float64, int64 } from "../../src/core/dtype.ts";
import { Storage, webgpu } from "../../src/core/storage.ts";
import { accumulator, computeType, Expr, input } from "../../src/ir/expr.ts";
import type { MapSpec, RowSpec } from "../../src/ir/spec.ts";

/** A queue that keeps the texts of pipelines and runs nothing. */
function listener(f16: boolean): { queue: CommandQueue; texts: Set<string> } {
  const texts = new Set<string>();
  const { limits, features } = webgpuQueue();
  let buffers = 0;
  const queue = {
    lost: false,
    limits,
    features: { ...features, f16 },
    createBuffer: () => buffers++,
    pipeline: (_key: string, wgsl: () => string) => texts.add(wgsl()).size,
    dispatch: () => {},
  };
  return { queue: queue as unknown as CommandQueue, texts };
}

function operand(queue: CommandQueue, dtype: DType, shape: readonly number[], strides: readonly number[]): Operand {
  const count = shape.reduce((a, b) => a * b, 1);
  const storage = new Storage(webgpu, "handle", new ArrayBuffer(0), 0, count * dtype.itemsize, 0);
  storage.remote = new DeviceMemory(queue, dtype, count);
  return { storage, storageOffset: 0, shape, strides, dtype };
}

/** Enqueues kernels over every dtype, contiguous and strided, reductions in all styles. */
function enqueueAll(queue: CommandQueue): void {
  for (const from of dtypes) {
    if (from === float64 || from.isComplex) continue;
    for (const to of [from, float32, int64]) {
      const value = input(0, computeType(from)).cast(computeType(to));
      const spec: MapSpec = {
        kind: "map",
        name: "cast",
        inputs: [from],
        outputs: [{ dtype: to, value }],
        params: 0,
        compiled: null,
      };
      for (const strides of [
        [4, 1],
        [1, 3],
      ])
        renderer.map!(queue, spec, [3, 4], [operand(queue, from, [3, 4], strides)], [operand(queue, to, [3, 4], [4, 1])], []);
    }
    const type = computeType(from);
    const x = input(0, type);
    const spec: RowSpec = {
      kind: "row",
      name: "reduce",
      inputs: [{ dtype: from, along: "element" }],
      passes: [
        [
          { op: "max", value: x, type },
          { op: "argmin", value: x, type: "i64" },
        ],
      ],
      outputs: [
        { dtype: from, along: "row", value: accumulator(0, type) },
        { dtype: int64, along: "row", value: accumulator(1, "i64") },
        { dtype: from, along: "element", value: new Expr("select", type, [accumulator(0, type).eq(x), x, accumulator(0, type)]) },
      ],
      params: 0,
      compiled: null,
    };
    for (const shape of [
      [4, 600],
      [300, 4],
    ]) {
      const [rows, columns] = shape as [number, number];
      const outputs = [from, int64].map((dtype) => operand(queue, dtype, [rows, 1], [1, 1]));
      outputs.push(operand(queue, from, shape, [columns, 1]));
      renderer.row!(queue, spec, shape, [1], [operand(queue, from, shape, [columns, 1])], outputs, []);
    }
  }
}

test("what is rendered with and without float16 is valid WGSL", async () => {
  const { create } = await import("webgpu");
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  for (const f16 of [false, true]) {
    const adapter = await gpu.requestAdapter();
    assert.ok(adapter, "Dawn's null adapter");
    const device = await adapter.requestDevice({ requiredFeatures: f16 ? ["shader-f16"] : [] });
    const { queue, texts } = listener(f16);
    enqueueAll(queue);
    assert.ok(texts.size > 40, `${texts.size} kernels`);
    assert.equal(
      [...texts].some((text) => text.includes("enable f16;")),
      f16,
    );
    for (const code of texts) {
      const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
      const errors = messages.filter((m) => m.type === "error").map((m) => `${m.message} (${code.split("\n")[m.lineNum - 1]})`);
      assert.deepEqual(errors, []);
    }
    device.destroy();
  }
});
