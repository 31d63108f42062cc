/**
 * `torch.webgpu`: the device behind `x.to("webgpu")`. In Node it opens at its first use; in a browser `await torch.webgpu.init()` comes first.
 */
import {
  createWebgpuBackend,
  hostKernelRuns,
  initWebgpu,
  openWebgpuQueue,
  reclaim,
  webgpuAvailable,
  webgpuQueue,
} from "./backends/webgpu/index.ts";
import type { GpuCounters, GpuFeatures, GpuLimits } from "./backends/webgpu/index.ts";
import { deviceRandom } from "./core/random/host.ts";
import { bringWebgpu } from "./tensor/devices.ts";
import { manualSeed as seedDefaultGenerator } from "./ops/random/generator.ts";

export type { GpuCounters, GpuFeatures, GpuLimits } from "./backends/webgpu/index.ts";

/**
 * Opens the device: needed once in a browser, where that takes a turn of the event loop; in Node it happens by itself. Throws {@link DeviceError}, saying what is
 * missing, when there is no WebGPU.
 */
export async function init(): Promise<void> {
  bringWebgpu(createWebgpuBackend);
  await initWebgpu();
}

/** Whether the device can be used, as `torch.cuda.is_available`. Opens it in Node. In a browser false before {@link init}. */
export function isAvailable(): boolean {
  return webgpuAvailable();
}

/** Number of devices: 1 or 0, as `torch.cuda.device_count`. */
export function deviceCount(): number {
  return webgpuAvailable() ? 1 : 0;
}

/** What the driver calls the GPU, as `torch.cuda.get_device_name`. */
export function getDeviceName(): string {
  return webgpuQueue().deviceName;
}

/** What the device can do and how much of it. */
export function getDeviceProperties(): { readonly name: string; readonly limits: GpuLimits; readonly features: GpuFeatures } {
  const { deviceName, limits, features } = webgpuQueue();
  return { name: deviceName, limits, features };
}

/**
 * Where random numbers of tensors on the device come from: by default from the device itself, by Philox, each from its position; with `true` from PyTorch's CPU
 * streams, so that a seed gives the same weights and masks as on the CPU, drawn on the host and uploaded. Returns what held before.
 */
export function drawOnHost(onHost: boolean): boolean {
  const before = deviceRandom.onHost;
  deviceRandom.onHost = onHost;
  return before;
}

/** Waits until the device has done everything, as `torch.cuda.synchronize`. Errors that it met are thrown here. Throws in a page's main thread. */
export function synchronize(): void {
  openWebgpuQueue()?.synchronize();
}

/** {@link synchronize} without blocking this thread. */
export async function synchronizeAsync(): Promise<void> {
  await openWebgpuQueue()?.synchronizeAsync();
}

/** Waits until every kernel asked for so far is compiled: after one step of a model the next ones find all of theirs. */
export async function warmUp(): Promise<void> {
  await openWebgpuQueue()?.warmUp();
}

/** Bytes of device memory that tensors have, as `torch.cuda.memory_allocated`; those that the garbage collector has not yet found to be gone count. */
export function memoryAllocated(): number {
  return openWebgpuQueue()?.memory.inUse ?? 0;
}

/** The most that {@link memoryAllocated} ever was, as `torch.cuda.max_memory_allocated`. */
export function maxMemoryAllocated(): number {
  return openWebgpuQueue()?.memory.peak ?? 0;
}

/** Starts {@link maxMemoryAllocated} anew, as `torch.cuda.reset_peak_memory_stats`. */
export function resetPeakMemoryStats(): void {
  openWebgpuQueue()?.resetPeak();
}

/** Bytes of device memory that tensors have or that wait to be used again, as `torch.cuda.memory_reserved`. */
export function memoryReserved(): number {
  const memory = openWebgpuQueue()?.memory;
  return memory === undefined ? 0 : memory.inUse + memory.cached;
}

/** Finds out which tensors are gone and gives their memory, and what waits to be used again, back to the device. As `torch.cuda.empty_cache`. */
export function emptyCache(): void {
  const queue = openWebgpuQueue();
  if (queue === null) return;
  reclaim();
  queue.emptyCache();
}

/** Seeds the generator of random numbers on the device, which is the default one. As `torch.cuda.manual_seed`. */
export function manualSeed(seed: number | bigint): void {
  seedDefaultGenerator(seed);
}

/** What was done since the device was opened: dispatches, submissions, pipelines compiled, read-backs, uploads, buffers made. Null while it is not open. */
export function counters(): GpuCounters | null {
  return openWebgpuQueue()?.counters() ?? null;
}

/** How often each kernel of a webgpu tensor ran on the host, because the device cannot run it. See docs/webgpu.md. */
export function hostKernels(): ReadonlyMap<string, number> {
  return hostKernelRuns();
}
