/**
 * The state of a compilation: frames into which code is put, what they hold already, and short ways to write instructions.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import { Constant, type Frame, Frames, sizeOf } from "../kernel/frames.ts";
import { Assembler, type Condition, type InstructionName } from "./assembler.ts";
import { Block, type Chosen, Instruction, type Operand, Place, type VectorBytes, View, Virtual } from "./machine.ts";
import { type Label, type Memory, ptr, rdi } from "./registers.ts";

export type Value = Virtual | Constant;

interface BlockFrame extends Frame<Virtual> {
  readonly block: Block;
}

export function vectorBytes(n: number): VectorBytes {
  return n <= 16 ? 16 : n === 32 ? 32 : 64;
}

export class Code extends Frames<Virtual, BlockFrame> {
  readonly asm: Assembler;
  readonly avx512: boolean;
  /** Where the next instruction goes; usually the block of the last frame. */
  block: Block;
  /** Lanes that exist in the last, partial vector; null when all do. */
  active: Virtual | null = null;
  /** Whole vectors are stored past the caches. */
  streaming = false;
  /** Bytes of the stack used by instructions written as functions. */
  reserve = 0;
  /** Bytes of constants in the pool, for each length asked for. */
  private readonly places = new Map<Constant, Map<number, Place>>();

  constructor(avx512: boolean) {
    super();
    this.asm = new Assembler({ avx512 });
    this.avx512 = avx512;
    this.block = new Block();
    this.frames.push({ kind: "root", block: this.block, known: new Map() });
  }

  enter(kind: BlockFrame["kind"], block: Block): void {
    this.frames.push({ kind, block, known: new Map() });
    this.block = block;
  }
  leave(): void {
    this.frames.pop();
    this.block = this.frames[this.top]!.block;
  }
  override inFrame<T>(level: number, make: () => T): T {
    const { block } = this;
    this.block = this.frames[level]!.block;
    const result = make();
    this.block = block;
    return result;
  }
  // ---- instructions

  put(instruction: Instruction): void {
    this.block.items.push(instruction);
  }
  bytesOf(type: ScalarType, lanes = this.lanes): VectorBytes {
    return vectorBytes(lanes * (type === "bool" ? this.boolBytes : sizeOf[type]));
  }
  /** A vector instruction; its result is a new register. */
  v(name: InstructionName, bytes: VectorBytes, ...sources: readonly Operand[]): Virtual {
    const d = new Virtual("v", bytes);
    this.put(new Instruction(name, [d, ...sources]));
    return d;
  }
  /** The same under a mask; lanes outside of it become zero. */
  vz(mask: Virtual | null, name: InstructionName, bytes: VectorBytes, ...sources: readonly Operand[]): Virtual {
    const d = new Virtual("v", bytes);
    this.put(new Instruction(name, [d, ...sources], { mask, zeroing: true }));
    return d;
  }
  /** An instruction whose result is a mask register. */
  k(name: InstructionName, ...sources: readonly Operand[]): Virtual {
    const d = new Virtual("k", 8);
    this.put(new Instruction(name, [d, ...sources]));
    return d;
  }
  /** A store. */
  out(name: InstructionName, to: Place, mask: Virtual | null, ...sources: readonly Operand[]): void {
    this.put(new Instruction(name, [to, ...sources], { defines: false, mask }));
  }
  /** An instruction written as a function, with the registers it reads. */
  custom(reads: readonly Operand[], emit: (chosen: Chosen) => void): void {
    this.put(new Instruction(null, reads, { defines: false, emit }));
  }
  /** The same with a result. `early`: the result is written before everything is read. */
  customResult(
    kind: "v" | "g" | "k",
    bytes: VectorBytes | 8,
    reads: readonly Operand[],
    emit: (chosen: Chosen, result: Virtual) => void,
    early = false,
  ): Virtual {
    const d = new Virtual(kind, bytes);
    this.put(new Instruction(null, [d, ...reads], { early, emit: (chosen) => emit(chosen, d) }));
    return d;
  }
  label(label: Label): void {
    this.block.items.push(label);
  }
  jump(condition: Condition | null, to: Label): void {
    this.custom([], ({ asm }) => (condition === null ? asm.jmp(to) : asm.jcc(condition, to)));
  }

  // ---- values as operands

  /** An operand for the position where memory is allowed. */
  operand(value: Value, bytes: VectorBytes): Operand {
    if (value instanceof Virtual) return value.bytes === bytes ? value : new View(value, bytes);
    const { asm } = this;
    let places = this.places.get(value);
    if (places === undefined) {
      places = new Map();
      this.places.set(value, places);
    }
    let place = places.get(this.avx512 ? 0 : bytes);
    if (place === undefined) {
      const data = bitsOf(value);
      if (this.avx512) place = new Place(null, null, 1, 0, pooled(asm, data).bcst());
      else {
        const full = new Uint8Array(bytes);
        for (let i = 0; i < bytes; i += data.length) full.set(data, i);
        place = new Place(null, null, 1, 0, pooled(asm, full));
      }
      places.set(this.avx512 ? 0 : bytes, place);
    }
    return place;
  }
  /** An operand in a register. */
  register(value: Value, bytes: VectorBytes): Virtual | View {
    if (value instanceof Virtual) return value.bytes === bytes ? value : new View(value, bytes);
    const data = bitsOf(value);
    return this.once(`c${data.length}:${bytes}:${data.join()}`, 0, () => {
      const place = new Place(null, null, 1, 0, pooled(this.asm, data));
      if (data.length === 4) return this.v("vbroadcastss", bytes, place);
      return bytes === 16 ? this.v("vmovddup", bytes, place) : this.v("vbroadcastsd", bytes, place);
    });
  }
  zero(bytes: VectorBytes): Virtual | View {
    return this.register(new Constant("i32", 0), bytes);
  }

  // ---- bools: mask registers, or vectors of all ones and zeros in lanes of `boolBytes`

  boolConstant(value: boolean): Virtual {
    const { lanes, boolBytes } = this;
    return this.once(`b${value}:${lanes}:${boolBytes}`, 0, () => {
      if (this.avx512) {
        return this.customResult("k", 8, [], ({ asm, mask }, d) => {
          const m = mask(d);
          asm.op(value ? "kxnorq" : "kxorq", m, m, m);
        });
      }
      const bytes = this.bytesOf("bool");
      return this.customResult("v", bytes, [], ({ asm, vec }, d) => {
        const m = vec(d);
        asm.op(value ? "vpcmpeqd" : "vpxor", m, m, m);
      });
    });
  }
  /** A vector of lane masks of `size` bytes as a bool. */
  boolFrom(mask: Virtual, size: 4 | 8): Virtual {
    return this.resizeMask(mask, size, this.boolBytes);
  }
  /** A bool as lane masks of `size` bytes. */
  boolAs(value: Virtual, size: 4 | 8): Virtual {
    return this.resizeMask(value, this.boolBytes, size);
  }
  private resizeMask(mask: Virtual, from: 4 | 8, to: 4 | 8): Virtual {
    if (from === to) return mask;
    if (this.lanes === 1) return to === 4 ? mask : this.v("vpshufd", 16, new View(mask, 16), 0);
    return to === 8 ? this.v("vpmovsxdq", vectorBytes(this.lanes * 8), new View(mask, 16)) : this.narrow(mask);
  }
  /** The low halves of four 64-bit lanes. */
  narrow(value: Virtual): Virtual {
    const high = this.v("vextracti128", 16, new View(value, 32), 1);
    return this.v("vshufps", 16, new View(value, 16), high, 0x88);
  }

  // ---- integers in general registers

  g(reads: readonly Operand[], emit: (chosen: Chosen, result: Virtual) => void): Virtual {
    return this.customResult("g", 8, reads, emit);
  }
  /** Slot of the argument block as an integer. */
  argument(slot: number): Virtual {
    return this.once(`arg${slot}`, 0, () => this.g([], ({ asm, gp }, d) => asm.op("vcvttsd2si", gp(d), ptr(rdi, slot * 8))));
  }
}

const scratch = new DataView(new ArrayBuffer(8));
/** The bytes of a constant; bools have none. */
function bitsOf({ type, value }: Constant): Uint8Array {
  switch (type) {
    case "f32":
      scratch.setFloat32(0, Number(value), true);
      break;
    case "f64":
      scratch.setFloat64(0, Number(value), true);
      break;
    case "i64":
      scratch.setBigInt64(0, BigInt.asIntN(64, typeof value === "bigint" ? value : BigInt(Math.trunc(value))), true);
      break;
    default:
      scratch.setInt32(0, Number(value) | 0, true);
  }
  return new Uint8Array(scratch.buffer.slice(0, type === "f32" || type === "i32" ? 4 : 8));
}

const pools = new WeakMap<Assembler, Map<string, Memory>>();
function pooled(asm: Assembler, data: Uint8Array): Memory {
  let pool = pools.get(asm);
  if (pool === undefined) {
    pool = new Map();
    pools.set(asm, pool);
  }
  const key = data.join();
  let memory = pool.get(key);
  if (memory === undefined) {
    memory = asm.constant(data);
    pool.set(key, memory);
  }
  return memory;
}
