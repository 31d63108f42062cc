/**
 * Views in which dimensions of size 1 are repeated without copying: `expand`, `broadcastTo`, `broadcastTensors`.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { broadcastShapes, formatShape, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method, variadicMethod } from "../methods.ts";
import { defineOp } from "../op.ts";
import { sumToShape } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import { shapeOf } from "./shape.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link expand}. */
    expand(...shape: number[]): Tensor;
    expand(shape: readonly number[]): Tensor;
    expandAs(other: Tensor): Tensor;
    broadcastTo(shape: readonly number[]): Tensor;
    /** See {@link sumToSize}. */
    sumToSize(...shape: number[]): Tensor;
    sumToSize(shape: readonly number[]): Tensor;
  }
}

const expandOp = defineOp<{ shape: readonly number[] }>({
  name: "expand",
  view: true,
  run([x], { shape }) {
    const skip = shape.length - x!.shape.length;
    const strides = shape.map((n, i) => (i < skip || (x!.shape[i - skip] === 1 && n !== 1) ? 0 : x!.strides[i - skip]!));
    return runtime.alias(x!, shape, strides, x!.storageOffset);
  },
  backward: ([g], saved) => [sumToShape(g!, saved.inputShape(0))],
});

/**
 * Repeats dimensions of size 1, and puts new ones in front, without copying; -1 keeps a size. As `Tensor.expand`.
 * @example
 * torch.tensor([[1], [2]]).expand(2, 3) // tensor([[1., 1., 1.], [2., 2., 2.]])
 */
export function expand(x: Tensor, ...args: unknown[]): Tensor {
  checkArguments("expand(Tensor input)", x);
  const wanted = shapeOf(args);
  const skip = wanted.length - x.shape.length;
  if (skip < 0) {
    throw new ShapeError(
      `expand(${formatShape(x.shape)}, size=${formatShape(wanted)}): the number of sizes provided (${wanted.length}) must be greater or equal to the number of dimensions in the tensor (${x.shape.length})`,
    );
  }
  const shape = wanted.map((n, i) => {
    const have = i < skip ? null : x.shape[i - skip]!;
    if (n === -1) {
      if (have === null)
        throw new ShapeError(`The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ${i}`);
      return have;
    }
    if (have !== null && have !== 1 && have !== n) {
      throw new ShapeError(
        `The expanded size of the tensor (${n}) must match the existing size (${have}) at non-singleton dimension ${i}.  Target sizes: ${formatShape(wanted)}.  Tensor sizes: ${formatShape(x.shape)}`,
      );
    }
    return n;
  });
  return runtime.call(expandOp, [x], { shape });
}

/**
 * The tensor expanded to a shape, as `torch.broadcast_to`.
 * @example
 * torch.broadcastTo(torch.tensor([1, 2]), [2, 2]) // tensor([[1., 2.], [1., 2.]])
 */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  checkArguments("broadcast_to(Tensor x, float[] shape)", x, shape);
  return expand(x, shape);
}

/**
 * All tensors expanded to the shape that they broadcast to, as `torch.broadcast_tensors`.
 * @example
 * torch.broadcastTensors(torch.zeros(3, 1), torch.zeros(2))[0]!.shape // [3, 2]
 */
export function broadcastTensors(...tensors: Tensor[]): Tensor[] {
  checkArguments("broadcast_tensors(Tensor[] tensors)", tensors);
  const shape = tensors.reduce<readonly number[]>((s, x) => broadcastShapes(s, x.shape), []);
  return tensors.map((x) => expand(x, shape));
}

/**
 * The sum over the dimensions that broadcasting from `shape` would stretch, as `Tensor.sum_to_size`.
 * @example
 * torch.ones(2, 3).sumToSize(1, 3) // tensor([[2., 2., 2.]])
 */
export function sumToSize(x: Tensor, ...args: unknown[]): Tensor {
  checkArguments("sum_to_size(Tensor input)", x);
  const shape = shapeOf(args);
  let fits = shape.length <= x.shape.length;
  if (fits) {
    try {
      fits = sameShape(broadcastShapes(shape, x.shape), x.shape);
    } catch {
      fits = false;
    }
  }
  if (!fits) throw new ShapeError(`size {${formatShape(shape)}} is not expandable to size {${formatShape(x.shape)}}.`);
  return sumToShape(x, shape);
}

variadicMethod("expand", expand);
method("expandAs", (x: Tensor, other: Tensor) => {
  checkArguments("expand_as(Tensor x, Tensor other)", x, other);
  return expand(x, other.shape);
});
method("broadcastTo", broadcastTo);
variadicMethod("sumToSize", sumToSize);
