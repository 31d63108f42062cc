/**
 * The worker that trains, and where its kernels run.
 */
import type { Report, Request } from "../protocol.ts";

export interface Runtime {
  readonly id: string;
  readonly label: string;
  /** What the worker's address says. */
  readonly query: string;
}

export const runtimes: readonly Runtime[] = [
  { id: "wasm", label: "WebAssembly", query: "TYPETORCH_TARGET=wasm" },
  { id: "webgpu", label: "WebGPU", query: "device=webgpu" },
  { id: "js", label: "JavaScript", query: "TYPETORCH_TARGET=js" },
];

export class TrainerWorker {
  readonly #worker: Worker;

  constructor(runtime: Runtime, listener: (report: Report) => void) {
    this.#worker = new Worker(new URL(`worker.js?${runtime.query}`, location.href), { type: "module", name: "trainer" });
    this.#worker.addEventListener("message", (event: MessageEvent<Report>) => listener(event.data));
    this.#worker.addEventListener("error", (event) => {
      listener({ type: "failed", message: event.message || "the worker could not be started" });
    });
  }

  send(request: Request): void {
    this.#worker.postMessage(request);
  }

  end(): void {
    this.#worker.terminate();
  }
}
