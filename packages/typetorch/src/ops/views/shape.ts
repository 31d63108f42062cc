/**
 * Views with the same elements in the same order: `view`, `reshape`, `flatten`, `unflatten`, `squeeze`, `unsqueeze`.
 */
import { checkArguments } from "../arguments.ts";
import type { DType } from "../../core/dtype.ts";
import { DType as DTypeClass } from "../../core/dtype.ts";
import { ArgumentTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { formatShape, isContiguous, numelOf, sameShape, wrapDim, contiguousStrides } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method, variadicMethod } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link view}. With a dtype: the same bytes seen as another dtype. */
    view(...shape: number[]): Tensor;
    view(shape: readonly number[]): Tensor;
    view(dtype: DType): Tensor;
    viewAs(other: Tensor): Tensor;
    /** See {@link reshape}. */
    reshape(...shape: number[]): Tensor;
    reshape(shape: readonly number[]): Tensor;
    reshapeAs(other: Tensor): Tensor;
    /** See {@link flatten}. */
    flatten(startDim?: number | { startDim?: number; endDim?: number }, endDim?: number): Tensor;
    ravel(): Tensor;
    /** See {@link unflatten}. */
    unflatten(dim: number, sizes: readonly number[]): Tensor;
    /** See {@link squeeze}. */
    squeeze(dim?: number | { dim?: number }): Tensor;
    squeeze_(dim?: number): this;
    /** See {@link unsqueeze}. */
    unsqueeze(dim: number): Tensor;
    unsqueeze_(dim: number): this;
  }
}

/** A shape from `(2, 3)` or `([2, 3])`. */
export function shapeOf(args: readonly unknown[]): readonly number[] {
  const list = args.length === 1 && Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  for (const n of list) {
    if (typeof n !== "number" || !Number.isInteger(n))
      throw new ArgumentTypeError(`a shape must be made of integers, but got ${typeof n === "number" ? n : typeof n}`);
  }
  return list as number[];
}

/** The shape with a -1 worked out. Throws PyTorch's errors. */
function inferShape(shape: readonly number[], numel: number): readonly number[] {
  let unknown = -1;
  let known = 1;
  for (let i = 0; i < shape.length; i++) {
    const n = shape[i]!;
    if (n === -1) {
      if (unknown >= 0) throw new ShapeError("only one dimension can be inferred");
      unknown = i;
    } else if (n < 0) throw new ShapeError(`invalid shape dimension ${n}`);
    else known *= n;
  }
  if (unknown < 0) {
    if (known !== numel) throw new ShapeError(`shape '${formatShape(shape)}' is invalid for input of size ${numel}`);
    return shape;
  }
  if (known === 0) {
    if (numel === 0)
      throw new ShapeError(
        `cannot reshape tensor of 0 elements into shape ${formatShape(shape)} because the unspecified dimension size -1 can be any value and is ambiguous`,
      );
    throw new ShapeError(`shape '${formatShape(shape)}' is invalid for input of size ${numel}`);
  }
  if (numel % known !== 0) throw new ShapeError(`shape '${formatShape(shape)}' is invalid for input of size ${numel}`);
  const out = [...shape];
  out[unknown] = numel / known;
  return out;
}

/** Strides that show a strided tensor in another shape without a copy, or null where there are none. */
function viewStrides(shape: readonly number[], strides: readonly number[], to: readonly number[]): readonly number[] | null {
  if (numelOf(shape) === 0) return sameShape(shape, to) ? strides : contiguousStrides(to);
  if (isContiguous(shape, strides)) return contiguousStrides(to);
  const out = new Array<number>(to.length);
  let d = to.length - 1;
  let chunkBase = strides.length > 0 ? strides[strides.length - 1]! : 1;
  let have = 1;
  let want = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    have *= shape[i]!;
    // The chunk of dimensions that lie without gaps ends where the next stride does not continue it.
    if (i === 0 || (shape[i - 1] !== 1 && strides[i - 1] !== have * chunkBase)) {
      while (d >= 0 && (want < have || to[d] === 1)) {
        out[d] = want * chunkBase;
        want *= to[d]!;
        d--;
      }
      if (want !== have) return null;
      if (i > 0) {
        chunkBase = strides[i - 1]!;
        have = 1;
        want = 1;
      }
    }
  }
  return d === -1 ? out : null;
}

const viewOp = defineOp<{ shape: readonly number[]; strides: readonly number[] }>({
  name: "view",
  view: true,
  run: ([x], { shape, strides }) => runtime.alias(x!, shape, strides, x!.storageOffset),
  backward: ([g], saved) => [g!.reshape(saved.inputShape(0))],
});
const reshapeOp = { ...viewOp, name: "reshape", gradName: "ReshapeAliasBackward0" };
const squeezeOp = { ...viewOp, name: "squeeze", gradName: "SqueezeBackward0" };
const squeezeDimOp = { ...squeezeOp, gradName: "SqueezeBackward1" };
const unsqueezeOp = { ...viewOp, name: "unsqueeze", gradName: "UnsqueezeBackward0" };

/**
 * The same elements in another shape, sharing memory; one size may be -1. As `Tensor.view`. Throws when the strides do not allow it.
 * @example
 * torch.arange(6).view(2, -1) // tensor([[0, 1, 2], [3, 4, 5]])
 */
export function view(x: Tensor, ...args: unknown[]): Tensor {
  if (args[0] instanceof DTypeClass) return viewDtype(x, args[0]);
  const shape = inferShape(shapeOf(args), x.numel());
  const strides = viewStrides(x.shape, x.strides, shape);
  if (strides === null) {
    throw new ShapeError(
      "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
      `shape ${formatShape(x.shape)} with strides ${formatShape(x.strides)} seen as ${formatShape(shape)}`,
    );
  }
  return runtime.call(viewOp, [x], { shape, strides });
}

function viewDtype(x: Tensor, dtype: DType): Tensor {
  if (dtype === x.dtype) return runtime.call(viewOp, [x], { shape: x.shape, strides: x.strides });
  const ratio = x.dtype.itemsize / dtype.itemsize;
  const shape = [...x.shape];
  const last = shape.length - 1;
  if (ratio !== 1) {
    if (last < 0) throw new ShapeError(`self.dim() cannot be 0 to view ${x.dtype} as ${dtype} (different element sizes)`);
    if (x.strides[last] !== 1) throw new ShapeError("self.stride(-1) must be 1 to view as a dtype with a different element size");
    const bytes = shape[last]! * x.dtype.itemsize;
    if (bytes % dtype.itemsize !== 0) {
      throw new ShapeError(
        `self.size(-1) must be divisible by ${dtype.itemsize / x.dtype.itemsize} to view ${x.dtype} as ${dtype} (different element sizes), but got ${shape[last]}`,
      );
    }
    shape[last] = bytes / dtype.itemsize;
  }
  const strides = x.strides.map((s, i) => (i === last && ratio !== 1 ? 1 : s * ratio));
  if ((x.storageOffset * ratio) % 1 !== 0 || strides.some((s) => s % 1 !== 0))
    throw new ShapeError("self.storage_offset() and strides must be divisible to view as a larger dtype");
  return runtime.aliasDtype(x, shape, strides, x.storageOffset * ratio, dtype);
}

/**
 * The same elements in another shape: a view where possible, else a copy. One size may be -1. As `torch.reshape`.
 * @example
 * torch.arange(4).reshape(2, 2).t().reshape(-1) // tensor([0, 2, 1, 3])
 */
export function reshape(x: Tensor, ...args: unknown[]): Tensor {
  if (!runtime.isTensor(x)) checkArguments("reshape(Tensor input)", x);
  const shape = inferShape(shapeOf(args), x.numel());
  if (sameShape(shape, x.shape)) return runtime.call(viewOp, [x], { shape, strides: x.strides });
  const strides = viewStrides(x.shape, x.strides, shape);
  if (strides !== null) return runtime.call(isContiguous(x.shape, x.strides) ? viewOp : reshapeOp, [x], { shape, strides });
  return runtime.call(viewOp, [x.clone({ memoryFormat: "contiguous" })], { shape, strides: contiguousStrides(shape) });
}

/**
 * Joins the dimensions from `startDim` to `endDim` into one, as `torch.flatten`.
 * @example
 * torch.zeros(2, 3, 4).flatten(1).shape // [2, 12]
 */
export function flatten(x: Tensor, startDim: number | { startDim?: number; endDim?: number } = 0, endDim = -1): Tensor {
  checkArguments("flatten(Tensor x, int|options? startDim, int? endDim, {int startDim, int endDim})", x, startDim, endDim);
  const from = typeof startDim === "number" ? startDim : (startDim.startDim ?? 0);
  const to = typeof startDim === "number" ? endDim : (startDim.endDim ?? -1);
  const a = wrapDim(from, x.shape.length);
  const b = wrapDim(to, x.shape.length);
  if (a > b) throw new ShapeError("flatten() has invalid args: start_dim cannot come after end_dim");
  if (x.shape.length === 0) return x.reshape([1]);
  if (a === b) return x;
  return x.reshape([...x.shape.slice(0, a), numelOf(x.shape.slice(a, b + 1)), ...x.shape.slice(b + 1)]);
}

/**
 * All elements in one dimension, as `torch.ravel`.
 * @example
 * torch.ravel(torch.tensor([[1, 2], [3, 4]])) // tensor([1., 2., 3., 4.])
 */
export function ravel(x: Tensor): Tensor {
  checkArguments("ravel(Tensor x)", x);
  return x.contiguous().view(-1);
}

/**
 * Splits one dimension into several, as `torch.unflatten`.
 * @example
 * torch.unflatten(torch.zeros(2, 6), 1, [2, 3]).shape // [2, 2, 3]
 */
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  checkArguments("unflatten(Tensor x, int dim, int[] sizes)", x, dim, sizes);
  const d = wrapDim(dim, x.shape.length);
  if (sizes.length === 0) throw new ShapeError("unflatten: sizes must be non-empty");
  let inner: readonly number[];
  try {
    inner = inferShape(sizes, x.shape[d]!);
  } catch {
    throw new ShapeError(
      `unflatten: Provided sizes ${formatShape(sizes)} don't multiply up to the size of dim ${d} (${x.shape[d]}) in the input tensor`,
    );
  }
  return x.view([...x.shape.slice(0, d), ...inner, ...x.shape.slice(d + 1)]);
}

/**
 * Leaves out dimensions of size 1: all of them, or `dim` alone. As `torch.squeeze`.
 * @example
 * torch.zeros(1, 3, 1).squeeze().shape // [3]
 */
export function squeeze(x: Tensor, dim?: number | { dim?: number }): Tensor {
  checkArguments("squeeze(Tensor x, int|options? dim, {int dim})", x, dim);
  const which = typeof dim === "object" ? dim?.dim : dim;
  const d = which === undefined ? -1 : wrapDim(which, x.shape.length);
  const keep = x.shape.map((n, i) => n !== 1 || (d >= 0 && i !== d));
  return runtime.call(which === undefined ? squeezeOp : squeezeDimOp, [x], {
    shape: x.shape.filter((_, i) => keep[i]),
    strides: x.strides.filter((_, i) => keep[i]),
  });
}

/**
 * Puts in a dimension of size 1, as `torch.unsqueeze`.
 * @example
 * torch.zeros(3).unsqueeze(0).shape // [1, 3]
 */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkArguments("unsqueeze(Tensor x, int dim)", x, dim);
  const rank = x.shape.length + 1;
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank) {
    throw new IndexError(`Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${dim})`);
  }
  const d = dim < 0 ? dim + rank : dim;
  const stride = d < x.shape.length ? x.shape[d]! * x.strides[d]! : 1;
  return runtime.call(unsqueezeOp, [x], {
    shape: [...x.shape.slice(0, d), 1, ...x.shape.slice(d)],
    strides: [...x.strides.slice(0, d), stride, ...x.strides.slice(d)],
  });
}

function become(x: Tensor, y: Tensor): Tensor {
  x.shape = y.shape;
  x.strides = y.strides;
  return x;
}

variadicMethod("view", view);
variadicMethod("reshape", reshape);
method("viewAs", (x: Tensor, other: Tensor) => {
  checkArguments("view_as(Tensor input, Tensor other)", x, other);
  return view(x, other.shape);
});
method("reshapeAs", (x: Tensor, other: Tensor) => {
  checkArguments("reshape_as(Tensor input, Tensor other)", x, other);
  return reshape(x, other.shape);
});
method("flatten", flatten);
method("ravel", ravel);
method("unflatten", unflatten);
method("squeeze", squeeze);
method("unsqueeze", unsqueeze);
method("squeeze_", (x: Tensor, dim?: number) => {
  checkArguments("squeeze_(Tensor x, int? dim)", x, dim);
  return become(
    x,
    runtime.withoutGrad(() => squeeze(x, dim)),
  );
});
method("unsqueeze_", (x: Tensor, dim: number) => {
  checkArguments("unsqueeze_(Tensor x, int dim)", x, dim);
  return become(
    x,
    runtime.withoutGrad(() => unsqueeze(x, dim)),
  );
});
