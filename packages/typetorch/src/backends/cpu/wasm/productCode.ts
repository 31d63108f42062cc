/**
 * The code of matrix products and convolutions: a module for each of the two and each element type, whose kernel does the routine that slot 1 of its block names.
 */
import { float64 } from "../../../core/dtype.ts";
import { allocate, typedArrayOf } from "../memory.ts";
import { emitConvForward, emitCopyPlane, emitPackWeight } from "./convDriver.ts";
import { emitConvWeight, emitSumParts } from "./convWeight.ts";
import { emitDriver, emitPackPhase, emitTiles } from "./gemmDriver.ts";
import { emitCopyStrided, emitPack } from "./gemmPack.ts";
import { type GemmTarget, itemBytes, lanesOf } from "./gemmTile.ts";
import { kernelModule } from "./kernelModule.ts";
import type { WasmMachine } from "./machine.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, Words } from "./words.ts";

/** Routines of a product's kernel and of a convolution's. */
export const routine = { product: 0, pack: 1, copy: 2 } as const;
export const convRoutine = { forward: 0, packWeight: 1, weight: 2, sum: 3 } as const;

/** Slots of the routine `copy`: rows, columns, from, fromRow, fromColumn, to, toRow, toColumn from `first` on. */
export const copySlot = { routine: 1, first: 2, slots: 10 } as const;

export interface ProductCode {
  /** What slot 0 of a block is to hold. */
  readonly kernel: number;
  readonly double: boolean;
  readonly item: 4 | 8;
  readonly lanes: 2 | 4;
}

function emitProducts(m: ModuleWriter, t: GemmTarget): Body[] {
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

function emitConvolutions(m: ModuleWriter, t: GemmTarget): Body[] {
  const tiles = emitTiles(m, t, true);
  const copyPlane = emitCopyPlane(m, t);
  const routines: Body[] = [];
  routines[convRoutine.forward] = emitConvForward(m, t, tiles, copyPlane);
  routines[convRoutine.packWeight] = emitPackWeight(m, t);
  routines[convRoutine.weight] = emitConvWeight(m, t, tiles, copyPlane);
  routines[convRoutine.sum] = emitSumParts(m, t);
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

/** Installs code when it is first asked for. */
export class ProductCodes {
  readonly #machine: WasmMachine;
  readonly #codes = new Map<string, ProductCode>();

  constructor(machine: WasmMachine) {
    this.#machine = machine;
  }

  products(double: boolean): ProductCode {
    return this.#code(`product ${double}`, double, emitProducts);
  }
  convolutions(double: boolean): ProductCode {
    return this.#code(`convolution ${double}`, double, emitConvolutions);
  }

  #code(key: string, double: boolean, emit: (m: ModuleWriter, t: GemmTarget) => Body[]): ProductCode {
    let code = this.#codes.get(key);
    if (code === undefined) {
      const t: GemmTarget = { double, fused: this.#machine.relaxed };
      const m = kernelModule(this.#machine.limits);
      m.export("kernel", emitKernel(m, emit(m, t)));
      code = { kernel: this.#machine.installCode(m.finish()), double, item: itemBytes(t), lanes: lanesOf(t) };
      this.#codes.set(key, code);
    }
    return code;
  }
}

/** An argument block of so many slots, for good. */
export function newBlock(slots: number): Float64Array {
  return typedArrayOf(allocate(slots * 8), float64) as Float64Array;
}
