/**
 * A copy of a tensor with one part replaced: `selectScatter`, `sliceScatter`, `diagonalScatter`, `asStridedScatter`.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { diagonal, select, slice } from "../views/select.ts";
import { asStrided } from "../views/strided.ts";

export interface SliceScatterOptions {
  dim?: number;
  start?: number | null;
  end?: number | null;
  step?: number;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link selectScatter}. */
    selectScatter(src: Tensor, dim: number, index: number): Tensor;
    /** See {@link sliceScatter}. */
    sliceScatter(
      src: Tensor,
      dim?: number | SliceScatterOptions,
      start?: number | null,
      end?: number | null,
      step?: number,
    ): Tensor;
    /** See {@link diagonalScatter}. */
    diagonalScatter(
      src: Tensor,
      offset?: number | { offset?: number; dim1?: number; dim2?: number },
      dim1?: number,
      dim2?: number,
    ): Tensor;
    /** See {@link asStridedScatter}. */
    asStridedScatter(
      src: Tensor,
      size: readonly number[],
      stride: readonly number[],
      storageOffset?: number | { storageOffset?: number | null } | null,
    ): Tensor;
  }
}

interface Part {
  readonly take: (x: Tensor) => Tensor;
}

const op: Op<Part> = defineOp<Part>({
  name: "view_scatter",
  run([x, src], { take }) {
    return runtime.withoutGrad(() => {
      const out = x!.clone({ memoryFormat: "contiguous" });
      take(out).copy_(src!);
      return out;
    });
  },
  backward([g], saved) {
    const { take } = saved.attributes;
    let gx: Tensor | null = null;
    if (saved.needs(0)) gx = runtime.call(op, [g!, runtime.full(saved.inputShape(1), 0, g!.dtype)], { take });
    return [gx, saved.needs(1) ? take(g!.contiguous()).contiguous() : null];
  },
});

function replace(x: Tensor, src: Tensor, take: (x: Tensor) => Tensor, what: string): Tensor {
  const part = runtime.withoutGrad(() => take(x));
  if (!sameShape(part.shape, src.shape))
    throw new ShapeError(
      `expected src to have a size equal to the slice of self. src size = ${formatShape(src.shape)}, slice size = ${formatShape(part.shape)}`,
      `${what} writes a part of its own shape`,
    );
  return runtime.call(op, [x, src], { take });
}

/**
 * `input` with `src` in place of one index of a dimension. As `torch.select_scatter`.
 * @example
 * torch.selectScatter(torch.zeros(2, 2), torch.tensor([1, 2]), 0, 1) // tensor([[0., 0.], [1., 2.]])
 */
export function selectScatter(input: Tensor, src: Tensor, dim: number, index: number): Tensor {
  checkArguments("select_scatter(Tensor input, Tensor src, int dim, int index)", input, src, dim, index);
  return replace(input, src, (x) => select(x, dim, index), "select_scatter");
}

/**
 * `input` with `src` in place of a slice of a dimension. As `torch.slice_scatter`.
 * @example
 * torch.sliceScatter(torch.zeros(4), torch.ones(2), { start: 1, end: 3 }) // tensor([0., 1., 1., 0.])
 */
export function sliceScatter(
  input: Tensor,
  src: Tensor,
  dim?: number | SliceScatterOptions,
  start?: number | null,
  end?: number | null,
  step?: number,
): Tensor {
  checkArguments(
    "slice_scatter(Tensor input, Tensor src, int|options? dim, int|None? start, int|None? end, int? step, {int dim, int|None start, int|None end, int step})",
    input,
    src,
    dim,
    start,
    end,
    step,
  );
  const o: SliceScatterOptions = typeof dim === "object" ? dim : { dim, start, end, step };
  return replace(input, src, (x) => slice(x, o.dim ?? 0, o.start ?? null, o.end ?? null, o.step ?? 1), "slice_scatter");
}

/**
 * `input` with `src` in place of a diagonal. As `torch.diagonal_scatter`.
 * @example
 * torch.diagonalScatter(torch.zeros(2, 2), torch.tensor([1, 2])) // tensor([[1., 0.], [0., 2.]])
 */
export function diagonalScatter(
  input: Tensor,
  src: Tensor,
  offset?: number | { offset?: number; dim1?: number; dim2?: number },
  dim1?: number,
  dim2?: number,
): Tensor {
  checkArguments(
    "diagonal_scatter(Tensor input, Tensor src, int|options? offset, int? dim1, int? dim2, {int offset, int dim1, int dim2})",
    input,
    src,
    offset,
    dim1,
    dim2,
  );
  const o = typeof offset === "object" ? offset : { offset, dim1, dim2 };
  return replace(input, src, (x) => diagonal(x, o), "diagonal_scatter");
}

/**
 * `input` with `src` in place of a strided part. As `torch.as_strided_scatter`.
 * @example
 * torch.asStridedScatter(torch.zeros(2, 2), torch.ones(2), [2], [3]) // tensor([[1., 0.], [0., 1.]])
 */
export function asStridedScatter(
  input: Tensor,
  src: Tensor,
  size: readonly number[],
  stride: readonly number[],
  storageOffset?: number | { storageOffset?: number | null } | null,
): Tensor {
  checkArguments(
    "as_strided_scatter(Tensor input, Tensor src, int[] size, int[] stride, int|options|None? storageOffset, {int|None storageOffset})",
    input,
    src,
    size,
    stride,
    storageOffset,
  );
  const offset = (typeof storageOffset === "object" ? storageOffset?.storageOffset : storageOffset) ?? input.storageOffset;
  // Strides count in the storage; the copy and the gradient have one of their own, row-major.
  const relative = offset - input.storageOffset;
  return replace(input, src, (x) => asStrided(x, size, stride, x.storageOffset + relative), "as_strided_scatter");
}

method("selectScatter", selectScatter);
method("sliceScatter", sliceScatter);
method("diagonalScatter", diagonalScatter);
method("asStridedScatter", asStridedScatter);
