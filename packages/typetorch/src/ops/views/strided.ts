/**
 * `asStrided`: a view with any shape and strides, and the scatter of its gradient. Gradients of in-place changes through views are built on it.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, numelOf } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { arange } from "../factory/range.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link asStrided}. */
    asStrided(size: readonly number[], stride: readonly number[], storageOffset?: number | { storageOffset?: number }): Tensor;
    asStrided_(size: readonly number[], stride: readonly number[], storageOffset?: number | { storageOffset?: number }): this;
  }
}

interface Geometry {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  /** Position of the first element in the storage; null: where the input's is. */
  readonly storageOffset: number | null;
}

/** Elements between the first and the last that a geometry reaches, plus one. */
export function spanOf(size: readonly number[], stride: readonly number[]): number {
  let last = 0;
  for (let i = 0; i < size.length; i++) {
    if (size[i] === 0) return 0;
    last += (size[i]! - 1) * stride[i]!;
  }
  return last + 1;
}

/** @internal */
export const asStridedOp = defineOp<Geometry & { inputStrides: readonly number[]; inputOffset: number }>({
  name: "as_strided",
  view: true,
  run([x], { size, stride, storageOffset }) {
    return runtime.alias(x!, size, stride, storageOffset ?? x!.storageOffset);
  },
  backward([g], saved) {
    const { size, stride, storageOffset, inputStrides, inputOffset } = saved.attributes;
    const shape = saved.inputShape(0);
    // Work in a storage that holds the input's elements where they lay, and read the gradient from it with the input's strides.
    const offset = storageOffset ?? inputOffset;
    const low = Math.min(offset, inputOffset);
    const n = Math.max(offset + spanOf(size, stride), inputOffset + spanOf(shape, inputStrides)) - low;
    const flat = runtime.full([n], 0, g!.dtype);
    let result: Tensor;
    if (overlaps(size, stride)) {
      const positions = arange(n).asStrided(size, stride, offset - low);
      result = flat.indexAdd(0, positions.reshape([-1]), g!.reshape([-1]));
    } else {
      flat.asStrided(size, stride, offset - low).copy_(g!);
      result = flat;
    }
    const gx = result.asStrided(shape, inputStrides, inputOffset - low);
    if (!overlaps(shape, inputStrides)) return [gx];
    // Elements of the input that share memory share the gradient.
    const count = runtime.full([n], 0, g!.dtype).indexAdd(
      0,
      arange(n)
        .asStrided(shape, inputStrides, inputOffset - low)
        .reshape([-1]),
      runtime.full([numelOf(shape)], 1, g!.dtype),
    );
    return [gx.div(count.asStrided(shape, inputStrides, inputOffset - low))];
  },
});

/** Whether some elements of a geometry may be one memory location. */
export function overlaps(size: readonly number[], stride: readonly number[]): boolean {
  const order = size.map((_, i) => i).filter((i) => size[i]! > 1);
  if (size.some((s) => s === 0)) return false;
  order.sort((a, b) => stride[a]! - stride[b]!);
  let reach = 0;
  for (const i of order) {
    if (stride[i]! <= reach) return true;
    reach += (size[i]! - 1) * stride[i]!;
  }
  return false;
}

/**
 * A view of the storage with the given shape and strides (in elements), as `torch.as_strided`. Throws when it would reach outside of the storage.
 * @example
 * torch.arange(6).asStrided([2, 2], [1, 2]) // tensor([[0, 2], [1, 3]])
 */
export function asStrided(
  input: Tensor,
  size: readonly number[],
  stride: readonly number[],
  storageOffset?: number | { storageOffset?: number },
): Tensor {
  checkArguments(
    "as_strided(Tensor input, int[] size, int[] stride, int|options? storageOffset, {int storageOffset})",
    input,
    size,
    stride,
    storageOffset,
  );
  const offset = typeof storageOffset === "object" ? storageOffset?.storageOffset : storageOffset;
  checkGeometry(input, size, stride, offset ?? input.storageOffset);
  return runtime.call(asStridedOp, [input], {
    size: [...size],
    stride: [...stride],
    storageOffset: offset ?? null,
    inputStrides: input.strides,
    inputOffset: input.storageOffset,
  });
}

function checkGeometry(x: Tensor, size: readonly number[], stride: readonly number[], offset: number): void {
  if (size.length !== stride.length)
    throw new ShapeError("mismatch in length of strides and shape", `sizes ${formatShape(size)}, strides ${formatShape(stride)}`);
  if (stride.some((s) => s < 0))
    throw new ShapeError(`as_strided: Negative strides are not supported at the moment, got strides: ${formatShape(stride)}`);
  if (size.some((s) => s < 0))
    throw new ShapeError(
      `Storage size calculation overflowed with sizes=${formatShape(size)} and strides=${formatShape(stride)}`,
    );
  if (offset < 0 || !Number.isInteger(offset)) throw new ValueError(`Tensor: invalid storage offset ${offset}`);
  const needed = (offset + spanOf(size, stride)) * x.dtype.itemsize;
  if (spanOf(size, stride) > 0 && needed > x.storage.nbytes) {
    throw new ShapeError(
      `setStorage: sizes ${formatShape(size)}, strides ${formatShape(stride)}, storage offset ${offset}, and itemsize ${x.dtype.itemsize} requiring a storage size of ${needed} are out of bounds for storage of size ${x.storage.nbytes}`,
    );
  }
}

function asStrided_(
  x: Tensor,
  size: readonly number[],
  stride: readonly number[],
  storageOffset?: number | { storageOffset?: number },
): Tensor {
  checkArguments(
    "as_strided_(Tensor x, int[] size, int[] stride, int|options? storageOffset, {int storageOffset})",
    x,
    size,
    stride,
    storageOffset,
  );
  const offset = (typeof storageOffset === "object" ? storageOffset?.storageOffset : storageOffset) ?? x.storageOffset;
  checkGeometry(x, size, stride, offset);
  x.shape = [...size];
  x.strides = [...stride];
  x.storageOffset = offset;
  return x;
}

method("asStrided", asStrided);
method("asStrided_", asStrided_);
