/**
 * The compiled code of matrix products.
 */
import type { Native } from "../../../platform/index.ts";
import { Assembler } from "./assembler.ts";
import { emitDotTile } from "./gemmDot.ts";
import { emitDriver } from "./gemmDriver.ts";
import { emitCopyRows, emitCopyStrided, emitPackPhase, emitPackRows, emitPackTransposed } from "./gemmPack.ts";
import { type AKind, emitTile, type GemmTarget, itemBytes, lanes, vectorBytes } from "./gemmTile.ts";

/** Code for one element type and instruction set, compiled when first asked for. */
export class GemmCode {
  readonly target: GemmTarget;
  readonly item: number;
  readonly lanes: number;
  readonly vectorBytes: number;
  /** Rows of a full tile. */
  readonly maxRows: number;
  readonly driver: number;
  readonly #native: Native;
  readonly #compiled = new Map<number, number>();

  constructor(native: Native, target: GemmTarget) {
    this.#native = native;
    this.target = target;
    this.item = itemBytes(target);
    this.lanes = lanes(target);
    this.vectorBytes = vectorBytes(target);
    this.maxRows = target.avx512 ? 14 : 6;
    this.driver = this.#compile((a) => emitDriver(a, target));
  }

  #compile(emit: (a: Assembler) => void): number {
    const a = new Assembler({ avx512: this.target.avx512 });
    emit(a);
    return this.#native.installCode(a.finish());
  }
  #cached(key: number, emit: (a: Assembler) => void): number {
    let address = this.#compiled.get(key);
    if (address === undefined) {
      address = this.#compile(emit);
      this.#compiled.set(key, address);
    }
    return address;
  }

  /** How rows are cut into tiles: the first `fullTiles` have `rows` rows, the others one less; and vectors of a tile. */
  tileRows(m: number): { tiles: number; rows: number; fullTiles: number; vectors: number } {
    const tiles = Math.ceil(m / this.maxRows);
    const rows = Math.ceil(m / tiles);
    const few = this.target.avx512 ? vectorsOfRows.avx512 : vectorsOfRows.avx2;
    return { tiles, rows, fullTiles: tiles - (tiles * rows - m), vectors: tiles > 1 ? 2 : (few[rows] ?? 2) };
  }
  tile(kind: AKind, rows: number, vectors: number, masked: boolean): number {
    const key = 1000 + ((rows * 16 + vectors) * 2 + (masked ? 1 : 0)) * 2 + (kind === "row" ? 1 : 0);
    return this.#cached(key, (a) => emitTile(a, this.target, { kind, rows, vectors, masked }));
  }
  dotTile(rows: number, columns: number): number {
    return this.#cached(100 + rows * 16 + columns, (a) => emitDotTile(a, this.target, { rows, columns }));
  }
  packRows(vectors: 1 | 2): number {
    return this.#cached(vectors, (a) => emitPackRows(a, this.target, vectors));
  }
  get packTransposed(): number {
    return this.#cached(3, (a) => emitPackTransposed(a, this.target));
  }
  get copyRows(): number {
    return this.#cached(4, (a) => emitCopyRows(a, this.target));
  }
  get copyStrided(): number {
    return this.#cached(6, (a) => emitCopyStrided(a, this.target));
  }
  get packPhase(): number {
    return this.#cached(5, (a) => emitPackPhase(a, 2 * this.lanes));
  }
}

/** Vectors of a tile of few rows: as many accumulators as registers allow, so that the latency of additions is hidden. */
export const vectorsOfRows = {
  avx512: [0, 8, 8, 8, 6, 5, 4, 3, 3],
  avx2: [0, 8, 4, 3],
} as const;
