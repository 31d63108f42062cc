/**
 * Registers and memory operands of x86-64, as the assembler takes them.
 */

/** A mask register k0 to k7. As the destination of a comparison it may carry a write mask itself. */
export class Mask {
  readonly id: number;
  readonly mask: Mask | null;
  constructor(id: number, mask: Mask | null = null) {
    this.id = id;
    this.mask = mask;
  }
  /** This register as a destination written under `mask`. */
  k(mask: Mask): Mask {
    return new Mask(this.id, mask);
  }
}

/** A general register, as 64 or 32 bits. */
export class Gp {
  readonly id: number;
  readonly bits: 32 | 64;
  constructor(id: number, bits: 32 | 64 = 64) {
    this.id = id;
    this.bits = bits;
  }
  /** The low 32 bits; writing them clears the high ones. */
  get d(): Gp {
    return new Gp(this.id, 32);
  }
}

/** A vector register: xmm (16 bytes), ymm (32) or zmm (64); numbers 16 to 31 need AVX-512. */
export class Vec {
  readonly id: number;
  readonly bytes: 16 | 32 | 64;
  readonly mask: Mask | null;
  readonly zeroing: boolean;
  constructor(id: number, bytes: 16 | 32 | 64, mask: Mask | null = null, zeroing = false) {
    this.id = id;
    this.bytes = bytes;
    this.mask = mask;
    this.zeroing = zeroing;
  }
  /** As a destination whose lanes outside of `mask` keep their values. */
  k(mask: Mask): Vec {
    return new Vec(this.id, this.bytes, mask, false);
  }
  /** As a destination whose lanes outside of `mask` become zero. */
  kz(mask: Mask): Vec {
    return new Vec(this.id, this.bytes, mask, true);
  }
  get x(): Vec {
    return new Vec(this.id, 16);
  }
  get y(): Vec {
    return new Vec(this.id, 32);
  }
  get z(): Vec {
    return new Vec(this.id, 64);
  }
  /** The register of this number with another length. */
  as(bytes: 16 | 32 | 64): Vec {
    return new Vec(this.id, bytes);
  }
}

/** A place in the code: the target of jumps and of RIP-relative operands. */
export class Label {
  /** Offset in the code; -1 until the label is bound. */
  position = -1;
}

/** The memory at `base + index * scale + disp`, or at `label + disp`. Make one with {@link ptr}. */
export class Memory {
  readonly base: Gp | null;
  readonly index: Gp | Vec | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: number;
  readonly label: Label | null;
  /** One element, repeated over all lanes (AVX-512's {1toN}). */
  readonly broadcast: boolean;
  readonly mask: Mask | null;
  /** Length of the vector in memory, needed only where no register tells it (`vcvtpd2ps xmm, [m]`); 0 otherwise. */
  readonly bytes: 0 | 16 | 32 | 64;
  constructor(
    base: Gp | null,
    index: Gp | Vec | null,
    scale: 1 | 2 | 4 | 8,
    disp: number,
    label: Label | null = null,
    broadcast = false,
    mask: Mask | null = null,
    bytes: 0 | 16 | 32 | 64 = 0,
  ) {
    this.base = base;
    this.index = index;
    this.scale = scale;
    this.disp = disp;
    this.label = label;
    this.broadcast = broadcast;
    this.mask = mask;
    this.bytes = bytes;
  }
  /** `disp` bytes further on. */
  plus(disp: number): Memory {
    return new Memory(this.base, this.index, this.scale, this.disp + disp, this.label, this.broadcast, this.mask, this.bytes);
  }
  /** One element of it in all lanes: the operand `{1toN}` of AVX-512. */
  bcst(): Memory {
    return new Memory(this.base, this.index, this.scale, this.disp, this.label, true, this.mask, this.bytes);
  }
  /** As a destination of which only the lanes in `mask` are written. */
  k(mask: Mask): Memory {
    return new Memory(this.base, this.index, this.scale, this.disp, this.label, this.broadcast, mask, this.bytes);
  }
  /** With the length of the vector in it said. */
  as(bytes: 16 | 32 | 64): Memory {
    return new Memory(this.base, this.index, this.scale, this.disp, this.label, this.broadcast, this.mask, bytes);
  }
}

/** The memory operand `[base + index * scale + disp]`. `index` is a vector register in gathers and scatters. */
export function ptr(base: Gp | null, disp = 0, index: Gp | Vec | null = null, scale: 1 | 2 | 4 | 8 = 1): Memory {
  return new Memory(base, index, scale, disp);
}

export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = Array.from(
  { length: 16 },
  (_, id) => new Gp(id),
) as [Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp, Gp];

export const [k0, k1, k2, k3, k4, k5, k6, k7] = Array.from({ length: 8 }, (_, id) => new Mask(id)) as [
  Mask,
  Mask,
  Mask,
  Mask,
  Mask,
  Mask,
  Mask,
  Mask,
];

const vectors = ([16, 32, 64] as const).map((bytes) => Array.from({ length: 32 }, (_, id) => new Vec(id, bytes)));

/** The 128-bit register of a number. */
export function xmm(id: number): Vec {
  return vectors[0]![id]!;
}
/** The 256-bit register of a number. */
export function ymm(id: number): Vec {
  return vectors[1]![id]!;
}
/** The 512-bit register of a number. */
export function zmm(id: number): Vec {
  return vectors[2]![id]!;
}
