/**
 * The loops of convolutions around the tiles of matrix products.
 *
 * An item is some rows of the output of one image and group. Its piece of the input is copied, with its padding, into the thread's scratch memory. There the pixels of the item follow each other at the distance of the padded rows, so that a vector of pixels
 * is a vector of memory for every tap of the filter, only at another offset, and a table of offsets stands for B of the product. Between the rows of pixels
 * lie a few that are none; they are computed too, and left out when the vector is stored. Taps are cut into blocks whose input stays in the first-level cache
 * for all tiles; between blocks the accumulators wait in scratch memory.
 */
import {
  type Assembler,
  type Gp,
  type Memory,
  type Vec,
  ptr,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  k1,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  xmm,
  ymm,
  zmm,
} from "./assembler.ts";
import { emitLaneMask } from "./gemmPack.ts";
import { flag, frame, type GemmTarget, lanes, typed, vectorBytes } from "./gemmTile.ts";

/** Slots that the copy of the input into scratch memory takes; distances in bytes. */
const copyNames = [
  "begin", // items begin (inclusive) to end
  "end",
  "scratch",
  "x",
  "xImage",
  "xGroup",
  "xChannel",
  "xRow", // from one copied row to the next
  "xColumn", // from one copied element to the next
  "copy", // the routine that copies rows
  "copyTable", // entries of four int32s: source offset, target offset, rows, columns; `planes` of them for each block of rows
  "planes",
  "channels",
  "copyChannel", // in scratch memory
  "copyRow",
  "copyBytes", // to clear: a multiple of 64
  "rowBlocks",
  "groups",
] as const;

const forwardNames = [
  ...copyNames,
  "w",
  "wGroup",
  "wRow", // one output channel
  "bias",
  "biasGroup",
  "biasRow",
  "out",
  "outImage",
  "outGroup",
  "outRow", // one channel
  "outRows", // one block of rows
  "k",
  "taps", // table of int32 offsets, k of them
  "entriesFull", // of the vectors of a block of rows, and of the last one
  "entriesLast",
  "panelsFull",
  "panelsLast",
  "panelBytes",
  "panelEntries",
  "tiles",
  "fullTiles",
  "tileRows",
  "flags",
  "tileHigh",
  "tileLow",
  "edgeHighFull", // for the last panel of a block of rows, and of the last one
  "edgeHighLast",
  "edgeLowFull",
  "edgeLowLast",
  "tilesOutside", // 1: the loop over tiles is the outer one
  "kBlock", // steps of k in a block; all of them if the loop over tiles is the outer one
  "waiting", // where accumulators wait, in scratch memory
  "waitingTile",
  "item", // bytes of an element
] as const;

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

function slots<const Names extends readonly string[]>(names: Names): Record<Names[number], number> {
  return Object.fromEntries(names.map((name, i) => [name, i + 1])) as Record<Names[number], number>;
}
export const forwardSlot = slots(forwardNames);
export const forwardSlots = forwardNames.length + 1;
export const weightSlot = slots(weightNames);
/** The slots that every convolution has. */
export type CopySlots = Readonly<Record<(typeof copyNames)[number], number>>;
export const weightSlots = weightNames.length + 1;

/** A stack frame with a block's integers and some locals; the tile's frame comes first. */
class Frame<Name extends string, Local extends string> {
  readonly #a: Assembler;
  readonly #names: readonly Name[];
  readonly #locals: readonly Local[];
  readonly #bytes: number;
  constructor(a: Assembler, names: readonly Name[], locals: readonly Local[]) {
    this.#a = a;
    this.#names = names;
    this.#locals = locals;
    this.#bytes = Math.ceil((frame.first + (names.length + locals.length) * 8) / 16) * 16 + 8;
  }
  arg(name: Name): Memory {
    return ptr(rsp, frame.first + this.#names.indexOf(name) * 8);
  }
  local(name: Local): Memory {
    return ptr(rsp, frame.first + (this.#names.length + this.#locals.indexOf(name)) * 8);
  }
  enter(): void {
    const a = this.#a;
    for (const register of [rbx, rbp, r12, r13, r14, r15]) a.push(register);
    a.sub(rsp, this.#bytes);
    for (const [i, name] of this.#names.entries()) {
      a.op("vcvttsd2si", rax, ptr(rdi, (i + 1) * 8));
      a.mov(this.arg(name), rax);
    }
  }
  leave(): void {
    const a = this.#a;
    a.add(rsp, this.#bytes);
    for (const register of [r15, r14, r13, r12, rbp, rbx]) a.pop(register);
    a.vzeroupper();
    a.ret();
  }
}

/** Sets k1, or the frame's mask, to the lanes below the count in rcx. */
function setMask(a: Assembler, target: GemmTarget): void {
  if (target.avx512) {
    a.mov(rax, -1);
    a.op("bzhi", rax.d, rax.d, rcx.d);
    a.op("kmovw", k1, rax.d);
  } else {
    emitLaneMask(a, target, 0, target.double ? rcx : rcx.d);
    a.op("vmovups", ptr(rsp, frame.mask), ymm(0));
  }
}

/** Clears the bytes (a multiple of 64, at least 64) in rcx from rdx on. Changes both. */
function emitClear(a: Assembler, target: GemmTarget): void {
  const zero = target.avx512 ? zmm(0) : ymm(0);
  a.op("vxorps", ymm(0), ymm(0), ymm(0)); // clears all of zmm0
  const loop = a.label(true);
  for (let at = 0; at < 64; at += vectorBytes(target)) a.op("vmovups", ptr(rdx, at), zero);
  a.add(rdx, 64);
  a.sub(rcx, 64);
  a.jcc("nz", loop);
}

/**
 * Emits the copy of the input of an item to the beginning of the scratch memory. In: r12 the input of its image and group, r15 its block of rows. Changes
 * everything but rbp; the locals count channels and planes.
 */
function emitCopyInput<Name extends string, Local extends string>(
  a: Assembler,
  target: GemmTarget,
  f: Frame<Name | (typeof copyNames)[number], Local | "c" | "plane">,
): void {
  const next = a.label();
  a.mov(rdx, f.arg("scratch"));
  a.mov(rcx, f.arg("copyBytes"));
  emitClear(a, target);
  a.mov(rax, f.arg("planes"));
  a.mov(f.local("plane"), rax);
  a.imul(r15, rax);
  a.shl(r15, 4);
  a.add(r15, f.arg("copyTable"));
  const plane = a.label(true);
  a.movsxd(rax, ptr(r15, 8));
  a.movsxd(rcx, ptr(r15, 12));
  a.imul(rax, rcx);
  a.test(rax, rax);
  a.jcc("z", next);
  a.movsxd(r14, ptr(r15));
  a.add(r14, r12);
  a.movsxd(r13, ptr(r15, 4));
  a.add(r13, f.arg("scratch"));
  a.mov(rax, f.arg("channels"));
  a.mov(f.local("c"), rax);
  const channel = a.label(true);
  a.mov(rsi, r14);
  a.mov(rdx, r13);
  a.movsxd(rcx, ptr(r15, 8));
  a.movsxd(r8, ptr(r15, 12));
  a.mov(r9, f.arg("xRow"));
  a.mov(r10, f.arg("copyRow"));
  a.mov(rbx, f.arg("xColumn"));
  a.mov(rax, f.arg("copy"));
  a.call(rax);
  a.add(r14, f.arg("xChannel"));
  a.add(r13, f.arg("copyChannel"));
  a.add(f.local("c"), -1);
  a.jcc("nz", channel);
  a.bind(next);
  a.add(r15, 16);
  a.add(f.local("plane"), -1);
  a.jcc("nz", plane);
}

/**
 * Copies `rcx` rows (at least 1) of `r8` elements (at least 1): rsi source, r9 and rbx distance of its rows and elements, rdx target, r10 distance of its rows.
 * Keeps rbx, rbp and r12 to r15.
 */
export function emitCopyApart(a: Assembler, target: GemmTarget): void {
  const x = target.double ? rax : rax.d;
  const row = a.label(true);
  a.push(rsi);
  a.push(rdx);
  a.mov(r11, r8);
  const element = a.label(true);
  a.mov(x, ptr(rsi));
  a.mov(ptr(rdx), x);
  a.add(rsi, rbx);
  a.add(rdx, target.double ? 8 : 4);
  a.dec(r11);
  a.jcc("nz", element);
  a.pop(rdx);
  a.pop(rsi);
  a.add(rsi, r9);
  a.add(rdx, r10);
  a.dec(rcx);
  a.jcc("nz", row);
  a.ret();
}

/** As {@link emitCopyApart} for elements two apart, as a stride of 2 needs them: a vector at a time. */
export function emitCopyEven(a: Assembler, target: GemmTarget): void {
  const bytes = vectorBytes(target);
  const width = lanes(target);
  const move = typed(target, "vmovu");
  const register = (id: number): Vec => (target.avx512 ? zmm(id) : ymm(id));
  const [low, high, out, order] = [0, 1, 2, 3].map(register) as [Vec, Vec, Vec, Vec];
  const item = target.double ? 8 : 4;
  const even = Array.from({ length: width }, (_, i) => 2 * i);
  if (target.avx512) a.op(move, order, target.double ? a.longs(...even) : a.ints(...even));
  /** out = the even elements of low and high. */
  const pick = (): void => {
    if (target.avx512) {
      a.op("vmovaps", out, low);
      a.op(target.double ? "vpermt2pd" : "vpermt2ps", out, order, high);
    } else if (target.double) {
      a.op("vunpcklpd", out, low, high);
      a.op("vpermpd", out, out, 0xd8);
    } else {
      a.op("vshufps", out, low, high, 0x88);
      a.op("vpermpd", out, out, 0xd8);
    }
  };
  const row = a.label(true);
  a.mov(r11, r8);
  a.mov(rax, rsi);
  a.mov(rdi, rdx);
  const vectors = a.label();
  const rest = a.label();
  const next = a.label();
  a.bind(vectors);
  a.cmp(r11, width + 1); // the last element has no neighbour that may be read
  a.jcc("l", rest);
  a.op(move, low, ptr(rax));
  a.op(move, high, ptr(rax, bytes));
  pick();
  a.op(move, ptr(rdi), out);
  a.add(rax, 2 * bytes);
  a.add(rdi, bytes);
  a.sub(r11, width);
  a.jmp(vectors);
  a.bind(rest);
  a.test(r11, r11);
  a.jcc("z", next);
  const one = target.double ? "vmovsd" : "vmovss";
  const single = a.label(true);
  a.op(one, xmm(0), ptr(rax));
  a.op(one, ptr(rdi), xmm(0));
  a.add(rax, 2 * item);
  a.add(rdi, item);
  a.dec(r11);
  a.jcc("nz", single);
  a.bind(next);
  a.add(rsi, r9);
  a.add(rdx, r10);
  a.dec(rcx);
  a.jcc("nz", row);
  a.ret();
}

/** to = first row of tile `tile`. Changes rax and rdx. */
function firstRow(a: Assembler, to: Gp, tile: Gp | Memory, tileRows: Memory, fullTiles: Memory): void {
  a.mov(to, tile);
  a.mov(rax, to);
  a.imul(to, tileRows);
  a.sub(rax, fullTiles);
  a.mov(rdx.d, 0);
  a.cmp(rax, rdx);
  a.cmov("l", rax, rdx);
  a.sub(to, rax);
}

/** rax / memory: quotient in rax, remainder in rdx. */
function divide(a: Assembler, by: Memory): void {
  a.mov(rdx.d, 0);
  a.div(by);
}

export function emitConvForward(a: Assembler, target: GemmTarget): void {
  const locals = [
    ...["item", "c", "plane", "image", "group", "block", "itemW", "itemOut", "itemBias"],
    ...["panels", "vectors", "tile", "panel", "kDone", "edgeHigh", "edgeLow"],
  ] as const;
  const f = new Frame(a, forwardNames, locals as readonly (string & (typeof locals)[number])[]);
  const { arg, local } = { arg: f.arg.bind(f), local: f.local.bind(f) };
  f.enter();
  a.mov(rax, arg("biasRow"));
  a.mov(ptr(rsp, frame.biasRowStride), rax);
  a.mov(rax, arg("begin"));
  a.mov(local("item"), rax);
  const items = a.label(true);
  const finish = a.label();
  a.mov(rax, local("item"));
  a.cmp(rax, arg("end"));
  a.jcc("ge", finish);
  divide(a, arg("rowBlocks"));
  a.mov(local("block"), rdx);
  a.mov(r15, rdx);
  divide(a, arg("groups"));
  a.mov(r13, rdx); // group
  a.mov(r14, rax); // image
  const place = (
    to: Gp,
    base: "x" | "out" | "w" | "bias",
    image: "xImage" | "outImage" | null,
    group: Parameters<typeof arg>[0],
  ): void => {
    a.mov(to, arg(group));
    a.imul(to, r13);
    a.add(to, arg(base));
    if (image === null) return;
    a.mov(rcx, arg(image));
    a.imul(rcx, r14);
    a.add(to, rcx);
  };
  place(rbx, "w", null, "wGroup");
  a.mov(local("itemW"), rbx);
  place(rbx, "bias", null, "biasGroup");
  a.mov(local("itemBias"), rbx);
  place(rbx, "out", "outImage", "outGroup");
  a.mov(rcx, arg("outRows"));
  a.imul(rcx, r15);
  a.add(rbx, rcx);
  a.mov(local("itemOut"), rbx);
  place(r12, "x", "xImage", "xGroup");
  emitCopyInput(a, target, f);
  // the last block of rows may be lower
  a.mov(rax, local("block"));
  a.inc(rax);
  a.cmp(rax, arg("rowBlocks"));
  for (const [name, full, last] of [
    ["panels", "panelsFull", "panelsLast"],
    ["vectors", "entriesFull", "entriesLast"],
    ["edgeHigh", "edgeHighFull", "edgeHighLast"],
    ["edgeLow", "edgeLowFull", "edgeLowLast"],
  ] as const) {
    a.mov(rcx, arg(full));
    a.mov(rdx, arg(last));
    a.cmov("e", rcx, rdx);
    a.mov(local(name), rcx);
  }

  a.mov(rax.d, 0);
  a.mov(local("tile"), rax);
  a.mov(local("panel"), rax);
  a.mov(r9, arg("wRow"));
  a.lea(rbp, ptr(r9, 0, r9, 2));
  a.mov(r11, arg("outRow"));
  a.mov(local("kDone"), rax);
  const loop = a.label(true);
  firstRow(a, r12, local("tile"), arg("tileRows"), arg("fullTiles"));
  a.mov(r13, local("panel"));
  a.mov(rsi, r9);
  a.imul(rsi, r12);
  a.add(rsi, local("itemW"));
  a.mov(r15, arg("biasRow"));
  a.imul(r15, r12);
  a.add(r15, local("itemBias"));
  a.mov(rcx, r11);
  a.imul(rcx, r12);
  a.add(rcx, local("itemOut"));
  a.mov(rax, arg("panelEntries"));
  a.imul(rax, r13);
  a.add(rax, local("vectors"));
  a.mov(ptr(rsp, frame.vectors), rax);
  a.mov(rdx, arg("panelBytes"));
  a.imul(rdx, r13);
  a.add(rdx, arg("scratch"));
  // block of k
  const resumes = a.label();
  const finishes = a.label();
  a.mov(r13, local("kDone"));
  a.mov(r8, arg("k"));
  a.sub(r8, r13);
  a.mov(r14, arg("flags"));
  a.test(r13, r13);
  a.jcc("z", resumes);
  a.or(r14, flag.resume);
  a.bind(resumes);
  a.cmp(r8, arg("kBlock"));
  a.jcc("le", finishes);
  a.or(r14, flag.unfinished);
  a.mov(r8, arg("kBlock"));
  a.bind(finishes);
  a.mov(r10, arg("taps"));
  a.lea(r10, ptr(r10, 0, r13, 4));
  a.mov(rax, arg("item"));
  a.imul(rax, r13);
  a.add(rsi, rax);
  a.mov(rdi, arg("waitingTile"));
  a.imul(rdi, local("tile"));
  a.add(rdi, arg("scratch"));
  a.add(rdi, arg("waiting"));
  a.mov(ptr(rsp, frame.waiting), rdi);
  // the weights of the next tile come near while the panels pass
  a.mov(rdi, arg("tileRows"));
  a.imul(rdi, r9);
  a.add(rdi, rsi);
  a.mov(rax, arg("k"));
  a.imul(rax, local("panel"));
  a.shl(rax, 5);
  a.add(rdi, rax);
  a.mov(rax, arg("tileHigh"));
  a.mov(r12, arg("tileLow"));
  a.mov(r13, local("panel"));
  a.inc(r13);
  a.cmp(r13, local("panels"));
  a.cmov("e", rax, local("edgeHigh"));
  a.cmov("e", r12, local("edgeLow"));
  a.mov(r13, local("tile"));
  a.cmp(r13, arg("fullTiles"));
  a.cmov("ge", rax, r12);
  a.call(rax);
  const tilesOutside = a.label();
  const after = a.label();
  a.mov(rcx.d, 0);
  a.cmp(arg("tilesOutside"), 0);
  a.jcc("ne", tilesOutside);
  const count = (name: "tile" | "panel", end: Memory): void => {
    a.mov(rax, local(name));
    a.inc(rax);
    a.mov(local(name), rax);
    a.cmp(rax, end);
    a.jcc("l", loop);
  };
  count("tile", arg("tiles"));
  a.mov(local("tile"), rcx);
  a.mov(rax, local("kDone"));
  a.add(rax, arg("kBlock"));
  a.mov(local("kDone"), rax);
  a.cmp(rax, arg("k"));
  a.jcc("l", loop);
  a.mov(local("kDone"), rcx);
  count("panel", local("panels"));
  a.jmp(after);
  a.bind(tilesOutside);
  count("panel", local("panels"));
  a.mov(local("panel"), rcx);
  count("tile", arg("tiles"));
  a.bind(after);
  a.add(local("item"), 1);
  a.jmp(items);
  a.bind(finish);
  f.leave();
}

/**
 * Emits the gradient of the weight. For each unit the input is copied as in the forward pass and transposed, so that the channels of a pixel are a vector; the
 * gradient is copied to the same distance of rows, with zeros where no pixels are. Then every tap is a product over pixels, of the one with the other shifted.
 * Partial results are (part, group, output, tap, input).
 */
export function emitConvWeight(a: Assembler, target: GemmTarget): void {
  const locals = [
    ...["item", "c", "plane", "part", "group", "unit", "unitEnd", "image", "block", "firstTile", "endTile", "firstRow", "rows"],
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

/** Slots of {@link emitSumParts}: elements `begin` to `end` of `parts` arrays, `distance` bytes apart, are summed into `target`. */
export const sumSlot = {
  begin: 1,
  end: 2,
  source: 3,
  distance: 4,
  parts: 5,
  target: 6,
  chunk: 7,
  elements: 8,
  slots: 9,
} as const;

/** Emits the sum of partial results: items `begin` to `end`, each a chunk (a multiple of a vector, but for the last). */
export function emitSumParts(a: Assembler, target: GemmTarget): void {
  const int = (to: Gp, slot: number): void => a.op("vcvttsd2si", to, ptr(rdi, slot * 8));
  const x = target.avx512 ? zmm(0) : ymm(0);
  const width = lanes(target);
  const shift = target.double ? 3 : 2;
  const single = (id: number): ReturnType<typeof xmm> => xmm(id);
  int(r10, sumSlot.begin);
  const items = a.label(true);
  const finish = a.label();
  const vectors = a.label();
  const rest = a.label();
  const next = a.label();
  int(rax, sumSlot.end);
  a.cmp(r10, rax);
  a.jcc("ge", finish);
  int(r8, sumSlot.chunk);
  a.mov(rcx, r8);
  a.imul(rcx, r10); // first element
  int(rax, sumSlot.elements);
  a.sub(rax, rcx);
  a.cmp(rax, r8);
  a.cmov("l", r8, rax); // elements here
  a.shl(rcx, shift);
  int(rsi, sumSlot.source);
  a.add(rsi, rcx);
  int(rdx, sumSlot.target);
  a.add(rdx, rcx);
  int(r9, sumSlot.distance);
  a.bind(vectors);
  a.cmp(r8, width);
  a.jcc("l", rest);
  const sum = (name: "vmovu" | "one", step: number): void => {
    const load = target.double ? "vmovsd" : "vmovss";
    int(rcx, sumSlot.parts);
    a.mov(rax, rsi);
    if (name === "one") a.op(load, single(0), ptr(rax));
    else a.op(typed(target, "vmovu"), x, ptr(rax));
    const more = a.label();
    const done = a.label();
    a.bind(more);
    a.dec(rcx);
    a.jcc("z", done);
    a.add(rax, r9);
    if (name === "one") a.op(target.double ? "vaddsd" : "vaddss", single(0), single(0), ptr(rax));
    else a.op(typed(target, "vadd"), x, x, ptr(rax));
    a.jmp(more);
    a.bind(done);
    if (name === "one") a.op(load, ptr(rdx), single(0));
    else a.op(typed(target, "vmovu"), ptr(rdx), x);
    a.add(rsi, step);
    a.add(rdx, step);
  };
  sum("vmovu", vectorBytes(target));
  a.sub(r8, width);
  a.jmp(vectors);
  a.bind(rest);
  a.test(r8, r8);
  a.jcc("z", next);
  sum("one", 1 << shift);
  a.dec(r8);
  a.jmp(rest);
  a.bind(next);
  a.inc(r10);
  a.jmp(items);
  a.bind(finish);
  a.vzeroupper();
  a.ret();
}

/** Slots of {@link emitTurn}; distances in bytes. */
export const turnSlot = {
  begin: 1,
  end: 2,
  from: 3,
  to: 4,
  outer: 5,
  inner: 6,
  fromGroup: 7,
  fromOuter: 8,
  fromInner: 9,
  toGroup: 10,
  toOuter: 11,
  toInner: 12,
  /** Table of int32 offsets in the source, and how many (at least 1). */
  taps: 13,
  tapCount: 14,
  blocks: 15,
  slots: 16,
} as const;
/** Inner indices in an item of {@link emitTurn}. */
export const turnBlock = 64;

/**
 * Emits a rearrangement: to[group][outer][inner] = the elements at the table's offsets from from[group][outer][inner], one after the other. An item is a block of
 * inner indices of a group, so that lines of either side are met again before they leave the cache.
 */
export function emitTurn(a: Assembler, target: GemmTarget): void {
  const int = (to: Gp, slot: number): void => a.op("vcvttsd2si", to, ptr(rdi, slot * 8));
  const x = target.double ? rax : rax.d;
  const item = target.double ? 8 : 4;
  for (const register of [rbx, rbp, r12, r13, r14, r15]) a.push(register);
  int(rbp, turnSlot.begin);
  const items = a.label(true);
  const finish = a.label();
  int(rax, turnSlot.end);
  a.cmp(rbp, rax);
  a.jcc("ge", finish);
  a.mov(rax, rbp);
  a.mov(rdx.d, 0);
  int(rcx, turnSlot.blocks);
  a.div(rcx);
  a.shl(rdx, Math.log2(turnBlock));
  a.mov(r15, rdx); // first inner index
  int(r12, turnSlot.fromGroup);
  a.imul(r12, rax);
  int(r13, turnSlot.toGroup);
  a.imul(r13, rax);
  for (const [register, base, step] of [
    [r12, turnSlot.from, turnSlot.fromInner],
    [r13, turnSlot.to, turnSlot.toInner],
  ] as const) {
    int(rax, base);
    a.add(register, rax);
    int(rax, step);
    a.imul(rax, r15);
    a.add(register, rax);
  }
  int(r14, turnSlot.inner);
  a.sub(r14, r15);
  a.mov(rax, turnBlock);
  a.cmp(r14, rax);
  a.cmov("g", r14, rax);
  int(r15, turnSlot.outer);
  const outer = a.label(true);
  a.mov(r8, r14);
  a.mov(rsi, r12);
  a.mov(r9, r13);
  const inner = a.label(true);
  a.mov(rdx, r9);
  int(r10, turnSlot.taps);
  int(r11, turnSlot.tapCount);
  const tap = a.label(true);
  a.movsxd(rbx, ptr(r10));
  a.mov(x, ptr(rsi, 0, rbx));
  a.mov(ptr(rdx), x);
  a.add(rdx, item);
  a.add(r10, 4);
  a.dec(r11);
  a.jcc("nz", tap);
  int(rax, turnSlot.fromInner);
  a.add(rsi, rax);
  int(rax, turnSlot.toInner);
  a.add(r9, rax);
  a.dec(r8);
  a.jcc("nz", inner);
  int(rax, turnSlot.fromOuter);
  a.add(r12, rax);
  int(rax, turnSlot.toOuter);
  a.add(r13, rax);
  a.dec(r15);
  a.jcc("nz", outer);
  a.inc(rbp);
  a.jmp(items);
  a.bind(finish);
  for (const register of [r15, r14, r13, r12, rbp, rbx]) a.pop(register);
  a.ret();
}
