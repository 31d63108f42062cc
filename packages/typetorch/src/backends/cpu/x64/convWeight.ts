/**
 * The loops of the gradient of a convolution's weight.
 */
import {
  type Assembler,
  type Gp,
  type Memory,
  ptr,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  r8,
  r9,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from "./assembler.ts";
import { copyNames, divide, emitClear, emitCopyInput, firstRow, Frame, setMask, slots } from "./convFrame.ts";
import { flag, frame, type GemmTarget, lanes, vectorBytes } from "./gemmTile.ts";

/** The gradient of the weight: an item sums the units (image, block of rows) of a part, for a block of output channels of a group. */
const weightNames = [
  ...copyNames,
  "units", // images times blocks of rows
  "parts",
  "outputBlocks",
  "g",
  "gImage",
  "gGroup",
  "gChannel",
  "gRows", // one block of rows
  "gRow",
  "gColumn",
  "gCopyRow",
  "gWidth", // elements of a row
  "gHeight", // rows of a block, and of the last one
  "gHeightLast",
  "gCopyChannel",
  "gCopyBytes", // to clear: a multiple of 64
  "gRoutine", // copies rows
  "transposed", // where the transposed input begins in scratch memory
  "gCopy", // where the copied gradient begins
  "positions", // of a channel in scratch memory
  "pixels", // steps of k of a block of rows, and of the last one
  "pixelsLast",
  "columns", // channels, or channels times taps where those stand side by side
  "panels",
  "panelColumns",
  "transpose", // code, or 0: tiles take pixels and taps as they are
  "columnsApart", // distance of the columns
  "partial", // results
  "partialPart",
  "partialGroup",
  "partialRow",
  "partialTap",
  "bFirst", // where B of the first panel begins in scratch memory
  "bPanel", // from panel to panel
  "cPanel",
  "fourth", // r10 of the tiles of the first panel: a distance, or a table
  "fourthPanel",
  "taps", // table of int32 offsets
  "tapCount",
  "maskLanes",
  "tiles",
  "fullTiles",
  "tileRows",
  "tileHigh",
  "tileLow",
  "edgeHigh",
  "edgeLow",
] as const;

export const weightSlot = slots(weightNames);
export const weightSlots = weightNames.length + 1;

/**
 * Emits the gradient of the weight. For each unit the input is copied as in the forward pass and transposed, so that the channels of a pixel are a vector; the
 * gradient is copied to the same distance of rows, with zeros where no pixels are. Then every tap is a product over pixels, of the one with the other shifted.
 * Partial results are (part, group, output, tap, input).
 */
export function emitConvWeight(a: Assembler, target: GemmTarget): void {
  const locals = [
    ...[
      "item",
      "c",
      "plane",
      "images",
      "copied",
      "planeEntries",
      "part",
      "group",
      "unit",
      "unitEnd",
      "image",
      "block",
      "firstTile",
      "endTile",
      "firstRow",
      "rows",
    ],
    ...["results", "flags", "pixels", "height", "panel", "tap", "tile", "panelB", "panelC", "high", "low", "fourth"],
  ] as const;
  const f = new Frame(a, weightNames, locals as readonly (string & (typeof locals)[number])[]);
  const { arg, local } = { arg: f.arg.bind(f), local: f.local.bind(f) };
  const panelStep = 2 * vectorBytes(target);
  f.enter();
  a.mov(rax, arg("begin"));
  a.mov(local("item"), rax);
  const items = a.label(true);
  const finish = a.label();
  a.mov(rax, local("item"));
  a.cmp(rax, arg("end"));
  a.jcc("ge", finish);
  /** rax = index * whole / count. Changes rdx. */
  const share = (index: Gp, whole: Memory, count: Memory): void => {
    a.mov(rax, index);
    a.imul(rax, whole);
    divide(a, count);
  };
  divide(a, arg("outputBlocks"));
  a.mov(r12, rdx);
  divide(a, arg("parts"));
  a.mov(r13, rdx);
  a.mov(local("group"), rax);
  a.mov(r14, rax);
  share(r12, arg("tiles"), arg("outputBlocks"));
  a.mov(local("firstTile"), rax);
  a.inc(r12);
  share(r12, arg("tiles"), arg("outputBlocks"));
  a.mov(local("endTile"), rax);
  firstRow(a, r12, local("firstTile"), arg("tileRows"), arg("fullTiles"));
  a.mov(local("firstRow"), r12);
  firstRow(a, r15, local("endTile"), arg("tileRows"), arg("fullTiles"));
  a.sub(r15, r12);
  a.mov(local("rows"), r15);
  a.mov(rbx, arg("partialPart"));
  a.imul(rbx, r13);
  a.mov(rcx, arg("partialGroup"));
  a.imul(rcx, r14);
  a.add(rbx, rcx);
  a.add(rbx, arg("partial"));
  a.mov(local("results"), rbx);
  share(r13, arg("units"), arg("parts"));
  a.mov(local("unit"), rax);
  a.inc(r13);
  share(r13, arg("units"), arg("parts"));
  a.mov(local("unitEnd"), rax);
  a.mov(rax.d, 0);
  a.mov(local("flags"), rax);

  const units = a.label(true);
  a.mov(rax, local("unit"));
  divide(a, arg("rowBlocks"));
  a.mov(local("image"), rax);
  a.mov(local("block"), rdx);
  a.mov(r15, rdx);
  a.mov(r12, arg("xImage"));
  a.imul(r12, rax);
  a.mov(rcx, arg("xGroup"));
  a.imul(rcx, local("group"));
  a.add(r12, rcx);
  a.add(r12, arg("x"));
  // sizes of the last block of rows
  a.inc(rdx);
  a.cmp(rdx, arg("rowBlocks"));
  for (const [name, full, last] of [
    ["pixels", "pixels", "pixelsLast"],
    ["height", "gHeight", "gHeightLast"],
  ] as const) {
    a.mov(rcx, arg(full));
    a.cmov("e", rcx, arg(last));
    a.mov(local(name), rcx);
  }
  a.mov(rax.d, 1);
  a.mov(local("images"), rax);
  emitCopyInput(a, target, f);

  // transpose the copy
  a.mov(r12, arg("scratch"));
  a.mov(r13, r12);
  a.add(r13, arg("transposed"));
  a.mov(r14, arg("columns"));
  const transposed = a.label();
  a.mov(rax, arg("transpose"));
  a.test(rax, rax);
  a.jcc("z", transposed);
  const transposeLoop = a.label(true);
  a.mov(rsi, r12);
  a.mov(rdx, r13);
  a.mov(r8, arg("positions"));
  a.mov(r9, arg("columnsApart"));
  a.mov(rcx, r14);
  a.mov(rax, arg("panelColumns"));
  a.cmp(rcx, rax);
  a.cmov("g", rcx, rax);
  a.mov(rax, arg("transpose"));
  a.call(rax);
  a.mov(rax, arg("columnsApart"));
  a.imul(rax, arg("panelColumns"));
  a.add(r12, rax);
  a.mov(rax, arg("positions"));
  a.imul(rax, rax, panelStep);
  a.add(r13, rax);
  a.sub(r14, arg("panelColumns"));
  a.cmp(r14, 0);
  a.jcc("g", transposeLoop);
  a.bind(transposed);

  // copy the gradient
  a.mov(rdx, arg("scratch"));
  a.add(rdx, arg("gCopy"));
  a.mov(r13, rdx);
  a.mov(rcx, arg("gCopyBytes"));
  emitClear(a, target);
  a.mov(r12, arg("gImage"));
  a.imul(r12, local("image"));
  const addTo12 = (name: "gGroup" | "gChannel" | "gRows", by: "group" | "firstRow" | "block"): void => {
    a.mov(rcx, arg(name));
    a.imul(rcx, local(by));
    a.add(r12, rcx);
  };
  addTo12("gGroup", "group");
  addTo12("gChannel", "firstRow");
  addTo12("gRows", "block");
  a.add(r12, arg("g"));
  a.mov(r14, local("rows"));
  const gradient = a.label(true);
  a.mov(rsi, r12);
  a.mov(rdx, r13);
  a.mov(rcx, local("height"));
  a.mov(r8, arg("gWidth"));
  a.mov(r9, arg("gRow"));
  a.mov(r10, arg("gCopyRow"));
  a.mov(rbx, arg("gColumn"));
  a.mov(rax, arg("gRoutine"));
  a.call(rax);
  a.add(r12, arg("gChannel"));
  a.add(r13, arg("gCopyChannel"));
  a.dec(r14);
  a.jcc("nz", gradient);

  // the products
  a.mov(rax, 64);
  a.mov(ptr(rsp, frame.prefetchStep), rax);
  a.mov(rcx, arg("maskLanes"));
  setMask(a, target);
  a.mov(rax.d, 0);
  a.mov(local("tap"), rax);
  a.mov(r9, arg("gCopyChannel"));
  a.lea(rbp, ptr(r9, 0, r9, 2));
  a.mov(rbx, 3 * panelStep);
  a.mov(r11, arg("partialRow"));
  a.mov(r14, local("flags"));
  const tapLoop = a.label(true);
  a.mov(r12, local("tap"));
  a.mov(rcx, arg("partialTap"));
  a.imul(rcx, r12);
  a.mov(rax, arg("partialRow"));
  a.imul(rax, local("firstRow"));
  a.add(rcx, rax);
  a.add(rcx, local("results"));
  a.mov(local("panelC"), rcx);
  a.mov(rax, arg("taps"));
  a.movsxd(rdx, ptr(rax, 0, r12, 4));
  a.imul(rdx, rdx, 2 * lanes(target)); // bytes of one element become bytes of a transposed pixel
  a.add(rdx, arg("scratch"));
  a.add(rdx, arg("bFirst"));
  a.mov(local("panelB"), rdx);
  a.mov(rax, arg("fourth"));
  a.mov(local("fourth"), rax);
  a.mov(rax.d, 0);
  a.mov(local("panel"), rax);
  const panelLoop = a.label(true);
  a.mov(rax, local("panel"));
  a.inc(rax);
  a.cmp(rax, arg("panels"));
  for (const [name, whole, edge] of [
    ["high", "tileHigh", "edgeHigh"],
    ["low", "tileLow", "edgeLow"],
  ] as const) {
    a.mov(rcx, arg(whole));
    a.cmov("e", rcx, arg(edge));
    a.mov(local(name), rcx);
  }
  a.mov(rax, local("firstTile"));
  a.mov(local("tile"), rax);
  const tileLoop = a.label(true);
  firstRow(a, r12, local("tile"), arg("tileRows"), arg("fullTiles"));
  a.sub(r12, local("firstRow"));
  a.mov(rsi, r9);
  a.imul(rsi, r12);
  a.add(rsi, arg("scratch"));
  a.add(rsi, arg("gCopy"));
  a.mov(rcx, r11);
  a.imul(rcx, r12);
  a.add(rcx, local("panelC"));
  a.mov(rdx, local("panelB"));
  a.mov(r10, local("fourth"));
  a.mov(rdi, rdx);
  a.mov(r8, local("tile"));
  a.cmp(r8, arg("fullTiles"));
  a.mov(rax, local("high"));
  a.cmov("ge", rax, local("low"));
  a.mov(r8, local("pixels"));
  a.call(rax);
  a.mov(rax, local("tile"));
  a.inc(rax);
  a.mov(local("tile"), rax);
  a.cmp(rax, local("endTile"));
  a.jcc("l", tileLoop);
  for (const [name, step] of [
    ["panelB", "bPanel"],
    ["panelC", "cPanel"],
    ["fourth", "fourthPanel"],
  ] as const) {
    a.mov(rax, arg(step));
    a.add(local(name), rax);
  }
  a.mov(rax, local("panel"));
  a.inc(rax);
  a.mov(local("panel"), rax);
  a.cmp(rax, arg("panels"));
  a.jcc("l", panelLoop);
  a.mov(rax, local("tap"));
  a.inc(rax);
  a.mov(local("tap"), rax);
  a.cmp(rax, arg("tapCount"));
  a.jcc("l", tapLoop);

  a.mov(rax, flag.beta);
  a.mov(local("flags"), rax);
  a.mov(rax, local("unit"));
  a.inc(rax);
  a.mov(local("unit"), rax);
  a.cmp(rax, local("unitEnd"));
  a.jcc("l", units);
  a.add(local("item"), 1);
  a.jmp(items);
  a.bind(finish);
  f.leave();
}
