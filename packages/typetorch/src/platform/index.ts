/**
 * The platform: the only place for `node:*`, `navigator` and `Worker`. The condition `node` or `browser` of package.json's `imports` chooses the file.
 */
import "./disposal.ts";

export * from "#platform";
export { cpuWorkerUrl, webgpuWorkerUrl } from "#workers";
export type {
  CpuFeatures,
  GuardedBuffer,
  Native,
  OpenFile,
  OpenFileAsync,
  Platform,
  Replacement,
  WorkerHandle,
} from "./types.ts";
export type * from "./gpuTypes.ts";
