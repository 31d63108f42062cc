/**
 * Packing routines of matrix products, called by the driver or by the packing phase. All take their arguments in registers and change any but rbx, rbp, rdi, rsp
 * and r12 to r15.
 */
import {
  type Assembler,
  type Gp,
  Memory,
  type Vec,
  k1,
  k2,
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
  zmm,
} from "./assembler.ts";
import { type GemmTarget, lanes, typed, vectorBytes } from "./gemmTile.ts";

const register = (target: GemmTarget, id: number): Vec => (target.avx512 ? zmm(id) : ymm(id));

/** A mask vector (AVX2) whose first `count` lanes are set; `count` may be any integer. Changes xmm `id`. */
export function emitLaneMask(a: Assembler, target: GemmTarget, id: number, count: Gp): void {
  const w = lanes(target);
  if (target.double) {
    a.op("vmovq", xmm(id), count);
    a.op("vpbroadcastq", ymm(id), xmm(id));
    a.op("vpcmpgtq", ymm(id), ymm(id), a.longs(...Array.from({ length: w }, (_, i) => i)));
  } else {
    a.op("vmovd", xmm(id), count);
    a.op("vpbroadcastd", ymm(id), xmm(id));
    a.op("vpcmpgtd", ymm(id), ymm(id), a.ints(...Array.from({ length: w }, (_, i) => i)));
  }
}

/**
 * Copies `vectors` vectors for every step of k: of these `rcx` elements (at least 1) are read, the rest becomes zero.
 * rsi source, r9 distance of its steps, rdx target (steps follow each other), r8 steps (may be 0).
 */
export function emitPackRows(a: Assembler, target: GemmTarget, vectors: 1 | 2): void {
  const bytes = vectorBytes(target);
  const w = lanes(target);
  const move = typed(target, "vmovu");
  const end = a.label();
  a.test(r8, r8);
  a.jcc("z", end);
  const masks = [k1, k2];
  if (target.avx512) {
    a.mov(rax, -1);
    a.op("bzhi", rax, rax, rcx);
    a.op("kmovw", k1, rax.d);
    a.shr(rax, w);
    a.op("kmovw", k2, rax.d);
  } else {
    emitLaneMask(a, target, 14, target.double ? rcx : rcx.d);
    a.lea(rax, ptr(rcx, -w));
    emitLaneMask(a, target, 15, target.double ? rax : rax.d);
  }
  const loop = a.label(true);
  for (let v = 0; v < vectors; v++) {
    if (target.avx512) a.op(move, register(target, v).kz(masks[v]!), ptr(rsi, v * bytes));
    else a.op(typed(target, "vmaskmov"), register(target, v), register(target, 14 + v), ptr(rsi, v * bytes));
  }
  for (let v = 0; v < vectors; v++) a.op(move, ptr(rdx, v * bytes), register(target, v));
  a.add(rsi, r9);
  a.add(rdx, vectors * bytes);
  a.dec(r8);
  a.jcc("nz", loop);
  a.bind(end);
  a.ret();
}

/** Copies `rcx` rows (at least 1) of `r8` elements; rsi source, r9 distance of its rows, rdx target, r10 distance of its rows. */
export function emitCopyRows(a: Assembler, target: GemmTarget): void {
  const bytes = vectorBytes(target);
  const w = lanes(target);
  const move = typed(target, "vmovu");
  const mask = register(target, 15);
  const load = (id: number, from: Memory, masked: boolean): void => {
    if (!masked) a.op(move, register(target, id), from);
    else if (target.avx512) a.op(move, register(target, id).kz(k1), from);
    else a.op(typed(target, "vmaskmov"), register(target, id), mask, from);
  };
  const store = (to: Memory, id: number, masked: boolean): void => {
    if (!masked) a.op(move, to, register(target, id));
    else if (target.avx512) a.op(move, to.k(k1), register(target, id));
    else a.op(typed(target, "vmaskmov"), to, mask, register(target, id));
  };
  // the last vector of a row has 1 to w elements
  const end = a.label();
  a.test(r8, r8);
  a.jcc("z", end);
  a.lea(r11, ptr(r8, -1));
  a.and(r11, w - 1);
  a.inc(r11);
  if (target.avx512) {
    a.mov(rax, -1);
    a.op("bzhi", rax.d, rax.d, r11.d);
    a.op("kmovw", k1, rax.d);
  } else emitLaneMask(a, target, 15, target.double ? r11 : r11.d);
  a.add(r8, w - 1);
  a.shr(r8, Math.log2(w)); // vectors of a row
  for (const vectors of [1, 2, 3, 4]) {
    const other = a.label();
    a.cmp(r8, vectors);
    a.jcc("ne", other);
    const row = a.label(true);
    for (let v = 0; v < vectors; v++) load(v, ptr(rsi, v * bytes), v === vectors - 1);
    for (let v = 0; v < vectors; v++) store(ptr(rdx, v * bytes), v, v === vectors - 1);
    a.add(rsi, r9);
    a.add(rdx, r10);
    a.dec(rcx);
    a.jcc("nz", row);
    a.ret();
    a.bind(other);
  }
  a.dec(r8);
  a.imul(r8, r8, bytes); // where the last vector begins
  const row = a.label(true);
  a.mov(rax.d, 0);
  const loop = a.label(true);
  load(0, ptr(rsi, 0, rax), false);
  store(ptr(rdx, 0, rax), 0, false);
  a.add(rax, bytes);
  a.cmp(rax, r8);
  a.jcc("l", loop);
  load(0, ptr(rsi, 0, rax), true);
  store(ptr(rdx, 0, rax), 0, true);
  a.add(rsi, r9);
  a.add(rdx, r10);
  a.dec(rcx);
  a.jcc("nz", row);
  a.bind(end);
  a.ret();
}

/**
 * Transposes into a panel of two vectors for each step of k: element (k, j) of the panel is element k of column j of the source, and every column is
 * contiguous. Columns from `rcx` (at least 1) on repeat the last one, or are left out with the whole vector. rsi source, r9 distance of its columns, rdx target, r8 steps (may be 0).
 */
export function emitPackTransposed(a: Assembler, target: GemmTarget): void {
  const bytes = vectorBytes(target);
  const w = lanes(target);
  const move = typed(target, "vmovu");
  const table = w * 8;
  const panel = 2 * bytes;
  a.sub(rsp, table + 32);
  const at = { target: ptr(rsp, table), steps: ptr(rsp, table + 8), valid: ptr(rsp, table + 16), source: ptr(rsp, table + 24) };
  a.mov(at.target, rdx);
  a.mov(at.steps, r8);
  a.mov(at.valid, rcx);
  a.mov(at.source, rsi);
  const end = a.label();
  for (const half of [0, 1]) {
    if (half === 1) {
      a.cmp(at.valid, w); // tiles do not read a second vector of no columns
      a.jcc("le", end);
    }
    // addresses of this half's columns
    const fill = a.label();
    a.mov(rax, half * w);
    a.mov(r11, 0);
    a.bind(fill);
    a.mov(rcx, at.valid);
    a.dec(rcx);
    a.cmp(rax, rcx);
    a.cmov("l", rcx, rax);
    a.imul(rcx, r9);
    a.add(rcx, at.source);
    a.mov(ptr(rsp, 0, r11, 8), rcx);
    a.inc(rax);
    a.inc(r11);
    a.cmp(r11, w);
    a.jcc("l", fill);

    const block = a.label();
    const partial = a.label();
    const done = a.label();
    a.mov(rdx, at.target);
    if (half === 1) a.add(rdx, bytes);
    a.mov(r8, at.steps);
    a.mov(r10, 0); // offset in the columns
    a.bind(block);
    a.cmp(r8, w);
    a.jcc("l", partial);
    for (let i = 0; i < w; i++) {
      a.mov(rax, ptr(rsp, i * 8));
      a.op(move, register(target, i), ptr(rax, 0, r10));
    }
    for (const [i, x] of transpose(a, target).entries()) a.op(move, ptr(rdx, i * panel), x);
    a.add(r10, bytes);
    a.add(rdx, w * panel);
    a.sub(r8, w);
    a.jmp(block);
    a.bind(partial);
    a.test(r8, r8);
    a.jcc("z", done);
    if (target.avx512) {
      a.mov(rax, -1);
      a.op("bzhi", rax.d, rax.d, r8.d);
      a.op("kmovw", k1, rax.d);
    } else emitLaneMask(a, target, 15, target.double ? r8 : r8.d);
    for (let i = 0; i < w; i++) {
      a.mov(rax, ptr(rsp, i * 8));
      const from = ptr(rax, 0, r10);
      if (target.avx512) a.op(move, register(target, i).kz(k1), from);
      else a.op(typed(target, "vmaskmov"), register(target, i), register(target, 15), from);
    }
    for (const [i, x] of transpose(a, target).entries()) {
      a.op(move, ptr(rdx, i * panel), x);
      a.cmp(r8, i + 1);
      a.jcc("le", done);
    }
    a.bind(done);
  }
  a.bind(end);
  a.add(rsp, table + 32);
  a.ret();
}

/** Emits the transposition of a square of vectors in registers 0 to w-1; returns the registers that hold its rows. */
export function transpose(a: Assembler, target: GemmTarget): readonly Vec[] {
  const w = lanes(target);
  const half = w;
  let current = Array.from({ length: w }, (_, i) => register(target, i));
  let spare = Array.from({ length: w }, (_, i) => register(target, half + i));
  const swap = (): void => {
    [current, spare] = [spare, current];
  };
  // within 128 bits
  if (!target.double) {
    for (let i = 0; i < w; i += 2) {
      a.op("vunpcklps", spare[i]!, current[i]!, current[i + 1]!);
      a.op("vunpckhps", spare[i + 1]!, current[i]!, current[i + 1]!);
    }
    swap();
    for (let i = 0; i < w; i += 4) {
      a.op("vunpcklpd", spare[i]!, current[i]!, current[i + 2]!);
      a.op("vunpckhpd", spare[i + 1]!, current[i]!, current[i + 2]!);
      a.op("vunpcklpd", spare[i + 2]!, current[i + 1]!, current[i + 3]!);
      a.op("vunpckhpd", spare[i + 3]!, current[i + 1]!, current[i + 3]!);
    }
  } else {
    for (let i = 0; i < w; i += 2) {
      a.op("vunpcklpd", spare[i]!, current[i]!, current[i + 1]!);
      a.op("vunpckhpd", spare[i + 1]!, current[i]!, current[i + 1]!);
    }
  }
  swap();
  // 128-bit parts: group[q][c] holds, in its part L, rows of group q of column per * L + c
  const per = target.double ? 2 : 4;
  const rows: Vec[] = new Array(w);
  for (let c = 0; c < per; c++) {
    const group = Array.from({ length: w / per }, (_, q) => current[q * per + c]!);
    const free = Array.from({ length: w / per }, (_, q) => spare[q * per + c]!);
    if (target.avx512) {
      const [g0, g1, g2, g3] = group as [Vec, Vec, Vec, Vec];
      const [f0, f1, f2, f3] = free as [Vec, Vec, Vec, Vec];
      a.op("vshuff64x2", f0, g0, g1, 0x88);
      a.op("vshuff64x2", f1, g2, g3, 0x88);
      a.op("vshuff64x2", f2, g0, g1, 0xdd);
      a.op("vshuff64x2", f3, g2, g3, 0xdd);
      a.op("vshuff64x2", g0, f0, f1, 0x88);
      a.op("vshuff64x2", g1, f2, f3, 0x88);
      a.op("vshuff64x2", g2, f0, f1, 0xdd);
      a.op("vshuff64x2", g3, f2, f3, 0xdd);
      for (const [part, x] of [g0, g1, g2, g3].entries()) rows[part * per + c] = x;
    } else {
      a.op("vperm2f128", free[0]!, group[0]!, group[1]!, 0x20);
      a.op("vperm2f128", free[1]!, group[0]!, group[1]!, 0x31);
      rows[c] = free[0]!;
      rows[per + c] = free[1]!;
    }
  }
  return rows;
}

/** Slots of the packing phase's block, after `begin` and `end`. */
export const packSlot = {
  begin: 1,
  end: 2,
  source: 3,
  /** From panel to panel of the source. */
  panelStep: 4,
  /** From step to step of k of the source. */
  sourceStep: 5,
  target: 6,
  targetPanel: 7,
  targetStep: 8,
  steps: 9,
  /** Steps of k in an item. */
  chunk: 10,
  chunks: 11,
  /** Panels in an item. */
  group: 12,
  panels: 13,
  /** What the routine takes as r9. */
  distance: 14,
  columns: 15,
  routine: 16,
  slots: 17,
} as const;

/**
 * Emits the packing phase. Item `begin` to `end`: a chunk of k (runs fastest) of a group of panels, packed panel by panel by the routine whose address is given.
 * `panelColumns` is the width of a panel. Rows are packed in short chunks of all panels, which read few pages again and again.
 */
export function emitPackPhase(a: Assembler, panelColumns: number): void {
  const int = (to: Gp | Memory, slot: number): void => {
    const register = to instanceof Memory ? rax : to;
    a.op("vcvttsd2si", register, ptr(rdi, slot * 8));
    if (to instanceof Memory) a.mov(to, rax);
  };
  const kept = ["item", "end", "chunks", "panelEnd", "steps", "columns"] as const;
  const at = (name: (typeof kept)[number]): Memory => ptr(rsp, kept.indexOf(name) * 8);
  for (const register of [rbx, r12, r13, r14, r15, rbp]) a.push(register);
  a.sub(rsp, kept.length * 8 + 8);
  int(at("item"), packSlot.begin);
  int(at("end"), packSlot.end);
  int(at("chunks"), packSlot.chunks);
  const loop = a.label(true);
  const end = a.label();
  a.mov(rax, at("item"));
  a.cmp(rax, at("end"));
  a.jcc("ge", end);
  a.mov(rdx.d, 0);
  a.div(at("chunks"));
  a.mov(r14, rdx); // chunk
  int(rbx, packSlot.group);
  a.imul(rbx, rax); // panel
  a.mov(rcx, rbx);
  int(rax, packSlot.group);
  a.add(rcx, rax);
  int(rax, packSlot.panels);
  a.cmp(rax, rcx);
  a.cmov("g", rax, rcx);
  a.mov(at("panelEnd"), rax);
  int(r15, packSlot.chunk);
  a.imul(r14, r15); // first step
  int(rax, packSlot.steps);
  a.sub(rax, r14);
  a.cmp(rax, r15);
  a.cmov("g", rax, r15);
  a.mov(at("steps"), rax);
  int(r12, packSlot.sourceStep);
  a.imul(r12, r14);
  int(rax, packSlot.source);
  a.add(r12, rax);
  int(r13, packSlot.targetStep);
  a.imul(r13, r14);
  int(rax, packSlot.target);
  a.add(r13, rax);
  int(r14, packSlot.panelStep);
  a.mov(rax, r14);
  a.imul(rax, rbx);
  a.add(r12, rax);
  int(r15, packSlot.targetPanel);
  a.mov(rax, r15);
  a.imul(rax, rbx);
  a.add(r13, rax);
  int(rax, packSlot.columns);
  a.imul(rcx, rbx, panelColumns);
  a.sub(rax, rcx);
  a.mov(at("columns"), rax);
  int(rbp, packSlot.routine);
  const panel = a.label(true);
  a.mov(rsi, r12);
  a.mov(rdx, r13);
  a.mov(r8, at("steps"));
  int(r9, packSlot.distance);
  a.mov(rcx, at("columns"));
  a.mov(rax, panelColumns);
  a.cmp(rcx, rax);
  a.cmov("g", rcx, rax);
  a.call(rbp);
  a.add(r12, r14);
  a.add(r13, r15);
  a.add(at("columns"), -panelColumns);
  a.inc(rbx);
  a.cmp(rbx, at("panelEnd"));
  a.jcc("l", panel);
  a.add(at("item"), 1);
  a.jmp(loop);
  a.bind(end);
  a.add(rsp, kept.length * 8 + 8);
  for (const register of [rbp, r15, r14, r13, r12, rbx]) a.pop(register);
  a.vzeroupper();
  a.ret();
}

/** Emits a copy of a matrix with any distances: slots rows, columns, from, its row and column distance, to, its row and column distance (in bytes). */
export function emitCopyStrided(a: Assembler, target: GemmTarget): void {
  const int = (to: Gp, slot: number): void => a.op("vcvttsd2si", to, ptr(rdi, slot * 8));
  const x = target.double ? rax : rax.d;
  const row = a.label();
  const column = a.label();
  const end = a.label();
  int(r8, 1);
  int(rsi, 3);
  int(r9, 5);
  int(rdx, 6);
  int(r10, 8);
  a.push(rbx);
  int(rcx, 2);
  a.test(rcx, rcx);
  a.jcc("z", end);
  a.test(r8, r8);
  a.jcc("z", end);
  a.bind(row);
  int(rcx, 2);
  a.mov(rbx, rsi);
  a.mov(r11, rdx);
  a.bind(column);
  a.mov(x, ptr(rbx));
  a.mov(ptr(r11), x);
  a.add(rbx, r9);
  a.add(r11, r10);
  a.dec(rcx);
  a.jcc("nz", column);
  int(rax, 4);
  a.add(rsi, rax);
  int(rax, 7);
  a.add(rdx, rax);
  a.dec(r8);
  a.jcc("nz", row);
  a.bind(end);
  a.pop(rbx);
  a.ret();
}
