/**
 * Sorting along a dimension: `sort`, `argsort`, `msort`, `topk`.
 */
import { checkArguments } from "../arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { DTypeError, ValueError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { wordsOf } from "../indexing/integers.ts";
import { copyElements } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { writeOutputs } from "../outputs.ts";
import { type ValuesIndices, valuesIndices } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { RowSelector, RowSorter } from "./radix.ts";
import { chooseFirst, isRankable, rankRows } from "./rank.ts";

export interface SortOptions {
  /** Default: the last. */
  dim?: number;
  descending?: boolean;
  /** Sorting is always stable here. */
  stable?: boolean | null;
  out?: readonly [Tensor, Tensor];
}
export interface TopkOptions {
  dim?: number;
  /** The largest elements (default) or the smallest. */
  largest?: boolean;
  /** In order; they always are here. */
  sorted?: boolean;
  out?: readonly [Tensor, Tensor];
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sort}. */
    sort(dim?: number | SortOptions, descending?: boolean | SortOptions): ValuesIndices;
    /** See {@link argsort}. */
    argsort(dim?: number | SortOptions, descending?: boolean | SortOptions): Tensor;
    /** See {@link msort}. */
    msort(): Tensor;
    /** See {@link topk}. */
    topk(k: number, dim?: number | TopkOptions, largest?: boolean | TopkOptions, sorted?: boolean): ValuesIndices;
  }
}

interface Attributes {
  readonly dim: number;
  readonly descending: boolean;
  /** How many of each row are wanted; all when it is null. */
  readonly k: number | null;
}

/** Most elements of a row that are chosen by kernels, and sorted by insertion. */
const mostChosen = 64;

/** The first elements of rows in which no two of those, nor the next one, are equal. */
class FewChosen {
  private readonly n: number;
  private readonly k: number;
  private readonly keys: Int32Array;
  private readonly found: Int32Array;
  private readonly list: Int32Array;

  constructor(x: Tensor, n: number, k: number, descending: boolean) {
    const ranked = rankRows(x, n, k - 1, descending);
    this.n = n;
    this.k = k;
    this.list = chooseFirst(ranked, k);
    this.keys = ranked.keys.data as Int32Array;
    this.found = ranked.found.data as Int32Array;
  }

  /** The sorted positions of row r; null where elements are equal, whose order depends on the algorithm. */
  select(r: number): Int32Array | null {
    const { n, k, keys, list } = this;
    if (this.found[4 * r + 1]! + this.found[4 * r + 2]! !== k) return null;
    const start = r * (k + 1);
    for (let i = 1; i < k; i++) {
      const position = list[start + i]!;
      const key = keys[r * n + position]!;
      let j = i;
      for (; j > 0; j--) {
        const before = list[start + j - 1]!;
        const other = keys[r * n + before]!;
        if (other === key) return null;
        if (other < key) break;
        list[start + j] = before;
      }
      list[start + j] = position;
    }
    return list.subarray(start, start + k);
  }
}

/** Runs a sorter over all rows along a dimension; values and indices lie row-major. */
function sortAlong(x: Tensor, { dim, descending, k }: Attributes): Tensor[] {
  const rank = x.shape.length;
  const n = rank === 0 ? 1 : x.shape[dim]!;
  const wanted = k ?? n;
  const shape = x.shape.map((s, d) => (d === dim ? wanted : s));
  const values = runtime.empty(shape, x.dtype);
  const indices = runtime.empty(shape, int64);
  if (values.numel() === 0) return [values, indices];
  const last = rank === 0 || dim === rank - 1;
  return runtime.withoutGrad(() => {
    const source = (last ? x : x.movedim(dim, -1)).contiguous();
    const rowShape = last ? shape : [...shape.filter((_, d) => d !== dim), wanted];
    const rowValues = last ? values : runtime.empty(rowShape, x.dtype);
    const rowIndices = last ? indices : runtime.empty(rowShape, int64);
    const from = source.data;
    const to = rowValues.data;
    const words = wordsOf(rowIndices);
    words.fill(0);
    const sorter = k === null ? new RowSorter(x.dtype, n, descending) : new RowSelector(x.dtype, n, k, descending);
    const rows = values.numel() / wanted;
    const few = sorter instanceof RowSelector && k! <= mostChosen && rows > 1 && isRankable(source, n);
    const chosen = few ? new FewChosen(source, n, k!, descending) : null;
    for (let r = 0; r < rows; r++) {
      const sorted = chosen?.select(r) ?? null;
      const order = sorted ?? (sorter instanceof RowSorter ? sorter.sort(from, r * n) : sorter.select(from, r * n));
      const start = r * wanted;
      for (let i = 0; i < wanted; i++) {
        const at = order[i]!;
        to[start + i] = from[r * n + at]!;
        words[2 * (start + i)] = at;
      }
    }
    if (!last) {
      copyElements(values, rowValues.movedim(-1, dim));
      copyElements(indices, rowIndices.movedim(-1, dim));
    }
    return [values, indices];
  });
}

function sorting(name: string) {
  return defineOp<Attributes>({
    name,
    saves: { outputs: [1] },
    run: ([x], attributes) => sortAlong(x!, attributes),
    backward([g], saved) {
      if (!g) return [null];
      const shape = saved.inputShape(0);
      if (shape.length === 0) return [g];
      return [runtime.full(shape, 0, g.dtype).scatter(saved.attributes.dim, saved.output(1), g)];
    },
  });
}
const sortOp = sorting("sort");
const topkOp = sorting("topk");

function sortArguments(
  x: Tensor,
  dim: number | SortOptions | undefined,
  descending: boolean | SortOptions | undefined,
): { attributes: Attributes; out: readonly [Tensor, Tensor] | undefined } {
  const o: SortOptions =
    typeof dim === "object" ? dim : { ...(typeof descending === "object" ? descending : { descending }), dim };
  return {
    attributes: { dim: wrapDim(o.dim ?? -1, x.shape.length), descending: o.descending ?? false, k: null },
    out: o.out,
  };
}

/**
 * The elements along `dim` (default the last) in ascending order and the positions from which they come; equal ones keep their order, NaN is the largest. As
 * `torch.sort`.
 * @example
 * torch.sort(torch.tensor([3, 1, 2])).indices // tensor([1, 2, 0])
 */
export function sort(input: Tensor, dim?: number | SortOptions, descending?: boolean | SortOptions): ValuesIndices {
  checkArguments(
    "sort(Tensor input, int|options? dim, bool|options? descending, {int dim, bool descending, bool|None stable, Tensor[] out})",
    input,
    dim,
    descending,
  );
  const { attributes, out } = sortArguments(input, dim, descending);
  const run = (): Tensor[] => runtime.callMany(sortOp, [input], attributes);
  return valuesIndices("sort", out ? writeOutputs("sort", [input], out, run) : run());
}

/**
 * The positions of the elements along `dim` in sorted order, as `torch.argsort`.
 * @example
 * torch.argsort(torch.tensor([30, 10, 20])) // tensor([1, 2, 0])
 */
export function argsort(input: Tensor, dim?: number | SortOptions, descending?: boolean | SortOptions): Tensor {
  checkArguments(
    "argsort(Tensor input, int|options? dim, bool|options? descending, {int dim, bool descending, bool|None stable, Tensor[] out})",
    input,
    dim,
    descending,
  );
  const { attributes } = sortArguments(input, dim, descending);
  return runtime.withoutGrad(() => runtime.callMany(sortOp, [input], attributes)[1]!);
}

/**
 * Sorted along the first dimension, as `torch.msort`.
 * @example
 * torch.msort(torch.tensor([3, 1, 2])) // tensor([1., 2., 3.])
 */
export function msort(input: Tensor): Tensor {
  checkArguments("msort(Tensor input)", input);
  return sort(input, 0).values;
}

/**
 * The k largest (or smallest) elements along `dim` (default the last), in order, and their positions. As `torch.topk`.
 * @example
 * torch.topk(torch.tensor([3, 1, 2]), 2).values // tensor([3., 2.])
 */
export function topk(
  input: Tensor,
  k: number,
  dim?: number | TopkOptions,
  largest?: boolean | TopkOptions,
  sorted?: boolean,
): ValuesIndices {
  checkArguments(
    "topk(Tensor input, int k, int|options? dim, bool|options? largest, bool? sorted, {int dim, bool largest, bool sorted, Tensor[] out})",
    input,
    k,
    dim,
    largest,
    sorted,
  );
  const o: TopkOptions =
    typeof dim === "object" ? dim : typeof largest === "object" ? { ...largest, dim } : { dim, largest, sorted };
  const d = wrapDim(o.dim ?? -1, input.shape.length);
  const n = input.shape.length === 0 ? 1 : input.shape[d]!;
  if (!Number.isInteger(k) || k < 0 || k > n)
    throw new ValueError("selected index k out of range", `k is ${k} for a dimension of size ${n}`);
  if (input.dtype.key === "bool")
    throw new DTypeError("\"topk_cpu\" not implemented for 'Bool'", "convert the tensor: x.to(torch.uint8)");
  const attributes = { dim: d, descending: o.largest ?? true, k };
  const run = (): Tensor[] => runtime.callMany(topkOp, [input], attributes);
  return valuesIndices("topk", o.out ? writeOutputs("topk", [input], o.out, run) : run());
}

method("sort", sort);
method("argsort", argsort);
method("msort", msort);
method("topk", topk);
