/**
 * The platform layer in pages and web workers.
 */
import { DeviceError, NotSupportedError, SerializationError } from "../core/errors.ts";
import type { Gpu } from "./gpuTypes.ts";
import type { Native, OpenFile, OpenFileAsync, Replacement, WorkerHandle } from "./types.ts";

export { crc32 } from "./crc32.ts";

/** The browser globals used here; the compiler's DOM library is not part of this project. */
interface WebWorker {
  postMessage(message: unknown): void;
  addEventListener(type: string, listener: (event: { data?: unknown; message?: string }) => void): void;
  terminate(): void;
}
/** A stream that is written on one side and read on the other. */
interface ByteTransform {
  readonly readable: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }>; cancel(): Promise<void> } };
  readonly writable: { getWriter(): { write(bytes: Uint8Array): Promise<void>; close(): Promise<void> } };
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
  DecompressionStream?: new (format: "deflate-raw") => ByteTransform;
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

export function inflateRaw(): Uint8Array {
  throw new NotSupportedError(
    "compressed entries cannot be read at once in a browser",
    "use the asynchronous function, such as torch.loadAsync",
  );
}

export function deflateRaw(): Uint8Array {
  throw new NotSupportedError("archives cannot be compressed at once in a browser", "save without { compressed: true }");
}

export async function inflateRawAsync(deflated: Uint8Array, length: number): Promise<Uint8Array> {
  if (web.DecompressionStream === undefined) throw new NotSupportedError("this browser has no DecompressionStream");
  const stream = new web.DecompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  const writing = writer.write(deflated).then(() => writer.close());
  writing.catch(() => {}); // the reader below meets the same error
  const reader = stream.readable.getReader();
  const pieces: Uint8Array[] = [];
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || value === undefined) break;
      total += value.length;
      if (total > length) throw new SerializationError(`compressed data is longer than the ${length} bytes it declares`);
      pieces.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    if (error instanceof SerializationError) throw error;
    throw new SerializationError(`compressed data is damaged: ${error instanceof Error ? error.message : String(error)}`);
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
