/**
 * Products of several matrices: `multiDot`, `chainMatmul`, `matrixPower`.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { eye } from "../factory/range.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { inv } from "./inverse.ts";
import { matmul, mm } from "./matmul.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link matrixPower}. */
    matrixPower(n: number): Tensor;
  }
}

/** The order of multiplication with the fewest operations: where to cut the product of matrices i to j. */
function cuts(sizes: readonly number[]): number[][] {
  const n = sizes.length - 1;
  const cost = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  const cut = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let length = 2; length <= n; length++) {
    for (let i = 0; i + length <= n; i++) {
      const j = i + length - 1;
      cost[i]![j] = Infinity;
      for (let k = i; k < j; k++) {
        const c = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!;
        if (c < cost[i]![j]!) {
          cost[i]![j] = c;
          cut[i]![j] = k;
        }
      }
    }
  }
  return cut;
}

function multiplyAll(matrices: readonly Tensor[]): Tensor {
  const cut = cuts([matrices[0]!.shape[0]!, ...matrices.map((m) => m.shape[1]!)]);
  const product = (i: number, j: number): Tensor =>
    i === j ? matrices[i]! : mm(product(i, cut[i]![j]!), product(cut[i]![j]! + 1, j));
  return product(0, matrices.length - 1);
}

/**
 * The product of two or more matrices in the order that costs least; the first and the last may be vectors. As `torch.linalg.multi_dot`.
 * @example
 * torch.linalg.multiDot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)]).shape // [2, 1]
 */
export function multiDot(tensors: readonly Tensor[], options?: OutOption): Tensor {
  checkArguments("linalg_multi_dot(Tensor[] tensors, options? options, {Tensor out})", tensors, options);
  const n = tensors.length;
  if (n < 2) throw new ValueError(`multi_dot(): expected at least 2 tensors but got ${n}`);
  const first = tensors[0]!;
  const last = tensors[n - 1]!;
  if (first.shape.length !== 1 && first.shape.length !== 2)
    throw new ShapeError(`multi_dot(): the first tensor must be 1D or 2D but got ${first.shape.length}D`);
  if (last.shape.length !== 1 && last.shape.length !== 2)
    throw new ShapeError(`multi_dot(): the last tensor must be 1D or 2D but got ${last.shape.length}D`);
  for (let i = 1; i < n - 1; i++)
    if (tensors[i]!.shape.length !== 2)
      throw new ShapeError(`multi_dot(): tensor ${i} must be 2D but got ${tensors[i]!.shape.length}D`);
  const matrices = tensors.map((x, i) => (x.shape.length === 2 ? x : x.unsqueeze(i === 0 ? 0 : 1)));
  for (let i = 1; i < n; i++) {
    if (tensors[i]!.dtype !== first.dtype)
      throw new ValueError(
        `multi_dot(): all tensors must have be the same dtype but tensor 0 is ${first.dtype} and tensor ${i} ${tensors[i]!.dtype}`,
      );
    if (matrices[i - 1]!.shape[1] !== matrices[i]!.shape[0])
      throw new ShapeError(
        `multi_dot(): tensors ${i - 1} and ${i} with shapes ${formatShape(tensors[i - 1]!.shape)} and ${formatShape(tensors[i]!.shape)} cannot be multiplied`,
      );
  }
  let result = multiplyAll(matrices);
  if (last.shape.length === 1) result = result.squeeze(1);
  if (first.shape.length === 1) result = result.squeeze(0);
  return toOut("linalg_multi_dot", result, options?.out);
}

/**
 * The product of matrices in the order that costs least, as `torch.chain_matmul`.
 * @example
 * torch.chainMatmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).shape // [2, 1]
 */
export function chainMatmul(...matrices: Tensor[]): Tensor {
  checkArguments("chain_matmul(Tensor[] matrices)", matrices);
  if (matrices.length === 0) throw new ValueError("chain_matmul(): Expected one or more matrices");
  return matrices.length === 1 ? matrices[0]!.clone() : multiDot(matrices);
}

/**
 * A square matrix (or each of a batch) multiplied by itself n times. With a negative n, its inverse. As `torch.matrix_power`.
 * @example
 * torch.matrixPower(torch.eye(2).mul(2), 3) // tensor([[8., 0.], [0., 8.]])
 */
export function matrixPower(input: Tensor, n: number, options?: OutOption): Tensor {
  checkArguments("matrix_power(Tensor input, int n, options? options, {Tensor out})", input, n, options);
  const rank = input.shape.length;
  if (rank < 2) throw new ShapeError("linalg.matrix_power: The input tensor A must have at least 2 dimensions.");
  const [rows, columns] = [input.shape[rank - 2]!, input.shape[rank - 1]!];
  if (rows !== columns)
    throw new ShapeError(
      `linalg.matrix_power: A must be batches of square matrices, but they are ${rows} by ${columns} matrices`,
    );
  if (n < 0) {
    const result = matrixPower(inv(input), -n);
    return toOut("matrix_power", result, options?.out);
  }
  let result: Tensor | null = null;
  let square = input;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result === null ? square : matmul(result, square);
    if (rest > 1) square = matmul(square, square);
  }
  if (result === null) {
    const one = eye(rows, { dtype: input.dtype, device: input.device });
    result = one.expand(input.shape).clone({ memoryFormat: "contiguous" });
    // The identity does not depend on the input, but its place in the graph does.
    if (runtime.recording([input])) result = result.add(input.mul(0).where(input.ne(input).logicalNot(), 0));
  } else if (result === input) result = input.clone();
  return toOut("matrix_power", result, options?.out);
}
method("matrixPower", matrixPower);
