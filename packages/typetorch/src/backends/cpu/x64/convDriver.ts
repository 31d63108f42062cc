/**
 * The loops of convolutions around the tiles of matrix products.
 *
 * An item is some rows of the output of one image and group. Its piece of the input is copied, with its padding, into the thread's scratch memory. There the pixels of the item follow each other at the distance of the padded rows, so that a vector of pixels
 * is a vector of memory for every tap of the filter, only at another offset: B of the product is never written down, a table of offsets stands for it. Between
 * the rows of pixels lie a few that are none; they are computed too, and left out when the vector is stored.
 */
import {
  type Assembler,
  type Gp,
  type Memory,
  ptr,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  ymm,
  zmm,
} from "./assembler.ts";
import { frame, type GemmTarget, vectorBytes } from "./gemmTile.ts";

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
  "copyColumn",
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
  "vectorsFull", // entries of vectors of a block of rows, and of the last one
  "vectorsLast",
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
  "tilesOutside", // 1: the loop over tiles is the outer one
] as const;

function slots<const Names extends readonly string[]>(names: Names): Record<Names[number], number> {
  return Object.fromEntries(names.map((name, i) => [name, i + 1])) as Record<Names[number], number>;
}
export const forwardSlot = slots(forwardNames);
export const forwardSlots = forwardNames.length + 1;

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
  a.mov(rdi, f.arg("copyColumn"));
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
 * Copies `rcx` rows (at least 1) of `r8` elements (at least 1): rsi source, r9 and rbx distance of its rows and elements, rdx target, r10 and rdi distance of its
 * rows and elements. Keeps rbx, rdi, rbp and r12 to r15.
 */
export function emitCopySpread(a: Assembler, target: GemmTarget): void {
  const x = target.double ? rax : rax.d;
  const row = a.label(true);
  a.push(rsi);
  a.push(rdx);
  a.mov(r11, r8);
  const element = a.label(true);
  a.mov(x, ptr(rsi));
  a.mov(ptr(rdx), x);
  a.add(rsi, rbx);
  a.add(rdx, rdi);
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

/** to = first row of tile `tile`. Changes rax and rdx. */
function firstRow(a: Assembler, to: Gp, tile: Memory, tileRows: Memory, fullTiles: Memory): void {
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
    ...["panels", "vectors", "tile", "panel"],
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
    ["vectors", "vectorsFull", "vectorsLast"],
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
  a.mov(r14, arg("flags"));
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
  a.mov(rax, arg("tileHigh"));
  a.mov(r8, local("tile"));
  a.cmp(r8, arg("fullTiles"));
  a.cmov("ge", rax, arg("tileLow"));
  a.mov(r8, arg("k"));
  a.mov(r10, arg("taps"));
  a.call(rax);
  const tilesOutside = a.label();
  const after = a.label();
  a.mov(rcx.d, 0);
  a.cmp(arg("tilesOutside"), 0);
  a.jcc("ne", tilesOutside);
  const step = (inner: "tile" | "panel", outer: "tile" | "panel", innerCount: Memory, outerCount: Memory): void => {
    a.mov(rax, local(inner));
    a.inc(rax);
    a.mov(local(inner), rax);
    a.cmp(rax, innerCount);
    a.jcc("l", loop);
    a.mov(local(inner), rcx);
    a.mov(rax, local(outer));
    a.inc(rax);
    a.mov(local(outer), rax);
    a.cmp(rax, outerCount);
    a.jcc("l", loop);
  };
  step("tile", "panel", arg("tiles"), local("panels"));
  a.jmp(after);
  a.bind(tilesOutside);
  step("panel", "tile", local("panels"), arg("tiles"));
  a.bind(after);
  a.add(local("item"), 1);
  a.jmp(items);
  a.bind(finish);
  f.leave();
}
