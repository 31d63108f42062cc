/**
 * The executor: carries out commands on a WebGPU device that this thread holds.
 *
 * Dispatches are encoded one after the other into one compute pass and submitted together when enough has come together, somebody waits, or `flush` is called.
 * Their arguments lie in one uniform buffer, each at its own dynamic offset, uploaded once per submission. Pipelines are compiled asynchronously, so several at a
 * time: commands that come while one is missing wait in a list, in order. Buffers are created inside error scopes that are closed at the submission.
 */
import {
  type GpuAdapter,
  type GpuBindGroup,
  type GpuBindGroupLayout,
  type GpuBuffer,
  type GpuCommandEncoder,
  type GpuComputePass,
  type GpuComputePipeline,
  type GpuDevice,
  type GpuPipelineLayout,
  environment,
  openGpu,
} from "../../platform/index.ts";
import { DeviceError } from "../../core/errors.ts";
import type { DeviceFacts, ExecutorCounters, Failure, GpuCommands } from "./commands.ts";
import type { Binding, GpuFeatures, GpuLimits, SubgroupMatrixShape } from "./queue.ts";
import { subgroupsAreRuns } from "./subgroups.ts";

/** Bits of WebGPU's usage and mode flags. */
const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 };
const mapModeRead = 1;
const computeStage = 4;

/** Dispatches in one submission: enough to make its cost small, few enough that the device starts soon. */
const dispatchBudget = 256;
/** Bytes of the buffers bound by one submission: bounds how long the device is busy with one. */
const byteBudget = 8 * 2 ** 30;
const uniformBytes = 256 << 10;
/** Submissions that may be in flight. */
const flightBudget = 6;
const mostBindGroups = 8192;

interface Pipeline {
  /** Null while it is compiled. */
  compiled: GpuComputePipeline | null;
  failed: boolean;
  layout: GpuBindGroupLayout;
  argumentBytes: number;
}

const limitNames: readonly (keyof GpuLimits)[] = [
  "maxStorageBufferBindingSize",
  "maxUniformBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
  "minUniformBufferOffsetAlignment",
];

function factsOf(adapter: GpuAdapter, features: ReadonlySet<string>): DeviceFacts {
  const limits = Object.fromEntries(limitNames.map((name) => [name, adapter.limits[name]!])) as unknown as GpuLimits;
  const { info } = adapter;
  const name = [info.vendor, info.architecture, info.description || info.device].filter((part) => part !== "").join(" ");
  const subgroups = features.has("subgroups");
  const found: GpuFeatures = {
    f16: features.has("shader-f16"),
    subgroups,
    subgroupMinSize: subgroups ? (info.subgroupMinSize ?? 4) : 0,
    subgroupMaxSize: subgroups ? (info.subgroupMaxSize ?? 128) : 0,
    subgroupMatrix: features.has("chromium-experimental-subgroup-matrix") ? matrixShapeOf(adapter) : null,
    loopIterations: /llvmpipe/i.test(name) ? 65535 : 2 ** 31 - 1,
    timestamps: features.has("timestamp-query"),
    software: info.isFallbackAdapter === true || /swiftshader|llvmpipe|software|microsoft basic/i.test(name),
  };
  return { limits, features: found, name };
}

/** The largest half-precision matrices with float32 sums that the adapter has. */
function matrixShapeOf({ info }: GpuAdapter): SubgroupMatrixShape | null {
  let best: SubgroupMatrixShape | null = null;
  for (const { componentType, resultComponentType, M: m, N: n, K: k } of info.subgroupMatrixConfigs ?? []) {
    if (componentType !== "f16" || resultComponentType !== "f32") continue;
    if (best === null || m * n * k > best.m * best.n * best.k) best = { m, n, k };
  }
  return best;
}

/** Opens the adapter's device with all that it offers of what is used here. */
export async function openExecutor(): Promise<Executor> {
  const gpu = await openGpu();
  const compatibility = environment("TYPETORCH_WEBGPU_BACKEND") === "opengles";
  const adapter = await gpu.requestAdapter({
    powerPreference: "high-performance",
    ...(compatibility && { featureLevel: "compatibility" }),
  });
  if (adapter === null) {
    throw new DeviceError(
      "webgpu: there is no GPU adapter that WebGPU can use",
      "install the GPU's Vulkan driver (Linux), or in a browser see chrome://gpu; docs/webgpu.md tells how to run on the processor",
    );
  }
  const wanted = ["shader-f16", "subgroups", "timestamp-query"];
  if (environment("TYPETORCH_WEBGPU_SUBGROUP_MATRIX") === "1") wanted.push("chromium-experimental-subgroup-matrix");
  const requiredFeatures = wanted.filter((name) => adapter.features.has(name));
  const facts = factsOf(adapter, new Set(requiredFeatures));
  const device = await adapter.requestDevice({
    requiredFeatures,
    requiredLimits: Object.fromEntries(Object.entries(facts.limits).filter(([, value]) => value > 0)),
  });
  const { subgroups, subgroupMinSize, subgroupMaxSize } = facts.features;
  if (!subgroups || (await subgroupsAreRuns(device, subgroupMinSize, subgroupMaxSize))) return new Executor(device, facts);
  const without = { subgroups: false, subgroupMinSize: 0, subgroupMaxSize: 0, subgroupMatrix: null };
  return new Executor(device, { ...facts, features: { ...facts.features, ...without } });
}

export class Executor implements GpuCommands {
  readonly facts: DeviceFacts;
  readonly #device: GpuDevice;
  readonly #buffers = new Map<number, GpuBuffer>();
  readonly #pipelines = new Map<number, Pipeline>();
  readonly #layouts = new Map<string, { group: GpuBindGroupLayout; pipeline: GpuPipelineLayout }>();
  readonly #bindGroups = new Map<string, GpuBindGroup>();
  /** Keys of the bind groups that a buffer is in. */
  readonly #groupsOf = new Map<number, string[]>();
  readonly #uniforms: GpuBuffer;
  readonly #alignment: number;
  /** Arguments of the submission that is being encoded. */
  readonly #args = new Uint8Array(uniformBytes);
  #argsEnd = 0;
  #encoder: GpuCommandEncoder | null = null;
  #pass: GpuComputePass | null = null;
  /** Buffers that the submission being encoded uses. */
  readonly #used = new Set<number>();
  #dispatches = 0;
  #bytes = 0;
  #scopeOpen = false;
  /** Commands that wait for a pipeline, and that pipeline. */
  #waiting: (() => void)[] = [];
  #missing: Pipeline | null = null;
  readonly #compiling = new Set<Promise<void>>();
  readonly #inFlight: Promise<void>[] = [];
  readonly #reports = new Set<Promise<void>>();
  #failure: Failure | null = null;
  #lost = false;
  readonly #staging: GpuBuffer[] = [];
  readonly #counters: ExecutorCounters = { submits: 0, bindGroups: 0 };
  /** Called when a failure becomes known. */
  onFailure: (() => void) | null = null;

  constructor(device: GpuDevice, facts: DeviceFacts) {
    this.#device = device;
    this.facts = facts;
    this.#alignment = Math.max(16, facts.limits.minUniformBufferOffsetAlignment);
    this.#uniforms = device.createBuffer({ size: uniformBytes, usage: usage.uniform | usage.copyTarget });
    device.addEventListener?.("uncapturederror", (event) => this.#fail("invalid", event.error.message));
    void device.lost.then(({ reason, message }) => {
      this.#lost = true;
      this.#fail("lost", `${reason}: ${message}`);
    });
  }

  #fail(kind: Failure["kind"], message: string): void {
    if (this.#failure !== null && !(kind === "lost" && this.#failure.kind !== "lost")) return;
    this.#failure = { kind, message };
    this.onFailure?.();
  }

  takeFailure(): Failure | null {
    const failure = this.#failure;
    if (!this.#lost) this.#failure = null;
    return failure;
  }

  counters(): ExecutorCounters {
    return { ...this.#counters };
  }

  /** Runs a command now, or after those that wait for a pipeline. */
  #inOrder(command: () => void): void {
    if (this.#missing !== null) this.#waiting.push(command);
    else command();
  }

  #runWaiting(): void {
    this.#missing = null;
    const commands = this.#waiting;
    this.#waiting = [];
    for (let k = 0; k < commands.length; k++) {
      commands[k]!();
      if (this.#missing !== null) {
        this.#waiting.push(...commands.slice(k + 1));
        return;
      }
    }
  }

  #openScope(): void {
    if (this.#scopeOpen) return;
    this.#scopeOpen = true;
    this.#device.pushErrorScope("internal");
    this.#device.pushErrorScope("out-of-memory");
    this.#device.pushErrorScope("validation");
  }

  #closeScope(): void {
    if (!this.#scopeOpen) return;
    this.#scopeOpen = false;
    for (const kind of ["invalid", "out-of-memory", "invalid"] as const) {
      const report = this.#device
        .popErrorScope()
        .then((error) => {
          if (error !== null) this.#fail(kind, error.message);
        })
        .catch(() => {}) // the device was lost, which is reported by itself
        .finally(() => this.#reports.delete(report));
      this.#reports.add(report);
    }
  }

  createBuffer(id: number, nbytes: number): void {
    this.#inOrder(() => {
      this.#openScope();
      this.#buffers.set(
        id,
        this.#device.createBuffer({ size: nbytes, usage: usage.storage | usage.copySource | usage.copyTarget }),
      );
    });
  }

  destroyBuffer(id: number): void {
    this.#inOrder(() => {
      if (this.#used.has(id)) this.#submit();
      this.#buffers.get(id)?.destroy();
      this.#buffers.delete(id);
      for (const key of this.#groupsOf.get(id) ?? []) this.#bindGroups.delete(key);
      this.#groupsOf.delete(id);
    });
  }

  #layoutOf(bindings: readonly Binding[], argumentBytes: number): { group: GpuBindGroupLayout; pipeline: GpuPipelineLayout } {
    const key = `${bindings.join()}:${argumentBytes}`;
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      const entries: {
        binding: number;
        visibility: number;
        buffer: { type: string; hasDynamicOffset?: boolean; minBindingSize?: number };
      }[] = bindings.map((use, binding) => ({
        binding,
        visibility: computeStage,
        buffer: { type: use === "read" ? "read-only-storage" : "storage" },
      }));
      if (argumentBytes > 0)
        entries.push({
          binding: bindings.length,
          visibility: computeStage,
          buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: argumentBytes },
        });
      const group = this.#device.createBindGroupLayout({ entries });
      layout = { group, pipeline: this.#device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** Compilation starts at once, also when other commands wait. */
  createPipeline(id: number, key: string, wgsl: string, bindings: readonly Binding[], argumentBytes: number): void {
    const layout = this.#layoutOf(bindings, argumentBytes);
    const pipeline: Pipeline = { compiled: null, failed: false, layout: layout.group, argumentBytes };
    this.#pipelines.set(id, pipeline);
    const device = this.#device;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: wgsl, label: key });
    void device.popErrorScope().catch(() => {}); // the pipeline's own error says more
    const compiling = device
      .createComputePipelineAsync({ label: key, layout: layout.pipeline, compute: { module, entryPoint: "main" } })
      .then(
        (compiled) => {
          pipeline.compiled = compiled;
        },
        async (error: Error) => {
          pipeline.failed = true;
          const info = await module.getCompilationInfo().catch(() => ({ messages: [] }));
          const lines = wgsl.split("\n");
          const messages = info.messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}\n    ${lines[m.lineNum - 1] ?? ""}`);
          this.#fail("invalid", `the kernel ${key} does not compile: ${messages.join("\n") || error.message}`);
        },
      )
      .finally(() => {
        this.#compiling.delete(compiling);
        if (this.#missing === pipeline) this.#runWaiting();
      });
    this.#compiling.add(compiling);
  }

  dispatch(pipeline: number, buffers: readonly number[], args: Uint8Array, x: number, y: number, z: number): void {
    if (this.#missing !== null) {
      const kept = args.slice();
      const bound = [...buffers];
      this.#waiting.push(() => this.#dispatch(pipeline, bound, kept, x, y, z));
    } else this.#dispatch(pipeline, buffers, args, x, y, z);
  }

  #dispatch(id: number, buffers: readonly number[], args: Uint8Array, x: number, y: number, z: number): void {
    const pipeline = this.#pipelines.get(id)!;
    if (pipeline.failed) return;
    if (pipeline.compiled === null) {
      const kept = args.slice();
      this.#missing = pipeline;
      const bound = [...buffers];
      this.#waiting.unshift(() => this.#dispatch(id, bound, kept, x, y, z));
      return;
    }
    if (this.#argsEnd + args.length > uniformBytes) this.#submit();
    this.#openScope();
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(pipeline.compiled);
    const group = this.#groupFor(id, pipeline, buffers);
    if (pipeline.argumentBytes > 0) {
      this.#args.set(args, this.#argsEnd);
      this.#pass.setBindGroup(0, group, [this.#argsEnd]);
      this.#argsEnd += Math.ceil(args.length / this.#alignment) * this.#alignment;
    } else this.#pass.setBindGroup(0, group);
    this.#pass.dispatchWorkgroups(x, y, z);
    for (const buffer of buffers) {
      this.#used.add(buffer);
      this.#bytes += this.#buffers.get(buffer)!.size;
    }
    if (++this.#dispatches >= dispatchBudget || this.#bytes >= byteBudget) this.#submit();
  }

  #groupFor(id: number, pipeline: Pipeline, buffers: readonly number[]): GpuBindGroup {
    const key = `${id}:${buffers.join()}`;
    let group = this.#bindGroups.get(key);
    if (group === undefined) {
      if (this.#bindGroups.size >= mostBindGroups) {
        this.#bindGroups.clear();
        this.#groupsOf.clear();
      }
      const entries: { binding: number; resource: { buffer: GpuBuffer; offset?: number; size?: number } }[] = buffers.map(
        (buffer, binding) => ({ binding, resource: { buffer: this.#buffers.get(buffer)! } }),
      );
      if (pipeline.argumentBytes > 0)
        entries.push({ binding: buffers.length, resource: { buffer: this.#uniforms, offset: 0, size: pipeline.argumentBytes } });
      group = this.#device.createBindGroup({ layout: pipeline.layout, entries });
      this.#counters.bindGroups++;
      this.#bindGroups.set(key, group);
      for (const buffer of new Set(buffers)) {
        const keys = this.#groupsOf.get(buffer);
        if (keys === undefined) this.#groupsOf.set(buffer, [key]);
        else keys.push(key);
      }
    }
    return group;
  }

  copy(source: number, sourceOffset: number, target: number, targetOffset: number, nbytes: number): void {
    this.#inOrder(() => {
      this.#openScope();
      this.#encoder ??= this.#device.createCommandEncoder();
      this.#pass?.end();
      this.#pass = null;
      this.#encoder.copyBufferToBuffer(
        this.#buffers.get(source)!,
        sourceOffset,
        this.#buffers.get(target)!,
        targetOffset,
        nbytes,
      );
      this.#used.add(source).add(target);
    });
  }

  write(id: number, offset: number, bytes: Uint8Array): void {
    if (this.#missing !== null) {
      const kept = bytes.slice();
      this.#waiting.push(() => this.#write(id, offset, kept));
    } else this.#write(id, offset, bytes);
  }

  #write(id: number, offset: number, bytes: Uint8Array): void {
    if (this.#used.has(id)) this.#submit(); // uploads come before the whole of the next submission
    this.#openScope();
    this.#device.queue.writeBuffer(this.#buffers.get(id)!, offset, bytes);
  }

  flush(): void {
    this.#inOrder(() => this.#submit());
  }

  /** Whether something is encoded that the device does not have yet. */
  get pending(): boolean {
    return this.#encoder !== null;
  }

  #submit(): void {
    if (this.#encoder !== null) {
      this.#pass?.end();
      if (this.#argsEnd > 0) this.#device.queue.writeBuffer(this.#uniforms, 0, this.#args, 0, this.#argsEnd);
      this.#device.queue.submit([this.#encoder.finish()]);
      this.#counters.submits++;
      const done: Promise<void> = this.#device.queue
        .onSubmittedWorkDone()
        .catch(() => {})
        .finally(() => {
          this.#inFlight.splice(this.#inFlight.indexOf(done), 1);
        });
      this.#inFlight.push(done);
    }
    this.#closeScope();
    this.#encoder = null;
    this.#pass = null;
    this.#argsEnd = 0;
    this.#dispatches = 0;
    this.#bytes = 0;
    this.#used.clear();
  }

  /** Null, or what to wait for before more commands are accepted: too many submissions are in flight, or a long list waits for a pipeline. */
  get crowded(): Promise<unknown> | null {
    if (this.#inFlight.length > flightBudget) return this.#inFlight[0]!;
    if (this.#missing !== null && this.#waiting.length > 4 * dispatchBudget) return Promise.race(this.#compiling);
    return null;
  }

  /** Whether the device owes answers: reports of errors, and that submissions are done. They come only while the event loop turns. */
  get owed(): boolean {
    return this.#reports.size > 0 || this.#inFlight.length > 0;
  }

  /** Settles when the device has answered something that it owes, or compiled a pipeline. */
  get progress(): Promise<unknown> {
    return Promise.race([...this.#compiling, ...this.#inFlight, ...this.#reports]);
  }

  /** Drops the commands that wait for pipelines: nobody will look at what they compute. */
  forgetWaiting(): void {
    this.#waiting.length = 0;
    this.#closeScope();
  }

  /** Whether commands wait for pipelines. */
  get compiling(): boolean {
    return this.#compiling.size > 0;
  }

  async warmUp(): Promise<void> {
    while (this.#compiling.size > 0) await Promise.all(this.#compiling);
  }

  read(): null {
    return null;
  }

  async readAsync(id: number, offset: number, nbytes: number): Promise<Uint8Array> {
    // what is enqueued later must not come first
    const enqueued = new Promise<() => Promise<Uint8Array>>((resolve) => {
      this.#inOrder(() => resolve(nbytes === 0 ? this.#finish() : this.#download(id, offset, nbytes)));
    });
    return (await enqueued)();
  }

  #finish(): () => Promise<Uint8Array> {
    this.#submit();
    const done = Promise.all([this.#device.queue.onSubmittedWorkDone().catch(() => {}), ...this.#reports]);
    return async () => {
      await done;
      return new Uint8Array(0);
    };
  }

  /** Encodes the copy to a staging buffer and submits; the returned function waits for it. */
  #download(id: number, offset: number, nbytes: number): () => Promise<Uint8Array> {
    const size = 2 ** Math.max(12, Math.ceil(Math.log2(nbytes)));
    const at = this.#staging.findIndex((buffer) => buffer.size === size);
    const staging =
      at >= 0 ? this.#staging.splice(at, 1)[0]! : this.#device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget });
    this.#openScope();
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#pass?.end();
    this.#pass = null;
    this.#encoder.copyBufferToBuffer(this.#buffers.get(id)!, offset, staging, 0, nbytes);
    this.#submit();
    const mapped = staging.mapAsync(mapModeRead, 0, nbytes);
    const reports = [...this.#reports];
    return async () => {
      let bytes: Uint8Array;
      try {
        await mapped;
        bytes = new Uint8Array(staging.getMappedRange(0, nbytes)).slice();
        staging.unmap();
      } catch (error) {
        staging.destroy();
        await Promise.all(reports);
        this.#fail("invalid", error instanceof Error ? error.message : String(error));
        return new Uint8Array(nbytes);
      }
      if (this.#staging.length < 8) this.#staging.push(staging);
      else staging.destroy();
      await Promise.all(reports);
      return bytes;
    };
  }

  destroy(): void {
    this.#device.destroy();
  }
}
