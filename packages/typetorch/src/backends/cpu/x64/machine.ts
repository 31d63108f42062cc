/**
 * Machine code before registers are chosen: instructions over virtual registers, in blocks that may still grow at their end (what is hoisted out of a loop is
 * appended to the block before it).
 */
import type { Assembler, InstructionName, Memory } from "./assembler.ts";
import type { Gp, Label, Mask, Vec } from "./registers.ts";

/** `v` vector, `k` mask, `g` general register. */
export type RegisterKind = "v" | "k" | "g";
export type VectorBytes = 16 | 32 | 64;

/** A register still without a number. It may be written several times (accumulators, counters). */
export class Virtual {
  readonly kind: RegisterKind;
  /** Length of a vector; 8 otherwise. */
  readonly bytes: VectorBytes | 8;
  /** First definition and last use, in half steps: see allocate.ts. */
  start = -1;
  end = -1;
  /** Uses, weighted by the depth of their loops. */
  cost = 0;
  /** Number of the register, or -1. */
  register = -1;
  /** Offset on the stack where it lives instead, or -1. */
  slot = -1;
  /** The loop in which it is first defined. */
  home: LoopBlock | null = null;
  /** Registers whose number would save a move. */
  hints: readonly Virtual[] = [];
  constructor(kind: RegisterKind, bytes: VectorBytes | 8) {
    this.kind = kind;
    this.bytes = bytes;
  }
}

/** A virtual vector register as an operand of another length. */
export class View {
  readonly of: Virtual;
  readonly bytes: VectorBytes;
  constructor(of: Virtual, bytes: VectorBytes) {
    this.of = of;
    this.bytes = bytes;
  }
}

/** Memory at `base + index * scale + disp`, or a constant. */
export class Place {
  readonly base: Virtual | null;
  readonly index: Virtual | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: number;
  /** A constant of the pool, or memory over fixed registers. */
  readonly fixed: Memory | null;
  constructor(base: Virtual | null, index: Virtual | null, scale: 1 | 2 | 4 | 8, disp: number, fixed: Memory | null = null) {
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.disp = disp;
    this.fixed = fixed;
  }
  plus(disp: number): Place {
    return disp === 0 ? this : new Place(this.base, this.index, this.scale, this.disp + disp, this.fixed);
  }
}

export type Operand = Virtual | View | Place | number;

/** What an instruction written as a function gets: the registers that were chosen. */
export interface Chosen {
  readonly asm: Assembler;
  vec(of: Virtual, bytes?: VectorBytes): Vec;
  gp(of: Virtual): Gp;
  mask(of: Virtual): Mask;
  memory(place: Place): Memory;
}

/** One instruction: a row of the assembler's table with operands in Intel's order, a fused multiply-add, or a function. */
export class Instruction {
  readonly name: InstructionName | null;
  operands: readonly Operand[];
  /** Whether operands[0] is written. */
  readonly defines: boolean;
  /** Write mask of operands[0]. */
  readonly mask: Virtual | null;
  readonly zeroing: boolean;
  /** operands[0] is read as well. */
  readonly tied: boolean;
  /** operands[0] is written before all others are read. */
  readonly early: boolean;
  readonly emit: ((chosen: Chosen) => void) | null;
  /** "ps" or "pd" for operands [d, a, b, c] of d = a*b+c, whose order is chosen last. */
  readonly fma: "ps" | "pd" | null;

  constructor(
    name: InstructionName | null,
    operands: readonly Operand[],
    options: {
      defines?: boolean;
      mask?: Virtual | null;
      zeroing?: boolean;
      tied?: boolean;
      early?: boolean;
      emit?: (chosen: Chosen) => void;
      fma?: "ps" | "pd";
    } = {},
  ) {
    this.name = name;
    this.operands = operands;
    this.defines = options.defines ?? true;
    this.mask = options.mask ?? null;
    this.zeroing = options.zeroing ?? false;
    this.tied = options.tied ?? false;
    this.early = options.early ?? false;
    this.emit = options.emit ?? null;
    this.fma = options.fma ?? null;
  }
}

export type Item = Instruction | Block | Label;

/** A run of code that grows at its end. */
export class Block {
  readonly items: Item[] = [];
}

/** Code that is run several times: what is defined before it and used in it lives to its end. */
export class LoopBlock extends Block {
  parent: LoopBlock | null = null;
  depth = 0;
  first = -1;
  last = -1;
}
