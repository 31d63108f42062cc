/**
 * Binds the runtime that op files use to the dispatcher and the backends.
 */
import { named } from "./autograd/node.ts";
import { typedArrayOf } from "../backends/cpu/memory.ts";
import type { DType } from "../core/dtype.ts";
import type { NumberLike } from "../core/promotion.ts";
import { contiguousStrides } from "../core/shape.ts";
import { fillElements } from "../ops/factory/fill.ts";
import { copyElements } from "../ops/memory/copy.ts";
import type { Op } from "../ops/op.ts";
import { bindRuntime } from "../ops/runtime.ts";
import { noGrad, gradEnabled } from "./autograd/gradMode.ts";
import { backendOf, checkDeviceDtype, emptyTensor, moveTo, onDevice } from "./devices.ts";
import { onHost, typedArrayOfTensor } from "./read.ts";
import { call, callInPlace, callOut, isPlain, setCopyElements } from "./dispatch.ts";
import { Tensor } from "./tensor.ts";

function empty(shape: readonly number[], dtype: DType): Tensor {
  return emptyTensor(shape, contiguousStrides(shape), dtype);
}

bindRuntime({
  call: <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A) => call(op, inputs, attributes) as Tensor,
  callMany: <A>(op: Op<A>, inputs: readonly Tensor[], attributes: A) => call(op, inputs, attributes) as Tensor[],
  callInPlace,
  callOut,
  empty,
  emptyStrided: emptyTensor,
  on: onDevice,
  moveTo,
  checkDeviceDtype,
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
  newEmpty: (like, shape, dtype) => onDevice(like.storage.device, () => empty(shape, dtype)),
  newFull: (like, shape, value, dtype) =>
    onDevice(like.storage.device, () => {
      const x = empty(shape, dtype);
      fillElements(x, value);
      return x;
    }),
  storageArray: (x) => typedArrayOf(x.storage, x.dtype),
  elementsAtHand(x) {
    const { remote } = x.storage;
    return remote === null ? x.data : remote.onDeviceOnly ? null : typedArrayOfTensor(onHost(x));
  },
  isPlain,
  named,
  mapFlat(spec, n, x, y, param, result) {
    const backend = backendOf(x);
    const out = new Tensor(backend.allocate(n * result.itemsize, result), x.shape, x.strides, 0, result);
    backend.mapFlat(spec, n, x, y, out, param);
    return out;
  },
  mapFlatInto(spec, n, x, y, param, out) {
    backendOf(out).mapFlat(spec, n, x, y, out, param);
    out.storage.version++;
    return out;
  },
  isTensor: (x: unknown): x is Tensor => x instanceof Tensor,
  backendOf,
  recording(inputs) {
    if (!gradEnabled) return false;
    for (const x of inputs) if (x?.requiresGrad) return true;
    return false;
  },
  release: (x) => backendOf(x).release(x.storage),
  withoutGrad: <R>(body: () => R): R => noGrad(body),
});
setCopyElements(copyElements);
