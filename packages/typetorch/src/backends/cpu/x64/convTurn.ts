/**
 * Rearrangements of weights and their gradients, and sums of partial results, shared among the threads.
 */
import { greatest } from "../convPiece.ts";
import { itemGrid } from "../product.ts";
import { type Grid, run } from "../team.ts";
import type { ConvCode } from "./convCode.ts";
import {
  emitSumParts,
  emitTurn,
  emitTurnRows,
  emitTurnTaps,
  packTurnedTable,
  sumSlot,
  turnBlock,
  turnRowsSlot,
  turnSlot,
  type TurnWay,
} from "./convCopy.ts";

/** What is rearranged: addresses, sizes, distances in elements, and the offsets in bytes. */
export interface Turn {
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

/** Elements of an item that turns rows, about. */
const turnedElements = 16384;

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export class ConvTurn {
  readonly #code: ConvCode;
  readonly #sumBlock = new Float64Array(sumSlot.slots);
  readonly #sumGrid: Grid = itemGrid(sumSlot.begin, sumSlot.end, -1);
  readonly #block = new Float64Array(turnSlot.slots);
  readonly #grid: Grid = itemGrid(turnSlot.begin, turnSlot.end, -1);
  readonly #rowsBlock = new Float64Array(turnRowsSlot.slots);
  readonly #rowsGrid: Grid = itemGrid(turnRowsSlot.begin, turnRowsSlot.end, -1);

  constructor(code: ConvCode) {
    this.#code = code;
  }

  /** How the elements at the offsets are taken from one vector of AVX-512: a table of `emitPackTurned`; null where they lie too far apart. */
  vector(double: boolean, offsets: readonly number[], channel: number): { least: number; table: number; span: number } | null {
    const { item, target } = this.#code.gemm.codeOf(double);
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
    return { least, span, table: this.#code.tableOf(entries) };
  }

  /** to[group][outer][inner][…] = from[group][outer][inner] at the offsets. */
  turn(double: boolean, t: Turn): void {
    const { item, target } = this.#code.gemm.codeOf(double);
    const vector = this.vector(double, t.offsets, 0);
    const way: TurnWay = vector !== null && t.offsets.length > 1 ? "vector" : "scalar";
    const table = way === "vector" ? vector!.table : this.#code.tableOf(Int32Array.from(t.offsets));
    const block = this.#block;
    const blocks = ceil(t.inner, turnBlock);
    block[0] = this.#code.routine(double, `turn ${way}`, (a) => emitTurn(a, target, way));
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
    this.#grid.countI = t.groups * blocks;
    this.#grid.work = t.groups * t.outer * t.inner * t.offsets.length * (way === "vector" ? 0.3 : 1);
    run(block, turnSlot.slots, this.#grid);
  }

  /** The routine that turns rows of (tap, inner) into rows of (inner, tap). */
  taps(double: boolean, taps: number): number {
    return this.#code.routine(double, `turn taps ${taps}`, (a) => emitTurnTaps(a, this.#code.gemm.codeOf(double).target, taps));
  }

  /** to[row][inner][tap] = from[row][tap][inner]. */
  rows(double: boolean, from: number, to: number, rows: number, inner: number, taps: number): void {
    const { item } = this.#code.gemm.codeOf(double);
    const block = this.#rowsBlock;
    const chunk = Math.max(1, Math.floor(turnedElements / (inner * taps)));
    block[0] = this.#code.routine(double, "turn rows", emitTurnRows);
    block[turnRowsSlot.begin] = 0;
    block[turnRowsSlot.end] = 1;
    block[turnRowsSlot.from] = from;
    block[turnRowsSlot.to] = to;
    block[turnRowsSlot.rows] = rows;
    block[turnRowsSlot.chunk] = chunk;
    block[turnRowsSlot.inner] = inner;
    block[turnRowsSlot.tap] = inner * item;
    block[turnRowsSlot.row] = inner * taps * item;
    block[turnRowsSlot.routine] = this.taps(double, taps);
    this.#rowsGrid.countI = ceil(rows, chunk);
    this.#rowsGrid.work = rows * inner * taps * 0.3;
    run(block, turnRowsSlot.slots, this.#rowsGrid);
  }

  /** to[i] = the sum over `parts` arrays that follow each other. */
  sum(double: boolean, from: number, elements: number, parts: number, to: number): void {
    const { item, target } = this.#code.gemm.codeOf(double);
    const block = this.#sumBlock;
    block[0] = this.#code.routine(double, "sum", (a) => emitSumParts(a, target));
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
}
