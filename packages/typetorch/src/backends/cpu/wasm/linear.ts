/**
 * The linear memory in which the wasm target keeps everything that kernels touch, and who holds which part of it.
 *
 * The engine's garbage collector does not see what lies in this memory, so each region handed out has an owner: an object to which the storages in the region
 * refer. When nothing refers to the owner any more the region is free again: noticed by {@link LinearMemory.sweep} after a collection, or by a
 * FinalizationRegistry between two turns of the event loop.
 */
import { OutOfMemoryError } from "../../../core/errors.ts";
import { type WasmMemory, webAssembly } from "./webAssembly.ts";

export const pageBytes = 1 << 16;
/** Regions begin and end at multiples of this. */
const grain = 256;
/** Bytes at the end of the memory that belong to nobody. */
const endBytes = 1024;
/** Most pages a memory of 32-bit addresses has. */
const mostPages = 65536;
/** A shared memory starts with this many pages and grows by at least as many. */
const stepPages = 512;

/** A run of bytes in the memory and the object that keeps it. */
export class Region {
  readonly address: number;
  readonly nbytes: number;
  /** Set when it was given back. */
  free = false;
  owner: WeakRef<Owner> | null = null;
  constructor(address: number, nbytes: number) {
    this.address = address;
    this.nbytes = nbytes;
  }
}

/** Whoever refers to the owner may use the region. */
export class Owner {
  readonly region: Region;
  constructor(region: Region) {
    this.region = region;
  }
}

export class LinearMemory {
  readonly memory: WasmMemory;
  /** Whether threads share it. Then it grows, and buffers taken earlier stay valid; otherwise it has its full size from the beginning, since growing would detach them. */
  readonly shared: boolean;
  /** Bytes that the memory may have at most. */
  readonly limit: number;
  readonly maximumPages: number;
  /** Bytes of regions handed out and not given back. */
  usedBytes = 0;
  /** Bytes of regions handed out, ever. */
  takenBytes = 0;
  private size: number;
  /** Free extents, by address; neighbours are joined. */
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private readonly regions = new Set<Region>();
  private readonly registry: FinalizationRegistry<Region>;

  /** Throws where the engine gives no memory. */
  constructor(wanted: { readonly shared: boolean; readonly limit: number }) {
    const pages = Math.min(mostPages, Math.max(stepPages, Math.floor(wanted.limit / pageBytes)));
    const made = createMemory(wanted.shared, pages);
    this.memory = made.memory;
    this.shared = made.shared;
    this.maximumPages = made.maximum;
    // the last page stays free, so that every end of a region is a 32-bit number
    this.limit = made.maximum * pageBytes - pageBytes;
    this.size = this.usable();
    this.registry = new FinalizationRegistry((region) => this.give(region));
    this.starts.push(pageBytes); // address 0 means none; whoever strays from there shall find nothing of others
    this.lengths.push(this.size - pageBytes);
  }

  /** Bytes that are still to be had, in pieces. */
  get freeBytes(): number {
    return this.limit - pageBytes - this.usedBytes;
  }

  get buffer(): ArrayBuffer {
    return this.memory.buffer;
  }

  /** A region for as long as its owner lives; null when there is none so large. Its address is a multiple of 256. */
  take(nbytes: number): Owner | null {
    const size = Math.ceil(nbytes / grain) * grain;
    let at = this.find(size);
    if (at < 0) {
      if (!this.grow(size)) return null;
      at = this.find(size);
      if (at < 0) return null;
    }
    const address = this.starts[at]!;
    if (this.lengths[at] === size) {
      this.starts.splice(at, 1);
      this.lengths.splice(at, 1);
    } else {
      this.starts[at] = address + size;
      this.lengths[at]! -= size;
    }
    this.usedBytes += size;
    this.takenBytes += size;
    const region = new Region(address, size);
    const owner = new Owner(region);
    region.owner = new WeakRef(owner);
    this.regions.add(region);
    this.registry.register(owner, region, region);
    return owner;
  }

  /** A region for good. */
  reserve(nbytes: number): number {
    const owner = this.take(nbytes);
    if (owner === null) throw new OutOfMemoryError(`out of memory: ${nbytes} bytes of workspace`, "hold fewer tensors at a time");
    const { region } = owner;
    this.registry.unregister(region);
    this.regions.delete(region);
    return region.address;
  }

  /** Takes a region back. Nobody may use it any more. */
  give(region: Region): void {
    if (region.free) return;
    region.free = true;
    this.regions.delete(region);
    this.registry.unregister(region);
    this.usedBytes -= region.nbytes;
    this.insert(region.address, region.nbytes);
  }

  /** Takes back the regions whose owners are gone. */
  sweep(): void {
    for (const region of this.regions) if (region.owner!.deref() === undefined) this.give(region);
  }

  /** How much of the memory can be handed out: kernels may read a few vectors beyond the end of a region. */
  private usable(): number {
    return Math.min(this.limit, this.memory.buffer.byteLength - endBytes);
  }

  /** The extent that fits best; -1 for none. */
  private find(size: number): number {
    let best = -1;
    let bestLength = Number.POSITIVE_INFINITY;
    for (let k = 0; k < this.lengths.length; k++) {
      const length = this.lengths[k]!;
      if (length < size || length >= bestLength) continue;
      best = k;
      bestLength = length;
      if (length === size) break;
    }
    return best;
  }

  private insert(address: number, length: number): void {
    let low = 0;
    for (let high = this.starts.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! < address) low = middle + 1;
      else high = middle;
    }
    const before = low > 0 && this.starts[low - 1]! + this.lengths[low - 1]! === address;
    const after = low < this.starts.length && address + length === this.starts[low]!;
    if (before && after) {
      this.lengths[low - 1]! += length + this.lengths[low]!;
      this.starts.splice(low, 1);
      this.lengths.splice(low, 1);
    } else if (before) this.lengths[low - 1]! += length;
    else if (after) {
      this.starts[low] = address;
      this.lengths[low]! += length;
    } else {
      this.starts.splice(low, 0, address);
      this.lengths.splice(low, 0, length);
    }
  }

  /** Makes room for `size` more bytes, where the memory can grow. */
  private grow(size: number): boolean {
    if (!this.shared) return false;
    const last = this.starts.length - 1;
    const tail = last >= 0 && this.starts[last]! + this.lengths[last]! === this.size ? this.lengths[last]! : 0;
    const least = size - tail;
    const wished = Math.max(least, stepPages * pageBytes, this.size / 4);
    for (const more of [wished, least]) {
      const pages = Math.ceil(Math.min(more, this.limit - this.size) / pageBytes);
      if (pages * pageBytes < least) continue;
      try {
        this.memory.grow(pages);
      } catch {
        continue; // the system has no more
      }
      const before = this.size;
      this.size = this.usable();
      this.insert(before, this.size - before);
      return true;
    }
    return false;
  }
}

/** The largest memory that the engine gives: shared if wanted and possible. */
function createMemory(shared: boolean, pages: number): { memory: WasmMemory; shared: boolean; maximum: number } {
  let failure: unknown = null;
  for (const isShared of shared ? [true, false] : [false]) {
    for (
      let maximum = isShared ? pages : Math.min(pages, mostPages / 2);
      maximum >= stepPages;
      maximum = Math.floor(maximum / 2)
    ) {
      try {
        const memory = new webAssembly!.Memory({ initial: isShared ? stepPages : maximum, maximum, shared: isShared });
        return { memory, shared: isShared, maximum };
      } catch (error) {
        failure = error;
      }
    }
  }
  throw failure;
}
