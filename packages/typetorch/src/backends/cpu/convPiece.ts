/**
 * How convolutions lay their input out before they multiply: copied with its padding, in planes for each remainder of rows and columns by the stride that a tap meets, so that the
 * pixels under one tap of the filter lie side by side at an offset from a table.
 */
import type { ConvShape, Images } from "./convShape.ts";

/** How the input of an item lies in scratch memory. */
export interface Piece {
  /** Rows of output pixels in a block, number of blocks, rows of the last one. */
  readonly rows: number;
  readonly blocks: number;
  readonly lastRows: number;
  /** Remainders of rows and of columns that a tap meets, and planes: one for each pair. */
  readonly remaindersY: readonly number[];
  readonly remaindersX: readonly number[];
  readonly planes: number;
  readonly planeHeight: number;
  readonly planeWidth: number;
  readonly planeElements: number;
  readonly channelElements: number;
}

const ceil = (a: number, b: number): number => Math.ceil(a / b);
export const greatest = (list: readonly number[]): number => list.reduce((a, b) => Math.max(a, b), 0);

function remainders(taps: readonly number[], stride: number): number[] {
  return [...new Set(taps.map((tap) => tap % stride))].sort((a, b) => a - b);
}

export function pieceOf(shape: ConvShape, rows: number): Piece {
  const planeHeight = ceil((rows - 1) * shape.strideY + greatest(shape.tapsY) + 1, shape.strideY);
  const planeWidth = ceil((shape.outWidth - 1) * shape.strideX + greatest(shape.tapsX) + 1, shape.strideX);
  const remaindersY = remainders(shape.tapsY, shape.strideY);
  const remaindersX = remainders(shape.tapsX, shape.strideX);
  const planes = Math.max(1, remaindersY.length * remaindersX.length);
  const blocks = ceil(shape.outHeight, rows);
  return {
    rows,
    blocks,
    lastRows: shape.outHeight - (blocks - 1) * rows,
    remaindersY,
    remaindersX,
    planes,
    planeHeight,
    planeWidth,
    planeElements: planeHeight * planeWidth,
    channelElements: planes * planeHeight * planeWidth,
  };
}

/** Pixels of a block of rows, as they follow each other in scratch memory, with what is none between them. */
export function pixelsOf(piece: Piece, rows: number, outWidth: number): number {
  return (rows - 1) * piece.planeWidth + outWidth;
}

/** Which of `length` places, for the positions `start`, `start + stride` …, lie in an input of `size` elements: the first place, its element, and how many. */
function cover(start: number, stride: number, size: number, length: number): { source: number; target: number; count: number } {
  const target = Math.max(0, ceil(-start, stride));
  const end = Math.min(length - 1, Math.floor((size - 1 - start) / stride));
  return { source: start + target * stride, target, count: Math.max(0, end - target + 1) };
}

/** Writes where the input of each block and plane is, four numbers each: offset in the input, offset in the copy (both in bytes), rows, columns. Returns the end. */
export function copyEntries(shape: ConvShape, input: Images, piece: Piece, item: number, to: Int32Array, at: number): number {
  const { blocks, rows, remaindersY, remaindersX, planeHeight, planeWidth, planeElements } = piece;
  let end = at;
  for (let block = 0; block < blocks; block++) {
    let plane = 0;
    for (const remainderY of remaindersY) {
      for (const remainderX of remaindersX) {
        const y = cover(block * rows * shape.strideY - shape.paddingY + remainderY, shape.strideY, shape.height, planeHeight);
        const x = cover(remainderX - shape.paddingX, shape.strideX, shape.width, planeWidth);
        to[end++] = (y.source * input.row + x.source * input.column) * item;
        to[end++] = (plane * planeElements + y.target * planeWidth + x.target) * item;
        to[end++] = x.count === 0 ? 0 : y.count;
        to[end++] = y.count === 0 ? 0 : x.count;
        plane++;
      }
    }
  }
  return end;
}

/** Writes the offset in the copy, in bytes, of each tap of `channels` channels. Returns the end. */
export function tapOffsets(shape: ConvShape, piece: Piece, channels: number, item: number, to: Int32Array, at: number): number {
  const { remaindersY, remaindersX, planeWidth, planeElements, channelElements } = piece;
  const { tapsY, tapsX } = shape;
  let end = at;
  for (let c = 0; c < channels; c++) {
    for (const dy of tapsY) {
      for (const dx of tapsX) {
        const plane = remaindersY.indexOf(dy % shape.strideY) * remaindersX.length + remaindersX.indexOf(dx % shape.strideX);
        const within = Math.floor(dy / shape.strideY) * planeWidth + Math.floor(dx / shape.strideX);
        to[end++] = (c * channelElements + plane * planeElements + within) * item;
      }
    }
  }
  return end;
}
