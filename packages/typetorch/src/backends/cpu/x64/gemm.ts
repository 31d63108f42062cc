/**
 * Matrix products on x86-64: chooses tiles, packing and the cut into items for each shape, and keeps the compiled code.
 *
 * float32 and float64, any strides. Orientation is chosen so that vectors run along the contiguous dimension of the output. The ways:
 * - direct: tiles read A and B where they are (small products, few rows);
 * - packed: B is copied into panels, by a phase of its own or by each item, and A block by block into the thread's scratch memory (large products);
 * - dot: few rows and both operands contiguous along k (matrix-vector products, small batches through a linear layer): nothing is copied, each matrix is read once.
 * Blocks of k depend on the shape and the processor only, so results do not depend on the number of threads.
 */
import type { CpuFeatures, Native } from "../../../platform/index.ts";
import type { GemmArguments } from "../../backend.ts";
import { allocate, release } from "../memory.ts";
import { type Copy, itemGrid, noBatch, overOuterBatch, type Product, readProduct, throughCopies } from "../product.ts";
import { getNumThreads, type Grid, type Phase, run, runPhases } from "../team.ts";
import { GemmCode, vectorsOfRows } from "./gemmCode.ts";
import { driverSlot as slot, driverSlots } from "./gemmDriver.ts";
import { packSlot } from "./gemmPack.ts";
import { type AKind, flag } from "./gemmTile.ts";

/** Tiles of rows up to which items pack B themselves; above, a phase of its own packs it once for all. */
const itemTiles = 12;

/** Nanoseconds of one multiply-add on one thread, for deciding what is worth sharing. */
const nanosecondsOfStep = 0.01;
/** And of one byte that is met for the first time. */
const nanosecondsOfByte = 0.04;

/** Bytes of packed B at most; larger products are cut into groups of columns. */
const packedBytes = 128 << 20;

export class Gemm {
  readonly #features: CpuFeatures;
  readonly #native: Native;
  readonly #avx512: boolean;
  #single: GemmCode | null = null;
  #double: GemmCode | null = null;
  readonly #block = new Float64Array(driverSlots);
  readonly #packBlock = new Float64Array(packSlot.slots);
  readonly #grid: Grid = itemGrid(slot.begin, slot.end, slot.scratch);
  readonly #packGrid: Grid = itemGrid(packSlot.begin, packSlot.end, -1);
  readonly #phases: Phase[];
  /** Batch dimensions of the product at hand. */
  readonly #batch = noBatch();

  constructor(native: Native, options: { readonly avx512?: boolean } = {}) {
    this.#native = native;
    this.#features = native.features;
    this.#avx512 = options.avx512 ?? native.features.avx512;
    this.#phases = [
      { block: this.#packBlock, slots: packSlot.slots, grid: this.#packGrid },
      { block: this.#block, slots: driverSlots, grid: this.#grid },
    ];
  }

  codeOf(double: boolean): GemmCode {
    if (double) {
      this.#double ??= new GemmCode(this.#native, { avx512: this.#avx512, double });
      return this.#double;
    }
    this.#single ??= new GemmCode(this.#native, { avx512: this.#avx512, double });
    return this.#single;
  }

  /**
   * Runs the product when it is float32 or float64; false when it is not, with nothing done. Activations other than relu are not applied: the caller follows up
   * with a map (`needsActivation`).
   */
  run(args: GemmArguments): boolean {
    const { key } = args.out.dtype;
    if (key !== "f32" && key !== "f64") return false;
    const code = this.codeOf(key === "f64");
    const product = readProduct(args, this.#batch);
    if (product !== null) overOuterBatch(product, this.#batch, code.item, () => this.#oriented(code, product));
    return true;
  }

  /** Copies what has no contiguous dimension. */
  #oriented(code: GemmCode, p: Product): void {
    const aFits = p.aStep === 1 || p.aRow === 1 || p.m === 1;
    const bFits = p.bColumn === 1 || p.bStep === 1;
    const cFits = p.cColumn === 1;
    const biasFits = p.bias === 0 || p.biasColumn === 1 || p.biasColumn === 0 || p.n === 1;
    if (aFits && bFits && cFits && biasFits) {
      this.#product(code, p);
      return;
    }
    const needs = { a: !aFits, b: !bFits, c: !cFits, bias: !biasFits };
    throughCopies(p, this.#batch, code.item, needs, this.copyOf(code), (q) => this.#oriented(code, q));
  }

  copyOf(code: GemmCode): Copy {
    const { item } = code;
    return (rows, columns, from, fromRow, fromColumn, to, toRow, toColumn) => {
      const block = Float64Array.of(
        ...[code.copyStrided, rows, columns, from, fromRow * item, fromColumn * item, to, toRow * item, toColumn * item],
      );
      this.#native.call(this.#native.addressOf(block.buffer));
    };
  }

  /** The product proper: A contiguous along k or m, B along n or k, C along n. */
  #product(code: GemmCode, p: Product): void {
    const { item, lanes: width, vectorBytes: bytes, maxRows, target } = code;
    const { m, n, k } = p;
    const block = this.#block;
    const { sizes, a: aSteps, b: bSteps, c: cSteps } = this.#batch;
    const batch = (sizes[0] ?? 1) * (sizes[1] ?? 1);
    const scale = (target.avx512 ? 1 : 2) * (target.double ? 2 : 1);
    const work =
      batch * Math.max(m * n * (k + 4) * nanosecondsOfStep * scale, (m * k + k * n + m * n) * item * nanosecondsOfByte);
    const aKind: AKind = p.aStep === 1 ? "row" : "column";
    const bByRows = p.bColumn === 1;
    const dot = aKind === "row" && !bByRows && m <= (target.avx512 ? 8 : 4) && k >= width;

    let rows: number;
    let tiles: number;
    let panelColumns: number;
    let vectors = 0;
    if (dot) {
      const most = target.avx512 ? 6 : 2;
      tiles = Math.ceil(m / most);
      rows = Math.ceil(m / tiles);
      panelColumns = rows === 1 || (rows === 2 && target.avx512) ? 8 : 4;
    } else {
      tiles = Math.ceil(m / maxRows);
      rows = Math.ceil(m / tiles);
      vectors = bByRows ? ((target.avx512 ? vectorsOfRows.avx512 : vectorsOfRows.avx2)[rows] ?? 2) : 2;
      if (tiles > 1) vectors = 2;
      panelColumns = vectors * width;
    }
    const fullTiles = tiles - (tiles * rows - m);
    const panels = Math.ceil(n / panelColumns);
    const edgeColumns = n - (panels - 1) * panelColumns;

    // what is packed
    // rows of B at a distance of many cache lines times a power of two take each other's place in the first-level cache
    const crowded = (p.bStep * item) % 1024 === 0;
    const packB = !dot && (!bByRows || (tiles >= (crowded ? 3 : 9) && k * n * item > 65536));
    const kBlocks = dot ? 1 : Math.max(1, Math.round(k / this.#kBlock(code)));
    const kBlock = kBlocks === 1 ? k : Math.ceil(k / kBlocks / 4) * 4;

    const inItem = packB && (batch > 1 || tiles <= itemTiles);
    const mostPanels = Math.max(1, Math.floor(packedBytes / (k * 2 * bytes)));
    if (packB && !inItem && panels > mostPanels) {
      for (let column = 0; column < n; column += mostPanels * panelColumns) {
        this.#product(code, {
          ...p,
          n: Math.min(n - column, mostPanels * panelColumns),
          b: p.b + column * p.bColumn * item,
          c: p.c + column * item,
          bias: p.bias === 0 ? 0 : p.bias + column * p.biasColumn * item,
        });
      }
      return;
    }

    // the cut into items
    const threads = getNumThreads();
    const wanted = threads === 1 ? 1 : Math.min(4 * threads, Math.floor(work / 4000));
    const splits = Math.max(1, Math.ceil(wanted / batch));
    let columnBlocks = 1;
    let rowBlocks = 1;
    if (packB && !inItem) {
      rowBlocks = Math.min(tiles, splits);
      columnBlocks = Math.min(panels, Math.ceil(splits / rowBlocks));
    } else {
      columnBlocks = Math.min(panels, splits);
      rowBlocks = Math.min(tiles, Math.ceil(splits / columnBlocks));
    }
    // a block of A takes less than half of the second-level cache
    const blockRows = Math.max(1, Math.floor((this.#features.l2 * 0.4) / (kBlock * item) / rows));
    rowBlocks = Math.max(rowBlocks, Math.ceil(tiles / blockRows));
    // as many blocks for each thread: with 11 of them for 2 threads one would wait while the other does the last
    if (columnBlocks === 1) rowBlocks = Math.min(tiles, Math.ceil(rowBlocks / threads) * threads);
    const tilesPerBlock = Math.ceil(tiles / rowBlocks); // at most: blocks are as equal as they can be
    const panelsPerBlock = Math.ceil(panels / columnBlocks);
    const packA = !dot && panelsPerBlock >= 6 && tiles > 1 && m * k * item > 32768;

    block[0] = code.driver;
    block[slot.begin] = 0;
    block[slot.a] = p.a;
    block[slot.b] = p.b;
    block[slot.c] = p.c;
    block[slot.bias] = p.bias;
    block[slot.batch2] = sizes.length > 0 ? sizes[0]! : 1;
    block[slot.aBatch1] = sizes.length > 1 ? aSteps[1]! * item : 0;
    block[slot.aBatch2] = sizes.length > 0 ? aSteps[0]! * item : 0;
    block[slot.bBatch1] = sizes.length > 1 ? bSteps[1]! * item : 0;
    block[slot.bBatch2] = sizes.length > 0 ? bSteps[0]! * item : 0;
    block[slot.cBatch1] = sizes.length > 1 ? cSteps[1]! * item : 0;
    block[slot.cBatch2] = sizes.length > 0 ? cSteps[0]! * item : 0;
    block[slot.rowBlocks] = rowBlocks;
    block[slot.columnBlocks] = columnBlocks;
    block[slot.tiles] = tiles;
    block[slot.fullTiles] = fullTiles;
    block[slot.tileRows] = rows;
    block[slot.panels] = panels;
    block[slot.k] = k;
    block[slot.kBlock] = kBlock;
    block[slot.aRow] = p.aRow * item;
    block[slot.aStep] = p.aStep * item;
    block[slot.cRow] = p.cRow * item;
    block[slot.cPanel] = panelColumns * item;
    block[slot.biasRow] = p.biasRow * item;
    block[slot.biasPanel] = p.biasColumn * panelColumns * item;
    block[slot.flags] = flagsOf(p) | (p.bias === 0 ? 0 : p.biasColumn === 0 ? flag.biasElement : flag.biasVector);
    block[slot.columns] = n;
    block[slot.panelColumns] = panelColumns;
    block[slot.alpha] = p.alpha;
    block[slot.beta] = p.beta;

    // A
    let scratchBytes = 0;
    block[slot.packA] = 0;
    block[slot.packAByTile] = 0;
    const packedColumn = Math.ceil((maxRows * item) / bytes) * bytes;
    if (packA && aKind === "row") {
      const distance = kBlock * item + 64;
      block[slot.packA] = code.copyRows;
      block[slot.aDistance] = distance;
      block[slot.aTileHigh] = rows * distance;
      block[slot.aTileLow] = (rows - 1) * distance;
      scratchBytes = tilesPerBlock * rows * distance;
    } else if (packA) {
      block[slot.packA] = code.packRows((packedColumn / bytes) as 1 | 2);
      block[slot.packAByTile] = 1;
      block[slot.aDistance] = packedColumn;
      block[slot.aTileHigh] = kBlock * packedColumn;
      block[slot.aTileLow] = kBlock * packedColumn;
      scratchBytes = tilesPerBlock * kBlock * packedColumn;
    } else {
      block[slot.aDistance] = aKind === "row" ? p.aRow * item : p.aStep * item;
      block[slot.aTileHigh] = rows * p.aRow * item;
      block[slot.aTileLow] = (rows - 1) * p.aRow * item;
    }

    // B
    const packedPanel = k * 2 * bytes;
    const sourcePanel = (bByRows ? 1 : p.bColumn) * panelColumns * item;
    block[slot.packB] = 0;
    block[slot.packBDistance] = 0;
    block[slot.scratchA] = 0;
    block[slot.bPanel] = sourcePanel;
    block[slot.bStep] = dot ? item : p.bStep * item;
    block[slot.bDistance] = packB ? 2 * bytes : dot ? p.bColumn * item : p.bStep * item;
    block[slot.prefetchStep] = bByRows ? p.bStep * item : 64;
    if (inItem) {
      block[slot.packB] = bByRows ? code.packRows(2) : code.packTransposed;
      block[slot.packBDistance] = (bByRows ? p.bStep : p.bColumn) * item;
      block[slot.scratchA] = kBlock * 2 * bytes;
      scratchBytes += kBlock * 2 * bytes;
    }

    // the tiles
    const edgeVectors = Math.ceil(edgeColumns / width);
    const edgeMasked = edgeColumns !== edgeVectors * width;
    block[slot.maskLanes] = edgeColumns - (edgeVectors - 1) * width;
    const low = Math.max(1, rows - 1);
    if (dot) {
      block[slot.tileHigh] = panels > 1 ? code.dotTile(rows, panelColumns) : 0;
      block[slot.tileLow] = panels > 1 ? code.dotTile(low, panelColumns) : 0;
      block[slot.edgeHigh] = code.dotTile(rows, edgeColumns);
      block[slot.edgeLow] = code.dotTile(low, edgeColumns);
    } else {
      const twoHeights = fullTiles < tiles;
      block[slot.tileHigh] = panels > 1 ? code.tile(aKind, rows, vectors, false) : 0;
      block[slot.tileLow] = panels > 1 && twoHeights ? code.tile(aKind, low, vectors, false) : 0;
      block[slot.edgeHigh] = code.tile(aKind, rows, edgeVectors, edgeMasked);
      block[slot.edgeLow] = twoHeights ? code.tile(aKind, low, edgeVectors, edgeMasked) : 0;
    }

    const items = batch * rowBlocks * columnBlocks;
    if (packB && !inItem) {
      const packed = allocate(panels * packedPanel);
      block[slot.b] = packed.address;
      block[slot.bPanel] = packedPanel;
      block[slot.bStep] = 2 * bytes;
      block[slot.prefetchStep] = 64;
      const pack = this.#packBlock;
      pack[0] = code.packPhase;
      const chunk = bByRows ? 16 : k;
      const group = bByRows ? Math.min(panels, 64) : 1;
      const chunks = Math.ceil(k / chunk);
      pack[packSlot.source] = p.b;
      pack[packSlot.panelStep] = sourcePanel;
      pack[packSlot.sourceStep] = p.bStep * item;
      pack[packSlot.target] = packed.address;
      pack[packSlot.targetPanel] = packedPanel;
      pack[packSlot.targetStep] = 2 * bytes;
      pack[packSlot.steps] = k;
      pack[packSlot.chunk] = chunk;
      pack[packSlot.chunks] = chunks;
      pack[packSlot.group] = group;
      pack[packSlot.panels] = panels;
      pack[packSlot.distance] = (bByRows ? p.bStep : p.bColumn) * item;
      pack[packSlot.columns] = n;
      pack[packSlot.routine] = bByRows ? code.packRows(2) : code.packTransposed;
      this.#packGrid.countI = chunks * Math.ceil(panels / group);
      this.#packGrid.work = k * n * 0.3;
      this.#grid.countI = items;
      this.#grid.scratchBytes = scratchBytes;
      this.#grid.work = work;
      block[slot.end] = 1;
      pack[packSlot.begin] = 0;
      pack[packSlot.end] = 1;
      runPhases(this.#phases);
      release(packed);
    } else if (items === 1 && scratchBytes === 0) {
      block[slot.end] = 1;
      run(block, driverSlots, null);
    } else {
      block[slot.end] = 1;
      this.#grid.countI = items;
      this.#grid.scratchBytes = scratchBytes;
      this.#grid.work = work;
      run(block, driverSlots, this.#grid);
    }
  }

  /** Steps of k in a block: a panel of B takes a sixteenth of the second-level cache, from where tiles stream it without loss. */
  #kBlock(code: GemmCode): number {
    return Math.min(1024, Math.max(256, Math.floor(this.#features.l2 / 16 / (2 * code.vectorBytes) / 64) * 64));
  }
}

function flagsOf({ alpha, beta, relu }: Product): number {
  const scaled = beta === 0 ? 0 : beta === 1 ? flag.beta : flag.beta | flag.betaFactor;
  return scaled | (alpha === 1 ? 0 : flag.alpha) | (relu ? flag.relu : 0);
}
