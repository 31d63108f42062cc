/**
 * Copies: `clone`, `contiguous`, `copy_`, and conversions of dtype.
 */
import { type DType, dtypes } from "../../core/dtype.ts";
import { ShapeError } from "../../core/errors.ts";
import { broadcastShapes, formatShape, isContiguous, sameShape } from "../../core/shape.ts";
import { type Expr, computeType, input } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { broadcastOperand, checkInternalOverlap, denseStridesLike, sumToShape } from "../pointwise.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** A copy that the gradient flows through, as `Tensor.clone`. Keeps the order of the elements in memory unless `memoryFormat` is 'contiguous'. */
    clone(options?: { memoryFormat?: "preserve" | "contiguous" }): Tensor;
    /** The tensor itself when it is row-major, otherwise a row-major copy. */
    contiguous(): Tensor;
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
  runtime.backendOf(out).map(copySpec(from.dtype, out.dtype), out.shape, [broadcastOperand(from, out.shape)], [out], []);
}

const cloneOp = defineOp<{ preserve: boolean }>({
  name: "clone",
  run([x], { preserve }) {
    const dense = preserve && !isContiguous(x!.shape, x!.strides) && isDense(x!);
    const out = dense
      ? runtime.emptyStrided(x!.shape, denseStridesLike(x!.shape, x!.strides), x!.dtype)
      : runtime.empty(x!.shape, x!.dtype);
    copyElements(out, x!);
    return out;
  },
  backward: ([g]) => [g!],
});

/** Whether the elements cover their memory once, without gaps, in some order. */
export function isDense(x: { shape: readonly number[]; strides: readonly number[] }): boolean {
  const dense = denseStridesLike(x.shape, x.strides);
  return x.shape.every((size, i) => size === 1 || x.strides[i] === dense[i]);
}

const convertOp = defineOp<{ dtype: DType }>({
  name: "to_copy",
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

/** A copy with its own memory, as `torch.clone`. */
export function clone(input: Tensor, options?: { memoryFormat?: "preserve" | "contiguous" }): Tensor {
  return runtime.call(cloneOp, [input], { preserve: options?.memoryFormat !== "contiguous" });
}

function contiguous(x: Tensor): Tensor {
  return isContiguous(x.shape, x.strides) ? x : runtime.call(cloneOp, [x], { preserve: false });
}

/** The elements converted to another dtype; the tensor itself when it has that dtype. @internal */
export function toDtype(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : runtime.call(convertOp, [x], { dtype });
}

function copy_(x: Tensor, source: Tensor): Tensor {
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
  const overlapping = x.storage === source.storage;
  return runtime.callInPlace(copyOp, [x, overlapping ? source.clone() : source], null);
}

function broadcastTo(source: Tensor, x: Tensor): readonly number[] {
  return broadcastShapes(x.shape, source.shape);
}

method("clone", clone);
method("contiguous", contiguous);
method("copy_", copy_);
method("toDtype", toDtype);
