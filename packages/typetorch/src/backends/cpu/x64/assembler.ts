/**
 * An assembler for x86-64 with AVX2 and AVX-512: bytes of position-independent code, to be placed at an address that is a multiple of 64.
 *
 * General instructions are methods; vector and mask instructions are rows of `instructions.ts`, emitted by {@link Assembler.op} with the operands in Intel's
 * order (destination first). VEX is taken where it can say it, EVEX otherwise.
 */
import { type Encoding, encodingsOf, type InstructionName } from "./instructions.ts";
import { Gp, Label, Mask, Memory, Vec } from "./registers.ts";

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

/** Operand of {@link Assembler.op}: a register, memory, or an immediate byte. */
export type AsmOperand = Vec | Gp | Mask | Memory | number;

interface Fixup {
  readonly at: number;
  readonly size: 1 | 4;
  /** Offset from which the displacement counts: the end of the instruction. */
  end: number;
  readonly label: Label;
  readonly disp: number;
}

export class Assembler {
  /** Whether AVX-512 may be used; without it an instruction that needs EVEX throws. */
  readonly avx512: boolean;
  #bytes = new Uint8Array(1024);
  #length = 0;
  readonly #fixups: Fixup[] = [];
  readonly #pool = new Map<string, { readonly label: Label; readonly data: Uint8Array; readonly alignment: number }>();

  constructor(options: { readonly avx512: boolean }) {
    this.avx512 = options.avx512;
  }

  /** Bytes emitted so far. */
  get length(): number {
    return this.#length;
  }

  #byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(this.#length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length++] = value;
  }

  #int32(value: number): void {
    if (value < -0x80000000 || value > 0xffffffff) throw new RangeError(`${value} does not fit in 32 bits`);
    this.#byte(value & 255);
    this.#byte((value >> 8) & 255);
    this.#byte((value >> 16) & 255);
    this.#byte((value >> 24) & 255);
  }

  /** Raw bytes. */
  emit(...bytes: readonly number[]): void {
    for (const b of bytes) this.#byte(b);
  }

  // ---- labels, constants, the end

  /** A label, bound here when `here` is true. */
  label(here = false): Label {
    const label = new Label();
    if (here) this.bind(label);
    return label;
  }

  bind(label: Label): void {
    if (label.position >= 0) throw new Error("the label is bound already");
    label.position = this.#length;
  }

  /** Pads with no-operations to a multiple of `alignment`. */
  align(alignment: number): void {
    let missing = (alignment - (this.#length % alignment)) % alignment;
    while (missing > 0) {
      const n = Math.min(missing, nops.length);
      this.emit(...nops[n - 1]!);
      missing -= n;
    }
  }

  /** Bytes in the constant pool, RIP-relative. Equal ones are kept once. Aligned to their size (up to 64) unless told. */
  constant(data: Uint8Array, alignment = Math.min(64, data.length)): Memory {
    const key = `${alignment}:${data.join()}`;
    let entry = this.#pool.get(key);
    if (entry === undefined) {
      entry = { label: new Label(), data, alignment };
      this.#pool.set(key, entry);
    }
    return new Memory(null, null, 1, 0, entry.label);
  }
  /** float32 constants; one of them serves broadcasts. */
  floats(...values: readonly number[]): Memory {
    return this.constant(new Uint8Array(Float32Array.from(values).buffer));
  }
  /** float64 constants. */
  doubles(...values: readonly number[]): Memory {
    return this.constant(new Uint8Array(Float64Array.from(values).buffer));
  }
  /** 32-bit integer constants, signed or not. */
  ints(...values: readonly number[]): Memory {
    return this.constant(new Uint8Array(Int32Array.from(values, (v) => v | 0).buffer));
  }
  /** 64-bit integer constants. */
  longs(...values: readonly (number | bigint)[]): Memory {
    return this.constant(new Uint8Array(BigInt64Array.from(values, (v) => BigInt.asIntN(64, BigInt(v))).buffer));
  }

  /** The code and its constants. Throws when a label was jumped to but never bound, or a short jump is too long. */
  finish(): Uint8Array<ArrayBuffer> {
    const constants = [...this.#pool.values()].sort((a, b) => b.alignment - a.alignment);
    if (constants.length > 0) {
      while (this.#length % 64 !== 0) this.#byte(0xcc);
      for (const { label, data, alignment } of constants) {
        while (this.#length % alignment !== 0) this.#byte(0xcc);
        label.position = this.#length;
        for (const b of data) this.#byte(b);
      }
    }
    const view = new DataView(this.#bytes.buffer);
    for (const { at, size, end, label, disp } of this.#fixups) {
      if (label.position < 0) throw new Error("a label is used but not bound");
      const distance = label.position + disp - end;
      if (size === 4) view.setInt32(at, distance, true);
      else if (distance < -128 || distance > 127) throw new RangeError(`a short jump of ${distance} bytes`);
      else view.setInt8(at, distance);
    }
    return this.#bytes.slice(0, this.#length);
  }

  #fixup(size: 1 | 4, label: Label, disp: number): Fixup {
    const fixup = { at: this.#length, size, end: this.#length + size, label, disp };
    this.#fixups.push(fixup);
    for (let i = 0; i < size; i++) this.#byte(0);
    return fixup;
  }

  // ---- ModRM

  /** ModRM, SIB and displacement. `scale` is what an 8-bit displacement counts (EVEX), 1 elsewhere. Returns the fixup whose `end` is still to be told. */
  #modrm(reg: number, rm: Gp | Vec | Mask | Memory, scale = 1): Fixup | null {
    const r = (reg & 7) << 3;
    if (!(rm instanceof Memory)) {
      this.#byte(0xc0 | r | (rm.id & 7));
      return null;
    }
    if (rm.label !== null) {
      this.#byte(r | 5);
      return this.#fixup(4, rm.label, rm.disp);
    }
    const { base, index, disp } = rm;
    if (index instanceof Gp && index.id === 4) throw new Error("rsp cannot be an index");
    const scaleBits = rm.scale === 1 ? 0 : rm.scale === 2 ? 0x40 : rm.scale === 4 ? 0x80 : 0xc0;
    if (base === null) {
      this.#byte(r | 4);
      this.#byte(scaleBits | (index === null ? 0x20 : (index.id & 7) << 3) | 5);
      this.#int32(disp);
      return null;
    }
    const short = disp % scale === 0 ? disp / scale : Number.NaN;
    const mode = disp === 0 && (base.id & 7) !== 5 ? 0 : short >= -128 && short <= 127 ? 0x40 : 0x80;
    if (index === null && (base.id & 7) !== 4) {
      this.#byte(mode | r | (base.id & 7));
    } else {
      this.#byte(mode | r | 4);
      this.#byte((index === null ? 0x20 : scaleBits | ((index.id & 7) << 3)) | (base.id & 7));
    }
    if (mode === 0x40) this.#byte(short & 255);
    else if (mode === 0x80) this.#int32(disp);
    return null;
  }

  // ---- vector and mask instructions

  /** Emits an instruction of the table. `a.op("vfmadd231ps", zmm(0), zmm(1), ptr(rsi, 64))` */
  op(name: InstructionName, ...operands: readonly AsmOperand[]): void {
    const rows = encodingsOf(name);
    let last: Encoding | null = null;
    for (const row of rows) {
      if (!fits(row, operands)) continue;
      last = row;
      if (this.#encode(row, operands)) return;
    }
    if (last === null) throw new Error(`${name} does not take these operands: ${operands.map(describe).join(", ")}`);
    throw new Error(
      this.avx512 || !last.evex
        ? `${name} cannot be encoded with these operands: ${operands.map(describe).join(", ")}`
        : `${name} needs AVX-512 with these operands: ${operands.map(describe).join(", ")}`,
    );
  }

  #encode(row: Encoding, operands: readonly AsmOperand[]): boolean {
    let reg = row.digit;
    let rm: Gp | Vec | Mask | Memory | null = null;
    let v = 0;
    let imm = -1;
    let mask: Mask | null = null;
    let zeroing = false;
    let bytes = 16;
    let high = false;
    let wide = row.w === "w1";
    const form = row.form;
    for (let i = 0; i < form.length; i++) {
      const operand = operands[i]!;
      if (typeof operand === "number") {
        imm = operand & 255;
        continue;
      }
      if (operand instanceof Vec) {
        if (operand.bytes > bytes) bytes = operand.bytes;
        if (operand.id > 15) high = true;
        if (i === 0) {
          mask = operand.mask;
          zeroing = operand.zeroing;
        }
      } else if (operand instanceof Memory) {
        if (operand.bytes > bytes) bytes = operand.bytes;
        if (operand.index instanceof Vec) {
          if (operand.index.bytes > bytes) bytes = operand.index.bytes;
          if (operand.index.id > 15) high = true;
        }
        if (i === 0) mask = operand.mask;
      } else if (operand instanceof Mask) {
        if (i === 0) mask = operand.mask;
      } else if (row.w === "wg" && operand.bits === 64) wide = true;
      switch (form[i]) {
        case "r":
          reg = (operand as Gp).id;
          break;
        case "v":
          v = (operand as Gp).id;
          break;
        case "R":
          imm = (operand as Vec).id << 4;
          break;
        default:
          rm = operand;
      }
    }
    if (rm === null) throw new Error("an instruction without ModRM.rm");
    if (row.w === "wg" && rm instanceof Memory && form === "rvm") wide = true;
    if (row.narrow && (operands[0] as Vec).bytes === 32) bytes = 64;
    const memory = rm instanceof Memory ? rm : null;
    const broadcast = memory?.broadcast ?? false;
    const length = row.l >= 0 ? row.l : bytes === 64 ? 2 : bytes === 32 ? 1 : 0;
    const rmId = memory === null ? (rm as Gp).id : (memory.base?.id ?? 0);
    const indexId = memory?.index?.id ?? 0;
    let fixup: Fixup | null;
    if (row.vex && length < 2 && !high && !broadcast && mask === null) {
      const x = indexId & 8;
      const b = rmId & 8;
      const w = wide ? 0x80 : 0;
      const tail = ((~v & 15) << 3) | (length << 2) | row.prefix;
      if (row.map === 1 && x === 0 && b === 0 && w === 0) {
        this.#byte(0xc5);
        this.#byte((reg & 8 ? 0 : 0x80) | tail);
      } else {
        this.#byte(0xc4);
        this.#byte((reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | row.map);
        this.#byte(w | tail);
      }
      this.#byte(row.opcode);
      fixup = this.#modrm(reg, rm);
    } else {
      if (!row.evex || !this.avx512) return false;
      if (row.w === "wx") wide = true;
      const vectorIndex = memory?.index instanceof Vec;
      const x = memory === null ? rmId & 16 : indexId & 8;
      this.#byte(0x62);
      this.#byte((reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (rmId & 8 ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | row.map);
      this.#byte((wide ? 0x80 : 0) | ((~v & 15) << 3) | 4 | row.prefix);
      const v16 = vectorIndex ? indexId & 16 : v & 16;
      this.#byte((zeroing ? 0x80 : 0) | (length << 5) | (broadcast ? 0x10 : 0) | (v16 ? 0 : 8) | (mask === null ? 0 : mask.id));
      this.#byte(row.opcode);
      fixup = this.#modrm(reg, rm, memory === null ? 1 : displacementUnit(row.tuple, 16 << length, wide ? 8 : 4, broadcast));
    }
    if (imm >= 0) this.#byte(imm);
    if (fixup !== null) fixup.end = this.#length;
    return true;
  }

  vzeroupper(): void {
    this.emit(0xc5, 0xf8, 0x77);
  }

  // ---- general instructions

  /** REX, opcode and ModRM of a general instruction. `byteRegister` forces REX for sil, dil … */
  #general(
    wide: boolean,
    opcode: readonly number[],
    reg: number,
    rm: Gp | Memory,
    prefix = 0,
    byteRegister = false,
  ): Fixup | null {
    if (prefix !== 0) this.#byte(prefix);
    const base = rm instanceof Gp ? rm.id : (rm.base?.id ?? 0);
    const index = rm instanceof Memory ? (rm.index?.id ?? 0) : 0;
    const rex = (wide ? 8 : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (base & 8 ? 1 : 0);
    if (rex !== 0 || byteRegister) this.#byte(0x40 | rex);
    for (const b of opcode) this.#byte(b);
    return this.#modrm(reg, rm);
  }

  #arithmetic(code: number, a: Gp | Memory, b: Gp | Memory | number, bits: 32 | 64): void {
    if (typeof b === "number") {
      const wide = a instanceof Gp ? a.bits === 64 : bits === 64;
      const short = b >= -128 && b <= 127;
      const fixup = this.#general(wide, [short ? 0x83 : 0x81], code, a);
      if (short) this.#byte(b & 255);
      else this.#int32(b);
      if (fixup !== null) fixup.end = this.#length;
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
      this.#int32(b);
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
      this.#int32(Number(from));
      if (fixup !== null) fixup.end = this.#length;
    } else {
      const value = BigInt(from);
      if (to.bits === 32 || (value >= 0n && value <= 0xffffffffn)) {
        if (to.id > 7) this.#byte(0x41);
        this.#byte(0xb8 | (to.id & 7));
        this.#int32(Number(BigInt.asIntN(32, value)));
      } else if (value >= -0x80000000n && value < 0n) {
        this.#general(true, [0xc7], 0, to);
        this.#int32(Number(value));
      } else {
        this.#byte(0x48 | (to.id >> 3));
        this.#byte(0xb8 | (to.id & 7));
        for (let i = 0n; i < 64n; i += 8n) this.#byte(Number((value >> i) & 255n));
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
    if (short) this.#byte(factor & 255);
    else this.#int32(factor);
    if (fixup !== null) fixup.end = this.#length;
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
      this.#byte(by);
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
    this.#byte(0xf0);
    this.#general(to.bits === 64, [0x0f, 0xc1], to.id, memory);
  }
  push(a: Gp): void {
    if (a.id > 7) this.#byte(0x41);
    this.#byte(0x50 | (a.id & 7));
  }
  pop(a: Gp): void {
    if (a.id > 7) this.#byte(0x41);
    this.#byte(0x58 | (a.id & 7));
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
    const isShort = to.position >= 0 ? this.#length + 2 - to.position <= 128 : promised;
    this.emit(...(isShort ? short : near));
    this.#fixup(isShort ? 1 : 4, to, 0);
  }
  call(to: Label | Gp): void {
    if (to instanceof Gp) this.#general(false, [0xff], 2, to);
    else {
      this.#byte(0xe8);
      this.#fixup(4, to, 0);
    }
  }
  ret(): void {
    this.#byte(0xc3);
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

/** Multi-byte no-operations of 1 to 9 bytes. */
const nops: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

function fits(row: Encoding, operands: readonly AsmOperand[]): boolean {
  const { form, classes } = row;
  if (operands.length !== form.length) return false;
  for (let i = 0; i < form.length; i++) {
    const operand = operands[i];
    const kind = classes[i];
    if (operand instanceof Memory) {
      if (form[i] !== "m" || kind === "X") return false;
    } else if (operand instanceof Vec) {
      if ((kind !== "x" && kind !== "X") || (form[i] === "R" && operand.id > 15)) return false;
    } else if (operand instanceof Gp) {
      if (kind !== "g") return false;
    } else if (operand instanceof Mask) {
      if (kind !== "k") return false;
    } else if (kind !== "i") return false;
  }
  return true;
}

/** What an 8-bit displacement counts in EVEX. */
function displacementUnit(tuple: string, vector: number, element: number, broadcast: boolean): number {
  switch (tuple) {
    case "fv":
    case "hv":
      return broadcast ? element : tuple === "fv" ? vector : vector / 2;
    case "fvm":
      return vector;
    case "hvm":
      return vector / 2;
    case "qvm":
      return vector / 4;
    case "ovm":
      return vector / 8;
    case "dup":
      return vector === 16 ? 8 : vector;
    default:
      return Number(tuple);
  }
}

function describe(operand: AsmOperand): string {
  if (operand instanceof Vec) return `${operand.bytes === 16 ? "xmm" : operand.bytes === 32 ? "ymm" : "zmm"}${operand.id}`;
  if (operand instanceof Gp) return `${operand.bits === 64 ? "gp64" : "gp32"}#${operand.id}`;
  if (operand instanceof Mask) return `k${operand.id}`;
  return operand instanceof Memory ? "memory" : String(operand);
}
