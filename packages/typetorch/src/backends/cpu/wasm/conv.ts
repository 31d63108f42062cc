/**
 * Convolutions of one and two spatial dimensions on WebAssembly, float32 and float64: forward, gradient of the input, gradient of the weight.
 *
 * The gradient of the input is a forward convolution of the output's gradient with the filter turned round: with a stride, one for each remainder of rows and
 * columns by it, with those taps that it meets. All sums run in one fixed order, so results do not depend on the number of threads.
 */
import type { Storage } from "../../../core/storage.ts";
import type { Activation, ConvGeometry, Operand } from "../../backend.ts";
import { copyEntries, type Piece, pieceOf, pixelsOf, tapOffsets } from "../convPiece.ts";
import { backwardShapes, type ConvShape, elementsOf, forwardShape, type Images, imagesOf, isContiguous } from "../convShape.ts";
import { allocate, release } from "../memory.ts";
import { addressOf, itemGrid } from "../product.ts";
import { getNumThreads, type Grid, run } from "../team.ts";
import { forwardSlot, forwardSlots, packWeightSlot, packWeightSlots } from "./convDriver.ts";
import { sumSlot, sumSlots, weightSlot, weightSlots } from "./convWeight.ts";
import { cutColumns } from "./gemm.ts";
import { dotRows, flag, outerRows, outerVectors, vectorBytes } from "./gemmTile.ts";
import { convRoutine } from "./convCode.ts";
import { newBlock, type ProductCode, type ProductCodes } from "./productCode.ts";

/** Nanoseconds of one multiply-add of float32 on one thread, for deciding what is worth sharing. */
const nanosecondsOfStep = 0.055;
/** Bytes of input that an item copies at a time: they should stay in the second-level cache. */
const copyBytes = 256 << 10;
/** Taps that are summed at a time: the input under them should stay in the first-level cache. */
const blockTaps = 320;
/** Bytes of weight that go over the pixels of an item together. */
const weightBytes = 40 << 10;
/** Pixels of a block in the gradient of the weight: three rows of them should stay in the first-level cache. */
const blockPixels = 1024;
/** Independent sums into which the gradient of the weight is cut at least, if there is so much to sum; and how much memory they may take. */
const partsWanted = 16;
const partialBytes = 32 << 20;
/** Bytes behind a copy that tiles may read. */
const slackBytes = 256;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** What depends on the geometry alone: how the input is cut, and the tables of offsets. */
interface Plan {
  readonly piece: Piece;
  readonly tables: Storage;
  readonly copyTable: number;
  readonly taps: number;
  readonly blockChannels: number;
}

export class WasmConv {
  readonly #codes: ProductCodes;
  readonly #block = newBlock(forwardSlots);
  readonly #grid: Grid = itemGrid(forwardSlot.begin, forwardSlot.end, forwardSlot.scratch);
  readonly #packBlock = newBlock(packWeightSlots);
  readonly #packGrid: Grid = itemGrid(packWeightSlot.begin, packWeightSlot.end, -1);
  readonly #weightBlock = newBlock(weightSlots);
  readonly #weightGrid: Grid = itemGrid(weightSlot.begin, weightSlot.end, weightSlot.scratch);
  readonly #sumBlock = newBlock(sumSlots);
  readonly #sumGrid: Grid = itemGrid(sumSlot.begin, sumSlot.end, -1);
  readonly #plans = new Map<string, Plan>();
  readonly #tables = new Map<string, Storage>();

  constructor(codes: ProductCodes) {
    this.#codes = codes;
  }

  /** out = conv(x, weight) + bias, then relu if asked. False, with nothing done, for what it does not know: other types, three dimensions. */
  forward(
    x: Operand,
    weight: Operand,
    bias: Operand | null,
    out: Operand,
    geometry: ConvGeometry,
    activation: Activation,
  ): boolean {
    if (!supported(out)) return false;
    const shape = forwardShape(x, weight, out, geometry);
    const { outputs, inputs, groups } = shape;
    const row = weight.strides[0]!;
    const table = this.#weightTable(weight, item(weight));
    const steps = inputs * shape.tapsY.length * shape.tapsX.length;
    const packed = this.#packWeight(weight, { groups, rows: outputs, row, group: row * outputs, steps, table });
    this.#run(shape, imagesOf(x), packed, bias, imagesOf(out), out, activation === "relu");
    release(packed);
    return true;
  }

  /** gx = the gradient of the input. */
  backwardInput(g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): boolean {
    if (!supported(gx)) return false;
    const f = forwardShape(gx, weight, g, geometry);
    const { row, column } = tapStrides(weight);
    const [o, i] = weight.strides as [number, number];
    for (const { shape, taps } of backwardShapes(f)) {
      const steps = f.outputs * taps.y.length * taps.x.length;
      const table = this.#table(`${o} ${row} ${column} ${item(weight)} ${f.outputs} ${taps.y} ${taps.x}`, () => {
        const offsets: number[] = [];
        for (let c = 0; c < f.outputs; c++)
          for (const y of taps.y) for (const x of taps.x) offsets.push(c * o + y * row + x * column);
        return offsets.map((offset) => offset * item(weight));
      });
      const packed = this.#packWeight(weight, { groups: f.groups, rows: f.inputs, row: i, group: o * f.outputs, steps, table });
      this.#run(shape, imagesOf(g), packed, null, imagesOf(gx), gx, false);
      release(packed);
    }
    return true;
  }

  /** gw = the gradient of the weight. */
  backwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): boolean {
    if (!supported(gw)) return false;
    const shape = forwardShape(x, gw, g, geometry);
    const code = this.#codes.of(gw.dtype.key === "f64");
    const { item } = code;
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    const elements = elementsOf(gw);
    if (elements === 0) return true;
    const image = imagesOf(x);
    const gradient = imagesOf(g);
    const rowsWanted = Math.max(1, Math.floor(blockPixels / Math.max(1, outWidth)));
    const plan = this.#plan(shape, image, code, { rows: rowsWanted, items: 1, channels: inputs });
    const { piece } = plan;
    const units = outHeight * outWidth === 0 ? 0 : images * piece.blocks;
    const columns = inputs * shape.tapsY.length * shape.tapsX.length;
    const parts = Math.max(1, Math.min(units, ceil(partsWanted, groups), Math.floor(partialBytes / (elements * item))));
    const tiles = ceil(outputs, dotRows);
    const outputBlocks = Math.min(tiles, Math.max(1, ceil(partsWanted, parts * groups)));
    const partial = allocate(parts * elements * item);
    if (units === 0) new Uint8Array(partial.buffer, partial.byteOffset, parts * elements * item).fill(0);
    else {
      const block = this.#weightBlock;
      block[0] = code.kernel;
      block[weightSlot.routine] = convRoutine.weight;
      block[weightSlot.begin] = 0;
      block[weightSlot.end] = 1;
      this.#setInput(block, weightSlot, shape, image, plan, item);
      const gCopy = ceil(inputs * piece.channelElements * item + slackBytes, 64) * 64;
      const gCopyChannel = ceil(pixelsOf(piece, piece.rows, piece.planeWidth) * item, vectorBytes) * vectorBytes + vectorBytes;
      block[weightSlot.g] = gradient.address;
      block[weightSlot.gImage] = gradient.image * item;
      block[weightSlot.gGroup] = outputs * gradient.channel * item;
      block[weightSlot.gChannel] = gradient.channel * item;
      block[weightSlot.gRow] = gradient.row * item;
      block[weightSlot.gColumn] = gradient.column * item;
      block[weightSlot.partial] = partial.address;
      block[weightSlot.partialPart] = elements * item;
      block[weightSlot.partialGroup] = outputs * columns * item;
      block[weightSlot.units] = units;
      block[weightSlot.parts] = parts;
      block[weightSlot.outputBlocks] = outputBlocks;
      block[weightSlot.rowBlocks] = piece.blocks;
      block[weightSlot.blockRows] = piece.rows;
      block[weightSlot.outRows] = outHeight;
      block[weightSlot.outColumns] = outWidth;
      block[weightSlot.outputs] = outputs;
      block[weightSlot.channels] = inputs;
      block[weightSlot.columns] = columns;
      block[weightSlot.gCopy] = gCopy;
      block[weightSlot.gCopyChannel] = gCopyChannel;
      const grid = this.#weightGrid;
      grid.countI = groups * parts * outputBlocks;
      grid.scratchBytes = gCopy + (ceil(tiles, outputBlocks) + 1) * dotRows * gCopyChannel + slackBytes;
      grid.work = images * groups * outputs * outHeight * outWidth * (columns + 8) * nanosecondsOfStep * (item / 4);
      run(block, weightSlots, grid);
    }
    this.#sum(code, partial, parts, gw, groups * outputs, columns);
    release(partial);
    return true;
  }

  #sum(code: ProductCode, partial: Storage, parts: number, gw: Operand, rows: number, columns: number): void {
    const { item } = code;
    const block = this.#sumBlock;
    block[0] = code.kernel;
    block[sumSlot.routine] = convRoutine.sum;
    block[sumSlot.begin] = 0;
    block[sumSlot.end] = 1;
    block[sumSlot.from] = partial.address;
    block[sumSlot.part] = rows * columns * item;
    block[sumSlot.parts] = parts;
    block[sumSlot.columns] = columns;
    block[sumSlot.to] = addressOf(gw);
    block[sumSlot.toRow] = gw.strides[0]! * item;
    block[sumSlot.table] = this.#weightTable(gw, item);
    block[sumSlot.contiguous] = isContiguous(gw) ? 1 : 0;
    this.#sumGrid.countI = rows;
    this.#sumGrid.work = rows * columns * (parts + 2) * 0.5;
    run(block, sumSlots, this.#sumGrid);
  }

  /** Packs the weight for tiles: rows are the outputs of a forward convolution, steps its channels and taps, found by their offsets in elements. */
  #packWeight(
    weight: Operand,
    p: {
      readonly groups: number;
      readonly rows: number;
      /** Distances in elements. */
      readonly row: number;
      readonly group: number;
      readonly steps: number;
      readonly table: number;
    },
  ): Storage {
    const code = this.#codes.of(weight.dtype.key === "f64");
    const { item } = code;
    const tiles = ceil(p.rows, outerRows);
    const { steps } = p;
    const packed = allocate(Math.max(1, p.groups * tiles * steps * outerRows) * item);
    const block = this.#packBlock;
    block[0] = code.kernel;
    block[packWeightSlot.routine] = convRoutine.packWeight;
    block[packWeightSlot.begin] = 0;
    block[packWeightSlot.end] = 1;
    block[packWeightSlot.from] = addressOf(weight);
    block[packWeightSlot.to] = packed.address;
    block[packWeightSlot.table] = p.table;
    block[packWeightSlot.steps] = steps;
    block[packWeightSlot.rows] = p.rows;
    block[packWeightSlot.rowDistance] = p.row * item;
    block[packWeightSlot.fromGroup] = p.group * item;
    block[packWeightSlot.tiles] = tiles;
    this.#packGrid.countI = p.groups * tiles;
    this.#packGrid.work = p.groups * p.rows * steps;
    run(block, packWeightSlots, this.#packGrid);
    return packed;
  }

  /** Address of a table of offsets in bytes. */
  #table(key: string, make: () => number[]): number {
    let table = this.#tables.get(key);
    if (table === undefined) {
      if (this.#tables.size >= 256) this.#tables.clear();
      const offsets = make();
      table = allocate(Math.max(1, offsets.length) * 4);
      new Int32Array(table.buffer, table.byteOffset, offsets.length).set(offsets);
      this.#tables.set(key, table);
    }
    return table.address;
  }

  /** Where the elements of a weight's row are, from its beginning. */
  #weightTable(weight: Operand, item: number): number {
    const strides = weight.strides.slice(1);
    const shape = weight.shape.slice(1);
    return this.#table(`${shape} / ${strides} ${item}`, () => {
      let offsets = [0];
      for (const [d, size] of shape.entries())
        offsets = offsets.flatMap((offset) => Array.from({ length: size }, (_, k) => offset + k * strides[d]! * item));
      return offsets;
    });
  }

  /** A forward convolution of any shape with a packed weight. */
  #run(shape: ConvShape, x: Images, weight: Storage, bias: Operand | null, to: Images, out: Operand, relu: boolean): void {
    const code = this.#codes.of(out.dtype.key === "f64");
    const { item, lanes } = code;
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    if (images * groups * outputs * outHeight * outWidth === 0) return;
    const tapCount = shape.tapsY.length * shape.tapsX.length;
    const tiles = ceil(outputs, outerRows);
    const side = to.column * shape.stepX === 1;
    // sums are added to what is in the output only where it can be read as vectors
    const most = side ? Math.max(1, Math.floor(blockTaps / Math.max(1, tapCount))) : Math.max(1, inputs);
    const channels = tapCount === 0 ? 0 : inputs;
    const plan = this.#plan(shape, x, code, {
      rows: outHeight,
      items: 4 * getNumThreads(),
      channels: Math.min(most, Math.max(1, inputs)),
    });
    const { piece, blockChannels } = plan;
    const cut = cutColumns(ceil(outWidth, lanes), outerVectors[tiles > 1 ? outerRows : outputs]!);
    const block = this.#block;
    block[0] = code.kernel;
    block[forwardSlot.routine] = convRoutine.forward;
    block[forwardSlot.begin] = 0;
    block[forwardSlot.end] = 1;
    this.#setInput(block, forwardSlot, shape, x, plan, item);
    const weightTile = inputs * tapCount * outerRows * item;
    block[forwardSlot.weight] = weight.address;
    block[forwardSlot.weightGroup] = tiles * weightTile;
    block[forwardSlot.weightTile] = weightTile;
    block[forwardSlot.weightChannel] = tapCount * outerRows * item;
    block[forwardSlot.out] = to.address + (shape.firstY * to.row + shape.firstX * to.column) * item;
    block[forwardSlot.outImage] = to.image * item;
    block[forwardSlot.outGroup] = outputs * to.channel * item;
    block[forwardSlot.outChannel] = to.channel * item;
    block[forwardSlot.outRow] = shape.stepY * to.row * item;
    block[forwardSlot.outColumn] = shape.stepX * to.column * item;
    block[forwardSlot.bias] = bias === null ? 0 : addressOf(bias);
    block[forwardSlot.biasStep] = bias === null ? 0 : bias.strides[0]! * item;
    block[forwardSlot.flags] = (bias === null ? 0 : flag.biasElement) | (relu ? flag.relu : 0);
    block[forwardSlot.groups] = groups;
    block[forwardSlot.rowBlocks] = piece.blocks;
    block[forwardSlot.blockRows] = piece.rows;
    block[forwardSlot.outRows] = outHeight;
    block[forwardSlot.outputs] = outputs;
    const items = images * groups * piece.blocks;
    const outputBlocks = Math.min(tiles, Math.max(1, Math.floor((4 * getNumThreads()) / items)));
    block[forwardSlot.outputBlocks] = getNumThreads() === 1 ? 1 : outputBlocks;
    block[forwardSlot.groupTiles] = Math.max(
      1,
      Math.floor(weightBytes / Math.max(1, blockChannels * tapCount * outerRows * item)),
    );
    block[forwardSlot.channels] = channels;
    block[forwardSlot.blockChannels] = blockChannels;
    block[forwardSlot.tapCount] = tapCount;
    block[forwardSlot.columns] = outWidth;
    block[forwardSlot.panels] = cut.panels;
    block[forwardSlot.panelVectors] = cut.panelVectors;
    block[forwardSlot.fullPanels] = cut.fullPanels;
    block[forwardSlot.tailVectors] = cut.tailVectors;
    const scratchTile = ceil(blockChannels * piece.channelElements * item + slackBytes, 64) * 64;
    block[forwardSlot.scratchTile] = scratchTile;
    const grid = this.#grid;
    grid.countI = items * block[forwardSlot.outputBlocks]!;
    grid.scratchBytes = scratchTile + outerRows * outerVectors[1] * vectorBytes;
    grid.work = images * groups * outputs * outHeight * outWidth * (inputs * tapCount + 8) * nanosecondsOfStep * (item / 4);
    run(block, forwardSlots, grid);
  }

  /** The slots about the input and its copy, which both routines have. */
  #setInput(
    block: Float64Array,
    at: typeof forwardSlot | typeof weightSlot,
    shape: ConvShape,
    x: Images,
    { piece, copyTable, taps }: Plan,
    item: number,
  ): void {
    block[at.x] = x.address;
    block[at.xImage] = x.image * item;
    block[at.xGroup] = shape.inputs * x.channel * item;
    block[at.copyTable] = copyTable;
    block[at.planes] = piece.planes;
    block[at.sourceRow] = shape.strideY * x.row * item;
    block[at.sourceColumn] = shape.strideX * x.column * item;
    block[at.sourceChannel] = x.channel * item;
    block[at.copyRow] = piece.planeWidth * item;
    block[at.copyChannel] = piece.channelElements * item;
    block[at.taps] = taps;
  }

  /** The plan for blocks of at most so many rows, so that there are some items and the copies of so many channels stay in the cache. */
  #plan(
    shape: ConvShape,
    input: Images,
    code: ProductCode,
    cut: { readonly rows: number; readonly items: number; readonly channels: number },
  ): Plan {
    const key = `${Object.values(shape).join(";")} ${input.row} ${input.column} ${code.item} ${Object.values(cut).join(";")}`;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      if (this.#plans.size >= 256) this.#plans.clear();
      plan = makePlan(shape, input, code, cut);
      this.#plans.set(key, plan);
    }
    return plan;
  }
}

function makePlan(
  shape: ConvShape,
  input: Images,
  { item }: ProductCode,
  cut: { readonly rows: number; readonly items: number; readonly channels: number },
): Plan {
  const { outHeight } = shape;
  let rows = Math.max(1, Math.min(outHeight, cut.rows));
  while (rows > 1 && cut.channels * pieceOf(shape, rows).channelElements * item > copyBytes) rows = ceil(rows, 2);
  while (rows > 4 && shape.images * shape.groups * ceil(outHeight, rows) < cut.items) rows = ceil(rows, 2);
  rows = Math.max(1, ceil(outHeight, ceil(outHeight, rows)));
  const piece = pieceOf(shape, rows);
  const tapsAt = piece.blocks * piece.planes * 4;
  const total = tapsAt + cut.channels * shape.tapsY.length * shape.tapsX.length;
  const tables = allocate(Math.max(1, total) * 4);
  const ints = new Int32Array(tables.buffer, tables.byteOffset, total);
  tapOffsets(shape, piece, cut.channels, item, ints, copyEntries(shape, input, piece, item, ints, 0));
  return { piece, tables, copyTable: tables.address, taps: tables.address + tapsAt * 4, blockChannels: cut.channels };
}

const item = (x: Operand): number => x.dtype.itemsize;

/** Distances of the taps of a weight of one or two spatial dimensions. */
function tapStrides({ strides }: Operand): { row: number; column: number } {
  const rank = strides.length;
  return { row: rank === 4 ? strides[2]! : 0, column: strides[rank - 1]! };
}

function supported(x: Operand): boolean {
  return (x.dtype.key === "f32" || x.dtype.key === "f64") && (x.shape.length === 3 || x.shape.length === 4);
}
