/**
 * How the gradient of a convolution's weight is cut into units, and its tables.
 */
import type { Storage } from "../../../core/storage.ts";
import { copyEntries, type Piece, pieceOf, pixelsOf, tapOffsets } from "../convPiece.ts";
import type { ConvShape, Images } from "../convShape.ts";
import { allocate } from "../memory.ts";
import { type GemmTarget, itemBytes, vectorBytes } from "./gemmTile.ts";

export interface WeightPlan {
  /** The copy of one image. */
  readonly piece: Piece;
  /** Images of a unit, groups of them, images of the last. Where a unit has many images, `piece` is one block of rows. */
  readonly images: number;
  readonly imageItems: number;
  readonly lastImages: number;
  /** Steps of k of a unit, and of the last one. */
  readonly pixels: number;
  readonly pixelsLast: number;
  /** Keeps the memory of the tables; what follows are addresses in it. */
  readonly tables: Storage;
  readonly copyTable: number;
  readonly taps: number;
  /** For each pixel of a unit the offset of its position in a panel of the transposed input: int32 bytes. */
  readonly positions: number;
}

/** Pixels of a unit of many images at most: so many steps of A for all rows of a tile stay in the first-level cache. */
const mostPixels = 512;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** `byTaps`: tiles take vectors of the copy as it is, with what lies between its rows; units are single images then. */
export function makeWeightPlan(shape: ConvShape, input: Images, target: GemmTarget, l2: number, byTaps: boolean): WeightPlan {
  const item = itemBytes(target);
  const { images, inputs, outHeight, outWidth, tapsY, tapsX } = shape;
  const pixelsOfImage = outHeight * outWidth;
  const bytesOf = (rows: number): number => inputs * pieceOf(shape, rows).channelElements * item;
  let rows = outHeight;
  while (rows > 1 && bytesOf(rows) > l2 / 6) rows = ceil(rows, 2);
  rows = ceil(outHeight, ceil(outHeight, rows));
  let many = 1;
  if (!byTaps && rows === outHeight) {
    many = Math.max(1, Math.min(images, Math.floor(mostPixels / pixelsOfImage), Math.floor((l2 * 0.65) / bytesOf(rows))));
    many = ceil(images, ceil(images, many));
  }
  const piece = pieceOf(shape, rows);
  const imageItems = ceil(images, many);
  const lastImages = images - (imageItems - 1) * many;
  const pixels = byTaps ? pixelsOf(piece, piece.rows, outWidth) : many * piece.rows * outWidth;
  const rest = many > 1 ? lastImages * pixelsOfImage : piece.lastRows * outWidth;

  const tapsAt = piece.blocks * piece.planes * 4;
  const tapChannels = byTaps ? inputs : 1;
  const positionsAt = tapsAt + tapChannels * tapsY.length * tapsX.length;
  const tables = allocate((positionsAt + pixels) * 4);
  const ints = new Int32Array(tables.buffer, tables.byteOffset, positionsAt + pixels);
  copyEntries(shape, input, piece, item, ints, 0);
  tapOffsets(shape, piece, tapChannels, item, ints, tapsAt);
  if (!byTaps) {
    let end = positionsAt;
    for (let image = 0; image < many; image++) {
      for (let y = 0; y < piece.rows; y++) {
        for (let x = 0; x < outWidth; x++) {
          ints[end++] = (image * piece.channelElements + y * piece.planeWidth + x) * 2 * vectorBytes(target);
        }
      }
    }
  }
  return {
    ...{ piece, images: many, imageItems, lastImages, pixels, tables },
    pixelsLast: byTaps ? pixelsOf(piece, piece.lastRows, outWidth) : rest,
    copyTable: tables.address,
    taps: tables.address + tapsAt * 4,
    positions: tables.address + positionsAt * 4,
  };
}
