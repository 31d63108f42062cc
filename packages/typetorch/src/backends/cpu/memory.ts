/**
 * Memory of CPU tensors.
 *
 * Small storages are cut from slabs, one kind of slab for each size class: a slab lives as long as any storage in it, so that a scalar kept from each step must
 * not share a slab with large neighbours. Larger storages have a region of their own. Memory that was released early waits in a free list of its class, where
 * `allocate` looks first: used memory is in the caches, fresh memory costs page faults.
 *
 * Where the memory comes from: for machine code and JavaScript it is buffers of JavaScript, nothing here refers to a live storage or slab but the one being cut,
 * and the garbage collector frees what nobody released (but see tracked.ts for large ones). For the wasm target it is regions of the linear memory, which the
 * collector does not see: every storage refers to the owner of its region, and so does every typed array over it (see wasm/linear.ts).
 */
import { type DType, type TypedArray, dtypes } from "../../core/dtype.ts";
import { OutOfMemoryError } from "../../core/errors.ts";
import { Storage, cpu } from "../../core/storage.ts";
import { allocateUninitialized, memoryLimit, openNative } from "../../platform/index.ts";
import { wasm } from "./target.ts";
import { untrack } from "./tracked.ts";
import { type LinearMemory, Owner } from "./wasm/linear.ts";

const alignment = 64;
/** Above this a storage owns its buffer. */
const largeBytes = 64 << 10;

/** Sizes of the classes that are cut from slabs; from 64 bytes on multiples of 64, in steps of at most a half. */
const slabClassBytes = [
  16, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152, 65536,
];
/** Class of a size up to `largeBytes`, by its number of started 16-byte units. */
const classOfUnits = new Uint8Array(largeBytes / 16 + 1);
for (let units = 0, k = 0; units < classOfUnits.length; units++) {
  if (units * 16 > slabClassBytes[k]!) k++;
  classOfUnits[units] = k;
}

function slabBytes(each: number): number {
  return each <= 64 ? 4096 : Math.min(Math.max(each * 32, 8 << 10), Math.max(each * 4, 64 << 10));
}

/** Memory of one size class: the slab being cut, and what was released. */
interface SizeClass {
  readonly index: number;
  readonly nbytes: number;
  slab: ArrayBuffer;
  /** The owner of a slab in the linear memory. */
  owner: Owner | null;
  /** Where the next storage is cut. */
  next: number;
  /** Last offset at which a whole storage fits. */
  last: number;
  /** Machine address of byte 0 of the slab's buffer; 0 where there are no addresses, and in the linear memory. */
  base: number;
  free: Storage[];
  /** Value of `epoch` when the free list last served a request. */
  used: number;
}

const empty = new ArrayBuffer(0);
const linear: LinearMemory | null = wasm === null ? null : wasm.linear;
const kind = linear === null ? "buffer" : "wasm";
const native = linear === null ? openNative() : null;

/** Above `largeBytes` there are eight classes to an octave, so that at most an eighth of a buffer is unused. */
const classes: readonly SizeClass[] = Array.from({ length: slabClassBytes.length + 32 * 8 }, (_, index) => {
  const large = index - slabClassBytes.length;
  const nbytes = large < 0 ? slabClassBytes[index]! : 2 ** (large >> 3) * (largeBytes / 8) * (9 + (large & 7));
  return { index, nbytes, slab: empty, owner: null, next: 1, last: 0, base: 0, free: [], used: 0 };
});

let cachedBytes = 0;
let cacheLimit = Math.max(256 * 2 ** 20, Math.min(memoryLimit() / 8, 4 * 2 ** 30));
let epoch = 0;

/** Bytes of a size class. */
export function classBytes(sizeClass: number): number {
  return classes[sizeClass]!.nbytes;
}

/** The storage object takes over the memory of a larger one, so that all its views follow. */
export function adopt(storage: Storage, larger: Storage): void {
  untrack(storage);
  untrack(larger);
  storage.tracked = larger.tracked;
  storage.buffer = larger.buffer;
  storage.byteOffset = larger.byteOffset;
  storage.nbytes = larger.nbytes;
  storage.address = larger.address;
  storage.sizeClass = larger.sizeClass;
  storage.views = null;
}

/** A region of the linear memory. */
function takeRegion(memory: LinearMemory, nbytes: number): Owner {
  let owner = memory.take(nbytes);
  if (owner === null) {
    for (const entry of classes) dropFree(entry);
    owner = memory.take(nbytes);
  }
  if (owner !== null) return owner;
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  throw new OutOfMemoryError(
    `out of memory: tried to allocate ${megabytes(nbytes)}, ${megabytes(memory.usedBytes)} of ${megabytes(memory.limit)} are in use`,
    "hold fewer tensors at a time (a smaller batch, noGrad() where no gradient is wanted); in a page, memory of dropped tensors comes back only when the event loop gets a turn: await something (`await new Promise((r) => setTimeout(r))`) every few steps",
  );
}

// ---- allocation

/** Fresh memory for a storage of `nbytes`, contents undefined, aligned to 64 bytes from 64 bytes on. */
export function allocate(nbytes: number): Storage {
  if (nbytes > largeBytes) return allocateLarge(nbytes);
  if (nbytes === 0) return new Storage(cpu, kind, empty, 0, 0, 0);
  const entry = classes[classOfUnits[(nbytes + 15) >>> 4]!]!;
  if (entry.free.length !== 0) return reuse(entry, nbytes);
  if (entry.next > entry.last) cutNewSlab(entry);
  const offset = entry.next;
  entry.next = offset + entry.nbytes;
  const storage = new Storage(cpu, kind, entry.slab, offset, nbytes, addressOf(entry.base, offset));
  storage.sizeClass = entry.index;
  storage.tracked = entry.owner;
  return storage;
}

/** Machine address of a byte of a buffer; offsets in the linear memory are addresses. */
function addressOf(base: number, offset: number): number {
  return base !== 0 || linear !== null ? base + offset : 0;
}

function cutNewSlab(entry: SizeClass): void {
  const size = slabBytes(entry.nbytes);
  if (linear !== null) {
    const owner = takeRegion(linear, size);
    entry.owner = owner;
    entry.slab = linear.buffer;
    entry.next = owner.region.address;
    entry.last = owner.region.address + size - entry.nbytes;
    return;
  }
  const slab = allocateUninitialized(size);
  entry.base = native === null ? 0 : native.addressOf(slab);
  entry.slab = slab;
  entry.next = -entry.base & (alignment - 1);
  entry.last = size - entry.nbytes;
}

const largestBytes = memoryLimit();

/** A buffer, or the error that there is no such memory. */
function largeBuffer(nbytes: number): ArrayBuffer {
  if (nbytes <= largestBytes) {
    try {
      return allocateUninitialized(nbytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw outOfMemory(nbytes);
}

function outOfMemory(nbytes: number): Error {
  return new OutOfMemoryError(
    `DefaultCPUAllocator: can't allocate memory: you tried to allocate ${nbytes} bytes`,
    `this machine has ${largestBytes} bytes; look at the shapes`,
  );
}

function allocateLarge(nbytes: number): Storage {
  if (nbytes > largestBytes) throw outOfMemory(nbytes);
  const octave = 31 - Math.clz32((nbytes - 1) / largeBytes);
  const unit = (2 ** octave * largeBytes) / 8;
  const units = Math.ceil(nbytes / unit); // 9 to 16
  const entry = classes[slabClassBytes.length + octave * 8 + units - 9]!;
  if (entry.free.length !== 0) return reuse(entry, nbytes);
  let storage: Storage;
  if (linear !== null) {
    const owner = takeRegion(linear, entry.nbytes);
    const { address } = owner.region;
    storage = new Storage(cpu, kind, linear.buffer, address, nbytes, address);
    storage.tracked = owner;
  } else {
    const buffer = largeBuffer(entry.nbytes + alignment);
    const base = native === null ? 0 : native.addressOf(buffer);
    const offset = -base & (alignment - 1);
    storage = new Storage(cpu, kind, buffer, offset, nbytes, base === 0 ? 0 : base + offset);
  }
  storage.sizeClass = entry.index;
  return storage;
}

function reuse(entry: SizeClass, nbytes: number): Storage {
  const old = entry.free.pop()!;
  cachedBytes -= entry.nbytes;
  entry.used = epoch;
  const storage = new Storage(cpu, kind, old.buffer, old.byteOffset, nbytes, old.address);
  storage.sizeClass = entry.index;
  storage.tracked = old.tracked;
  if (old.nbytes === nbytes) storage.views = old.views;
  old.views = null;
  old.tracked = null;
  old.buffer = empty; // a use after release now finds nothing
  old.address = 0;
  return storage;
}

/** Gives the memory of a storage back at once. The caller knows that nothing refers to it; releasing it twice is an error. */
export function release(storage: Storage): void {
  if (storage.released) throw new Error("release: the storage was released before");
  storage.released = true;
  untrack(storage);
  if (storage.sizeClass < 0) return;
  if (storage.buffer.byteLength === 0) return; // the user transferred the buffer: the memory is not ours any more
  const entry = classes[storage.sizeClass]!;
  if (cachedBytes + entry.nbytes > cacheLimit) dropStale();
  cachedBytes += entry.nbytes;
  entry.free.push(storage);
  if (cachedBytes > cacheLimit) dropLast(entry);
}

/** Forgets released memory of the classes that served nothing since the last time the cache was full. */
function dropStale(): void {
  for (const entry of classes) if (entry.used !== epoch) dropFree(entry);
  epoch++;
}

function dropFree(entry: SizeClass): void {
  while (entry.free.length > 0) dropLast(entry);
}

function dropLast(entry: SizeClass): void {
  const storage = entry.free.pop()!;
  cachedBytes -= entry.nbytes;
  if (storage.tracked instanceof Owner && entry.nbytes > largeBytes) linear!.give(storage.tracked.region);
  storage.tracked = null;
  storage.views = null;
  storage.buffer = empty;
}

/** Bytes of released memory that wait to be used again. */
export function cachedMemory(): number {
  return cachedBytes;
}

/** Bounds the memory that may wait to be used again; what exceeds the bound goes to the garbage collector. Returns the bound before. */
export function setCacheLimit(nbytes: number): number {
  const before = cacheLimit;
  cacheLimit = nbytes;
  if (cachedBytes > cacheLimit) for (const entry of classes) dropFree(entry);
  return before;
}

/** Forgets all released memory and hands what the C allocator keeps back to the system; the garbage collector must have run for it to see the former. */
export function emptyCache(): void {
  for (const entry of classes) dropFree(entry);
  native?.trimMemory();
}

// ---- typed arrays

/** What a typed array over the linear memory keeps from being used again. */
const ownerOfArray = new WeakMap<TypedArray, object>();

/**
 * A typed array over the whole storage, made once for each dtype; of complex elements it holds both parts. Of device memory it is a mirror that the device gets
 * before its next use of the storage.
 */
export function typedArrayOf(storage: Storage, dtype: DType): TypedArray {
  if (storage.remote !== null) return typedArrayOf(storage.remote.bringToHost(true), dtype);
  if (storage.tracked !== null) untrack(storage);
  storage.views ??= new Array<null>(dtypes.length).fill(null);
  let view = storage.views[dtype.index] as TypedArray | null;
  if (view === null) {
    view = new dtype.Array(storage.buffer, storage.byteOffset, Math.floor(storage.nbytes / dtype.Array.BYTES_PER_ELEMENT));
    if (storage.tracked !== null) ownerOfArray.set(view, storage.tracked);
    storage.views[dtype.index] = view;
  }
  return view;
}

/** Elements `from` to `to` of a storage for whoever asks: they stay what they are for as long as somebody holds the array, or a `subarray` of it. */
export function exposedArrayOf(storage: Storage, dtype: DType, from: number, to: number): TypedArray {
  if (storage.remote !== null) return exposedArrayOf(storage.remote.bringToHost(true), dtype, from, to);
  return expose(typedArrayOf(storage, dtype), storage.tracked, from, to);
}

const plainSubarray = Uint8Array.prototype.subarray as (this: TypedArray, from?: number, to?: number) => TypedArray;

function expose(array: TypedArray, owner: object | null, from?: number, to?: number): TypedArray {
  const part = plainSubarray.call(array, from, to);
  if (linear === null || owner === null) return part;
  ownerOfArray.set(part, owner);
  Object.defineProperty(part, "subarray", { value: (begin?: number, end?: number) => expose(part, owner, begin, end) });
  return part;
}
