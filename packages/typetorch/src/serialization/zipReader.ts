/**
 * Reading zip archives by range: stored and deflated entries, zip64, data descriptors. Whatever two readers of zip files could see differently (duplicate
 * names, overlapping entries, sizes that disagree, fields that contradict each other) is refused.
 */
import { SerializationError } from "../core/errors.ts";
import { crc32 } from "../platform/index.ts";
import type { Reader } from "./bytes.ts";
import { inflateInto } from "./inflate.ts";

/** One file of an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly stored: boolean;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes of the file. */
  readonly size: number;
  readonly crc: number;
  readonly headerOffset: number;
  /** Where the next entry, or the directory, begins: the entry ends before. */
  readonly limit: number;
}

/** An archive's directory. */
export interface ZipArchive {
  /** What errors call the file. */
  readonly fileName: string;
  readonly fileSize: number;
  /** By name, in the order of the directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
}

const endBytes = 22;
const end64Bytes = 56;
const locatorBytes = 20;
const directoryEntryBytes = 46;
const localHeaderBytes = 30;
const sentinel16 = 0xffff;
const sentinel32 = 0xffffffff;
/** Deflate makes nothing smaller than by this factor. */
const greatestRatio = 1032;

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit field, which in a real file is below 2^53. */
function uint64(data: DataView, at: number): number {
  return data.getUint32(at + 4, true) * 2 ** 32 + data.getUint32(at, true);
}

/** Reads the directory of an archive and checks everything in it. */
export function* readZipDirectory(file: { readonly name: string; readonly size: number }): Reader<ZipArchive> {
  const bad = (why: string, help?: string) => new SerializationError(`${file.name} is not a complete zip archive: ${why}`, help);
  const end = yield* findEnd(file, bad);
  if (end.directoryOffset + end.directorySize > end.position) throw bad("its central directory lies outside the file");
  if (end.count * directoryEntryBytes > end.directorySize) throw bad("its central directory is cut off");
  const directory = yield { offset: end.directoryOffset, length: end.directorySize };
  const found = parseDirectory(directory, end, bad);

  const byPosition = [...found].sort((a, b) => a.headerOffset - b.headerOffset);
  const limits = new Map(byPosition.map((entry, i) => [entry, byPosition[i + 1]?.headerOffset ?? end.directoryOffset]));
  const entries = new Map<string, ZipEntry>();
  for (const entry of found) {
    const limit = limits.get(entry)!;
    if (entry.headerOffset + localHeaderBytes + entry.nameBytes + entry.compressedSize > limit) {
      throw bad(
        limit === end.directoryOffset
          ? `the entry ${quoted(entry.name)} is out of bounds`
          : `the entry ${quoted(entry.name)} overlaps another`,
      );
    }
    if (entries.has(entry.name)) throw bad(`it has two entries named ${quoted(entry.name)}`);
    const { nameBytes: _, ...rest } = entry;
    entries.set(entry.name, { ...rest, limit });
  }
  return { fileName: file.name, fileSize: file.size, entries };
}

type Bad = (why: string, help?: string) => SerializationError;

interface End {
  /** Where the records behind the directory begin. */
  readonly position: number;
  readonly count: number;
  readonly directoryOffset: number;
  readonly directorySize: number;
}

function* findEnd(file: { readonly size: number }, bad: Bad): Reader<End> {
  const tailLength = Math.min(file.size, endBytes + locatorBytes + sentinel16);
  const tailOffset = file.size - tailLength;
  const tail = (yield { offset: tailOffset, length: tailLength }).slice(); // more is read below
  const data = view(tail);
  let at = tailLength - endBytes;
  while (at >= 0 && !(data.getUint32(at, true) === 0x06054b50 && at + endBytes + data.getUint16(at + 20, true) === tailLength))
    at--;
  if (at < 0) throw bad("failed finding central directory", "the file is cut off, or a download or copy did not finish");
  if (data.getUint16(at + 4, true) !== 0 || data.getUint16(at + 6, true) !== 0) throw bad("it is one part of several");
  const count = data.getUint16(at + 10, true);
  if (count !== data.getUint16(at + 8, true)) throw bad("its end record contradicts itself");
  const small = {
    position: tailOffset + at,
    count,
    directorySize: data.getUint32(at + 12, true),
    directoryOffset: data.getUint32(at + 16, true),
  };
  const locator = at - locatorBytes;
  if (locator < 0 || data.getUint32(locator, true) !== 0x07064b50) {
    if (small.count === sentinel16 || small.directorySize === sentinel32 || small.directoryOffset === sentinel32) {
      throw bad("its zip64 end record is missing");
    }
    return small;
  }
  const position = uint64(data, locator + 8);
  if (position + end64Bytes > tailOffset + locator) throw bad("its zip64 end record lies outside the file");
  const record = view(yield { offset: position, length: end64Bytes });
  if (record.getUint32(0, true) !== 0x06064b50) throw bad("its zip64 end record is not where it should be");
  const large = {
    position,
    count: uint64(record, 32),
    directorySize: uint64(record, 40),
    directoryOffset: uint64(record, 48),
  };
  const agree = (a: number, b: number, sentinel: number) => a === b || a === sentinel;
  if (
    !agree(small.count, large.count, sentinel16) ||
    !agree(small.directorySize, large.directorySize, sentinel32) ||
    !agree(small.directoryOffset, large.directoryOffset, sentinel32)
  ) {
    throw bad("its two end records contradict each other");
  }
  return large;
}

type DirectoryEntry = Omit<ZipEntry, "limit"> & { readonly nameBytes: number };

function parseDirectory(directory: Uint8Array, end: End, bad: Bad): DirectoryEntry[] {
  const data = view(directory);
  const out: DirectoryEntry[] = [];
  let at = 0;
  for (let k = 0; k < end.count; k++) {
    if (at + directoryEntryBytes > directory.length) throw bad("its central directory is cut off");
    if (data.getUint32(at, true) !== 0x02014b50) throw bad("its central directory is damaged");
    const nameBytes = data.getUint16(at + 28, true);
    const extraBytes = data.getUint16(at + 30, true);
    const next = at + directoryEntryBytes + nameBytes + extraBytes + data.getUint16(at + 32, true);
    if (next > directory.length) throw bad("its central directory is cut off");
    const nameAt = at + directoryEntryBytes;
    const name = decodeName(directory.subarray(nameAt, nameAt + nameBytes), bad);
    const flags = data.getUint16(at + 8, true);
    const method = data.getUint16(at + 10, true);
    if ((flags & 0x2041) !== 0) throw bad(`the entry ${quoted(name)} is encrypted`);
    if (method !== 0 && method !== 8)
      throw bad(`the entry ${quoted(name)} is compressed by method ${method}, which is not deflate`);
    const sizes = {
      size: data.getUint32(at + 24, true),
      compressedSize: data.getUint32(at + 20, true),
      headerOffset: data.getUint32(at + 42, true),
    };
    let disk = data.getUint16(at + 34, true);
    // The zip64 field holds, in this order, only what did not fit.
    let field = zip64Field(data, nameAt + nameBytes, extraBytes, () => bad(`the extra fields of ${quoted(name)} are damaged`));
    for (const key of ["size", "compressedSize", "headerOffset"] as const) {
      if (sizes[key] !== sentinel32) continue;
      if (field.length < 8) throw bad(`the zip64 sizes of ${quoted(name)} are missing`);
      sizes[key] = uint64(data, field.at);
      field = { at: field.at + 8, length: field.length - 8 };
    }
    if (disk === sentinel16 && field.length >= 4) disk = data.getUint32(field.at, true);
    if (disk !== 0) throw bad("it is one part of several");
    if (method === 0 && sizes.size !== sizes.compressedSize) throw bad(`the stored entry ${quoted(name)} has two sizes`);
    if (method === 8 && sizes.size > sizes.compressedSize * greatestRatio + greatestRatio) {
      throw bad(`the entry ${quoted(name)} declares more bytes than deflate can hold`);
    }
    out.push({ name, nameBytes, stored: method === 0, crc: data.getUint32(at + 16, true), ...sizes });
    at = next;
  }
  return out;
}

/** The data of the extra field with id 1; empty where there is none. */
function zip64Field(
  data: DataView,
  start: number,
  length: number,
  bad: () => SerializationError,
): { at: number; length: number } {
  let found = { at: 0, length: 0 };
  let at = start;
  const end = start + length;
  while (at + 4 <= end) {
    const fieldLength = data.getUint16(at + 2, true);
    if (at + 4 + fieldLength > end) throw bad();
    if (data.getUint16(at, true) === 1) {
      if (found.at !== 0) throw bad();
      found = { at: at + 4, length: fieldLength };
    }
    at += 4 + fieldLength;
  }
  return found;
}

function decodeName(bytes: Uint8Array, bad: Bad): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw bad("the name of an entry is not UTF-8");
  }
}

/** A name from a file in a message: short, and nothing a terminal would act on. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

/** Where the bytes of an entry begin. */
export function* locateEntry(archive: ZipArchive, entry: ZipEntry): Reader<number> {
  const bad = (why: string) => new SerializationError(`${archive.fileName}: the entry ${quoted(entry.name)} ${why}`);
  const nameLength = new TextEncoder().encode(entry.name).length;
  const header = yield { offset: entry.headerOffset, length: localHeaderBytes + nameLength };
  const data = view(header);
  if (data.getUint32(0, true) !== 0x04034b50) throw bad("has no local header");
  const streamed = (data.getUint16(6, true) & 8) !== 0; // sizes and CRC follow the data
  const agree = (at: number, value: number) => {
    const local = data.getUint32(at, true);
    return local === value || local === sentinel32 || (streamed && local === 0);
  };
  if (
    data.getUint16(26, true) !== nameLength ||
    decodeName(header.subarray(localHeaderBytes), () => bad("has another name in its local header")) !== entry.name ||
    (data.getUint16(8, true) === 0) !== entry.stored ||
    !agree(14, entry.crc) ||
    !agree(18, entry.compressedSize) ||
    !agree(22, entry.size)
  ) {
    throw bad("has a local header that contradicts the directory");
  }
  const offset = entry.headerOffset + localHeaderBytes + nameLength + data.getUint16(28, true);
  if (offset + entry.compressedSize > entry.limit) throw bad("overlaps what follows it");
  return offset;
}

/** Compressed entries may become so large in any case, all together. */
const alwaysInflated = 256 << 20;
/** Beyond, they may become so many times the file. */
const mostInflated = 4;

/**
 * Throws if the archive's compressed entries would become far larger than the file, as those of bombs do. `maxBytes` is what the user allows, or null. To be called
 * before the entries are read.
 */
export function checkInflation(archive: ZipArchive, maxBytes: number | null): void {
  let total = 0;
  for (const { stored, size } of archive.entries.values()) if (!stored) total += size;
  const most = maxBytes ?? Math.max(alwaysInflated, mostInflated * archive.fileSize);
  if (total > most) {
    throw new SerializationError(
      `${archive.fileName}: its compressed entries become ${total} bytes, from a file of ${archive.fileSize}; at most ${most} are allowed`,
      `if you trust the file, load it with { maxBytes: ${total} }`,
    );
  }
}

/** The bytes of an entry, checked by their CRC. */
export function* readEntry(archive: ZipArchive, entry: ZipEntry): Reader<Uint8Array> {
  let out: Uint8Array | null = null;
  yield* readEntryInto(archive, entry, (length) => {
    out = new Uint8Array(length);
    return [out];
  });
  return out!;
}

/** Reads an entry into memory that `windows` gives for its size, as one or several pieces, and checks its CRC. */
export function* readEntryInto(
  archive: ZipArchive,
  entry: ZipEntry,
  windows: (size: number) => Iterable<Uint8Array>,
): Reader<void> {
  const offset = yield* locateEntry(archive, entry);
  let crc = 0;
  const each = (piece: Uint8Array) => {
    crc = crc32(piece, crc);
  };
  if (entry.stored) {
    let at = offset;
    for (const into of windows(entry.size)) {
      yield { offset: at, length: into.length, into, each };
      at += into.length;
    }
  } else {
    const range = { offset, length: entry.compressedSize, size: entry.size };
    yield* inflateInto(range, windows(entry.size)[Symbol.iterator](), each);
  }
  if (crc !== entry.crc) {
    throw new SerializationError(
      `${archive.fileName}: the entry ${quoted(entry.name)} is damaged: its CRC is not what the archive says`,
      "copy or download the file again",
    );
  }
}
