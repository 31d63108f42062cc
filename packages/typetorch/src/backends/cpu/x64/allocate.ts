/**
 * Registers for virtual registers, by linear scan: a virtual register has one register for its whole life, or a place on the stack. Then the encoding.
 */
import { type AsmOperand, type Assembler, type InstructionName, type Memory, ptr } from "./assembler.ts";
import { encodingsOf } from "./instructions.ts";
import {
  Block,
  type Chosen,
  type Instruction,
  LoopBlock,
  Place,
  type RegisterKind,
  type VectorBytes,
  View,
  Virtual,
} from "./machine.ts";
import {
  Gp,
  k1,
  k2,
  k3,
  k4,
  k5,
  k6,
  k7,
  Label,
  type Mask,
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
  rdx,
  rsi,
  rsp,
  Vec,
  xmm,
  ymm,
  zmm,
} from "./registers.ts";

/** rax, rcx and rdx are left to single instructions, rdi holds the argument block. */
const generals: readonly Gp[] = [rsi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15];
/** Stand-ins for spilled ones; instructions written as functions use rax first, and rcx once they have read their operands. */
const generalScratch: readonly Gp[] = [rdx, rcx, rax];
const saved = new Set([rbx.id, rbp.id, r12.id, r13.id, r14.id, r15.id]);
const masks: readonly Mask[] = [k1, k2, k3, k4, k5, k6, k7];

/** The code in order, with the loop each instruction stands in. */
interface Line {
  readonly item: Instruction | Label;
  readonly loop: LoopBlock | null;
}

function flatten(block: Block, loop: LoopBlock | null, lines: Line[]): void {
  let inner = loop;
  if (block instanceof LoopBlock) {
    block.parent = loop;
    block.depth = loop === null ? 1 : loop.depth + 1;
    block.first = lines.length;
    inner = block;
  }
  for (const item of block.items) {
    if (item instanceof Block) flatten(item, inner, lines);
    else lines.push({ item, loop: inner });
  }
  if (block instanceof LoopBlock) block.last = lines.length;
}

/** Positions: instruction n reads at 2n and writes at 2n + 1. */
function findLives(lines: readonly Line[]): Virtual[] {
  const all: Virtual[] = [];
  const touch = (v: Virtual, n: number, loop: LoopBlock | null, read: boolean, early: boolean): void => {
    const at = read || early ? 2 * n : 2 * n + 1;
    if (v.start < 0) {
      v.start = at;
      v.end = at;
      v.home = loop;
      all.push(v);
    }
    if (at > v.end) v.end = at;
    if (v.home !== loop) {
      // used in loops around which it was not defined: it lives to the end of the outermost of them
      let outermost: LoopBlock | null = null;
      for (let l = loop; l !== null && !encloses(l, v.home); l = l.parent) outermost = l;
      if (outermost !== null && 2 * outermost.last > v.end) v.end = 2 * outermost.last;
    }
    v.cost += loop === null ? 1 : weights[Math.min(loop.depth, 4)]!;
  };
  for (let n = 0; n < lines.length; n++) {
    const { item, loop } = lines[n]!;
    if (item instanceof Label) continue;
    const { operands } = item;
    for (let i = 0; i < operands.length; i++) {
      const o = operands[i]!;
      if (typeof o === "number") continue;
      if (o instanceof Place) {
        if (o.base !== null) touch(o.base, n, loop, true, false);
        if (o.index !== null) touch(o.index, n, loop, true, false);
        continue;
      }
      const v = o instanceof View ? o.of : o;
      if (i > 0 || !item.defines || item.tied) touch(v, n, loop, true, false);
    }
    if (item.mask !== null) touch(item.mask, n, loop, true, false);
    if (item.defines) {
      const o = operands[0]!;
      const v = o instanceof View ? o.of : (o as Virtual);
      touch(v, n, loop, false, item.early);
      if (item.fma !== null && v.hints.length === 0)
        v.hints = [operands[3], operands[1], operands[2]].filter((x) => x instanceof Virtual);
      if (item.early && v.end === v.start) v.end = 2 * n + 1;
    }
  }
  return all;
}
const weights = [1, 8, 64, 512, 4096];

function encloses(outer: LoopBlock, inner: LoopBlock | null): boolean {
  for (let l = inner; l !== null; l = l.parent) if (l === outer) return true;
  return false;
}

/** Gives numbers to the virtual registers of one kind. Returns how many had to go to the stack. */
function scan(lives: readonly Virtual[], available: readonly number[]): number {
  const free = new Set(available);
  const active: Virtual[] = [];
  let spilled = 0;
  for (const v of lives) {
    for (let i = active.length - 1; i >= 0; i--) {
      if (active[i]!.end < v.start) {
        free.add(active[i]!.register);
        active[i] = active[active.length - 1]!;
        active.pop();
      }
    }
    if (free.size === 0) {
      let victim = v;
      for (const a of active) {
        if (a.cost < victim.cost || (a.cost === victim.cost && a.end > victim.end)) victim = a;
      }
      spilled++;
      victim.slot = 0;
      if (victim === v) {
        v.register = -1;
        continue;
      }
      v.register = victim.register;
      victim.register = -1;
      active[active.indexOf(victim)] = v;
      continue;
    }
    let chosen = -1;
    for (const h of v.hints) {
      if (h.register >= 0 && free.has(h.register)) {
        chosen = h.register;
        break;
      }
    }
    if (chosen < 0)
      for (const r of free) {
        chosen = r;
        break;
      }
    free.delete(chosen);
    v.register = chosen;
    active.push(v);
  }
  return spilled;
}

/** Chooses registers and encodes: the body of a function, its prologue and epilogue. `reserve` bytes of the stack are at `rsp` for the code's own use. */
export function assemble(asm: Assembler, root: Block, reserve: number): void {
  const lines: Line[] = [];
  flatten(root, null, lines);
  const all = findLives(lines);
  all.sort((a, b) => a.start - b.start);
  const byKind: Record<RegisterKind, Virtual[]> = { v: [], k: [], g: [] };
  for (const v of all) byKind[v.kind].push(v);

  const vectors = Array.from({ length: asm.avx512 ? 32 : 16 }, (_, i) => i);
  let vectorScratch: number[] = [];
  if (scan(byKind.v, vectors) > 0) {
    reset(byKind.v);
    vectorScratch = vectors.splice(-3);
    scan(byKind.v, vectors);
  }
  let maskScratch: readonly Mask[] = [];
  if (
    scan(
      byKind.k,
      masks.map((m) => m.id),
    ) > 0
  ) {
    reset(byKind.k);
    maskScratch = masks.slice(4);
    scan(
      byKind.k,
      masks.slice(0, 4).map((m) => m.id),
    );
  }
  scan(
    byKind.g,
    generals.map((r) => r.id),
  );

  let stack = (reserve + 63) & ~63;
  for (const v of byKind.v)
    if (v.register < 0) {
      v.slot = stack;
      stack += 64;
    } // prettier: one slot each
  for (const kind of ["k", "g"] as const)
    for (const v of byKind[kind])
      if (v.register < 0) {
        v.slot = stack;
        stack += 8;
      }

  const keep = generals.filter((r) => saved.has(r.id) && byKind.g.some((v) => v.register === r.id));
  new Encoder(asm, vectorScratch, maskScratch).function(lines, keep, (stack + 63) & ~63);
}

function reset(lives: readonly Virtual[]): void {
  for (const v of lives) {
    v.register = -1;
    v.slot = -1;
  }
}

const memoryPositions = new Map<InstructionName, Int8Array>();
/** Which operand may be memory when there are `count` of them, or -1. */
function memoryPosition(name: InstructionName, count: number): number {
  let table = memoryPositions.get(name);
  if (table === undefined) {
    table = new Int8Array(6).fill(-1);
    for (const row of encodingsOf(name)) {
      const at = row.form.indexOf("m");
      // shifts by an immediate read memory only with EVEX
      if (at > 0 && row.form[0] === "r" && row.classes[at] === "x" && row.classes[0] !== "g") table[row.form.length] = at;
    }
    memoryPositions.set(name, table);
  }
  return table[count]!;
}

class Encoder implements Chosen {
  readonly asm: Assembler;
  private readonly vectorScratch: readonly number[];
  private readonly maskScratch: readonly Mask[];
  private usedV = 0;
  private usedK = 0;
  private usedG = 0;
  /** Registers that stand in for spilled ones in the current instruction. */
  private readonly standIns = new Map<Virtual, number>();

  constructor(asm: Assembler, vectorScratch: readonly number[], maskScratch: readonly Mask[]) {
    this.asm = asm;
    this.vectorScratch = vectorScratch;
    this.maskScratch = maskScratch;
  }

  function(lines: readonly Line[], keep: readonly Gp[], stack: number): void {
    const { asm } = this;
    for (const r of keep) asm.push(r);
    if (stack > 0) {
      // aligned, so that a vector on the stack never lies across two cache lines; the old rsp is kept above the slots
      asm.mov(rax, rsp);
      asm.sub(rsp, stack + 8);
      asm.and(rsp, -64);
      asm.mov(ptr(rsp, stack), rax);
    }
    for (const { item } of lines) {
      if (item instanceof Label) asm.bind(item);
      else this.instruction(item);
    }
    if (stack > 0) asm.mov(rsp, ptr(rsp, stack));
    for (let i = keep.length - 1; i >= 0; i--) asm.pop(keep[i]!);
    asm.vzeroupper();
    asm.ret();
  }

  // fields, so that they can be taken out of the object
  readonly vec = (of: Virtual, bytes: VectorBytes = of.bytes as VectorBytes): Vec => {
    const id = of.register >= 0 ? of.register : this.standIns.get(of)!;
    return bytes === 64 ? zmm(id) : bytes === 32 ? ymm(id) : xmm(id);
  };
  readonly gp = (of: Virtual): Gp => {
    return new Gp(of.register >= 0 ? of.register : this.standIns.get(of)!);
  };
  readonly mask = (of: Virtual): Mask => {
    return masks[(of.register >= 0 ? of.register : this.standIns.get(of)!) - 1]!;
  };
  readonly memory = (place: Place): Memory => {
    if (place.fixed !== null) return place.fixed;
    return ptr(
      place.base === null ? null : this.gp(place.base),
      place.disp,
      place.index === null ? null : this.gp(place.index),
      place.scale,
    );
  };

  /** Finds a register for a spilled one, with its value when it is read. */
  private standIn(v: Virtual, read: boolean): void {
    if (v.register >= 0) return;
    if (!this.standIns.has(v)) {
      if (v.kind === "v") this.standIns.set(v, this.vectorScratch[this.usedV++]!);
      else if (v.kind === "k") this.standIns.set(v, this.maskScratch[this.usedK++]!.id);
      else this.standIns.set(v, generalScratch[this.usedG++]!.id);
    }
    if (!read) return;
    if (v.kind === "v") this.asm.op("vmovups", this.vec(v), ptr(rsp, v.slot));
    else if (v.kind === "k") this.asm.op("kmovq", this.mask(v), ptr(rsp, v.slot));
    else this.asm.mov(this.gp(v), ptr(rsp, v.slot));
  }
  private writeBack(v: Virtual): void {
    if (v.register >= 0) return;
    if (v.kind === "v") this.asm.op("vmovups", ptr(rsp, v.slot), this.vec(v));
    else if (v.kind === "k") this.asm.op("kmovq", ptr(rsp, v.slot), this.mask(v));
    else this.asm.mov(ptr(rsp, v.slot), this.gp(v));
  }

  private instruction(item: Instruction): void {
    const { operands, name } = item;
    this.usedV = this.usedK = this.usedG = 0;
    if (this.standIns.size > 0) this.standIns.clear();
    // one spilled vector may be read where it lies
    let inPlace = -1;
    if (name !== null || item.fma !== null) {
      const at = item.fma !== null ? 0 : memoryPosition(name!, operands.length);
      const hasPlace = operands.some((o) => o instanceof Place);
      const first = virtualOf(operands[0]!);
      if (!hasPlace && first !== null && first.kind !== "g") {
        for (let i = 1; i < operands.length; i++) {
          const o = operands[i]!;
          const v = o instanceof View ? o.of : o;
          if (v instanceof Virtual && v.kind === "v" && v.register < 0 && (i === at || item.fma !== null)) inPlace = i;
        }
      }
    }
    const stays = inPlace < 0 ? null : virtualOf(operands[inPlace]!);
    for (let i = item.defines && !item.tied ? 1 : 0; i < operands.length; i++) {
      const o = operands[i]!;
      if (typeof o === "number" || i === inPlace) continue;
      if (o instanceof Place) {
        if (o.base !== null) this.standIn(o.base, true);
        if (o.index !== null) this.standIn(o.index, true);
      } else {
        const v = o instanceof View ? o.of : o;
        if (v.register < 0 && !this.standIns.has(v)) this.standIn(v, true);
      }
    }
    if (item.mask !== null) this.standIn(item.mask, true);
    const target = item.defines ? virtualOf(operands[0]!) : null;
    if (target !== null && target.register < 0 && !this.standIns.has(target)) {
      // it may take the place of a source that was read, unless it is written early
      const source =
        item.early || target === stays
          ? undefined
          : [...this.standIns.keys()].find((v) => v.kind === target.kind && v !== item.mask);
      if (source !== undefined && target.kind === "v" && item.emit === null)
        this.standIns.set(target, this.standIns.get(source)!);
      else this.standIn(target, false);
    }
    if (item.emit !== null) item.emit(this);
    else if (item.fma !== null) this.multiplyAdd(item, inPlace);
    else {
      const out: AsmOperand[] = [];
      for (let i = 0; i < operands.length; i++) {
        let x = this.resolve(operands[i]!, i === inPlace);
        if (i === 0 && item.mask !== null) {
          const m = this.mask(item.mask);
          x = item.zeroing ? (x as Vec).kz(m) : (x as Vec | Mask).k(m);
        }
        out.push(x);
      }
      this.asm.op(name!, ...out);
    }
    if (target !== null) this.writeBack(target);
  }

  private resolve(o: Operand_, inPlace: boolean): AsmOperand {
    if (typeof o === "number") return o;
    if (o instanceof Place) return this.memory(o);
    const v = o instanceof View ? o.of : o;
    if (v.kind === "g") return this.gp(v);
    if (v.kind === "k") return this.mask(v);
    const bytes = o.bytes as VectorBytes;
    return inPlace ? ptr(rsp, v.slot).as(bytes) : this.vec(v, bytes);
  }

  private multiplyAdd(item: Instruction, inPlace: number): void {
    const { asm } = this;
    const s = item.fma!;
    const d = this.vec(virtualOf(item.operands[0]!)!);
    let [a, b, c] = [1, 2, 3].map((i) => this.resolve(item.operands[i]!, i === inPlace)) as [AsmOperand, AsmOperand, AsmOperand];
    const same = (x: AsmOperand): boolean => x instanceof Vec && x.id === d.id;
    if (!(a instanceof Vec)) [a, b] = [b, a];
    if (same(c)) asm.op(`vfmadd231${s}`, d, a, b);
    else if (same(a)) {
      if (b instanceof Vec) asm.op(`vfmadd213${s}`, d, b, c);
      else asm.op(`vfmadd132${s}`, d, c, b);
    } else if (same(b)) asm.op(`vfmadd213${s}`, d, a, c);
    else if (c instanceof Vec) {
      asm.op("vmovaps", d, c);
      asm.op(`vfmadd231${s}`, d, a, b);
    } else {
      asm.op("vmovaps", d, a);
      asm.op(`vfmadd213${s}`, d, b, c);
    }
  }
}

type Operand_ = Instruction["operands"][number];

function virtualOf(o: Operand_): Virtual | null {
  return o instanceof View ? o.of : o instanceof Virtual ? o : null;
}
