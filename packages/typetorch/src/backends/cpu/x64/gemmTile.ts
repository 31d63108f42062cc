/**
 * The register tiles of matrix products: the code that does the arithmetic, called by the loops of `gemmDriver.ts`.
 *
 * A tile holds `rows` x `vectors` accumulators. In every step of k it multiplies `rows` broadcast elements of A with `vectors` vectors of B. Every element of the
 * product is one chain of fused multiply-adds in ascending k, whatever the tile, so the shape of tiles never shows in the result.
 */
import {
  type Assembler,
  type Memory,
  type Vec,
  type InstructionName,
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
  rsp,
  ymm,
  zmm,
} from "./assembler.ts";

/** What the code is made for: instruction set and element type. */
export interface GemmTarget {
  readonly avx512: boolean;
  readonly double: boolean;
}

export function itemBytes(target: GemmTarget): number {
  return target.double ? 8 : 4;
}
export function vectorBytes(target: GemmTarget): 32 | 64 {
  return target.avx512 ? 64 : 32;
}
/** Elements of a vector. */
export function lanes(target: GemmTarget): number {
  return vectorBytes(target) / itemBytes(target);
}

/** Bits of r14 in a tile's epilogue. */
export const flag = {
  /** C is read: out = … + beta C. */
  beta: 1,
  /** alpha is not 1. */
  alpha: 2,
  /** The bias is a vector along the columns (and may differ by row). */
  biasVector: 4,
  /** The bias is one element for each row. */
  biasElement: 8,
  relu: 16,
  /** beta is neither 0 nor 1. */
  betaFactor: 32,
  /** Permuted tiles: the accumulators continue from what an unfinished tile left in waiting. */
  resume: 64,
  /** Permuted tiles: the accumulators are left in waiting. */
  unfinished: 128,
} as const;

/** Bytes of the driver's stack frame that tiles read; offsets from rsp before the call. */
export const frame = {
  /** Column mask of AVX2, a vector. */
  mask: 0,
  alpha: 32,
  beta: 40,
  biasRowStride: 48,
  /** Address of the {@link vectorEntry}s of the tile's vectors, where B is read by a table. */
  vectors: 56,
  /** What rdi moves on by when a line was prefetched. */
  prefetchStep: 64,
  /** Permuted tiles: address where accumulators wait between blocks of k. */
  waiting: 72,
  first: 80,
} as const;

/**
 * `row`: A is contiguous along k, r9 is the distance of rows. `column`: A is contiguous along m, r9 is the distance of steps of k.
 */
export type AKind = "row" | "column";

export interface TileShape {
  readonly kind: AKind;
  readonly rows: number;
  readonly vectors: number;
  /** The last vector has fewer valid lanes, by k1 or the frame's mask. */
  readonly masked: boolean;
  /** Step k of B lies at rdx plus the int32 at r10 + 4 k. Changes r10 and rbx too. */
  readonly byTable?: boolean;
  /** The lanes of an accumulator are permuted and stored as so many {@link vectorEntry}s say. C is written, not read. */
  readonly permuted?: number;
}

/** How lanes of a vector of pixels are stored: those that are no pixels of the output are left out. Offsets of the parts of an entry. */
export const vectorEntry = {
  /** Which 32-bit part goes where: int32s as `vpermps` takes them. */
  permutation: 0,
  /** AVX-512: an int32 with a bit for each lane that is stored; AVX2: a mask vector. */
  mask: 64,
  /** Where, from the beginning of the row of C: int32 bytes. */
  offset: 96,
  bytes: 128,
} as const;

/** A vector instruction for the element type: `vadd` becomes `vaddps` or `vaddpd`. */
export function typed(target: GemmTarget, name: string): InstructionName {
  return `${name}${target.double ? "pd" : "ps"}` as InstructionName;
}

/** Steps of k from which on a tile of C is prefetched. */
const prefetchFrom = 64;

/** The vector register of a number, in full length. */
export function vector(target: GemmTarget, id: number): Vec {
  return target.avx512 ? zmm(id) : ymm(id);
}

/** The instruction that fills a vector with one element. */
export function broadcastName(target: GemmTarget): InstructionName {
  return target.double ? "vbroadcastsd" : "vbroadcastss";
}

/**
 * Emits a tile. In: rsi A, rdx B, rcx C, r8 steps of k, r9 distance in A and rbp three times it, r10 distance of steps of k in B and rbx three times it, r11
 * distance of rows of C, r14 flags, r15 bias; all in bytes;
 * rdi what to prefetch into the second-level cache for four steps: one line, or two by table. Changes rdi, rsi, rdx, rcx, r8, rax, r12, r13.
 */
export function emitTile(a: Assembler, target: GemmTarget, shape: TileShape): void {
  const { rows, vectors } = shape;
  const item = itemBytes(target);
  const bytes = vectorBytes(target);
  const registers = target.avx512 ? 32 : shape.masked ? 15 : 16;
  const acc = (i: number, j: number): Vec => vector(target, i * vectors + j);
  const free = rows * vectors;
  const maskRegister = vector(target, 15); // AVX2 only
  const fma = typed(target, "vfmadd231");
  const holdB = vectors <= rows;
  if (free + (holdB ? vectors : rows) + 1 > registers) throw new Error(`a tile of ${rows}x${vectors} has too few registers`);

  const loadB = (to: Vec, at: Memory, j: number): void => {
    const last = shape.masked && j === vectors - 1;
    const move = typed(target, "vmovu");
    if (!last) a.op(move, to, at);
    else if (target.avx512) a.op(move, to.kz(k1), at);
    else a.op(typed(target, "vmaskmov"), to, maskRegister, at);
  };
  const stepOfB = [ptr(rdx), ptr(rdx, 0, r10), ptr(rdx, 0, r10, 2), ptr(rdx, 0, rbx)];
  const elementOfA = (i: number, u: number): Memory => {
    if (shape.kind === "column") return [ptr(rsi), ptr(rsi, 0, r9), ptr(rsi, 0, r9, 2), ptr(rsi, 0, rbp)][u]!.plus(i * item);
    const base = [rsi, r12, r13][Math.floor(i / 5)]!;
    return [ptr(base), ptr(base, 0, r9), ptr(base, 0, r9, 2), ptr(base, 0, rbp), ptr(base, 0, r9, 4)][i % 5]!.plus(u * item);
  };
  const step = (u: number): void => {
    if (shape.byTable) {
      a.movsxd(rbx, ptr(r10, 4 * u));
      stepOfB[u] = ptr(rdx, 0, rbx);
    }
    if (holdB) {
      const spare = Math.min(4, registers - free - vectors);
      for (let j = 0; j < vectors; j++) loadB(vector(target, free + j), stepOfB[u]!.plus(j * bytes), j);
      for (let i = 0; i < rows; i++) {
        const element = vector(target, free + vectors + (i % spare));
        a.op(broadcastName(target), element, elementOfA(i, u));
        for (let j = 0; j < vectors; j++) a.op(fma, acc(i, j), vector(target, free + j), element);
      }
    } else {
      const spare = Math.min(4, registers - free - rows);
      for (let i = 0; i < rows; i++) a.op(broadcastName(target), vector(target, free + i), elementOfA(i, u));
      for (let j = 0; j < vectors; j++) {
        const b = vector(target, free + rows + (j % spare));
        loadB(b, stepOfB[u]!.plus(j * bytes), j);
        for (let i = 0; i < rows; i++) a.op(fma, acc(i, j), b, vector(target, free + i));
      }
    }
  };
  const advanceA = (steps: 1 | 4): void => {
    if (shape.kind === "column") {
      if (steps === 4) a.lea(rsi, ptr(rsi, 0, r9, 4));
      else a.add(rsi, r9);
      return;
    }
    a.add(rsi, steps * item);
    if (rows > 5) a.add(r12, steps * item);
    if (rows > 10) a.add(r13, steps * item);
  };

  if (shape.masked && !target.avx512) a.op("vmovups", maskRegister, ptr(rsp, 8 + frame.mask));
  if (shape.kind === "row" && rows > 5) {
    a.lea(r12, ptr(rsi, 0, r9, 4));
    a.add(r12, r9);
    if (rows > 10) {
      a.lea(r13, ptr(r12, 0, r9, 4));
      a.add(r13, r9);
    }
  }
  const begin = a.label();
  if (shape.permuted) {
    const zero = a.label();
    a.test(r14.d, flag.resume);
    a.jcc("z", zero);
    a.mov(rax, ptr(rsp, 8 + frame.waiting));
    for (let i = 0; i < free; i++) a.op("vmovups", vector(target, i), ptr(rax, i * bytes));
    a.jmp(begin);
    a.bind(zero);
  }
  for (let i = 0; i < free; i++) {
    const x = vector(target, i);
    if (target.avx512) a.op("vpxord", x, x, x);
    else a.op("vxorps", x, x, x);
  }
  a.bind(begin);
  const epilogue = a.label();
  const tail = a.label();
  const loop = a.label();
  const few = a.label();
  if (!shape.permuted) {
    a.cmp(r8, prefetchFrom);
    a.jcc("b", few);
    a.mov(rax, rcx);
    for (let i = 0; i < rows; i++) {
      // C is needed only after the loop: it comes while the loop runs
      for (let j = 0; j < vectors * bytes; j += 64) a.prefetch(0, ptr(rax, j));
      if (i < rows - 1) a.add(rax, r11);
    }
  }
  a.bind(few);
  a.mov(rax, r8);
  a.shr(rax, 2);
  a.jcc("z", tail);
  a.align(32);
  a.bind(loop);
  for (let u = 0; u < 4; u++) step(u);
  if (shape.byTable) {
    a.prefetch(1, ptr(rdi));
    a.prefetch(1, ptr(rdi, 64));
    a.add(rdi, 128);
  } else {
    a.prefetch(1, ptr(rdi));
    a.add(rdi, ptr(rsp, 8 + frame.prefetchStep));
  }
  advanceA(4);
  if (shape.byTable) a.add(r10, 16);
  else a.lea(rdx, ptr(rdx, 0, r10, 4));
  a.dec(rax);
  a.jcc("nz", loop);
  a.bind(tail);
  a.and(r8, 3);
  a.jcc("z", epilogue);
  const single = a.label(true);
  step(0);
  advanceA(1);
  if (shape.byTable) a.add(r10, 4);
  else a.add(rdx, r10);
  a.dec(r8);
  a.jcc("nz", single);
  a.bind(epilogue);
  if (shape.permuted) {
    const finished = a.label();
    a.test(r14.d, flag.unfinished);
    a.jcc("z", finished);
    a.mov(rax, ptr(rsp, 8 + frame.waiting));
    for (let i = 0; i < free; i++) a.op("vmovups", ptr(rax, i * bytes), vector(target, i));
    a.ret();
    a.bind(finished);
  }
  emitTileEpilogue(a, target, shape);
  a.ret();
}

/** out = relu(alpha acc + beta C + bias), as the flags in r14 say. */
function emitTileEpilogue(a: Assembler, target: GemmTarget, shape: TileShape): void {
  const { rows, vectors } = shape;
  const bytes = vectorBytes(target);
  const acc = (i: number, j: number): Vec => vector(target, i * vectors + j);
  const spare = vector(target, rows * vectors); // one is always free
  const maskRegister = vector(target, 15);
  const isLast = (j: number): boolean => shape.masked && j === vectors - 1;
  const broadcast = (offset: number): void => a.op(broadcastName(target), spare, ptr(rsp, 8 + offset));
  const unless = (bit: number, body: () => void): void => {
    const skip = a.label();
    a.test(r14.d, bit);
    a.jcc("z", skip);
    body();
    a.bind(skip);
  };
  /** acc op= memory, in the valid lanes. */
  const withMemory = (name: InstructionName, i: number, j: number, at: Memory): void => {
    if (!isLast(j)) a.op(name, acc(i, j), acc(i, j), at);
    else if (target.avx512) a.op(name, acc(i, j).k(k1), acc(i, j), at);
    else {
      a.op(typed(target, "vmaskmov"), spare, maskRegister, at);
      a.op(name, acc(i, j), acc(i, j), spare);
    }
  };
  const eachRow = (stride: () => void, body: (i: number) => void): void => {
    for (let i = 0; i < rows; i++) {
      body(i);
      if (i < rows - 1) stride();
    }
  };

  unless(flag.alpha, () => {
    broadcast(frame.alpha);
    for (let i = 0; i < rows; i++) for (let j = 0; j < vectors; j++) a.op(typed(target, "vmul"), acc(i, j), acc(i, j), spare);
  });
  if (!shape.permuted)
    unless(flag.beta, () => {
      const plain = a.label();
      const done = a.label();
      a.test(r14.d, flag.betaFactor);
      a.jcc("z", plain);
      a.mov(rax, rcx);
      if (target.avx512 || !shape.masked) {
        broadcast(frame.beta);
        eachRow(
          () => a.add(rax, r11),
          (i) => {
            for (let j = 0; j < vectors; j++) {
              const to = isLast(j) ? acc(i, j).k(k1) : acc(i, j);
              a.op(typed(target, "vfmadd231"), to, spare, ptr(rax, j * bytes));
            }
          },
        );
      } else {
        const factor = vector(target, rows * vectors + 1);
        a.op(broadcastName(target), factor, ptr(rsp, 8 + frame.beta));
        eachRow(
          () => a.add(rax, r11),
          (i) => {
            for (let j = 0; j < vectors; j++) {
              if (isLast(j)) {
                a.op(typed(target, "vmaskmov"), spare, maskRegister, ptr(rax, j * bytes));
                a.op(typed(target, "vfmadd231"), acc(i, j), factor, spare);
              } else a.op(typed(target, "vfmadd231"), acc(i, j), factor, ptr(rax, j * bytes));
            }
          },
        );
      }
      a.jmp(done);
      a.bind(plain);
      a.mov(rax, rcx);
      eachRow(
        () => a.add(rax, r11),
        (i) => {
          for (let j = 0; j < vectors; j++) withMemory(typed(target, "vadd"), i, j, ptr(rax, j * bytes));
        },
      );
      a.bind(done);
    });
  unless(flag.biasVector, () => {
    a.mov(rax, r15);
    eachRow(
      () => a.add(rax, ptr(rsp, 8 + frame.biasRowStride)),
      (i) => {
        for (let j = 0; j < vectors; j++) withMemory(typed(target, "vadd"), i, j, ptr(rax, j * bytes));
      },
    );
  });
  unless(flag.biasElement, () => {
    a.mov(rax, r15);
    eachRow(
      () => a.add(rax, ptr(rsp, 8 + frame.biasRowStride)),
      (i) => {
        a.op(broadcastName(target), spare, ptr(rax));
        for (let j = 0; j < vectors; j++) a.op(typed(target, "vadd"), acc(i, j), acc(i, j), spare);
      },
    );
  });
  unless(flag.relu, () => {
    if (target.avx512) a.op("vpxord", spare, spare, spare);
    else a.op("vxorps", spare, spare, spare);
    // the second source wins when one is NaN
    for (let i = 0; i < rows; i++) for (let j = 0; j < vectors; j++) a.op(typed(target, "vmax"), acc(i, j), spare, acc(i, j));
  });
  if (shape.permuted) {
    const permutation = vector(target, rows * vectors + 1);
    const stored = vector(target, rows * vectors + 2);
    a.mov(rax, ptr(rsp, 8 + frame.vectors));
    for (let part = 0; part < vectors * shape.permuted; part++) {
      const entry = part * vectorEntry.bytes;
      const j = Math.floor(part / shape.permuted);
      a.op("vmovups", permutation, ptr(rax, entry + vectorEntry.permutation));
      if (target.avx512) a.op("kmovw", k2, ptr(rax, entry + vectorEntry.mask));
      else a.op("vmovups", stored, ptr(rax, entry + vectorEntry.mask));
      a.movsxd(rdx, ptr(rax, entry + vectorEntry.offset));
      a.add(rdx, rcx);
      for (let i = 0; i < rows; i++) {
        a.op("vpermps", spare, permutation, acc(i, j));
        if (target.avx512) a.op(typed(target, "vmovu"), ptr(rdx).k(k2), spare);
        else a.op(typed(target, "vmaskmov"), ptr(rdx), stored, spare);
        if (i < rows - 1) a.add(rdx, r11);
      }
    }
    return;
  }
  eachRow(
    () => a.add(rcx, r11),
    (i) => {
      for (let j = 0; j < vectors; j++) {
        const at = ptr(rcx, j * bytes);
        if (!isLast(j)) a.op(typed(target, "vmovu"), at, acc(i, j));
        else if (target.avx512) a.op(typed(target, "vmovu"), at.k(k1), acc(i, j));
        else a.op(typed(target, "vmaskmov"), at, maskRegister, acc(i, j));
      }
    },
  );
}
