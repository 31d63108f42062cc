/**
 * Tiles of matrix products that run along k, where both operands are contiguous: `rows` x `columns` accumulators whose lanes are added up at the end.
 */
import {
  type Assembler,
  type Memory,
  type Vec,
  type InstructionName,
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
  rdx,
  rsi,
  rsp,
  xmm,
} from "./assembler.ts";
import { broadcastName, flag, frame, type GemmTarget, itemBytes, lanes, typed, vector, vectorBytes } from "./gemmTile.ts";

export interface DotShape {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Emits a dot tile. In: as {@link emitTile}, but r9 is the distance of rows of A and r10 that of columns of B, and both operands are contiguous along k.
 */
export function emitDotTile(a: Assembler, target: GemmTarget, shape: DotShape): void {
  const { rows, columns } = shape;
  const item = itemBytes(target);
  const bytes = vectorBytes(target);
  const width = lanes(target);
  const acc = (i: number, j: number): Vec => vector(target, i * columns + j);
  const free = rows * columns;
  const fma = typed(target, "vfmadd231");
  const rowOfA = (i: number): Memory => {
    const base = i < 4 ? rsi : r13;
    return [ptr(base), ptr(base, 0, r9), ptr(base, 0, r9, 2), ptr(base, 0, rbp)][i % 4]!;
  };
  const columnOfB = (j: number): Memory => {
    const base = j < 4 ? rdx : r12;
    return [ptr(base), ptr(base, 0, r10), ptr(base, 0, r10, 2), ptr(base, 0, rbx)][j % 4]!;
  };
  if (rows > 4) a.lea(r13, ptr(rsi, 0, r9, 4));
  if (columns > 4) a.lea(r12, ptr(rdx, 0, r10, 4));
  for (let i = 0; i < free; i++) {
    const x = vector(target, i);
    if (target.avx512) a.op("vpxord", x, x, x);
    else a.op("vxorps", x, x, x);
  }
  const move = typed(target, "vmovu");
  const loop = a.label();
  const tail = a.label();
  const done = a.label();
  a.mov(rax, r8);
  a.shr(rax, Math.log2(width));
  a.jcc("z", tail);
  a.align(32);
  a.bind(loop);
  if (rows === 1) {
    a.op(move, vector(target, free), rowOfA(0));
    for (let j = 0; j < columns; j++) a.op(fma, acc(0, j), vector(target, free), columnOfB(j));
  } else {
    for (let j = 0; j < columns; j++) a.op(move, vector(target, free + j), columnOfB(j));
    for (let i = 0; i < rows; i++) {
      const x = vector(target, free + columns);
      a.op(move, x, rowOfA(i));
      for (let j = 0; j < columns; j++) a.op(fma, acc(i, j), x, vector(target, free + j));
    }
  }
  a.add(rsi, bytes);
  a.add(rdx, bytes);
  if (rows > 4) a.add(r13, bytes);
  if (columns > 4) a.add(r12, bytes);
  a.dec(rax);
  a.jcc("nz", loop);
  a.bind(tail);
  a.and(r8, width - 1);
  a.jcc("z", done);
  if (target.avx512) {
    a.mov(rax, -1);
    a.op("bzhi", rax.d, rax.d, r8.d);
    a.op("kmovw", k2, rax.d);
    const x = vector(target, free);
    const y = vector(target, free + 1);
    for (let i = 0; i < rows; i++) {
      a.op(move, x.kz(k2), rowOfA(i));
      for (let j = 0; j < columns; j++) {
        a.op(move, y.kz(k2), columnOfB(j));
        a.op(fma, acc(i, j), x, y);
      }
    }
  } else {
    const single = a.label(true);
    const x = xmm(free);
    const y = xmm(free + 1);
    const load = target.double ? "vmovsd" : "vmovss";
    // the products are added to lane 0: in full length, so that the other lanes keep their sums (the load clears them in x)
    for (let i = 0; i < rows; i++) {
      a.op(load, x, rowOfA(i));
      for (let j = 0; j < columns; j++) {
        a.op(load, y, columnOfB(j));
        a.op(fma, acc(i, j), vector(target, free), vector(target, free + 1));
      }
    }
    a.add(rsi, item);
    a.add(rdx, item);
    if (rows > 4) a.add(r13, item);
    if (columns > 4) a.add(r12, item);
    a.dec(r8);
    a.jcc("nz", single);
  }
  a.bind(done);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j += 4) {
      const group = Array.from({ length: Math.min(4, columns - j) }, (_, q) => acc(i, j + q));
      const sums = addLanes(a, target, group, vector(target, free), vector(target, free + 1));
      emitDotEpilogue(a, target, sums, vector(target, free + 1), group.length, j * item);
    }
    if (i < rows - 1) {
      a.add(rcx, r11);
      a.add(r15, ptr(rsp, 8 + frame.biasRowStride));
    }
  }
  for (let i = 1; i < rows; i++) a.sub(r15, ptr(rsp, 8 + frame.biasRowStride));
  a.ret();
}

/**
 * Emits a dot tile whose columns lie at rdx plus the int32s at r10: pixels with every tap of a filter. In: rsi A and r9 the distance of its rows and rbp three
 * times it, r8 steps along both, rounded up to vectors (A has zeros there), rcx C and r11 the distance of its rows, r14 flags. Changes rsi, rdx, rcx, r8, rax.
 */
export function emitTapTile(a: Assembler, target: GemmTarget, shape: DotShape): void {
  const { rows, columns } = shape;
  const bytes = vectorBytes(target);
  const acc = (i: number, j: number): Vec => vector(target, i * columns + j);
  const free = rows * columns;
  const move = typed(target, "vmovu");
  for (let i = 0; i < free; i++) {
    const x = vector(target, i);
    if (target.avx512) a.op("vpxord", x, x, x);
    else a.op("vxorps", x, x, x);
  }
  a.add(r8, lanes(target) - 1);
  a.shr(r8, Math.log2(lanes(target)));
  a.align(32);
  const loop = a.label(true);
  for (let i = 0; i < rows; i++) a.op(move, vector(target, free + i), [ptr(rsi), ptr(rsi, 0, r9), ptr(rsi, 0, r9, 2)][i]!);
  for (let j = 0; j < columns; j++) {
    const x = vector(target, free + rows);
    a.movsxd(rax, ptr(r10, 4 * j));
    a.op(move, x, ptr(rdx, 0, rax));
    for (let i = 0; i < rows; i++) a.op(typed(target, "vfmadd231"), acc(i, j), x, vector(target, free + i));
  }
  a.add(rsi, bytes);
  a.add(rdx, bytes);
  a.dec(r8);
  a.jcc("nz", loop);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j += 4) {
      const group = Array.from({ length: Math.min(4, columns - j) }, (_, q) => acc(i, j + q));
      const sums = addLanes(a, target, group, vector(target, free), vector(target, free + 1));
      emitDotEpilogue(a, target, sums, vector(target, free + 1), group.length, j * itemBytes(target));
    }
    if (i < rows - 1) a.add(rcx, r11);
  }
  a.ret();
}

/** The sums of the lanes of one to four vectors, in as many lanes of the result. Changes the vectors, s and t. */
function addLanes(a: Assembler, target: GemmTarget, group: readonly Vec[], s: Vec, t: Vec): Vec {
  const add = typed(target, "vadd");
  const unpackLow = typed(target, "vunpckl");
  const unpackHigh = typed(target, "vunpckh");
  /** x = per 128 bits, sums of both halves of x next to those of y. */
  const pair = (low: InstructionName, high: InstructionName, x: Vec, y: Vec): void => {
    a.op(low, s, x, y);
    a.op(high, t, x, y);
    a.op(add, x, s, t);
  };
  /** Sums the 128-bit parts of x into the first. */
  const fold = (x: Vec): void => {
    if (target.avx512) {
      a.op("vextractf64x4", s.y, x, 1);
      a.op(add, x.y, x.y, s.y);
      a.op("vextractf32x4", s.x, x.y, 1);
    } else a.op("vextractf128", s.x, x, 1);
    a.op(add, x.x, x.x, s.x);
  };
  const [x, y = x, z = x, w = y] = group as [Vec, Vec?, Vec?, Vec?];
  if (group.length > 1 || !target.double) pair(unpackLow, unpackHigh, x, y);
  else pair(unpackLow, unpackHigh, x, x);
  if (target.double) {
    fold(x);
    if (group.length <= 2) return x.y;
    pair(unpackLow, unpackHigh, z, w);
    fold(z);
    a.op(target.avx512 ? "vinsertf64x2" : "vinsertf128", x.y, x.y, z.x, 1);
    return x.y;
  }
  if (group.length > 2) {
    if (w !== y) pair(unpackLow, unpackHigh, z, w);
    else pair(unpackLow, unpackHigh, z, z);
    pair("vunpcklpd", "vunpckhpd", x, z);
  } else pair("vunpcklpd", "vunpckhpd", x, x);
  fold(x);
  return x.x;
}

/** The epilogue for up to four neighbouring elements in the low lanes of `x`; rcx and r15 point to those of the row. */
function emitDotEpilogue(a: Assembler, target: GemmTarget, x: Vec, spare: Vec, count: number, offset: number): void {
  const t = spare.as(x.bytes as 16 | 32);
  const u = vector(target, spare.id - 1).as(x.bytes as 16 | 32);
  const at = ptr(rcx, offset);
  const unless = (bit: number, body: () => void): void => {
    const skip = a.label();
    a.test(r14.d, bit);
    a.jcc("z", skip);
    body();
    a.bind(skip);
  };
  const part = count < 4;
  if (part) {
    if (target.avx512) {
      a.mov(rax, (1 << count) - 1);
      a.op("kmovw", k2, rax.d);
    } else {
      const ones = Array.from({ length: 4 }, (_, q) => (q < count ? -1 : 0));
      a.op("vmovups", vector(target, 15).as(x.bytes as 16 | 32), target.double ? a.longs(...ones) : a.ints(...ones));
    }
  }
  const mask = vector(target, 15).as(x.bytes as 16 | 32);
  const load = (from: Memory): Vec => {
    if (!part) a.op(typed(target, "vmovu"), t, from);
    else if (target.avx512) a.op(typed(target, "vmovu"), t.kz(k2), from);
    else a.op(typed(target, "vmaskmov"), t, mask, from);
    return t;
  };
  unless(flag.alpha, () => {
    a.op(broadcastName(target), t, ptr(rsp, 8 + frame.alpha));
    a.op(typed(target, "vmul"), x, x, t);
  });
  unless(flag.beta, () => {
    load(at);
    const plain = a.label();
    const done = a.label();
    a.test(r14.d, flag.betaFactor);
    a.jcc("z", plain, { short: true });
    a.op(broadcastName(target), u, ptr(rsp, 8 + frame.beta));
    a.op(typed(target, "vfmadd231"), x, t, u);
    a.jmp(done, { short: true });
    a.bind(plain);
    a.op(typed(target, "vadd"), x, x, t);
    a.bind(done);
  });
  unless(flag.biasVector, () => a.op(typed(target, "vadd"), x, x, load(ptr(r15, offset))));
  unless(flag.biasElement, () => {
    a.op(broadcastName(target), t, ptr(r15));
    a.op(typed(target, "vadd"), x, x, t);
  });
  unless(flag.relu, () => {
    if (target.avx512) a.op("vpxord", t, t, t);
    else a.op("vxorps", t, t, t);
    a.op(typed(target, "vmax"), x, t, x);
  });
  if (!part) a.op(typed(target, "vmovu"), at, x);
  else if (target.avx512) a.op(typed(target, "vmovu"), at.k(k2), x);
  else a.op(typed(target, "vmaskmov"), at, mask, x);
}
