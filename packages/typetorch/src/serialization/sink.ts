/**
 * Where files go: to memory, or to a file that is complete or not there.
 */
import { replaceFile } from "../platform/index.ts";

/** Takes the bytes of a file in order. */
export interface Sink {
  /** How many bytes were written. */
  readonly offset: number;
  /** The bytes are used before it returns: the caller may change them afterwards. */
  write(bytes: Uint8Array): void;
  /** The file is complete. */
  finish(): void;
  /** The file is given up: nothing of it remains. */
  abort(): void;
}

/** A sink in memory. */
export interface MemorySink extends Sink {
  /** What was written. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Writes to memory; a `capacity` known beforehand saves copies. */
export function memorySink(capacity = 64 << 10): MemorySink {
  let memory = new Uint8Array(capacity);
  let used = 0;
  return {
    get offset() {
      return used;
    },
    get bytes() {
      return memory.subarray(0, used);
    },
    write(bytes) {
      if (used + bytes.length > memory.length) {
        const larger = new Uint8Array(Math.max(used + bytes.length, 2 * memory.length));
        larger.set(memory.subarray(0, used));
        memory = larger;
      }
      memory.set(bytes, used);
      used += bytes.length;
    },
    finish() {},
    abort() {
      memory = new Uint8Array(0);
      used = 0;
    },
  };
}

/** Small writes are gathered up to this size. */
const gatheredBytes = 256 << 10;

/**
 * Writes to a temporary file beside `path`, which takes its place when the sink is finished and the bytes are on the disk. A kill at any moment leaves the old
 * file or the new one (and perhaps the temporary file, whose name begins with a dot and ends in `.tmp`: the next save of the same file removes it).
 */
export function fileSink(path: string): Sink {
  const file = replaceFile(path);
  const gathered = new Uint8Array(gatheredBytes);
  let waiting = 0;
  let offset = 0;
  const flush = () => {
    if (waiting > 0) file.write(gathered.subarray(0, waiting));
    waiting = 0;
  };
  return {
    get offset() {
      return offset;
    },
    write(bytes) {
      if (waiting + bytes.length > gatheredBytes) flush();
      if (bytes.length >= gatheredBytes) file.write(bytes);
      else {
        gathered.set(bytes, waiting);
        waiting += bytes.length;
      }
      offset += bytes.length;
    },
    finish() {
      flush();
      file.commit();
    },
    abort: () => file.abort(),
  };
}

/** Writes a file's pieces to a sink and finishes it; if that throws, nothing of the file remains. */
export function writeTo<S extends Sink>(sink: S, pieces: Iterable<Uint8Array>): S {
  try {
    for (const piece of pieces) sink.write(piece);
    sink.finish();
  } catch (error) {
    sink.abort();
    throw error;
  }
  return sink;
}

/** After so many bytes other work gets its turn. */
const turnBytes = 16 << 20;

/** {@link writeTo} that lets other work go on in between. */
export async function writeToAsync<S extends Sink>(sink: S, pieces: Iterable<Uint8Array>): Promise<S> {
  try {
    let turn = turnBytes;
    for (const piece of pieces) {
      sink.write(piece);
      if (sink.offset < turn) continue;
      turn = sink.offset + turnBytes;
      await new Promise((resolve) => setTimeout(resolve));
    }
    sink.finish();
  } catch (error) {
    sink.abort();
    throw error;
  }
  return sink;
}
