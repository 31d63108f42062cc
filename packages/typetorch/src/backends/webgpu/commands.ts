/**
 * The commands of a device, with the ids that the caller gave: what crosses from the thread of the tensors to the one that holds the device. They are carried out in
 * order. A failure does not stop them; it is kept until somebody asks.
 */
import type { Binding, GpuFeatures, GpuLimits } from "./queue.ts";

/** What the device is. */
export interface DeviceFacts {
  readonly limits: GpuLimits;
  readonly features: GpuFeatures;
  /** What the driver calls itself. */
  readonly name: string;
}

/** Why commands may not have done what they should. */
export interface Failure {
  readonly kind: "out-of-memory" | "lost" | "invalid";
  readonly message: string;
}

/** Counts on the side of the device. */
export interface ExecutorCounters {
  submits: number;
  bindGroups: number;
}

export interface GpuCommands {
  readonly facts: DeviceFacts;
  createBuffer(id: number, nbytes: number): void;
  destroyBuffer(id: number): void;
  createPipeline(id: number, key: string, wgsl: string, bindings: readonly Binding[], argumentBytes: number): void;
  dispatch(pipeline: number, buffers: readonly number[], args: Uint8Array, x: number, y: number, z: number): void;
  copy(source: number, sourceOffset: number, target: number, targetOffset: number, nbytes: number): void;
  write(id: number, offset: number, bytes: Uint8Array): void;
  /** Null where this thread cannot wait. With `nbytes` 0 it only waits until all is done. */
  read(id: number, offset: number, nbytes: number): Uint8Array | null;
  readAsync(id: number, offset: number, nbytes: number): Promise<Uint8Array>;
  /** Resolves when all pipelines are compiled. */
  warmUp(): Promise<void>;
  flush(): void;
  /** The first failure since the last call, as far as it is known. */
  takeFailure(): Failure | null;
  counters(): ExecutorCounters;
  /** Loses the device on purpose. */
  destroy(): void;
}
