/**
 * Copies side by side: `repeat`, `tile`, `repeatInterleave`.
 */
import { checkArguments } from "../arguments.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { integers, wordsOf } from "../indexing/integers.ts";
import { method, variadicMethod } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { shapeOf } from "../views/shape.ts";

export interface RepeatInterleaveOptions {
  repeats?: number | Tensor;
  dim?: number | null;
  /** The size of the result along `dim`; saves nothing here. */
  outputSize?: number | null;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link repeat}. */
    repeat(...repeats: number[]): Tensor;
    repeat(repeats: readonly number[]): Tensor;
    /** See {@link tile}. */
    tile(...dims: number[]): Tensor;
    tile(dims: readonly number[]): Tensor;
    /** See {@link repeatInterleave}. */
    repeatInterleave(repeats: number | Tensor | RepeatInterleaveOptions, dim?: number | null | RepeatInterleaveOptions): Tensor;
  }
}

/**
 * The tensor `repeats[d]` times along each dimension; more repeats than dimensions make new ones in front. As `Tensor.repeat`.
 * @example
 * torch.tensor([1, 2]).repeat(2, 2) // tensor([[1., 2., 1., 2.], [1., 2., 1., 2.]])
 */
export function repeat(input: Tensor, ...args: unknown[]): Tensor {
  checkArguments("repeat(Tensor input)", input);
  const repeats = shapeOf(args);
  const rank = repeats.length;
  if (rank < input.shape.length)
    throw new ShapeError(
      "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
      `repeats ${formatShape(repeats)} for a tensor of shape ${formatShape(input.shape)}`,
    );
  const shape = [...new Array<number>(rank - input.shape.length).fill(1), ...input.shape];
  const result = repeats.map((n, d) => n * shape[d]!);
  if (repeats.some((n) => n < 0))
    throw new ShapeError(`Trying to create tensor with negative dimension ${Math.min(...result)}: ${formatShape(result)}`);
  if (result.some((n) => n === 0)) {
    // Nothing is copied, but the result keeps its place in the graph.
    return input.expand(shape).reshape([-1]).narrow(0, 0, 0).view(result);
  }
  const interleaved = shape.flatMap((n) => [1, n]);
  const wide = repeats.flatMap((n, d) => [n, shape[d]!]);
  return input.reshape(interleaved).expand(wide).clone({ memoryFormat: "contiguous" }).view(result);
}

/**
 * {@link repeat} in which missing counts are 1, as `torch.tile`.
 * @example
 * torch.tile(torch.tensor([1, 2]), [2]) // tensor([1., 2., 1., 2.])
 */
export function tile(input: Tensor, ...args: unknown[]): Tensor {
  checkArguments("tile(Tensor input)", input);
  const dims = shapeOf(args);
  return repeat(input, [...new Array<number>(Math.max(0, input.shape.length - dims.length)).fill(1), ...dims]);
}

/** Each position as often as `repeats` says. */
function repeatedPositions(repeats: Tensor): Tensor {
  if (repeats.dtype.key !== "i64" && repeats.dtype.key !== "i32")
    throw new DTypeError("repeats has to be Long or Int tensor", `it is ${repeats.dtype}; use repeats.long()`);
  const words = wordsOf(runtime.withoutGrad(() => repeats.long().contiguous()));
  let total = 0;
  for (let k = 0; k < words.length; k += 2) {
    if (words[k + 1]! < 0) throw new ValueError("repeats can not be negative");
    total += words[k + 1]! * 4294967296 + (words[k]! >>> 0);
  }
  let at = -1;
  let left = 0;
  return integers(repeats, [total], () => {
    while (left === 0) left = words[2 * ++at]! >>> 0;
    left--;
    return at;
  });
}

/**
 * Every element of a dimension several times in a row: a number of times, or as often as an int64 tensor says for each. Without `dim` the tensor is flattened.
 * With only a tensor of counts, the positions themselves. As `torch.repeat_interleave`.
 * @example
 * torch.repeatInterleave(torch.tensor([1, 2]), 2) // tensor([1., 1., 2., 2.])
 */
export function repeatInterleave(
  input: Tensor,
  repeats?: number | Tensor | RepeatInterleaveOptions,
  dim?: number | null | RepeatInterleaveOptions,
): Tensor {
  checkArguments(
    "repeat_interleave(Tensor input, int|Tensor|options? repeats, int|options|None? dim, {int|Tensor repeats, int|None dim, int|None outputSize})",
    input,
    repeats,
    dim,
  );
  const isOptions = typeof repeats === "object" && repeats !== null && !runtime.isTensor(repeats);
  const o: RepeatInterleaveOptions = isOptions ? repeats : typeof dim === "object" && dim !== null ? dim : { dim };
  const counts = isOptions ? repeats.repeats : (repeats ?? o.repeats);
  if (counts === undefined || counts === null) {
    if (input.shape.length !== 1) throw new ShapeError("repeat_interleave only accept 1D vector as repeat");
    return repeatedPositions(input);
  }
  const flat = o.dim === undefined || o.dim === null;
  const x = flat ? input.flatten() : input.shape.length === 0 ? input.reshape([1]) : input;
  const d = flat ? 0 : wrapDim(o.dim!, input.shape.length);
  if (runtime.isTensor(counts)) {
    if (counts.shape.length > 1) throw new ShapeError("repeats must be 0-dim or 1-dim tensor");
    const n = x.shape[d]!;
    const single = counts.shape.length === 0 || (counts.shape[0] === 1 && n !== 1);
    if (!single && counts.shape[0] !== n) throw new ShapeError("repeats must have the same size as input along dim");
    return x.indexSelect(d, repeatedPositions(single ? counts.reshape([1]).expand([n]) : counts));
  }
  if (counts < 0) throw new ValueError("Repeats must be non-negative");
  const shape = [...x.shape];
  shape[d] = shape[d]! * counts;
  const wide = [...x.shape.slice(0, d + 1), counts, ...x.shape.slice(d + 1)];
  return x
    .unsqueeze(d + 1)
    .expand(wide)
    .clone({ memoryFormat: "contiguous" })
    .view(shape);
}

variadicMethod("repeat", repeat as (...args: never[]) => unknown);
variadicMethod("tile", tile as (...args: never[]) => unknown);
method("repeatInterleave", repeatInterleave);
