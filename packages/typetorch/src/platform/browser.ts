/**
 * The platform layer in pages and web workers.
 */
import { DeviceError, NotSupportedError } from "../core/errors.ts";
import type { Gpu } from "./gpuTypes.ts";
import type { Native, OpenFile, OpenFileAsync, Replacement, WorkerHandle } from "./types.ts";

export { crc32 } from "./crc32.ts";

/** The browser globals used here; the compiler's DOM library is not part of this project. */
interface WebWorker {
  postMessage(message: unknown): void;
  addEventListener(type: string, listener: (event: { data?: unknown; message?: string }) => void): void;
  terminate(): void;
}
/** One end of a channel of messages. */
interface WebPort {
  onmessage: (() => void) | null;
  postMessage(message: unknown): void;
}
interface WebGlobals {
  navigator?: { hardwareConcurrency?: number; gpu?: Gpu };
  document?: unknown;
  crossOriginIsolated?: boolean;
  name?: string;
  TYPETORCH_ENVIRONMENT?: Readonly<Record<string, string | undefined>>;
  addEventListener?(type: "message", listener: (event: { data?: unknown }) => void, options: { once: boolean }): void;
  MessageChannel: new () => { readonly port1: WebPort; readonly port2: WebPort };
  Worker?: new (url: URL, options: { type: "module"; name?: string }) => WebWorker;
}
const web = globalThis as unknown as WebGlobals;

export const platformName = "browser";
export const isMainThread: boolean = web.document !== undefined;
export const workerData: unknown = undefined;

/** What stands in for the environment: the global object `TYPETORCH_ENVIRONMENT`, set before the library is loaded. */
export function environment(name: string): string | undefined {
  return web.TYPETORCH_ENVIRONMENT?.[name];
}

export function hardwareThreads(): number {
  return web.navigator?.hardwareConcurrency ?? 1;
}

export function memoryLimit(): number {
  return 4 * 2 ** 30;
}

export function now(): number {
  return performance.now();
}

export function onStart(listener: (data: unknown) => void): void {
  web.addEventListener?.("message", (event) => listener(event.data), { once: true });
}

export function createWorker(url: URL, options: { data?: unknown; name?: string } = {}): WorkerHandle {
  if (web.Worker === undefined) throw new NotSupportedError("createWorker: there is no Worker in this context");
  const worker = new web.Worker(url, { type: "module", name: options.name });
  if (options.data !== undefined) worker.postMessage(options.data); // web workers have no workerData: the first message carries it
  return {
    postMessage: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.addEventListener("message", (event) => listener(event.data)),
    onError: (listener) => worker.addEventListener("error", (event) => listener(new Error(event.message))),
    onExit: () => {}, // web workers do not tell
    unref: () => {},
    terminate: () => worker.terminate(),
  };
}

export function threadAlive(_threadNumber: number): boolean {
  return true;
}

export function canShareMemory(): boolean {
  return web.crossOriginIsolated === true;
}

export function openNative(): Native | null {
  return null;
}

/** A page cannot ask for a collection. */
export function collectGarbage(): boolean {
  return false;
}

/** A page lets go at the end of its turn. */
export function releaseWeakTargets(): boolean {
  return false;
}

export const mayWait: boolean = web.document === undefined;

/** A page is not told in time, and its workers end with it. */
export function atExit(_listener: () => void): void {}

let turns: WebPort | null = null;
const turnWaiters: (() => void)[] = [];

/** A message to oneself: browsers delay timers that follow each other by four milliseconds. */
export function nextTurn(): Promise<void> {
  if (turns === null) {
    const { port1, port2 } = new web.MessageChannel();
    port1.onmessage = () => turnWaiters.shift()!();
    turns = port2;
  }
  const port = turns;
  return new Promise((resolve) => {
    turnWaiters.push(resolve);
    port.postMessage(null);
  });
}

export async function openGpu(): Promise<Gpu> {
  const gpu = web.navigator?.gpu;
  if (gpu === undefined) {
    throw new DeviceError(
      "webgpu: this browser has no navigator.gpu here",
      "WebGPU needs a recent browser and a secure page (https or localhost)",
    );
  }
  return gpu;
}

export function allocateUninitialized(nbytes: number): ArrayBuffer {
  return new ArrayBuffer(nbytes);
}

export function writeStdout(text: string): void {
  console.log(text.endsWith("\n") ? text.slice(0, -1) : text);
}

const warned = new Set<string>();

export function warn(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  console.warn(message);
}

function noFiles(operation: string, path: string): never {
  throw new NotSupportedError(
    `${operation}: a browser has no file ${path}`,
    "load the bytes with fetch and pass them on, or pass a URL or a Blob to the asynchronous function",
  );
}

export function readFile(path: string): Uint8Array {
  return noFiles("readFile", path);
}

export async function readFileAsync(path: string | URL): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

export function writeFile(path: string, _parts: readonly Uint8Array[]): void {
  noFiles("writeFile", path);
}

export function fileExists(_path: string): boolean {
  return false;
}

export function openFile(path: string): OpenFile {
  return noFiles("openFile", path);
}

export async function openFileAsync(path: string): Promise<OpenFileAsync> {
  return noFiles("openFile", path);
}

export function replaceFile(path: string): Replacement {
  return noFiles("replaceFile", path);
}

export function deflateRaw(): Uint8Array {
  throw new NotSupportedError("archives cannot be compressed at once in a browser", "save without { compressed: true }");
}
