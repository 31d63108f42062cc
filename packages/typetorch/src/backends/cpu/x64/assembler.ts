/**
 * An assembler for x86-64 with AVX2 and AVX-512: bytes of position-independent code, to be placed at an address that is a multiple of 64.
 *
 * General instructions are methods; vector and mask instructions are rows of `instructions.ts`, emitted by {@link Assembler.op} with the operands in Intel's
 * order (destination first). VEX is taken where it can say it, EVEX otherwise.
 */
import { Encoder, type Fixup } from "./encoder.ts";
import { Gp, type Label, Memory } from "./registers.ts";

export type { AsmOperand } from "./encoder.ts";
export type { InstructionName } from "./instructions.ts";
export * from "./registers.ts";

export type Condition =
  | ("o" | "no" | "b" | "ae" | "e" | "ne" | "be" | "a" | "s" | "ns" | "p" | "np" | "l" | "ge" | "le" | "g")
  | ("c" | "nc" | "z" | "nz");

const conditionCodes: Readonly<Record<Condition, number>> = {
  o: 0,
  no: 1,
  b: 2,
  c: 2,
  ae: 3,
  nc: 3,
  e: 4,
  z: 4,
  ne: 5,
  nz: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
};

/** Comparison predicates of `vcmpps` and its kin; the signalling ones are left out. */
export const compare = {
  eq: 0x00,
  lt: 0x11,
  le: 0x12,
  unordered: 0x03,
  ne: 0x04,
  nlt: 0x15,
  nle: 0x16,
  ordered: 0x07,
  ge: 0x1d,
  gt: 0x1e,
} as const;

/** Predicates of `vpcmpd` and its kin. */
export const compareInt = { eq: 0, lt: 1, le: 2, ne: 4, ge: 5, gt: 6 } as const;

export class Assembler extends Encoder {
  /** REX, opcode and ModRM of a general instruction. `byteRegister` forces REX for sil, dil … */
  #general(
    wide: boolean,
    opcode: readonly number[],
    reg: number,
    rm: Gp | Memory,
    prefix = 0,
    byteRegister = false,
  ): Fixup | null {
    if (prefix !== 0) this.byte(prefix);
    const base = rm instanceof Gp ? rm.id : (rm.base?.id ?? 0);
    const index = rm instanceof Memory ? (rm.index?.id ?? 0) : 0;
    const rex = (wide ? 8 : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (base & 8 ? 1 : 0);
    if (rex !== 0 || byteRegister) this.byte(0x40 | rex);
    for (const b of opcode) this.byte(b);
    return this.modrm(reg, rm);
  }

  #arithmetic(code: number, a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64): void {
    if (typeof b === "number") {
      const wide = a instanceof Gp ? a.bits === 64 : bits === 64;
      const short = b >= -128 && b <= 127;
      const fixup = this.#general(wide, [short ? 0x83 : 0x81], code, a);
      if (short) this.byte(b & 255);
      else this.int32(b);
      if (fixup !== null) fixup.end = this.length;
    } else if (b instanceof Memory) {
      this.#general((a as Gp).bits === 64, [code * 8 + 3], (a as Gp).id, b);
    } else this.#general(b.bits === 64, [code * 8 + 1], b.id, a);
  }

  /** `bits` is the operand's size where only memory and an immediate are given. */
  add(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(0, a, b, bits);
  }
  or(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(1, a, b, bits);
  }
  and(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(4, a, b, bits);
  }
  sub(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(5, a, b, bits);
  }
  xor(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(6, a, b, bits);
  }
  cmp(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(7, a, b, bits);
  }
  /** add, with the carry flag. */
  adc(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(2, a, b, bits);
  }
  sbb(a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64 = 64): void {
    this.#arithmetic(3, a, b, bits);
  }

  test(a: Gp, b: Gp | number): void {
    if (typeof b === "number") {
      this.#general(a.bits === 64, [0xf7], 0, a);
      this.int32(b);
    } else this.#general(a.bits === 64, [0x85], b.id, a);
  }

  /** A load, a store, a copy, or a constant in the shortest way (also beyond 32 bits, as a bigint beyond 2^53). */
  mov(to: Gp | Memory, from: Gp | Memory | number | bigint): void {
    if (from instanceof Memory) {
      this.#general((to as Gp).bits === 64, [0x8b], (to as Gp).id, from);
    } else if (from instanceof Gp) {
      this.#general(from.bits === 64, [0x89], from.id, to);
    } else if (to instanceof Memory) {
      const fixup = this.#general(true, [0xc7], 0, to);
      this.int32(Number(from));
      if (fixup !== null) fixup.end = this.length;
    } else {
      const value = BigInt(from);
      if (to.bits === 32 || (value >= 0n && value <= 0xffffffffn)) {
        if (to.id > 7) this.byte(0x41);
        this.byte(0xb8 | (to.id & 7));
        this.int32(Number(BigInt.asIntN(32, value)));
      } else if (value >= -0x80000000n && value < 0n) {
        this.#general(true, [0xc7], 0, to);
        this.int32(Number(value));
      } else {
        this.byte(0x48 | (to.id >> 3));
        this.byte(0xb8 | (to.id & 7));
        for (let i = 0n; i < 64n; i += 8n) this.byte(Number((value >> i) & 255n));
      }
    }
  }
  /** Stores the low byte of a register. */
  mov8(to: Memory, from: Gp): void {
    this.#general(false, [0x88], from.id, to, 0, from.id > 3);
  }
  /** Stores the low 16 bits of a register. */
  mov16(to: Memory, from: Gp): void {
    this.#general(false, [0x89], from.id, to, 0x66);
  }
  movzx8(to: Gp, from: Gp | Memory): void {
    this.#general(false, [0x0f, 0xb6], to.id, from, 0, from instanceof Gp && from.id > 3);
  }
  movzx16(to: Gp, from: Gp | Memory): void {
    this.#general(false, [0x0f, 0xb7], to.id, from);
  }
  movsx8(to: Gp, from: Gp | Memory): void {
    this.#general(to.bits === 64, [0x0f, 0xbe], to.id, from, 0, from instanceof Gp && from.id > 3);
  }
  movsx16(to: Gp, from: Gp | Memory): void {
    this.#general(to.bits === 64, [0x0f, 0xbf], to.id, from);
  }
  /** 32 bits, sign-extended to 64. */
  movsxd(to: Gp, from: Gp | Memory): void {
    this.#general(true, [0x63], to.id, from);
  }
  lea(to: Gp, from: Memory): void {
    this.#general(to.bits === 64, [0x8d], to.id, from);
  }
  /** `to *= from`, or `to = from * factor`. */
  imul(to: Gp, from: Gp | Memory, factor?: number): void {
    if (factor === undefined) {
      this.#general(to.bits === 64, [0x0f, 0xaf], to.id, from);
      return;
    }
    const short = factor >= -128 && factor <= 127;
    const fixup = this.#general(to.bits === 64, [short ? 0x6b : 0x69], to.id, from);
    if (short) this.byte(factor & 255);
    else this.int32(factor);
    if (fixup !== null) fixup.end = this.length;
  }
  /** rdx:rax = rax * from, unsigned. */
  mul(from: Gp): void {
    this.#general(from.bits === 64, [0xf7], 4, from);
  }
  /** rax, rdx = quotient and remainder of rdx:rax by `divisor`, signed. */
  idiv(divisor: Gp | Memory): void {
    this.#general(divisor instanceof Memory || divisor.bits === 64, [0xf7], 7, divisor);
  }
  /** The same, unsigned. */
  div(divisor: Gp | Memory): void {
    this.#general(divisor instanceof Memory || divisor.bits === 64, [0xf7], 6, divisor);
  }
  /** Sign of rax into rdx. */
  cqo(): void {
    this.emit(0x48, 0x99);
  }
  neg(a: Gp): void {
    this.#general(a.bits === 64, [0xf7], 3, a);
  }
  not(a: Gp): void {
    this.#general(a.bits === 64, [0xf7], 2, a);
  }
  inc(a: Gp): void {
    this.#general(a.bits === 64, [0xff], 0, a);
  }
  dec(a: Gp): void {
    this.#general(a.bits === 64, [0xff], 1, a);
  }
  #shift(digit: number, a: Gp, by: number | "cl"): void {
    if (by === "cl") this.#general(a.bits === 64, [0xd3], digit, a);
    else if (by === 1) this.#general(a.bits === 64, [0xd1], digit, a);
    else {
      this.#general(a.bits === 64, [0xc1], digit, a);
      this.byte(by);
    }
  }
  shl(a: Gp, by: number | "cl"): void {
    this.#shift(4, a, by);
  }
  shr(a: Gp, by: number | "cl"): void {
    this.#shift(5, a, by);
  }
  sar(a: Gp, by: number | "cl"): void {
    this.#shift(7, a, by);
  }
  /** Number of zero bits below the lowest one. */
  tzcnt(to: Gp, from: Gp): void {
    this.#general(to.bits === 64, [0x0f, 0xbc], to.id, from, 0xf3);
  }
  popcnt(to: Gp, from: Gp): void {
    this.#general(to.bits === 64, [0x0f, 0xb8], to.id, from, 0xf3);
  }
  cmov(condition: Condition, to: Gp, from: Gp | Memory): void {
    this.#general(to.bits === 64, [0x0f, 0x40 | conditionCodes[condition]], to.id, from);
  }
  /** The low byte of `to` becomes 1 or 0. */
  setcc(condition: Condition, to: Gp): void {
    this.#general(false, [0x0f, 0x90 | conditionCodes[condition]], 0, to, 0, to.id > 3);
  }
  /** to, memory = memory, memory + to: all at once for all threads. */
  lockXadd(memory: Memory, to: Gp): void {
    this.byte(0xf0);
    this.#general(to.bits === 64, [0x0f, 0xc1], to.id, memory);
  }
  push(a: Gp): void {
    if (a.id > 7) this.byte(0x41);
    this.byte(0x50 | (a.id & 7));
  }
  pop(a: Gp): void {
    if (a.id > 7) this.byte(0x41);
    this.byte(0x58 | (a.id & 7));
  }
  /** `short` promises a forward jump of less than 128 bytes; backward jumps find out. */
  jmp(to: Label | Gp, options: { readonly short?: boolean } = {}): void {
    if (to instanceof Gp) {
      this.#general(false, [0xff], 4, to);
      return;
    }
    this.#jump(to, [0xeb], [0xe9], options.short ?? false);
  }
  jcc(condition: Condition, to: Label, options: { readonly short?: boolean } = {}): void {
    const code = conditionCodes[condition];
    this.#jump(to, [0x70 | code], [0x0f, 0x80 | code], options.short ?? false);
  }
  #jump(to: Label, short: readonly number[], near: readonly number[], promised: boolean): void {
    const isShort = to.position >= 0 ? this.length + 2 - to.position <= 128 : promised;
    this.emit(...(isShort ? short : near));
    this.fixup(isShort ? 1 : 4, to, 0);
  }
  call(to: Label | Gp): void {
    if (to instanceof Gp) this.#general(false, [0xff], 2, to);
    else {
      this.byte(0xe8);
      this.fixup(4, to, 0);
    }
  }
  ret(): void {
    this.byte(0xc3);
  }
  /** Brings a cache line near: into all levels (0), all but the first (1), the last (2); or close by, to be used once (`nta`). */
  prefetch(level: 0 | 1 | 2 | "nta", at: Memory): void {
    this.#general(false, [0x0f, 0x18], level === "nta" ? 0 : level + 1, at);
  }
  /** Orders non-temporal stores before what follows. */
  sfence(): void {
    this.emit(0x0f, 0xae, 0xf8);
  }
  pause(): void {
    this.emit(0xf3, 0x90);
  }
}
