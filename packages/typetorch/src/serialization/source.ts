/**
 * The sources of bytes: memory, files, `Blob`s and servers.
 */
import { readByTeam } from "../backends/cpu/readFile.ts";
import { ArgumentTypeError, SerializationError } from "../core/errors.ts";
import { openFile, openFileAsync } from "../platform/index.ts";
import type { AsyncByteSource, ByteRange, ByteSource } from "./bytes.ts";

/** Told how many of the file's bytes have been read so far. */
export type Progress = (loaded: number, total: number) => void;

/** Pieces that checksums are taken of. */
const pieceBytes = 1 << 20;

/** Shows bytes that lie in memory already to a range's observer. */
function observe(range: ByteRange, bytes: Uint8Array): Uint8Array {
  if (range.each !== undefined) {
    for (let i = 0; i < bytes.length; i += pieceBytes) range.each(bytes.subarray(i, i + pieceBytes));
  }
  return bytes;
}

/** Bytes in memory. */
export function memorySource(bytes: Uint8Array | ArrayBuffer, name = "the bytes"): ByteSource {
  const memory = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return {
    name,
    size: memory.length,
    read(range) {
      const { offset, length, into } = range;
      if (into === undefined) return observe(range, memory.subarray(offset, offset + length));
      for (let done = 0; done < length; done += pieceBytes) {
        const piece = memory.subarray(offset + done, offset + Math.min(done + pieceBytes, length));
        into.set(piece, done);
        range.each?.(piece);
      }
      return into;
    },
    close() {},
  };
}

/** A file, read at once. Throws where there are no files. */
export function fileSource(path: string): ByteSource {
  const file = openFile(path);
  return {
    name: path,
    size: file.size,
    read(range) {
      const { offset, length, into = new Uint8Array(length) } = range;
      const step = range.each === undefined ? length : 64 * pieceBytes;
      for (let done = 0; done < length; done += step) {
        const piece = into.subarray(done, Math.min(done + step, length));
        const position = offset + done;
        if (!readByTeam(file.descriptor, piece, position)) checkRead(path, file.read(piece, position), piece.length);
        observe(range, piece);
      }
      return into;
    },
    close: () => file.close(),
  };
}

/** A file, read while other work goes on. Throws where there are no files. */
export async function fileSourceAsync(path: string): Promise<AsyncByteSource> {
  const file = await openFileAsync(path);
  return {
    name: path,
    size: file.size,
    async read(range) {
      const { offset, length, into = new Uint8Array(length) } = range;
      const step = 16 * pieceBytes;
      for (let done = 0; done < length; done += step) {
        const piece = into.subarray(done, Math.min(done + step, length));
        checkRead(path, await file.read(piece, offset + done), piece.length);
        observe(range, piece);
      }
      return into;
    },
    close: () => file.close(),
  };
}

function checkRead(path: string, read: number, wanted: number): void {
  if (read !== wanted) throw new SerializationError(`${path} became shorter while it was read`, "another program writes to it");
}

/** What a `Blob` or `File` of the web has that is needed here. */
export interface BlobLike {
  readonly size: number;
  readonly name?: string;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** A `Blob` or `File`: what an `<input type="file">` gives. */
export function blobSource(blob: BlobLike): AsyncByteSource {
  return {
    name: blob.name ?? "the Blob",
    size: blob.size,
    async read(range) {
      const step = 16 * pieceBytes;
      if (range.into === undefined) return observe(range, await part(blob, range.offset, range.length));
      for (let done = 0; done < range.length; done += step) {
        const piece = await part(blob, range.offset + done, Math.min(step, range.length - done));
        range.into.set(piece, done);
        observe(range, piece);
      }
      return range.into;
    },
    close() {},
  };
}

async function part(blob: BlobLike, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
  if (bytes.length !== length) throw new SerializationError(`${blob.name ?? "the Blob"} became shorter while it was read`);
  return bytes;
}

/** Small ranges are fetched as blocks of this size, so that a header and what follows it are one request. */
const blockBytes = 256 << 10;

/**
 * A file on a server. Where the server answers range requests (and lets the page see `Content-Range`) only what is read is fetched, otherwise the whole file
 * is, with `progress`. A file that changes meanwhile is noticed by its `ETag`.
 */
export async function urlSource(url: string | URL, progress?: Progress): Promise<AsyncByteSource> {
  const name = String(url);
  const first = await request(name, 0, blockBytes);
  const size = first.status === 206 ? totalOf(first) : first.status === 416 ? (totalOf(first) ?? 0) : null;
  if (size === null) {
    const whole = first.status === 200 ? first : await request(name, 0, null);
    return memorySource(await readBody(name, whole, null, progress), name);
  }
  if (first.status === 416) return memorySource(new Uint8Array(0), name);
  const tag = first.headers.get("etag");
  let block = await readBody(name, first, Math.min(blockBytes, size));
  let blockAt = 0;

  async function fetchRange(offset: number, length: number, into?: Uint8Array, each?: ByteRange["each"]): Promise<Uint8Array> {
    const response = await request(name, offset, length);
    if (response.status !== 206 || response.headers.get("etag") !== tag || totalOf(response) !== size) {
      await response.body?.cancel();
      throw new SerializationError(`${name} changed while it was read`, "load it again");
    }
    return readBody(name, response, length, undefined, into, each);
  }
  const source: AsyncByteSource = {
    name,
    size,
    async read(range) {
      const { offset, length } = range;
      if (length >= blockBytes) return fetchRange(offset, length, range.into, range.each);
      if (length === 0) return range.into ?? new Uint8Array(0);
      if (offset < blockAt || offset + length > blockAt + block.length) {
        block = await fetchRange(offset, Math.min(blockBytes, size - offset));
        blockAt = offset;
      }
      const bytes = block.subarray(offset - blockAt, offset - blockAt + length);
      range.into?.set(bytes);
      return observe(range, range.into ?? bytes);
    },
    close() {},
  };
  return withProgress(source, progress);
}

/** What is used of a `Response`. */
interface WebResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: { get(name: string): string | null };
  blob(): Promise<BlobLike>;
  blob(): Promise<BlobLike>;
  readonly body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }> }; cancel(): Promise<void> } | null;
}

async function request(url: string, offset: number, length: number | null): Promise<WebResponse> {
  const headers: Record<string, string> = length === null ? {} : { Range: `bytes=${offset}-${offset + length - 1}` };
  let response: WebResponse;
  try {
    response = (await fetch(url, { headers })) as unknown as WebResponse;
  } catch (error) {
    throw new SerializationError(`${url} cannot be fetched: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (![200, 206, 416].includes(response.status)) {
    await response.body?.cancel();
    throw new SerializationError(`${url} cannot be fetched: ${response.status} ${response.statusText}`);
  }
  return response;
}

/** The whole size that a `Content-Range` header tells, or null. */
function totalOf(response: WebResponse): number | null {
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return total === undefined ? null : Number(total);
}

/** Reads a body as it comes. With `length` it must be exactly so long. */
async function readBody(
  url: string,
  response: WebResponse,
  length: number | null,
  progress?: Progress,
  into?: Uint8Array,
  each?: ByteRange["each"],
): Promise<Uint8Array> {
  const declared = response.headers.get("content-encoding") === null ? Number(response.headers.get("content-length") ?? 0) : 0;
  let memory = into ?? new Uint8Array(length ?? declared);
  let done = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { done: ended, value } = (await reader?.read()) ?? { done: true };
    if (ended || value === undefined) break;
    if (done + value.length > memory.length) {
      if (length !== null) throw new SerializationError(`${url}: the server sent more than the ${length} bytes asked for`);
      const larger = new Uint8Array(Math.max(done + value.length, 2 * memory.length));
      larger.set(memory.subarray(0, done));
      memory = larger;
    }
    memory.set(value, done);
    done += value.length;
    each?.(value);
    progress?.(done, Math.max(declared, done));
  }
  if (length !== null && done !== length) throw new SerializationError(`${url}: the server sent ${done} of ${length} bytes`);
  return memory.subarray(0, done);
}

/** The same source; `progress` hears of each read. */
export function withProgress<S extends ByteSource | AsyncByteSource>(source: S, progress: Progress | undefined): S {
  if (progress === undefined) return source;
  let loaded = 0;
  const read: AsyncByteSource["read"] = (range) =>
    source.read({
      ...range,
      each(piece) {
        range.each?.(piece);
        loaded = Math.min(loaded + piece.length, source.size);
        progress(loaded, source.size);
      },
    });
  return { name: source.name, size: source.size, read, close: () => source.close() } as S;
}

/** What can be loaded at once: a path, or bytes. */
export type SyncInput = string | Uint8Array | ArrayBuffer;
/** What can be loaded later: also a URL (a string with `http://`, `https://`, `blob:` or `data:` is one), or a `Blob`. */
export type AsyncInput = SyncInput | URL | BlobLike;

/** The source that answers at once for what a user passed. */
export function openSource(input: SyncInput, operation: string): ByteSource {
  if (typeof input === "string") return fileSource(input);
  if (input instanceof Uint8Array || input instanceof ArrayBuffer) return memorySource(input);
  throw new ArgumentTypeError(
    `${operation}: expected a path, a Uint8Array or an ArrayBuffer, but got ${describe(input)}`,
    `${operation}Async also takes a URL or a Blob`,
  );
}

/** The source for what a user passed. */
export async function openSourceAsync(input: AsyncInput, operation: string, progress?: Progress): Promise<AsyncByteSource> {
  if (input instanceof URL && input.protocol === "file:") {
    return withProgress(await fileSourceAsync(decodeURIComponent(input.pathname)), progress);
  }
  if ((input instanceof URL || typeof input === "string") && /^(blob|data):/.test(String(input))) {
    // its bytes are here already; not every page and Node 20 answer ranges of them rightly
    const blob = await (await request(String(input), 0, null)).blob();
    return withProgress({ ...blobSource(blob), name: String(input).slice(0, 100) }, progress);
  }
  if (input instanceof URL || (typeof input === "string" && /^https?:/.test(input))) return urlSource(input, progress);
  if (typeof input === "string") return withProgress(await fileSourceAsync(input), progress);
  if (typeof input === "object" && input !== null && "slice" in input && "size" in input)
    return withProgress(blobSource(input), progress);
  return withProgress(openSource(input as SyncInput, operation), progress);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : `a ${typeof value}`;
}
