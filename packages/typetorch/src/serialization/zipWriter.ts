/**
 * Writing zip archives as PyTorch does: entries whose bytes begin at multiples of 64, stored (or deflated, for NumPy), sizes and CRC behind the data, so that
 * everything is written once and in order; zip64 where a number needs it.
 */
import { crc32, deflateRaw } from "../platform/index.ts";

/** Begins of entries are multiples of this. */
const alignment = 64;
const sentinel16 = 0xffff;
const sentinel32 = 0xffffffff;
/** Sizes and CRC follow the data; names are UTF-8. */
const flags = 0x0808;
const version = 45;
/** 1 January 1980: the same content gives the same bytes. */
const date = 0x0021;
const filler = 0x5a;

interface Written {
  readonly name: Uint8Array;
  readonly offset: number;
  readonly method: Method;
  readonly size: number;
  readonly compressedSize: number;
  readonly crc: number;
}

/** Stored or deflated. */
type Method = 0 | 8;

/** Little-endian fields: positive widths are bytes of a number. */
function record(...fields: [value: number, bytes: 2 | 4 | 8][]): Uint8Array {
  const out = new Uint8Array(fields.reduce((sum, [, bytes]) => sum + bytes, 0));
  const data = new DataView(out.buffer);
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 2) data.setUint16(at, value, true);
    else data.setUint32(at, value % 2 ** 32, true);
    if (bytes === 8) data.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
    at += bytes;
  }
  return out;
}

/** Makes an archive's bytes: each method gives the next pieces of the file, to be written in order. */
export class ZipWriter {
  private offset = 0;
  private readonly entries: Written[] = [];

  /** Bytes that an archive takes beside the contents, at most, for entries with names of this many bytes each. */
  static overhead(entries: number, nameBytes: number): number {
    return entries * (30 + 16 + 24 + 46 + 28 + 4 + alignment + 2 * nameBytes) + 56 + 20 + 22;
  }

  /** The pieces of one stored entry. `content` gives `size` bytes; a piece is used before the next is asked for. */
  *add(name: string, content: Iterable<Uint8Array>, size: number): Generator<Uint8Array, void, void> {
    let crc = 0;
    let written = 0;
    function* counted(): Generator<Uint8Array, void, void> {
      for (const piece of content) {
        crc = crc32(piece, crc);
        written += piece.length;
        yield piece;
      }
      if (written !== size) throw new Error(`zip: ${written} bytes for an entry of ${size}`);
    }
    yield* this.entry(name, 0, counted(), { size, compressedSize: size, crc: () => crc });
  }

  /** The pieces of one deflated entry, for which `content` is gathered. */
  *addDeflated(name: string, content: Iterable<Uint8Array>, size: number): Generator<Uint8Array, void, void> {
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of content) {
      whole.set(piece, at);
      at += piece.length;
    }
    const deflated = deflateRaw(whole);
    yield* this.entry(name, 8, [deflated], { size, compressedSize: deflated.length, crc: () => crc32(whole, 0) });
  }

  private *entry(
    name: string,
    method: Method,
    content: Iterable<Uint8Array>,
    about: { readonly size: number; readonly compressedSize: number; crc(): number },
  ): Generator<Uint8Array, void, void> {
    const { size, compressedSize } = about;
    const encoded = new TextEncoder().encode(name);
    const offset = this.offset;
    const large = size >= sentinel32 || compressedSize >= sentinel32;
    const zip64 = large ? record([1, 2], [16, 2], [size, 8], [compressedSize, 8]) : new Uint8Array(0);
    const begin = this.offset + 30 + encoded.length + zip64.length + 4;
    const padding = new Uint8Array(-begin & (alignment - 1)).fill(filler);
    yield* this.emit(
      record(
        [0x04034b50, 4],
        [version, 2],
        [flags, 2],
        [method, 2],
        [0, 2],
        [date, 2],
        [0, 4],
        [large ? sentinel32 : 0, 4],
        [large ? sentinel32 : 0, 4],
        [encoded.length, 2],
        [zip64.length + 4 + padding.length, 2],
      ),
      encoded,
      zip64,
      record([0x4246, 2], [padding.length, 2]), // "FB"
      padding,
    );
    for (const piece of content) yield* this.emit(piece);
    const width = large ? 8 : 4;
    const crc = about.crc();
    yield* this.emit(record([0x08074b50, 4], [crc, 4], [compressedSize, width], [size, width]));
    this.entries.push({ name: encoded, offset, method, size, compressedSize, crc });
  }

  /** The directory, the last pieces. */
  *finish(): Generator<Uint8Array, void, void> {
    const directoryOffset = this.offset;
    for (const { name, offset, method, size, compressedSize, crc } of this.entries) {
      const large = size >= sentinel32 || compressedSize >= sentinel32;
      const fields: [number, 8][] = [];
      if (large) fields.push([size, 8], [compressedSize, 8]);
      if (offset >= sentinel32) fields.push([offset, 8]);
      const zip64 = fields.length > 0 ? record([1, 2], [8 * fields.length, 2], ...fields) : new Uint8Array(0);
      const header = record(
        [0x02014b50, 4],
        [version, 2],
        [version, 2],
        [flags, 2],
        [method, 2],
        [0, 2],
        [date, 2],
        [crc, 4],
        [large ? sentinel32 : compressedSize, 4],
        [large ? sentinel32 : size, 4],
        [name.length, 2],
        [zip64.length, 2],
        [0, 2], // comment
        [0, 2], // disk
        [0, 2],
        [0, 4],
        [Math.min(offset, sentinel32), 4],
      );
      yield* this.emit(header, name, zip64);
    }
    const directorySize = this.offset - directoryOffset;
    const end64 = this.offset;
    const count = this.entries.length;
    yield* this.emit(
      record(
        [0x06064b50, 4],
        [44, 8],
        [version, 2],
        [version, 2],
        [0, 4],
        [0, 4],
        [count, 8],
        [count, 8],
        [directorySize, 8],
        [directoryOffset, 8],
      ),
      record([0x07064b50, 4], [0, 4], [end64, 8], [1, 4]),
      record(
        [0x06054b50, 4],
        [0, 2],
        [0, 2],
        [Math.min(count, sentinel16), 2],
        [Math.min(count, sentinel16), 2],
        [Math.min(directorySize, sentinel32), 4],
        [Math.min(directoryOffset, sentinel32), 4],
        [0, 2],
      ),
    );
  }

  private *emit(...pieces: Uint8Array[]): Generator<Uint8Array, void, void> {
    for (const piece of pieces) {
      if (piece.length > 0) yield piece;
      this.offset += piece.length;
    }
  }
}
