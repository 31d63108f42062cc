/**
 * Where the entries of our own workers are: files beside this one. For browsers the build writes another module in this one's place, `dist/browser/workers.js`,
 * which holds their text, so that they survive whatever bundles the library.
 */
export type WorkerEntry = "cpu" | "webgpu";

const files: Readonly<Record<WorkerEntry, string>> = {
  cpu: "../backends/cpu/teamWorker.js",
  webgpu: "../backends/webgpu/worker.js",
};

/** The address of a worker's entry. */
export function workerUrl(entry: WorkerEntry): URL {
  return new URL(files[entry], import.meta.url);
}
