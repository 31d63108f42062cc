/**
 * Storage: the bytes that tensors are views of, and where they lie.
 */
import type { DType, TypedArray } from "./dtype.ts";

/** Where tensors live. `index` tells devices of one type apart (`cuda:1`). */
export class Device {
  readonly type: string;
  readonly index: number | null;
  constructor(type: string, index: number | null = null) {
    this.type = type;
    this.index = index;
  }
  toString(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }
  /** What the console shows: PyTorch's `repr`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.index === null ? `device(type='${this.type}')` : `device(type='${this.type}', index=${this.index})`;
  }
}

export const cpu = new Device("cpu");
/** The GPU that WebGPU chose. */
export const webgpu = new Device("webgpu", 0);

/** The side of a `handle` storage that lies in the memory of a device. */
export interface RemoteMemory {
  /** Whether only the device has the elements, so that looking at them here means waiting for it. */
  readonly onDeviceOnly: boolean;
  /** The elements in the CPU's memory, for reading or, after `write`, as what counts from now on. May wait for the device. */
  bringToHost(write: boolean): Storage;
  /** The same without blocking, for reading. */
  bringToHostAsync(): Promise<Storage>;
  /** Some elements, seen as a dtype of the same size as that of the storage. */
  readElements(from: number, count: number, dtype: DType): TypedArray;
  readElementsAsync(from: number, count: number, dtype: DType): Promise<TypedArray>;
  /** `look` sees the first element, an int64, when somebody next waits for the device; what it throws is thrown there. */
  later(look: (value: number) => void): void;
  /** A storage object takes over this memory from a larger one, so that all its views follow. */
  handOver(to: Storage, from: Storage): void;
}

/**
 * A run of bytes. The kinds: `buffer` (JavaScript memory), `external` (an address that something else owns: shared memory, a
 * mapped file, a guard page), `wasm` (an offset in a wasm memory) and `handle` (device memory).
 */
export class Storage {
  readonly device: Device;
  readonly kind: "buffer" | "external" | "wasm" | "handle";
  /** The memory that holds the bytes. Several small storages share one buffer. */
  buffer: ArrayBuffer;
  /** Where this storage's bytes begin in `buffer`. */
  byteOffset: number;
  nbytes: number;
  /** Machine address of the first byte, as an integer below 2^53; 0 where the platform has no addresses. */
  address: number;
  /** Counts in-place changes; all views of the storage see it. */
  version = 0;
  /** Size class to which the memory returns when it is released early; -1 for memory that only the garbage collector frees. */
  sizeClass = -1;
  /** True once `release` gave the memory back: it must not be used any more. */
  released = false;
  /** How the allocator finds out that this storage was dropped, see backends/cpu/memory.ts; null for memory that V8 frees. */
  tracked: object | null = null;
  /** A typed array over the whole storage for each element kind that was asked for, made on demand by `backends/cpu/memory.ts`. */
  views: unknown[] | null = null;
  /** The device's side of a `handle` storage, whose own buffer is empty; null for memory that the host addresses. */
  remote: RemoteMemory | null = null;

  constructor(device: Device, kind: Storage["kind"], buffer: ArrayBuffer, byteOffset: number, nbytes: number, address: number) {
    this.device = device;
    this.kind = kind;
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.nbytes = nbytes;
    this.address = address;
  }
}
