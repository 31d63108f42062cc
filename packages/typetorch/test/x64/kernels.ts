/** Runs loop kernels as machine code, for tests. */

import { openNative } from "#platform";
import { compileLoops } from "../../src/backends/cpu/x64/vector.ts";
import type { LoopKernel } from "../../src/ir/loops.ts";
import type { Native } from "../../src/platform/index.ts";

export type Level = "avx2" | "avx512";
export const native: Native | null = openNative();
/** What this processor can run. */
export const levels: readonly Level[] =
  native === null
    ? []
    : [
        ...(native.features.avx2 && native.features.fma && native.features.f16c ? (["avx2"] as const) : []),
        ...(native.features.avx512 ? (["avx512"] as const) : []),
      ];

const block = new Float64Array(1024);
const blockAddress = native === null ? 0 : native.addressOf(block.buffer);

/** Installs a kernel; the result runs it on machine addresses of the buffers, integers and parameters. Null when it is not supported. */
export function install(
  kernel: LoopKernel,
  level: Level,
  options: { streaming?: boolean } = {},
): ((addresses: readonly number[], ints: readonly number[], params?: readonly number[]) => void) | null {
  const code = compileLoops(kernel, level, options);
  if (code === null || native === null) return null;
  const address = native.installCode(code);
  return (addresses, ints, params = []) => {
    block.set([address, ...addresses, ...ints, ...params]);
    native.call(blockAddress);
  };
}

/** Machine address of a typed array's first element. */
export function addressOf(array: ArrayBufferView): number {
  return native!.addressOf(array.buffer) + array.byteOffset;
}
