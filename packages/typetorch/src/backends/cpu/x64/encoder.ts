/**
 * How instructions become bytes: labels, constants behind the code, operands in ModRM, and the vector and mask instructions of the table, in VEX where it can say
 * it, in EVEX otherwise.
 */
import { type Encoding, encodingsOf, type InstructionName } from "./instructions.ts";
import { Gp, Label, Mask, Memory, Vec } from "./registers.ts";

/** Operand of {@link Encoder.op}: a register, memory, or an immediate byte. */
export type AsmOperand = Vec | Gp | Mask | Memory | number;

export interface Fixup {
  readonly at: number;
  readonly size: 1 | 4;
  /** Offset from which the displacement counts: the end of the instruction. */
  end: number;
  readonly label: Label;
  readonly disp: number;
}

export class Encoder {
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

  protected byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(this.#length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length++] = value;
  }

  protected int32(value: number): void {
    if (value < -0x80000000 || value > 0xffffffff) throw new RangeError(`${value} does not fit in 32 bits`);
    this.byte(value & 255);
    this.byte((value >> 8) & 255);
    this.byte((value >> 16) & 255);
    this.byte((value >> 24) & 255);
  }

  /** Raw bytes. */
  emit(...bytes: readonly number[]): void {
    for (const b of bytes) this.byte(b);
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
      while (this.#length % 64 !== 0) this.byte(0xcc);
      for (const { label, data, alignment } of constants) {
        while (this.#length % alignment !== 0) this.byte(0xcc);
        label.position = this.#length;
        for (const b of data) this.byte(b);
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

  protected fixup(size: 1 | 4, label: Label, disp: number): Fixup {
    const fixup = { at: this.#length, size, end: this.#length + size, label, disp };
    this.#fixups.push(fixup);
    for (let i = 0; i < size; i++) this.byte(0);
    return fixup;
  }

  // ---- ModRM

  /** ModRM, SIB and displacement. `scale` is what an 8-bit displacement counts (EVEX), 1 elsewhere. Returns the fixup whose `end` is still to be told. */
  protected modrm(reg: number, rm: Gp | Vec | Mask | Memory, scale = 1): Fixup | null {
    const r = (reg & 7) << 3;
    if (!(rm instanceof Memory)) {
      this.byte(0xc0 | r | (rm.id & 7));
      return null;
    }
    if (rm.label !== null) {
      this.byte(r | 5);
      return this.fixup(4, rm.label, rm.disp);
    }
    const { base, index, disp } = rm;
    if (index instanceof Gp && index.id === 4) throw new Error("rsp cannot be an index");
    const scaleBits = rm.scale === 1 ? 0 : rm.scale === 2 ? 0x40 : rm.scale === 4 ? 0x80 : 0xc0;
    if (base === null) {
      this.byte(r | 4);
      this.byte(scaleBits | (index === null ? 0x20 : (index.id & 7) << 3) | 5);
      this.int32(disp);
      return null;
    }
    const short = disp % scale === 0 ? disp / scale : Number.NaN;
    const mode = disp === 0 && (base.id & 7) !== 5 ? 0 : short >= -128 && short <= 127 ? 0x40 : 0x80;
    if (index === null && (base.id & 7) !== 4) {
      this.byte(mode | r | (base.id & 7));
    } else {
      this.byte(mode | r | 4);
      this.byte((index === null ? 0x20 : scaleBits | ((index.id & 7) << 3)) | (base.id & 7));
    }
    if (mode === 0x40) this.byte(short & 255);
    else if (mode === 0x80) this.int32(disp);
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
        this.byte(0xc5);
        this.byte((reg & 8 ? 0 : 0x80) | tail);
      } else {
        this.byte(0xc4);
        this.byte((reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | row.map);
        this.byte(w | tail);
      }
      this.byte(row.opcode);
      fixup = this.modrm(reg, rm);
    } else {
      if (!row.evex || !this.avx512) return false;
      if (row.w === "wx") wide = true;
      const vectorIndex = memory?.index instanceof Vec;
      const x = memory === null ? rmId & 16 : indexId & 8;
      this.byte(0x62);
      this.byte((reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (rmId & 8 ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | row.map);
      this.byte((wide ? 0x80 : 0) | ((~v & 15) << 3) | 4 | row.prefix);
      const v16 = vectorIndex ? indexId & 16 : v & 16;
      this.byte((zeroing ? 0x80 : 0) | (length << 5) | (broadcast ? 0x10 : 0) | (v16 ? 0 : 8) | (mask === null ? 0 : mask.id));
      this.byte(row.opcode);
      fixup = this.modrm(reg, rm, memory === null ? 1 : displacementUnit(row.tuple, 16 << length, wide ? 8 : 4, broadcast));
    }
    if (imm >= 0) this.byte(imm);
    if (fixup !== null) fixup.end = this.#length;
    return true;
  }

  vzeroupper(): void {
    this.emit(0xc5, 0xf8, 0x77);
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
