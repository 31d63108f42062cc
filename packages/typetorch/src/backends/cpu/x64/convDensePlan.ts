/**
 * How a convolution with densely gathered pixels (convDense.ts) is cut into items, and its tables.
 */
import type { Storage } from "../../../core/storage.ts";
import { copyEntries, greatest, type Piece, pieceOf, tapOffsets } from "../convPiece.ts";
import type { ConvShape, Images } from "../convShape.ts";
import { allocate } from "../memory.ts";
import { segmentEntry } from "./convDense.ts";
import { entriesOf, slackBytes, writeEntries } from "./convPlan.ts";
import { type GemmTarget, itemBytes, lanes as lanesOf, vectorEntry } from "./gemmTile.ts";

/** What the cut depends on besides the shape. */
export interface DenseCut {
  readonly l1d: number;
  readonly l2: number;
  readonly threads: number;
  /** Vectors of a panel, and tiles of output channels. */
  readonly vectors: number;
  readonly tiles: number;
}

export interface DensePlan {
  /** The copy of one image; the input itself when it is read in place. */
  readonly piece: Piece;
  readonly inPlace: boolean;
  /** Images of an item, items of them, images of the last. Where there are many in an item, `piece` is one block of rows. */
  readonly images: number;
  readonly imageItems: number;
  readonly lastImages: number;
  readonly outputBlocks: number;
  readonly kBlock: number;
  /** All panels are filled before the tiles, and the weights read once for all of them. */
  readonly tilesOutside: boolean;
  /** Bytes of one image in the copy, and of the whole copy, a multiple of 64. */
  readonly copyImage: number;
  readonly copyBytes: number;
  readonly panelsFull: number;
  readonly panelsLast: number;
  /** Vectors of the last panel of an item, and of the last one. */
  readonly edgeFull: number;
  readonly edgeLast: number;
  /** Segments and entries of a vector. */
  readonly segments: number;
  readonly perVector: number;
  /** Keeps the memory of the tables; what follows are addresses in it. */
  readonly tables: Storage;
  readonly copyTable: number;
  readonly taps: number;
  readonly segmentsFull: number;
  readonly segmentsLast: number;
  readonly entriesFull: number;
  readonly entriesLast: number;
}

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** Taps in a block at least, unless there are fewer. */
const leastTaps = 512;
/** Panels of an item at least, unless there are fewer pixels: so often are its weights used. */
const leastPanels = 2;

/** Steps of k in a block: about `wanted` of them, a multiple of four unless it is all. */
function blockOf(k: number, wanted: number): number {
  const blocks = Math.max(1, Math.round(k / wanted));
  return blocks === 1 ? k : ceil(ceil(k, blocks), 4) * 4;
}

/** Rows of an item, or its images, and blocks of output channels. */
function cutOf(shape: ConvShape, item: number, inPlace: boolean, cut: DenseCut, panel: number) {
  const { images, groups, inputs, outHeight, outWidth, tapsY, tapsX } = shape;
  const k = inputs * tapsY.length * tapsX.length;
  const pixels = outHeight * outWidth;
  const mostPanels = (kBlock: number): number => Math.max(1, Math.floor((cut.l2 * 0.4) / (kBlock * panel * item)));
  const copied = (rows: number): number => (inPlace ? 0 : inputs * pieceOf(shape, rows).channelElements * item);
  const limit = cut.l2 / 4;
  const tilesOutside = shape.outputs * k * item > cut.l2 * 0.5;
  let kBlock = k;
  let most: number;
  if (tilesOutside) {
    // all taps at once, if that leaves enough panels
    const wanted = Math.min(12, ceil(images * pixels, panel));
    if (mostPanels(k) < wanted) kBlock = blockOf(k, leastTaps);
    most = mostPanels(kBlock) * panel;
  } else {
    kBlock = blockOf(k, cut.l1d / 2 / (panel * item)); // then the panel stays in the first-level cache
    most = 16 * panel;
  }
  let rows = outHeight;
  let many = 1;
  if (pixels <= most && copied(outHeight) <= limit) {
    many = Math.max(1, Math.min(images, Math.floor(most / pixels)));
    while (many > 1 && many * copied(outHeight) > limit) many--;
    many = ceil(images, ceil(images, many));
  } else {
    rows = Math.max(1, Math.floor(most / outWidth));
    while (rows > 1 && copied(rows) > limit) rows--;
    rows = ceil(outHeight, ceil(outHeight, rows));
  }
  // enough items for all threads: of fewer pixels first, then of fewer output channels
  const enough = cut.threads === 1 ? 1 : 2 * cut.threads;
  const items = (): number => ceil(images, many) * groups * ceil(outHeight, rows);
  while (items() < enough && many > 1 && many * pixels >= 2 * leastPanels * panel) many = ceil(many, 2);
  while (items() < enough && many === 1 && rows > 1 && rows * outWidth >= 2 * leastPanels * panel) rows = ceil(rows, 2);
  rows = ceil(outHeight, ceil(outHeight, rows));
  const outputBlocks = items() >= enough ? 1 : Math.min(cut.tiles, ceil(enough, items()));
  return { rows, many, kBlock, tilesOutside, outputBlocks };
}

/** Lanes of a vector that lie side by side in the input, seen from its first lane. */
function segmentsOf(vectors: number, lanes: number, place: (pixel: number) => number): { offset: number; lanes: number[] }[][] {
  return Array.from({ length: vectors }, (_, v) => {
    const segments: { offset: number; lanes: number[] }[] = [];
    for (let lane = 0; lane < lanes; lane++) {
      const at = place(v * lanes + lane);
      if (at < 0) continue;
      const last = segments[segments.length - 1];
      if (last !== undefined && at - lane === last.offset) last.lanes.push(lane);
      else segments.push({ offset: at - lane, lanes: [lane] });
    }
    return segments;
  });
}

export function makeDensePlan(shape: ConvShape, input: Images, target: GemmTarget, cut: DenseCut): DensePlan {
  const item = itemBytes(target);
  const lanes = lanesOf(target);
  const panel = cut.vectors * lanes;
  const { images, inputs, groups, outputs, outHeight, outWidth, tapsY, tapsX } = shape;
  const whole =
    greatest(tapsY) + (outHeight - 1) * shape.strideY < shape.height &&
    greatest(tapsX) + (outWidth - 1) * shape.strideX < shape.width;
  const inPlace =
    whole && shape.paddingY === 0 && shape.paddingX === 0 && shape.strideX === 1 && shape.strideY === 1 && input.column === 1;
  const { rows, many, kBlock, tilesOutside, outputBlocks } = cutOf(shape, item, inPlace, cut, panel);
  const piece = pieceOf(shape, rows);
  const imageItems = ceil(images, many);
  const lastImages = images - (imageItems - 1) * many;
  const k = inputs * tapsY.length * tapsX.length;

  const copyImage = inputs * piece.channelElements;
  const rowOf = inPlace ? input.row : piece.planeWidth;
  const imageOf = inPlace ? input.image : copyImage;
  const outImage = groups * outputs * shape.imageHeight * shape.imageWidth;
  /** The same for each pixel of an item: its image, row and column, or -1. */
  const over =
    (imageCount: number, rowCount: number, at: (image: number, y: number, x: number) => number) =>
    (pixel: number): number => {
      const image = Math.floor(pixel / (rowCount * outWidth));
      const inImage = pixel - image * rowCount * outWidth;
      return image >= imageCount ? -1 : at(image, Math.floor(inImage / outWidth), inImage % outWidth);
    };
  const source = (image: number, y: number, x: number): number => image * imageOf + y * rowOf + x;
  const stored = (image: number, y: number, x: number): number =>
    image * outImage + (shape.firstY + y * shape.stepY) * shape.imageWidth + shape.firstX + x * shape.stepX;
  const parts = (
    [many > 1 ? [many, outHeight] : [1, rows], many > 1 ? [lastImages, outHeight] : [1, piece.lastRows]] as const
  ).map(([imageCount, rowCount]) => {
    const vectors = ceil(imageCount! * rowCount! * outWidth, lanes);
    const panels = ceil(vectors, cut.vectors);
    return {
      panels,
      edge: vectors - (panels - 1) * cut.vectors,
      segments: segmentsOf(panels * cut.vectors, lanes, over(imageCount!, rowCount!, source)),
      entries: entriesOf(vectors, lanes, over(imageCount!, rowCount!, stored)),
    };
  });
  const [full, last] = parts as [(typeof parts)[number], (typeof parts)[number]];
  const segments = greatest(parts.flatMap((part) => part.segments.map((list) => list.length)));
  const perVector = greatest(parts.flatMap((part) => part.entries.map((list) => list.length)));

  const segmentInts = segmentEntry.bytes / 4;
  const entryInts = vectorEntry.bytes / 4;
  const tapsAt = piece.blocks * piece.planes * 4;
  const at = { segmentsFull: ceil(tapsAt + k, 16) * 16, segmentsLast: 0, entriesFull: 0, entriesLast: 0 };
  at.segmentsLast = at.segmentsFull + full.segments.length * segments * segmentInts;
  at.entriesFull = at.segmentsLast + last.segments.length * segments * segmentInts;
  at.entriesLast = at.entriesFull + full.entries.length * perVector * entryInts;
  const total = at.entriesLast + last.entries.length * perVector * entryInts;
  const tables = allocate(total * 4);
  const ints = new Int32Array(tables.buffer, tables.byteOffset, total).fill(0);
  copyEntries(shape, input, piece, item, ints, 0);
  if (inPlace) {
    let end = tapsAt;
    for (let c = 0; c < inputs; c++)
      for (const dy of tapsY) for (const dx of tapsX) ints[end++] = (c * input.channel + dy * input.row + dx) * item;
  } else tapOffsets(shape, piece, inputs, item, ints, tapsAt);
  writeEntries(target, full.entries, perVector, ints, at.entriesFull);
  writeEntries(target, last.entries, perVector, ints, at.entriesLast);
  for (const [part, begin] of [
    [full, at.segmentsFull],
    [last, at.segmentsLast],
  ] as const) {
    for (const [v, list] of part.segments.entries()) {
      for (const [s, segment] of list.entries()) {
        const place = begin + (v * segments + s) * segmentInts;
        ints[place + segmentEntry.offset / 4] = segment.offset * item;
        for (const lane of segment.lanes) {
          if (target.avx512) ints[place + segmentEntry.mask / 4]! |= 1 << lane;
          else
            ints.fill(
              -1,
              place + segmentEntry.mask / 4 + (lane * item) / 4,
              place + segmentEntry.mask / 4 + ((lane + 1) * item) / 4,
            );
        }
      }
    }
  }
  return {
    ...{ piece, inPlace, images: many, imageItems, lastImages, outputBlocks, kBlock, tilesOutside },
    copyImage: copyImage * item,
    copyBytes: inPlace ? 0 : ceil(many * copyImage * item + slackBytes(target), 64) * 64,
    ...{
      panelsFull: full.panels,
      panelsLast: last.panels,
      edgeFull: full.edge,
      edgeLast: last.edge,
      segments,
      perVector,
      tables,
    },
    copyTable: tables.address,
    taps: tables.address + tapsAt * 4,
    segmentsFull: tables.address + at.segmentsFull * 4,
    segmentsLast: tables.address + at.segmentsLast * 4,
    entriesFull: tables.address + at.entriesFull * 4,
    entriesLast: tables.address + at.entriesLast * 4,
  };
}
