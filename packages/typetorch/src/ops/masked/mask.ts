/**
 * What the masked functions share: the mask in the shape of the input, the value that a masked-out element is replaced by, dimensions.
 */
import { bool } from "../../core/dtype.ts";
import { IndexError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

/** One dimension, several, or all (null, undefined, or none). */
export type MaskedDim = number | readonly number[] | null | undefined;

/** The mask (true: the element counts) in the shape of the input. */
export function inputMask(input: Tensor, mask: Tensor): Tensor {
  if (mask.shape.length > input.shape.length)
    throw new IndexError(
      "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)",
      `the mask has ${mask.shape.length} dimensions, the input ${input.shape.length}`,
    );
  return mask.broadcastTo(input.shape).to(bool);
}

/** The least (`sign` -1) or greatest value of the input's dtype. */
function extreme(input: Tensor, sign: 1 | -1): number | bigint {
  const { dtype } = input;
  if (dtype.isFloatingPoint) return sign * Number.POSITIVE_INFINITY;
  const bits = 8 * dtype.itemsize;
  if (dtype.key === "bool") throw new ValueError("identity of amax on torch.bool input", "convert it: x.to(torch.uint8)");
  if (dtype.key === "u8") return sign > 0 ? 255 : 0;
  if (dtype.key === "i64") return sign > 0 ? 2n ** 63n - 1n : -(2n ** 63n);
  return sign > 0 ? 2 ** (bits - 1) - 1 : -(2 ** (bits - 1));
}

export type Identity = number | "least" | "greatest";

/** The input with the identity of a reduction in the place of what is masked out. */
export function filled(input: Tensor, mask: Tensor | null | undefined, identity: Identity): Tensor {
  if (mask === null || mask === undefined) return input;
  const value = typeof identity === "number" ? identity : extreme(input, identity === "least" ? -1 : 1);
  return input.where(inputMask(input, mask), runtime.newFull(input, [], value, input.dtype));
}

/** Dimensions from 0 on, in order; all where none are given. */
export function reducedDims(dim: MaskedDim, rank: number): number[] {
  if (dim === null || dim === undefined || (Array.isArray(dim) && dim.length === 0))
    return Array.from({ length: rank }, (_, i) => i);
  const size = Math.max(rank, 1);
  const out: number[] = [];
  for (const d of typeof dim === "number" ? [dim] : (dim as readonly number[])) {
    if (out.includes(d)) throw new ValueError(`dim=${d} appears multiple times in the list of dims`);
    if (d >= size || d < -size)
      throw new IndexError(`Dimension out of range (expected to be in range of [${-size}, ${size - 1}], but got ${d})`);
    out.push(d < 0 ? d + size : d);
  }
  return out.sort((a, b) => a - b);
}
