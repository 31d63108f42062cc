/**
 * The CPU backend.
 */
import type { LoopSpec } from "../../ir/spec.ts";
import type { Backend, Convolutions, Operand } from "../backend.ts";
import { runGemm } from "./contract.ts";
import { block, Compiled, runCost } from "./launch.ts";
import { runMap, runMapFlat } from "./map.ts";
import { release } from "./memory.ts";
import { allocateTensor } from "./reclaim.ts";
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

let convolutions: Convolutions | null = null;

/** Gives the backend its convolutions (convolution.ts): they are a tenth of it, and come with the functions that need them, see tensor/convolution.ts. */
export function bringConvolutions(brought: Convolutions): void {
  convolutions = brought;
}

/**
 * Kernels see addresses, which keep nothing alive. That each operand's memory is still there is asked after the call, so that the collector cannot take a storage
 * whose last mention in JavaScript would otherwise be the packing of its address.
 */
function stillThere(x: Operand): void {
  if (x.storage.released) throw new Error("the memory of an operand was released while a kernel worked on it");
}

function allThere(operands: readonly Operand[]): void {
  for (let k = 0; k < operands.length; k++) stillThere(operands[k]!);
}

/** The backend that runs on this machine's processors. */
export function createCpuBackend(): Backend {
  return {
    name: "cpu",
    allocate: allocateTensor,
    release,
    map(spec, shape, inputs, outputs, params) {
      runMap(spec, shape, inputs, outputs, params);
      allThere(inputs);
      allThere(outputs);
    },
    mapFlat(spec, n, a, b, out, param) {
      runMapFlat(spec, n, a, b, out, param);
      stillThere(a);
      if (b !== null) stillThere(b);
      stillThere(out);
    },
    row(spec, shape, columns, inputs, outputs, params) {
      runRow(spec, shape, columns, inputs, outputs, params);
      allThere(inputs);
      allThere(outputs);
    },
    loops(spec, buffers, ints, params, parallel) {
      runLoops(spec, buffers, ints, params, parallel);
      allThere(buffers);
    },
    gemm(args) {
      runGemm(args);
      allThere([args.a, args.b, args.out]);
      if (args.bias !== null) stillThere(args.bias);
    },
    convForward(x, weight, bias, out, geometry, activation) {
      convolutions!.convForward(x, weight, bias, out, geometry, activation);
      allThere(bias === null ? [x, weight, out] : [x, weight, bias, out]);
    },
    convBackwardInput(g, weight, gx, geometry) {
      convolutions!.convBackwardInput(g, weight, gx, geometry);
      allThere([g, weight, gx]);
    },
    convBackwardWeight(g, x, gw, geometry) {
      convolutions!.convBackwardWeight(g, x, gw, geometry);
      allThere([g, x, gw]);
    },
  };
}
