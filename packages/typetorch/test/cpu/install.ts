/** Runs loop kernels on the machines that this processor has, for tests. */

import { openNative } from "#platform";
import { compileLoops as compileWasm } from "../../src/backends/cpu/wasm/compile.ts";
import { openWasm, type WasmMachine } from "../../src/backends/cpu/wasm/machine.ts";
import { compileLoops } from "../../src/backends/cpu/x64/compile.ts";
import type { DType, TypedArray } from "../../src/core/dtype.ts";
import type { LoopKernel } from "../../src/ir/loops.ts";
import type { Native } from "../../src/platform/index.ts";

export type Level = "avx2" | "avx512" | "wasm";
export const native: Native | null = openNative();
const wasm: WasmMachine = openWasm({ shared: true, limit: 2 ** 28 })!;
/** What this processor can run. */
export const levels: readonly Level[] = [
  ...(native?.features.avx2 && native.features.fma && native.features.f16c ? (["avx2"] as const) : []),
  ...(native?.features.avx512 ? (["avx512"] as const) : []),
  "wasm",
];
export const nativeLevels = levels.filter((level) => level !== "wasm");

const nativeBlock = new Float64Array(1024);
const nativeAddress = native === null ? 0 : native.addressOf(nativeBlock.buffer);
const wasmAddress = wasm.linear.reserve(1024 * 8);
const wasmBlock = new Float64Array(wasm.linear.buffer, wasmAddress, 1024);

export type Run = (addresses: readonly number[], ints: readonly number[], params?: readonly number[]) => void;

/** Installs a kernel; the result runs it on machine addresses of the buffers, integers and parameters. Null when it is not supported. */
export function install(kernel: LoopKernel, level: Level, options: { streaming?: boolean } = {}): Run | null {
  const machine = level === "wasm" ? wasm : native!;
  const code =
    level === "wasm" ? compileWasm(kernel, wasm.limits, { relaxed: wasm.relaxed }) : compileLoops(kernel, level, options);
  if (code === null) return null;
  const address = machine.installCode(code);
  const [block, blockAddress] = level === "wasm" ? [wasmBlock, wasmAddress] : [nativeBlock, nativeAddress];
  return (addresses, ints, params = []) => {
    block.set([address, ...addresses, ...ints, ...params]);
    machine.call(blockAddress);
  };
}

/** Machine address of a typed array's first element. */
export function addressOf(array: ArrayBufferView): number {
  return native!.addressOf(array.buffer) + array.byteOffset;
}

/** An array that kernels of this level can reach, and its address. */
export interface Reachable {
  readonly array: TypedArray;
  readonly address: number;
  /** Throws when bytes beside the array were changed. Native kernels die at once when they stray, if the array lies at a guarded page. */
  readonly check: () => void;
}

const margin = 256;
const canary = 0xa5;

/** Memory of `nbytes` in which arrays are placed at an edge that must not be crossed. */
export class Arena {
  private readonly level: Level;
  private readonly nbytes: number;
  private readonly at: "end" | "start";
  private readonly buffer: ArrayBuffer;
  private readonly byteOffset: number;
  private readonly address: number;

  constructor(level: Level, nbytes: number, at: "end" | "start") {
    this.level = level;
    this.nbytes = nbytes;
    this.at = at;
    if (level === "wasm") {
      this.address = wasm.linear.reserve(nbytes + 2 * margin) + margin;
      this.buffer = wasm.linear.buffer;
      this.byteOffset = this.address;
    } else {
      const guard = native!.guardedBuffer(nbytes, { at });
      this.address = guard.address;
      this.buffer = guard.buffer;
      this.byteOffset = guard.byteOffset;
    }
  }

  place(dtype: DType, n: number): Reachable {
    const size = n * dtype.itemsize;
    if (size > this.nbytes) throw new RangeError("the arena is too small");
    const shift = this.at === "end" ? this.nbytes - size : 0;
    const array = new dtype.Array(this.buffer, this.byteOffset + shift, n);
    if (this.level !== "wasm") return { array, address: this.address + shift, check: () => {} };
    const around = [-margin, size].map((d) => new Uint8Array(this.buffer, this.byteOffset + shift + d, margin).fill(canary));
    const check = (): void => {
      if (around.some((bytes) => bytes.some((b) => b !== canary))) throw new Error("a kernel wrote beside its memory");
    };
    return { array, address: this.address + shift, check };
  }
}
