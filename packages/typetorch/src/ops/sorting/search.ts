/**
 * Finding places in sorted rows and elements in sets: `searchsorted`, `bucketize`, `isin`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, bool, int32, int64, promoteTypes } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, resultType } from "../../core/promotion.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

export interface BucketizeOptions {
  /** Give int32 instead of int64. */
  outInt32?: boolean;
  /** The place after equal elements rather than before them. */
  right?: boolean;
  out?: Tensor;
}
export interface SearchsortedOptions extends BucketizeOptions {
  /** 'left' or 'right': the same as `right`. */
  side?: "left" | "right" | null;
  /** Positions that sort the sequence, when it is not sorted itself. */
  sorter?: Tensor | null;
}

interface Attributes {
  readonly right: boolean;
  readonly dtype: DType;
}

const op = defineOp<Attributes>({
  name: "searchsorted",
  run([sequence, values, sorter], { right, dtype }) {
    return runtime.withoutGrad(() => {
      const common = promoteTypes(sequence!.dtype, values!.dtype);
      const wide = common.itemsize === 2 && common.isFloatingPoint ? promoteTypes(common, int64) : common;
      const rows = toComparable(sequence!, wide);
      const wanted = toComparable(values!, wide);
      const order = sorter ? toComparable(sorter, int64) : null;
      const n = sequence!.shape[sequence!.shape.length - 1]!;
      const out = runtime.empty(values!.shape, dtype);
      const to = out.data;
      // Every row of values has its own row to search in, unless there is only one.
      const perRow = sequence!.shape.length === 1 ? to.length : (values!.shape[values!.shape.length - 1] ?? 1);
      const shared = sequence!.shape.length === 1;
      for (let i = 0; i < to.length; i++) {
        const start = shared ? 0 : Math.floor(i / perRow) * n;
        const at = place(rows, start, n, wanted[i]!, right, order);
        to[i] = dtype === int64 ? BigInt(at) : at;
      }
      return out;
    });
  },
});

function toComparable(x: Tensor, dtype: DType): ArrayLike<number | bigint> {
  const target = dtype.itemsize === 2 && dtype.isFloatingPoint ? x.float() : toDtype(x, dtype);
  return target.contiguous().data;
}

/** The first place in [start, start + n) whose element is not before the value. NaN is the largest. */
function place(
  row: ArrayLike<number | bigint>,
  start: number,
  n: number,
  value: number | bigint,
  right: boolean,
  order: ArrayLike<number | bigint> | null,
): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    const v = row[start + (order ? Number(order[start + middle]!) : middle)]!;
    const before = right ? !(v > value) : !(v >= value);
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * For each value the place in a sorted row (the last dimension) where it would be inserted. As `torch.searchsorted`.
 * @example
 * torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6])) // tensor([1, 3])
 */
export function searchsorted(sortedSequence: Tensor, input: Tensor | NumberLike, options: SearchsortedOptions = {}): Tensor {
  checkArguments(
    "searchsorted(Tensor sortedSequence, Scalar|Tensor input, options? options, {str|None side, Tensor|None sorter, bool outInt32, bool right, Tensor out})",
    sortedSequence,
    input,
    options,
  );
  const { side, sorter, right = false, outInt32 = false, out } = options;
  if (side !== undefined && side !== null && side !== "left" && side !== "right")
    throw new ValueError(`torch.searchsorted(): side can only be 'left' or 'right' but got ${String(side)}`);
  if (side === "left" && right)
    throw new ValueError("torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True");
  if (sortedSequence.shape.length === 0)
    throw new ShapeError("torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension");
  const values = isNumberLike(input) ? runtime.full([], input, resultType([input, sortedSequence])) : input;
  const rank = sortedSequence.shape.length;
  const fits =
    rank === 1 || (rank === values.shape.length && sameShape(sortedSequence.shape.slice(0, -1), values.shape.slice(0, -1)));
  if (!fits)
    throw new ShapeError(
      `torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor ${formatShape(sortedSequence.shape)} and input value tensor ${formatShape(values.shape)}`,
    );
  if (sorter) {
    if (!sameShape(sorter.shape, sortedSequence.shape))
      throw new ShapeError(
        `torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor ${formatShape(sortedSequence.shape)}and got sorter tensor ${formatShape(sorter.shape)}`,
      );
    if (sorter.dtype !== int64)
      throw new DTypeError(`torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ${sorter.dtype}`);
  }
  const inputs = sorter ? [sortedSequence, values, sorter] : [sortedSequence, values];
  const attributes = { right: right || side === "right", dtype: outInt32 ? int32 : int64 };
  return out ? runtime.callOut(op, inputs, attributes, out) : runtime.call(op, inputs, attributes);
}

/** For each element the number of the interval between ascending boundaries in which it lies, as `torch.bucketize`. */
export function bucketize(input: Tensor | NumberLike, boundaries: Tensor, options: BucketizeOptions = {}): Tensor {
  checkArguments(
    "bucketize(Scalar|Tensor input, Tensor boundaries, options? options, {bool outInt32, bool right, Tensor out})",
    input,
    boundaries,
    options,
  );
  if (boundaries.shape.length !== 1)
    throw new ShapeError(`boundaries tensor must be 1 dimension, but got dim(${boundaries.shape.length})`);
  return searchsorted(boundaries, input, options);
}

export interface IsinOptions {
  /** The elements of both are distinct; saves nothing here. */
  assumeUnique?: boolean;
  /** True where the element is not there. */
  invert?: boolean;
  out?: Tensor;
}

const isinOp = defineOp<{ invert: boolean }>({
  name: "isin",
  run([elements, tests], { invert }) {
    return runtime.withoutGrad(() => {
      const common = promoteTypes(elements!.dtype, tests!.dtype);
      const set = new Set<number | bigint>();
      const candidates = toComparable(tests!, common);
      for (let i = 0; i < candidates.length; i++) {
        const v = candidates[i]!;
        if (v === v) set.add(v); // NaN is nowhere
      }
      const values = toComparable(elements!, common);
      const out = runtime.empty(elements!.shape, bool);
      const to = out.data as Uint8Array;
      for (let i = 0; i < to.length; i++) to[i] = set.has(values[i]!) === invert ? 0 : 1;
      return out;
    });
  },
});

/**
 * Whether each element is among the test elements, as `torch.isin`.
 * @example
 * torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2])) // tensor([False, True, False])
 */
export function isin(elements: Tensor | NumberLike, testElements: Tensor | NumberLike, options: IsinOptions = {}): Tensor {
  checkArguments(
    "isin(Scalar|Tensor elements, Scalar|Tensor testElements, options? options, {bool assumeUnique, bool invert, Tensor out})",
    elements,
    testElements,
    options,
  );
  const asTensor = (x: Tensor | NumberLike): Tensor => (isNumberLike(x) ? runtime.full([], x, resultType([x])) : x);
  const inputs = [asTensor(elements), asTensor(testElements)];
  const attributes = { invert: options.invert ?? false };
  return options.out ? runtime.callOut(isinOp, inputs, attributes, options.out) : runtime.call(isinOp, inputs, attributes);
}
