/**
 * The webgpu backend: kernels in WGSL on whatever GPU the browser, or in Node the package `webgpu`, finds.
 *
 * Its files: queue.ts is the interface to the device; layout.ts and memory.ts say where elements lie; wgsl/ renders kernels and enqueues them; executor.ts runs
 * the queue. A renderer gets operands and asks {@link bufferOf} for their GPU buffers. It returns false, having enqueued nothing, for what it cannot render: that
 * kernel then runs on the host, see hostKernels.ts.
 */
export { bufferOf, isOnDevice } from "./memory.ts";
export type { Binding, GpuCounters, GpuFeatures, GpuLimits, GpuQueue } from "./queue.ts";
export { type DeviceLayout, deviceLayout } from "./layout.ts";
