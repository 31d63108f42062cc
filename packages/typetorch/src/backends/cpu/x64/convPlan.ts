/**
 * What the loops of convolutions read from tables: how the input is copied, where taps lie in the copy, where vectors of pixels are stored. A plan depends on
 * the geometry alone and is kept for the next call.
 */
import type { Storage } from "../../../core/storage.ts";
import { allocate } from "../memory.ts";
import { copyEntries, greatest, type Piece, pieceOf, pixelsOf, tapOffsets } from "../convPiece.ts";
import type { ConvShape, Images } from "../convShape.ts";
import { type GemmTarget, itemBytes, lanes as lanesOf, vectorBytes, vectorEntry } from "./gemmTile.ts";

/** How an output is cut into blocks of rows: bytes that their input may take, and how many items there should be. */
export interface Cut {
  readonly bytes: number;
  readonly items: number;
}

export interface Plan {
  readonly piece: Piece;
  /** Keeps the memory of the tables; what follows are addresses in it. */
  readonly tables: Storage;
  readonly copyTable: number;
  readonly taps: number;
  /** Entries of the vectors of a block of rows, and of the last one. */
  readonly entriesFull: number;
  readonly entriesLast: number;
  /** Entries of one vector. */
  readonly perVector: number;
  readonly vectorsFull: number;
  readonly vectorsLast: number;
}

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** Lanes of one vector that are stored together: for each lane of the store, which lane of the vector, or -1. */
export interface Entry {
  readonly offset: number;
  readonly lanes: Int32Array;
}

/** The entries of each of `vectors` vectors; `place` says where in the output a lane is stored, -1 if nowhere. */
export function entriesOf(vectors: number, lanes: number, place: (pixel: number) => number): Entry[][] {
  return Array.from({ length: vectors }, (_, v) => {
    const entries: Entry[] = [];
    for (let lane = 0; lane < lanes; lane++) {
      const at = place(v * lanes + lane);
      if (at < 0) continue;
      let entry = entries[entries.length - 1];
      if (entry === undefined || at < entry.offset || at - entry.offset >= lanes) {
        entry = { offset: at, lanes: new Int32Array(lanes).fill(-1) };
        entries.push(entry);
      }
      entry.lanes[at - entry.offset] = lane;
    }
    return entries;
  });
}

/** Writes entries, `perVector` for each vector, as {@link vectorEntry} says. */
export function writeEntries(
  target: GemmTarget,
  vectors: readonly (readonly Entry[])[],
  perVector: number,
  ints: Int32Array,
  begin: number,
): void {
  const item = itemBytes(target);
  const words = item / 4;
  for (const [v, entries] of vectors.entries()) {
    for (const [e, entry] of entries.entries()) {
      const place = begin + ((v * perVector + e) * vectorEntry.bytes) / 4;
      ints[place + vectorEntry.offset / 4] = entry.offset * item;
      for (const [lane, from] of entry.lanes.entries()) {
        if (from < 0) continue;
        for (let word = 0; word < words; word++) {
          ints[place + vectorEntry.permutation / 4 + lane * words + word] = from * words + word;
          if (!target.avx512) ints[place + vectorEntry.mask / 4 + lane * words + word] = -1;
        }
        if (target.avx512) ints[place + vectorEntry.mask / 4]! |= 1 << lane;
      }
    }
  }
}

/** The entries of a block of rows whose pixels follow each other as in the copy. */
function rowEntries(shape: ConvShape, piece: Piece, rows: number, lanes: number): Entry[][] {
  return entriesOf(ceil(pixelsOf(piece, rows, shape.outWidth), lanes), lanes, (pixel) => {
    const y = Math.floor(pixel / piece.planeWidth);
    const x = pixel % piece.planeWidth;
    if (x >= shape.outWidth || y >= rows) return -1;
    return (shape.firstY + y * shape.stepY) * shape.imageWidth + shape.firstX + x * shape.stepX;
  });
}

export function makePlan(shape: ConvShape, input: Images, target: GemmTarget, cut: Cut): Plan {
  const item = itemBytes(target);
  const lanes = lanesOf(target);
  const { outHeight, outWidth, inputs, tapsY, tapsX } = shape;
  let rows = outHeight;
  while (rows > 1 && inputs * pieceOf(shape, rows).channelElements * item > cut.bytes) rows = ceil(rows, 2);
  while (rows > 1 && shape.images * shape.groups * ceil(outHeight, rows) < cut.items && rows * outWidth > 16 * lanes)
    rows = ceil(rows, 2);
  rows = ceil(outHeight, ceil(outHeight, rows));
  const piece = pieceOf(shape, rows);
  const { planes, blocks } = piece;
  const full = rowEntries(shape, piece, rows, lanes);
  const last = rowEntries(shape, piece, piece.lastRows, lanes);
  const perVector = greatest([...full, ...last].map((entries) => entries.length));

  const tapsAt = blocks * planes * 4;
  const fullAt = ceil(tapsAt + inputs * tapsY.length * tapsX.length, 16) * 16;
  const entryInts = vectorEntry.bytes / 4;
  const lastAt = fullAt + full.length * perVector * entryInts;
  const total = lastAt + last.length * perVector * entryInts;
  const tables = allocate(total * 4);
  const ints = new Int32Array(tables.buffer, tables.byteOffset, total).fill(0);
  tapOffsets(shape, piece, inputs, item, ints, copyEntries(shape, input, piece, item, ints, 0));
  writeEntries(target, full, perVector, ints, fullAt);
  writeEntries(target, last, perVector, ints, lastAt);
  return {
    piece,
    tables,
    copyTable: tables.address,
    taps: tables.address + tapsAt * 4,
    entriesFull: tables.address + fullAt * 4,
    entriesLast: tables.address + lastAt * 4,
    perVector,
    vectorsFull: full.length,
    vectorsLast: last.length,
  };
}

/** Bytes between the ends of vectors and of pixels that tiles may read: more than a panel. */
export function slackBytes(target: GemmTarget): number {
  return 8 * vectorBytes(target) + 64;
}
