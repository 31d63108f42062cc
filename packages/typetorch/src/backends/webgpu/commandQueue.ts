/**
 * The queue as the rest of the backend sees it, over commands that this thread or a worker carries out: numbers buffers and pipelines, keeps returned buffers for
 * the next request of their size class, and turns failures of the device into errors.
 */
import { DeviceError, DeviceLostError, OutOfMemoryError } from "../../core/errors.ts";
import type { GpuCommands } from "./commands.ts";
import type { Binding, GpuCounters, GpuFeatures, GpuLimits, GpuQueue } from "./queue.ts";

const leastBuffer = 256;
/** Expectations between two waits; further ones are not looked at. */
const mostExpectations = 8192;

/** The size of the buffers that serve requests of `nbytes`: eight classes to an octave, so that at most an eighth is unused. */
export function classBytes(nbytes: number): number {
  if (nbytes <= leastBuffer) return leastBuffer;
  const unit = 2 ** Math.max(8, Math.ceil(Math.log2(nbytes)) - 4);
  return Math.ceil(nbytes / unit) * unit;
}

export class CommandQueue implements GpuQueue {
  readonly limits: GpuLimits;
  readonly features: GpuFeatures;
  readonly #commands: GpuCommands;
  readonly #largest: number;
  readonly #pipelines = new Map<string, number>();
  /** Sizes of live buffers. */
  readonly #sizes = new Map<number, number>();
  /** Buffers that nobody uses, by size. */
  readonly #free = new Map<number, number[]>();
  #nextBuffer = 1;
  #inUse = 0;
  #cached = 0;
  #peak = 0;
  #lost = false;
  /** Who looks at numbers of the device when it is next waited for, and the buffer with copies of these numbers; 0 while there is none. */
  #looks: ((value: number) => void)[] = [];
  #looked = 0;
  readonly #counts = { dispatches: 0, pipelines: 0, readBacks: 0, uploads: 0, buffers: 0 };

  constructor(commands: GpuCommands) {
    this.#commands = commands;
    this.limits = commands.facts.limits;
    this.features = commands.facts.features;
    this.#largest = Math.min(this.limits.maxBufferSize, this.limits.maxStorageBufferBindingSize);
  }

  get deviceName(): string {
    return this.#commands.facts.name;
  }
  /** Whether the device is gone; nothing can be enqueued any more. */
  get lost(): boolean {
    return this.#lost;
  }
  /** Bytes of buffers in use, the most there ever were, and bytes of buffers that wait for their next use. */
  get memory(): { readonly inUse: number; readonly peak: number; readonly cached: number } {
    return { inUse: this.#inUse, peak: this.#peak, cached: this.#cached };
  }
  resetPeak(): void {
    this.#peak = this.#inUse;
  }

  /** Throws what the device reported. */
  #check(): void {
    const failure = this.#commands.takeFailure();
    if (failure === null) return;
    if (failure.kind === "lost") {
      this.#lost = true;
      throw new DeviceLostError(
        `webgpu: the device was lost (${failure.message})`,
        "the tensors on it are gone; the next use of the device 'webgpu' opens a new one: load the model from its last checkpoint",
      );
    }
    if (failure.kind === "out-of-memory") {
      throw new OutOfMemoryError(
        `webgpu out of memory. ${this.#inUse} bytes are in use, ${this.#cached} cached. The device says: ${failure.message}`,
        "what was computed since the last read is undefined. Use a smaller batch, drop tensors that are not needed, or call torch.webgpu.emptyCache()",
      );
    }
    throw new DeviceError(
      `webgpu: the device refused a command, so what was computed since the last read is undefined: ${failure.message}`,
      "this is a fault of TypeTorch or of the driver: please report it with this text",
    );
  }

  createBuffer(nbytes: number): number {
    this.#check();
    if (nbytes > this.#largest) {
      throw new OutOfMemoryError(
        `webgpu: tried to allocate ${nbytes} bytes in one tensor; this device's limit is ${this.#largest} bytes`,
        "split the tensor, or use a smaller batch",
      );
    }
    const size = Math.min(classBytes(nbytes), this.#largest);
    const free = this.#free.get(size);
    let id: number;
    if (free !== undefined && free.length > 0) {
      id = free.pop()!;
      this.#cached -= size;
    } else {
      id = this.#nextBuffer++;
      this.#commands.createBuffer(id, size);
      this.#counts.buffers++;
    }
    this.#sizes.set(id, size);
    this.#inUse += size;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return id;
  }

  destroyBuffer(id: number): void {
    const size = this.#sizes.get(id);
    if (size === undefined) throw new Error(`webgpu: buffer ${id} was given back before`);
    this.#sizes.delete(id);
    this.#inUse -= size;
    this.#cached += size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [id]);
    else free.push(id);
    if (this.#cached > Math.max(64 << 20, this.#inUse)) this.emptyCache();
  }

  /** Gives buffers that nobody uses back to the device. */
  emptyCache(): void {
    for (const ids of this.#free.values()) for (const id of ids) this.#commands.destroyBuffer(id);
    this.#free.clear();
    this.#cached = 0;
  }

  pipeline(key: string, wgsl: () => string, bindings: readonly Binding[], argumentBytes: number): number {
    let id = this.#pipelines.get(key);
    if (id === undefined) {
      if (bindings.length > this.limits.maxStorageBuffersPerShaderStage)
        throw new Error(`the kernel ${key} binds ${bindings.length} buffers`);
      if (argumentBytes % 16 !== 0) throw new Error(`the arguments of the kernel ${key} are ${argumentBytes} bytes`);
      id = this.#counts.pipelines++;
      this.#commands.createPipeline(id, key, wgsl(), bindings, argumentBytes);
      this.#pipelines.set(key, id);
    }
    return id;
  }

  dispatch(pipeline: number, buffers: readonly number[], args: Uint8Array, x: number, y: number, z: number): void {
    this.#check();
    this.#counts.dispatches++;
    if (x > 0 && y > 0 && z > 0) this.#commands.dispatch(pipeline, buffers, args, x, y, z);
  }

  copy(source: number, sourceOffset: number, target: number, targetOffset: number, nbytes: number): void {
    this.#check();
    if (nbytes > 0) this.#commands.copy(source, sourceOffset, target, targetOffset, nbytes);
  }

  write(id: number, offset: number, bytes: Uint8Array): void {
    this.#check();
    this.#counts.uploads++;
    if (bytes.length > 0) this.#commands.write(id, offset, bytes);
  }

  #cannotWait(what: string, asynchronous: string): DeviceError {
    return new DeviceError(
      `webgpu: ${what} would have to block this thread until the device is done, which a page's main thread must not do`,
      `use ${asynchronous}, or run everything in a worker (docs/webgpu.md)`,
    );
  }

  /** `look` sees the int64 at the start of a buffer, as it is now, when the device is next waited for; what it throws is thrown there. */
  expect(id: number, look: (value: number) => void): void {
    if (this.#looks.length >= mostExpectations) return;
    if (this.#looked === 0) this.#commands.createBuffer((this.#looked = this.#nextBuffer++), mostExpectations * 8);
    this.#commands.copy(id, 0, this.#looked, this.#looks.length * 8, 8);
    this.#looks.push(look);
  }

  /** Looks at numbers of the device that are there now. The first that somebody takes offence at counts. */
  #look(looks: readonly ((value: number) => void)[], bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    looks.forEach((look, k) => {
      look(view.getInt32(8 * k + 4, true) * 2 ** 32 + view.getUint32(8 * k, true));
    });
  }

  #meetExpectations(): void {
    const looks = this.#looks;
    if (looks.length === 0) return;
    this.#looks = [];
    this.#look(looks, this.#commands.read(this.#looked, 0, looks.length * 8)!);
  }

  async #meetExpectationsAsync(): Promise<void> {
    const looks = this.#looks;
    if (looks.length === 0) return;
    this.#looks = [];
    this.#look(looks, await this.#commands.readAsync(this.#looked, 0, looks.length * 8));
  }

  read(id: number, offset: number, nbytes: number): Uint8Array {
    this.#check();
    if (nbytes === 0) return new Uint8Array(0);
    const bytes = this.#commands.read(id, offset, nbytes);
    if (bytes === null) throw this.#cannotWait("reading a tensor", "await x.itemAsync() or await x.toArrayAsync()");
    this.#counts.readBacks++;
    this.#check();
    this.#meetExpectations();
    return bytes;
  }

  async readAsync(id: number, offset: number, nbytes: number): Promise<Uint8Array> {
    this.#check();
    this.#counts.readBacks++;
    const bytes = nbytes === 0 ? new Uint8Array(0) : await this.#commands.readAsync(id, offset, nbytes);
    this.#check();
    await this.#meetExpectationsAsync();
    return bytes;
  }

  flush(): void {
    this.#commands.flush();
  }

  synchronize(): void {
    if (this.#commands.read(0, 0, 0) === null) throw this.#cannotWait("synchronize", "await torch.webgpu.synchronizeAsync()");
    this.#check();
    this.#meetExpectations();
  }

  async synchronizeAsync(): Promise<void> {
    await this.#commands.readAsync(0, 0, 0);
    this.#check();
    await this.#meetExpectationsAsync();
  }

  async warmUp(): Promise<void> {
    await this.#commands.warmUp();
    this.#check();
  }

  counters(): GpuCounters {
    return { ...this.#counts, ...this.#commands.counters() };
  }

  /** Loses the device on purpose: all its tensors are gone. */
  destroy(): void {
    this.#commands.destroy();
  }
}
