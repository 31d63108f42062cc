/**
 * The bytes of a storage, in pieces: a typed array cannot hold more than 4 GiB.
 */
import type { Storage } from "../core/storage.ts";

/** Views of a storage's bytes, in order, of at most `size` bytes each. They must not outlive the storage. Those of device memory are a copy, for reading. */
export function* storageWindows(storage: Storage, size = 1 << 30, start = 0, end = storage.nbytes): Generator<Uint8Array> {
  const { buffer, byteOffset } = storage.remote === null ? storage : storage.remote.bringToHost(false);
  for (let at = start; at < end; at += size) {
    yield new Uint8Array(buffer, byteOffset + at, Math.min(size, end - at));
  }
}
