/**
 * Which processor kernels are made for. `TYPETORCH_TARGET` chooses one of the targets by name; without it the best one that runs here is taken.
 */
import { DeviceError } from "../../core/errors.ts";
import type { LoopKernel } from "../../ir/loops.ts";
import { canShareMemory, environment, memoryLimit, type Native, openNative } from "../../platform/index.ts";
import type { Machine } from "./machine.ts";
import { compileLoops as compileWasm } from "./wasm/compile.ts";
import { openWasm, type WasmMachine } from "./wasm/machine.ts";
import { compileLoops } from "#x64/compile";

/** `x64-…` is machine code for x86-64 with AVX2 or AVX-512, `wasm` is WebAssembly with 128-bit vectors, `js` runs everywhere. */
export type TargetName = "js" | "wasm" | "x64-avx2" | "x64-avx512";

const all: readonly TargetName[] = ["x64-avx512", "x64-avx2", "wasm", "js"];

let openedWasm: WasmMachine | null | undefined;

function wasmMachine(): WasmMachine | null {
  if (openedWasm === undefined) openedWasm = openWasm({ shared: canShareMemory(), limit: memoryLimit() });
  return openedWasm;
}

function runsHere(name: TargetName): boolean {
  if (name === "js") return true;
  if (name === "wasm") return wasmMachine() !== null;
  const f = openNative()?.features;
  return f !== undefined && f.avx2 && f.fma && f.f16c && f.bmi2 && (name === "x64-avx2" || f.avx512);
}

/** The targets that run on this machine, the best first. */
export function availableTargets(): TargetName[] {
  return all.filter(runsHere);
}

function choose(): TargetName {
  const asked = environment("TYPETORCH_TARGET");
  if (asked === undefined || asked === "") return all.find(runsHere)!;
  const found = all.find((name) => name === asked);
  if (found !== undefined && runsHere(found)) return found;
  throw new DeviceError(
    `TYPETORCH_TARGET is '${asked}', which ${found !== undefined ? "does not run on this machine" : "is no target"}`,
    `set it to one of ${availableTargets().join(", ")}, or leave it unset`,
  );
}

/** The target in use. */
export const target: TargetName = choose();
/** The WebAssembly machine when that is the target. */
export const wasm: WasmMachine | null = target === "wasm" ? wasmMachine() : null;
/** The native layer when the target is machine code. */
export const native: Native | null = target === "x64-avx2" || target === "x64-avx512" ? openNative() : null;
/** What runs compiled kernels; null when everything is JavaScript. */
export const machine: Machine | null = wasm ?? native;
/** Vector level of machine code. */
export const level: "avx2" | "avx512" = target === "x64-avx512" ? "avx512" : "avx2";

/** A normalized kernel compiled for the machine and installed; its address, or 0 where the js target must run it. `streaming` as in {@link compileLoops}. */
export function installKernel(kernel: LoopKernel, streaming: boolean): number {
  if (machine === null) return 0;
  const code =
    wasm !== null ? compileWasm(kernel, wasm.limits, { relaxed: wasm.relaxed }) : compileLoops(kernel, level, { streaming });
  return code === null ? 0 : machine.installCode(code);
}
