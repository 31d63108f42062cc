/**
 * Where files come from: readers of formats ask for ranges of bytes and do not know whether a file, memory, a `Blob` or a server answers, nor whether at once
 * or later. A reader is a generator that yields what it asks for and is sent the bytes; `readSync` and `readAsync` run it.
 */
/** A range of bytes that a reader asks for. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
  /** Where the bytes shall go; without it the answer is a view that is valid at least until the next request. */
  readonly into?: Uint8Array;
  /** Sees the bytes, in order, in pieces small enough to be in the caches still: for checksums. */
  readonly each?: (piece: Uint8Array) => void;
}

/** A reader of a format. */
export type Reader<T> = Generator<ByteRange, T, Uint8Array>;

/** Bytes that can be read by range, at once. */
export interface ByteSource {
  /** What errors call it: a path, or what kind of memory it is. */
  readonly name: string;
  readonly size: number;
  /** Exactly the bytes of the range, which lies within `size`. */
  read(range: ByteRange): Uint8Array;
  close(): void;
}

/** Bytes that can be read by range, later or at once. */
export interface AsyncByteSource {
  readonly name: string;
  readonly size: number;
  read(range: ByteRange): Promise<Uint8Array> | Uint8Array;
  close(): Promise<void> | void;
}

/** Runs a reader on a source that answers at once. */
export function readSync<T>(source: ByteSource, reader: Reader<T>): T {
  let step = reader.next();
  while (!step.done) {
    let bytes: Uint8Array;
    try {
      bytes = source.read(step.value);
    } catch (error) {
      step = reader.throw(error);
      continue;
    }
    step = reader.next(bytes);
  }
  return step.value;
}

/** Runs a reader on a source that answers later. */
export async function readAsync<T>(source: AsyncByteSource, reader: Reader<T>): Promise<T> {
  let step = reader.next();
  while (!step.done) {
    let bytes: Uint8Array;
    try {
      bytes = await source.read(step.value);
    } catch (error) {
      step = reader.throw(error);
      continue;
    }
    step = reader.next(bytes);
  }
  return step.value;
}
