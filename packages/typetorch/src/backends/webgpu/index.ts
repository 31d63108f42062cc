/**
 * The webgpu backend: kernels in WGSL on whatever GPU the browser, or in Node the package `webgpu`, finds.
 *
 * Its files: queue.ts is the interface to the device; layout.ts and memory.ts say where elements lie; wgsl/ renders kernels and enqueues them; commandQueue.ts,
 * commands.ts, ring.ts, workerCommands.ts and executor.ts run the queue; device.ts opens it. A renderer gets operands and asks `bufferOf` for their GPU buffers. It
 * returns false, having enqueued nothing, for what it cannot render: that kernel then runs on the host, see hostKernels.ts.
 */
import type { DType } from "../../core/dtype.ts";
import { webgpu } from "../../core/storage.ts";
import type { Backend, Operand } from "../backend.ts";
import { webgpuQueue } from "./device.ts";
import { hostKernels } from "./hostKernels.ts";
import { allocateOn, type DeviceMemory, releaseStorage } from "./memory.ts";
import type { GpuQueue } from "./queue.ts";
import { renderer } from "./wgsl/index.ts";

export { initWebgpu, openWebgpuQueue, webgpuAvailable, webgpuQueue } from "./device.ts";
export { reclaim } from "./memory.ts";
export type { GpuCounters, GpuFeatures, GpuLimits } from "./queue.ts";

/** How often each kernel ran on the host because the device could not run it. */
const hostRuns = new Map<string, number>();

/** How often each kernel of a webgpu tensor ran on the host. */
export function hostKernelRuns(): ReadonlyMap<string, number> {
  return new Map(hostRuns);
}

const wordTypes = (dtype: DType): boolean => dtype.key === "f32" || dtype.key === "i32";

/** The queue that all operands are on, when the device knows their dtypes; null sends the kernel to the host. */
function queueFor(...lists: (readonly (Operand | null)[])[]): GpuQueue | null {
  let queue: GpuQueue | null = null;
  for (const list of lists) {
    for (const x of list) {
      if (x === null) continue;
      const memory = x.storage.remote as DeviceMemory | null;
      if (memory === null || memory.layout === null) return null;
      // bytes seen as another dtype
      if (x.dtype !== memory.dtype && !(wordTypes(x.dtype) && wordTypes(memory.dtype))) return null;
      queue = memory.queue;
    }
  }
  return queue;
}

/** The backend of the device `webgpu`. `cpu` runs what the device cannot. */
export function createWebgpuBackend(cpu: Backend): Backend {
  const host = hostKernels(cpu, (kernel) => hostRuns.set(kernel, (hostRuns.get(kernel) ?? 0) + 1));
  const backend: Backend = {
    name: "webgpu",
    allocate: (nbytes, dtype) => allocateOn(webgpuQueue(), webgpu, nbytes, dtype),
    release: releaseStorage,
    map(spec, shape, inputs, outputs, params) {
      const queue = queueFor(inputs, outputs);
      if (queue === null || !renderer.map?.(queue, spec, shape, inputs, outputs, params))
        host.map(spec, shape, inputs, outputs, params);
    },
    mapFlat(spec, n, a, b, out, param) {
      const flat = (x: Operand): Operand => ({
        storage: x.storage,
        storageOffset: x.storageOffset,
        shape: [n],
        strides: [1],
        dtype: x.dtype,
      });
      backend.map(spec, [n], b === null ? [flat(a)] : [flat(a), flat(b)], [flat(out)], spec.params > 0 ? [param] : []);
    },
    row(spec, shape, columns, inputs, outputs, params) {
      const queue = queueFor(inputs, outputs);
      if (queue === null || !renderer.row?.(queue, spec, shape, columns, inputs, outputs, params))
        host.row(spec, shape, columns, inputs, outputs, params);
    },
    loops(spec, buffers, ints, params, parallel) {
      const queue = queueFor(buffers);
      if (queue === null || !renderer.loops?.(queue, spec, buffers, ints, params, parallel))
        host.loops(spec, buffers, ints, params, parallel);
    },
    gemm(args) {
      const queue = queueFor([args.a, args.b, args.out, args.bias]);
      if (queue === null || !renderer.gemm?.(queue, args)) host.gemm(args);
    },
    convForward(x, weight, bias, out, geometry, activation) {
      const queue = queueFor([x, weight, bias, out]);
      if (queue === null || !renderer.convForward?.(queue, x, weight, bias, out, geometry, activation))
        host.convForward(x, weight, bias, out, geometry, activation);
    },
    convBackwardInput(g, weight, gx, geometry) {
      const queue = queueFor([g, weight, gx]);
      if (queue === null || !renderer.convBackwardInput?.(queue, g, weight, gx, geometry))
        host.convBackwardInput(g, weight, gx, geometry);
    },
    convBackwardWeight(g, x, gw, geometry) {
      const queue = queueFor([g, x, gw]);
      if (queue === null || !renderer.convBackwardWeight?.(queue, g, x, gw, geometry))
        host.convBackwardWeight(g, x, gw, geometry);
    },
  };
  return backend;
}
