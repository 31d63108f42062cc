/**
 * Memory of CPU tensors.
 *
 * Small storages are cut from slabs, one kind of slab for each size class: a slab lives as long as any storage in it, so that a scalar kept from each step must
 * not share a slab with large neighbours. Larger storages own a buffer. All memory is JavaScript's and nothing here refers to a live storage or slab but the
 * one being cut, so the garbage collector frees what nobody released. Memory that was released early waits in a free list of its class, where `allocate` looks
 * first: used memory is in the caches, fresh memory costs page faults.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { Storage, cpu } from "../../core/storage.ts";
import { allocateUninitialized, collectGarbage, memoryLimit, now, openNative } from "../../platform/index.ts";

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

function slabBytes(classBytes: number): number {
  return classBytes <= 64 ? 4096 : Math.min(Math.max(classBytes * 32, 8 << 10), Math.max(classBytes * 4, 64 << 10));
}

/** Memory of one size class: the slab being cut, and what was released. */
interface SizeClass {
  readonly index: number;
  readonly nbytes: number;
  slab: ArrayBuffer;
  /** Where the next storage is cut. */
  next: number;
  /** Last offset at which a whole storage fits. */
  last: number;
  /** Machine address of byte 0 of the slab; 0 where there are no addresses. */
  base: number;
  free: Storage[];
  /** Value of `epoch` when the free list last served a request. */
  used: number;
}

const empty = new ArrayBuffer(0);
const native = openNative();

/** Above `largeBytes` there are eight classes to an octave, so that at most an eighth of a buffer is unused. */
const classes: readonly SizeClass[] = Array.from({ length: slabClassBytes.length + 32 * 8 }, (_, index) => {
  const large = index - slabClassBytes.length;
  const nbytes = large < 0 ? slabClassBytes[index]! : 2 ** (large >> 3) * (largeBytes / 8) * (9 + (large & 7));
  return { index, nbytes, slab: empty, next: 1, last: 0, base: 0, free: [], used: 0 };
});

let cachedBytes = 0;
let cacheLimit = Math.max(256 * 2 ** 20, Math.min(memoryLimit() / 8, 4 * 2 ** 30));
let epoch = 0;

/** A large buffer in use, and the storage that uses it, for as long as anybody holds that. */
interface Tracked {
  readonly owner: WeakRef<Storage>;
  readonly entry: SizeClass;
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly address: number;
}

const trackedFrom = 1 << 20;
/** How much may be allocated before the first look, at least. */
const leastBudget = 512 * 2 ** 20;
/** Bytes to allocate between two collections for each millisecond that one takes, so that they stay a small part of the time also with a large JavaScript heap. */
const bytesPerMillisecond = 48 * 2 ** 20;
const tracked = new Set<Tracked>();
let tracking = native !== null;
let trackedBytes = 0;
let budget = Math.min(leastBudget, memoryLimit() / 8);

/**
 * Memory of a new tensor, as `allocate`; may first find out which large tensors are gone. Not for use while the addresses of tensors are being packed: the
 * collection could free one that only its address stands for.
 */
export function allocateTensor(nbytes: number): Storage {
  if (nbytes < trackedFrom || !tracking) return allocate(nbytes);
  if (trackedBytes + nbytes > budget) reclaim();
  if (!tracking) return allocate(nbytes);
  const storage = allocate(nbytes);
  const entry = classes[storage.sizeClass]!;
  const record: Tracked = {
    owner: new WeakRef(storage),
    entry,
    buffer: storage.buffer,
    byteOffset: storage.byteOffset,
    address: storage.address,
  };
  tracked.add(record);
  trackedBytes += entry.nbytes;
  storage.tracked = record;
  return storage;
}

/** Leaves the memory of a storage to the garbage collector: something else than the storage may refer to it. */
export function untrack(storage: Storage): void {
  const record = storage.tracked as Tracked | null;
  if (record === null) return;
  storage.tracked = null;
  if (tracked.delete(record)) trackedBytes -= record.entry.nbytes;
}

/** Collects garbage and takes back the buffers of the large storages that are gone. The next time comes when as much as is live now was allocated again. */
function reclaim(): void {
  const start = now();
  if (!collectGarbage()) {
    tracking = false; // V8 frees what is dropped
    tracked.clear();
    trackedBytes = 0;
    return;
  }
  const pause = Math.min((now() - start) * bytesPerMillisecond, memoryLimit() / 8);
  for (const record of tracked) {
    if (record.owner.deref() !== undefined) continue;
    tracked.delete(record);
    trackedBytes -= record.entry.nbytes;
    const storage = new Storage(cpu, "buffer", record.buffer, record.byteOffset, record.entry.nbytes, record.address);
    storage.sizeClass = record.entry.index;
    release(storage);
  }
  budget = Math.max(Math.min(leastBudget, memoryLimit() / 8), trackedBytes + pause, 2 * trackedBytes);
}

/** Fresh memory for a storage of `nbytes`, contents undefined, aligned to 64 bytes from 64 bytes on. */
export function allocate(nbytes: number): Storage {
  if (nbytes > largeBytes) return allocateLarge(nbytes);
  if (nbytes === 0) return new Storage(cpu, "buffer", empty, 0, 0, 0);
  const entry = classes[classOfUnits[(nbytes + 15) >>> 4]!]!;
  if (entry.free.length !== 0) return reuse(entry, nbytes);
  if (entry.next > entry.last) cutNewSlab(entry);
  const offset = entry.next;
  entry.next = offset + entry.nbytes;
  const storage = new Storage(cpu, "buffer", entry.slab, offset, nbytes, entry.base === 0 ? 0 : entry.base + offset);
  storage.sizeClass = entry.index;
  return storage;
}

function cutNewSlab(entry: SizeClass): void {
  const size = slabBytes(entry.nbytes);
  const slab = allocateUninitialized(size);
  entry.base = native === null ? 0 : native.addressOf(slab);
  entry.slab = slab;
  entry.next = -entry.base & (alignment - 1);
  entry.last = size - entry.nbytes;
}

function allocateLarge(nbytes: number): Storage {
  const octave = 31 - Math.clz32((nbytes - 1) / largeBytes);
  const unit = (2 ** octave * largeBytes) / 8;
  const units = Math.ceil(nbytes / unit); // 9 to 16
  const entry = classes[slabClassBytes.length + octave * 8 + units - 9]!;
  if (entry.free.length !== 0) return reuse(entry, nbytes);
  const buffer = allocateUninitialized(entry.nbytes + alignment);
  const base = native === null ? 0 : native.addressOf(buffer);
  const offset = -base & (alignment - 1);
  const storage = new Storage(cpu, "buffer", buffer, offset, nbytes, base === 0 ? 0 : base + offset);
  storage.sizeClass = entry.index;
  return storage;
}

function reuse(entry: SizeClass, nbytes: number): Storage {
  const old = entry.free.pop()!;
  cachedBytes -= entry.nbytes;
  entry.used = epoch;
  const storage = new Storage(cpu, "buffer", old.buffer, old.byteOffset, nbytes, old.address);
  storage.sizeClass = entry.index;
  if (old.nbytes === nbytes) storage.views = old.views;
  old.views = null;
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
  if (cachedBytes + entry.nbytes > cacheLimit) return;
  cachedBytes += entry.nbytes;
  entry.free.push(storage);
}

/** Forgets released memory of the classes that served nothing since the last time the cache was full. */
function dropStale(): void {
  for (const entry of classes) if (entry.used !== epoch) dropFree(entry);
  epoch++;
}

function dropFree(entry: SizeClass): void {
  cachedBytes -= entry.free.length * entry.nbytes;
  entry.free.length = 0;
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

/** A typed array over the whole storage, made once for each dtype. */
export function typedArrayOf(storage: Storage, dtype: DType): TypedArray {
  if (storage.tracked !== null) untrack(storage);
  storage.views ??= [null, null, null, null, null, null, null, null, null, null];
  let view = storage.views[dtype.index] as TypedArray | null;
  if (view === null) {
    view = new dtype.Array(storage.buffer, storage.byteOffset, Math.floor(storage.nbytes / dtype.itemsize));
    storage.views[dtype.index] = view;
  }
  return view;
}
