/**
 * Runs `map` specifications: finds how the operands lie, and the kernel made for that.
 */
import { isContiguous } from "../../core/shape.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Operand } from "../backend.ts";
import { block, Compiled } from "./launch.ts";
import { Dims, type StrideClass, strideClass } from "./layout.ts";
import { lowerMap } from "./lowerMap.ts";

/** Kernels of one specification. The key counts, in base 3 below the rank, the stride class of each operand. */
class MapKernels {
  readonly byKey = new Map<number, Compiled>();
}

const dims = new Dims();

function kernelsOf(spec: MapSpec): MapKernels {
  return (spec.compiled ??= new MapKernels()) as MapKernels;
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
  const operands = inputs.length + outputs.length;
  // One dimension will do when every operand is contiguous or a single element; the outputs are never the latter unless n is 1.
  let key = 0;
  let flat = true;
  for (let p = 0; p < operands && flat; p++) {
    const x = p < inputs.length ? inputs[p]! : outputs[p - inputs.length]!;
    if (isContiguous(shape, x.strides)) key = key * 3 + 1;
    else {
      key *= 3;
      flat = allZero(shape, x.strides);
    }
  }
  if (flat) {
    dims.count = 1;
    dims.sizes[0] = n;
  } else {
    dims.clear();
    for (let d = 0; d < shape.length; d++) dims.push(shape[d]!, d, inputs, outputs);
    dims.sort(inputs.length, operands);
    dims.collapse(operands);
    key = 0;
    for (let p = 0; p < operands; p++) key = key * 3 + strideClass(dims.stride(p, dims.count - 1));
  }
  const rank = dims.count;
  const kernels = kernelsOf(spec);
  key = key * 64 + rank;
  let compiled = kernels.byKey.get(key);
  if (compiled === undefined) {
    compiled = new Compiled(lowerMap(spec, rank, classesOf(key, operands)));
    kernels.byKey.set(key, compiled);
  }
  for (let p = 0; p < operands; p++) {
    const x = p < inputs.length ? inputs[p]! : outputs[p - inputs.length]!;
    compiled.setBuffer(p, x.storage, x.storageOffset);
  }
  const ints = compiled.ints;
  for (let d = 0; d < rank; d++) block[ints + d] = dims.sizes[d]!;
  if (!flat) {
    for (let p = 0; p < operands; p++) {
      for (let d = 0; d < rank; d++) block[ints + rank + p * rank + d] = dims.stride(p, d);
    }
  }
  compiled.setParams(params);
  compiled.run();
}

function allZero(shape: readonly number[], strides: readonly number[]): boolean {
  for (let d = 0; d < shape.length; d++) if (shape[d] !== 1 && strides[d] !== 0) return false;
  return true;
}

function classesOf(key: number, operands: number): StrideClass[] {
  const classes = new Array<StrideClass>(operands);
  let rest = Math.floor(key / 64);
  for (let p = operands - 1; p >= 0; p--) {
    classes[p] = (rest % 3) as StrideClass;
    rest = Math.floor(rest / 3);
  }
  return classes;
}
