/**
 * The loops of a forward convolution whose pixels are gathered densely.
 *
 * An item is some rows of the output of one image, or some whole images, of a group, and some of its output channels. Panels of pixels are filled from their input, a vector
 * for every channel and tap of the filter: in them no lane is lost to the ends of rows and images, and every vector begins at a cache line. With a stride along rows
 * the input is copied before, so that the pixels under a tap lie side by side. Blocks of channels are filled at a time; between blocks the accumulators wait in
 * scratch memory.
 */
import {
  type Assembler,
  type Gp,
  type Mask,
  type Memory,
  k1,
  k2,
  k3,
  k4,
  k5,
  k6,
  k7,
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
import { flag, frame, type GemmTarget, typed, vector } from "./gemmTile.ts";

const denseNames = [
  ...copyNames,
  "inPlace", // 1: segments are offsets in the input itself
  "xImages", // from item to item of images
  "xRows", // from block to block of rows; 0 unless in place
  "sourceChannel", // of what panels are filled from
  "imagesFull", // images of an item, and of the last one
  "imagesLast",
  "many", // 1 where items have many images, else 0
  "lastPart", // number of the item of images, or of the block of rows, that may have fewer
  "w",
  "wGroup",
  "wRow", // one output channel
  "wChannel", // one input channel
  "aDistance", // what tiles take as r9
  "pack", // routine that packs the weights of a tile, or 0; only where the loop over tiles is the outer one
  "packTable", // its rdi
  "packed", // where they go in scratch memory
  "bias",
  "biasGroup",
  "biasRow",
  "out",
  "outImages",
  "outGroup",
  "outRow", // one channel
  "outRows", // one block of rows
  "k",
  "channelBlock", // channels in a block of k
  "tapCount",
  "segments", // for each item of images or block of rows the int32 offset of its segments from here
  "vectorSegments", // bytes from vector to vector
  "fill", // routine that fills a vector of a panel
  "filled", // where panels begin in scratch memory
  "entriesFull",
  "entriesLast",
  "panelsFull",
  "panelsLast",
  "panelVectors",
  "panelStep", // bytes of a step of k
  "panelChannel", // bytes of a channel: its taps
  "panelBytes",
  "panelEntries",
  "vectorBytes",
  "outputBlocks",
  "tiles",
  "fullTiles",
  "tileRows",
  "flags",
  "tileHigh",
  "tileLow",
  "edgeHighFull", // for the last panel of an item, and of the last one
  "edgeHighLast",
  "edgeLowFull",
  "edgeLowLast",
  "tilesOutside", // 1: the loop over tiles is the outer one, and all panels are filled before
  "waiting", // where accumulators wait, in scratch memory
  "waitingTile",
  "item", // bytes of an element
] as const;

export const denseSlot = slots(denseNames);
export const denseSlots = denseNames.length + 1;

/** Lanes of a vector of pixels that lie side by side in the input. */
export interface SegmentEntry {
  /** Byte of the int32 that says where the first lane of the vector would lie. */
  readonly offset: number;
  /** Byte of the lanes: an int32 with a bit for each in AVX-512, else a mask vector. */
  readonly mask: number;
  readonly bytes: number;
}
export function segmentEntry(target: GemmTarget): SegmentEntry {
  return target.avx512 ? { offset: 0, mask: 4, bytes: 8 } : { offset: 0, mask: 32, bytes: 64 };
}

/**
 * Emits a routine that fills one vector of a panel, for some channels and every tap the pixels of `segments` segments. In: rsi the first channel's source, r10 the distance
 * of channels there, rdi entries (tap, segment), rdx target, r11 the distance of its taps and rcx of its channels, r8 channels and r9 taps (at least 1). Changes
 * everything.
 */
export function emitFill(a: Assembler, target: GemmTarget, segments: number): void {
  const { offset, mask, bytes } = segmentEntry(target);
  const move = typed(target, "vmovu");
  const bases: readonly Gp[] = [r12, r13, r14, r15];
  const masks: readonly Mask[] = [k1, k2, k3, k4, k5, k6, k7];
  const maskVector = (s: number) => vector(target, 15 - s);
  const [x, part] = [vector(target, 0), vector(target, 1)];
  // what registers hold while the channels pass
  const holdBases = segments <= bases.length;
  const holdMasks = segments <= masks.length;
  const loadBase = (s: number, to: Gp): void => a.movsxd(to, ptr(rdi, s * bytes + offset));
  const loadMask = (s: number, to: number): void => {
    if (target.avx512) a.op("kmovw", masks[to]!, ptr(rdi, s * bytes + mask));
    else a.op("vmovups", maskVector(to), ptr(rdi, s * bytes + mask));
  };
  const tap = a.label(true);
  for (let s = 0; s < segments; s++) {
    if (holdBases) loadBase(s, bases[s]!);
    if (holdMasks) loadMask(s, s);
  }
  a.mov(rax, rdx);
  a.mov(rbx, rsi);
  a.mov(rbp, r8);
  const channel = a.label(true);
  for (let s = 0; s < segments; s++) {
    const base = holdBases ? bases[s]! : r12;
    const lanes = holdMasks ? s : 0;
    if (!holdBases) loadBase(s, base);
    if (!holdMasks) loadMask(s, lanes);
    const from = ptr(rbx, 0, base);
    if (target.avx512) a.op(move, s === 0 ? x.kz(masks[lanes]!) : x.k(masks[lanes]!), from);
    else {
      a.op(typed(target, "vmaskmov"), s === 0 ? x : part, maskVector(lanes), from);
      if (s > 0) a.op("vorps", x, x, part);
    }
  }
  a.op(move, ptr(rax), x);
  a.add(rax, rcx);
  a.add(rbx, r10);
  a.dec(rbp);
  a.jcc("nz", channel);
  a.add(rdi, segments * bytes);
  a.add(rdx, r11);
  a.dec(r9);
  a.jcc("nz", tap);
  a.ret();
}

/** Emits the convolution: for an item, blocks of taps, tiles of output channels, panels of pixels. */
export function emitConvDense(a: Assembler, target: GemmTarget): void {
  const locals = [
    ...["item", "c", "plane", "images", "copied", "planeEntries", "image", "group", "block", "source"],
    ...["itemW", "itemOut", "itemBias", "panels", "segments", "entries", "edgeHigh", "edgeLow"],
    ...["firstTile", "endTile", "tile", "panel", "channelsDone", "channelsHere", "kDone", "kc", "vector", "fillAt"],
  ] as const;
  const f = new Frame(a, denseNames, locals as readonly (string & (typeof locals)[number])[]);
  const { arg, local } = { arg: f.arg.bind(f), local: f.local.bind(f) };
  f.enter();
  a.mov(rax, arg("biasRow"));
  a.mov(ptr(rsp, frame.biasRowStride), rax);
  a.mov(rax, 64);
  a.mov(ptr(rsp, frame.prefetchStep), rax);
  a.mov(rax, arg("begin"));
  a.mov(local("item"), rax);
  const items = a.label(true);
  const finish = a.label();
  a.mov(rax, local("item"));
  a.cmp(rax, arg("end"));
  a.jcc("ge", finish);
  // item -> images, group, block of rows, block of output channels
  divide(a, arg("outputBlocks"));
  a.mov(r12, rdx);
  divide(a, arg("rowBlocks"));
  a.mov(r15, rdx);
  divide(a, arg("groups"));
  a.mov(r13, rdx);
  a.mov(r14, rax);
  const tileOf = (name: "firstTile" | "endTile"): void => {
    a.mov(rax, r12);
    a.imul(rax, arg("tiles"));
    divide(a, arg("outputBlocks"));
    a.mov(local(name), rax);
  };
  tileOf("firstTile");
  a.inc(r12);
  tileOf("endTile");
  /** to = base + group * (r13) + … */
  const place = (to: Gp, base: "x" | "out" | "w" | "bias", steps: readonly [Parameters<typeof arg>[0], Gp][]): void => {
    a.mov(to, arg(base));
    for (const [step, by] of steps) {
      a.mov(rcx, arg(step));
      a.imul(rcx, by);
      a.add(to, rcx);
    }
  };
  place(rbx, "w", [["wGroup", r13]]);
  a.mov(local("itemW"), rbx);
  place(rbx, "bias", [["biasGroup", r13]]);
  a.mov(local("itemBias"), rbx);
  place(rbx, "out", [
    ["outGroup", r13],
    ["outImages", r14],
    ["outRows", r15],
  ]);
  a.mov(local("itemOut"), rbx);
  place(r12, "x", [
    ["xGroup", r13],
    ["xImages", r14],
    ["xRows", r15],
  ]);
  // the last item of images or block of rows may be smaller
  a.mov(rax, arg("many"));
  a.imul(rax, r14);
  a.add(rax, r15);
  a.cmp(rax, arg("lastPart"));
  for (const [name, full, last] of [
    ["panels", "panelsFull", "panelsLast"],
    ["entries", "entriesFull", "entriesLast"],
    ["edgeHigh", "edgeHighFull", "edgeHighLast"],
    ["edgeLow", "edgeLowFull", "edgeLowLast"],
    ["images", "imagesFull", "imagesLast"],
  ] as const) {
    a.mov(rcx, arg(full));
    a.cmov("e", rcx, arg(last));
    a.mov(local(name), rcx);
  }
  a.mov(rax, arg("many"));
  a.imul(rax, r14);
  a.add(rax, r15);
  a.mov(rcx, arg("segments"));
  a.movsxd(rax, ptr(rcx, 0, rax, 4));
  a.add(rax, rcx);
  a.mov(local("segments"), rax);
  const copied = a.label();
  a.mov(local("source"), r12);
  a.cmp(arg("inPlace"), 0);
  a.jcc("ne", copied);
  emitCopyInput(a, target, f);
  a.mov(rax, arg("scratch"));
  a.mov(local("source"), rax);
  a.bind(copied);

  const count = (name: "vector" | "panel" | "tile", end: Memory, loop: ReturnType<typeof a.label>): void => {
    a.mov(rax, local(name));
    a.inc(rax);
    a.mov(local(name), rax);
    a.cmp(rax, end);
    a.jcc("l", loop);
  };
  const start = (name: "panel" | "channelsDone"): void => {
    a.mov(rax.d, 0);
    a.mov(local(name), rax);
  };
  /** The channels of this block, and as steps of k. */
  const setBlock = (): void => {
    a.mov(rax, arg("channels"));
    a.sub(rax, local("channelsDone"));
    a.mov(rcx, arg("channelBlock"));
    a.cmp(rax, rcx);
    a.cmov("g", rax, rcx);
    a.mov(local("channelsHere"), rax);
    a.imul(rax, arg("tapCount"));
    a.mov(local("kc"), rax);
    a.mov(rax, local("channelsDone"));
    a.imul(rax, arg("tapCount"));
    a.mov(local("kDone"), rax);
  };
  const nextBlock = (loop: ReturnType<typeof a.label>): void => {
    a.mov(rax, local("channelsDone"));
    a.add(rax, local("channelsHere"));
    a.mov(local("channelsDone"), rax);
    a.cmp(rax, arg("channels"));
    a.jcc("l", loop);
  };
  /** rdx = where the panel lies: each at its place where all are filled before the tiles, else all at the first. */
  const panelPlace = (every: boolean): void => {
    a.mov(rdx, arg("filled"));
    a.add(rdx, arg("scratch"));
    if (!every) return;
    a.mov(rax, local("panel"));
    a.imul(rax, arg("panelBytes"));
    a.add(rdx, rax);
  };
  const fillPanel = (every: boolean): void => {
    a.mov(rax.d, 0);
    a.mov(local("vector"), rax);
    a.mov(rax, local("panel"));
    a.imul(rax, arg("panelVectors"));
    a.imul(rax, arg("vectorSegments"));
    a.add(rax, local("segments"));
    a.mov(local("fillAt"), rax);
    const loop = a.label(true);
    panelPlace(every);
    a.mov(rax, local("vector"));
    a.imul(rax, arg("vectorBytes"));
    a.add(rdx, rax);
    a.mov(rdi, local("fillAt"));
    a.mov(r10, arg("sourceChannel"));
    a.mov(rsi, local("channelsDone"));
    a.imul(rsi, r10);
    a.add(rsi, local("source"));
    a.mov(r11, arg("panelStep"));
    a.mov(rcx, arg("panelChannel"));
    a.mov(r8, local("channelsHere"));
    a.mov(r9, arg("tapCount"));
    a.mov(rax, arg("fill"));
    a.call(rax);
    a.mov(rax, arg("vectorSegments"));
    a.add(local("fillAt"), rax);
    count("vector", arg("panelVectors"), loop);
  };
  /** What tiles take in registers that they keep. */
  const setDistances = (): void => {
    a.mov(r9, arg("aDistance"));
    a.lea(rbp, ptr(r9, 0, r9, 2));
    a.mov(r10, arg("panelStep"));
    a.lea(rbx, ptr(r10, 0, r10, 2));
    a.mov(r11, arg("outRow"));
  };
  /** rsi = the weights of the tile whose first row is in r12, from the first channel of this block on. */
  const weightsOfTile = (): void => {
    a.mov(rsi, arg("wChannel"));
    a.imul(rsi, local("channelsDone"));
    a.mov(rax, arg("wRow"));
    a.imul(rax, r12);
    a.add(rsi, rax);
    a.add(rsi, local("itemW"));
  };
  const packTile = (): void => {
    const ready = a.label();
    a.mov(rax, arg("pack"));
    a.test(rax, rax);
    a.jcc("z", ready);
    firstRow(a, r12, local("tile"), arg("tileRows"), arg("fullTiles"));
    weightsOfTile();
    a.mov(rdx, arg("packed"));
    a.add(rdx, arg("scratch"));
    a.mov(rdi, arg("packTable"));
    a.mov(r8, local("kc"));
    a.mov(r11, local("channelsHere"));
    a.mov(r9, arg("wRow"));
    a.mov(r10, arg("aDistance"));
    a.mov(rcx, arg("tileRows"));
    a.lea(r12, ptr(rcx, -1));
    a.mov(rax, local("tile"));
    a.cmp(rax, arg("fullTiles"));
    a.cmov("ge", rcx, r12);
    a.mov(rax, arg("pack"));
    a.call(rax);
    setDistances();
    a.bind(ready);
  };
  const callTile = (every: boolean): void => {
    firstRow(a, r12, local("tile"), arg("tileRows"), arg("fullTiles"));
    a.mov(r13, local("panel"));
    weightsOfTile();
    if (every) {
      a.mov(rdi, arg("packed"));
      a.add(rdi, arg("scratch"));
      a.mov(rax, arg("pack"));
      a.test(rax, rax);
      a.cmov("ne", rsi, rdi);
    }
    a.mov(r15, arg("biasRow"));
    a.imul(r15, r12);
    a.add(r15, local("itemBias"));
    a.mov(rcx, r11);
    a.imul(rcx, r12);
    a.add(rcx, local("itemOut"));
    a.mov(rax, arg("panelEntries"));
    a.imul(rax, r13);
    a.add(rax, local("entries"));
    a.mov(ptr(rsp, frame.vectors), rax);
    panelPlace(every);
    a.mov(rdi, local("tile"));
    a.sub(rdi, local("firstTile"));
    if (every) {
      a.imul(rdi, local("panels"));
      a.add(rdi, r13);
    }
    a.imul(rdi, arg("waitingTile"));
    a.add(rdi, arg("waiting"));
    a.add(rdi, arg("scratch"));
    a.mov(ptr(rsp, frame.waiting), rdi);
    // the weights of the next tile come near while the panels pass
    a.mov(r8, local("kc"));
    a.mov(rdi, arg("tileRows"));
    a.imul(rdi, arg("wRow"));
    a.add(rdi, rsi);
    if (every) {
      a.mov(rax, r8);
      a.imul(rax, r13);
      a.shl(rax, 4);
      a.add(rdi, rax);
    }
    a.mov(r14, arg("flags"));
    a.mov(rax, local("kDone"));
    a.test(rax, rax);
    const first = a.label();
    const last = a.label();
    a.jcc("z", first);
    a.or(r14, flag.resume);
    a.bind(first);
    a.add(rax, r8);
    a.cmp(rax, arg("k"));
    a.jcc("e", last);
    a.or(r14, flag.unfinished);
    a.bind(last);
    a.mov(rax, arg("tileHigh"));
    a.mov(r12, arg("tileLow"));
    a.inc(r13);
    a.cmp(r13, local("panels"));
    a.cmov("e", rax, local("edgeHigh"));
    a.cmov("e", r12, local("edgeLow"));
    a.mov(r13, local("tile"));
    a.cmp(r13, arg("fullTiles"));
    a.cmov("ge", rax, r12);
    a.call(rax);
  };
  const firstTile = (): void => {
    a.mov(rax, local("firstTile"));
    a.mov(local("tile"), rax);
  };
  const tilesOutside = a.label();
  const after = a.label();
  start("panel");
  a.cmp(arg("tilesOutside"), 0);
  a.jcc("ne", tilesOutside);
  {
    // a panel stays in the first-level cache while all weights pass
    const panelLoop = a.label(true);
    start("channelsDone");
    const kLoop = a.label(true);
    setBlock();
    fillPanel(false);
    firstTile();
    setDistances();
    const tileLoop = a.label(true);
    callTile(false);
    count("tile", local("endTile"), tileLoop);
    nextBlock(kLoop);
    count("panel", local("panels"), panelLoop);
    a.jmp(after);
  }
  a.bind(tilesOutside);
  {
    // weights are read once for all panels
    start("channelsDone");
    const kLoop = a.label(true);
    setBlock();
    start("panel");
    const fillLoop = a.label(true);
    fillPanel(true);
    count("panel", local("panels"), fillLoop);
    firstTile();
    setDistances();
    const tileLoop = a.label(true);
    packTile();
    start("panel");
    const panelLoop = a.label(true);
    callTile(true);
    count("panel", local("panels"), panelLoop);
    count("tile", local("endTile"), tileLoop);
    nextBlock(kLoop);
  }
  a.bind(after);
  a.add(local("item"), 1);
  a.jmp(items);
  a.bind(finish);
  f.leave();
}
