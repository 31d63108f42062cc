/**
 * The gradient of a convolution's weight: chooses tiles, the cut into units, parts and blocks of outputs, and puts the result where it belongs.
 */
import type { ConvGeometry, Operand } from "../../backend.ts";
import { type ConvShape, elementsOf, forwardShape, type Images, imagesOf, isContiguous } from "../convShape.ts";
import { allocate, release } from "../memory.ts";
import { addressOf, itemGrid } from "../product.ts";
import { getNumThreads, type Grid, run } from "../team.ts";
import type { ConvCode } from "./convCode.ts";
import { slackBytes } from "./convPlan.ts";
import type { ConvTurn } from "./convTurn.ts";
import { emitConvWeight, weightSlot as weight, weightSlots } from "./convWeight.ts";
import { makeWeightPlan, type WeightPlan } from "./convWeightPlan.ts";
import { emitTapTile } from "./gemmDot.ts";
import { emitTile } from "./gemmTile.ts";

/** Independent sums into which the gradient of the weight is cut at least, if there is so much to sum; and how much memory they may take. */
const partsWanted = 16;
const partialBytes = 2 << 20;
/** Output channels of an item at least, where the input is transposed for each block of them. */
const leastOutputs = 56;
/** Columns of a tile that takes taps as they are. */
const tapColumns = 9;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export class ConvWeightGradient {
  readonly #code: ConvCode;
  readonly #turn: ConvTurn;
  readonly #block = new Float64Array(weightSlots);
  readonly #grid: Grid = itemGrid(weight.begin, weight.end, weight.scratch);
  readonly #plans = new Map<string, WeightPlan>();

  constructor(code: ConvCode, turn: ConvTurn) {
    this.#code = code;
    this.#turn = turn;
  }

  /** gw = the gradient of the weight: of float32 or float64, with one or two spatial dimensions. */
  run(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): void {
    const shape = forwardShape(x, gw, g, geometry);
    const double = gw.dtype.key === "f64";
    const code = this.#code.gemm.codeOf(double);
    const { item, lanes, target, vectorBytes: bytes } = code;
    const { images, groups, inputs, outputs, outHeight, outWidth } = shape;
    const taps = shape.tapsY.length * shape.tapsX.length;
    const elements = elementsOf(gw);
    if (elements === 0) return;
    const image = imagesOf(x);
    const gradient = imagesOf(g);
    const dense = isContiguous(gw) ? null : allocate(elements * item);
    const result = dense === null ? addressOf(gw) : dense.address;
    if (images * outHeight * outWidth === 0) {
      this.#code.clear(double, result, elements);
    } else {
      // with few channels the pixels of an output are multiplied with those of every channel and tap as they lie, else with vectors of channels
      const byTaps = inputs <= lanes / 2;
      const plan = this.#planOf(shape, image, double, byTaps);
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
      const wanted = threads === 1 ? 1 : ceil(2 * threads, parts * groups);
      const most = Math.min(ceil(outputs, leastOutputs), wanted);
      const outputBlocks = most > threads ? most - (most % threads) : most; // as many for each thread
      const blockRows = (ceil(tiles, outputBlocks) + 1) * rows;
      const permuted = !byTaps && taps > 1;
      // a tile that is summed at once is turned at once
      const turnsTiles = permuted && units === 1;
      const partial = parts > 1 || (permuted && !turnsTiles) ? allocate(parts * elements * item) : null;
      const summed = permuted && parts > 1 ? allocate(elements * item) : null;

      const block = this.#block;
      block[0] = this.#code.routine(double, "weight", (a) => emitConvWeight(a, target));
      block[weight.begin] = 0;
      block[weight.end] = 1;
      this.#code.setCopy(block, weight, shape, image, plan, double);
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
      block[weight.gRoutine] = gradient.column === 1 ? code.copyRows : this.#code.copyApart(double);
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
      block[weight.turn] = turnsTiles ? this.#turn.taps(double, taps) : 0;
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
          return this.#code.routine(double, `taps ${height} ${width}`, (a) =>
            emitTapTile(a, target, { rows: height, columns: width }),
          );
        }
        const vectors = last ? edgeVectors : 2;
        const masked = last && edgeLanes !== lanes;
        return this.#code.routine(double, `positions ${height} ${vectors} ${masked}`, (a) =>
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
      this.#grid.countI = groups * parts * outputBlocks;
      this.#grid.scratchBytes = block[weight.turned]! + (turnsTiles ? rows * block[weight.partialRow]! : 0) + slackBytes(target);
      this.#grid.work = images * groups * outputs * outHeight * outWidth * (inputs * taps + 8) * 0.01;
      run(block, weightSlots, this.#grid);

      let from = block[weight.partial]!;
      if (parts > 1) {
        const to = summed === null ? result : summed.address;
        this.#turn.sum(double, from, elements, parts, to);
        from = to;
      }
      // [group][output][tap][input] becomes [group][output][input][tap]
      if (permuted && !turnsTiles) this.#turn.rows(double, from, result, groups * outputs, inputs, taps);
      if (summed !== null) release(summed);
      if (partial !== null) release(partial);
    }
    if (dense !== null) {
      this.#code.copyPlanes(gw, dense.address, taps, "out");
      release(dense);
    }
  }

  #planOf(shape: ConvShape, input: Images, double: boolean, byTaps: boolean): WeightPlan {
    const key = `${Object.values(shape).join(";")} ${input.row} ${input.column} ${double}`;
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      if (this.#plans.size >= 256) this.#plans.clear();
      plan = makeWeightPlan(shape, input, this.#code.gemm.codeOf(double).target, this.#code.native.features.l2, byTaps);
      this.#plans.set(key, plan);
    }
    return plan;
  }
}
