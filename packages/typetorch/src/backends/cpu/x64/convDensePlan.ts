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
  /** Channels of a block of k. */
  readonly channelBlock: number;
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
  readonly segmentTable: number;
  readonly entriesFull: number;
  readonly entriesLast: number;
}

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** Steps of k in a block about, where weights are read once for many panels. */
const leastSteps = 512;
/** Panels of an item at least, unless there are fewer pixels: so often are its weights used. */
const leastPanels = 2;

/** Whether the weights of a group take so much of the second-level cache that they are read once for many panels. */
export function tilesGoOutside(shape: ConvShape, item: number, l2: number): boolean {
  return shape.outputs * shape.inputs * shape.tapsY.length * shape.tapsX.length * item > l2 * 0.5;
}

/** Channels of a block that has about `wanted` steps of k. */
function blockOf(channels: number, taps: number, wanted: number): number {
  return ceil(channels, Math.max(1, Math.round((channels * taps) / wanted)));
}

/** Panels of an item at most where each is filled when its turn comes: long runs of every output channel, so that the caches fetch them ahead. */
const mostPanelsOfItem = 128;

/** Rows of an item, or its images, and blocks of output channels. */
function cutOf(shape: ConvShape, item: number, inPlace: boolean, cut: DenseCut, panel: number) {
  const { images, groups, inputs, outHeight, outWidth, tapsY, tapsX } = shape;
  const pixels = outHeight * outWidth;
  const taps = tapsY.length * tapsX.length;
  const mostPanels = (channels: number): number => Math.max(1, Math.floor((cut.l2 * 0.4) / (channels * taps * panel * item)));
  const copied = (rows: number): number => (inPlace ? 0 : inputs * pieceOf(shape, rows).channelElements * item);
  const limit = cut.l2 / 4;
  const tilesOutside = tilesGoOutside(shape, item, cut.l2);
  let channelBlock = inputs;
  let most: number;
  if (tilesOutside) {
    // all channels at once, if that leaves enough panels
    const wanted = Math.min(12, ceil(images * pixels, panel));
    if (mostPanels(inputs) < wanted) channelBlock = blockOf(inputs, taps, leastSteps);
    most = mostPanels(channelBlock) * panel;
  } else {
    channelBlock = blockOf(inputs, taps, (cut.l1d * 0.75) / (panel * item)); // then the panel stays in the first-level cache
    most = mostPanelsOfItem * panel;
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
  return { rows, many, channelBlock, tilesOutside, outputBlocks };
}

interface Segment {
  readonly offset: number;
  readonly lanes: number[];
}

/** Lanes of a vector that lie side by side in the input, seen from its first lane; `place` is where a lane lies, NaN where it is zero. */
function segmentsOf(lanes: number, place: (lane: number) => number): Segment[] {
  const segments: Segment[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const at = place(lane);
    if (Number.isNaN(at)) continue;
    const last = segments[segments.length - 1];
    if (last !== undefined && at - lane === last.offset) last.lanes.push(lane);
    else segments.push({ offset: at - lane, lanes: [lane] });
  }
  return segments;
}

export function makeDensePlan(shape: ConvShape, input: Images, target: GemmTarget, cut: DenseCut): DensePlan {
  const item = itemBytes(target);
  const lanes = lanesOf(target);
  const panel = cut.vectors * lanes;
  const { images, inputs, groups, outputs, outWidth, tapsY, tapsX } = shape;
  const inPlace = shape.strideX === 1 && input.column === 1;
  const { rows, many, channelBlock, tilesOutside, outputBlocks } = cutOf(shape, item, inPlace, cut, panel);
  const piece = pieceOf(shape, rows);
  const imageItems = ceil(images, many);
  const lastImages = images - (imageItems - 1) * many;
  const copyImage = inputs * piece.channelElements;
  const outImage = groups * outputs * shape.imageHeight * shape.imageWidth;

  // what the items are: images, rows, first row
  const parts = Array.from({ length: many > 1 ? imageItems : piece.blocks }, (_, i) => {
    const isLast = i === (many > 1 ? imageItems : piece.blocks) - 1;
    const imageCount = isLast && many > 1 ? lastImages : many;
    const rowCount = isLast && many === 1 ? piece.lastRows : piece.rows;
    return { imageCount, rowCount, firstRow: many > 1 ? 0 : i * piece.rows };
  });
  type Part = (typeof parts)[number];
  const over = (part: Part, pixel: number, missing: number, at: (image: number, y: number, x: number) => number): number => {
    const ofImage = part.rowCount * outWidth;
    const image = Math.floor(pixel / ofImage);
    const inImage = pixel - image * ofImage;
    return image >= part.imageCount ? missing : at(image, Math.floor(inImage / outWidth), inImage % outWidth);
  };
  const measure = (part: Part) => {
    const vectors = ceil(part.imageCount * part.rowCount * outWidth, lanes);
    const panels = ceil(vectors, cut.vectors);
    return { vectors, panels, edge: vectors - (panels - 1) * cut.vectors };
  };
  const stored = (image: number, y: number, x: number): number =>
    image * outImage + (shape.firstY + y * shape.stepY) * shape.imageWidth + shape.firstX + x * shape.stepX;
  const stores = (part: Part) => {
    const size = measure(part);
    return { ...size, entries: entriesOf(size.vectors, lanes, (pixel) => over(part, pixel, -1, stored)) };
  };
  const full = stores(parts[0]!);
  const last = stores(parts[parts.length - 1]!);
  const perVector = greatest([...full.entries, ...last.entries].map((list) => list.length));

  // where the pixels of a part lie under a tap, in elements from its first image and row
  const offsets = new Int32Array(tapsY.length * tapsX.length);
  if (!inPlace) tapOffsets(shape, piece, 1, 1, offsets, 0);
  const source = (part: Part, ty: number, tx: number) => (image: number, y: number, x: number) => {
    if (!inPlace) return image * copyImage + offsets[ty * tapsX.length + tx]! + y * piece.planeWidth + x;
    const row = y * shape.strideY + tapsY[ty]! - shape.paddingY;
    const column = x + tapsX[tx]! - shape.paddingX;
    const inside = part.firstRow * shape.strideY + row;
    if (inside < 0 || inside >= shape.height || column < 0 || column >= shape.width) return Number.NaN;
    return image * input.image + row * input.row + column;
  };
  // parts whose rows are cut off alike share their segments
  const lists = new Map<string, { at: number; list: Segment[][] }>();
  const keys = parts.map((part) => {
    const first = part.firstRow * shape.strideY - shape.paddingY;
    const end = (part.firstRow + part.rowCount - 1) * shape.strideY + greatest(tapsY) - shape.paddingY;
    const key = `${part.imageCount} ${part.rowCount} ${inPlace && (first < 0 || end >= shape.height) ? part.firstRow : ""}`;
    if (!lists.has(key)) {
      const list: Segment[][] = [];
      for (let v = 0; v < measure(part).panels * cut.vectors; v++) {
        for (let ty = 0; ty < tapsY.length; ty++) {
          for (let tx = 0; tx < tapsX.length; tx++) {
            const at = source(part, ty, tx);
            list.push(segmentsOf(lanes, (lane) => over(part, v * lanes + lane, Number.NaN, at)));
          }
        }
      }
      lists.set(key, { at: 0, list });
    }
    return key;
  });
  let segments = 1;
  for (const { list } of lists.values()) for (const one of list) segments = Math.max(segments, one.length);

  const entry = segmentEntry(target);
  const entryInts = entry.bytes / 4;
  const storeInts = vectorEntry.bytes / 4;
  const segmentsAt = piece.blocks * piece.planes * 4;
  let end = ceil(segmentsAt + parts.length, 16) * 16;
  for (const one of lists.values()) {
    one.at = end;
    end += one.list.length * segments * entryInts;
  }
  const entriesFull = ceil(end, 16) * 16;
  const entriesLast = entriesFull + full.entries.length * perVector * storeInts;
  const total = entriesLast + last.entries.length * perVector * storeInts;
  const tables = allocate(total * 4);
  const ints = new Int32Array(tables.buffer, tables.byteOffset, total).fill(0);
  copyEntries(shape, input, piece, item, ints, 0);
  for (const [i, key] of keys.entries()) ints[segmentsAt + i] = (lists.get(key)!.at - segmentsAt) * 4;
  for (const { at, list } of lists.values()) {
    for (const [i, one] of list.entries()) {
      for (const [s, segment] of one.entries()) {
        const place = at + (i * segments + s) * entryInts;
        ints[place + entry.offset / 4] = segment.offset * item;
        const mask = place + entry.mask / 4;
        for (const lane of segment.lanes) {
          if (target.avx512) ints[mask]! |= 1 << lane;
          else ints.fill(-1, mask + (lane * item) / 4, mask + ((lane + 1) * item) / 4);
        }
      }
    }
  }
  writeEntries(target, full.entries, perVector, ints, entriesFull);
  writeEntries(target, last.entries, perVector, ints, entriesLast);
  return {
    ...{ piece, inPlace, images: many, imageItems, lastImages, outputBlocks, channelBlock, tilesOutside },
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
    segmentTable: tables.address + segmentsAt * 4,
    entriesFull: tables.address + entriesFull * 4,
    entriesLast: tables.address + entriesLast * 4,
  };
}
