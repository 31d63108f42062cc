/**
 * Machine code that transposes a matrix in square tiles, each held in vector registers: whole cache lines are read and written.
 */
import { Assembler, type Gp, ptr, r8, r9, r10, r11, rax, rbx, rcx, rdi, rdx, rsi, type Vec, ymm, zmm } from "./assembler.ts";

export const transposeSlots = { source: 1, target: 2, rows: 3, columns: 4, sourceStride: 5, targetStride: 6, count: 7 } as const;

/** Rows and columns of a tile for elements of 4 or 8 bytes. */
export function transposeTile(itemsize: 4 | 8, level: "avx2" | "avx512"): number {
  return (level === "avx512" ? 64 : 32) / itemsize;
}

/**
 * `target[j * targetStride + i] = source[i * sourceStride + j]` for `rows` values of i and `columns` of j, both multiples of the tile. Strides count bytes. With
 * `streaming` the stores go around the caches: for results larger than those.
 */
export function transposeCode(itemsize: 4 | 8, level: "avx2" | "avx512", streaming: boolean): Uint8Array {
  const asm = new Assembler({ avx512: level === "avx512" });
  const register = level === "avx512" ? zmm : ymm;
  const bytes = level === "avx512" ? 64 : 32;
  const tile = bytes / itemsize;
  const slot = (to: Gp, k: number) => asm.op("vcvttsd2si", to, ptr(rdi, k * 8));
  asm.push(rbx);
  slot(rsi, transposeSlots.source);
  slot(rdx, transposeSlots.target);
  slot(rcx, transposeSlots.rows);
  slot(r8, transposeSlots.columns);
  slot(r9, transposeSlots.sourceStride);
  slot(r10, transposeSlots.targetStride);
  const done = asm.label();
  asm.test(rcx, rcx);
  asm.jcc("e", done);
  const columns = asm.label();
  asm.bind(columns);
  asm.test(r8, r8);
  asm.jcc("e", done);
  // rsi and rdx stand at the first tile of these columns; rax and rdi walk down the rows
  asm.mov(rax, rsi);
  asm.mov(rdi, rdx);
  asm.mov(rbx, rcx);
  const rows = asm.label(true);
  const first = Array.from({ length: tile }, (_, k) => register(k));
  walk(asm, rax, r9, tile, (k, at) => asm.op("vmovups", first[k]!, at));
  const transposed = transposeRegisters(asm, first, itemsize, register);
  asm.mov(r11, rdi);
  walk(asm, r11, r10, tile, (k, at) => asm.op(streaming ? "vmovntps" : "vmovups", at, transposed[k]!));
  asm.add(rdi, bytes);
  asm.sub(rbx, tile);
  asm.jcc("ne", rows);
  asm.add(rsi, bytes);
  asm.imul(r11, r10, tile);
  asm.add(rdx, r11);
  asm.sub(r8, tile);
  asm.jmp(columns);
  asm.bind(done);
  if (streaming) asm.sfence();
  asm.pop(rbx);
  asm.vzeroupper();
  asm.ret();
  return asm.finish();
}

/** Visits `count` rows from `base` on, which moves behind the last. */
function walk(asm: Assembler, base: Gp, stride: Gp, count: number, visit: (k: number, at: ReturnType<typeof ptr>) => void): void {
  for (let k = 0; k < count; k++) {
    visit(k, k % 2 === 0 ? ptr(base) : ptr(base, 0, stride));
    if (k % 2 === 1) asm.lea(base, ptr(base, 0, stride, 2));
  }
}

/** The registers that then hold the columns, in order. Twice as many registers as rows are used. */
function transposeRegisters(asm: Assembler, rows: readonly Vec[], itemsize: 4 | 8, register: (k: number) => Vec): Vec[] {
  const tile = rows.length;
  const other = Array.from({ length: tile }, (_, k) => register(tile + k));
  const perLane = 16 / itemsize;
  const lanes = tile / perLane;
  let from: readonly Vec[] = rows;
  let to: readonly Vec[] = other;
  const swap = () => {
    const x = from;
    from = to;
    to = x;
  };
  if (itemsize === 4) {
    for (let k = 0; k < tile; k += 2) {
      asm.op("vunpcklps", to[k]!, from[k]!, from[k + 1]!);
      asm.op("vunpckhps", to[k + 1]!, from[k]!, from[k + 1]!);
    }
    swap();
    for (let g = 0; g < tile; g += 4) {
      for (const half of [0, 1]) {
        asm.op("vunpcklpd", to[g + 2 * half]!, from[g + half]!, from[g + half + 2]!);
        asm.op("vunpckhpd", to[g + 2 * half + 1]!, from[g + half]!, from[g + half + 2]!);
      }
    }
    swap();
  } else {
    for (let k = 0; k < tile; k += 2) {
      asm.op("vunpcklpd", to[k]!, from[k]!, from[k + 1]!);
      asm.op("vunpckhpd", to[k + 1]!, from[k]!, from[k + 1]!);
    }
    swap();
  }
  // Now lane l of from[g * perLane + c] is column l * perLane + c of the rows of group g.
  const result = new Array<Vec>(tile);
  const at = (g: number, c: number) => g * perLane + c;
  if (lanes === 2) {
    for (let c = 0; c < perLane; c++) {
      asm.op("vperm2f128", to[at(0, c)]!, from[at(0, c)]!, from[at(1, c)]!, 0x20);
      asm.op("vperm2f128", to[at(1, c)]!, from[at(0, c)]!, from[at(1, c)]!, 0x31);
      result[c] = to[at(0, c)]!;
      result[perLane + c] = to[at(1, c)]!;
    }
    return result;
  }
  for (let c = 0; c < perLane; c++) {
    for (const g of [0, 2]) {
      asm.op("vshuff32x4", to[at(g, c)]!, from[at(g, c)]!, from[at(g + 1, c)]!, 0x88);
      asm.op("vshuff32x4", to[at(g + 1, c)]!, from[at(g, c)]!, from[at(g + 1, c)]!, 0xdd);
    }
    for (const odd of [0, 1]) {
      asm.op("vshuff32x4", from[at(odd, c)]!, to[at(odd, c)]!, to[at(2 + odd, c)]!, 0x88);
      asm.op("vshuff32x4", from[at(2 + odd, c)]!, to[at(odd, c)]!, to[at(2 + odd, c)]!, 0xdd);
      result[odd * perLane + c] = from[at(odd, c)]!;
      result[(2 + odd) * perLane + c] = from[at(2 + odd, c)]!;
    }
  }
  return result;
}
