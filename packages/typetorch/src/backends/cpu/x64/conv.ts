/**
 * Convolutions of one and two spatial dimensions on x86-64, float32 and float64: forward, gradient of the input, gradient of the weight.
 *
 * A forward convolution gathers the pixels under each tap densely before it multiplies them (convDense.ts); with few output channels, where that would not pay, tiles
 * read them where the copied input lies (convForward.ts).
 *
 * The gradient of the input is a forward convolution of the output's gradient with the filter turned round: with a stride, one for each remainder of rows and
 * columns by it, with those taps that it meets. All sums run in one fixed order, so results do not depend on the number of threads. What depends on the geometry alone (tables of offsets) is kept for the next call.
 */
import type { Storage } from "../../../core/storage.ts";
import type { Native } from "../../../platform/index.ts";
import type { Activation, ConvGeometry, Operand } from "../../backend.ts";
import { allocate, release } from "../memory.ts";
import { addressOf, type Copy, itemGrid } from "../product.ts";
import { getNumThreads, type Grid, run } from "../team.ts";
import { Assembler } from "./assembler.ts";
import {
  emitCopyApart,
  emitCopyEven,
  emitSumParts,
  emitTurn,
  sumSlot,
  turnBlock,
  turnSlot,
  type TurnWay,
  emitTurnRows,
  emitTurnTaps,
  turnRowsSlot,
  emitPackTurned,
  packTurnedTable,
} from "./convCopy.ts";
import { emitConvForward, forwardSlot as slot, forwardSlots } from "./convForward.ts";
import { denseSlot as dense, denseSlots, emitConvDense, emitFill, segmentEntry } from "./convDense.ts";
import { type DenseCut, type DensePlan, makeDensePlan, tilesGoOutside } from "./convDensePlan.ts";
import type { CopySlots } from "./convFrame.ts";
import { greatest } from "../convPiece.ts";
import { type Cut, makePlan, type Plan, slackBytes } from "./convPlan.ts";
import { backwardShapes, type ConvShape, elementsOf, forwardShape, type Images, imagesOf, isContiguous } from "../convShape.ts";
import { makeWeightPlan, type WeightPlan } from "./convWeightPlan.ts";
import { emitConvWeight, weightSlot as weight, weightSlots } from "./convWeight.ts";
import { Gemm } from "./gemm.ts";
import { emitTapTile } from "./gemmDot.ts";
import { type AKind, emitTile, flag, vectorEntry } from "./gemmTile.ts";

/** What {@link Conv} rearranges: addresses, sizes, distances in elements, and the offsets in bytes. */
interface Turn {
  readonly from: number;
  readonly to: number;
  readonly groups: number;
  readonly outer: number;
  readonly inner: number;
  readonly fromGroup: number;
  readonly fromOuter: number;
  readonly fromInner: number;
  readonly toGroup: number;
  readonly toOuter: number;
  readonly toInner: number;
  readonly offsets: readonly number[];
}

/** The weights of a forward convolution: [group][output][input][tap] in element distances, or packed out of an other order tile by tile. */
interface Weights {
  readonly address: number;
  /** Distance of output channels, of input channels and of groups. */
  readonly row: number;
  readonly channel: number;
  readonly group: number;
  readonly kind: AKind;
  /** Table of `emitPackTurned`, or 0. */
  readonly packTable: number;
}

/** Independent sums into which the gradient of the weight is cut at least, if there is so much to sum; and how much memory they may take. */
const partsWanted = 16;
const partialBytes = 2 << 20;
/** Output channels of an item at least, where the input is transposed for each block of them. */
const leastOutputs = 56;
/** Elements of an item that turns rows, about. */
const turnedElements = 16384;

/** Output channels of a group from which on it pays to gather pixels densely before they are multiplied. */
const leastDenseOutputs = 12;

/** Columns of a tile of the gradient of the weight that takes taps as they are. */
const tapColumns = 9;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export class Conv {
  readonly #native: Native;
  readonly #gemm: Gemm;
  readonly #compiled = new Map<string, number>();
  readonly #plans = new Map<string, Plan>();
  readonly #block = new Float64Array(forwardSlots);
  readonly #grid: Grid = itemGrid(slot.begin, slot.end, slot.scratch);
  readonly #densePlans = new Map<string, DensePlan>();
  readonly #denseBlock = new Float64Array(denseSlots);
  readonly #denseGrid: Grid = itemGrid(dense.begin, dense.end, dense.scratch);
  readonly #weightBlock = new Float64Array(weightSlots);
  readonly #weightGrid: Grid = itemGrid(weight.begin, weight.end, weight.scratch);
  readonly #sumBlock = new Float64Array(sumSlot.slots);
  readonly #sumGrid: Grid = itemGrid(sumSlot.begin, sumSlot.end, -1);
  readonly #turnBlock = new Float64Array(turnSlot.slots);
  readonly #turnGrid: Grid = itemGrid(turnSlot.begin, turnSlot.end, -1);
  readonly #turnRowsBlock = new Float64Array(turnRowsSlot.slots);
  readonly #turnRowsGrid: Grid = itemGrid(turnRowsSlot.begin, turnRowsSlot.end, -1);
  readonly #weightPlans = new Map<string, WeightPlan>();
  readonly #offsetTables = new Map<string, Storage>();

  constructor(native: Native, options: { readonly avx512?: boolean } = {}) {
    this.#native = native;
    this.#gemm = new Gemm(native, options);
  }

  #code(double: boolean, name: string, emit: (a: Assembler) => void): number {
    const { target } = this.#gemm.codeOf(double);
    const key = `${name} ${double}`;
    let address = this.#compiled.get(key);
    if (address === undefined) {
      const a = new Assembler({ avx512: target.avx512 });
      emit(a);
      address = this.#native.installCode(a.finish());
      this.#compiled.set(key, address);
    }
    return address;
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
    if (bias !== null && bias.strides[0] !== 1 && bias.shape[0] !== 1) return false;
    const { outHeight, outWidth } = shape;
    const item = out.dtype.itemsize;
    const temporary: Storage[] = [];
    const w = this.#contiguous(weight, temporary);
    const to = isContiguous(out) ? null : allocate(elementsOf(out) * item);
    const result = to === null ? addressOf(out) : to.address;
    this.#run(
      shape,
      imagesOf(x),
      inOrder(shape, w),
      bias === null ? 0 : addressOf(bias),
      result,
      out.dtype.key === "f64",
      activation === "relu",
    );
    if (to !== null) {
      this.#copyPlanes(out, to.address, outHeight * outWidth, "out");
      release(to);
    }
    for (const storage of temporary) release(storage);
    return true;
  }

  /** gx = the gradient of the input. */
  backwardInput(g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): boolean {
    if (!supported(gx)) return false;
    const f = forwardShape(gx, weight, g, geometry);
    const double = gx.dtype.key === "f64";
    const item = gx.dtype.itemsize;
    const temporary: Storage[] = [];
    const w = this.#contiguous(weight, temporary);
    const to = isContiguous(gx) ? null : allocate(elementsOf(gx) * item);
    const result = to === null ? addressOf(gx) : to.address;
    const shapes = backwardShapes(f);
    // Where the stride is larger than the filter, or shares a factor with the dilation, some remainders meet no tap: their gradient is zero.
    if (shapes.some(({ taps }) => taps.y.length * taps.x.length === 0)) {
      const { buffer, byteOffset } = to ?? gx.storage;
      new Uint8Array(buffer, byteOffset + (to === null ? gx.storageOffset * item : 0), elementsOf(gx) * item).fill(0);
    }
    for (const { shape, taps } of shapes) {
      const count = taps.y.length * taps.x.length;
      if (count === 0) continue;
      const matrix = f.inputs * f.outputs;
      // [group][output][input][tap] becomes [group][input][output][chosen tap]
      const kernel = f.tapsY.length * f.tapsX.length;
      const offsets = taps.y.flatMap((i) => taps.x.map((j) => (i * f.tapsX.length + j) * item));
      const as = { address: w, group: matrix * kernel, row: kernel, channel: f.inputs * kernel, packTable: 0 };
      const { target } = this.#gemm.codeOf(double);
      if (isDense(shape) && kernel === 1) {
        this.#run(shape, imagesOf(g), { ...as, kind: "column" }, 0, result, double, false);
        continue;
      }
      const turn = this.#turnVector(double, offsets, as.channel);
      if (target.avx512 && turn !== null && isDense(shape) && tilesGoOutside(shape, item, this.#native.features.l2)) {
        const packed: Weights = { ...as, address: w + turn.least, kind: "row", packTable: turn.table };
        this.#run(shape, imagesOf(g), packed, 0, result, double, false);
        continue;
      }
      const turned = allocate(Math.max(1, f.groups * matrix * count) * item);
      if (matrix > 0) {
        this.#turn(double, {
          ...{ from: w, to: turned.address, groups: f.groups, outer: f.outputs, inner: f.inputs, offsets },
          ...{ fromGroup: matrix * kernel, fromOuter: f.inputs * kernel, fromInner: kernel },
          ...{ toGroup: matrix * count, toOuter: count, toInner: f.outputs * count },
        });
      }
      this.#run(shape, imagesOf(g), inOrder(shape, turned.address), 0, result, double, false);
      release(turned);
    }
    if (to !== null) {
      this.#copyPlanes(gx, to.address, f.height * f.width, "out");
      release(to);
    }
    for (const storage of temporary) release(storage);
    return true;
  }

  /** How the elements at the offsets are taken from one vector of AVX-512: a table of `emitPackTurned`; null where they lie too far apart. */
  #turnVector(
    double: boolean,
    offsets: readonly number[],
    channel: number,
  ): { least: number; table: number; span: number } | null {
    const { item, target } = this.#gemm.codeOf(double);
    const least = offsets.reduce((x, y) => Math.min(x, y), Number.POSITIVE_INFINITY);
    const span = greatest(offsets) - least + item;
    if (!target.avx512 || offsets.length === 0 || span > 64) return null;
    const words = item / 4;
    const { fromChannel, toChannel, readMask, writeMask, ints } = packTurnedTable;
    const entries = new Int32Array(ints);
    for (let i = 0; i < 16; i++) entries[i] = ((offsets[Math.floor(i / words)] ?? least) - least) / 4 + (i % words);
    entries[fromChannel] = channel * item;
    entries[toChannel] = offsets.length * item;
    entries[readMask] = 2 ** (span / item) - 1;
    entries[writeMask] = 2 ** offsets.length - 1;
    return { least, span, table: this.#tableOf(entries) };
  }

  /** Address of int32s, which are kept for the next call. */
  #tableOf(entries: Int32Array): number {
    const key = entries.join();
    let table = this.#offsetTables.get(key);
    if (table === undefined) {
      if (this.#offsetTables.size >= 256) this.#offsetTables.clear();
      table = allocate(entries.length * 4);
      new Int32Array(table.buffer, table.byteOffset, entries.length).set(entries);
      this.#offsetTables.set(key, table);
    }
    return table.address;
  }

  /** to[group][outer][inner][…] = from[group][outer][inner] at the offsets. */
  #turn(double: boolean, t: Turn): void {
    const { item, target } = this.#gemm.codeOf(double);
    const vector = this.#turnVector(double, t.offsets, 0);
    const way: TurnWay = vector !== null && t.offsets.length > 1 ? "vector" : "scalar";
    const table = way === "vector" ? vector!.table : this.#tableOf(Int32Array.from(t.offsets));
    const block = this.#turnBlock;
    const blocks = ceil(t.inner, turnBlock);
    block[0] = this.#code(double, `turn ${way}`, (a) => emitTurn(a, target, way));
    block[turnSlot.begin] = 0;
    block[turnSlot.end] = 1;
    block[turnSlot.from] = t.from + (way === "vector" ? vector!.least : 0);
    block[turnSlot.to] = t.to;
    block[turnSlot.outer] = t.outer;
    block[turnSlot.inner] = t.inner;
    block[turnSlot.fromGroup] = t.fromGroup * item;
    block[turnSlot.fromOuter] = t.fromOuter * item;
    block[turnSlot.fromInner] = t.fromInner * item;
    block[turnSlot.toGroup] = t.toGroup * item;
    block[turnSlot.toOuter] = t.toOuter * item;
    block[turnSlot.toInner] = t.toInner * item;
    block[turnSlot.taps] = table;
    block[turnSlot.tapCount] = t.offsets.length;
    block[turnSlot.blocks] = blocks;
    block[turnSlot.readMask] = way === "vector" ? 2 ** (vector!.span / item) - 1 : 0;
    block[turnSlot.writeMask] = way === "vector" ? 2 ** t.offsets.length - 1 : 0;
    this.#turnGrid.countI = t.groups * blocks;
    this.#turnGrid.work = t.groups * t.outer * t.inner * t.offsets.length * (way === "vector" ? 0.3 : 1);
    run(block, turnSlot.slots, this.#turnGrid);
  }

  /** gw = the gradient of the weight. */
  backwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): boolean {
    if (!supported(gw)) return false;
    const shape = forwardShape(x, gw, g, geometry);
    const double = gw.dtype.key === "f64";
    const code = this.#gemm.codeOf(double);
    const { item, lanes, target, vectorBytes: bytes } = code;
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    const taps = shape.tapsY.length * shape.tapsX.length;
    const elements = elementsOf(gw);
    if (elements === 0) return true;
    const image = imagesOf(x);
    const gradient = imagesOf(g);
    const dense = isContiguous(gw) ? null : allocate(elements * item);
    const result = dense === null ? addressOf(gw) : dense.address;
    if (images * outHeight * outWidth === 0) {
      this.#clear(double, result, elements);
    } else {
      // with few channels the pixels of an output are multiplied with those of every channel and tap as they lie, else with vectors of channels
      const byTaps = inputs <= lanes / 2;
      const plan = this.#weightPlanOf(shape, image, double, byTaps);
      const { piece } = plan;
      const units = plan.imageItems * piece.blocks;
      const columns = byTaps ? inputs * taps : inputs;
      const panelColumns = byTaps ? tapColumns : 2 * lanes;
      const panels = ceil(columns, panelColumns);
      const positions = piece.channelElements;
      const tapRows = target.avx512 ? 3 : 1;
      const tiles = byTaps ? ceil(outputs, tapRows) : code.tileRows(outputs).tiles;
      const rows = ceil(outputs, tiles);
      const fullTiles = tiles - (tiles * rows - outputs);
      const mostParts = Math.max(1, Math.min(units, ceil(partsWanted, groups), Math.floor(partialBytes / (elements * item))));
      const parts = 2 ** Math.floor(Math.log2(mostParts));
      const threads = getNumThreads();
      const wanted = threads === 1 ? 1 : ceil(4 * threads, parts * groups);
      const most = Math.min(ceil(outputs, leastOutputs), wanted);
      const outputBlocks = most > threads ? most - (most % threads) : most; // as many for each thread
      const blockRows = (ceil(tiles, outputBlocks) + 1) * rows;
      const permuted = !byTaps && taps > 1;
      // a tile that is summed at once is turned at once
      const turnsTiles = permuted && units === 1;
      const partial = parts > 1 || (permuted && !turnsTiles) ? allocate(parts * elements * item) : null;
      const summed = permuted && parts > 1 ? allocate(elements * item) : null;

      const block = this.#weightBlock;
      block[0] = this.#code(double, "weight", (a) => emitConvWeight(a, target));
      block[weight.begin] = 0;
      block[weight.end] = 1;
      this.#setCopy(block, weight, shape, image, plan, double);
      const planeRow = piece.planeWidth * item;
      // images that lie as they are stored are copied at one go
      const atOnce = plan.images > 1 && gradient.column === 1 && (gradient.row === outWidth || outHeight === 1);
      const copyChannel = ceil(byTaps ? piece.rows * planeRow : plan.pixels * item, 64) * 64 + 64;
      block[weight.xUnit] = plan.images * image.image * item;
      block[weight.imagesFull] = plan.images;
      block[weight.imagesLast] = plan.images > 1 ? plan.lastImages : 1;
      block[weight.many] = plan.images > 1 ? 1 : 0;
      block[weight.lastPart] = plan.images > 1 ? plan.imageItems - 1 : piece.blocks - 1;
      block[weight.units] = units;
      block[weight.parts] = parts;
      block[weight.outputBlocks] = outputBlocks;
      block[weight.g] = gradient.address;
      block[weight.gUnit] = plan.images * gradient.image * item;
      block[weight.gImage] = gradient.image * item;
      block[weight.gGroup] = outputs * gradient.channel * item;
      block[weight.gChannel] = gradient.channel * item;
      block[weight.gRows] = piece.rows * gradient.row * item;
      block[weight.gRow] = gradient.row * item;
      block[weight.gColumn] = gradient.column * item;
      block[weight.gCopyRow] = byTaps ? planeRow : outWidth * item;
      block[weight.gWidth] = atOnce ? outHeight * outWidth : outWidth;
      block[weight.gHeight] = atOnce ? 1 : piece.rows;
      block[weight.gHeightLast] = atOnce ? 1 : piece.lastRows;
      block[weight.gCopyImage] = outHeight * outWidth * item;
      block[weight.gCopyChannel] = copyChannel;
      block[weight.gCopyBytes] = byTaps ? Math.min(blockRows, outputs) * copyChannel : 0;
      block[weight.gRoutine] = gradient.column === 1 ? code.copyRows : this.#copyApart(double);
      block[weight.transposed] = block[weight.copyBytes]!;
      block[weight.transposedImage] = positions * 2 * bytes;
      block[weight.positions] = positions;
      block[weight.pixels] = plan.pixels;
      block[weight.pixelsLast] = plan.pixelsLast;
      block[weight.columns] = columns;
      block[weight.panels] = panels;
      block[weight.panelColumns] = panelColumns;
      block[weight.transpose] = byTaps ? 0 : code.packTransposed;
      block[weight.columnsApart] = piece.channelElements * item;
      block[weight.bFirst] = byTaps ? 0 : block[weight.transposed]!;
      block[weight.bPanel] = byTaps ? 0 : plan.images * positions * 2 * bytes;
      block[weight.gCopy] = block[weight.transposed]! + panels * block[weight.bPanel]!;
      block[weight.turn] = turnsTiles ? this.#turnTaps(double, taps) : 0;
      block[weight.turned] = block[weight.gCopy]! + Math.min(blockRows, outputs) * copyChannel;
      block[weight.cPanel] = panelColumns * item;
      block[weight.fourth] = byTaps ? plan.taps : plan.positions;
      block[weight.fourthPanel] = byTaps ? panelColumns * 4 : 0;
      block[weight.partial] = partial === null ? result : partial.address;
      block[weight.partialPart] = elements * item;
      block[weight.partialGroup] = outputs * inputs * taps * item;
      block[weight.partialRow] = inputs * taps * item;
      block[weight.partialTap] = inputs * item;
      block[weight.taps] = plan.taps;
      block[weight.tapCount] = byTaps ? 1 : taps;
      const edgeColumns = columns - (panels - 1) * panelColumns;
      const edgeVectors = ceil(edgeColumns, lanes);
      const edgeLanes = edgeColumns - (edgeVectors - 1) * lanes;
      const tile = (height: number, last: boolean): number => {
        const width = last ? edgeColumns : panelColumns;
        if (byTaps) {
          return this.#code(double, `taps ${height} ${width}`, (a) => emitTapTile(a, target, { rows: height, columns: width }));
        }
        const vectors = last ? edgeVectors : 2;
        const masked = last && edgeLanes !== lanes;
        return this.#code(double, `positions ${height} ${vectors} ${masked}`, (a) =>
          emitTile(a, target, { kind: "row", rows: height, vectors, masked, byTable: true }),
        );
      };
      const low = Math.max(1, rows - 1);
      block[weight.maskLanes] = edgeLanes;
      block[weight.tiles] = tiles;
      block[weight.fullTiles] = fullTiles;
      block[weight.tileRows] = rows;
      block[weight.tileHigh] = panels > 1 ? tile(rows, false) : 0;
      block[weight.tileLow] = panels > 1 ? tile(low, false) : 0;
      block[weight.edgeHigh] = tile(rows, true);
      block[weight.edgeLow] = tile(low, true);
      this.#weightGrid.countI = groups * parts * outputBlocks;
      this.#weightGrid.scratchBytes =
        block[weight.turned]! + (turnsTiles ? rows * block[weight.partialRow]! : 0) + slackBytes(target);
      this.#weightGrid.work = images * groups * outputs * outHeight * outWidth * (inputs * taps + 8) * 0.01;
      run(block, weightSlots, this.#weightGrid);

      let from = block[weight.partial]!;
      if (parts > 1) {
        const to = summed === null ? result : summed.address;
        this.#sum(double, from, elements, parts, to);
        from = to;
      }
      // [group][output][tap][input] becomes [group][output][input][tap]
      if (permuted && !turnsTiles) this.#turnRows(double, from, result, groups * outputs, inputs, taps);
      if (summed !== null) release(summed);
      if (partial !== null) release(partial);
    }
    if (dense !== null) {
      this.#copyPlanes(gw, dense.address, taps, "out");
      release(dense);
    }
    return true;
  }

  #turnTaps(double: boolean, taps: number): number {
    return this.#code(double, `turn taps ${taps}`, (a) => emitTurnTaps(a, this.#gemm.codeOf(double).target, taps));
  }

  /** to[row][inner][tap] = from[row][tap][inner]. */
  #turnRows(double: boolean, from: number, to: number, rows: number, inner: number, taps: number): void {
    const { item } = this.#gemm.codeOf(double);
    const block = this.#turnRowsBlock;
    const chunk = Math.max(1, Math.floor(turnedElements / (inner * taps)));
    block[0] = this.#code(double, "turn rows", emitTurnRows);
    block[turnRowsSlot.begin] = 0;
    block[turnRowsSlot.end] = 1;
    block[turnRowsSlot.from] = from;
    block[turnRowsSlot.to] = to;
    block[turnRowsSlot.rows] = rows;
    block[turnRowsSlot.chunk] = chunk;
    block[turnRowsSlot.inner] = inner;
    block[turnRowsSlot.tap] = inner * item;
    block[turnRowsSlot.row] = inner * taps * item;
    block[turnRowsSlot.routine] = this.#turnTaps(double, taps);
    this.#turnRowsGrid.countI = ceil(rows, chunk);
    this.#turnRowsGrid.work = rows * inner * taps * 0.3;
    run(block, turnRowsSlot.slots, this.#turnRowsGrid);
  }

  /** to[i] = the sum over `parts` arrays that follow each other. */
  #sum(double: boolean, from: number, elements: number, parts: number, to: number): void {
    const { item, target } = this.#gemm.codeOf(double);
    const block = this.#sumBlock;
    block[0] = this.#code(double, "sum", (a) => emitSumParts(a, target));
    block[sumSlot.begin] = 0;
    block[sumSlot.end] = 1;
    block[sumSlot.source] = from;
    block[sumSlot.distance] = elements * item;
    block[sumSlot.parts] = parts;
    block[sumSlot.target] = to;
    block[sumSlot.chunk] = 4096;
    block[sumSlot.elements] = elements;
    this.#sumGrid.countI = ceil(elements, 4096);
    this.#sumGrid.work = elements * parts * 0.1;
    run(block, sumSlot.slots, this.#sumGrid);
  }

  #clear(double: boolean, address: number, elements: number): void {
    const zero = allocate(8);
    new Float64Array(zero.buffer, zero.byteOffset, 1)[0] = 0;
    this.#copy(double, 1, elements, zero.address, 0, 0, address, 0, 1);
    release(zero);
  }

  #copyApart(double: boolean): number {
    return this.#code(double, "copy apart", (a) => emitCopyApart(a, this.#gemm.codeOf(double).target));
  }

  #copy(double: boolean, ...rest: Parameters<Copy>): void {
    this.#gemm.copyOf(this.#gemm.codeOf(double))(...rest);
  }

  /** Address of the elements in contiguous order, through a copy where they are not. */
  #contiguous(x: Operand, temporary: Storage[]): number {
    if (isContiguous(x)) return addressOf(x);
    const copy = allocate(elementsOf(x) * x.dtype.itemsize);
    temporary.push(copy);
    this.#copyPlanes(
      x,
      copy.address,
      x.shape.slice(2).reduce((a, b) => a * b, 1),
      "in",
    );
    return copy.address;
  }

  /** Copies between a strided operand of rank 3 or 4 and contiguous memory, plane by plane. */
  #copyPlanes(x: Operand, dense: number, plane: number, direction: "in" | "out"): void {
    const item = x.dtype.itemsize;
    const i = imagesOf(x);
    const double = x.dtype.key === "f64";
    const width = x.shape[x.shape.length - 1]!;
    const height = plane / width;
    for (let n = 0; n < x.shape[0]!; n++) {
      for (let c = 0; c < x.shape[1]!; c++) {
        const strided = i.address + (n * i.image + c * i.channel) * item;
        const there = dense + (n * x.shape[1]! + c) * plane * item;
        if (direction === "in") this.#copy(double, height, width, strided, i.row, i.column, there, width, 1);
        else this.#copy(double, height, width, there, width, 1, strided, i.row, i.column);
      }
    }
  }

  /** The convolution into contiguous memory; weights that are not [group][output][input][tap] only where it is dense. */
  #run(shape: ConvShape, x: Images, w: Weights, bias: number, out: number, double: boolean, relu: boolean): void {
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    if (images * groups * outputs * outHeight * outWidth === 0) return;
    if (isDense(shape)) {
      this.#runDense(shape, x, w, bias, out, double, relu);
      return;
    }
    const code = this.#gemm.codeOf(double);
    const { item, target, vectorBytes: bytes } = code;
    const taps = shape.tapsY.length * shape.tapsX.length;
    const k = inputs * taps;
    const { tiles, rows, fullTiles, vectors } = code.tileRows(outputs);
    const threads = getNumThreads();
    const { l1d, l2 } = this.#native.features;
    const plan = this.#planOf(shape, x, double, { bytes: l2 / 3, items: threads > 1 ? 4 * threads : 1 });
    const { piece, perVector } = plan;
    const tile = (height: number, width: number): number =>
      this.#code(double, `tile ${height} ${width} ${perVector}`, (a) =>
        emitTile(a, target, {
          ...{ kind: "row", rows: height, vectors: width, masked: false, byTable: true, permuted: perVector },
        }),
      );
    const low = fullTiles < tiles ? rows - 1 : rows;
    const edgeFull = plan.vectorsFull % vectors || vectors;
    const edgeLast = plan.vectorsLast % vectors || vectors;
    const channel = shape.imageHeight * shape.imageWidth * item;

    const block = this.#block;
    block[0] = this.#code(double, "forward", (a) => emitConvForward(a, target));
    block[slot.begin] = 0;
    block[slot.end] = 1;
    this.#setCopy(block, slot, shape, x, plan, double);
    block[slot.w] = w.address;
    block[slot.wGroup] = outputs * k * item;
    block[slot.wRow] = k * item;
    block[slot.bias] = bias;
    block[slot.biasGroup] = bias === 0 ? 0 : outputs * item;
    block[slot.biasRow] = bias === 0 ? 0 : item;
    block[slot.out] = out;
    block[slot.outImage] = groups * outputs * channel;
    block[slot.outGroup] = outputs * channel;
    block[slot.outRow] = channel;
    block[slot.outRows] = piece.rows * shape.stepY * shape.imageWidth * item;
    block[slot.k] = k;
    block[slot.taps] = plan.taps;
    block[slot.entriesFull] = plan.entriesFull;
    block[slot.entriesLast] = plan.entriesLast;
    block[slot.panelsFull] = ceil(plan.vectorsFull, vectors);
    block[slot.panelsLast] = ceil(plan.vectorsLast, vectors);
    block[slot.panelBytes] = vectors * bytes;
    block[slot.panelEntries] = vectors * perVector * vectorEntry.bytes;
    block[slot.tiles] = tiles;
    block[slot.fullTiles] = fullTiles;
    block[slot.tileRows] = rows;
    block[slot.flags] = (bias === 0 ? 0 : flag.biasElement) | (relu ? flag.relu : 0);
    block[slot.tileHigh] = tile(rows, vectors);
    block[slot.tileLow] = tile(low, vectors);
    block[slot.edgeHighFull] = tile(rows, edgeFull);
    block[slot.edgeHighLast] = tile(rows, edgeLast);
    block[slot.edgeLowFull] = tile(low, edgeFull);
    block[slot.edgeLowLast] = tile(low, edgeLast);
    const tilesOutside = outputs * k * item > l2 / 4; // then the weights are read once for each item
    const channelBytes = shape.tapsY.length * (vectors * bytes + 64) * shape.strideX + rows * taps * item;
    const channels = Math.max(4, Math.floor((l1d * 0.7) / channelBytes));
    const blocks = tilesOutside || tiles === 1 ? 1 : ceil(inputs, channels);
    block[slot.tilesOutside] = tilesOutside ? 1 : 0;
    block[slot.kBlock] = ceil(inputs, blocks) * taps;
    block[slot.waiting] = block[slot.copyBytes]!;
    block[slot.waitingTile] = rows * vectors * bytes;
    block[slot.item] = item;
    this.#grid.countI = images * groups * piece.blocks;
    this.#grid.scratchBytes = block[slot.copyBytes]! + tiles * block[slot.waitingTile]!;
    this.#grid.work = images * groups * outputs * outHeight * outWidth * (k + 4) * 0.01;
    run(block, forwardSlots, this.#grid);
  }

  /** The same with pixels gathered densely. */
  #runDense(shape: ConvShape, x: Images, w: Weights, bias: number, out: number, double: boolean, relu: boolean): void {
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    const code = this.#gemm.codeOf(double);
    const { item, target, vectorBytes: bytes } = code;
    const taps = shape.tapsY.length * shape.tapsX.length;
    const k = inputs * taps;
    const { tiles, rows, fullTiles, vectors } = code.tileRows(outputs);
    const { l1d, l2 } = this.#native.features;
    const cut: DenseCut = { l1d, l2, threads: getNumThreads(), vectors, tiles };
    const key = `${Object.values(shape).join(";")} ${x.image} ${x.channel} ${x.row} ${x.column} ${double} ${cut.threads}`;
    let plan = this.#densePlans.get(key);
    if (plan === undefined) {
      if (this.#densePlans.size >= 256) this.#densePlans.clear();
      plan = makeDensePlan(shape, x, target, cut);
      this.#densePlans.set(key, plan);
    }
    const { piece, perVector } = plan;
    const tile = (height: number, width: number): number =>
      this.#code(double, `dense ${w.kind} ${height} ${width} ${perVector}`, (a) =>
        emitTile(a, target, { kind: w.kind, rows: height, vectors: width, masked: false, permuted: perVector }),
      );
    const low = fullTiles < tiles ? rows - 1 : rows;
    const channel = shape.imageHeight * shape.imageWidth * item;
    const block = this.#denseBlock;
    block[0] = this.#code(double, "dense", (a) => emitConvDense(a, target));
    block[dense.begin] = 0;
    block[dense.end] = 1;
    this.#setCopy(block, dense, shape, x, plan, double);
    block[dense.copyBytes] = plan.copyBytes;
    block[dense.copyImage] = plan.copyImage;
    block[dense.inPlace] = plan.inPlace ? 1 : 0;
    block[dense.xImages] = plan.images * x.image * item;
    block[dense.xRows] = plan.inPlace ? piece.rows * shape.strideY * x.row * item : 0;
    block[dense.sourceChannel] = plan.inPlace ? x.channel * item : block[dense.copyChannel]!;
    block[dense.imagesFull] = plan.images;
    block[dense.imagesLast] = plan.images > 1 ? plan.lastImages : 1;
    block[dense.many] = plan.images > 1 ? 1 : 0;
    block[dense.lastPart] = plan.images > 1 ? plan.imageItems - 1 : piece.blocks - 1;
    // rows that lie a multiple of 4096 bytes apart take each other's place in the first-level cache
    const packs = plan.tilesOutside && (w.packTable !== 0 || (w.kind === "row" && (w.row * item) % 4096 === 0));
    const packedRow = plan.channelBlock * taps * item + 64;
    block[dense.w] = w.address;
    block[dense.wGroup] = w.group * item;
    block[dense.wRow] = w.row * item;
    block[dense.wChannel] = w.channel * item;
    block[dense.aDistance] = packs ? packedRow : (w.kind === "row" ? w.row : w.channel) * item;
    block[dense.pack] = 0;
    if (packs)
      block[dense.pack] = w.packTable === 0 ? code.copyRows : this.#code(double, "pack turned", (a) => emitPackTurned(a, target));
    block[dense.packTable] = w.packTable;
    block[dense.bias] = bias;
    block[dense.biasGroup] = bias === 0 ? 0 : outputs * item;
    block[dense.biasRow] = bias === 0 ? 0 : item;
    block[dense.out] = out;
    block[dense.outImages] = plan.images * groups * outputs * channel;
    block[dense.outGroup] = outputs * channel;
    block[dense.outRow] = channel;
    block[dense.outRows] = piece.rows * shape.stepY * shape.imageWidth * item;
    block[dense.k] = k;
    block[dense.channelBlock] = plan.channelBlock;
    block[dense.tapCount] = taps;
    block[dense.segments] = plan.segmentTable;
    block[dense.vectorSegments] = plan.segments * taps * segmentEntry(target).bytes;
    block[dense.fill] = this.#code(double, `fill ${plan.segments}`, (a) => emitFill(a, target, plan.segments));
    block[dense.filled] = plan.copyBytes;
    block[dense.entriesFull] = plan.entriesFull;
    block[dense.entriesLast] = plan.entriesLast;
    block[dense.panelsFull] = plan.panelsFull;
    block[dense.panelsLast] = plan.panelsLast;
    block[dense.panelVectors] = vectors;
    block[dense.panelStep] = vectors * bytes;
    block[dense.panelChannel] = taps * vectors * bytes;
    block[dense.panelBytes] = plan.channelBlock * taps * vectors * bytes;
    block[dense.panelEntries] = vectors * perVector * vectorEntry.bytes;
    block[dense.vectorBytes] = bytes;
    block[dense.outputBlocks] = plan.outputBlocks;
    block[dense.tiles] = tiles;
    block[dense.fullTiles] = fullTiles;
    block[dense.tileRows] = rows;
    block[dense.flags] = (bias === 0 ? 0 : flag.biasElement) | (relu ? flag.relu : 0);
    block[dense.tileHigh] = tile(rows, vectors);
    block[dense.tileLow] = tile(low, vectors);
    block[dense.edgeHighFull] = tile(rows, plan.edgeFull);
    block[dense.edgeHighLast] = tile(rows, plan.edgeLast);
    block[dense.edgeLowFull] = tile(low, plan.edgeFull);
    block[dense.edgeLowLast] = tile(low, plan.edgeLast);
    const panels = plan.tilesOutside ? plan.panelsFull : 1;
    block[dense.tilesOutside] = plan.tilesOutside ? 1 : 0;
    block[dense.waitingTile] = rows * vectors * bytes;
    block[dense.item] = item;
    block[dense.packed] = plan.copyBytes + panels * block[dense.panelBytes]!;
    const packedBytes = packs ? rows * packedRow : 0;
    block[dense.waiting] = ceil(block[dense.packed]! + packedBytes, 64) * 64;
    const waiting = plan.channelBlock < inputs ? ceil(tiles, plan.outputBlocks) * panels * block[dense.waitingTile]! : 0;
    this.#denseGrid.countI = plan.imageItems * groups * piece.blocks * plan.outputBlocks;
    this.#denseGrid.scratchBytes = block[dense.waiting]! + waiting + slackBytes(target);
    this.#denseGrid.work = images * groups * outputs * outHeight * outWidth * (k + 4) * 0.01;
    run(block, denseSlots, this.#denseGrid);
  }

  #setCopy(
    block: Float64Array,
    at: CopySlots,
    shape: ConvShape,
    x: Images,
    plan: Plan | DensePlan | WeightPlan,
    double: boolean,
  ): void {
    const { item, target, copyRows } = this.#gemm.codeOf(double);
    const { piece } = plan;
    block[at.x] = x.address;
    block[at.xImage] = x.image * item;
    block[at.xGroup] = shape.inputs * x.channel * item;
    block[at.xChannel] = x.channel * item;
    block[at.xRow] = x.row * shape.strideY * item;
    block[at.xColumn] = x.column * shape.strideX * item;
    const apart = x.column * shape.strideX;
    if (apart === 1) block[at.copy] = copyRows;
    else if (apart === 2) block[at.copy] = this.#code(double, "copy even", (a) => emitCopyEven(a, target));
    else block[at.copy] = this.#copyApart(double);
    block[at.copyTable] = plan.copyTable;
    block[at.planes] = piece.planes;
    block[at.channels] = shape.inputs;
    block[at.copyChannel] = piece.channelElements * item;
    block[at.copyRow] = piece.planeWidth * item;
    block[at.copyBytes] = ceil(shape.inputs * piece.channelElements * item + slackBytes(target), 64) * 64;
    block[at.rowBlocks] = piece.blocks;
    block[at.groups] = shape.groups;
  }

  #weightPlanOf(shape: ConvShape, input: Images, double: boolean, byTaps: boolean): WeightPlan {
    const key = `${Object.values(shape).join(";")} ${input.row} ${input.column} ${double}`;
    let plan = this.#weightPlans.get(key);
    if (plan === undefined) {
      if (this.#weightPlans.size >= 256) this.#weightPlans.clear();
      plan = makeWeightPlan(shape, input, this.#gemm.codeOf(double).target, this.#native.features.l2, byTaps);
      this.#weightPlans.set(key, plan);
    }
    return plan;
  }

  #planOf(shape: ConvShape, input: Images, double: boolean, cut: Cut): Plan {
    const key = `${Object.values(shape).join(";")} ${input.row} ${input.column} ${double} ${cut.bytes} ${cut.items}`;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      if (this.#plans.size >= 256) this.#plans.clear();
      plan = makePlan(shape, input, this.#gemm.codeOf(double).target, cut);
      this.#plans.set(key, plan);
    }
    return plan;
  }
}

/** Weights of a forward convolution as PyTorch has them. */
function inOrder({ inputs, outputs, tapsY, tapsX }: ConvShape, address: number): Weights {
  const channel = tapsY.length * tapsX.length;
  const row = inputs * channel;
  return { address, row, channel, group: outputs * row, kind: "row", packTable: 0 };
}

/** Whether pixels are gathered densely. */
function isDense({ inputs, outputs, tapsY, tapsX }: ConvShape): boolean {
  return outputs >= leastDenseOutputs && inputs * tapsY.length * tapsX.length > 0;
}

function supported(x: Operand): boolean {
  return (x.dtype.key === "f32" || x.dtype.key === "f64") && (x.shape.length === 3 || x.shape.length === 4);
}
