/**
 * The `js` target: the slow, obviously right reference. A kernel becomes generated JavaScript, or closures where a content security policy forbids that.
 */
import type { TypedArray } from "../../../core/dtype.ts";
import type { LoopKernel, Int } from "../../../ir/loops.ts";
import { normalize } from "../../../ir/simplify.ts";
import { compileClosures } from "./closures.ts";
import { compileText } from "./render.ts";

/**
 * A kernel to call: one typed array per buffer, over its whole storage, and the argument block: an unused slot, then for each buffer the position of its first
 * element in the array, the integers and the parameters.
 */
export type JsKernel = (views: readonly TypedArray[], block: Float64Array) => void;

let generation: boolean | null = null;

/** Whether code may be generated from text here. */
function canGenerateCode(): boolean {
  if (generation === null) {
    try {
      generation = new Function("return true")() === true;
    } catch {
      generation = false;
    }
  }
  return generation;
}

/** Compiles a kernel for JavaScript; `style` decides how, by default by what is allowed. */
export function compileJs(kernel: LoopKernel, style: "text" | "closures" = canGenerateCode() ? "text" : "closures"): JsKernel {
  const normal = normalize(kernel);
  return style === "text" ? compileText(normal) : compileClosures(normal);
}

/** Slot of an integer argument in the block. */
export function intSlot(kernel: LoopKernel, int: Exclude<Int, number>): number {
  return 1 + kernel.buffers.length + int.arg;
}

/** Slot of a parameter in the block. */
export function paramSlot(kernel: LoopKernel, k: number): number {
  return 1 + kernel.buffers.length + kernel.ints + k;
}
