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
import { backwardShapes, type ConvShape, elementsOf, forwardShape, type Images, imagesOf, isContiguous } from "../convShape.ts";
import { allocate, release } from "../memory.ts";
import { addressOf, itemGrid } from "../product.ts";
import { getNumThreads, type Grid, run } from "../team.ts";
import { ConvCode } from "./convCode.ts";
import { emitPackTurned } from "./convCopy.ts";
import { denseSlot as dense, denseSlots, emitConvDense, emitFill, segmentEntry } from "./convDense.ts";
import { type DenseCut, type DensePlan, makeDensePlan, tilesGoOutside } from "./convDensePlan.ts";
import { emitConvForward, forwardSlot as slot, forwardSlots } from "./convForward.ts";
import { type Cut, makePlan, type Plan, slackBytes } from "./convPlan.ts";
import { ConvTurn } from "./convTurn.ts";
import { ConvWeightGradient } from "./convWeightRun.ts";
import { type AKind, emitTile, flag, vectorEntry } from "./gemmTile.ts";

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

/** Output channels of a group from which on it pays to gather pixels densely before they are multiplied. */
const leastDenseOutputs = 12;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export class Conv {
  readonly #code: ConvCode;
  readonly #turn: ConvTurn;
  readonly #weightGradient: ConvWeightGradient;
  readonly #plans = new Map<string, Plan>();
  readonly #block = new Float64Array(forwardSlots);
  readonly #grid: Grid = itemGrid(slot.begin, slot.end, slot.scratch);
  readonly #densePlans = new Map<string, DensePlan>();
  readonly #denseBlock = new Float64Array(denseSlots);
  readonly #denseGrid: Grid = itemGrid(dense.begin, dense.end, dense.scratch);

  constructor(native: Native, options: { readonly avx512?: boolean } = {}) {
    this.#code = new ConvCode(native, options);
    this.#turn = new ConvTurn(this.#code);
    this.#weightGradient = new ConvWeightGradient(this.#code, this.#turn);
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
    const w = this.#code.contiguous(weight, temporary);
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
      this.#code.copyPlanes(out, to.address, outHeight * outWidth, "out");
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
    const w = this.#code.contiguous(weight, temporary);
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
      const { target } = this.#code.gemm.codeOf(double);
      if (isDense(shape) && kernel === 1) {
        this.#run(shape, imagesOf(g), { ...as, kind: "column" }, 0, result, double, false);
        continue;
      }
      const turn = this.#turn.vector(double, offsets, as.channel);
      if (target.avx512 && turn !== null && isDense(shape) && tilesGoOutside(shape, item, this.#code.native.features.l2)) {
        const packed: Weights = { ...as, address: w + turn.least, kind: "row", packTable: turn.table };
        this.#run(shape, imagesOf(g), packed, 0, result, double, false);
        continue;
      }
      const turned = allocate(Math.max(1, f.groups * matrix * count) * item);
      if (matrix > 0) {
        this.#turn.turn(double, {
          ...{ from: w, to: turned.address, groups: f.groups, outer: f.outputs, inner: f.inputs, offsets },
          ...{ fromGroup: matrix * kernel, fromOuter: f.inputs * kernel, fromInner: kernel },
          ...{ toGroup: matrix * count, toOuter: count, toInner: f.outputs * count },
        });
      }
      this.#run(shape, imagesOf(g), inOrder(shape, turned.address), 0, result, double, false);
      release(turned);
    }
    if (to !== null) {
      this.#code.copyPlanes(gx, to.address, f.height * f.width, "out");
      release(to);
    }
    for (const storage of temporary) release(storage);
    return true;
  }

  /** gw = the gradient of the weight. */
  backwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): boolean {
    if (!supported(gw)) return false;
    this.#weightGradient.run(g, x, gw, geometry);
    return true;
  }

  /** The convolution into contiguous memory; weights that are not [group][output][input][tap] only where it is dense. */
  #run(shape: ConvShape, x: Images, w: Weights, bias: number, out: number, double: boolean, relu: boolean): void {
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    if (images * groups * outputs * outHeight * outWidth === 0) return;
    if (isDense(shape)) {
      this.#runDense(shape, x, w, bias, out, double, relu);
      return;
    }
    const code = this.#code.gemm.codeOf(double);
    const { item, target, vectorBytes: bytes } = code;
    const taps = shape.tapsY.length * shape.tapsX.length;
    const k = inputs * taps;
    const { tiles, rows, fullTiles, vectors } = code.tileRows(outputs);
    const threads = getNumThreads();
    const { l1d, l2 } = this.#code.native.features;
    const plan = this.#planOf(shape, x, double, { bytes: l2 / 3, items: threads > 1 ? 4 * threads : 1 });
    const { piece, perVector } = plan;
    const tile = (height: number, width: number): number =>
      this.#code.routine(double, `tile ${height} ${width} ${perVector}`, (a) =>
        emitTile(a, target, {
          ...{ kind: "row", rows: height, vectors: width, masked: false, byTable: true, permuted: perVector },
        }),
      );
    const low = fullTiles < tiles ? rows - 1 : rows;
    const edgeFull = plan.vectorsFull % vectors || vectors;
    const edgeLast = plan.vectorsLast % vectors || vectors;
    const channel = shape.imageHeight * shape.imageWidth * item;

    const block = this.#block;
    block[0] = this.#code.routine(double, "forward", (a) => emitConvForward(a, target));
    block[slot.begin] = 0;
    block[slot.end] = 1;
    this.#code.setCopy(block, slot, shape, x, plan, double);
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
    const code = this.#code.gemm.codeOf(double);
    const { item, target, vectorBytes: bytes } = code;
    const taps = shape.tapsY.length * shape.tapsX.length;
    const k = inputs * taps;
    const { tiles, rows, fullTiles, vectors } = code.tileRows(outputs);
    const { l1d, l2 } = this.#code.native.features;
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
      this.#code.routine(double, `dense ${w.kind} ${height} ${width} ${perVector}`, (a) =>
        emitTile(a, target, { kind: w.kind, rows: height, vectors: width, masked: false, permuted: perVector }),
      );
    const low = fullTiles < tiles ? rows - 1 : rows;
    const channel = shape.imageHeight * shape.imageWidth * item;
    const block = this.#denseBlock;
    block[0] = this.#code.routine(double, "dense", (a) => emitConvDense(a, target));
    block[dense.begin] = 0;
    block[dense.end] = 1;
    this.#code.setCopy(block, dense, shape, x, plan, double);
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
      block[dense.pack] =
        w.packTable === 0 ? code.copyRows : this.#code.routine(double, "pack turned", (a) => emitPackTurned(a, target));
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
    block[dense.fill] = this.#code.routine(double, `fill ${plan.segments}`, (a) => emitFill(a, target, plan.segments));
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

  #planOf(shape: ConvShape, input: Images, double: boolean, cut: Cut): Plan {
    const key = `${Object.values(shape).join(";")} ${input.row} ${input.column} ${double} ${cut.bytes} ${cut.items}`;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      if (this.#plans.size >= 256) this.#plans.clear();
      plan = makePlan(shape, input, this.#code.gemm.codeOf(double).target, cut);
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
