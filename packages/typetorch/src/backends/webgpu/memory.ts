/**
 * Memory of webgpu tensors.
 *
 * A storage owns one GPU buffer: WebGPU forbids that one buffer is both read and written in a dispatch, so nothing is cut from larger ones. The buffer is made
 * when a kernel first needs it. Beside it stands, while it is current, a mirror on the host: what reads or writes elements in JavaScript (`storageArray`) works
 * on the mirror, and the device gets it before its next use of the storage. So an op that has no kernel runs as on the CPU, at the price of a read-back, which is
 * counted. float64 lives in the mirror alone: the device has no such type.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { type Device, type RemoteMemory, Storage } from "../../core/storage.ts";
import { type DeviceLayout, deviceBytes, deviceLayout, toDevice, toHost } from "./layout.ts";
import type { Binding, GpuQueue } from "./queue.ts";

const nothing = new ArrayBuffer(0);

/** The device's side of one storage. */
export class DeviceMemory implements RemoteMemory {
  readonly queue: GpuQueue;
  readonly dtype: DType;
  readonly layout: DeviceLayout | null;
  /** The GPU buffer; -1 while there is none. */
  id = -1;
  /** Whether the buffer and the mirror hold the current elements; neither does in fresh memory. */
  onDevice = false;
  onHost = false;

  constructor(queue: GpuQueue, dtype: DType) {
    this.queue = queue;
    this.dtype = dtype;
    this.layout = deviceLayout(dtype, queue.features.f16);
  }

  bringToHost(storage: Storage, write: boolean): void {
    if (!this.onHost) {
      storage.buffer = new ArrayBuffer(storage.nbytes);
      storage.views = null;
      if (this.onDevice && storage.nbytes > 0) {
        const elements = elementsOf(storage, this.dtype);
        toHost(this.queue.read(this.id, 0, deviceBytes(this.layout!, elements.length)), this.dtype, this.layout!, elements);
      }
      this.onHost = true;
    }
    if (write) this.onDevice = false;
  }
}

function elementsOf(storage: Storage, dtype: DType): TypedArray {
  return new dtype.Array(storage.buffer, storage.byteOffset, Math.floor(storage.nbytes / dtype.itemsize));
}

/** A new storage on the device, contents undefined. */
export function allocateOn(queue: GpuQueue, device: Device, nbytes: number, dtype: DType): Storage {
  const storage = new Storage(device, "handle", nothing, 0, nbytes, 0);
  storage.remote = new DeviceMemory(queue, dtype);
  return storage;
}

/** Whether kernels can have this storage: its dtype has a place in device memory. */
export function isOnDevice(storage: Storage): boolean {
  return (storage.remote as DeviceMemory).layout !== null;
}

/** Mirrors above this size are dropped once the device has their elements. */
const keptMirror = 1 << 20;

function dropMirror(storage: Storage, memory: DeviceMemory): void {
  memory.onHost = false;
  storage.buffer = nothing;
  storage.views = null;
}

/** The GPU buffer of a storage, for a kernel that is enqueued next; what the host changed is uploaded. */
export function bufferOf(storage: Storage, use: Binding): number {
  const memory = storage.remote as DeviceMemory;
  const { queue, layout, dtype } = memory;
  if (layout === null) throw new Error(`${dtype} has no place in device memory`);
  if (memory.id < 0) memory.id = queue.createBuffer(deviceBytes(layout, Math.floor(storage.nbytes / dtype.itemsize)));
  if (memory.onHost && !memory.onDevice) {
    queue.write(memory.id, 0, toDevice(elementsOf(storage, dtype), dtype, layout));
    if (storage.nbytes > keptMirror) dropMirror(storage, memory);
  }
  memory.onDevice = true;
  if (use === "read_write" && memory.onHost) dropMirror(storage, memory);
  return memory.id;
}
