/**
 * `map` on the device: an invocation for each element, or for four where all operands are contiguous.
 */
import { isContiguous } from "../../../core/shape.ts";
import type { LoopKernel, LoopVar, Stmt } from "../../../ir/loops.ts";
import type { MapSpec } from "../../../ir/spec.ts";
import type { Operand } from "../../backend.ts";
import { Dims, type StrideClass, strideClass } from "../../lowering/dims.ts";
import { lowerMap } from "../../lowering/lowerMap.ts";
import type { GpuQueue } from "../queue.ts";
import { bind, Kernel, KernelCache } from "./launch.ts";

const cache = new KernelCache();
const dims = new Dims();
const workgroup = 256;

/** See `Renderer.map`. */
export function map(
  queue: GpuQueue,
  spec: MapSpec,
  shape: readonly number[],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  params: readonly number[],
): boolean {
  let total = 1;
  for (const n of shape) total *= n;
  if (total === 0) return true;
  const operands = [...inputs, ...outputs];
  const bound = bind(queue, operands);
  if (bound === null) return false;
  dims.clear();
  let wide = false;
  if (operands.every((x) => isContiguous(shape, x.strides))) {
    wide = total % 4 === 0 && operands.every((x) => x.dtype.itemsize <= 4 && x.storageOffset % 4 === 0);
    dims.count = 1;
    dims.sizes[0] = total;
    for (let p = 0; p < operands.length; p++) dims.setStride(p, 0, 1);
  } else {
    for (let d = 0; d < shape.length; d++) dims.push(shape[d]!, d, inputs, outputs);
    dims.sort(inputs.length, operands.length);
    dims.collapse(operands.length);
  }
  const rank = dims.count;
  let key = `${bound.key} ${wide ? "w" : rank} `;
  for (let p = 0; p < operands.length; p++) key += strideClass(dims.stride(p, rank - 1));
  const kernels = cache.of(queue, spec);
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const classes: StrideClass[] = operands.map((_, p) => strideClass(dims.stride(p, rank - 1)));
    const lowered = lowerMap(spec, rank, classes);
    kernel = new Kernel(
      queue,
      lowered,
      { loops: nestOf(lowered), workgroup, shared: false, subgroups: null, residues: false, wide },
      bound,
    );
    kernels.set(key, kernel);
  }
  const int = (k: number): number => (k < rank ? dims.sizes[k]! : dims.stride(Math.floor(k / rank) - 1, k % rank));
  kernel.run(queue, bound, operands, wide ? total / 4 : total, int, params);
  return true;
}

/** The loops of a kernel that is one nest, outermost first; between them only values are named. */
export function nestOf(kernel: LoopKernel): LoopVar[] {
  const loops: LoopVar[] = [];
  let body: readonly Stmt[] = kernel.body;
  for (;;) {
    const rest: readonly Stmt[] = body.filter((s) => s.kind !== "let");
    const [only] = rest;
    if (rest.length !== 1 || only?.kind !== "loop") return loops;
    loops.push(only.loop);
    body = only.body;
  }
}
