/**
 * The loops of the gradient of a convolution's weight. An item sums, over some of the blocks of output rows, the products of the output's gradient with the input
 * under each tap: both are copied so that the pixels of a block follow each other at the same distances, then multiplied as vectors along them.
 */
import { copyInput } from "./convDriver.ts";
import type { Tiles } from "./gemmDriver.ts";
import { dotColumns, dotRows, flag, type GemmTarget, itemBytes, vectorBytes } from "./gemmTile.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, namedLocals, readSlots, slotsOf, type Value, Words } from "./words.ts";

const names = [
  "routine",
  "begin",
  "end",
  "scratch",
  "x",
  "xImage",
  "xGroup",
  "g",
  "gImage",
  "gGroup",
  "gChannel",
  "gRow",
  "gColumn",
  "partial", // sums of each part: [part][group][output][column]
  "partialPart",
  "partialGroup",
  "units", // blocks of rows of all images
  "parts",
  "outputBlocks",
  "rowBlocks",
  "blockRows",
  "outRows",
  "outColumns",
  "outputs",
  "channels",
  "columns", // channels times taps
  "taps", // the table of their offsets
  "gCopy", // where the copy of the gradient begins in the scratch memory
  "gCopyChannel",
  "copyTable",
  "planes",
  "sourceRow",
  "sourceColumn",
  "sourceChannel",
  "copyRow",
  "copyChannel",
] as const;

export const weightSlot = slotsOf(names);
export const weightSlots = names.length + 1;

/** A function (block). */
export function emitConvWeight(m: ModuleWriter, t: GemmTarget, tiles: Tiles, copyPlane: Body): Body {
  const item = itemBytes(t);
  const w = new Words(m.function(["i32"], []));
  const { body } = w;
  const [block] = w.parameters(1) as [Local];
  const s = readSlots(w, block, names, ["scratch", "x", "g", "partial", "taps", "copyTable"], ["routine"]);
  const v = namedLocals(
    w,
    ...([
      "index",
      "rest",
      "outputBlock",
      "part",
      "group",
      "unit",
      "lastUnit",
      "image",
      "rowBlock",
      "rows",
      "pixels",
      "flags",
    ] as const),
    ...([
      "output",
      "lastOutput",
      "from",
      "to",
      "at",
      "tileRows",
      "tileOut",
      "column",
      "width",
      "partial",
      "tiles",
      "tile",
    ] as const),
  );
  const one = w.local(t.double ? "f64" : "f32");
  if (t.double) body.f64(1);
  else body.f32(1);
  body.set(one.index);
  w.set(v.tiles, w.div(w.add(s.outputs, dotRows - 1), dotRows));
  /** The first output of a tile: tiles differ by one row at most. */
  const outputOf = (tile: Value): Value => w.div(w.mul(tile, s.outputs), v.tiles);

  w.for(v.index, s.begin, s.end, () => {
    w.set(v.outputBlock, w.rem(v.index, s.outputBlocks));
    w.set(v.rest, w.div(v.index, s.outputBlocks));
    w.set(v.part, w.rem(v.rest, s.parts));
    w.set(v.group, w.div(v.rest, s.parts));
    w.set(v.partial, w.add(s.partial, w.add(w.mul(v.part, s.partialPart), w.mul(v.group, s.partialGroup))));
    w.set(v.unit, w.div(w.mul(v.part, s.units), s.parts));
    w.set(v.lastUnit, w.div(w.mul(w.add(v.part, 1), s.units), s.parts));
    w.set(v.flags, 0);
    w.while(w.lt(v.unit, v.lastUnit), () => {
      w.set(v.image, w.div(v.unit, s.rowBlocks));
      w.set(v.rowBlock, w.rem(v.unit, s.rowBlocks));
      w.set(v.rows, w.min(s.blockRows, w.sub(s.outRows, w.mul(v.rowBlock, s.blockRows))));
      w.set(v.pixels, w.add(w.mul(w.sub(v.rows, 1), w.div(s.copyRow, item)), s.outColumns));
      const x = w.add(s.x, w.add(w.mul(v.image, s.xImage), w.mul(v.group, s.xGroup)));
      copyInput(w, copyPlane, s, v.rowBlock, x, s.scratch, s.channels);

      // the gradient, with zeros between the rows
      w.set(v.tile, w.div(w.mul(v.outputBlock, v.tiles), s.outputBlocks));
      w.set(v.output, outputOf(v.tile));
      w.set(v.lastOutput, outputOf(w.div(w.mul(w.add(v.outputBlock, 1), v.tiles), s.outputBlocks)));
      w.set(v.from, w.add(s.g, w.add(w.mul(v.image, s.gImage), w.mul(v.group, s.gGroup))));
      w.increase(v.from, w.add(w.mul(v.output, s.gChannel), w.mul(w.mul(v.rowBlock, s.blockRows), s.gRow)));
      w.set(v.to, w.add(s.scratch, s.gCopy));
      w.push(v.to);
      w.push(0);
      w.push(w.mul(w.sub(v.lastOutput, v.output), s.gCopyChannel));
      body.memoryFill();
      w.set(v.rest, v.output);
      w.while(w.lt(v.rest, v.lastOutput), () => {
        w.call(copyPlane, v.from, v.to, v.rows, s.outColumns, s.gRow, s.gColumn, s.copyRow);
        w.increase(v.from, s.gChannel);
        w.increase(v.to, s.gCopyChannel);
        w.increase(v.rest, 1);
      });

      w.set(v.at, w.add(s.scratch, s.gCopy));
      w.while(w.lt(v.output, v.lastOutput), () => {
        w.increase(v.tile, 1);
        w.set(v.tileRows, w.sub(outputOf(v.tile), v.output));
        w.set(v.tileOut, w.add(v.partial, w.mul(w.mul(v.output, s.columns), item)));
        w.set(v.column, 0);
        w.while(w.lt(v.column, s.columns), () => {
          w.set(v.width, w.sub(s.columns, v.column));
          const run = (rows: number): void => {
            const most = dotColumns[rows]!;
            w.set(v.width, w.min(v.width, most));
            const table = w.add(s.taps, w.mul(v.column, 4));
            const args = [
              v.at,
              s.scratch,
              v.tileOut,
              v.pixels,
              s.gCopyChannel,
              table,
              w.mul(s.columns, item),
              0,
              0,
              v.flags,
              v.width,
              one,
              one,
            ];
            w.call(tiles.dot[rows]!, ...args);
          };
          w.if(
            w.eq(v.tileRows, 3),
            () => run(3),
            () =>
              w.if(
                w.eq(v.tileRows, 2),
                () => run(2),
                () => run(1),
              ),
          );
          w.increase(v.column, v.width);
          w.increase(v.tileOut, w.mul(v.width, item));
        });
        w.increase(v.at, w.mul(v.tileRows, s.gCopyChannel));
        w.increase(v.output, v.tileRows);
      });
      w.set(v.flags, flag.beta);
      w.increase(v.unit, 1);
    });
  });
  return body;
}

const sumNames = ["routine", "begin", "end", "from", "part", "parts", "columns", "to", "toRow", "table", "contiguous"] as const;
export const sumSlot = slotsOf(sumNames);
export const sumSlots = sumNames.length + 1;

/** A function (block): adds up the parts of the rows `begin` to `end`; element j of a row goes to its offset in the table. */
export function emitSumParts(m: ModuleWriter, t: GemmTarget): Body {
  const item = itemBytes(t);
  const w = new Words(m.function(["i32"], []));
  const { body } = w;
  const [block] = w.parameters(1) as [Local];
  const s = readSlots(w, block, sumNames, ["from", "to", "table"], ["routine"]);
  const v = namedLocals(w, "row", "at", "to", "end", "entry", "place", "count");
  const vector = w.local("v128");
  const scalar = w.local(t.double ? "f64" : "f32");
  /** Adds up what lies at `at` in each part. */
  const sum = (into: Local, load: () => void, add: "f32.add" | "f64.add" | "f32x4.add" | "f64x2.add"): void => {
    w.set(v.place, v.at);
    w.push(v.place);
    load();
    body.set(into.index);
    w.set(v.count, w.sub(s.parts, 1));
    w.while(v.count, () => {
      w.increase(v.place, s.part);
      w.push(into);
      w.push(v.place);
      load();
      body.op(add);
      body.set(into.index);
      w.increase(v.count, -1);
    });
  };
  w.for(v.row, s.begin, s.end, () => {
    w.set(v.at, w.add(s.from, w.mul(w.mul(v.row, s.columns), item)));
    w.set(v.to, w.add(s.to, w.mul(v.row, s.toRow)));
    w.set(v.end, w.add(v.at, w.mul(s.columns, item)));
    w.set(v.entry, s.table);
    w.if(s.contiguous, () => {
      const full = w.local();
      w.set(full, w.add(v.at, w.and(w.mul(s.columns, item), -vectorBytes)));
      w.while(w.op("i32.lt_u", v.at, full), () => {
        sum(vector, () => body.memory("v128.load"), t.double ? "f64x2.add" : "f32x4.add");
        w.push(w.add(v.to, w.load(v.entry)));
        w.push(vector);
        body.memory("v128.store");
        w.increase(v.at, vectorBytes);
        w.increase(v.entry, (vectorBytes / item) * 4);
      });
    });
    w.while(w.op("i32.lt_u", v.at, v.end), () => {
      sum(scalar, () => body.memory(t.double ? "f64.load" : "f32.load"), t.double ? "f64.add" : "f32.add");
      w.push(w.add(v.to, w.load(v.entry)));
      w.push(scalar);
      body.memory(t.double ? "f64.store" : "f32.store");
      w.increase(v.at, item);
      w.increase(v.entry, 4);
    });
  });
  return body;
}
