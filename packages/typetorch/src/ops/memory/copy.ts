/**
 * Copies: `clone`, `contiguous`, `copy_`, and conversions of dtype.
 */
import { checkArguments } from "../arguments.ts";
import { DType, dtypes, partsOf } from "../../core/dtype.ts";
import type { Operand } from "../../backends/backend.ts";
import { ShapeError } from "../../core/errors.ts";
import { broadcastShapes, contiguousStrides, formatShape, isContiguous, sameShape } from "../../core/shape.ts";
import { type Expr, complexNotImplemented, computeType, input } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { broadcastOperand, checkInternalOverlap, denseStridesLike, sumToShape } from "../pointwise.ts";
import { runtime } from "../runtime.ts";

/** In which order elements lie: as in the source, row-major, or with the channels of (N, C, H, W) or (N, C, D, H, W) side by side. */
export type MemoryFormat = "preserve" | "contiguous" | "channelsLast" | "channelsLast_3d";
export const preserveFormat: MemoryFormat = "preserve";
export const contiguousFormat: MemoryFormat = "contiguous";
export const channelsLast: MemoryFormat = "channelsLast";
export const channelsLast_3d: MemoryFormat = "channelsLast_3d";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** A copy that the gradient flows through, as `Tensor.clone`. Keeps the order of the elements in memory unless `memoryFormat` says another. */
    clone(options?: { memoryFormat?: MemoryFormat }): Tensor;
    /** The tensor itself when it is row-major (or in the given format), otherwise a copy that is. */
    contiguous(options?: { memoryFormat?: MemoryFormat }): Tensor;
    /** Copies the elements of `source`, which is broadcast and converted. */
    copy_(source: Tensor): this;
    /** @internal */
    toDtype(dtype: DType): Tensor;
  }
}

const specs: (MapSpec | undefined)[] = [];

/** Identity with conversion. */
function copySpec(from: DType, to: DType): MapSpec {
  const key = from.index * dtypes.length + to.index;
  let spec = specs[key];
  if (spec === undefined) {
    const value: Expr = input(0, computeType(from)).cast(computeType(to));
    spec = {
      kind: "map",
      name: `copy_${from.key}_${to.key}`,
      inputs: [from],
      outputs: [{ dtype: to, value }],
      params: 0,
      compiled: null,
    };
    specs[key] = spec;
  }
  return spec;
}

/** Writes the elements of `from`, broadcast to its shape, into `out`. No checks, no history. */
export function copyElements(out: Tensor, from: Tensor): void {
  if (from.dtype.isComplex || out.dtype.isComplex) {
    if (from.dtype.isComplex !== out.dtype.isComplex) throw complexNotImplemented("copy_ between real and complex", out.dtype);
    copyElements(partsView(out), partsView(broadcastOperand(from, out.shape)));
    return;
  }
  runtime.backendOf(out).map(copySpec(from.dtype, out.dtype), out.shape, [broadcastOperand(from, out.shape)], [out], []);
}

/** A complex tensor's memory as the dtype of its parts, in one dimension more. */
export function partsView(x: Operand): Tensor {
  const strides = [...x.strides.map((stride) => 2 * stride), 1];
  return runtime.aliasDtype(x as Tensor, [...x.shape, 2], strides, 2 * x.storageOffset, partsOf(x.dtype));
}

const cloneOp = defineOp<{ format: MemoryFormat }>({
  name: "clone",
  complex: true,
  run([x], { format }) {
    const out = runtime.emptyStrided(x!.shape, stridesIn(format, x!), x!.dtype);
    copyElements(out, x!);
    return out;
  },
  backward: ([g]) => [g!],
});

/** Strides of a copy in the given order. */
function stridesIn(format: MemoryFormat, x: Tensor): readonly number[] {
  if (format === "channelsLast" || format === "channelsLast_3d") return channelsLastStrides(format, x.shape);
  const dense = format === "preserve" && !isContiguous(x.shape, x.strides) && isDense(x);
  return dense ? denseStridesLike(x.shape, x.strides) : contiguousStrides(x.shape);
}

/** (N, C, …) with the channels side by side. Throws for other ranks. */
function channelsLastStrides(format: MemoryFormat, shape: readonly number[]): readonly number[] {
  const rank = format === "channelsLast" ? 4 : 5;
  if (shape.length !== rank)
    throw new ShapeError(
      `required rank ${rank} tensor to use ${format === "channelsLast" ? "channels_last" : "channels_last_3d"} format`,
    );
  const [n, c, ...space] = shape as [number, number, ...number[]];
  const strides = contiguousStrides([n, ...space, c]);
  return [strides[0]!, strides[rank - 1]!, ...strides.slice(1, -1)];
}

/** Whether the elements cover their memory once, without gaps, in some order. */
export function isDense(x: { shape: readonly number[]; strides: readonly number[] }): boolean {
  const dense = denseStridesLike(x.shape, x.strides);
  return x.shape.every((size, i) => size === 1 || x.strides[i] === dense[i]);
}

const convertOp = defineOp<{ dtype: DType }>({
  name: "to_copy",
  complex: true,
  run([x], { dtype }) {
    const out =
      isContiguous(x!.shape, x!.strides) || !isDense(x!)
        ? runtime.empty(x!.shape, dtype)
        : runtime.emptyStrided(x!.shape, denseStridesLike(x!.shape, x!.strides), dtype);
    copyElements(out, x!);
    return out;
  },
  backward: ([g], saved) => [g!.dtype === saved.inputDtype(0) ? g! : g!.toDtype(saved.inputDtype(0))],
});

const copyOp = defineOp<null>({
  name: "copy_",
  gradName: "CopyBackwards",
  complex: true,
  run([x, source]) {
    const out = runtime.empty(x!.shape, x!.dtype);
    copyElements(out, source!);
    return out;
  },
  into(out, [, source]) {
    copyElements(out, source!);
  },
  backward([g], saved) {
    const gx = saved.needs(0) ? runtime.full(g!.shape, 0, g!.dtype) : null;
    if (!saved.needs(1)) return [gx, null];
    const gs = sumToShape(g!, saved.inputShape(1));
    return [gx, gs.dtype === saved.inputDtype(1) ? gs : gs.toDtype(saved.inputDtype(1))];
  },
});

/**
 * A copy with its own memory, as `torch.clone`.
 * @example
 * torch.clone(torch.tensor([1, 2])) // tensor([1., 2.])
 */
export function clone(input: Tensor, options?: { memoryFormat?: MemoryFormat }): Tensor {
  checkArguments("clone(Tensor input, options? options, {str memoryFormat})", input, options);
  return runtime.call(cloneOp, [input], { format: options?.memoryFormat ?? "preserve" });
}

function contiguous(x: Tensor, options?: { memoryFormat?: MemoryFormat }): Tensor {
  checkArguments("contiguous(Tensor x, options? options, {str memoryFormat})", x, options);
  const format = options?.memoryFormat ?? "contiguous";
  if (format === "channelsLast" || format === "channelsLast_3d") {
    const strides = channelsLastStrides(format, x.shape);
    if (x.shape.every((n, d) => n === 1 || strides[d] === x.strides[d])) return x;
    return runtime.call(cloneOp, [x], { format });
  }
  return isContiguous(x.shape, x.strides) ? x : runtime.call(cloneOp, [x], { format: "contiguous" });
}

/** The elements converted to another dtype; the tensor itself when it has that dtype. @internal */
export function toDtype(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  if (!(dtype instanceof DType)) checkArguments("to(Tensor input, dtype dtype)", x, dtype);
  return runtime.call(convertOp, [x], { dtype });
}

function copy_(x: Tensor, source: Tensor): Tensor {
  checkArguments("copy_(Tensor x, Tensor source)", x, source);
  if (!sameShape(x.shape, source.shape)) {
    const fits = source.shape.length <= x.shape.length && sameShape(broadcastTo(source, x), x.shape);
    if (!fits) {
      throw new ShapeError(
        `The expanded size of the tensor ${formatShape(x.shape)} must match the existing size ${formatShape(source.shape)} in copy_`,
        "the source must broadcast to the tensor that is written",
      );
    }
  }
  checkInternalOverlap(x, "copy_");
  if (x === source) return x;
  if (source.storage.device !== x.storage.device) return copy_(x, onDeviceOf(x, source));
  const overlapping = x.storage === source.storage;
  return runtime.callInPlace(copyOp, [x, overlapping ? source.clone() : source], null);
}

/** The source on the device of what it is copied to; converted before where only that has the dtype. */
function onDeviceOf(x: Tensor, source: Tensor): Tensor {
  return runtime.moveTo(x.storage.remote === null ? source : toDtype(source, x.dtype), x.device);
}

function broadcastTo(source: Tensor, x: Tensor): readonly number[] {
  return broadcastShapes(x.shape, source.shape);
}

method("clone", clone);
method("contiguous", contiguous);
method("copy_", copy_);
method("toDtype", toDtype);
