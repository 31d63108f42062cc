/**
 * Copies, rearrangements and sums around convolutions.
 */
import {
  type Assembler,
  type Gp,
  type Vec,
  k1,
  k2,
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
  xmm,
  ymm,
  zmm,
} from "./assembler.ts";
import { emitLaneMask, transpose } from "./gemmPack.ts";
import { type GemmTarget, lanes, typed, vectorBytes } from "./gemmTile.ts";

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
  /** Of {@link TurnWay} `vector`: which lanes are read and which are written, as bits. */
  readMask: 16,
  writeMask: 17,
  slots: 18,
} as const;
/** `scalar`: element by element. `vector`: the elements are within one vector of AVX-512 from the source on, and the table holds their lanes as vpermps takes them. */
export type TurnWay = "scalar" | "vector";
/** Int32s of the table of {@link emitPackTurned}: lanes as vpermps takes them, then distances in bytes and masks as bits. */
export const packTurnedTable = { lanes: 0, fromChannel: 16, toChannel: 17, readMask: 18, writeMask: 19, ints: 20 } as const;

/**
 * Emits a routine (AVX-512) that packs the rows of a tile out of turned weights: row r gets, for one channel after the other, the elements that the table chooses from
 * a vector's worth at the row's place in that channel. In: rsi source, r9 distance of its rows, rdx target, r10 distance of its rows, rcx rows and r11 channels
 * (at least 1), rdi table. Changes rax, rbx, rcx, rdx, rsi, rdi, r8, r11 to r14.
 */
export function emitPackTurned(a: Assembler, target: GemmTarget): void {
  const move = typed(target, "vmovu");
  const { lanes: order, fromChannel, toChannel, readMask, writeMask } = packTurnedTable;
  a.op("vmovups", zmm(1), ptr(rdi, order * 4));
  a.op("kmovw", k1, ptr(rdi, readMask * 4));
  a.op("kmovw", k2, ptr(rdi, writeMask * 4));
  a.movsxd(r13, ptr(rdi, fromChannel * 4));
  a.movsxd(r14, ptr(rdi, toChannel * 4));
  const channel = a.label(true);
  a.mov(rax, rsi);
  a.mov(rbx, rdx);
  a.mov(r12, rcx);
  const row = a.label(true);
  a.op(move, zmm(0).kz(k1), ptr(rax));
  a.op("vpermps", zmm(0), zmm(1), zmm(0));
  a.op(move, ptr(rbx).k(k2), zmm(0));
  a.add(rax, r9);
  a.add(rbx, r10);
  a.dec(r12);
  a.jcc("nz", row);
  a.add(rsi, r13);
  a.add(rdx, r14);
  a.dec(r11);
  a.jcc("nz", channel);
  a.ret();
}

/** Inner indices in an item of {@link emitTurn}: with few, lines of either side are met again before others, a power of two away, take their place. */
export const turnBlock = 16;

/**
 * Emits a rearrangement: to[group][outer][inner] = the elements at the table's offsets from from[group][outer][inner], one after the other. An item is a block of
 * inner indices of a group, so that lines of either side are met again before they leave the cache.
 */
export function emitTurn(a: Assembler, target: GemmTarget, way: TurnWay): void {
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
  if (way === "vector") {
    int(rax, turnSlot.readMask);
    a.op("kmovw", k1, rax.d);
    int(rax, turnSlot.writeMask);
    a.op("kmovw", k2, rax.d);
    int(rax, turnSlot.taps);
    a.op("vmovups", zmm(1), ptr(rax));
    int(r10, turnSlot.fromInner);
    int(r11, turnSlot.toInner);
  }
  const outer = a.label(true);
  a.mov(r8, r14);
  a.mov(rsi, r12);
  a.mov(r9, r13);
  const inner = a.label(true);
  if (way === "vector") {
    const move = typed(target, "vmovu");
    a.op(move, zmm(0).kz(k1), ptr(rsi));
    a.op("vpermps", zmm(0), zmm(1), zmm(0));
    a.op(move, ptr(r9).k(k2), zmm(0));
    a.add(rsi, r10);
    a.add(r9, r11);
  } else {
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
  }
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
  a.vzeroupper();
  for (const register of [r15, r14, r13, r12, rbp, rbx]) a.pop(register);
  a.ret();
}

/**
 * Emits a routine that turns rows of (tap, inner) into rows of (inner, tap), `taps` taps. In: rsi source, rdx target, rcx rows (at least 1), r8 inner indices (at least
 * 1), r9 distance of the taps of the source, which follow each other as rows do. Changes rax, rbx, rcx, rdx, rsi, rdi, r10, r11 and all vectors.
 */
export function emitTurnTaps(a: Assembler, target: GemmTarget, taps: number): void {
  const w = lanes(target);
  const bytes = vectorBytes(target);
  const item = bytes / w;
  const move = typed(target, "vmovu");
  const maskMove = typed(target, "vmaskmov");
  const register = (id: number): Vec => (target.avx512 ? zmm(id) : ymm(id));
  const row = a.label(true);
  a.mov(r10, r8);
  a.mov(rax, rsi);
  a.mov(r11, rdx);
  const block = a.label(true);
  const partial = a.label();
  const next = a.label();
  /** A square of inner indices for every w taps; of the last inner indices only those there are. */
  const squares = (masked: boolean): void => {
    a.mov(rdi, rax);
    for (let first = 0; first < taps; first += w) {
      const here = Math.min(w, taps - first);
      const afterSquare = a.label();
      if (masked) {
        if (target.avx512) {
          a.mov(rbx, -1);
          a.op("bzhi", rbx.d, rbx.d, r10.d);
          a.op("kmovw", k1, rbx.d);
        } else emitLaneMask(a, target, 15, target.double ? r10 : r10.d);
      }
      for (let t = 0; t < here; t++) {
        if (!masked) a.op(move, register(t), ptr(rdi));
        else if (target.avx512) a.op(move, register(t).kz(k1), ptr(rdi));
        else a.op(maskMove, register(t), register(15), ptr(rdi));
        a.add(rdi, r9);
      }
      const rows = transpose(a, target);
      const mask = Array.from({ length: 16 }, (_, id) => register(id)).find((x) => !rows.some((y) => y.id === x.id))!;
      if (here < w) {
        if (target.avx512) {
          a.mov(rbx, 2 ** here - 1);
          a.op("kmovw", k2, rbx.d);
        } else {
          const words = Array.from({ length: 8 }, (_, i) => (i * 4 < here * item ? -1 : 0));
          a.op("vmovups", mask, a.ints(...words));
        }
      }
      for (const [i, x] of rows.entries()) {
        const to = ptr(r11, (i * taps + first) * item);
        if (here === w) a.op(move, to, x);
        else if (target.avx512) a.op(move, to.k(k2), x);
        else a.op(maskMove, to, mask, x);
        if (!masked) continue;
        a.cmp(r10, i + 1);
        a.jcc("le", afterSquare);
      }
      a.bind(afterSquare);
    }
  };
  a.cmp(r10, w);
  a.jcc("l", partial);
  squares(false);
  a.add(rax, bytes);
  a.add(r11, w * taps * item);
  a.sub(r10, w);
  a.jcc("nz", block);
  a.jmp(next);
  a.bind(partial);
  squares(true);
  a.bind(next);
  a.imul(rax, r9, taps);
  a.add(rsi, rax);
  a.add(rdx, rax);
  a.dec(rcx);
  a.jcc("nz", row);
  a.ret();
}

/** Slots of {@link emitTurnRows}; `row` in bytes. */
export const turnRowsSlot = {
  begin: 1,
  end: 2,
  from: 3,
  to: 4,
  rows: 5,
  chunk: 6,
  inner: 7,
  tap: 8,
  row: 9,
  routine: 10,
  slots: 11,
} as const;

/** Emits calls of {@link emitTurnTaps} for items of `chunk` rows. */
export function emitTurnRows(a: Assembler): void {
  const int = (to: Gp, slot: number): void => a.op("vcvttsd2si", to, ptr(rdi, slot * 8));
  for (const register of [rbx, rbp, r12]) a.push(register);
  a.mov(rbp, rdi);
  int(r12, turnRowsSlot.begin);
  const items = a.label(true);
  const finish = a.label();
  a.mov(rdi, rbp);
  int(rax, turnRowsSlot.end);
  a.cmp(r12, rax);
  a.jcc("ge", finish);
  int(rbx, turnRowsSlot.chunk);
  a.mov(r8, rbx);
  a.imul(r8, r12); // first row
  int(rcx, turnRowsSlot.rows);
  a.sub(rcx, r8);
  a.cmp(rcx, rbx);
  a.cmov("g", rcx, rbx);
  int(rax, turnRowsSlot.row);
  a.imul(rax, r8);
  int(rsi, turnRowsSlot.from);
  a.add(rsi, rax);
  int(rdx, turnRowsSlot.to);
  a.add(rdx, rax);
  int(r8, turnRowsSlot.inner);
  int(r9, turnRowsSlot.tap);
  int(rax, turnRowsSlot.routine);
  a.call(rax);
  a.inc(r12);
  a.jmp(items);
  a.bind(finish);
  for (const register of [r12, rbp, rbx]) a.pop(register);
  a.vzeroupper();
  a.ret();
}
