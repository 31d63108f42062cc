/**
 * Binds the runtime that op files use to the dispatcher and the backends.
 */
import type { Backend } from "../backends/backend.ts";
import { createCpuBackend } from "../backends/cpu/index.ts";
import { typedArrayOf } from "../backends/cpu/memory.ts";
import type { DType } from "../core/dtype.ts";
import type { NumberLike } from "../core/promotion.ts";
import { contiguousStrides, numelOf } from "../core/shape.ts";
import { fillElements } from "../ops/factory/fill.ts";
import { copyElements } from "../ops/memory/copy.ts";
import type { Op } from "../ops/op.ts";
import { bindRuntime } from "../ops/runtime.ts";
import { noGrad, gradEnabled } from "./autograd/gradMode.ts";
import { call, callInPlace, callOut, isPlain, setCopyElements } from "./dispatch.ts";
import { Tensor } from "./tensor.ts";

/** The CPU's backend. */
export const cpuBackend: Backend = createCpuBackend();

function empty(shape: readonly number[], dtype: DType): Tensor {
  return new Tensor(cpuBackend.allocate(numelOf(shape) * dtype.itemsize), shape, contiguousStrides(shape), 0, dtype);
}

bindRuntime({
  call: <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A) => call(op, inputs, attributes) as Tensor,
  callMany: <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A) => call(op, inputs, attributes) as Tensor[],
  callInPlace,
  callOut,
  empty,
  emptyStrided: (shape, strides, dtype) =>
    new Tensor(cpuBackend.allocate(numelOf(shape) * dtype.itemsize), shape, strides, 0, dtype),
  alias(source, shape, strides, storageOffset) {
    const x = new Tensor(source.storage, shape, strides, storageOffset, source.dtype);
    x.base = source.base ?? source;
    x.viewVersion = source.storage.version;
    return x;
  },
  aliasDtype(source, shape, strides, storageOffset, dtype) {
    return new Tensor(source.storage, shape, strides, storageOffset, dtype);
  },
  full(shape: readonly number[], value: NumberLike, dtype: DType) {
    const x = empty(shape, dtype);
    fillElements(x, value);
    return x;
  },
  storageArray: (x) => typedArrayOf(x.storage, x.dtype),
  isPlain,
  mapFlat(spec, n, x, y, param, result) {
    const out = new Tensor(cpuBackend.allocate(n * result.itemsize), x.shape, x.strides, 0, result);
    cpuBackend.mapFlat(spec, n, x, y, out, param);
    return out;
  },
  mapFlatInto(spec, n, x, y, param, out) {
    cpuBackend.mapFlat(spec, n, x, y, out, param);
    out.storage.version++;
    return out;
  },
  isTensor: (x: unknown): x is Tensor => x instanceof Tensor,
  backendOf: () => cpuBackend,
  recording(inputs) {
    if (!gradEnabled) return false;
    for (const x of inputs) if (x?.requiresGrad) return true;
    return false;
  },
  release: (x) => cpuBackend.release(x.storage),
  withoutGrad: <R>(body: () => R): R => noGrad(body),
});
setCopyElements(copyElements);
