/**
 * Whether subgroups are what kernels take them for: runs of consecutive invocations, as WebGPU does not promise. Asked of the device once, when it is opened.
 */
import type { GpuDevice } from "../../platform/index.ts";

const invocations = 256;
const groups = 4;
const bytes = invocations * groups * 4;

const text = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> seen: array<u32>;
@compute @workgroup_size(${invocations}) fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_size) width: u32, @builtin(subgroup_invocation_id) place: u32) {
  let other = subgroupShuffleXor(lane, 1u);
  seen[group.x * ${invocations}u + lane] = select(0u, width, place == lane % width && other == (lane ^ 1u));
}
`;

/** Sizes of buffers' uses, the visibility and the mode of mapping, as WebGPU's flags. */
const flags = { mapRead: 1, copySource: 4, copyTarget: 8, storage: 128, compute: 4, read: 1 };

/** False also where the kernel does not run. */
export async function subgroupsAreRuns(device: GpuDevice, least: number, most: number): Promise<boolean> {
  device.pushErrorScope("validation");
  const seen = device.createBuffer({ size: bytes, usage: flags.storage | flags.copySource });
  const staging = device.createBuffer({ size: bytes, usage: flags.mapRead | flags.copyTarget });
  try {
    const entries = [{ binding: 0, visibility: flags.compute, buffer: { type: "storage" } }];
    const layout = device.createBindGroupLayout({ entries });
    const pipeline = await device.createComputePipelineAsync({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: text }), entryPoint: "main" },
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: seen } }] }));
    pass.dispatchWorkgroups(groups, 1, 1);
    pass.end();
    encoder.copyBufferToBuffer(seen, 0, staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(flags.read, 0, bytes);
    const widths = new Uint32Array(staging.getMappedRange(0, bytes));
    return widths.every((w) => w >= least && w <= most && (w & (w - 1)) === 0);
  } catch {
    return false;
  } finally {
    seen.destroy();
    staging.destroy();
    void device.popErrorScope().catch(() => {}); // a lost device is reported by itself
  }
}
