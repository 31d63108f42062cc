/**
 * Indexing as with Python's brackets: `x.at(0, '1:3')` is `x[0, 1:3]`, `x.setAt([':', 0], 1)` is `x[:, 0] = 1`.
 */
import { bool, int64 } from "../../core/dtype.ts";
import { ArgumentTypeError, DTypeError, IndexError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike } from "../../core/promotion.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type TensorData, tensor } from "../factory/tensor.ts";
import { method, variadicMethod } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { select, slice as sliceView } from "../views/select.ts";
import { asStrided } from "../views/strided.ts";
import { indexPut_, indexWith } from "./advanced.ts";
import { maskedFill_ } from "./masked.ts";

/** A range of a dimension, as Python's `slice(start, stop, step)`. */
export class Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number | null;
  constructor(start: number | null, stop: number | null, step: number | null) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }
}

/**
 * A range for `x.at(…)`: `slice(stop)` or `slice(start, stop, step)`, null for what is left out. As Python's `slice`.
 * @example
 * torch.arange(6).at(torch.slice(1, 5, 2)) // tensor([1, 3])
 */
export function slice(start: number | null, stop?: number | null, step: number | null = null): Slice {
  return stop === undefined ? new Slice(null, start, step) : new Slice(start, stop, step);
}

/** Nested arrays of integers or booleans. */
export type IndexArray = readonly (number | bigint | boolean | Tensor | IndexArray)[];
/**
 * What one dimension can be indexed with: an integer, a slice (`'1:3'`, `torch.slice(1, 3)`), `'...'` for as many dimensions as are left, null for a new
 * dimension, a boolean, a mask, an int64 tensor or an array of integers or booleans.
 */
export type Index = number | bigint | string | boolean | null | undefined | Slice | Tensor | IndexArray;

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /**
     * The part of the tensor that the indices say, as Python's `x[…]`: a view for integers, slices, `'...'` and null, a copy for masks and index tensors.
     * @example
     * x.at(0, '1:3') // x[0, 1:3]
     * x.at('...', null, torch.tensor([0n, 2n])) // x[..., None, [0, 2]]
     */
    at(...indices: Index[]): Tensor;
    /**
     * Writes a value, broadcast and converted, to the part that the indices say, as Python's `x[…] = value`.
     * @example
     * x.setAt([':', 0], 5) // x[:, 0] = 5
     * x.setAt([x.lt(0)], 0) // x[x < 0] = 0
     */
    setAt(indices: Exclude<Index, IndexArray> | readonly Index[], value: Tensor | NumberLike | TensorData): this;
  }
}

const wholeDimension = new Slice(null, null, null);
const slicePattern = /^\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?\s*)?$/;

function parseSlice(text: string): Slice {
  const match = slicePattern.exec(text);
  if (match === null)
    throw new IndexError(
      `only integers, slices (\`:\`), ellipsis (\`...\`), None and long or byte Variables are valid indices (got '${text}')`,
      "a slice is written as '1:3', ':', '::2' or '...'",
    );
  const part = (s: string | undefined): number | null => (s === undefined ? null : Number(s));
  return new Slice(part(match[1]), part(match[2]), part(match[3]));
}

function fromArray(list: IndexArray): Tensor {
  if (list.length === 0) return runtime.empty([0], int64);
  const flat = (list as readonly unknown[]).flat(Infinity);
  if (flat.some((v) => runtime.isTensor(v))) {
    const rows = list.map((v) => (runtime.isTensor(v) ? (v.toArray() as IndexArray) : v));
    return fromArray(rows as IndexArray);
  }
  for (const v of flat) {
    if (typeof v === "number" && !Number.isInteger(v))
      throw new DTypeError("tensors used as indices must be long, byte or bool tensors", `the array has the number ${v}`);
  }
  const dtype = flat.every((v) => typeof v === "boolean") ? bool : int64;
  return tensor(list as TensorData, { dtype });
}

/** How many dimensions of the tensor an index uses up. */
function consumes(index: Index): number {
  if (index === null || index === undefined || typeof index === "boolean" || index === "...") return 0;
  if (runtime.isTensor(index) && (index.dtype.key === "bool" || index.dtype.key === "u8")) return index.shape.length;
  return 1;
}

interface Parsed {
  /** The view that integers, slices and new dimensions make. */
  readonly view: Tensor;
  /** Index tensors for the view's dimensions; null when there are none. */
  readonly tensors: (Tensor | null)[] | null;
}

function parse(x: Tensor, given: readonly Index[]): Parsed {
  const indices = given.map(
    (index) =>
      (Array.isArray(index) ? runtime.on(x.device, () => fromArray(index as IndexArray)) : index) as Exclude<Index, IndexArray>,
  );
  const used = indices.reduce<number>((n, index) => n + consumes(index), 0);
  if (x.shape.length === 0 && used > 0)
    throw new IndexError(
      "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number",
    );
  if (used > x.shape.length) throw new IndexError(`too many indices for tensor of dimension ${x.shape.length}`);
  let view = x;
  let dim = 0;
  let ellipses = 0;
  const tensors: (Tensor | null)[] = [];
  const put = (index: Tensor): void => {
    while (tensors.length <= dim) tensors.push(null);
    tensors[dim] = index;
  };
  for (const index of indices) {
    if (index === "...") {
      if (ellipses++ === 0) dim += x.shape.length - used;
    } else if (index === null || index === undefined) view = view.unsqueeze(dim++);
    else if (typeof index === "boolean") {
      view = view.unsqueeze(dim);
      put(runtime.newFull(x, [1], index, bool));
      dim++;
    } else if (typeof index === "number" || typeof index === "bigint") view = selectAt(view, dim, Number(index));
    else if (typeof index === "string" || index instanceof Slice) {
      const s = index instanceof Slice ? index : index === ":" ? wholeDimension : parseSlice(index);
      if (s.step !== null && s.step <= 0)
        throw new ValueError("step must be greater than zero", "to reverse a dimension use torch.flip(x, [dim])");
      if (s.start !== null || s.stop !== null || (s.step !== null && s.step !== 1))
        view = sliceView(view, dim, s.start, s.stop, s.step ?? 1);
      dim++;
    } else if (runtime.isTensor(index)) {
      const isMask = index.dtype.key === "bool" || index.dtype.key === "u8";
      if (index.dtype.isFloatingPoint)
        throw new DTypeError(
          "tensors used as indices must be long, byte or bool tensors",
          `this one is ${index.dtype}; make it with bigints, torch.tensor([0n, 2n]), or convert it: index.long()`,
        );
      if (index.shape.length === 0 && !isMask) view = selectAt(view, dim, index.item());
      else if (index.shape.length === 0) {
        view = view.unsqueeze(dim);
        put(index.toDtype(bool).reshape([1]));
        dim++;
      } else {
        put(index);
        dim += isMask ? index.shape.length : 1;
      }
    } else
      throw new ArgumentTypeError(
        `only integers, slices (\`:\`), ellipsis (\`...\`), None and long or byte Variables are valid indices (got ${typeof index})`,
      );
  }
  return { view, tensors: tensors.length > 0 ? spread(tensors) : null };
}

/** A mask of several dimensions stands once: the places that it covers were left empty. */
function spread(tensors: readonly (Tensor | null)[]): (Tensor | null)[] {
  const out: (Tensor | null)[] = [];
  for (let d = 0; d < tensors.length; d++) {
    const index = tensors[d]!;
    out.push(index);
    if (index !== null && (index.dtype.key === "bool" || index.dtype.key === "u8")) d += index.shape.length - 1;
  }
  return out;
}

function selectAt(x: Tensor, dim: number, index: number): Tensor {
  const size = x.shape[dim]!;
  if (!Number.isInteger(index))
    throw new IndexError(
      "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)",
      `the index is ${index}`,
    );
  if (index < -size || index >= size)
    throw new IndexError(`index ${index} is out of bounds for dimension ${dim} with size ${size}`);
  return select(x, dim, index);
}

function at(x: Tensor, ...indices: Index[]): Tensor {
  const { view, tensors } = parse(x, indices);
  if (tensors !== null) return indexWith(view, tensors);
  return view === x ? asStrided(x, x.shape, x.strides) : view;
}

/** Leading dimensions of size 1 that the target does not have are dropped, as PyTorch does it. */
function withoutLeadingOnes(value: Tensor, rank: number): Tensor {
  let shape = value.shape;
  while (shape.length > rank && shape[0] === 1) shape = shape.slice(1);
  return shape === value.shape ? value : value.reshape(shape);
}

function setAt(x: Tensor, indices: Index | readonly Index[], value: Tensor | NumberLike | TensorData): Tensor {
  const list = (Array.isArray(indices) ? indices : [indices]) as readonly Index[];
  const { view, tensors } = runtime.recording([x]) ? parse(x, list) : runtime.withoutGrad(() => parse(x, list));
  const given: Tensor | NumberLike = runtime.isTensor(value) || isNumberLike(value) ? value : tensor(value as TensorData);
  if (tensors === null) {
    if (isNumberLike(given)) view.fill_(given);
    else {
      const fitting = withoutLeadingOnes(given, view.shape.length);
      if (fitting.shape.length > view.shape.length)
        throw new IndexError(
          `The expanded size of the tensor must match: target sizes ${formatShape(view.shape)}, tensor sizes ${formatShape(given.shape)}`,
        );
      view.copy_(fitting.expand(view.shape));
    }
    return x;
  }
  const mask = tensors.length === 1 ? tensors[0]! : null;
  if (mask !== null && mask.dtype.key === "bool" && isNumberLike(given) && fitsMask(mask, view)) {
    const trailing = view.shape.length - mask.shape.length;
    maskedFill_(view, mask.reshape([...mask.shape, ...new Array<number>(trailing).fill(1)]), given);
    return x;
  }
  const values = isNumberLike(given) ? runtime.newFull(x, [], given, x.dtype) : given.toDtype(x.dtype);
  indexPut_(view, tensors, values);
  return x;
}

function fitsMask(mask: Tensor, x: Tensor): boolean {
  return mask.shape.length <= x.shape.length && mask.shape.every((n, k) => n === x.shape[k]);
}

variadicMethod("at", at);
method("setAt", setAt);
