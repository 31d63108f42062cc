/**
 * The loops around the tiles of a matrix product: batches, blocks of rows and columns, blocks of k, panels, tiles. One call does the items from `begin` to `end`.
 */
import {
  dotColumns,
  dotRows,
  emitDotTile,
  emitOuterTile,
  flag,
  itemBytes,
  type GemmTarget,
  lanesOf,
  outerRows,
  outerVectors,
  vectorBytes,
} from "./gemmTile.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, namedLocals, readSlots, slotsOf, type Value, Words } from "./words.ts";

/** Tiles by rows and vectors (of columns). */
export interface Tiles {
  readonly outer: readonly (readonly (Body | null)[])[];
  /** The one dot tile for each number of rows. */
  readonly dot: readonly (Body | null)[];
}

export function emitTiles(m: ModuleWriter, t: GemmTarget, taps: boolean): Tiles {
  const outer: (Body | null)[][] = [];
  for (let rows = 1; rows <= outerRows; rows++) {
    outer[rows] = [null];
    for (let vectors = 1; vectors <= outerVectors[rows]!; vectors++) outer[rows]!.push(emitOuterTile(m, t, rows, vectors, taps));
  }
  const dot: (Body | null)[] = [null];
  for (let rows = 1; rows <= dotRows; rows++) dot.push(emitDotTile(m, t, rows, dotColumns[rows]!, taps));
  return { outer, dot };
}

/** Calls the outer tile of so many rows (a number known now) and vectors. */
export function callOuter(w: Words, tiles: Tiles, rows: number, vectors: Value, args: readonly Value[]): void {
  const list = tiles.outer[rows]!;
  const from = (count: number): void => {
    if (count === 1) w.call(list[1]!, ...args);
    else
      w.if(
        w.eq(vectors, count),
        () => w.call(list[count]!, ...args),
        () => from(count - 1),
      );
  };
  from(list.length - 1);
}

const names = [
  "routine",
  "begin", // items, from begin (inclusive) to end
  "end",
  "scratch",
  "a",
  "b",
  "c",
  "bias",
  "batch2", // items run through batch2 batches, then the first batch dimension moves on
  "aBatch1",
  "aBatch2",
  "bBatch1",
  "bBatch2",
  "cBatch1",
  "cBatch2",
  "rowBlocks",
  "columnBlocks",
  "tiles",
  "fullTiles", // that many tiles have tileRows rows, the others one less
  "tileRows",
  "columns",
  "panels",
  "panelVectors",
  "fullPanels", // that many panels have panelVectors vectors, the others tailVectors
  "tailVectors",
  "k",
  "kBlock",
  "aRow", // from row to row of A
  "aStep", // from step to step of k
  "packA",
  "bStep",
  "bColumn",
  "packB", // 0: tiles read B where it is; 1: each item packs its panels; 2: B was packed before
  "cRow",
  "biasRow",
  "biasColumn",
  "flags",
  "dot",
  "scratchB", // where a packed panel begins in the scratch memory, after packed A
] as const;

export const driverSlot = { ...slotsOf(names), alpha: names.length + 1, beta: names.length + 2 } as const;
export const driverSlots = names.length + 3;

/** A function (block). */
export function emitDriver(m: ModuleWriter, t: GemmTarget, tiles: Tiles, pack: Body): Body {
  const item = itemBytes(t);
  const lanes = lanesOf(t);
  const aVectors = outerRows / lanes;
  const w = new Words(m.function(["i32"], []));
  const { body } = w;
  const [block] = w.parameters(1) as [Local];
  const s = readSlots(w, block, names, ["scratch", "a", "b", "c", "bias"], ["routine"]);
  const element = t.double ? "f64" : "f32";
  const factor = (index: number): Local => {
    const local = w.local(element);
    w.push(block);
    body.memory("f64.load", index * 8);
    if (!t.double) body.op("f32.demote_f64");
    body.set(local.index);
    return local;
  };
  const alpha = factor(driverSlot.alpha);
  const beta = factor(driverSlot.beta);
  const v = namedLocals(
    w,
    ...([
      "index",
      "rest",
      "rowBlock",
      "columnBlock",
      "batch",
      "a",
      "b",
      "c",
      "bias",
      "tile",
      "lastTile",
      "panel",
      "lastPanel",
    ] as const),
    ...(["row", "rows", "kDone", "kCount", "flags", "tileIndex", "tileRows", "blockA", "packedA", "tileA", "tileB"] as const),
    ...(["first", "vectors", "columns", "panelB", "bDistance", "aDistance", "tileC", "tileBias", "aTile", "high"] as const),
  );
  const kBeta = w.local(element);
  /** First row of a tile. */
  const rowOfTile = (tile: Value): Value =>
    w.sub(w.mul(tile, s.tileRows), w.select(w.lt(s.fullTiles, tile), w.sub(tile, s.fullTiles), 0));
  const rowsOfTile = (tile: Value): Value => w.sub(s.tileRows, w.ge(tile, s.fullTiles));
  /** First vector of a panel. */
  const vectorOfPanel = (panel: Value): Value =>
    w.add(
      w.mul(w.min(panel, s.fullPanels), s.panelVectors),
      w.select(w.lt(s.fullPanels, panel), w.mul(w.sub(panel, s.fullPanels), s.tailVectors), 0),
    );

  w.for(v.index, s.begin, s.end, () => {
    w.set(v.columnBlock, w.rem(v.index, s.columnBlocks));
    w.set(v.rest, w.div(v.index, s.columnBlocks));
    w.set(v.rowBlock, w.rem(v.rest, s.rowBlocks));
    w.set(v.batch, w.div(v.rest, s.rowBlocks));
    w.set(v.rest, w.rem(v.batch, s.batch2));
    w.set(v.batch, w.div(v.batch, s.batch2));
    const offset = (first: Value, outer: Value, inner: Value): Value =>
      w.add(first, w.add(w.mul(v.batch, outer), w.mul(v.rest, inner)));
    w.set(v.a, offset(s.a, s.aBatch1, s.aBatch2));
    w.set(v.b, offset(s.b, s.bBatch1, s.bBatch2));
    w.set(v.c, offset(s.c, s.cBatch1, s.cBatch2));
    w.set(v.tile, w.div(w.mul(v.rowBlock, s.tiles), s.rowBlocks));
    w.set(v.lastTile, w.div(w.mul(w.add(v.rowBlock, 1), s.tiles), s.rowBlocks));
    w.set(v.panel, w.div(w.mul(v.columnBlock, s.panels), s.columnBlocks));
    w.set(v.lastPanel, w.div(w.mul(w.add(v.columnBlock, 1), s.panels), s.columnBlocks));
    w.set(v.row, rowOfTile(v.tile) as Value);
    w.increase(v.a, w.mul(v.row, s.aRow));
    w.increase(v.c, w.mul(v.row, s.cRow));
    w.set(v.bias, w.add(s.bias, w.mul(v.row, s.biasRow)));

    w.set(v.kDone, 0);
    body.loop((nextBlock) => {
      w.set(v.kCount, w.min(w.sub(s.k, v.kDone), s.kBlock));
      // the first block takes beta, later ones add to what is there; the last one takes bias and relu
      w.set(v.flags, s.flags);
      w.set(kBeta, beta);
      w.if(v.kDone, () => {
        w.set(v.flags, w.or(v.flags, flag.beta));
        w.set(kBeta, () => (t.double ? body.f64(1) : body.f32(1)));
      });
      w.if(w.lt(w.add(v.kDone, v.kCount), s.k), () =>
        w.set(v.flags, w.and(v.flags, ~(flag.biasVector | flag.biasElement | flag.relu))),
      );
      w.set(v.blockA, w.add(v.a, w.mul(v.kDone, s.aStep)));
      w.if(
        s.dot,
        () => w.set(v.aDistance, s.aRow),
        () => w.set(v.aDistance, s.aStep),
      );
      w.set(v.aTile, 0);
      w.if(s.packA, () => {
        w.set(v.packedA, s.scratch);
        w.set(v.aTile, w.mul(v.kCount, aVectors * vectorBytes));
        w.set(v.aDistance, aVectors * vectorBytes);
        w.set(v.tileA, v.blockA);
        w.for(v.tileIndex, v.tile, v.lastTile, () => {
          w.set(v.rows, rowsOfTile(v.tileIndex));
          w.call(pack, v.tileA, v.packedA, v.kCount, s.aStep, s.aRow, v.rows, aVectors);
          w.increase(v.tileA, w.mul(v.rows, s.aRow));
          w.increase(v.packedA, v.aTile);
        });
        w.set(v.blockA, s.scratch);
      });

      w.set(v.rest, v.panel);
      w.while(w.lt(v.rest, v.lastPanel), () => {
        w.set(v.first, w.mul(vectorOfPanel(v.rest), lanes));
        w.set(v.vectors, w.select(w.lt(v.rest, s.fullPanels), s.panelVectors, s.tailVectors));
        w.set(v.columns, w.min(w.mul(v.vectors, lanes), w.sub(s.columns, v.first)));
        w.set(v.bDistance, w.select(s.dot, s.bColumn, s.bStep));
        w.if(
          w.eq(s.packB, 2),
          () => {
            w.set(v.bDistance, w.mul(v.vectors, vectorBytes));
            // panels lie one after the other, each with all steps of k
            w.set(v.panelB, w.add(w.add(v.b, w.mul(w.mul(v.first, s.k), item)), w.mul(v.kDone, v.bDistance)));
          },
          () => w.set(v.panelB, w.add(w.add(v.b, w.mul(v.kDone, s.bStep)), w.mul(v.first, s.bColumn))),
        );
        w.if(w.eq(s.packB, 1), () => {
          w.set(v.tileB, w.add(s.scratch, s.scratchB));
          w.call(pack, v.panelB, v.tileB, v.kCount, s.bStep, s.bColumn, v.columns, v.vectors);
          w.set(v.panelB, v.tileB);
          w.set(v.bDistance, w.mul(v.vectors, vectorBytes));
        });
        w.set(v.tileA, v.blockA);
        w.set(v.tileC, w.add(v.c, w.mul(v.first, item)));
        w.set(v.tileBias, w.add(v.bias, w.mul(v.first, s.biasColumn)));
        const args = [
          v.tileA,
          v.panelB,
          v.tileC,
          v.kCount,
          v.aDistance,
          v.bDistance,
          s.cRow,
          v.tileBias,
          s.biasRow,
          v.flags,
          v.columns,
          alpha,
          kBeta,
        ];
        const advance = (): void => {
          w.increase(v.tileA, w.select(s.packA, v.aTile, w.mul(v.tileRows, s.aRow)));
          w.increase(v.tileC, w.mul(v.tileRows, s.cRow));
          w.increase(v.tileBias, w.mul(v.tileRows, s.biasRow));
          w.increase(v.tileIndex, 1);
        };
        w.set(v.tileIndex, v.tile);
        /** Tiles of `rows` rows up to the end, or until tiles get lower. */
        const run = (rows: number, call: (rows: number) => void): void => {
          w.if(w.eq(v.tileRows, rows), () =>
            w.while(w.lt(v.tileIndex, v.high), () => {
              call(rows);
              advance();
            }),
          );
        };
        const both = (most: number, call: (rows: number) => void): void => {
          for (const lower of [0, 1]) {
            w.set(v.tileRows, w.sub(s.tileRows, lower));
            w.set(v.high, lower === 1 ? v.lastTile : w.min(s.fullTiles, v.lastTile));
            for (let rows = most; rows >= 1; rows--) run(rows, call);
          }
        };
        w.if(
          s.dot,
          () => both(dotRows, (rows) => w.call(tiles.dot[rows]!, ...args)),
          () => both(outerRows, (rows) => callOuter(w, tiles, rows, v.vectors, args)),
        );
        w.increase(v.rest, 1);
      });

      w.increase(v.kDone, v.kCount);
      w.push(w.lt(v.kDone, s.k));
      body.branchIf(nextBlock);
    });
  });
  return body;
}

export const packSlot = {
  ...{ routine: 1, begin: 2, end: 3, from: 4, to: 5, k: 6, bStep: 7, bColumn: 8, columns: 9, panels: 10, panelVectors: 11 },
  ...{ fullPanels: 12, tailVectors: 13, slots: 14 },
} as const;

/** A function (block): packs panels `begin` to `end` of B, with all steps of k. */
export function emitPackPhase(m: ModuleWriter, t: GemmTarget, pack: Body): Body {
  const w = new Words(m.function(["i32"], []));
  const [block] = w.parameters(1) as [Local];
  const lanes = lanesOf(t);
  const item = itemBytes(t);
  const load = (index: number, address = false): Local => {
    const local = w.local();
    w.set(local, address ? w.address(block, index) : w.slot(block, index));
    return local;
  };
  const [end, from, to] = [load(packSlot.end), load(packSlot.from, true), load(packSlot.to, true)];
  const [k, bStep, bColumn] = [load(packSlot.k), load(packSlot.bStep), load(packSlot.bColumn)];
  const [columns, panelVectors] = [load(packSlot.columns), load(packSlot.panelVectors)];
  const [fullPanels, tailVectors] = [load(packSlot.fullPanels), load(packSlot.tailVectors)];
  const [panel, first, vectors] = w.locals(3, "i32") as [Local, Local, Local];
  w.for(panel, w.slot(block, packSlot.begin), end, () => {
    w.set(
      first,
      w.mul(
        w.add(
          w.mul(w.min(panel, fullPanels), panelVectors),
          w.select(w.lt(fullPanels, panel), w.mul(w.sub(panel, fullPanels), tailVectors), 0),
        ),
        lanes,
      ),
    );
    w.set(vectors, w.select(w.lt(panel, fullPanels), panelVectors, tailVectors));
    w.call(
      pack,
      w.add(from, w.mul(first, bColumn)),
      w.add(to, w.mul(w.mul(first, k), item)),
      ...[k, bStep, bColumn, w.min(w.mul(vectors, lanes), w.sub(columns, first)), vectors],
    );
  });
  return w.body;
}
