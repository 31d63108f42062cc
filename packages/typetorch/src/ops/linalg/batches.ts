/**
 * Batches of matrices for the dense routines: checks, conversion, results.
 */
import type { DType } from "../../core/dtype.ts";
import { kernelName, float64 } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";

/** Throws unless x is (batches of) floating matrices. */
export function checkMatrices(name: string, x: Tensor, square: boolean, letter = "A"): void {
  const rank = x.shape.length;
  if (rank < 2) throw new ShapeError(`${name}: The input tensor ${letter} must have at least 2 dimensions.`);
  if (square && x.shape[rank - 1] !== x.shape[rank - 2])
    throw new ShapeError(
      `${name}: ${letter} must be batches of square matrices, but they are ${x.shape[rank - 2]} by ${x.shape[rank - 1]} matrices`,
    );
  if (!x.dtype.isFloatingPoint)
    throw new DTypeError(
      `${name}: Expected a floating point or complex tensor as input. Got ${kernelName(x.dtype)}`,
      "convert it: x.to(torch.float32)",
    );
  if (x.dtype.itemsize === 2)
    throw new DTypeError(
      `${name}: Low precision dtypes not supported. Got ${kernelName(x.dtype)}`,
      "convert it: x.to(torch.float32)",
    );
}

/** Rows, columns and the leading dimensions. */
export function sizesOf(x: Tensor): { m: number; n: number; batch: readonly number[]; count: number } {
  const rank = x.shape.length;
  const batch = x.shape.slice(0, -2);
  return { m: x.shape[rank - 2]!, n: x.shape[rank - 1]!, batch, count: batch.reduce((a, b) => a * b, 1) };
}

/** The elements as float64, matrix after matrix. */
export function elementsOf(x: Tensor): Float64Array {
  return runtime.withoutGrad(() => toDtype(x.detach(), float64).contiguous().data as Float64Array);
}

/** Float64 elements as a tensor. */
export function tensorOf(elements: Float64Array, shape: readonly number[], dtype: DType): Tensor {
  const out = runtime.empty(shape, float64);
  (out.data as Float64Array).set(elements);
  return runtime.withoutGrad(() => toDtype(out, dtype));
}
