/**
 * Cutting at places or into so many parts: `tensorSplit`, `hsplit`, `vsplit`, `dsplit`.
 */
import { checkArguments } from "../arguments.ts";
import { OutOfMemoryError, ArgumentTypeError, DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { slice } from "../views/select.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link tensorSplit}. */
    tensorSplit(indicesOrSections: number | readonly number[] | Tensor, dim?: number | { dim?: number }): Tensor[];
    /** See {@link hsplit}. */
    hsplit(indicesOrSections: number | readonly number[]): Tensor[];
    /** See {@link vsplit}. */
    vsplit(indicesOrSections: number | readonly number[]): Tensor[];
    /** See {@link dsplit}. */
    dsplit(indicesOrSections: number | readonly number[]): Tensor[];
  }
}

function cutAt(x: Tensor, places: readonly number[], dim: number): Tensor[] {
  let start = 0;
  const parts = places.map((end) => {
    const part = slice(x, dim, start, end);
    start = end;
    return part;
  });
  parts.push(slice(x, dim, start));
  return parts;
}

/**
 * Views of the parts of a dimension: so many of (nearly) equal size, or cut at the given places. As `torch.tensor_split`.
 * @example
 * torch.tensorSplit(torch.arange(5), 2).map((x) => x.length) // [3, 2]
 */
export function tensorSplit(
  input: Tensor,
  indicesOrSections: number | readonly number[] | Tensor,
  dim?: number | { dim?: number },
): Tensor[] {
  checkArguments(
    "tensor_split(Tensor input, float|Tensor|float[] indicesOrSections, int|options? dim, {int dim})",
    input,
    indicesOrSections,
    dim,
  );
  if (input.shape.length === 0)
    throw new ShapeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  const d = wrapDim((typeof dim === "object" ? dim.dim : dim) ?? 0, input.shape.length);
  let given = indicesOrSections;
  if (runtime.isTensor(given)) {
    if (given.dtype.key !== "i64")
      throw new DTypeError(
        `tensor_split expected tensor_indices_or_sections to have dtype of long, but got ${given.dtype}`,
        "convert it with .long()",
      );
    if (given.shape.length > 1)
      throw new ShapeError(
        `tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with ${given.shape.length} dims`,
      );
    given = given.toArray<number | number[]>();
  }
  if (typeof given !== "number") return cutAt(input, given as readonly number[], d);
  const sections = given;
  if (sections <= 0) throw new ValueError(`number of sections must be larger than 0, got ${sections}`);
  if (sections > 2 ** 24) throw new OutOfMemoryError(`tensor_split: ${sections} parts were asked for`);
  const size = input.shape[d]!;
  const small = Math.floor(size / sections);
  const larger = size % sections;
  const places: number[] = [];
  for (let i = 1, end = 0; i < sections; i++) {
    end += i <= larger ? small + 1 : small;
    places.push(end);
  }
  return cutAt(input, places, d);
}

function along(name: "hsplit" | "vsplit" | "dsplit", least: number, dimOf: (rank: number) => number) {
  const signature = `${name}(Tensor input)`;
  const fn = (input: Tensor, indicesOrSections: number | readonly number[]): Tensor[] => {
    checkArguments(signature, input);
    const rank = input.shape.length;
    if (typeof indicesOrSections !== "number" && !Array.isArray(indicesOrSections))
      throw new ArgumentTypeError(
        `${name}() received an invalid combination of arguments. Expected a number of sections or a list of indices, but got ${typeof indicesOrSections}`,
      );
    if (rank < least)
      throw new ShapeError(
        `torch.${name} requires a tensor with at least ${least} dimension, but got a tensor with ${rank} dimensions!`,
      );
    const d = dimOf(rank);
    const size = input.shape[d]!;
    if (typeof indicesOrSections === "number" && (indicesOrSections === 0 || size % indicesOrSections !== 0))
      throw new ShapeError(
        `torch.${name} attempted to split along dimension ${d}, but the size of the dimension ${size} is not divisible by the split_size ${indicesOrSections}!`,
      );
    return tensorSplit(input, indicesOrSections, d);
  };
  method(name, fn);
  return fn;
}

/**
 * Parts of equal size along columns (of a vector: its only dimension), or cut at places. As `torch.hsplit`.
 * @example
 * torch.hsplit(torch.arange(4), 2)[1] // tensor([2, 3])
 */
export const hsplit = along("hsplit", 1, (rank) => (rank === 1 ? 0 : 1));
/**
 * Parts of equal size along rows, or cut at places. As `torch.vsplit`.
 * @example
 * torch.vsplit(torch.zeros(4, 2), 2)[1]!.shape // [2, 2]
 */
export const vsplit = along("vsplit", 2, () => 0);
/**
 * Parts of equal size along the third dimension, or cut at places. As `torch.dsplit`.
 * @example
 * torch.dsplit(torch.zeros(1, 2, 4), 2)[1]!.shape // [1, 2, 2]
 */
export const dsplit = along("dsplit", 3, () => 2);

method("tensorSplit", tensorSplit);
