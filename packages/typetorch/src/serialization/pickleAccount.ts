/**
 * What a pickle's objects take of JavaScript's heap. One byte of a pickle can make a dictionary of 200, so what is made is counted, and a pickle that makes far
 * more than it is long is refused before the memory is gone.
 */
import { UnpicklingError } from "../core/errors.ts";

/** Bytes of V8's heap, measured without pointer compression (test/serialization/heap.test.ts compares them with the heap). */
export const heapBytes = {
  /** A place in an array that grows. */
  slot: 16,
  /** An entry of a Map that grows, and of a Set. */
  entry: 56,
  list: 48,
  dict: 192,
  set: 160,
  float: 16,
  /** A string without its characters. */
  text: 24,
  /** A `Uint8Array` without its elements. */
  bytes: 256,
  /** A bigint without its digits. */
  long: 32,
  device: 64,
  /** A tensor over a storage that is there, without its sizes. */
  tensor: 256,
  /** A storage with the tensor that stands for it, without its contents. */
  storage: 800,
} as const;

/** Objects may take so many bytes for each byte of the pickle: those that Python writes by default take up to 36, of empty dictionaries, and mostly fewer than 12; */
const bytesPerByte = 40;
/** so many for each record of the archive, whose storage they are; */
const bytesPerRecord = 1 << 10;
/** and so many in any case. */
const alwaysGranted = 1 << 20;
/** More would be too much for the heap that V8 has on small machines. */
const mostGranted = 2 ** 30;

/** What a pickle may still make. */
export class PickleAccount {
  private left: number;
  private readonly limit: number;

  /** For a pickle of so many bytes in an archive of so many records; `maxBytes` is what the user allows, or null. */
  constructor(pickleBytes: number, records: number, maxBytes: number | null = null) {
    this.limit = maxBytes ?? Math.min(alwaysGranted + bytesPerByte * pickleBytes + bytesPerRecord * records, mostGranted);
    this.left = this.limit;
  }

  /** How many bytes were counted. */
  get spent(): number {
    return this.limit - this.left;
  }

  /** Counts bytes that are about to be made. Throws where they are too many. */
  spend(bytes: number): void {
    this.left -= bytes;
    if (this.left < 0) {
      throw new UnpicklingError(
        `the pickle makes objects of more than ${Math.round(this.limit).toLocaleString("en")} bytes of memory, far more than its own length`,
        "if you trust the file, load it with { maxBytes: … }, the most bytes that its objects may take",
      );
    }
  }
}
