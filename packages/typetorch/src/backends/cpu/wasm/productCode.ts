/**
 * The code of matrix products and convolutions: one module for each element type, whose kernel does the routine that slot 1 of its block names.
 */
import { float64 } from "../../../core/dtype.ts";
import { allocate, typedArrayOf } from "../memory.ts";
import { emitDriver, emitPackPhase, emitTiles } from "./gemmDriver.ts";
import { emitCopyStrided, emitPack } from "./gemmPack.ts";
import { type GemmTarget, itemBytes, lanesOf } from "./gemmTile.ts";
import { kernelModule, type WasmMachine } from "./machine.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, Words } from "./words.ts";

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

/** Writes the kernel, a function of the address of its block. */
export function emitProducts(m: ModuleWriter, t: GemmTarget): Body {
  const pack = emitPack(m, t);
  const copy = emitCopyStrided(m, t);
  const copyKernel = new Words(m.function(["i32"], []));
  const [copyBlock] = copyKernel.parameters(1) as [Local];
  copyKernel.call(
    copy,
    ...Array.from({ length: 8 }, (_, k) =>
      k === 2 || k === 5 ? copyKernel.address(copyBlock, copySlot.first + k) : copyKernel.slot(copyBlock, copySlot.first + k),
    ),
  );
  const routines: Body[] = [];
  routines[routine.product] = emitDriver(m, t, emitTiles(m, t, false), pack);
  routines[routine.pack] = emitPackPhase(m, t, pack);
  routines[routine.copy] = copyKernel.body;
  const w = new Words(m.function(["i32"], []));
  const [block] = w.parameters(1) as [Local];
  const which = w.local();
  w.set(which, w.slot(block, 1));
  for (const [k, body] of routines.entries()) w.if(w.eq(which, k), () => w.call(body, block));
  return w.body;
}

/** Installs the code when it is first asked for. */
export class ProductCodes {
  readonly #machine: WasmMachine;
  readonly #codes: (ProductCode | null)[] = [null, null];

  constructor(machine: WasmMachine) {
    this.#machine = machine;
  }

  of(double: boolean): ProductCode {
    return (this.#codes[double ? 1 : 0] ??= this.#install({ double, fused: this.#machine.relaxed }));
  }

  #install(t: GemmTarget): ProductCode {
    const m = kernelModule(this.#machine.limits);
    m.export("kernel", emitProducts(m, t));
    return { kernel: this.#machine.installCode(m.finish()), double: t.double, item: itemBytes(t), lanes: lanesOf(t) };
  }
}

/** An argument block of so many slots, for good. */
export function newBlock(slots: number): Float64Array {
  return typedArrayOf(allocate(slots * 8), float64) as Float64Array;
}
