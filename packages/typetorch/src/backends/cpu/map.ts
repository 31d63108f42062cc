/**
 * Runs `map` specifications: finds how the operands lie, and the kernel made for that.
 */
import { isContiguous } from "../../core/shape.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Operand } from "../backend.ts";
import { block, Compiled } from "./launch.ts";
import { Dims, type StrideClass, strideClass } from "../lowering/dims.ts";
import { lowerMap } from "../lowering/lowerMap.ts";
import { native } from "./target.ts";
import { transpose } from "./transpose.ts";

/** Kernels of one specification. The key counts, in base 3 above the rank, the stride class of each operand. */
class MapKernels {
  readonly byKey = new Map<string | number, Compiled>();
  /** Bytes of an element when the map only copies; 0 when it computes. */
  readonly copies: number;
  /** The kernel for operands that are all contiguous. */
  flat: Compiled | null = null;
  constructor(spec: MapSpec) {
    const [out] = spec.outputs;
    const copies =
      spec.inputs.length === 1 && spec.outputs.length === 1 && out!.value.op === "input" && out!.dtype === spec.inputs[0];
    this.copies = copies ? out!.dtype.itemsize : 0;
  }
}

const dims = new Dims();
const flatClasses: StrideClass[] = [];
/** Where each operand begins, in elements of its storage. */
const offsets: number[] = [];
/** Below this cost, in cheap operations, one thread does the work. */
const parallelCost = 4 * 65536;
/** From this size on an output is stored past the caches: an addition of 64 MB takes 0.6 of the time, a chain of three no more; at 16 MB the chain takes 1.2. */
const streamingBytes = 48 * 2 ** 20;
/** Operands whose classes fit in an exact number. */
const maxNumericKey = 28;

function kernelsOf(spec: MapSpec): MapKernels {
  return (spec.compiled ??= new MapKernels(spec)) as MapKernels;
}

/** See `Backend.map`. */
export function runMap(
  spec: MapSpec,
  shape: readonly number[],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  params: readonly number[],
): void {
  let n = 1;
  for (let d = 0; d < shape.length; d++) n *= shape[d]!;
  if (n === 0) return;
  const count = inputs.length;
  const operands = count + outputs.length;
  // One dimension will do when every operand is contiguous or a single element; the outputs are never the latter unless n is 1.
  let key = 0;
  let flat = true;
  for (let p = 0; p < operands && flat; p++) {
    const x = p < count ? inputs[p]! : outputs[p - count]!;
    if (isContiguous(shape, x.strides)) {
      key = key * 3 + 1;
      flatClasses[p] = 1;
    } else {
      key *= 3;
      flatClasses[p] = 0;
      flat = allZero(shape, x.strides);
    }
    offsets[p] = x.storageOffset;
  }
  const kernels = kernelsOf(spec);
  if (flat) {
    const compiled = find(kernels, spec, 1, key, operands, flatClasses, streams(n, outputs));
    setBuffers(compiled, inputs, outputs);
    block[compiled.ints] = n;
    compiled.setParams(params);
    if (n * compiled.cost < parallelCost) compiled.run();
    else compiled.runCut(0, n, compiled.cost, 256, flatStep);
    return;
  }
  for (let p = 0; p < operands; p++) offsets[p] = (p < count ? inputs[p]! : outputs[p - count]!).storageOffset;
  dims.clear();
  for (let d = 0; d < shape.length; d++) dims.push(shape[d]!, d, inputs, outputs);
  dims.sort(count, operands);
  dims.collapse(operands);
  if (kernels.copies !== 0 && native !== null && copyTransposed(kernels, spec, inputs, outputs)) return;
  launch(kernels, spec, inputs, outputs, params);
}

/** Whether results are better stored past the caches: so large that reading them next would miss anyway, and aligned. */
function streams(n: number, outputs: readonly Operand[]): boolean {
  if (native === null || n * 8 < streamingBytes) return false;
  for (const { dtype, storage, storageOffset } of outputs) {
    const bytes = dtype.itemsize;
    if (n * bytes < streamingBytes || (storage.address + storageOffset * bytes) % 64 !== 0) return false;
  }
  return true;
}

/** See `Backend.mapFlat`. */
export function runMapFlat(spec: MapSpec, n: number, a: Operand, b: Operand | null, out: Operand, param: number): void {
  const kernels = kernelsOf(spec);
  const compiled = kernels.flat ?? flatKernel(kernels, spec);
  if (n * compiled.cost >= parallelCost) {
    runMap(spec, out.shape, b === null ? [a] : [a, b], [out], spec.params > 0 ? [param] : []);
    return;
  }
  compiled.setBuffer(0, a.storage, a.storageOffset);
  if (b === null) compiled.setBuffer(1, out.storage, out.storageOffset);
  else {
    compiled.setBuffer(1, b.storage, b.storageOffset);
    compiled.setBuffer(2, out.storage, out.storageOffset);
  }
  block[compiled.ints] = n;
  if (spec.params > 0) block[compiled.params] = param;
  compiled.run();
}

function flatKernel(kernels: MapKernels, spec: MapSpec): Compiled {
  const operands = spec.inputs.length + 1;
  const classes = new Array<StrideClass>(operands).fill(1);
  let key = 0;
  for (let p = 0; p < operands; p++) key = key * 3 + 1;
  kernels.flat = find(kernels, spec, 1, key, operands, classes, false);
  return kernels.flat;
}

/** Packs the arguments that `dims` and `offsets` describe, and runs the kernel. */
function launch(
  kernels: MapKernels,
  spec: MapSpec,
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  params: readonly number[],
): void {
  const operands = inputs.length + outputs.length;
  const rank = dims.count;
  let key = 0;
  for (let p = 0; p < operands; p++) key = key * 3 + strideClass(dims.stride(p, rank - 1));
  const compiled = find(kernels, spec, rank, key, operands, null, false);
  setBuffers(compiled, inputs, outputs);
  let slot = compiled.ints;
  for (let d = 0; d < rank; d++) block[slot++] = dims.sizes[d]!;
  for (let p = 0; p < operands; p++) for (let d = 0; d < rank; d++) block[slot++] = dims.stride(p, d);
  compiled.setParams(params);
  const cost = dims.total() * compiled.cost;
  if (cost < parallelCost) {
    compiled.run();
    return;
  }
  // The outermost dimension when it is long enough to be shared out, else the longest one.
  let cut = 0;
  if (dims.sizes[0]! < 16) for (let d = 1; d < rank; d++) if (dims.sizes[d]! > dims.sizes[cut]!) cut = d;
  compiled.runCut(cut, dims.sizes[cut]!, cost / dims.sizes[cut]!, cut === rank - 1 ? 64 : 1, (p) => dims.stride(p, cut));
}

/** Copies by tiles where the operands are contiguous along different dimensions, and what is left over at the edges by the ordinary kernel. */
function copyTransposed(kernels: MapKernels, spec: MapSpec, inputs: readonly Operand[], outputs: readonly Operand[]): boolean {
  const [source, target] = [inputs[0]!, outputs[0]!];
  const size = kernels.copies;
  if (source.storage.buffer.byteLength === 0 || target.storage.buffer.byteLength === 0) return false;
  const did = transpose(dims, source.storage.address + offsets[0]! * size, target.storage.address + offsets[1]! * size, size);
  if (did === null) return false;
  const last = dims.count - 1;
  const { along, rows, columns } = did;
  const [allRows, allColumns] = [dims.sizes[last]!, dims.sizes[along]!];
  if (rows < allRows) copyRest(last, rows, allRows - rows);
  dims.sizes[last] = rows;
  if (columns < allColumns) copyRest(along, columns, allColumns - columns);
  return true;

  function copyRest(d: number, from: number, length: number): void {
    dims.sizes[d] = length;
    offsets[0]! += from * dims.stride(0, d);
    offsets[1]! += from * dims.stride(1, d);
    launch(kernels, spec, inputs, outputs, []);
    offsets[0]! -= from * dims.stride(0, d);
    offsets[1]! -= from * dims.stride(1, d);
  }
}

function find(
  kernels: MapKernels,
  spec: MapSpec,
  rank: number,
  classKey: number,
  operands: number,
  known: readonly StrideClass[] | null,
  streaming: boolean,
): Compiled {
  let key: string | number = streaming ? -1 - classKey : classKey * 64 + rank;
  if (operands > maxNumericKey) {
    key = `${streaming ? "s" : ""}${rank}`;
    for (let p = 0; p < operands; p++) key += known === null ? strideClass(dims.stride(p, rank - 1)) : known[p]!;
  }
  let compiled = kernels.byKey.get(key);
  if (compiled === undefined) {
    const classes = Array.from({ length: operands }, (_, p) =>
      known === null ? strideClass(dims.stride(p, rank - 1)) : known[p]!,
    );
    compiled = new Compiled(lowerMap(spec, rank, classes), streaming);
    kernels.byKey.set(key, compiled);
  }
  return compiled;
}

function setBuffers(compiled: Compiled, inputs: readonly Operand[], outputs: readonly Operand[]): void {
  const count = inputs.length;
  for (let p = 0; p < count; p++) compiled.setBuffer(p, inputs[p]!.storage, offsets[p]!);
  for (let p = 0; p < outputs.length; p++) compiled.setBuffer(count + p, outputs[p]!.storage, offsets[count + p]!);
}

function flatStep(p: number): number {
  return flatClasses[p]!;
}

function allZero(shape: readonly number[], strides: readonly number[]): boolean {
  for (let d = 0; d < shape.length; d++) if (shape[d] !== 1 && strides[d] !== 0) return false;
  return true;
}
