/**
 * Memory of webgpu tensors.
 *
 * A storage owns one GPU buffer: WebGPU forbids that one buffer is both read and written in a dispatch, so nothing is cut from larger ones. The buffer is made
 * when a kernel first needs it. Beside it stands, while it is current, a mirror in the CPU's memory: whatever reads or writes elements in JavaScript works on the
 * mirror, and the device gets it before its next use of the storage. So an op that has no kernel runs as on the CPU, at the price of a read-back, which is
 * counted. float64 lives in the mirror alone: the device has no such type.
 *
 * JavaScript's collector does not see what the device has. What the framework knows is dead it releases; of everything else only weak references are kept, and
 * each time a budget of new buffers is used up, one collection tells which storages are gone.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { DeviceLostError } from "../../core/errors.ts";
import { type Device, type RemoteMemory, Storage } from "../../core/storage.ts";
import { collectGarbage, now } from "../../platform/index.ts";
import { typedArrayOf } from "../cpu/memory.ts";
import { allocateTensor } from "../cpu/reclaim.ts";
import type { CommandQueue } from "./commandQueue.ts";
import { type DeviceLayout, deviceBytes, deviceLayout, toDevice, toHost } from "./layout.ts";
import type { Binding } from "./queue.ts";

const nothing = new ArrayBuffer(0);
/** Mirrors above this size are dropped once the device has their elements. */
const keptMirror = 1 << 20;

/** The device's side of one storage. */
export class DeviceMemory implements RemoteMemory {
  readonly queue: CommandQueue;
  readonly dtype: DType;
  readonly layout: DeviceLayout | null;
  readonly count: number;
  /** The GPU buffer; -1 while there is none. */
  id = -1;
  /** Whether the buffer holds the current elements. */
  onDevice = false;
  /** The elements in the CPU's memory, while they are current there. Neither side is in fresh memory. */
  mirror: Storage | null = null;

  constructor(queue: CommandQueue, dtype: DType, count: number) {
    this.queue = queue;
    this.dtype = dtype;
    this.layout = deviceLayout(dtype, queue.features.f16);
    this.count = count;
  }

  /** Bytes of the GPU buffer. */
  get nbytes(): number {
    return this.layout === null ? 0 : deviceBytes(this.layout, this.count);
  }

  get onDeviceOnly(): boolean {
    return this.onDevice && this.mirror === null;
  }

  #fresh(): Storage {
    if (this.queue.lost) throw lostError();
    return allocateTensor(this.count * this.dtype.itemsize);
  }

  bringToHost(write: boolean): Storage {
    if (this.mirror === null) {
      const mirror = this.#fresh();
      if (this.onDevice && this.count > 0)
        toHost(this.queue.read(this.id, 0, this.nbytes), this.dtype, this.layout!, typedArrayOf(mirror, this.dtype));
      this.mirror = mirror;
    }
    if (write) this.onDevice = false;
    return this.mirror;
  }

  async bringToHostAsync(): Promise<Storage> {
    if (this.mirror !== null || !this.onDevice || this.count === 0) return this.bringToHost(false);
    const mirror = this.#fresh();
    toHost(await this.queue.readAsync(this.id, 0, this.nbytes), this.dtype, this.layout!, typedArrayOf(mirror, this.dtype));
    return mirror; // not kept: the device may have gone on meanwhile
  }

  readElements(from: number, count: number, dtype: DType): TypedArray {
    if (!this.#partly(count, dtype))
      return typedArrayOf(this.bringToHost(false), dtype).subarray(from, from + count) as TypedArray;
    const [start, nbytes, skip] = this.#range(from, count);
    return this.#decode(this.queue.read(this.id, start, nbytes), skip, count);
  }

  async readElementsAsync(from: number, count: number, dtype: DType): Promise<TypedArray> {
    if (!this.#partly(count, dtype))
      return typedArrayOf(await this.bringToHostAsync(), dtype).subarray(from, from + count) as TypedArray;
    const [start, nbytes, skip] = this.#range(from, count);
    return this.#decode(await this.queue.readAsync(this.id, start, nbytes), skip, count);
  }

  /** Whether a part is worth reading by itself: the device alone has the elements, in the dtype asked for. */
  #partly(count: number, dtype: DType): boolean {
    return this.mirror === null && this.onDevice && count > 0 && dtype === this.dtype;
  }

  /** Where elements lie: whole words from an offset on, and how many elements to skip there. */
  #range(from: number, count: number): [number, number, number] {
    const { bytes } = this.layout!;
    const start = Math.floor((from * bytes) / 4) * 4;
    const end = Math.ceil(((from + count) * bytes) / 4) * 4;
    return [start, end - start, (from * bytes - start) / bytes];
  }

  #decode(bytes: Uint8Array, skip: number, count: number): TypedArray {
    const out = new this.dtype.Array(skip + count);
    toHost(bytes, this.dtype, this.layout!, out);
    return skip === 0 ? out : (out.subarray(skip) as TypedArray);
  }

  /** The GPU buffer for a kernel that is enqueued next; what the host changed is uploaded. */
  buffer(use: Binding): number {
    const { queue, layout, mirror } = this;
    if (layout === null) throw new Error(`${this.dtype} has no place in device memory`);
    if (queue.lost) throw lostError();
    if (this.id < 0) this.id = queue.createBuffer(this.nbytes);
    if (mirror !== null && !this.onDevice) {
      const elements = typedArrayOf(mirror, this.dtype);
      queue.write(this.id, 0, toDevice(elements.subarray(0, this.count) as TypedArray, this.dtype, layout));
      if (mirror.nbytes > keptMirror) this.mirror = null;
    }
    this.onDevice = true;
    if (use === "read_write") this.mirror = null;
    return this.id;
  }

  later(look: (value: number) => void): void {
    if (this.onDeviceOnly) this.queue.expect(this.id, look);
    else look(Number((typedArrayOf(this.bringToHost(false), this.dtype) as BigInt64Array)[0]));
  }

  handOver(to: Storage, from: Storage): void {
    handOver(this, to, from);
  }

  /** Gives the GPU buffer back. */
  free(): void {
    if (this.id >= 0 && !this.queue.lost) this.queue.destroyBuffer(this.id);
    this.id = -1;
    this.onDevice = false;
    this.mirror = null;
  }
}

function lostError(): DeviceLostError {
  return new DeviceLostError(
    "webgpu: this tensor was on a device that was lost",
    "make it anew: load the model from its last checkpoint, and its inputs again",
  );
}

/** A live storage that has or may get a GPU buffer. */
interface Tracked {
  readonly owner: WeakRef<Storage>;
  readonly memory: DeviceMemory;
}

const tracked = new Set<Tracked>();
/** Bytes and storages handed out since the last look. */
let newBytes = 0;
let newStorages = 0;
const leastBytes = 256 << 20;
const leastStorages = 4000;
let byteBudget = leastBytes;
let storageBudget = leastStorages;
/** In a page, where no collection can be asked for: tells of storages that the engine found to be gone, between turns of the event loop. */
const registry = new FinalizationRegistry<Tracked>((record) => forget(record));

function forget(record: Tracked): void {
  if (tracked.delete(record)) record.memory.free();
}

/**
 * Finds out which storages are gone and gives their buffers back. The next look comes when as much as is live now was allocated again, and not before a
 * collection is cheap against the work in between.
 */
export function reclaim(): void {
  const start = now();
  if (collectGarbage()) {
    for (const record of tracked) if (record.owner.deref() === undefined) forget(record);
  }
  const pause = now() - start;
  let live = 0;
  for (const { memory } of tracked) live += memory.nbytes;
  newBytes = 0;
  newStorages = 0;
  byteBudget = Math.max(leastBytes, live);
  storageBudget = Math.max(leastStorages, tracked.size, Math.min(pause * 100, 2 * leastStorages));
}

/** A new storage on the device, contents undefined. */
export function allocateOn(queue: CommandQueue, device: Device, nbytes: number, dtype: DType): Storage {
  const storage = new Storage(device, "handle", nothing, 0, nbytes, 0);
  const memory = new DeviceMemory(queue, dtype, Math.floor(nbytes / dtype.itemsize));
  storage.remote = memory;
  newBytes += memory.nbytes;
  newStorages++;
  if (newBytes > byteBudget || newStorages > storageBudget) reclaim();
  const record: Tracked = { owner: new WeakRef(storage), memory };
  tracked.add(record);
  storage.tracked = record;
  registry.register(storage, record, storage);
  return storage;
}

/** Gives the memory of a storage back at once: the caller knows that nothing refers to it. */
export function releaseStorage(storage: Storage): void {
  if (storage.released) throw new Error("release: the storage was released before");
  storage.released = true;
  registry.unregister(storage);
  forget(storage.tracked as Tracked);
}

function handOver(memory: DeviceMemory, storage: Storage, larger: Storage): void {
  registry.unregister(storage);
  registry.unregister(larger);
  forget(storage.tracked as Tracked);
  tracked.delete(larger.tracked as Tracked);
  const record: Tracked = { owner: new WeakRef(storage), memory };
  tracked.add(record);
  storage.tracked = record;
  storage.remote = memory;
  storage.nbytes = larger.nbytes;
  registry.register(storage, record, storage);
}

/** The GPU buffer of a storage, for a kernel that is enqueued next; what the host changed is uploaded. */
export function bufferOf(storage: Storage, use: Binding): number {
  return (storage.remote as DeviceMemory).buffer(use);
}
