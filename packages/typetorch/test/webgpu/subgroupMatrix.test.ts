/**
 * The product on a GPU's matrix units: no software adapter has them, so its text is only validated, on Dawn's null backend.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { subgroupMatrixText } from "../../src/backends/webgpu/wgsl/subgroupMatrix.ts";

interface NullDevice {
  destroy(): void;
  pushErrorScope(filter: string): void;
  popErrorScope(): Promise<{ message: string } | null>;
  createShaderModule(descriptor: { code: string }): object;
  createComputePipeline(descriptor: object): object;
}

test("the text of the subgroup-matrix product is valid WGSL for every layout", async () => {
  const { create } = await import("webgpu");
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]); // held as long as the device is used
  const adapter = await gpu.requestAdapter();
  assert.ok(adapter !== null);
  const requiredFeatures = ["shader-f16", "subgroups", "chromium-experimental-subgroup-matrix"];
  const device = (await adapter.requestDevice({ requiredFeatures: requiredFeatures as never })) as unknown as NullDevice;
  const lanes = (adapter.info as { subgroupMaxSize?: number }).subgroupMaxSize ?? 128;
  for (const [aColumnMajor, bColumnMajor, half] of [
    [false, false, false],
    [true, false, true],
    [false, true, true],
  ] as const) {
    const code = subgroupMatrixText({ m: 16, n: 16, k: 16 }, lanes, aColumnMajor, bColumnMajor, half);
    device.pushErrorScope("validation");
    device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
    });
    assert.equal((await device.popErrorScope())?.message, undefined);
  }
  device.destroy();
  assert.ok(gpu);
});
