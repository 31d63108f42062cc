/**
 * The loops of forward convolutions, of which the gradient of the input is one too. An item is one block of output rows of one image and group: it copies the
 * input under it (`convPiece.ts`), then multiplies the weight with the pixels of each output row, whose taps it finds in a table.
 */
import { callOuter, type Tiles } from "./gemmDriver.ts";
import { flag, type GemmTarget, itemBytes, lanesOf, outerRows, outerVectors, vectorBytes } from "./gemmTile.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, namedLocals, readSlots, slotsOf, type Value, Words } from "./words.ts";

/** Slots about the copy of the input, in both routines that make one. */
const copyNames = [
  "copyTable", // four int32 for each block and plane: see convPiece.ts
  "planes",
  "sourceRow", // from row to row of a plane, in the input
  "sourceColumn",
  "sourceChannel",
  "copyRow",
  "copyChannel",
] as const;

const forwardNames = [
  "routine",
  "begin",
  "end",
  "scratch",
  "x",
  "xImage",
  "xGroup",
  "weight", // packed: for each group and tile, for each channel and tap, as many elements as a tile has rows
  "weightGroup",
  "weightTile",
  "weightChannel",
  "out",
  "outImage",
  "outGroup",
  "outChannel",
  "outRow",
  "outColumn",
  "bias",
  "biasStep",
  "flags",
  "groups",
  "rowBlocks",
  "blockRows",
  "outRows",
  "outputs",
  "outputBlocks",
  "groupTiles", // so many tiles of outputs take turns at each panel of pixels
  "channels",
  "blockChannels", // so many channels are copied and summed at a time
  "tapCount",
  "taps", // the table of the taps of blockChannels channels
  "columns",
  "panels",
  "panelVectors",
  "fullPanels",
  "tailVectors",
  "scratchTile", // where a tile is stored first when the columns of the output do not lie side by side
  ...copyNames,
] as const;

export const forwardSlot = slotsOf(forwardNames);
export const forwardSlots = forwardNames.length + 1;

type CopySlots = Readonly<Record<(typeof copyNames)[number], Local>>;

/** A function (from, to, rows, columns, fromRow, fromColumn, toRow): to[i, j] = from[i, j], distances in bytes, columns of `to` side by side. */
export function emitCopyPlane(m: ModuleWriter, t: GemmTarget): Body {
  const item = itemBytes(t);
  const w = new Words(m.function(Array<"i32">(7).fill("i32"), []));
  const { body } = w;
  type Seven = [Local, Local, Local, Local, Local, Local, Local];
  const [from, to, rows, columns, fromRow, fromColumn, toRow] = w.parameters(7) as Seven;
  const v = namedLocals(w, "at", "target", "end", "vectorEnd");
  const each = (step: Value): void =>
    w.while(w.op("i32.lt_u", v.target, v.end), () => {
      w.push(v.target);
      w.push(v.at);
      body.memory(t.double ? "f64.load" : "f32.load");
      body.memory(t.double ? "f64.store" : "f32.store");
      w.increase(v.at, step);
      w.increase(v.target, item);
    });
  const overRows = (inside: () => void): void =>
    w.repeat(rows, () => {
      w.set(v.at, from);
      w.set(v.target, to);
      w.set(v.end, w.add(to, w.mul(columns, item)));
      inside();
      w.increase(from, fromRow);
      w.increase(to, toRow);
    });
  w.if(w.op("i32.eqz", rows), () => body.op("return"));
  w.if(
    w.eq(fromColumn, item),
    () =>
      overRows(() => {
        w.set(v.vectorEnd, w.add(v.target, w.and(w.mul(columns, item), -vectorBytes)));
        w.while(w.op("i32.lt_u", v.target, v.vectorEnd), () => {
          w.push(v.target);
          w.push(v.at);
          body.memory("v128.load");
          body.memory("v128.store");
          w.increase(v.at, vectorBytes);
          w.increase(v.target, vectorBytes);
        });
        each(item);
      }),
    () => overRows(() => each(fromColumn)),
  );
  return body;
}

/** Copies the input of a block: `channels` channels from `from` on to `to`, with zeros where there is no input. */
export function copyInput(
  w: Words,
  copyPlane: Body,
  s: CopySlots,
  rowBlock: Value,
  from: Value,
  to: Value,
  channels: Value,
): void {
  const v = namedLocals(w, "channel", "plane", "entry", "from", "to");
  w.set(v.from, from);
  w.set(v.to, to);
  w.push(v.to);
  w.push(0);
  w.push(w.mul(channels, s.copyChannel));
  w.body.memoryFill();
  w.for(v.channel, 0, channels, () => {
    w.set(v.entry, w.add(s.copyTable, w.mul(w.mul(rowBlock, s.planes), 16)));
    w.for(v.plane, 0, s.planes, () => {
      w.call(
        copyPlane,
        w.add(v.from, w.load(v.entry)),
        w.add(v.to, w.load(v.entry, 4)),
        ...[w.load(v.entry, 8), w.load(v.entry, 12), s.sourceRow, s.sourceColumn, s.copyRow],
      );
      w.increase(v.entry, 16);
    });
    w.increase(v.from, s.sourceChannel);
    w.increase(v.to, s.copyChannel);
  });
}

/** A function (block). */
export function emitConvForward(m: ModuleWriter, t: GemmTarget, tiles: Tiles, copyPlane: Body): Body {
  const item = itemBytes(t);
  const lanes = lanesOf(t);
  const w = new Words(m.function(["i32"], []));
  const { body } = w;
  const [block] = w.parameters(1) as [Local];
  const s = readSlots(w, block, forwardNames, ["scratch", "x", "weight", "out", "bias", "taps", "copyTable"], ["routine"]);
  const v = namedLocals(
    w,
    ...([
      "index",
      "rest",
      "outputBlock",
      "rowBlock",
      "group",
      "image",
      "x",
      "weight",
      "out",
      "bias",
      "tile",
      "lastTile",
    ] as const),
    ...(["channel", "channels", "k", "flags", "row", "rows", "pixels", "panel", "first", "vectors", "width", "at"] as const),
    ...([
      "tileIndex",
      "tileRows",
      "tileWeight",
      "tileOut",
      "tileBias",
      "target",
      "targetRow",
      "i",
      "j",
      "groupTile",
      "groupEnd",
      "skipped",
    ] as const),
  );
  const one = w.local(t.double ? "f64" : "f32");
  if (t.double) body.f64(1);
  else body.f32(1);
  body.set(one.index);
  const tilesOf = w.local();
  w.set(tilesOf, w.div(w.add(s.outputs, outerRows - 1), outerRows));

  w.for(v.index, s.begin, s.end, () => {
    w.set(v.outputBlock, w.rem(v.index, s.outputBlocks));
    w.set(v.rest, w.div(v.index, s.outputBlocks));
    w.set(v.rowBlock, w.rem(v.rest, s.rowBlocks));
    w.set(v.rest, w.div(v.rest, s.rowBlocks));
    w.set(v.group, w.rem(v.rest, s.groups));
    w.set(v.image, w.div(v.rest, s.groups));
    w.set(v.tile, w.div(w.mul(v.outputBlock, tilesOf), s.outputBlocks));
    w.set(v.lastTile, w.div(w.mul(w.add(v.outputBlock, 1), tilesOf), s.outputBlocks));
    w.set(v.x, w.add(s.x, w.add(w.mul(v.image, s.xImage), w.mul(v.group, s.xGroup))));
    w.set(v.weight, w.add(s.weight, w.add(w.mul(v.group, s.weightGroup), w.mul(v.tile, s.weightTile))));
    w.set(v.row, w.mul(v.rowBlock, s.blockRows));
    w.set(v.rows, w.min(s.blockRows, w.sub(s.outRows, v.row)));
    w.set(v.out, w.add(s.out, w.add(w.mul(v.image, s.outImage), w.mul(v.group, s.outGroup))));
    w.increase(v.out, w.add(w.mul(v.row, s.outRow), w.mul(w.mul(v.tile, outerRows), s.outChannel)));
    w.set(v.bias, w.add(s.bias, w.mul(w.add(w.mul(v.group, s.outputs), w.mul(v.tile, outerRows)), s.biasStep)));

    w.set(v.channel, 0);
    body.loop((nextChannels) => {
      w.set(v.channels, w.min(s.blockChannels, w.sub(s.channels, v.channel)));
      w.set(v.k, w.mul(v.channels, s.tapCount));
      // later blocks of channels add to what is there; the last one takes bias and relu
      w.set(v.flags, w.or(s.flags, w.select(v.channel, flag.beta, 0)));
      w.if(w.lt(w.add(v.channel, v.channels), s.channels), () => w.set(v.flags, w.and(v.flags, ~(flag.biasElement | flag.relu))));
      copyInput(w, copyPlane, s, v.rowBlock, w.add(v.x, w.mul(v.channel, s.sourceChannel)), s.scratch, v.channels);
      // a few tiles at a time go over all pixels, so that their weight stays in the cache
      w.set(v.groupTile, v.tile);
      w.while(w.lt(v.groupTile, v.lastTile), () => {
        w.set(v.skipped, w.sub(v.groupTile, v.tile));
        w.set(v.groupEnd, w.min(v.lastTile, w.add(v.groupTile, s.groupTiles)));
        w.for(v.i, 0, v.rows, () => {
          w.set(v.pixels, w.add(s.scratch, w.mul(v.i, s.copyRow)));
          w.set(v.first, 0);
          w.for(v.panel, 0, s.panels, () => {
            w.set(v.vectors, w.select(w.lt(v.panel, s.fullPanels), s.panelVectors, s.tailVectors));
            w.set(v.width, w.min(w.mul(v.vectors, lanes), w.sub(s.columns, v.first)));
            w.set(v.at, w.add(v.pixels, w.mul(v.first, item)));
            w.set(v.tileWeight, w.add(w.add(v.weight, w.mul(v.channel, s.weightChannel)), w.mul(v.skipped, s.weightTile)));
            w.set(v.tileOut, w.add(v.out, w.add(w.mul(v.i, s.outRow), w.mul(v.first, s.outColumn))));
            w.increase(v.tileOut, w.mul(w.mul(v.skipped, outerRows), s.outChannel));
            w.set(v.tileBias, w.add(v.bias, w.mul(w.mul(v.skipped, outerRows), s.biasStep)));
            w.for(v.tileIndex, v.groupTile, v.groupEnd, () => {
              w.set(v.tileRows, w.min(outerRows, w.sub(s.outputs, w.mul(v.tileIndex, outerRows))));
              w.set(v.target, v.tileOut);
              w.set(v.targetRow, s.outChannel);
              w.if(w.ne(s.outColumn, item), () => {
                w.set(v.target, w.add(s.scratch, s.scratchTile));
                w.set(v.targetRow, outerVectors[1] * vectorBytes);
              });
              const args = [
                v.tileWeight,
                v.at,
                v.target,
                v.k,
                outerRows * item,
                s.taps,
                v.targetRow,
                v.tileBias,
                s.biasStep,
                v.flags,
                v.width,
                one,
                one,
              ];
              const call = (rows: number): void => {
                if (rows === 1) callOuter(w, tiles, 1, v.vectors, args);
                else
                  w.if(
                    w.eq(v.tileRows, rows),
                    () => callOuter(w, tiles, rows, v.vectors, args),
                    () => call(rows - 1),
                  );
              };
              call(outerRows);
              w.if(w.ne(s.outColumn, item), () =>
                w.for(v.rest, 0, v.tileRows, () =>
                  w.for(v.j, 0, v.width, () => {
                    w.push(w.add(v.tileOut, w.add(w.mul(v.rest, s.outChannel), w.mul(v.j, s.outColumn))));
                    w.push(w.add(v.target, w.add(w.mul(v.rest, v.targetRow), w.mul(v.j, item))));
                    body.memory(t.double ? "f64.load" : "f32.load");
                    body.memory(t.double ? "f64.store" : "f32.store");
                  }),
                ),
              );
              w.increase(v.tileWeight, s.weightTile);
              w.increase(v.tileOut, w.mul(outerRows, s.outChannel));
              w.increase(v.tileBias, w.mul(outerRows, s.biasStep));
            });
            w.increase(v.first, w.mul(v.vectors, lanes));
          });
        });
        w.set(v.groupTile, v.groupEnd);
      });
      w.increase(v.channel, v.channels);
      w.push(w.lt(v.channel, s.channels));
      body.branchIf(nextChannels);
    });
  });
  return body;
}

const packNames = [
  "routine",
  "begin",
  "end",
  "from",
  "to",
  "table",
  "steps",
  "rows",
  "rowDistance",
  "fromGroup",
  "tiles",
] as const;
export const packWeightSlot = slotsOf(packNames);
export const packWeightSlots = packNames.length + 1;

/** A function (block): packs the weight of the tiles `begin` to `end`, counted through all groups: for each step, an element of each row, found by a table of offsets. */
export function emitPackWeight(m: ModuleWriter, t: GemmTarget): Body {
  const item = itemBytes(t);
  const w = new Words(m.function(["i32"], []));
  const { body } = w;
  const [block] = w.parameters(1) as [Local];
  const s = readSlots(w, block, packNames, ["from", "to", "table"], ["routine"]);
  const v = namedLocals(w, "index", "from", "to", "rows", "entry", "at", "step", "tile");
  w.for(v.index, s.begin, s.end, () => {
    w.set(v.tile, w.rem(v.index, s.tiles));
    w.set(
      v.from,
      w.add(s.from, w.add(w.mul(w.div(v.index, s.tiles), s.fromGroup), w.mul(w.mul(v.tile, outerRows), s.rowDistance))),
    );
    w.set(v.to, w.add(s.to, w.mul(w.mul(v.index, s.steps), outerRows * item)));
    w.set(v.rows, w.min(outerRows, w.sub(s.rows, w.mul(v.tile, outerRows))));
    w.set(v.entry, s.table);
    w.for(v.step, 0, s.steps, () => {
      w.set(v.at, w.add(v.from, w.load(v.entry)));
      for (let r = 0; r < outerRows; r++) {
        const copy = (): void => {
          w.push(v.to);
          w.push(v.at);
          body.memory(t.double ? "f64.load" : "f32.load");
          body.memory(t.double ? "f64.store" : "f32.store", r * item);
          w.increase(v.at, s.rowDistance);
        };
        w.if(w.lt(r, v.rows), copy);
      }
      w.increase(v.to, outerRows * item);
      w.increase(v.entry, 4);
    });
  });
  return body;
}
