/**
 * Memory of new tensors. Before it is taken, and when much was handed out since the last look, what nobody holds any more is found out and taken back: of large
 * buffers by their weak references, of the linear memory by the owners of its regions.
 */
import { OutOfMemoryError } from "../../core/errors.ts";
import { Storage, cpu } from "../../core/storage.ts";
import { collectGarbage, memoryLimit, now, openNative, releaseWeakTargets } from "../../platform/index.ts";
import { allocate, cachedMemory, classBytes, release } from "./memory.ts";
import { wasm } from "./target.ts";
import { takeLost, track, trackedBytes, untrackAll } from "./tracked.ts";
import type { LinearMemory } from "./wasm/linear.ts";

const linear: LinearMemory | null = wasm === null ? null : wasm.linear;

/** Storages from this size on are tracked. */
const trackedFrom = 1 << 19;
/** How much may be allocated before the first look, at least. */
const leastBudget = Math.min(512 * 2 ** 20, memoryLimit() / 8, linear === null ? Infinity : linear.limit / 8);
/** Bytes to allocate between two collections for each millisecond that one takes, so that they stay a small part of the time also with a large JavaScript heap. */
const bytesPerMillisecond = 48 * 2 ** 20;
let tracking = linear === null && openNative() !== null;
let budget = leastBudget;
/** Bytes of the storages that got a WeakRef lately: it holds them until the end of the job, also those that V8 shall free. */
let weakBytes = 0;
/** About the shortest that a collection took lately, in milliseconds: one that another process held up must not let the budget grow, which means fresh memory. */
let shortestPause = 10;

/**
 * Memory of a new tensor, as `allocate`; may first find out which tensors are gone. Not for use while the addresses of tensors are being packed: the
 * collection could free one that only its address stands for.
 */
export function allocateTensor(nbytes: number): Storage {
  if (linear !== null) {
    const low = linear.freeBytes < nbytes + linear.limit / 16;
    if (linear.takenBytes >= nextLook || (low && linear.takenBytes - lastLook > leastBetweenLooks)) reclaimLinear(linear);
    try {
      return allocate(nbytes);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      reclaimLinear(linear);
      return allocate(nbytes);
    }
  }
  if (nbytes < trackedFrom || !tracking) return allocate(nbytes);
  if (trackedBytes() + nbytes > budget) reclaim();
  if (!tracking) return allocate(nbytes);
  weakBytes += nbytes;
  if (weakBytes > budget / 4) {
    weakBytes = 0;
    releaseWeakTargets();
  }
  const storage = allocate(nbytes);
  track(storage, classBytes(storage.sizeClass));
  return storage;
}

/** Collects garbage and takes back the buffers of the large storages that are gone. The next time comes when as much as is live now was allocated again. */
function reclaim(): void {
  const start = now();
  if (!collectGarbage()) {
    tracking = false; // V8 frees what is dropped
    untrackAll();
    return;
  }
  shortestPause = Math.min(now() - start, shortestPause * 1.05);
  for (const { buffer, byteOffset, nbytes, address, sizeClass } of takeLost()) {
    const storage = new Storage(cpu, "buffer", buffer, byteOffset, nbytes, address);
    storage.sizeClass = sizeClass;
    release(storage);
  }
  const between = Math.min(shortestPause * bytesPerMillisecond, memoryLimit() / 8);
  const live = trackedBytes();
  budget = Math.max(leastBudget, live + between, 2 * live);
}

// ---- linear memory

/** Value of `linear.takenBytes` at which to look next which storages are gone. */
let nextLook = leastBudget;
/** What was taken at the last look. */
let lastLook = 0;
/** A look costs a collection: not again before this much was handed out, however little is left. */
const leastBetweenLooks = leastBudget / 16;

/**
 * Finds out which storages are gone. Where a collection can be asked for, that is done here and now; elsewhere the engine is made to collect, and what it finds
 * comes back in a later turn of the event loop.
 */
function reclaimLinear(memory: LinearMemory): void {
  const start = now();
  const collected = collectGarbage();
  if (collected) shortestPause = Math.min(now() - start, shortestPause * 1.05);
  else provokeCollection();
  memory.sweep();
  const between = Math.min(shortestPause * bytesPerMillisecond, memory.limit / 8);
  lastLook = memory.takenBytes;
  // as much again as is live, but leaving some of the memory for scratch
  const room = Math.max(leastBetweenLooks, memory.freeBytes - memory.limit / 8);
  nextLook = lastLook + Math.min(Math.max(leastBudget, between, memory.usedBytes - cachedMemory()), room);
}

/** The engine counts the bytes of buffers, also of those that are never touched, and collects when they have become many. */
function provokeCollection(): void {
  try {
    for (let k = 0; k < 4; k++) new ArrayBuffer(32 << 20);
  } catch {
    // it counted, and has no more
  }
}
