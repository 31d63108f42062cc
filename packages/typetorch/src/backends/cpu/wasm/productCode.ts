/**
 * The code of matrix products, and how that of convolutions (convCode.ts) is kept too: a module for each element type, whose kernel does the routine that slot 1 of
 * its block names.
 */
import { float64 } from "../../../core/dtype.ts";
import { allocate, typedArrayOf } from "../memory.ts";
import { emitDriver, emitPackPhase, emitTiles } from "./gemmDriver.ts";
import { emitCopyStrided, emitPack } from "./gemmPack.ts";
import { type GemmTarget, itemBytes, lanesOf } from "./gemmTile.ts";
import { kernelModule } from "./kernelModule.ts";
import type { WasmMachine } from "./machine.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, Words } from "./words.ts";

/** Routines of a product's kernel. */
export const routine = { product: 0, pack: 1, copy: 2 } as const;

/** Slots of the routine `copy`: rows, columns, from, fromRow, fromColumn, to, toRow, toColumn from `first` on. */
export const copySlot = { routine: 1, first: 2, slots: 10 } as const;

export interface ProductCode {
  /** What slot 0 of a block is to hold. */
  readonly kernel: number;
  readonly double: boolean;
  readonly item: 4 | 8;
  readonly lanes: 2 | 4;
}

/** What {@link ProductCodes} makes a matrix product of. */
export function emitProducts(m: ModuleWriter, t: GemmTarget): Body[] {
  const pack = emitPack(m, t);
  const copy = emitCopyStrided(m, t);
  const w = new Words(m.function(["i32"], []));
  const [block] = w.parameters(1) as [Local];
  const argument = (k: number) => (k === 2 || k === 5 ? w.address(block, copySlot.first + k) : w.slot(block, copySlot.first + k));
  w.call(copy, ...Array.from({ length: 8 }, (_, k) => argument(k)));
  const routines: Body[] = [];
  routines[routine.product] = emitDriver(m, t, emitTiles(m, t, false), pack);
  routines[routine.pack] = emitPackPhase(m, t, pack);
  routines[routine.copy] = w.body;
  return routines;
}

/** The kernel: a function of the address of its block. */
function emitKernel(m: ModuleWriter, routines: readonly Body[]): Body {
  const w = new Words(m.function(["i32"], []));
  const [block] = w.parameters(1) as [Local];
  const which = w.local();
  w.set(which, w.slot(block, 1));
  for (const [k, body] of routines.entries()) w.if(w.eq(which, k), () => w.call(body, block));
  return w.body;
}

/** The routines of a kernel for one element type. */
export type EmitRoutines = (m: ModuleWriter, t: GemmTarget) => readonly Body[];

/** Installs code when it is first asked for. */
export class ProductCodes {
  readonly #machine: WasmMachine;
  readonly #emit: EmitRoutines;
  readonly #codes = new Map<boolean, ProductCode>();

  constructor(machine: WasmMachine, emit: EmitRoutines) {
    this.#machine = machine;
    this.#emit = emit;
  }

  /** The code for float64, or for float32. */
  of(double: boolean): ProductCode {
    let code = this.#codes.get(double);
    if (code === undefined) {
      const t: GemmTarget = { double, fused: this.#machine.relaxed };
      const m = kernelModule(this.#machine.limits);
      m.export("kernel", emitKernel(m, this.#emit(m, t)));
      code = { kernel: this.#machine.installCode(m.finish()), double, item: itemBytes(t), lanes: lanesOf(t) };
      this.#codes.set(double, code);
    }
    return code;
  }
}

/** An argument block of so many slots, for good. */
export function newBlock(slots: number): Float64Array {
  return typedArrayOf(allocate(slots * 8), float64) as Float64Array;
}
