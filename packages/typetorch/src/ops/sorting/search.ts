/**
 * Finding places in sorted rows and elements in sets: `searchsorted`, `bucketize`, `isin`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, bool, float32, int32, int64, promoteTypes, uint8 } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, resultType } from "../../core/promotion.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type Expr, computeType, constant } from "../../ir/expr.ts";
import { type Access, LoopVar, extent, load, local } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import { accumulate, accumulators, argument, at, buffer, define, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { sort } from "./sort.ts";

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

const specs = new Map<string, LoopSpec>();

/**
 * For each value the first place of its row whose element is not before it; NaN is the largest. Buffers sequence, values, places (, sorter); integers rows,
 * values of a row, elements of a row of the sequence, elements from one row to the next, steps.
 */
function searchSpec(common: DType, dtype: DType, right: boolean, sorted: boolean): LoopSpec {
  const key = `${common.key} ${dtype.key} ${right} ${sorted}`;
  let spec = specs.get(key);
  if (spec !== undefined) return spec;
  const [row, lane, step] = [new LoopVar("row"), new LoopVar("lane"), new LoopVar("step")];
  const type = computeType(common);
  const [low, left] = [local(1, "i64"), local(2, "i64")];
  const element = (k: number, position: Expr): Access => ({
    ...at(k, [row, argument(3)]),
    dynamic: { index: position, stride: 1 },
  });
  const half = left.shr(1);
  const middle = low.add(half).minimum(extent(argument(2)).sub(1));
  const found = load(element(0, sorted ? load(element(3, middle), "i64") : middle), type);
  const value = local(0, type);
  const before = (right ? found.gt(value) : found.ge(value)).logicalNot().logicalAnd(left.gt(0));
  const search = vectorLoop(lane, argument(1), [
    define(0, load(at(1, [row, argument(1)], [lane, 1]), type)),
    accumulators([1, constant(0, "i64")], [2, extent(argument(2))]),
    loop(step, argument(4), [
      define(3, low.add(half).add(1).where(before, low)),
      define(4, left.sub(half).sub(1).where(before, half)),
      accumulate([1], "set", [local(3, "i64")]),
      accumulate([2], "set", [local(4, "i64")]),
    ]),
    store(at(2, [row, argument(1)], [lane, 1]), low.cast(computeType(dtype))),
  ]);
  const buffers = [buffer(common), buffer(common), buffer(dtype, "write"), ...(sorted ? [buffer(int64)] : [])];
  const body = [loop(row, argument(0), [search])];
  spec = { kind: "loops", kernel: { name: "searchsorted", buffers, ints: 5, params: 0, body }, compiled: null };
  specs.set(key, spec);
  return spec;
}

const op = defineOp<Attributes>({
  name: "searchsorted",
  run([sequence, values, sorter], { right, dtype }) {
    return runtime.withoutGrad(() => {
      const common = comparableDtype(promoteTypes(sequence!.dtype, values!.dtype));
      const out = runtime.empty(values!.shape, dtype);
      const n = sequence!.shape[sequence!.shape.length - 1]!;
      if (out.numel() === 0) return out;
      if (n === 0) return out.zero_();
      const operands = [toDtype(sequence!, common).contiguous(), toDtype(values!, common).contiguous(), out];
      if (sorter) operands.push(sorter.contiguous());
      // Every row of values has its own row to search in, unless there is only one.
      const shared = sequence!.shape.length === 1;
      const perRow = shared ? out.numel() : values!.shape[values!.shape.length - 1]!;
      const rows = out.numel() / perRow;
      const ints = [rows, perRow, n, n, Math.ceil(Math.log2(n + 1))];
      const parallel = shared ? { extent: 1, steps: [0, 1, 1, 0] } : { extent: 0, steps: [n, perRow, perRow, n] };
      runtime.backendOf(out).loops(searchSpec(common, dtype, right, operands.length > 3), operands, ints, [], parallel);
      return out;
    });
  },
});

/** Booleans are compared as integers, floats of 16 bits as those of 32. */
function comparableDtype(dtype: DType): DType {
  if (dtype === bool) return uint8;
  return dtype.itemsize === 2 && dtype.isFloatingPoint ? float32 : dtype;
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

/**
 * For each element the number of the interval between ascending boundaries in which it lies, as `torch.bucketize`.
 * @example
 * torch.bucketize(torch.tensor([1, 5]), torch.tensor([0, 2, 4])) // tensor([1, 3])
 */
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
      const common = comparableDtype(promoteTypes(elements!.dtype, tests!.dtype));
      const values = toDtype(elements!, common);
      const n = tests!.numel();
      if (n === 0) return runtime.full(elements!.shape, invert ? 1 : 0, bool);
      const candidates = sort(toDtype(tests!, common).reshape([-1])).values;
      const places = runtime.call(op, [candidates, values], { right: false, dtype: int64 }).clamp(0, n - 1);
      const found = candidates
        .indexSelect(0, places.reshape([-1]))
        .view(values.shape)
        .eq(values); // NaN is nowhere
      return invert ? found.logicalNot() : found;
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
