/**
 * Joining tensors: `cat` and `stack`.
 */
import { checkArguments } from "../arguments.ts";
import type { DType } from "../../core/dtype.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { resultType } from "../../core/promotion.ts";
import { formatShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp } from "../op.ts";
import { checkNoOverlap } from "../outputs.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { slice } from "../views/select.ts";
import { copyElements, toDtype } from "./copy.ts";

interface Layout {
  readonly dim: number;
  readonly sizes: readonly number[];
  readonly shape: readonly number[];
  readonly dtype: DType;
}

const catOp = defineOp<Layout>({
  name: "cat",
  complex: true,
  run(inputs, { dim, sizes, shape, dtype }) {
    const out = runtime.empty(shape, dtype);
    runtime.withoutGrad(() => {
      let at = 0;
      inputs.forEach((x, i) => {
        if (sizes[i]! > 0) copyElements(slice(out, dim, at, at + sizes[i]!), x);
        at += sizes[i]!;
      });
    });
    return out;
  },
  backward([g], saved) {
    const { dim, sizes } = saved.attributes;
    let at = 0;
    return sizes.map((n, i) => {
      const start = at;
      at += n;
      if (!saved.needs(i)) return null;
      const shape = saved.inputShape(i);
      const part = shape.length === 1 && shape[0] === 0 ? runtime.full(shape, 0, g!.dtype) : slice(g!, dim, start, at);
      return toDtype(part, saved.inputDtype(i));
    });
  },
});

export interface DimOption extends OutOption {
  dim?: number;
}

/**
 * Joins tensors along a dimension that they have, as `torch.cat`. Empty 1-d tensors are skipped; dtypes are promoted.
 * @example
 * torch.cat([torch.zeros(1, 2), torch.ones(1, 2)]) // tensor([[0., 0.], [1., 1.]])
 */
export function cat(tensors: readonly Tensor[], dim: number | DimOption = 0): Tensor {
  checkArguments("cat(Tensor[] tensors, int|options? dim, {int dim, Tensor out})", tensors, dim);
  const axis = typeof dim === "number" ? dim : (dim.dim ?? 0);
  if (tensors.length === 0) throw new ValueError("torch.cat(): expected a non-empty list of Tensors");
  const isSkipped = (x: Tensor): boolean => x.shape.length === 1 && x.shape[0] === 0;
  const first = tensors.find((x) => !isSkipped(x)) ?? tensors[0]!;
  tensors.forEach((x, i) => {
    if (x.shape.length === 0)
      throw new ShapeError(
        `zero-dimensional tensor (at position ${i}) cannot be concatenated`,
        "use torch.stack for 0-d tensors",
      );
  });
  const d = wrapDim(axis, first.shape.length);
  const sizes = tensors.map((x, i) => {
    if (isSkipped(x) && first.shape.length !== 1) return 0;
    if (x.shape.length !== first.shape.length) {
      throw new ShapeError(`Tensors must have same number of dimensions: got ${first.shape.length} and ${x.shape.length}`);
    }
    x.shape.forEach((n, k) => {
      if (k !== d && n !== first.shape[k]) {
        throw new ShapeError(
          `Sizes of tensors must match except in dimension ${d}. Expected size ${first.shape[k]} but got size ${n} for tensor number ${i} in the list.`,
          `shapes ${formatShape(first.shape)} and ${formatShape(x.shape)}`,
        );
      }
    });
    return x.shape[d]!;
  });
  const shape = [...first.shape];
  shape[d] = sizes.reduce((a, b) => a + b, 0);
  const attributes = { dim: d, sizes, shape, dtype: resultType(tensors) };
  const out = typeof dim === "number" ? undefined : dim.out;
  if (out) checkNoOverlap(tensors, [out]);
  return out ? runtime.callOut(catOp, tensors, attributes, out) : runtime.call(catOp, tensors, attributes);
}
export { cat as concat, cat as concatenate };

/**
 * Joins tensors of one shape along a new dimension, as `torch.stack`.
 * @example
 * torch.stack([torch.zeros(2), torch.ones(2)]) // tensor([[0., 0.], [1., 1.]])
 */
export function stack(tensors: readonly Tensor[], dim: number | DimOption = 0): Tensor {
  checkArguments("stack(Tensor[] tensors, int|options? dim, {int dim, Tensor out})", tensors, dim);
  const axis = typeof dim === "number" ? dim : (dim.dim ?? 0);
  if (tensors.length === 0) throw new ValueError("stack expects a non-empty TensorList");
  const first = tensors[0]!;
  tensors.forEach((x, i) => {
    if (formatShape(x.shape) !== formatShape(first.shape)) {
      throw new ShapeError(
        `stack expects each tensor to be equal size, but got ${formatShape(first.shape)} at entry 0 and ${formatShape(x.shape)} at entry ${i}`,
      );
    }
  });
  const d = wrapDim(axis, first.shape.length + 1);
  const joined = cat(
    tensors.map((x) => x.unsqueeze(d)),
    typeof dim === "number" ? d : { ...dim, dim: d },
  );
  return runtime.named(joined, "StackBackward0");
}
