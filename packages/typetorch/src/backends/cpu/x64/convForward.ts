/**
 * The loops of a forward convolution.
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
import { copyNames, divide, emitCopyInput, firstRow, Frame, slots } from "./convFrame.ts";
import { flag, frame, type GemmTarget } from "./gemmTile.ts";

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

export const forwardSlot = slots(forwardNames);
export const forwardSlots = forwardNames.length + 1;

/** Emits the forward convolution: for an item, panels of pixels, blocks of taps, tiles of output channels. */
export function emitConvForward(a: Assembler, target: GemmTarget): void {
  const locals = [
    ...["item", "c", "plane", "images", "copied", "planeEntries", "image", "group", "block", "itemW", "itemOut", "itemBias"],
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
  a.mov(rax.d, 1);
  a.mov(local("images"), rax);
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
