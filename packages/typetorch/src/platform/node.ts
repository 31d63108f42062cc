/**
 * The platform layer on Node.
 */
import { setFlagsFromString } from "node:v8";
import { createContext, runInNewContext, Script } from "node:vm";
import { constants } from "node:buffer";
import { existsSync, openSync, readFileSync, writeSync, closeSync } from "node:fs";
import { readFile as readFilePromise } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import nodeProcess, { emitWarning, env, stdout } from "node:process";
import { Worker, isMainThread, workerData } from "node:worker_threads";
import { openNative as openNativeLayer } from "./native.ts";
import { crc32OfNode, openFileWith } from "./nodeFiles.ts";
import { DeviceError } from "../core/errors.ts";
import type { Gpu } from "./gpuTypes.ts";
import type { Native, OpenFile, WorkerHandle } from "./types.ts";

export { deflateRaw, openFileAsync, replaceFile } from "./nodeFiles.ts";

export const platformName = "node";
export { isMainThread, workerData };

export function environment(name: string): string | undefined {
  return env[name];
}

/** The file of this process's control group: its own (unified hierarchy), then the root's as seen in a container. Null when there is none. */
function readCgroup(file: string): string | null {
  let own = "";
  try {
    own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "";
  } catch {
    return null;
  }
  for (const folder of own === "" || own === "/" ? [""] : [own, ""]) {
    try {
      return readFileSync(`/sys/fs/cgroup${folder}/${file}`, "utf8").trim();
    } catch {
      // not mounted here
    }
  }
  return null;
}

let processors = 0;

export function hardwareThreads(): number {
  if (processors === 0) processors = countProcessors();
  return processors;
}

function countProcessors(): number {
  const allowed = availableParallelism();
  let share = Number.POSITIVE_INFINITY; // processors' worth of time
  const [quota, period] = readCgroup("cpu.max")?.split(" ") ?? [
    readCgroup("cpu/cpu.cfs_quota_us"),
    readCgroup("cpu/cpu.cfs_period_us"),
  ];
  if (Number(quota) > 0 && Number(period) > 0) share = Number(quota) / Number(period);
  return Math.max(1, Math.min(allowed, Math.round(share)));
}

export function memoryLimit(): number {
  const limit = Number(readCgroup("memory.max") ?? readCgroup("memory/memory.limit_in_bytes") ?? Number.NaN);
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem(); // "max" is NaN
}

export function now(): number {
  return performance.now();
}

export function onStart(listener: (data: unknown) => void): void {
  listener(workerData);
}

export function createWorker(url: URL, options: { data?: unknown; name?: string } = {}): WorkerHandle {
  const worker = new Worker(url, { workerData: options.data, name: options.name, execArgv: [] });
  return {
    postMessage: (message) => worker.postMessage(message),
    onMessage: (listener) => void worker.on("message", listener),
    onError: (listener) => void worker.on("error", listener),
    onExit: (listener) => void worker.on("exit", listener),
    unref: () => worker.unref(),
    terminate: () => void worker.terminate(),
  };
}

export function threadAlive(threadNumber: number): boolean {
  return threadNumber === 0 || !existsSync("/proc/self/task") || existsSync(`/proc/self/task/${threadNumber}`);
}

export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer === "function";
}

let native: Native | null | undefined;

export function openNative(): Native | null {
  if (native === undefined) {
    native = openNativeLayer({
      failed: (reason) => warn(`there is no native layer, so kernels run as WebAssembly or JavaScript, more slowly: ${reason}`),
    });
  }
  return native;
}

let checkpoint: (() => void) | null | undefined;

/** The collector that Bun offers. It has no flags of V8. */
const bun = (globalThis as { Bun?: { gc(force: boolean): void } }).Bun;

/**
 * Lets go of what WeakRefs made or read in the current job keep alive: a microtask checkpoint, which a context of its own has after each script.
 * False where it cannot be done.
 */
export function releaseWeakTargets(): boolean {
  if (checkpoint === undefined) {
    try {
      const script = new Script("0");
      const context = createContext({}, { microtaskMode: "afterEvaluate" });
      checkpoint = () => script.runInContext(context);
    } catch {
      checkpoint = null;
    }
  }
  checkpoint?.();
  return checkpoint !== null;
}

let collector: (() => void) | null | undefined;

/** Runs a full garbage collection, also of what WeakRefs used in the current job keep alive. False where it cannot be done. */
export function collectGarbage(): boolean {
  if (collector === undefined && bun !== undefined) collector = () => bun.gc(true);
  if (collector === undefined) {
    try {
      setFlagsFromString("--expose-gc");
      collector = runInNewContext("gc") as () => void;
    } catch {
      collector = null;
    }
  }
  if (collector === null || !releaseWeakTargets()) return false;
  collector();
  return true;
}

export const mayWait = true;

export function atExit(listener: () => void): void {
  nodeProcess.on("exit", listener);
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The package `webgpu` (Dawn), an optional peer dependency. `TYPETORCH_WEBGPU_BACKEND` names one of Dawn's backends (vulkan, metal, d3d12, opengles, null) in
 * place of the system's own.
 */
export async function openGpu(): Promise<Gpu> {
  gpu ??= await loadGpu();
  return gpu;
}

/** Held for good: Dawn goes on using it for whatever came from it, and does not keep it alive. */
let gpu: Gpu | null = null;

async function loadGpu(): Promise<Gpu> {
  const own = (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;
  if (own !== undefined) return own; // Deno has it
  let dawn: { create(options: readonly string[]): Gpu };
  try {
    dawn = (await import(/* webpackIgnore: true */ "webgpu" as string)) as typeof dawn;
  } catch (error) {
    const missing = (error as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    throw new DeviceError(
      missing
        ? "webgpu: the package 'webgpu' is not installed"
        : `webgpu: the package 'webgpu' does not load: ${error instanceof Error ? error.message : String(error)}`,
      missing
        ? "npm install webgpu (132 MB; it brings WebGPU to Node on Vulkan, Metal and D3D12)"
        : "it needs glibc 2.34 or newer",
    );
  }
  const backend = environment("TYPETORCH_WEBGPU_BACKEND");
  return dawn.create([
    "enable-dawn-features=allow_unsafe_apis",
    ...(backend === undefined || backend === "" ? [] : [`backend=${backend}`]),
  ]);
}

export function allocateUninitialized(nbytes: number): ArrayBuffer {
  return nbytes > constants.MAX_LENGTH ? new ArrayBuffer(nbytes) : (Buffer.allocUnsafeSlow(nbytes).buffer as ArrayBuffer);
}

export function writeStdout(text: string): void {
  stdout.write(text);
}

const warned = new Set<string>();

export function warn(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  emitWarning(message, "TypeTorchWarning");
}

export function readFile(path: string): Uint8Array {
  return readFileSync(path);
}

export function readFileAsync(path: string | URL): Promise<Uint8Array> {
  return readFilePromise(path);
}

export function writeFile(path: string, parts: readonly Uint8Array[]): void {
  const fd = openSync(path, "w");
  try {
    for (const part of parts) {
      for (let done = 0; done < part.length; ) done += writeSync(fd, part, done, Math.min(part.length - done, 1 << 30));
    }
  } finally {
    closeSync(fd);
  }
}

export function fileExists(path: string): boolean {
  return existsSync(path);
}

let fastCrc32: ((bytes: Uint8Array, crc: number) => number) | null = null;

export function crc32(bytes: Uint8Array, crc: number): number {
  fastCrc32 ??= openNative()?.crc32 ?? crc32OfNode;
  return fastCrc32(bytes, crc);
}

export function openFile(path: string): OpenFile {
  return openFileWith(openNative, path);
}
