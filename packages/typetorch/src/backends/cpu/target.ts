/**
 * Which processor kernels are made for. `TYPETORCH_TARGET` chooses one of the targets by name; without it the best one that runs here is taken.
 */
import { DeviceError } from "../../core/errors.ts";
import type { LoopKernel } from "../../ir/loops.ts";
import { environment, type Native, openNative } from "../../platform/index.ts";
import { compileLoops } from "./x64/vector.ts";

/** `js` runs everywhere; the others are machine code for x86-64 with AVX2 or AVX-512. */
export type TargetName = "js" | "x64-avx2" | "x64-avx512";

const all: readonly TargetName[] = ["x64-avx512", "x64-avx2", "js"];

/** The targets that run on this machine, the best first. */
export function availableTargets(): TargetName[] {
  const native = openNative();
  return all.filter((name) => {
    if (name === "js") return true;
    if (native === null) return false;
    const f = native.features;
    return f.avx2 && f.fma && f.f16c && f.bmi2 && (name === "x64-avx2" || f.avx512);
  });
}

function choose(): TargetName {
  const asked = environment("TYPETORCH_TARGET");
  const available = availableTargets();
  if (asked === undefined || asked === "") return available[0]!;
  const found = available.find((name) => name === asked);
  if (found !== undefined) return found;
  throw new DeviceError(
    `TYPETORCH_TARGET is '${asked}', which ${all.some((name) => name === asked) ? "does not run on this machine" : "is no target"}`,
    `set it to one of ${available.join(", ")}, or leave it unset`,
  );
}

/** The target in use. */
export const target: TargetName = choose();
/** The native layer when the target is machine code. */
export const native: Native | null = target === "js" ? null : openNative();
/** Vector level of machine code. */
export const level: "avx2" | "avx512" = target === "x64-avx512" ? "avx512" : "avx2";

/** Machine code of a normalized kernel, installed; its address, or 0 where the js target must run it. `streaming` as in {@link compileLoops}. */
export function installKernel(kernel: LoopKernel, streaming: boolean): number {
  if (native === null) return 0;
  const code = compileLoops(kernel, level, { streaming });
  return code === null ? 0 : native.installCode(code);
}
