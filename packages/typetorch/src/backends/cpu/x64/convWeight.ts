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
import { flag, frame, type GemmTarget, lanes } from "./gemmTile.ts";

/** The gradient of the weight: an item sums the units (images, block of rows) of a part, for a block of output channels of a group. */
const weightNames = [
  ...copyNames,
  "xUnit", // from images of a unit to the next
  "imagesFull", // images of a unit, and of the last one
  "imagesLast",
  "many", // 1 where units have many images, else 0
  "lastPart", // number of the images, or of the block of rows, that may be fewer
  "units", // groups of images times blocks of rows
  "parts",
  "outputBlocks",
  "g",
  "gUnit",
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
  "gCopyImage",
  "gCopyChannel",
  "gCopyBytes", // to clear: a multiple of 64, or 0
  "gRoutine", // copies rows
  "transposed", // where the transposed input begins in scratch memory
  "transposedImage", // from image to image there
  "gCopy", // where the copied gradient begins
  "positions", // of a channel in scratch memory
  "pixels", // steps of k of a unit, and of the last one
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
  "turn", // code that turns the rows of a tile, (tap, input), into (input, tap), or 0: tiles are where they belong
  "turned", // where such a tile begins in scratch memory
  "bFirst", // where B of the first panel begins in scratch memory
  "bPanel", // from panel to panel
  "cPanel",
  "fourth", // table that tiles take as r10, of the first panel
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
 * Emits the gradient of the weight. For each unit the input is copied as in the forward pass and transposed, so that the channels of a position are a vector; the
 * gradient's pixels are copied behind each other. Then every tap is a product over pixels, whose positions a table has, shifted by the tap. Partial results are
 * (part, group, output, tap, input). Where there are few channels the input is not transposed; tiles take a vector of pixels, also those between rows that are
 * none, for which the copied gradient has zeros.
 */
export function emitConvWeight(a: Assembler, target: GemmTarget): void {
  const locals = [
    ...["item", "c", "plane", "images", "copied", "planeEntries", "part", "group", "unit", "unitEnd", "imageItem", "block"],
    ...["image", "imageCount", "input", "firstTile", "endTile", "firstRow", "rows", "results", "flags", "pixels", "height"],
    ...["panel", "tap", "tile", "tileRow", "tileA", "tileC", "panelB", "panelC", "high", "low", "fourth"],
  ] as const;
  const f = new Frame(a, weightNames, locals as readonly (string & (typeof locals)[number])[]);
  const { arg, local } = { arg: f.arg.bind(f), local: f.local.bind(f) };
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
  /** Counts a local up to `end`. */
  const count = (name: "tile" | "tap" | "panel" | "image" | "unit", end: Memory, loop: ReturnType<typeof a.label>): void => {
    a.mov(rax, local(name));
    a.inc(rax);
    a.mov(local(name), rax);
    a.cmp(rax, end);
    a.jcc("l", loop);
  };
  const addProduct = (to: Gp, step: Parameters<typeof arg>[0], by: Memory): void => {
    a.mov(rcx, arg(step));
    a.imul(rcx, by);
    a.add(to, rcx);
  };
  const zero = (name: "tap" | "panel" | "image" | "flags"): void => {
    a.mov(rax.d, 0);
    a.mov(local(name), rax);
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
  addProduct(rbx, "partialGroup", local("group"));
  a.add(rbx, arg("partial"));
  a.mov(local("results"), rbx);
  share(r13, arg("units"), arg("parts"));
  a.mov(local("unit"), rax);
  a.inc(r13);
  share(r13, arg("units"), arg("parts"));
  a.mov(local("unitEnd"), rax);
  zero("flags");

  const units = a.label(true);
  a.mov(rax, local("unit"));
  divide(a, arg("rowBlocks"));
  a.mov(local("imageItem"), rax);
  a.mov(local("block"), rdx);
  a.mov(r12, arg("x"));
  addProduct(r12, "xUnit", local("imageItem"));
  addProduct(r12, "xGroup", local("group"));
  a.mov(local("input"), r12);
  // the last images or block of rows may be fewer
  a.mov(rax, arg("many"));
  a.imul(rax, local("imageItem"));
  a.add(rax, local("block"));
  a.cmp(rax, arg("lastPart"));
  for (const [name, full, last] of [
    ["pixels", "pixels", "pixelsLast"],
    ["height", "gHeight", "gHeightLast"],
    ["imageCount", "imagesFull", "imagesLast"],
  ] as const) {
    a.mov(rcx, arg(full));
    a.cmov("e", rcx, arg(last));
    a.mov(local(name), rcx);
  }

  // copy the input and transpose the copy, image by image
  zero("image");
  const imageLoop = a.label(true);
  a.mov(r12, local("input"));
  a.mov(r15, local("block"));
  a.mov(rax.d, 1);
  a.mov(local("images"), rax);
  emitCopyInput(a, target, f);
  a.mov(local("input"), r12);
  const transposed = a.label();
  a.mov(rax, arg("transpose"));
  a.test(rax, rax);
  a.jcc("z", transposed);
  a.mov(r12, arg("scratch"));
  a.mov(r13, r12);
  a.add(r13, arg("transposed"));
  addProduct(r13, "transposedImage", local("image"));
  a.mov(r14, arg("columns"));
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
  a.add(r13, arg("bPanel"));
  a.sub(r14, arg("panelColumns"));
  a.cmp(r14, 0);
  a.jcc("g", transposeLoop);
  a.bind(transposed);
  count("image", local("imageCount"), imageLoop);

  // copy the gradient
  const cleared = a.label();
  a.mov(rdx, arg("scratch"));
  a.add(rdx, arg("gCopy"));
  a.mov(r13, rdx);
  a.mov(rcx, arg("gCopyBytes"));
  a.test(rcx, rcx);
  a.jcc("z", cleared);
  emitClear(a, target);
  a.bind(cleared);
  a.mov(r12, arg("g"));
  addProduct(r12, "gUnit", local("imageItem"));
  addProduct(r12, "gGroup", local("group"));
  addProduct(r12, "gChannel", local("firstRow"));
  addProduct(r12, "gRows", local("block"));
  a.mov(r14, local("rows"));
  const gradient = a.label(true);
  zero("image");
  const gradientImage = a.label(true);
  a.mov(rsi, r12);
  addProduct(rsi, "gImage", local("image"));
  a.mov(rdx, r13);
  addProduct(rdx, "gCopyImage", local("image"));
  a.mov(rcx, local("height"));
  a.mov(r8, arg("gWidth"));
  a.mov(r9, arg("gRow"));
  a.mov(r10, arg("gCopyRow"));
  a.mov(rbx, arg("gColumn"));
  a.mov(rax, arg("gRoutine"));
  a.call(rax);
  count("image", local("imageCount"), gradientImage);
  a.add(r12, arg("gChannel"));
  a.add(r13, arg("gCopyChannel"));
  a.dec(r14);
  a.jcc("nz", gradient);

  // the products
  a.mov(rax, 64);
  a.mov(ptr(rsp, frame.prefetchStep), rax);
  a.mov(rcx, arg("maskLanes"));
  setMask(a, target);
  a.mov(r9, arg("gCopyChannel"));
  a.lea(rbp, ptr(r9, 0, r9, 2));
  a.mov(r11, arg("partialRow"));
  a.mov(r14, local("flags"));
  a.mov(rax, local("firstTile"));
  a.mov(local("tile"), rax);
  const tileLoop = a.label(true);
  firstRow(a, r12, local("tile"), arg("tileRows"), arg("fullTiles"));
  a.mov(local("tileRow"), r12);
  a.mov(rcx, r11);
  a.imul(rcx, r12);
  a.add(rcx, local("results"));
  a.mov(rdx, arg("scratch"));
  a.add(rdx, arg("turned"));
  a.mov(rax, arg("turn"));
  a.test(rax, rax);
  a.cmov("ne", rcx, rdx);
  a.mov(local("tileC"), rcx);
  a.sub(r12, local("firstRow"));
  a.imul(r12, r9);
  a.add(r12, arg("scratch"));
  a.add(r12, arg("gCopy"));
  a.mov(local("tileA"), r12);
  zero("tap");
  const tapLoop = a.label(true);
  a.mov(r12, local("tap"));
  a.mov(rcx, local("tileC"));
  a.mov(rax, arg("partialTap"));
  a.imul(rax, r12);
  a.add(rcx, rax);
  a.mov(local("panelC"), rcx);
  a.mov(rax, arg("taps"));
  a.movsxd(rdx, ptr(rax, 0, r12, 4));
  a.imul(rdx, rdx, 2 * lanes(target)); // bytes of one element become bytes of a transposed position
  a.add(rdx, arg("scratch"));
  a.add(rdx, arg("bFirst"));
  a.mov(local("panelB"), rdx);
  a.mov(rax, arg("fourth"));
  a.mov(local("fourth"), rax);
  zero("panel");
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
  a.mov(rsi, local("tileA"));
  a.mov(rdx, local("panelB"));
  a.mov(rcx, local("panelC"));
  a.mov(r10, local("fourth"));
  a.mov(rdi, rdx);
  a.mov(r8, local("tile"));
  a.cmp(r8, arg("fullTiles"));
  a.mov(rax, local("high"));
  a.cmov("ge", rax, local("low"));
  a.mov(r8, local("pixels"));
  a.call(rax);
  for (const [name, step] of [
    ["panelB", "bPanel"],
    ["panelC", "cPanel"],
    ["fourth", "fourthPanel"],
  ] as const) {
    a.mov(rax, arg(step));
    a.add(local(name), rax);
  }
  count("panel", arg("panels"), panelLoop);
  count("tap", arg("tapCount"), tapLoop);
  const inPlace = a.label();
  a.mov(rax, arg("turn"));
  a.test(rax, rax);
  a.jcc("z", inPlace);
  a.mov(rsi, local("tileC"));
  a.mov(rdx, local("tileRow"));
  a.imul(rdx, r11);
  a.add(rdx, local("results"));
  a.mov(rcx, local("tile"));
  a.cmp(rcx, arg("fullTiles"));
  a.mov(rcx, arg("tileRows"));
  const whole = a.label();
  a.jcc("l", whole);
  a.dec(rcx);
  a.bind(whole);
  a.mov(r8, arg("channels"));
  a.mov(r9, arg("partialTap"));
  a.call(rax);
  a.mov(rcx, arg("maskLanes"));
  setMask(a, target);
  a.mov(r9, arg("gCopyChannel"));
  a.mov(r11, arg("partialRow"));
  a.bind(inPlace);
  count("tile", local("endTile"), tileLoop);

  a.mov(rax, flag.beta);
  a.mov(local("flags"), rax);
  count("unit", local("unitEnd"), units);
  a.add(local("item"), 1);
  a.jmp(items);
  a.bind(finish);
  f.leave();
}
