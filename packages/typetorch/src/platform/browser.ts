/**
 * The platform layer in pages and web workers.
 */
import { NotSupportedError } from "../core/errors.ts";
import type { Native, WorkerHandle } from "./types.ts";

/** The browser globals used here; the compiler's DOM library is not part of this project. */
interface WebWorker {
  postMessage(message: unknown): void;
  addEventListener(type: string, listener: (event: { data?: unknown; message?: string }) => void): void;
  terminate(): void;
}
interface WebGlobals {
  navigator?: { hardwareConcurrency?: number };
  document?: unknown;
  name?: string;
  Worker?: new (url: URL, options: { type: "module"; name?: string }) => WebWorker;
}
const web = globalThis as unknown as WebGlobals;

export const platformName = "browser";
export const isMainThread: boolean = web.document !== undefined;
export const workerData: unknown = undefined;

export function environment(_name: string): string | undefined {
  return undefined;
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

export function openNative(): Native | null {
  return null;
}

/** A page cannot ask for a collection. */
export function collectGarbage(): boolean {
  return false;
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
    "load the bytes with fetch (readFileAsync takes a URL) and pass them on",
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
