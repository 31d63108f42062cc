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
  k1,
  ptr,
  r10,
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
  ymm,
  zmm,
} from "./assembler.ts";
import { emitLaneMask } from "./gemmPack.ts";
import { frame, type GemmTarget, vectorBytes } from "./gemmTile.ts";

/** Slots that the copy of the input into scratch memory takes; distances in bytes. */
export const copyNames = [
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
  "copyImage", // from image to image in scratch memory
  "rowBlocks",
  "groups",
] as const;

/** The slot of each name, from 1 on. */
export function slots<const Names extends readonly string[]>(names: Names): Record<Names[number], number> {
  return Object.fromEntries(names.map((name, i) => [name, i + 1])) as Record<Names[number], number>;
}
/** The slots that every convolution has. */
export type CopySlots = Readonly<Record<(typeof copyNames)[number], number>>;

/** A stack frame with a block's integers and some locals; the tile's frame comes first. */
export class Frame<Name extends string, Local extends string> {
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
export function setMask(a: Assembler, target: GemmTarget): void {
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
export function emitClear(a: Assembler, target: GemmTarget): void {
  const zero = target.avx512 ? zmm(0) : ymm(0);
  a.op("vxorps", ymm(0), ymm(0), ymm(0)); // clears all of zmm0
  const loop = a.label(true);
  for (let at = 0; at < 64; at += vectorBytes(target)) a.op("vmovups", ptr(rdx, at), zero);
  a.add(rdx, 64);
  a.sub(rcx, 64);
  a.jcc("nz", loop);
}

/**
 * Emits the copy of the input of an item to the beginning of the scratch memory. In: r12 the input of its first image and group, r15 its block of rows, the local
 * `images` how many follow each other. Changes everything but rbp; the locals count.
 */
export function emitCopyInput<Name extends string, Local extends string>(
  a: Assembler,
  target: GemmTarget,
  f: Frame<Name | (typeof copyNames)[number], Local | "c" | "plane" | "images" | "copied" | "planeEntries">,
): void {
  const next = a.label();
  a.mov(rdx, f.arg("scratch"));
  a.mov(f.local("copied"), rdx);
  a.mov(rcx, f.arg("copyBytes"));
  emitClear(a, target);
  a.imul(r15, f.arg("planes"));
  a.shl(r15, 4);
  a.add(r15, f.arg("copyTable"));
  a.mov(f.local("planeEntries"), r15);
  const image = a.label(true);
  a.mov(r15, f.local("planeEntries"));
  a.mov(rax, f.arg("planes"));
  a.mov(f.local("plane"), rax);
  const plane = a.label(true);
  a.movsxd(rax, ptr(r15, 8));
  a.movsxd(rcx, ptr(r15, 12));
  a.imul(rax, rcx);
  a.test(rax, rax);
  a.jcc("z", next);
  a.movsxd(r14, ptr(r15));
  a.add(r14, r12);
  a.movsxd(r13, ptr(r15, 4));
  a.add(r13, f.local("copied"));
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
  a.add(r12, f.arg("xImage"));
  a.mov(rax, f.arg("copyImage"));
  a.add(f.local("copied"), rax);
  a.add(f.local("images"), -1);
  a.jcc("nz", image);
}

/** to = first row of tile `tile`. Changes rax and rdx. */
export function firstRow(a: Assembler, to: Gp, tile: Gp | Memory, tileRows: Memory, fullTiles: Memory): void {
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
export function divide(a: Assembler, by: Memory): void {
  a.mov(rdx.d, 0);
  a.div(by);
}
