/**
 * Joining by shape: `hstack`, `vstack`, `dstack`, `columnStack`, `blockDiag`.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { resultType } from "../../core/promotion.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { copyElements, toDtype } from "../memory/copy.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { atleast_1d, atleast_2d, atleast_3d } from "./atleast.ts";

function joined(name: string, tensors: readonly Tensor[], dim: number, options: OutOption | undefined): Tensor {
  if (tensors.length === 0) throw new ValueError(`${name} expects a non-empty TensorList`);
  return cat(tensors, { dim, ...options });
}

/**
 * Joins along columns (dimension 1; dimension 0 of vectors), as `torch.hstack`.
 * @example
 * torch.hstack([torch.tensor([1]), torch.tensor([2, 3])]) // tensor([1., 2., 3.])
 */
export function hstack(tensors: readonly Tensor[], options?: OutOption): Tensor {
  checkArguments("hstack(Tensor[] tensors, options? options, {Tensor out})", tensors, options);
  const list = tensors.map((x) => atleast_1d(x));
  return joined("hstack", list, list[0]?.shape.length === 1 ? 0 : 1, options);
}
/**
 * Joins along rows; vectors become rows. As `torch.vstack`.
 * @example
 * torch.rowStack([torch.tensor([1, 2]), torch.tensor([3, 4])]) // tensor([[1., 2.], [3., 4.]])
 */
export function vstack(tensors: readonly Tensor[], options?: OutOption): Tensor {
  checkArguments("row_stack(Tensor[] tensors, options? options, {Tensor out})", tensors, options);
  return joined(
    "vstack",
    tensors.map((x) => atleast_2d(x)),
    0,
    options,
  );
}
export { vstack as rowStack };
/**
 * Joins along the third dimension, as `torch.dstack`.
 * @example
 * torch.dstack([torch.tensor([1, 2]), torch.tensor([3, 4])]).shape // [1, 2, 2]
 */
export function dstack(tensors: readonly Tensor[], options?: OutOption): Tensor {
  checkArguments("dstack(Tensor[] tensors, options? options, {Tensor out})", tensors, options);
  return joined(
    "dstack",
    tensors.map((x) => atleast_3d(x)),
    2,
    options,
  );
}
/**
 * Joins along columns; vectors become columns. As `torch.column_stack`.
 * @example
 * torch.columnStack([torch.tensor([1, 2]), torch.tensor([3, 4])]) // tensor([[1., 3.], [2., 4.]])
 */
export function columnStack(tensors: readonly Tensor[], options?: OutOption): Tensor {
  checkArguments("column_stack(Tensor[] tensors, options? options, {Tensor out})", tensors, options);
  const list = tensors.map((x) => (x.shape.length <= 1 ? x.reshape([x.numel(), 1]) : x));
  return joined("column_stack", list, 1, options);
}

const blockOp = defineOp<{ sizes: readonly (readonly [number, number])[] }>({
  name: "block_diag",
  run(inputs, { sizes }) {
    let rows = 0;
    let columns = 0;
    for (const [r, c] of sizes) {
      rows += r;
      columns += c;
    }
    const out = runtime.full([rows, columns], 0, resultType(inputs));
    runtime.withoutGrad(() => {
      let row = 0;
      let column = 0;
      inputs.forEach((x, i) => {
        const [r, c] = sizes[i]!;
        if (r * c > 0) copyElements(out.narrow(0, row, r).narrow(1, column, c), x.reshape([r, c]));
        row += r;
        column += c;
      });
    });
    return out;
  },
  backward([g], saved) {
    let row = 0;
    let column = 0;
    return saved.attributes.sizes.map(([r, c], i) => {
      const part = g!.narrow(0, row, r).narrow(1, column, c);
      row += r;
      column += c;
      return saved.needs(i) ? toDtype(part.reshape(saved.inputShape(i)), saved.inputDtype(i)) : null;
    });
  },
});

/**
 * The matrix with the given ones along its diagonal; vectors are rows, numbers 1 x 1. As `torch.block_diag`.
 * @example
 * torch.blockDiag(torch.tensor([[1, 2]]), torch.tensor([[3]])) // tensor([[1., 2., 0.], [0., 0., 3.]])
 */
export function blockDiag(...args: (Tensor | readonly Tensor[])[]): Tensor {
  const tensors = args.flat() as Tensor[];
  checkArguments("block_diag(Tensor[] tensors)", tensors);
  const sizes = tensors.map((x, i): readonly [number, number] => {
    if (x.shape.length > 2)
      throw new ShapeError(
        `torch.block_diag: Input tensors must have 2 or fewer dimensions. Input ${i} has ${x.shape.length} dimensions`,
        `its shape is ${formatShape(x.shape)}`,
      );
    return x.shape.length === 2 ? [x.shape[0]!, x.shape[1]!] : [1, x.numel()];
  });
  if (tensors.length === 0) return runtime.empty([1, 0], resultType([0.5]));
  return runtime.call(blockOp, tensors, { sizes });
}
