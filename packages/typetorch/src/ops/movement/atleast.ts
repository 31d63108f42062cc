/**
 * Tensors with at least so many dimensions.
 */
import { checkArguments } from "../arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";

interface AtLeast {
  (tensor: Tensor): Tensor;
  (tensors: readonly Tensor[]): Tensor[];
  (first: Tensor, second: Tensor, ...others: Tensor[]): Tensor[];
}

/** @__NO_SIDE_EFFECTS__ */
function family(name: string, convert: (x: Tensor) => Tensor): AtLeast {
  const signature = `${name}(Tensor|Tensor[] tensors)`;
  return ((...args: (Tensor | readonly Tensor[])[]) => {
    for (const x of args) checkArguments(signature, x);
    if (args.length === 1 && !Array.isArray(args[0])) return convert(args[0] as Tensor);
    return (args.flat() as Tensor[]).map(convert);
  }) as AtLeast;
}

/**
 * A number becomes a vector of one element; the rest stays. Of several tensors an array. As `torch.atleast_1d`.
 * @example
 * torch.atleast_1d(torch.tensor(3)).shape // [1]
 */
export const atleast_1d = family("atleast_1d", (x) => (x.shape.length === 0 ? x.reshape([1]) : x));
/**
 * Numbers and vectors become matrices of one row. As `torch.atleast_2d`.
 * @example
 * torch.atleast_2d(torch.tensor(3)).shape // [1, 1]
 */
export const atleast_2d = family("atleast_2d", (x) =>
  x.shape.length === 0 ? x.reshape([1, 1]) : x.shape.length === 1 ? x.unsqueeze(0) : x,
);
/**
 * Adds dimensions of size 1 up to three: a vector (n) becomes (1, n, 1), a matrix (m, n) becomes (m, n, 1). As `torch.atleast_3d`.
 * @example
 * torch.atleast_3d(torch.tensor(3)).shape // [1, 1, 1]
 */
export const atleast_3d = family("atleast_3d", (x) => {
  if (x.shape.length === 0) return x.reshape([1, 1, 1]);
  if (x.shape.length === 1) return x.unsqueeze(0).unsqueeze(-1);
  return x.shape.length === 2 ? x.unsqueeze(-1) : x;
});
