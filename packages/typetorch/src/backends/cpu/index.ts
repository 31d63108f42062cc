/**
 * The CPU backend.
 */
import type { LoopSpec } from "../../ir/spec.ts";
import type { Backend, Operand } from "../backend.ts";
import { runGemm } from "./contract.ts";
import { convBackwardInput, convBackwardWeight, convForward } from "./convolution.ts";
import { block, Compiled, runCost } from "./launch.ts";
import { runMap, runMapFlat } from "./map.ts";
import { allocateTensor, release } from "./memory.ts";
import { runRow } from "./row.ts";

export { availableTargets, target, type TargetName } from "./target.ts";

function runLoops(
  spec: LoopSpec,
  buffers: readonly Operand[],
  ints: readonly number[],
  params: readonly number[],
  parallel?: { extent: number; steps: readonly number[] },
): void {
  const compiled = (spec.compiled ??= new Compiled(spec.kernel)) as Compiled;
  for (let k = 0; k < buffers.length; k++) compiled.setBuffer(k, buffers[k]!.storage, buffers[k]!.storageOffset);
  for (let k = 0; k < ints.length; k++) block[compiled.ints + k] = ints[k]!;
  compiled.setParams(params);
  if (parallel === undefined || ints[parallel.extent]! < 2) compiled.run();
  else {
    const total = ints[parallel.extent]!;
    compiled.runCut(parallel.extent, total, runCost(compiled, compiled.kernel.body) / total, 1, (k) => parallel.steps[k]!);
  }
}

/** The backend that runs on this machine's processors. */
export function createCpuBackend(): Backend {
  return {
    name: "cpu",
    allocate: allocateTensor,
    release,
    map: runMap,
    mapFlat: runMapFlat,
    row: runRow,
    loops: runLoops,
    gemm: runGemm,
    convForward,
    convBackwardInput,
    convBackwardWeight,
  };
}
