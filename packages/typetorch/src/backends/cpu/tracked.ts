/**
 * Large buffers in use, each with a weak reference to its storage: so that the buffer comes back to `memory.ts` when nobody holds the storage any more. Small
 * storages are left to the garbage collector, and so are buffers that JavaScript has seen as a typed array.
 */
import type { Storage } from "../../core/storage.ts";

/** A large buffer, and the storage that uses it, for as long as anybody holds that. */
export class Tracked {
  readonly owner: WeakRef<Storage>;
  readonly sizeClass: number;
  /** Bytes of the buffer from `byteOffset` on. */
  readonly nbytes: number;
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly address: number;
  constructor(storage: Storage, nbytes: number) {
    this.owner = new WeakRef(storage);
    this.sizeClass = storage.sizeClass;
    this.nbytes = nbytes;
    this.buffer = storage.buffer;
    this.byteOffset = storage.byteOffset;
    this.address = storage.address;
  }
}

const tracked = new Set<Tracked>();
let bytes = 0;

/** Bytes of all tracked buffers. */
export function trackedBytes(): number {
  return bytes;
}

/** Keeps an eye on a storage whose buffer has `nbytes`. */
export function track(storage: Storage, nbytes: number): void {
  const record = new Tracked(storage, nbytes);
  tracked.add(record);
  bytes += nbytes;
  storage.tracked = record;
}

function forget(record: Tracked): void {
  if (tracked.delete(record)) bytes -= record.nbytes;
}

/**
 * Leaves the memory of a storage to the garbage collector: something else than the storage may refer to it. In the linear memory, where storages hold the owner of
 * their region instead, whatever refers to the memory refers to its owner.
 */
export function untrack(storage: Storage): void {
  const record = storage.tracked;
  if (!(record instanceof Tracked)) return;
  storage.tracked = null;
  forget(record);
}

/** The buffers whose storages are gone; they are tracked no longer. */
export function takeLost(): Tracked[] {
  const lost = [...tracked].filter((record) => record.owner.deref() === undefined);
  lost.forEach(forget);
  return lost;
}

/** Leaves all buffers to the garbage collector. */
export function untrackAll(): void {
  tracked.clear();
  bytes = 0;
}
