/**
 * The loops of a matrix product around its register tiles: items, blocks of k, panels of columns, tiles of rows; and what each item packs for itself.
 *
 * Work is cut into items, numbered through batch, block of rows, block of columns (the last runs fastest). A block of rows is some tiles, a block of columns
 * some panels, as equal as they can be. Tiles have `tileRows` rows, those from number `fullTiles` on one less, so that no tile is much lower than the others.
 */
import {
  type Assembler,
  type Gp,
  type Memory,
  k1,
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
  xmm,
  ymm,
} from "./assembler.ts";
import { emitLaneMask } from "./gemmPack.ts";
import { type GemmTarget, flag, frame } from "./gemmTile.ts";

/** Integer slots of the driver's block, from slot 1 on; after them alpha and beta. Distances are in bytes. */
const names = [
  "begin", // items begin (inclusive) to end
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
  "fullTiles",
  "tileRows",
  "panels",
  "k",
  "kBlock",
  "aRow", // from row to row of A as it is in memory
  "aStep", // from step to step of k
  "aDistance", // what tiles take as r9: of packed A when it is packed
  "aTileHigh", // from tile to tile: of packed A when it is packed
  "aTileLow",
  "bStep", // from step to step of k
  "prefetchStep", // the next panel of B is brought near in such steps
  "bDistance", // what tiles take as r10
  "bPanel", // from panel to panel
  "cRow",
  "cPanel",
  "biasRow",
  "biasPanel",
  "flags",
  "tileHigh", // code of the four tiles
  "tileLow",
  "edgeHigh",
  "edgeLow",
  "packA", // code that packs A, or 0; packs tile by tile when packAByTile is not 0
  "packAByTile",
  "packB", // code that packs a panel of B into the scratch memory, or 0
  "packBDistance", // its r9
  "columns",
  "panelColumns",
  "maskLanes", // valid lanes in the last vector of the last panel
  "scratchA", // where packed A begins in the scratch memory, after packed B
] as const;

type Name = (typeof names)[number];

export const driverSlot = {
  ...(Object.fromEntries(names.map((name, i) => [name, i + 1])) as Record<Name, number>),
  alpha: names.length + 1,
  beta: names.length + 2,
} as const;
export const driverSlots = names.length + 3;

const locals = [
  "item",
  "itemA",
  "itemB",
  "itemC",
  "itemBias",
  "high", // tiles of tileRows rows in this item
  "low",
  "rows",
  "panel",
  "panelEnd",
  "firstPanel",
  "kDone",
  "kc",
  "blockFlags",
  "blockA",
  "panelB",
  "panelC",
  "panelBias",
  "tileA",
  "tileC",
  "tile",
  "stepA",
  "stepC",
  "stepBias",
  "count",
  "prefetchEnd",
  "tileB",
] as const;

type Local = (typeof locals)[number];

export function emitDriver(a: Assembler, target: GemmTarget): void {
  const intBase = frame.first;
  const localBase = intBase + names.length * 8;
  const size = localBase + locals.length * 8 + 8; // with six pushes and the return address a multiple of 16 away
  const arg = (name: Name): Memory => ptr(rsp, intBase + (driverSlot[name] - 1) * 8);
  const local = (name: Local): Memory => ptr(rsp, localBase + locals.indexOf(name) * 8);
  const copy = (to: Memory, from: Memory): void => {
    a.mov(rax, from);
    a.mov(to, rax);
  };
  /** to += a * b */
  const addProduct = (to: Gp, x: Gp | Memory, y: Memory): void => {
    a.mov(rax, y);
    a.imul(rax, x);
    a.add(to, rax);
  };
  /** rax = min(rax, other) */
  const minimum = (other: Gp): void => {
    a.cmp(rax, other);
    a.cmov("g", rax, other);
  };

  for (const register of [rbx, rbp, r12, r13, r14, r15]) a.push(register);
  a.sub(rsp, size);
  for (const name of names) {
    a.op("vcvttsd2si", rax, ptr(rdi, driverSlot[name] * 8));
    a.mov(arg(name), rax);
  }
  for (const [slot, offset] of [
    [driverSlot.alpha, frame.alpha],
    [driverSlot.beta, frame.beta],
  ] as const) {
    a.op("vmovsd", xmm(0), ptr(rdi, slot * 8));
    if (target.double) a.op("vmovsd", ptr(rsp, offset), xmm(0));
    else {
      a.op("vcvtsd2ss", xmm(0), xmm(0), xmm(0));
      a.op("vmovss", ptr(rsp, offset), xmm(0));
    }
  }
  copy(ptr(rsp, frame.biasRowStride), arg("biasRow"));
  copy(ptr(rsp, frame.prefetchStep), arg("prefetchStep"));
  const setMask = (): void => {
    a.mov(rcx, arg("maskLanes"));
    if (target.avx512) {
      a.mov(rax, -1);
      a.op("bzhi", rax.d, rax.d, rcx.d);
      a.op("kmovw", k1, rax.d);
    } else {
      emitLaneMask(a, target, 0, target.double ? rcx : rcx.d);
      a.op("vmovups", ptr(rsp, frame.mask), ymm(0));
    }
  };
  if (!target.avx512) setMask();

  const items = a.label();
  const finish = a.label();
  copy(local("item"), arg("begin"));
  a.bind(items);
  a.mov(rax, local("item"));
  a.cmp(rax, arg("end"));
  a.jcc("ge", finish);

  // item -> batch (r12, r13), block of rows (r15), block of columns (r14)
  a.mov(rdx.d, 0);
  a.mov(rcx, arg("columnBlocks"));
  a.div(rcx.d);
  a.mov(r14, rdx);
  a.mov(rdx.d, 0);
  a.mov(rcx, arg("rowBlocks"));
  a.div(rcx.d);
  a.mov(r15, rdx);
  a.mov(rdx.d, 0);
  a.mov(rcx, arg("batch2"));
  a.div(rcx.d);
  a.mov(r12, rax);
  a.mov(r13, rdx);
  a.mov(rsi, arg("a"));
  a.mov(rdx, arg("b"));
  a.mov(rcx, arg("c"));
  addProduct(rsi, r12, arg("aBatch1"));
  addProduct(rdx, r12, arg("bBatch1"));
  addProduct(rcx, r12, arg("cBatch1"));
  addProduct(rsi, r13, arg("aBatch2"));
  addProduct(rdx, r13, arg("bBatch2"));
  addProduct(rcx, r13, arg("cBatch2"));
  // tiles r15 to r8, their first row r9
  /** rax = block * whole / blocks: blocks differ by one at most. Changes rdx. */
  const blockStart = (block: Gp, whole: Name, blocks: Name): void => {
    a.mov(rax, block);
    a.imul(rax, arg(whole));
    a.mov(rdx.d, 0);
    a.mov(rbx, arg(blocks));
    a.div(rbx);
  };
  a.mov(rbp, rdx);
  blockStart(r15, "tiles", "rowBlocks");
  a.mov(r9, rax);
  a.inc(r15);
  blockStart(r15, "tiles", "rowBlocks");
  a.mov(r8, rax);
  a.mov(r15, r9);
  blockStart(r14, "panels", "columnBlocks");
  a.mov(r9, rax);
  a.inc(r14);
  blockStart(r14, "panels", "columnBlocks");
  a.mov(local("panelEnd"), rax);
  a.mov(r14, r9);
  a.mov(local("firstPanel"), r14);
  a.mov(rdx, rbp);
  const firstRow = (to: Gp, tile: Gp): void => {
    a.mov(to, tile);
    a.imul(to, arg("tileRows"));
    a.mov(rax, tile);
    a.sub(rax, arg("fullTiles"));
    a.mov(rbx.d, 0);
    a.cmp(rax, rbx);
    a.cmov("l", rax, rbx);
    a.sub(to, rax);
  };
  firstRow(r9, r15);
  firstRow(r10, r8);
  a.sub(r10, r9);
  a.mov(local("rows"), r10);
  a.mov(rax, arg("fullTiles"));
  a.sub(rax, r15);
  a.mov(rbx.d, 0);
  a.cmp(rax, rbx);
  a.cmov("l", rax, rbx);
  a.sub(r8, r15); // tiles here
  minimum(r8);
  a.mov(local("high"), rax);
  a.sub(r8, rax);
  a.mov(local("low"), r8);
  addProduct(rsi, r9, arg("aRow"));
  addProduct(rcx, r9, arg("cRow"));
  addProduct(rcx, r14, arg("cPanel"));
  addProduct(rdx, r14, arg("bPanel"));
  a.mov(rbx, arg("bias"));
  addProduct(rbx, r9, arg("biasRow"));
  addProduct(rbx, r14, arg("biasPanel"));
  a.mov(local("itemA"), rsi);
  a.mov(local("itemB"), rdx);
  a.mov(local("itemC"), rcx);
  a.mov(local("itemBias"), rbx);

  // blocks of k
  a.mov(rax.d, 0);
  a.mov(local("kDone"), rax);
  const kLoop = a.label(true);
  a.mov(rax, arg("k"));
  a.mov(r12, local("kDone"));
  a.sub(rax, r12);
  a.mov(rbx, arg("kBlock"));
  a.mov(r13, rax); // what is left
  minimum(rbx);
  a.mov(local("kc"), rax);
  // the first block takes beta, later ones add; the last one takes bias and activation
  a.mov(r14, arg("flags"));
  const first = a.label();
  const last = a.label();
  a.test(r12, r12);
  a.jcc("z", first);
  a.and(r14, ~flag.betaFactor);
  a.or(r14, flag.beta);
  a.bind(first);
  a.cmp(rax, r13);
  a.jcc("e", last);
  a.and(r14, ~(flag.biasVector | flag.biasElement | flag.relu));
  a.bind(last);
  a.mov(local("blockFlags"), r14);
  a.mov(rsi, local("itemA"));
  a.mov(rax, arg("aStep"));
  a.imul(rax, r12);
  a.add(rsi, rax);
  a.mov(local("blockA"), rsi);

  // pack A for this block
  const aReady = a.label();
  const byTile = a.label();
  const bothHeights = a.label();
  a.mov(rax, arg("packA"));
  a.test(rax, rax);
  a.jcc("z", aReady);
  a.mov(r13, arg("scratch"));
  a.add(r13, arg("scratchA"));
  a.mov(local("blockA"), r13);
  a.mov(rdx, r13);
  a.cmp(arg("packAByTile"), 0);
  a.jcc("ne", byTile);
  a.mov(r8, local("kc"));
  a.mov(r9, arg("aRow"));
  a.mov(rcx, local("rows"));
  a.mov(r10, arg("aDistance"));
  a.call(rax);
  a.jmp(aReady);
  a.bind(byTile);
  a.mov(r12, rsi);
  a.mov(r14, arg("tileRows"));
  a.mov(rbx, local("high"));
  a.bind(bothHeights);
  const tileLoop = a.label();
  const tilesDone = a.label();
  a.bind(tileLoop);
  a.test(rbx, rbx);
  a.jcc("z", tilesDone);
  a.mov(rsi, r12);
  a.mov(rdx, r13);
  a.mov(r8, local("kc"));
  a.mov(r9, arg("aStep"));
  a.mov(rcx, r14);
  a.mov(rax, arg("packA"));
  a.call(rax);
  a.mov(rax, arg("aRow"));
  a.imul(rax, r14);
  a.add(r12, rax);
  a.add(r13, arg("aTileHigh"));
  a.dec(rbx);
  a.jmp(tileLoop);
  a.bind(tilesDone);
  a.cmp(r14, arg("tileRows"));
  a.jcc("ne", aReady);
  a.dec(r14);
  a.mov(rbx, local("low"));
  a.jmp(bothHeights);
  a.bind(aReady);

  a.mov(rdx, arg("bStep"));
  a.imul(rdx, local("kDone"));
  a.add(rdx, local("itemB"));
  a.mov(local("panelB"), rdx);
  copy(local("panelC"), local("itemC"));
  copy(local("panelBias"), local("itemBias"));
  copy(local("panel"), local("firstPanel"));

  const panelLoop = a.label(true);
  // pack this panel of B
  const bReady = a.label();
  a.mov(rdx, local("panelB"));
  a.mov(rax, arg("packB"));
  a.test(rax, rax);
  a.jcc("z", bReady);
  a.mov(rsi, rdx);
  a.mov(rdx, arg("scratch"));
  a.mov(r8, local("kc"));
  a.mov(r9, arg("packBDistance"));
  a.mov(rcx, local("panel"));
  a.imul(rcx, arg("panelColumns"));
  a.neg(rcx);
  a.add(rcx, arg("columns"));
  a.mov(r10, arg("panelColumns"));
  a.cmp(rcx, r10);
  a.cmov("g", rcx, r10);
  a.call(rax);
  a.mov(rdx, arg("scratch"));
  a.bind(bReady);
  a.mov(local("tileB"), rdx);
  if (target.avx512) setMask();
  a.mov(r9, arg("aDistance"));
  a.lea(rbp, ptr(r9, 0, r9, 2));
  a.mov(r10, arg("bDistance"));
  a.lea(rbx, ptr(r10, 0, r10, 2));
  a.mov(r11, arg("cRow"));
  a.mov(r14, local("blockFlags"));
  // while this panel is at work the next one comes near
  a.mov(rdi, arg("bPanel"));
  a.add(rdi, local("panelB"));
  a.mov(rax, arg("bStep"));
  a.imul(rax, local("kc"));
  a.add(rax, rdi);
  a.mov(local("prefetchEnd"), rax);
  copy(local("tileA"), local("blockA"));
  copy(local("tileC"), local("panelC"));
  a.mov(r15, local("panelBias"));
  // whole panels and the last one have tiles of their own
  const heights = ["High", "Low"] as const;
  for (const height of heights) {
    const skip = a.label();
    a.mov(rax, local(height === "High" ? "high" : "low"));
    a.test(rax, rax);
    a.jcc("z", skip);
    a.mov(local("count"), rax);
    a.mov(rax, local("panel"));
    a.inc(rax);
    a.cmp(rax, arg("panels"));
    a.mov(rax, arg(`tile${height}`));
    a.mov(rcx, arg(`edge${height}`));
    a.cmov("e", rax, rcx);
    a.mov(local("tile"), rax);
    a.mov(rax, arg("tileRows"));
    if (height === "Low") a.dec(rax);
    a.mov(rcx, rax);
    a.imul(rcx, arg("biasRow"));
    a.mov(local("stepBias"), rcx);
    a.imul(rax, r11);
    a.mov(local("stepC"), rax);
    const loop = a.label(true);
    a.mov(rsi, local("tileA"));
    a.mov(rdx, local("tileB"));
    a.mov(rcx, local("tileC"));
    a.mov(r8, local("kc"));
    a.cmp(rdi, local("prefetchEnd"));
    a.cmov("ae", rdi, rsi);
    a.mov(rax, local("tile"));
    a.call(rax);
    a.mov(rax, arg(`aTile${height}`));
    a.add(local("tileA"), rax);
    a.mov(rax, local("stepC"));
    a.add(local("tileC"), rax);
    a.add(r15, local("stepBias"));
    a.add(local("count"), -1);
    a.jcc("nz", loop);
    a.bind(skip);
  }
  a.mov(rax, arg("bPanel"));
  a.add(local("panelB"), rax);
  a.mov(rax, arg("cPanel"));
  a.add(local("panelC"), rax);
  a.mov(rax, arg("biasPanel"));
  a.add(local("panelBias"), rax);
  a.mov(rax, local("panel"));
  a.inc(rax);
  a.mov(local("panel"), rax);
  a.cmp(rax, local("panelEnd"));
  a.jcc("l", panelLoop);

  a.mov(rax, local("kDone"));
  a.add(rax, local("kc"));
  a.mov(local("kDone"), rax);
  a.cmp(rax, arg("k"));
  a.jcc("l", kLoop);
  a.add(local("item"), 1);
  a.jmp(items);

  a.bind(finish);
  a.add(rsp, size);
  for (const register of [r15, r14, r13, r12, rbp, rbx]) a.pop(register);
  a.vzeroupper();
  a.ret();
}
