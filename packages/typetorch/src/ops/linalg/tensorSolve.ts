/**
 * Inverses and systems of equations of tensors with more dimensions, seen as matrices.
 */
import { ShapeError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { toOut } from "../outputs.ts";
import type { OutOption } from "../unary.ts";
import { inv, solve } from "./inverse.ts";

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function requireSquare(self: Tensor, split: number, name: string): number {
  const [front, back] = [product(self.shape.slice(0, split)), product(self.shape.slice(split))];
  if (front !== back)
    throw new ShapeError(
      `Expected self to satisfy the requirement prod(self.shape[${name}:]) == prod(self.shape[:${name}]), but got ${back} != ${front}`,
    );
  return front;
}

/**
 * The inverse of a tensor as a map from its last dimensions to its first `ind` (default 2): the result has the last ones first, and `tensordot(result, A, ind)` is the
 * identity. As `torch.linalg.tensorinv`.
 * @example
 * torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape // [4, 2, 2]
 */
export function tensorinv(input: Tensor, ind: number | { ind?: number; out?: Tensor } = 2, options?: OutOption): Tensor {
  checkArguments(
    "linalg_tensorinv(Tensor input, int|options? ind, options? options, {int ind, Tensor out})",
    input,
    ind,
    options,
  );
  const o = typeof ind === "object" ? ind : { ind, ...options };
  const split = o.ind ?? 2;
  if (!(split > 0)) throw new ValueError(`Expected a strictly positive integer for 'ind', but got ${split}`);
  const n = requireSquare(input, split, "ind");
  const shape = [...input.shape.slice(split), ...input.shape.slice(0, split)];
  return toOut("linalg_tensorinv", inv(input.reshape([n, n])).reshape(shape), o.out);
}

/**
 * The X with `tensordot(A, X, X.ndim) = B` (`other`), where the first dimensions of A (`input`) are those of B; `dims` are moved to the end first. As
 * `torch.linalg.tensorsolve`.
 * @example
 * torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2)) // tensor([1., 1., 1., 1.])
 */
export function tensorsolve(
  input: Tensor,
  other: Tensor,
  dims: readonly number[] | null | { dims?: readonly number[] | null; out?: Tensor } = null,
  options?: OutOption,
): Tensor {
  checkArguments(
    "linalg_tensorsolve(Tensor input, Tensor other, int[]|None|options? dims, options? options, {int[]|None dims, Tensor out})",
    input,
    other,
    dims,
    options,
  );
  const o =
    dims === null || Array.isArray(dims)
      ? { dims: dims as readonly number[] | null, ...options }
      : (dims as { dims?: readonly number[] | null; out?: Tensor });
  const last = o.dims ?? [];
  const a =
    last.length === 0
      ? input
      : input.movedim(
          [...last],
          last.map((_, i) => input.shape.length - last.length + i),
        );
  const split = other.shape.length;
  const n = requireSquare(a, split, "other.ndim");
  const x = solve(a.reshape([n, n]), other.reshape([n])).reshape(a.shape.slice(split));
  return toOut("linalg_tensorsolve", x, o.out);
}
