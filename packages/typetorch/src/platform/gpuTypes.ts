/**
 * The part of WebGPU's interface that is used here, as `navigator.gpu` and the package `webgpu` both have it.
 */

export interface Gpu {
  requestAdapter(options?: { powerPreference?: "high-performance"; featureLevel?: string }): Promise<GpuAdapter | null>;
}

export interface GpuAdapter {
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
    readonly subgroupMatrixConfigs?: Iterable<{
      readonly componentType: string;
      readonly resultComponentType: string;
      readonly M: number;
      readonly N: number;
      readonly K: number;
    }>;
  };
  requestDevice(descriptor: {
    requiredFeatures: readonly string[];
    requiredLimits: Readonly<Record<string, number>>;
  }): Promise<GpuDevice>;
}

export interface GpuBuffer {
  readonly size: number;
  destroy(): void;
  mapAsync(mode: number, offset: number, size: number): Promise<void>;
  getMappedRange(offset: number, size: number): ArrayBuffer;
  unmap(): void;
}

/** Objects that are only handed on. */
export interface GpuBindGroupLayout {
  readonly label: string;
}
export interface GpuPipelineLayout {
  readonly label: string;
}
export interface GpuBindGroup {
  readonly label: string;
}
export interface GpuCommandBuffer {
  readonly label: string;
}
export interface GpuComputePipeline {
  readonly label: string;
}
export interface GpuShaderModule {
  getCompilationInfo(): Promise<{
    readonly messages: readonly {
      readonly type: string;
      readonly message: string;
      readonly lineNum: number;
      readonly linePos: number;
    }[];
  }>;
}

export interface GpuComputePass {
  setPipeline(pipeline: GpuComputePipeline): void;
  setBindGroup(index: number, group: GpuBindGroup, offsets?: readonly number[]): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}

export interface GpuCommandEncoder {
  beginComputePass(): GpuComputePass;
  copyBufferToBuffer(source: GpuBuffer, sourceOffset: number, target: GpuBuffer, targetOffset: number, size: number): void;
  finish(): GpuCommandBuffer;
}

export type GpuErrorFilter = "validation" | "out-of-memory" | "internal";

export interface GpuDevice {
  readonly queue: {
    submit(commands: readonly GpuCommandBuffer[]): void;
    writeBuffer(
      buffer: GpuBuffer,
      bufferOffset: number,
      data: ArrayBufferView | ArrayBuffer,
      dataOffset?: number,
      size?: number,
    ): void;
    onSubmittedWorkDone(): Promise<void>;
  };
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly limits: Readonly<Record<string, number>>;
  createBuffer(descriptor: { size: number; usage: number }): GpuBuffer;
  createBindGroupLayout(descriptor: {
    entries: readonly {
      binding: number;
      visibility: number;
      buffer: { type: string; hasDynamicOffset?: boolean; minBindingSize?: number };
    }[];
  }): GpuBindGroupLayout;
  createPipelineLayout(descriptor: { bindGroupLayouts: readonly GpuBindGroupLayout[] }): GpuPipelineLayout;
  createBindGroup(descriptor: {
    layout: GpuBindGroupLayout;
    entries: readonly { binding: number; resource: { buffer: GpuBuffer; offset?: number; size?: number } }[];
  }): GpuBindGroup;
  createShaderModule(descriptor: { code: string; label?: string }): GpuShaderModule;
  createComputePipelineAsync(descriptor: {
    label?: string;
    layout: GpuPipelineLayout;
    compute: { module: GpuShaderModule; entryPoint: string };
  }): Promise<GpuComputePipeline>;
  createCommandEncoder(): GpuCommandEncoder;
  pushErrorScope(filter: GpuErrorFilter): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  addEventListener?(type: "uncapturederror", listener: (event: { error: { message: string } }) => void): void;
  destroy(): void;
}
