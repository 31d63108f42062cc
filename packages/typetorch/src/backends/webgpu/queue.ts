/**
 * The interface between what makes kernels (wgsl/) and what runs them (executor.ts, in this thread or in a worker). Everything is enqueued and runs in order;
 * errors of the device surface at the next call after they became known, at the latest at the next read.
 */

/** Limits of the device, as WebGPU names them. All of what the adapter offers is asked for. */
export interface GpuLimits {
  readonly maxStorageBufferBindingSize: number;
  readonly maxUniformBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupSizeY: number;
  readonly maxComputeWorkgroupSizeZ: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly minUniformBufferOffsetAlignment: number;
}

/** An m x k matrix times a k x n matrix. */
export interface SubgroupMatrixShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** What the device can do beyond WebGPU's core. */
export interface GpuFeatures {
  /** `enable f16;`: then float16 lies in device memory as f16, see layout.ts. */
  readonly f16: boolean;
  /** `enable subgroups;`, and a subgroup is a run of consecutive invocations. */
  readonly subgroups: boolean;
  /** Smallest and largest subgroup; 0 without subgroups. */
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** Matrices that a subgroup multiplies at once, f16 to f32; null without them, and where TYPETORCH_WEBGPU_SUBGROUP_MATRIX=1 does not ask for them. */
  readonly subgroupMatrix: SubgroupMatrixShape | null;
  /** Iterations of loops that an invocation may take in all: Mesa's llvmpipe leaves all loops after 65535, without a word. */
  readonly loopIterations: number;
  /** Kernels can be timed. */
  readonly timestamps: boolean;
  /** A processor plays the device: workgroup barriers cost ten times the arithmetic there. */
  readonly software: boolean;
}

/** How a kernel uses a storage buffer. */
export type Binding = "read" | "read_write";

/** Counts since the device was opened. */
export interface GpuCounters {
  dispatches: number;
  /** Command buffers handed to the device: many dispatches share one. */
  submits: number;
  /** Pipelines compiled; each distinct key is compiled once. */
  pipelines: number;
  bindGroups: number;
  /** Times that somebody waited for data of the device. */
  readBacks: number;
  uploads: number;
  /** GPU buffers made; those that came from the pool do not count. */
  buffers: number;
}

export interface GpuQueue {
  readonly limits: GpuLimits;
  readonly features: GpuFeatures;
  /** A buffer of at least `nbytes`, contents undefined; its id. From a pool by size class. Throws when the device cannot have such a buffer. */
  createBuffer(nbytes: number): number;
  /** Gives a buffer back; what was enqueued before still sees it. */
  destroyBuffer(id: number): void;
  /**
   * The pipeline of a WGSL text whose entry point is `main`: compiled once for each key; `wgsl` is only called for a new one. Bindings 0 to n - 1 of group 0 are
   * storage buffers as `bindings` tells; binding n is the uniform block of `argumentBytes` bytes (a multiple of 16; none when it is 0).
   */
  pipeline(key: string, wgsl: () => string, bindings: readonly Binding[], argumentBytes: number): number;
  /**
   * Runs x * y * z workgroups. `args` holds the pipeline's `argumentBytes` bytes and is copied at once. No buffer may stand twice in `buffers` unless both uses
   * are `read`: whoever renders the kernel binds an operand that is read and written once.
   */
  dispatch(pipeline: number, buffers: readonly number[], args: Uint8Array, x: number, y: number, z: number): void;
  /** Copies between two different buffers; offsets and length are multiples of 4. */
  copy(source: number, sourceOffset: number, target: number, targetOffset: number, nbytes: number): void;
  /** Uploads; `bytes` is copied at once. Offset and length are multiples of 4. */
  write(id: number, offset: number, bytes: Uint8Array): void;
  /** Waits for what was enqueued and downloads. Throws where this thread must not wait, and names the asynchronous way. */
  read(id: number, offset: number, nbytes: number): Uint8Array;
  readAsync(id: number, offset: number, nbytes: number): Promise<Uint8Array>;
  /** Starts what was enqueued. It is started by itself when enough of it has come together. */
  flush(): void;
  /** Waits until everything enqueued is done. Throws where this thread must not wait. */
  synchronize(): void;
  synchronizeAsync(): Promise<void>;
  /** Waits until all pipelines asked for so far are compiled, in parallel where the device can. */
  warmUp(): Promise<void>;
  /** A snapshot of the counters. */
  counters(): GpuCounters;
}
