/**
 * Writing rows at places given by an index: `indexAdd`, `indexCopy`, `indexFill`, `indexReduce`.
 */
import { kernelName } from "../../core/dtype.ts";
import { checkArguments } from "../arguments.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import { sameShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { rowIndices } from "./indexSelect.ts";
import { checkedIndices } from "./integers.ts";
import { type Write, layoutOf, onRowMajor, put } from "./kernels.ts";

export type IndexReduction = "prod" | "mean" | "amax" | "amin";
export interface IndexAddOptions {
  /** Factor of the source. Default 1. */
  alpha?: NumberLike;
  out?: Tensor;
}
export interface IndexReduceOptions {
  /** Whether what is there takes part in the reduction. Default true. */
  includeSelf?: boolean;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link indexAdd}. */
    indexAdd(dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): Tensor;
    indexAdd_(dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): this;
    /** See {@link indexCopy}. */
    indexCopy(dim: number, index: Tensor, source: Tensor): Tensor;
    indexCopy_(dim: number, index: Tensor, source: Tensor): this;
    /** See {@link indexFill}. */
    indexFill(dim: number, index: Tensor, value: NumberLike | Tensor): Tensor;
    indexFill_(dim: number, index: Tensor, value: NumberLike | Tensor): this;
    /** See {@link indexReduce}. */
    indexReduce(dim: number, index: Tensor, source: Tensor, reduce: IndexReduction, options?: IndexReduceOptions): Tensor;
    indexReduce_(dim: number, index: Tensor, source: Tensor, reduce: IndexReduction, options?: IndexReduceOptions): this;
  }
}

interface Attributes {
  readonly dim: number;
  readonly checked: Tensor;
  readonly alpha: number;
}

/** Positions of a checked index tensor as numbers. */
export function positionsOf(index: Tensor): ArrayLike<number> {
  const data = index.data;
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : (data as ArrayLike<number>);
}

function putRows(out: Tensor, source: Tensor, { dim, checked, alpha }: Attributes, write: Write): void {
  onRowMajor(out, (x) => {
    const rows = source.contiguous();
    put(x, layoutOf(x.shape, dim), checked, "rows", rows, checked.numel(), write, alpha);
  });
}

function rowsOp(name: string, write: (alpha: number) => Write, isCopy: boolean) {
  return defineOp<Attributes>({
    name,
    saves: { inputs: [1] },
    run([x, , source], attributes) {
      const out = runtime.withoutGrad(() => x!.clone());
      putRows(out, source!, attributes, write(attributes.alpha));
      return out;
    },
    into(out, [x, , source], attributes) {
      runtime.withoutGrad(() => {
        if (out !== x) out.copy_(x!);
        const safe = source!.storage === out.storage ? source!.clone() : source!;
        putRows(out, safe, attributes, write(attributes.alpha));
      });
    },
    backward([g], saved) {
      const { dim, alpha } = saved.attributes;
      const index = saved.input(1);
      let gs: Tensor | null = null;
      if (saved.needs(2)) {
        const rows = g!.indexSelect(dim, index);
        gs = rows.reshape(saved.inputShape(2));
        if (alpha !== 1) gs = gs.mul(alpha);
      }
      const gx = saved.needs(0) ? (isCopy ? indexFill(g!, dim, index, 0) : g!) : null;
      return [gx, null, gs];
    },
  });
}

const addOp = rowsOp("index_add", (alpha) => (alpha === 1 ? "add" : "scaled"), false);
const copyOp = rowsOp("index_copy", () => "set", true);

function checkRows(name: string, x: Tensor, d: number, index: Tensor, source: Tensor): void {
  const n = source.shape.length === 0 ? 1 : (source.shape[d] ?? -1);
  if (index.numel() !== n)
    throw new ShapeError(
      `${name}(): Number of indices (${index.numel()}) should be equal to source.size(dim): (${n}), for dim: ${d}`,
    );
  x.shape.forEach((size, k) => {
    if (k !== d && source.shape[k] !== size)
      throw new ShapeError(
        `The size of tensor a (${size}) must match the size of tensor b (${source.shape[k] ?? 1}) at non-singleton dimension ${k > d ? k - 1 : k}`,
        `${name}: source has shape [${source.shape.join(", ")}], the tensor [${x.shape.join(", ")}]`,
      );
  });
}

function addArguments(x: Tensor, dim: number, index: Tensor, source: Tensor, options: IndexAddOptions | undefined): Attributes {
  const d = wrapDim(dim, x.shape.length);
  if (index.shape.length > 1) throw new ShapeError("index_add_(): Index is supposed to be a vector");
  if (index.dtype.key !== "i64" && index.dtype.key !== "i32")
    throw new DTypeError("index_add_(): Expected dtype int32/int64 for index");
  if (x.dtype !== source.dtype)
    throw new DTypeError(
      "index_add_(): self and source must have the same scalar type",
      `they are ${x.dtype} and ${source.dtype}`,
    );
  checkRows("index_add_", x, d, index, source);
  const alpha = numberOf(options?.alpha ?? 1);
  if (!x.dtype.isFloatingPoint && !Number.isInteger(alpha))
    throw new DTypeError("For integral input tensors, argument alpha must not be a floating point number.");
  return { dim: d, checked: rowIndices("index_add_", x, d, index), alpha };
}

/**
 * `input` with `alpha * source` added at the rows `index` of a dimension. As `torch.index_add`.
 * @example
 * torch.indexAdd(torch.zeros(3), 0, torch.tensor([0n, 2n]), torch.tensor([1, 5])) // tensor([1., 0., 5.])
 */
export function indexAdd(input: Tensor, dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions): Tensor {
  checkArguments(
    "index_add(Tensor input, int dim, Tensor index, Tensor source, options? options, {Scalar alpha, Tensor out})",
    input,
    dim,
    index,
    source,
    options,
  );
  const attributes = addArguments(input, dim, index, source, options);
  return options?.out
    ? runtime.callOut(addOp, [input, index, source], attributes, options.out)
    : runtime.call(addOp, [input, index, source], attributes);
}

function copyArguments(x: Tensor, dim: number, index: Tensor, source: Tensor): Attributes {
  const d = wrapDim(dim, x.shape.length);
  if (index.shape.length > 1)
    throw new IndexError(`index_copy_(): Index should have dimension 1 or 0 (got ${index.shape.length})`);
  if (source.shape.length === 0 && index.numel() !== 1)
    throw new IndexError(`index_copy_(): When source is scalar, index should have one element (got ${index.numel()})`);
  if (index.dtype.key !== "i64")
    throw new DTypeError(`index_copy_(): Expected a long tensor for index, but got ${kernelName(index.dtype)}`);
  if (x.dtype !== source.dtype)
    throw new DTypeError(
      `index_copy_(): self and source expected to have the same dtype, but got (self) ${kernelName(x.dtype)} and (source) ${kernelName(source.dtype)}`,
    );
  const rest = (shape: readonly number[]): number[] => shape.filter((_, k) => k !== d);
  if (!sameShape(rest(x.shape), rest(source.shape)))
    throw new ShapeError(
      `index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: ${rest(x.shape).join(" ")} at dimension ${d} and source slice shape: ${rest(source.shape).join(" ")} at dimension ${d}.`,
    );
  const n = source.shape.length === 0 ? 1 : source.shape[d]!;
  if (index.numel() !== n)
    throw new IndexError(`index_copy_(): Number of indices (${index.numel()}) should be equal to source.size(dim) (${n})`);
  const size = x.shape.length === 0 ? 1 : x.shape[d]!;
  const checked = checkedIndices(index, size, false, (value) => {
    throw new IndexError(`index_copy_(): index ${value} is out of bounds for dimension ${d} with size ${size}`);
  });
  return { dim: d, checked, alpha: 1 };
}

/**
 * `input` with the rows `index` of a dimension replaced by those of `source`. As `torch.index_copy`.
 * @example
 * torch.indexCopy(torch.zeros(3), 0, torch.tensor([2n]), torch.tensor([7])) // tensor([0., 0., 7.])
 */
export function indexCopy(input: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  checkArguments("index_copy(Tensor input, int dim, Tensor index, Tensor source)", input, dim, index, source);
  return runtime.call(copyOp, [input, index, source], copyArguments(input, dim, index, source));
}

/** The rows of a value broadcast to `count` rows of `x`. */
function filledRows(x: Tensor, dim: number, count: number, value: NumberLike | Tensor): Tensor {
  const shape = [...x.shape];
  if (shape.length > 0) shape[dim] = count;
  if (!runtime.isTensor(value)) return runtime.newFull(x, [], value, x.dtype).expand(shape);
  if (value.shape.length > 0)
    throw new ShapeError(
      `index_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.shape.length} dimension(s).`,
    );
  return value.toDtype(x.dtype).expand(shape);
}

function fillArguments(x: Tensor, dim: number, index: Tensor): Attributes {
  const d = wrapDim(dim, x.shape.length);
  if (index.dtype.key !== "i64") throw new IndexError("index_fill_(): Expected dtype int64 for index.");
  if (index.shape.length > 1) throw new ShapeError("Index has to be a vector/scalar");
  const size = x.shape.length === 0 ? 1 : x.shape[d]!;
  const checked = checkedIndices(index, size, true, (value) => {
    throw new IndexError(`index ${value} is out of bounds for dimension ${d} with size ${size}`);
  });
  // A 0-d tensor has one row, which all indices mean.
  const once = x.shape.length === 0 && checked.numel() > 1;
  return { dim: d, checked: once ? checked.narrow(0, 0, 1) : checked, alpha: 1 };
}

/**
 * `input` with the rows `index` of a dimension set to a value. As `torch.index_fill`.
 * @example
 * torch.indexFill(torch.zeros(3), 0, torch.tensor([1n]), 4) // tensor([0., 4., 0.])
 */
export function indexFill(input: Tensor, dim: number, index: Tensor, value: NumberLike | Tensor): Tensor {
  checkArguments("index_fill(Tensor input, int dim, Tensor index, Scalar|Tensor value)", input, dim, index, value);
  const attributes = fillArguments(input, dim, index);
  const rows = filledRows(input, attributes.dim, attributes.checked.numel(), value);
  if (attributes.checked.numel() === 0) return input.clone();
  return runtime.call(copyOp, [input, attributes.checked, rows], attributes);
}

const reductionWrites: Record<IndexReduction, Write> = { prod: "multiply", mean: "add", amax: "max", amin: "min" };
/** Where each reduction starts when what is there does not count. */
export function neutralOf(reduce: string, dtype: Tensor["dtype"]): NumberLike {
  if (reduce === "prod") return 1;
  if (reduce !== "amax" && reduce !== "amin") return 0;
  const low = reduce === "amax";
  if (dtype.isFloatingPoint) return low ? -Infinity : Infinity;
  if (dtype.key === "bool") return low ? 0 : 1;
  if (dtype.key === "u8") return low ? 0 : 255;
  const bits = BigInt(dtype.itemsize * 8 - 1);
  const edge = 1n << bits;
  const value = low ? -edge : edge - 1n;
  return dtype.itemsize === 8 ? value : Number(value);
}

interface ReduceAttributes extends Attributes {
  readonly reduce: IndexReduction;
  readonly includeSelf: boolean;
}

const reduceOp = defineOp<ReduceAttributes>({
  name: "index_reduce",
  saves: { inputs: [0, 1, 2], outputs: [0] },
  run([x, , source], attributes) {
    const { dim, checked, reduce, includeSelf } = attributes;
    return runtime.withoutGrad(() => {
      const start = includeSelf ? x! : indexFill(x!, dim, checked, neutralOf(reduce, x!.dtype));
      const out = start.clone({ memoryFormat: "contiguous" });
      putRows(out, source!, attributes, reductionWrites[reduce]);
      if (reduce !== "mean") return out;
      const counts = rowCounts(x!, attributes);
      return x!.dtype.isFloatingPoint ? out.div(counts) : out.div(counts, { roundingMode: "floor" });
    });
  },
  backward([g], saved) {
    const { dim, reduce, includeSelf } = saved.attributes;
    const x = saved.input(0);
    const index = saved.input(1);
    const source = saved.input(2);
    const out = saved.output(0);
    const masked = (t: Tensor): Tensor => (includeSelf ? t : indexFill(t, dim, index, 0));
    const pick = (t: Tensor): Tensor => t.indexSelect(dim, index).reshape(source.shape);
    if (reduce === "mean") {
      const counts = rowCounts(x, saved.attributes);
      const share = g!.div(counts);
      return [saved.needs(0) ? masked(share) : null, null, saved.needs(2) ? pick(share) : null];
    }
    if (reduce === "prod") {
      const gx = g!.mul(out).div(x.where(x.ne(0), 1));
      const maskedSelf = x.where(x.ne(0), 1);
      const onlySelfZero = includeSelf
        ? indexReduceProduct(maskedSelf, saved.attributes, source, index)
        : indexReduceProduct(x.mul(0).add(1), saved.attributes, source, index);
      const exact = gx.where(x.ne(0), g!.mul(onlySelfZero));
      const zeros = source.eq(0).toDtype(g!.dtype);
      const zeroCount = runtime.full(x.shape, 0, g!.dtype).indexAdd(dim, index, zeros);
      const base = includeSelf ? x : indexFill(x, dim, index, 1);
      const withoutZeros = indexReduceProduct(
        base,
        { ...saved.attributes, includeSelf: true },
        source.where(source.ne(0), 1),
        index,
      );
      const plain = pick(g!.mul(out)).div(source.where(source.ne(0), 1));
      const single = pick(g!).mul(pick(withoutZeros)).where(pick(zeroCount).eq(1), 0);
      return [saved.needs(0) ? masked(exact) : null, null, saved.needs(2) ? plain.where(source.ne(0), single) : null];
    }
    const value = pick(out);
    const isSource = source.eq(value).toDtype(g!.dtype);
    const isSelf = masked(x.eq(out).toDtype(g!.dtype));
    const share = g!.div(isSelf.indexAdd(dim, index, isSource));
    return [
      saved.needs(0) ? share.mul(isSelf).where(isSelf.ne(0), 0) : null,
      null,
      saved.needs(2) ? pick(share).mul(isSource).where(isSource.ne(0), 0) : null,
    ];
  },
});

function indexReduceProduct(x: Tensor, attributes: ReduceAttributes, source: Tensor, index: Tensor): Tensor {
  return runtime.call(reduceOp, [x, index, source], { ...attributes, reduce: "prod" });
}

/** How many elements each result of a mean is made of. */
function rowCounts(x: Tensor, { dim, checked, includeSelf }: ReduceAttributes): Tensor {
  return runtime.withoutGrad(() => {
    const ones = runtime.newFull(x, x.shape, 1, x.dtype);
    const start = includeSelf ? ones : indexFill(ones, dim, checked, 0);
    const shape = [...x.shape];
    if (shape.length > 0) shape[dim] = checked.numel();
    const counts = start.indexAdd(dim, checked, runtime.newFull(x, shape, 1, x.dtype));
    return counts.where(counts.ne(0), 1);
  });
}

function reduceArguments(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: IndexReduction,
  options: IndexReduceOptions | undefined,
): ReduceAttributes {
  if (!(reduce in reductionWrites))
    throw new ValueError(`index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ${reduce}.`);
  const d = wrapDim(dim, x.shape.length);
  if (x.dtype !== source.dtype)
    throw new DTypeError("index_reduce(): self and source must have the same scalar type", `${x.dtype} and ${source.dtype}`);
  checkRows("index_reduce", x, d, index, source);
  return {
    dim: d,
    checked: rowIndices("index_reduce", x, d, index),
    alpha: 1,
    reduce,
    includeSelf: options?.includeSelf ?? true,
  };
}

/**
 * `input` with its rows `index` combined with those of `source` by 'prod', 'mean', 'amax' or 'amin'. As `torch.index_reduce`.
 * @example
 * torch.indexReduce(torch.ones(2), 0, torch.tensor([0n, 0n]), torch.tensor([2, 5]), "prod") // tensor([10., 1.])
 */
export function indexReduce(
  input: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: IndexReduction,
  options?: IndexReduceOptions,
): Tensor {
  checkArguments(
    "index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, options? options, {bool includeSelf})",
    input,
    dim,
    index,
    source,
    reduce,
    options,
  );
  return runtime.call(reduceOp, [input, index, source], reduceArguments(input, dim, index, source, reduce, options));
}

method("indexAdd", indexAdd);
method("indexAdd_", (x: Tensor, dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions) => {
  checkArguments(
    "index_add_(Tensor x, int dim, Tensor index, Tensor source, options? options, {Scalar alpha, Tensor out})",
    x,
    dim,
    index,
    source,
    options,
  );
  return runtime.callInPlace(addOp, [x, index, source], addArguments(x, dim, index, source, options));
});
method("indexCopy", indexCopy);
method("indexCopy_", (x: Tensor, dim: number, index: Tensor, source: Tensor) => {
  checkArguments("index_copy_(Tensor x, int dim, Tensor index, Tensor source)", x, dim, index, source);
  return runtime.callInPlace(copyOp, [x, index, source], copyArguments(x, dim, index, source));
});
method("indexFill", indexFill);
method("indexFill_", (x: Tensor, dim: number, index: Tensor, value: NumberLike | Tensor) => {
  checkArguments("index_fill_(Tensor x, int dim, Tensor index, Scalar|Tensor value)", x, dim, index, value);
  const attributes = fillArguments(x, dim, index);
  const rows = filledRows(x, attributes.dim, attributes.checked.numel(), value);
  return attributes.checked.numel() === 0 ? x : runtime.callInPlace(copyOp, [x, attributes.checked, rows], attributes);
});
method("indexReduce", indexReduce);
method(
  "indexReduce_",
  (x: Tensor, dim: number, index: Tensor, source: Tensor, reduce: IndexReduction, options?: IndexReduceOptions) => {
    checkArguments(
      "index_reduce_(Tensor x, int dim, Tensor index, Tensor source, str reduce, options? options, {bool includeSelf})",
      x,
      dim,
      index,
      source,
      reduce,
      options,
    );
    return runtime.callInPlace(reduceOp, [x, index, source], reduceArguments(x, dim, index, source, reduce, options));
  },
);
