/**
 * All combinations of elements: `meshgrid`, `cartesianProd`, `combinations`.
 */
import { checkArguments } from "../arguments.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { integers } from "../indexing/integers.ts";
import { stack } from "../memory/cat.ts";
import { runtime } from "../runtime.ts";

export interface MeshgridOptions {
  /** 'ij': dimensions in the order of the vectors; 'xy': the first two exchanged. */
  indexing?: "ij" | "xy";
}

/**
 * Grids of coordinates: for vectors of sizes m, n, … tensors (m, n, …) in which each vector runs along its own dimension. As `torch.meshgrid`.
 * @example
 * torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4]))[1] // tensor([[3., 4.], [3., 4.]])
 */
export function meshgrid(...args: (Tensor | readonly Tensor[] | MeshgridOptions)[]): Tensor[] {
  const last = args[args.length - 1];
  const hasOptions = last !== undefined && !runtime.isTensor(last) && !Array.isArray(last);
  const indexing = hasOptions ? ((last as MeshgridOptions).indexing ?? "ij") : "ij";
  const tensors = (hasOptions ? args.slice(0, -1) : args).flat() as Tensor[];
  checkArguments("meshgrid(Tensor[] tensors)", tensors);
  if (tensors.length === 0) throw new ValueError("meshgrid expects a non-empty TensorList");
  if (indexing !== "ij" && indexing !== "xy")
    throw new ValueError(`torch.meshgrid: indexing must be one of "xy" or "ij", but received: ${String(indexing)}`);
  tensors.forEach((x) => {
    if (x.shape.length > 1)
      throw new ShapeError(
        `torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape ${formatShape(x.shape)}`,
      );
    if (x.dtype !== tensors[0]!.dtype)
      throw new DTypeError("torch.meshgrid expects all tensors to have the same dtype", `${x.dtype}, ${tensors[0]!.dtype}`);
  });
  const exchanged = indexing === "xy" && tensors.length >= 2;
  const order = exchanged ? [tensors[1]!, tensors[0]!, ...tensors.slice(2)] : tensors;
  const shape = order.map((x) => x.numel());
  const grids = order.map((x, d) => x.reshape(shape.map((n, k) => (k === d ? n : 1))).expand(shape));
  return exchanged ? [grids[1]!, grids[0]!, ...grids.slice(2)] : grids;
}

/**
 * All combinations of one element of each vector, one row each. As `torch.cartesian_prod`.
 * @example
 * torch.cartesianProd(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor([[1., 3.], [1., 4.], [2., 3.], [2., 4.]])
 */
export function cartesianProd(...args: (Tensor | readonly Tensor[])[]): Tensor {
  const tensors = args.flat() as Tensor[];
  checkArguments("cartesian_prod(Tensor[] tensors)", tensors);
  for (const x of tensors)
    if (x.shape.length !== 1) throw new ShapeError(`Expect a 1D vector, but got shape ${formatShape(x.shape)}`);
  if (tensors.length === 1) return tensors[0]!;
  return stack(
    meshgrid(tensors).map((x) => x.flatten()),
    1,
  );
}

/**
 * All ways to take r elements of a vector, in order, one row each. As `torch.combinations`.
 * @example
 * torch.combinations(torch.tensor([1, 2, 3])) // tensor([[1., 2.], [1., 3.], [2., 3.]])
 */
export function combinations(
  input: Tensor,
  r: number | { r?: number; withReplacement?: boolean } = 2,
  withReplacement = false,
): Tensor {
  checkArguments(
    "combinations(Tensor input, int|options? r, bool? withReplacement, {int r, bool withReplacement})",
    input,
    r,
    withReplacement,
  );
  const o = typeof r === "object" ? r : { r, withReplacement };
  const count = o.r ?? 2;
  if (input.shape.length !== 1) throw new ShapeError(`Expect a 1D vector, but got shape ${formatShape(input.shape)}`);
  if (count < 0) throw new ValueError(`Expect a non-negative number, but got ${count}`);
  if (count === 0) return runtime.newEmpty(input, [0], input.dtype);
  const n = input.shape[0]!;
  const none = count > n && !(o.withReplacement && n > 0);
  if (!none && count > 10_000) {
    throw new ValueError(`combinations: the sets of ${count} of ${n} elements do not fit in memory`);
  }
  const places: number[] = [];
  const chosen: number[] = [];
  const choose = (depth: number, from: number): void => {
    if (depth === count) {
      places.push(...chosen);
      return;
    }
    for (let i = from; i < n; i++) {
      chosen[depth] = i;
      choose(depth + 1, o.withReplacement ? i : i + 1);
    }
  };
  if (!none) choose(0, 0);
  return input
    .indexSelect(
      0,
      integers(input, [places.length], (k) => places[k]!),
    )
    .view([places.length / count, count]);
}
