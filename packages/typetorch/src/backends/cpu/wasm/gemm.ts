/**
 * Matrix products on WebAssembly: chooses tiles, packing and the cut into items for each shape.
 *
 * float32 and float64, any strides. The ways:
 * - dot: both operands contiguous along k: nothing is copied, vectors run along k;
 * - outer: vectors run along the rows of B. A is packed by each item, block by block of k; B is read where it is when few rows meet it, packed panel by panel by
 *   each item, or packed once for all by a phase of its own when several blocks of rows meet it.
 * Blocks of k depend on the shape only, so results do not depend on the number of threads.
 */
import type { GemmArguments } from "../../backend.ts";
import { allocate, release } from "../memory.ts";
import { itemGrid, noBatch, overOuterBatch, type Product, readProduct, throughCopies } from "../product.ts";
import { getNumThreads, type Grid, type Phase, run, runPhases } from "../team.ts";
import { driverSlot as slot, driverSlots, packSlot } from "./gemmDriver.ts";
import { dotColumns, dotRows, flag, outerRows, outerVectors, vectorBytes } from "./gemmTile.ts";
import { copySlot, newBlock, type ProductCode, type ProductCodes, routine } from "./productCode.ts";

/** Nanoseconds of one multiply-add of float32 on one thread, for deciding what is worth sharing. */
const nanosecondsOfStep = 0.055;
/** And of one byte that is met for the first time. */
const nanosecondsOfByte = 0.05;

/** Steps of k in a block: a packed panel of B takes half of a small first-level cache. */
const outerBlock = 384;
/** Steps of k in a block where B is read in place: its rows are not to be on more pages than the processor has at hand. */
const directBlock = 32;
/** Bytes of a row of B from which that matters. */
const pageBytes = 2048;
/** Bytes of A that an item keeps at hand: half of a small second-level cache. */
const blockBytes = 128 << 10;
/** Steps of k in a block of dot products, where several rows and columns are to stay in the first-level cache. */
const dotBlock = 1024;
/** Bytes of packed B at most; larger products are cut into groups of columns. */
const packedBytes = 32 << 20;

export class WasmGemm {
  readonly #codes: ProductCodes;
  readonly #grid: Grid = itemGrid(slot.begin, slot.end, slot.scratch);
  readonly #packGrid: Grid = itemGrid(packSlot.begin, packSlot.end, -1);
  readonly #block = newBlock(driverSlots);
  readonly #packBlock = newBlock(packSlot.slots);
  readonly #copyBlock = newBlock(copySlot.slots);
  readonly #phases: Phase[];
  readonly #batch = noBatch();

  constructor(codes: ProductCodes) {
    this.#codes = codes;
    this.#phases = [
      { block: this.#packBlock, slots: packSlot.slots, grid: this.#packGrid },
      { block: this.#block, slots: driverSlots, grid: this.#grid },
    ];
  }

  /** Runs the product when it is float32 or float64; false when it is not, with nothing done. Activations other than relu are not applied. */
  run(args: GemmArguments): boolean {
    const { key } = args.out.dtype;
    if (key !== "f32" && key !== "f64") return false;
    const code = this.#codes.of(key === "f64");
    const product = readProduct(args, this.#batch);
    if (product !== null) overOuterBatch(product, this.#batch, code.item, () => this.#oriented(code, product));
    return true;
  }

  /** Copies outputs and biases whose rows are not contiguous. */
  #oriented(code: ProductCode, p: Product): void {
    const cFits = p.cColumn === 1;
    const biasFits = p.bias === 0 || p.biasColumn === 1 || p.biasColumn === 0 || p.n === 1;
    if (cFits && biasFits) {
      this.#product(code, p);
      return;
    }
    const { item } = code;
    throughCopies(
      p,
      this.#batch,
      item,
      { a: false, b: false, c: !cFits, bias: !biasFits },
      (rows, columns, from, fromRow, fromColumn, to, toRow, toColumn) => {
        const block = this.#copyBlock;
        block[0] = code.kernel;
        block[copySlot.routine] = routine.copy;
        const values = [rows, columns, from, fromRow * item, fromColumn * item, to, toRow * item, toColumn * item];
        for (const [k, value] of values.entries()) block[copySlot.first + k] = value;
        run(block, copySlot.slots, null);
      },
      (q) => this.#oriented(code, q),
    );
  }

  /** The product proper: C contiguous along n. */
  #product(code: ProductCode, p: Product): void {
    const { item, lanes } = code;
    const { m, n, k } = p;
    const block = this.#block;
    const { sizes, a: aSteps, b: bSteps, c: cSteps } = this.#batch;
    const batch = (sizes[0] ?? 1) * (sizes[1] ?? 1);
    const scale = (code.double ? 2 : 1) * batch;
    const work = scale * Math.max(m * n * (k + 8) * nanosecondsOfStep, (m * k + k * n + m * n) * item * nanosecondsOfByte);
    const dot = p.aStep === 1 && p.bStep === 1 && k >= 4 * lanes;

    const most = dot ? dotRows : outerRows;
    const tiles = Math.ceil(m / most);
    const rows = Math.ceil(m / tiles);
    const vectors = Math.ceil(n / lanes);
    const cut = cutColumns(vectors, dot ? dotColumns[rows]! / lanes : outerVectors[tiles > 1 ? outerRows : rows]!, dot);
    // what few rows meet is read where it is
    const byRows = p.bColumn === 1;
    const packB = !dot && (!byRows || tiles > 3);
    const blockOf = dot ? dotBlock : packB || n * item < pageBytes ? outerBlock : directBlock;
    const kBlocks = Math.max(1, Math.round(k / blockOf));
    const kBlock = kBlocks === 1 ? Math.max(1, k) : Math.ceil(k / kBlocks / 4) * 4;
    const packA = !dot && m > 1;
    const blockRows = Math.max(1, Math.floor(blockBytes / (kBlock * item) / rows));
    const blocks = Math.ceil(tiles / blockRows);

    const wanted = getNumThreads() === 1 ? 1 : Math.min(4 * getNumThreads(), Math.floor(work / 8000));
    const splits = Math.max(1, Math.ceil(wanted / batch));
    const inItem = packB && (blocks === 1 || batch > 1);
    let columnBlocks: number;
    let rowBlocks: number;
    if (packB && !inItem) {
      rowBlocks = Math.max(blocks, Math.min(tiles, splits));
      columnBlocks = Math.min(cut.panels, Math.ceil((2 * splits) / rowBlocks)); // finer: threads finish together
      const widest = Math.max(1, Math.floor(packedBytes / (k * item * lanes)));
      if (vectors > widest) {
        const columns = Math.max(cut.panelVectors, widest - (widest % cut.panelVectors)) * lanes;
        for (let column = 0; column < n; column += columns) {
          const part = { ...p, n: Math.min(n - column, columns), b: p.b + column * p.bColumn * item, c: p.c + column * item };
          this.#product(code, { ...part, bias: p.bias === 0 ? 0 : p.bias + column * p.biasColumn * item });
        }
        return;
      }
    } else {
      columnBlocks = Math.min(cut.panels, splits);
      rowBlocks = Math.min(tiles, Math.max(blocks, Math.ceil(splits / columnBlocks)));
    }

    block[0] = code.kernel;
    block[slot.routine] = routine.product;
    block[slot.begin] = 0;
    block[slot.end] = 1;
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
    block[slot.fullTiles] = tiles - (tiles * rows - m);
    block[slot.tileRows] = rows;
    block[slot.columns] = n;
    block[slot.panels] = cut.panels;
    block[slot.panelVectors] = cut.panelVectors;
    block[slot.fullPanels] = cut.fullPanels;
    block[slot.tailVectors] = cut.tailVectors;
    block[slot.k] = k;
    block[slot.kBlock] = kBlock;
    block[slot.aRow] = p.aRow * item;
    block[slot.aStep] = p.aStep * item;
    block[slot.packA] = packA ? 1 : 0;
    block[slot.bStep] = p.bStep * item;
    block[slot.bColumn] = p.bColumn * item;
    block[slot.packB] = packB ? (inItem ? 1 : 2) : 0;
    block[slot.cRow] = p.cRow * item;
    block[slot.biasRow] = p.biasRow * item;
    block[slot.biasColumn] = p.biasColumn * item;
    block[slot.flags] =
      (p.alpha === 1 ? 0 : flag.alpha) |
      (p.beta === 0 ? 0 : flag.beta) |
      (p.bias === 0 ? 0 : p.biasColumn === 0 ? flag.biasElement : flag.biasVector) |
      (p.relu ? flag.relu : 0);
    block[slot.dot] = dot ? 1 : 0;
    block[slot.alpha] = p.alpha;
    block[slot.beta] = p.beta;
    const packedA = packA ? Math.ceil(tiles / rowBlocks) * kBlock * outerRows * item : 0;
    block[slot.scratchB] = packedA;
    const grid = this.#grid;
    grid.countI = batch * rowBlocks * columnBlocks;
    grid.scratchBytes = packedA + (inItem ? kBlock * cut.panelVectors * vectorBytes : 0);
    grid.work = work;
    if (!packB || inItem) {
      run(block, driverSlots, grid.countI === 1 && grid.scratchBytes === 0 ? null : grid);
      return;
    }
    const packed = allocate(k * vectors * vectorBytes);
    block[slot.b] = packed.address;
    const pack = this.#packBlock;
    pack[0] = code.kernel;
    pack[packSlot.routine] = routine.pack;
    pack[packSlot.begin] = 0;
    pack[packSlot.end] = 1;
    pack[packSlot.from] = p.b;
    pack[packSlot.to] = packed.address;
    pack[packSlot.k] = k;
    pack[packSlot.bStep] = p.bStep * item;
    pack[packSlot.bColumn] = p.bColumn * item;
    pack[packSlot.columns] = n;
    pack[packSlot.panels] = cut.panels;
    pack[packSlot.panelVectors] = cut.panelVectors;
    pack[packSlot.fullPanels] = cut.fullPanels;
    pack[packSlot.tailVectors] = cut.tailVectors;
    this.#packGrid.countI = cut.panels;
    this.#packGrid.work = k * n * item * 0.1;
    runPhases(this.#phases);
    release(packed);
  }
}

/** How columns are cut into panels: `fullPanels` of `panelVectors` vectors, then panels of `tailVectors`, the last of which may be partly empty. */
export interface ColumnCut {
  readonly panels: number;
  readonly panelVectors: number;
  readonly fullPanels: number;
  readonly tailVectors: number;
}

/** Rather than one panel of a single vector at the end, two of two; `even`: panels are all of one width, since those that are not there cost nothing. */
export function cutColumns(vectors: number, most: number, even = false): ColumnCut {
  const panels = Math.ceil(vectors / most);
  const rest = vectors % most;
  if (rest === 0 || even) return { panels, panelVectors: most, fullPanels: panels, tailVectors: most };
  if (rest === 1 && most === 3 && vectors > 3) return { panels, panelVectors: most, fullPanels: panels - 2, tailVectors: 2 };
  return { panels, panelVectors: most, fullPanels: panels - 1, tailVectors: rest };
}
