/**
 * Views of a part: `select`, `narrow`, slices, `split`, `chunk`, `unbind`, `diagonal`, `unfold`.
 */
import { checkArguments } from "../arguments.ts";
import { IndexError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { arange } from "../factory/range.ts";
import { cat } from "../memory/cat.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link select}. */
    select(dim: number, index: number): Tensor;
    /** See {@link narrow}. */
    narrow(dim: number, start: number | Tensor, length: number): Tensor;
    narrowCopy(dim: number, start: number, length: number): Tensor;
    /** Elements start, start + step, … before end of one dimension. */
    slice(dim?: number, start?: number | null, end?: number | null, step?: number): Tensor;
    /** See {@link split}. */
    split(splitSize: number | readonly number[], dim?: number | { dim?: number }): Tensor[];
    splitWithSizes(sizes: readonly number[], dim?: number | { dim?: number }): Tensor[];
    /** See {@link chunk}. */
    chunk(chunks: number, dim?: number | { dim?: number }): Tensor[];
    /** See {@link unbind}. */
    unbind(dim?: number | { dim?: number }): Tensor[];
    /** See {@link diagonal}. */
    diagonal(options?: { offset?: number; dim1?: number; dim2?: number } | number, dim1?: number, dim2?: number): Tensor;
    /** See {@link unfold}. */
    unfold(dimension: number, size: number, step: number): Tensor;
  }
}

/** A part of the input: its geometry relative to the input's first element. */
interface Part {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  /** Makes the same part of another tensor of the input's shape. */
  readonly take: (x: Tensor) => Tensor;
}

function partOp(name: string) {
  return defineOp<Part>({
    name,
    view: true,
    run: ([x], { shape, strides, offset }) => runtime.alias(x!, shape, strides, x!.storageOffset + offset),
    backward([g], saved) {
      const gx = runtime.full(saved.inputShape(0), 0, g!.dtype);
      saved.attributes.take(gx).copy_(g!);
      return [gx];
    },
  });
}

const selectOp = partOp("select");
const sliceOp = partOp("slice");
const diagonalOp = partOp("diagonal");

/**
 * One index of a dimension, which disappears. As `torch.select`.
 * @example
 * torch.select(torch.tensor([[1, 2], [3, 4]]), 0, 1) // tensor([3., 4.])
 */
export function select(x: Tensor, dim: number, index: number): Tensor {
  checkArguments("select(Tensor x, int dim, int index)", x, dim, index);
  if (x.shape.length === 0) throw new IndexError("select() cannot be applied to a 0-dim tensor.");
  const d = wrapDim(dim, x.shape.length);
  const size = x.shape[d]!;
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new IndexError(`select(): index ${index} out of range for tensor of size ${formatShape(x.shape)} at dimension ${d}`);
  }
  const i = index < 0 ? index + size : index;
  const without = (list: readonly number[]): number[] => list.filter((_, k) => k !== d);
  return runtime.call(selectOp, [x], {
    shape: without(x.shape),
    strides: without(x.strides),
    offset: i * x.strides[d]!,
    take: (y) => y.select(d, i),
  });
}

/** Elements start, start + step, … before end of one dimension; bounds are wrapped and clamped as Python's slices. */
export function slice(x: Tensor, dim = 0, start: number | null = null, end: number | null = null, step = 1): Tensor {
  if (x.shape.length === 0) throw new IndexError("slice() cannot be applied to a 0-dim tensor.");
  const d = wrapDim(dim, x.shape.length);
  if (step <= 0) throw new ValueError("slice step must be positive");
  const size = x.shape[d]!;
  let a = start ?? 0;
  let b = end ?? size;
  if (a < 0) a += size;
  if (b < 0) b += size;
  a = Math.min(Math.max(a, 0), size);
  b = Math.min(Math.max(b, a), size);
  const shape = [...x.shape];
  shape[d] = Math.ceil((b - a) / step);
  const strides = [...x.strides];
  strides[d] = x.strides[d]! * step;
  return runtime.call(sliceOp, [x], { shape, strides, offset: a * x.strides[d]!, take: (y) => slice(y, d, a, b, step) });
}

/**
 * `length` elements of one dimension from `start` on, as `torch.narrow`.
 * @example
 * torch.arange(5).narrow(0, 1, 3) // tensor([1, 2, 3])
 */
export function narrow(x: Tensor, dim: number, start: number | Tensor, length: number): Tensor {
  checkArguments("narrow(Tensor x, int dim, int|Tensor start, int length)", x, dim, start, length);
  if (x.shape.length === 0) throw new IndexError("narrow() cannot be applied to a 0-dim tensor.");
  const d = wrapDim(dim, x.shape.length);
  const size = x.shape[d]!;
  let from = typeof start === "number" ? start : start.item();
  if (length < 0) throw new ValueError("narrow(): length must be non-negative.");
  if (from < -size || from > size)
    throw new IndexError(`Dimension out of range (expected to be in range of [${-size}, ${size}], but got ${from})`);
  if (from < 0) from += size;
  if (from + length > size) throw new ValueError(`start (${from}) + length (${length}) exceeds dimension size (${size}).`);
  return slice(x, d, from, from + length, 1);
}

const dimOf = (dim: number | { dim?: number } | undefined): number => (typeof dim === "object" ? (dim.dim ?? 0) : (dim ?? 0));

const splitOp = defineOp<{ dim: number; sizes: readonly number[] }>({
  name: "split",
  view: true,
  run([x], { dim, sizes }) {
    let at = 0;
    return sizes.map((n) => {
      const shape = [...x!.shape];
      shape[dim] = n;
      const part = runtime.alias(x!, shape, x!.strides, x!.storageOffset + at * x!.strides[dim]!);
      at += n;
      return part;
    });
  },
  backward(grads, saved) {
    const { dim, sizes } = saved.attributes;
    const dtype = grads.find((g) => g !== null)!.dtype;
    const shape = saved.inputShape(0);
    const gx = runtime.empty(shape, dtype);
    if (!runtime.recording(grads)) {
      let at = 0;
      sizes.forEach((n, i) => {
        const part = slice(gx, dim, at, at + n);
        if (grads[i]) part.copy_(grads[i]!);
        else part.zero_();
        at += n;
      });
      return [gx];
    }
    const parts = sizes.map(
      (n, i) =>
        grads[i] ??
        runtime.full(
          shape.map((s, k) => (k === dim ? n : s)),
          0,
          dtype,
        ),
    );
    return [cat(parts, dim)];
  },
});

/**
 * Parts of `splitSize` elements along a dimension (the last may be smaller), or of the given sizes. As `torch.split`.
 * @example
 * torch.arange(5).split(2).length // 3
 */
export function split(x: Tensor, splitSize: number | readonly number[], dim?: number | { dim?: number }): Tensor[] {
  checkArguments("split(Tensor x, int|int[] splitSize, int|options? dim, {int dim})", x, splitSize, dim);
  if (x.shape.length === 0) throw new IndexError("split expects at least a 1-dimensional tensor");
  const d = wrapDim(dimOf(dim), x.shape.length);
  const size = x.shape[d]!;
  let sizes: number[];
  if (typeof splitSize === "number") {
    if (splitSize < 0) throw new ValueError(`split expects split_size be non-negative, but got split_size=${splitSize}`);
    if (splitSize === 0 && size !== 0)
      throw new ValueError(`split_size can only be 0 if dimension size is 0, but got dimension size of ${size}`);
    const n = splitSize === 0 ? 1 : Math.max(Math.ceil(size / splitSize), 1);
    sizes = Array.from({ length: n }, (_, i) => Math.min(splitSize, size - i * splitSize));
    if (size === 0) sizes = [0];
  } else {
    sizes = [...splitSize];
    if (sizes.some((n) => n < 0))
      throw new ValueError(
        `split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=${formatShape(sizes)}`,
      );
    const total = sizes.reduce((a, b) => a + b, 0);
    if (total !== size) {
      throw new ShapeError(
        `split_with_sizes expects split_sizes to sum exactly to ${size} (input tensor's size at dimension ${d}), but got split_sizes=${formatShape(sizes)}`,
      );
    }
  }
  return runtime.callMany(splitOp, [x], { dim: d, sizes });
}

/**
 * At most `chunks` parts of equal size (the last may be smaller), as `torch.chunk`.
 * @example
 * torch.chunk(torch.arange(5), 2)[0] // tensor([0, 1, 2])
 */
export function chunk(x: Tensor, chunks: number, dim?: number | { dim?: number }): Tensor[] {
  checkArguments("chunk(Tensor x, int chunks, int|options? dim, {int dim})", x, chunks, dim);
  if (x.shape.length === 0) throw new IndexError("chunk expects at least a 1-dimensional tensor");
  if (chunks <= 0) throw new ValueError(`chunk expects \`chunks\` to be greater than 0, got: ${chunks}`);
  const d = wrapDim(dimOf(dim), x.shape.length);
  const size = Math.ceil(x.shape[d]! / chunks);
  if (size === 0 && chunks > 2 ** 24) throw new ValueError(`chunk: ${chunks} empty parts were asked for`);
  return size === 0
    ? split(
        x,
        Array.from({ length: chunks }, () => 0),
        d,
      )
    : split(x, size, d);
}

/**
 * One tensor for each index of a dimension, as `torch.unbind`.
 * @example
 * torch.unbind(torch.tensor([[1, 2], [3, 4]]))[1] // tensor([3., 4.])
 */
export function unbind(x: Tensor, dim?: number | { dim?: number }): Tensor[] {
  checkArguments("unbind(Tensor x, int|options? dim, {int dim})", x, dim);
  if (x.shape.length === 0) throw new IndexError("Dimension specified as 0 but tensor has no dimensions");
  const d = wrapDim(dimOf(dim), x.shape.length);
  return runtime.callMany(unbindOp, [x], { dim: d });
}

const unbindOp = defineOp<{ dim: number }>({
  name: "unbind",
  view: true,
  run([x], { dim }) {
    const shape = x!.shape.filter((_, k) => k !== dim);
    const strides = x!.strides.filter((_, k) => k !== dim);
    return Array.from({ length: x!.shape[dim]! }, (_, i) =>
      runtime.alias(x!, shape, strides, x!.storageOffset + i * x!.strides[dim]!),
    );
  },
  backward(grads, saved) {
    const { dim } = saved.attributes;
    const dtype = grads.find((g) => g !== null)!.dtype;
    const shape = saved.inputShape(0).filter((_, k) => k !== dim);
    return [
      cat(
        grads.map((g) => (g ?? runtime.full(shape, 0, dtype)).unsqueeze(dim)),
        dim,
      ),
    ];
  },
});

/** The diagonals of matrices (of the last two dimensions unless told), as `torch.linalg.diagonal`. */
export function linalgDiagonal(A: Tensor, options: { offset?: number; dim1?: number; dim2?: number } = {}): Tensor {
  checkArguments("linalg_diagonal(Tensor A, options? options, {int offset, int dim1, int dim2})", A, options);
  return diagonal(A, { offset: options.offset ?? 0, dim1: options.dim1 ?? -2, dim2: options.dim2 ?? -1 });
}

/**
 * The diagonal of two dimensions, which becomes the last dimension. As `torch.diagonal`.
 * @example
 * torch.diagonal(torch.tensor([[1, 2], [3, 4]])) // tensor([1., 4.])
 */
export function diagonal(
  x: Tensor,
  options: { offset?: number; dim1?: number; dim2?: number } | number = {},
  dim1?: number,
  dim2?: number,
): Tensor {
  checkArguments(
    "diagonal(Tensor x, int|options? options, int? dim1, int? dim2, {int offset, int dim1, int dim2})",
    x,
    options,
    dim1,
    dim2,
  );
  const o = typeof options === "number" ? { offset: options, dim1, dim2 } : options;
  const offset = o.offset ?? 0;
  const a = wrapDim(o.dim1 ?? 0, x.shape.length);
  const b = wrapDim(o.dim2 ?? 1, x.shape.length);
  if (a === b) throw new ShapeError(`diagonal dimensions cannot be identical ${o.dim1 ?? 0}, ${o.dim2 ?? 1}`);
  const n = Math.max(0, offset >= 0 ? Math.min(x.shape[a]!, x.shape[b]! - offset) : Math.min(x.shape[a]! + offset, x.shape[b]!));
  const start = n === 0 ? 0 : offset >= 0 ? offset * x.strides[b]! : -offset * x.strides[a]!;
  const rest = (list: readonly number[]): number[] => list.filter((_, k) => k !== a && k !== b);
  return runtime.call(diagonalOp, [x], {
    shape: [...rest(x.shape), n],
    strides: [...rest(x.strides), x.strides[a]! + x.strides[b]!],
    offset: start,
    take: (y) => diagonal(y, { offset, dim1: a, dim2: b }),
  });
}

interface Windows {
  readonly dim: number;
  readonly size: number;
  readonly step: number;
}
const unfoldOp = defineOp<Windows>({
  name: "unfold",
  view: true,
  run([x], { dim, size, step }) {
    const rank0 = x!.shape.length === 0;
    const shape = rank0 ? [1, size] : [...x!.shape, size];
    const strides = rank0 ? [1, 1] : [...x!.strides, x!.strides[dim]!];
    if (!rank0) {
      shape[dim] = Math.floor((x!.shape[dim]! - size) / step) + 1;
      strides[dim] = x!.strides[dim]! * step;
    }
    return runtime.alias(x!, rank0 ? [size] : shape, rank0 ? [1] : strides, x!.storageOffset);
  },
  backward([g], saved) {
    const { dim, size, step } = saved.attributes;
    const shape = saved.inputShape(0);
    if (shape.length === 0) return [g!.sum()];
    if (step >= size) {
      const gx = runtime.full(shape, 0, g!.dtype);
      unfold(gx, dim, size, step).copy_(g!);
      return [gx];
    }
    const n = g!.shape[dim]!;
    const positions = arange(n).mul(step).unsqueeze(1).add(arange(size)).reshape([-1]);
    const flat = g!.movedim(-1, dim + 1).flatten(dim, dim + 1);
    return [runtime.full(shape, 0, g!.dtype).indexAdd(dim, positions, flat)];
  },
});

/** All windows of `size` elements, `step` apart, of a dimension; the window's elements are the last dimension. As `Tensor.unfold`. */
export function unfold(x: Tensor, dimension: number, size: number, step: number): Tensor {
  checkArguments("unfold(Tensor x, int dimension, int size, int step)", x, dimension, size, step);
  const d = wrapDim(dimension, x.shape.length);
  const have = x.shape.length === 0 ? 1 : x.shape[d]!;
  if (size < 0) throw new ValueError(`size is ${size} but must be >= 0`);
  if (size > have) throw new ValueError(`maximum size for tensor at dimension ${d} is ${have} but size is ${size}`);
  if (step <= 0) throw new ValueError(`step is ${step} but must be > 0`);
  return runtime.call(unfoldOp, [x], { dim: d, size, step });
}

method("select", select);
method("narrow", narrow);
method("narrowCopy", (x: Tensor, dim: number, start: number, length: number) => {
  checkArguments("narrow_copy(Tensor x, int dim, int start, int length)", x, dim, start, length);
  return narrow(x, dim, start, length).clone();
});
method("slice", slice);
method("split", split);
method("splitWithSizes", split);
method("chunk", chunk);
method("unbind", unbind);
method("diagonal", diagonal);
method("unfold", unfold);
