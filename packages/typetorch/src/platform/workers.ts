/**
 * Where the entries of our own workers are: files beside this one. For browsers the build writes another module in this one's place, `dist/browser/workers.js`,
 * which holds their text, so that they survive whatever bundles the library; of the two functions a bundler drops the one that is not used, with its text.
 */

/** The address of the entry of the CPU's threads. */
export function cpuWorkerUrl(): URL {
  return new URL("../backends/cpu/teamWorker.js", import.meta.url);
}

/** The address of the entry of the worker that holds the WebGPU device. */
export function webgpuWorkerUrl(): URL {
  return new URL("../backends/webgpu/worker.js", import.meta.url);
}
