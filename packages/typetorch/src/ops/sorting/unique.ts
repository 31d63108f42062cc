/**
 * Distinct elements: `unique`, `uniqueConsecutive`.
 */
import { checkArguments } from "../arguments.ts";
import { bool, int64 } from "../../core/dtype.ts";
import { ValueError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { integers, wordsOf } from "../indexing/integers.ts";
import { nonzeroPositions } from "../indexing/nonzero.ts";
import { cat } from "../memory/cat.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { RowSorter } from "./radix.ts";

export interface UniqueConsecutiveOptions {
  /** Also where in the result each element is found. */
  returnInverse?: boolean;
  /** Also how often each occurs. */
  returnCounts?: boolean;
  /** Compare whole slices of this dimension; without it, the elements of the flattened tensor. */
  dim?: number | null;
}
export interface UniqueOptions extends UniqueConsecutiveOptions {
  /** In ascending order; the result always is here. */
  sorted?: boolean;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link unique}. */
    unique(options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
    unique(options: UniqueOptions): Tensor | Tensor[];
    /** See {@link uniqueConsecutive}. */
    uniqueConsecutive(options?: UniqueConsecutiveOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
    uniqueConsecutive(options: UniqueConsecutiveOptions): Tensor | Tensor[];
  }
}

/** Slices to be told apart: their order in which equal ones are neighbours, and whether the i-th in that order equals the one before. */
interface Slices {
  readonly n: number;
  readonly order: Int32Array;
  sameAsBefore(i: number): boolean;
}

function identity(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

/** The rows (n, width) of a row-major tensor, by their elements' values: both zeros are equal, NaN differs from itself. */
function slicesOf(x: Tensor, n: number, width: number, sorted: boolean): Slices {
  const raw = x.data;
  const comparable = x.dtype.isFloatingPoint && x.dtype.itemsize === 2 ? runtime.withoutGrad(() => x.float().data) : raw;
  if (sorted && width === 1) {
    const sorter = new RowSorter(x.dtype, n, false);
    const order = sorter.sort(raw, 0);
    const { sortedLow: low, sortedHigh: high } = sorter;
    const floating = x.dtype.isFloatingPoint;
    return {
      n,
      order,
      sameAsBefore: (i) =>
        low[i] === low[i - 1] &&
        (high === null || high[i] === high[i - 1]) &&
        !(floating && comparable[order[i]!] !== comparable[order[i]!]),
    };
  }
  const order = identity(n);
  if (sorted) {
    order.sort((a, b) => {
      for (let i = 0; i < width; i++) {
        const p = comparable[a * width + i]!;
        const q = comparable[b * width + i]!;
        if (p < q) return -1;
        if (p > q) return 1;
      }
      return a - b;
    });
  }
  return {
    n,
    order,
    sameAsBefore(i) {
      const a = order[i - 1]! * width;
      const b = order[i]! * width;
      for (let k = 0; k < width; k++) if (comparable[a + k] !== comparable[b + k]) return false;
      return true;
    },
  };
}

/** The first of each run of equal slices, for each slice its run, and the runs' lengths. */
function runsOf({ n, order, sameAsBefore }: Slices): { firsts: number[]; inverse: Int32Array; counts: number[] } {
  const firsts: number[] = [];
  const counts: number[] = [];
  const inverse = new Int32Array(n);
  let start = 0;
  for (let i = 0; i < n; i++) {
    if (i === 0 || !sameAsBefore(i)) {
      if (i > 0) counts.push(i - start);
      firsts.push(order[i]!);
      start = i;
    }
    inverse[order[i]!] = firsts.length - 1;
  }
  if (n > 0) counts.push(n - start);
  return { firsts, inverse, counts };
}

/** How many different values there may be, for each element, that counting is faster than sorting. */
const valuesPerElement = 4;

/**
 * Flat integers of a narrow range are counted instead of sorted: their lowest value, how often each value from there on occurs, and the place of each in the
 * result. Null for other tensors.
 */
function countedIntegers(x: Tensor): { lowest: number; counts: Int32Array; values: number } | null {
  const { key } = x.dtype;
  if (key !== "i64" && key !== "i32" && key !== "i16" && key !== "i8" && key !== "u8") return null;
  const wide = key === "i64";
  const n = x.shape[0]!;
  if (n === 0) return null;
  const elements = wide ? wordsOf(x) : (x.data as Int32Array);
  const step = wide ? 2 : 1;
  let lowest = elements[0]!;
  let highest = lowest;
  let odd = 0;
  for (let k = 0; k < elements.length; k += step) {
    const v = elements[k]!;
    if (v < lowest) lowest = v;
    if (v > highest) highest = v;
    if (wide) odd |= elements[k + 1]! ^ (v >> 31); // does not fit in 32 bits
  }
  const range = highest - lowest + 1;
  if (odd !== 0 || range > Math.max(valuesPerElement * n, 4096)) return null;
  const counts = new Int32Array(range);
  for (let k = 0; k < elements.length; k += step) counts[elements[k]! - lowest]!++;
  let values = 0;
  for (let v = 0; v < range; v++) if (counts[v] !== 0) values++;
  return { lowest, counts, values };
}

/** The distinct integers in order, where each element is among them, and how often each occurs. */
function distinctIntegers(x: Tensor, shape: readonly number[], options: UniqueOptions): Tensor[] | null {
  const counted = countedIntegers(x);
  if (counted === null) return null;
  const { lowest, counts, values } = counted;
  const present = new Int32Array(values);
  const places = new Int32Array(counts.length);
  for (let v = 0, at = 0; v < counts.length; v++) {
    if (counts[v] === 0) continue;
    places[v] = at;
    present[at++] = v;
  }
  const results = [
    toDtype(
      integers(x, [values], (k) => present[k]! + lowest),
      x.dtype,
    ),
  ];
  if (options.returnInverse) {
    const table = integers(x, [places.length], (v) => places[v]!);
    results.push(table.indexSelect(0, x.long().sub(lowest)).view(shape));
  }
  if (options.returnCounts) results.push(integers(x, [values], (k) => counts[present[k]!]!));
  return results;
}

/** One of each run of equal elements of a vector. */
function runs(x: Tensor, shape: readonly number[], { returnInverse, returnCounts }: UniqueConsecutiveOptions): Tensor[] {
  const n = x.shape[0]!;
  const starts = runtime.newFull(x, [n], 1, bool);
  if (n > 1) starts.narrow(0, 1, n - 1).copy_(x.narrow(0, 1, n - 1).ne(x.narrow(0, 0, n - 1)));
  const firsts = nonzeroPositions(starts);
  const results = [x.indexSelect(0, firsts)];
  if (returnInverse) results.push(starts.cumsum(0).sub(1).view(shape));
  if (returnCounts) results.push(cat([firsts, runtime.newFull(x, [n > 0 ? 1 : 0], n, int64)]).diff());
  return results;
}

function distinct(name: string, input: Tensor, options: UniqueOptions, sorted: boolean): Tensor | Tensor[] {
  const { returnInverse = false, returnCounts = false } = options;
  const dim = options.dim ?? null;
  return runtime.withoutGrad(() => {
    const flat = dim === null || input.shape.length === 0;
    const d = dim === null ? 0 : wrapDim(dim, input.shape.length);
    const x = (flat ? input.reshape([-1]) : input.movedim(d, 0)).contiguous();
    const n = x.shape[0]!;
    const width = x.shape.slice(1).reduce((a, b) => a * b, 1);
    if (!flat && width === 0 && n > 0)
      throw new ValueError(
        "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied",
        `${name} along dimension ${d} of shape [${input.shape.join(", ")}]`,
      );
    const integral = !flat ? null : sorted ? distinctIntegers(x, input.shape, options) : runs(x, input.shape, options);
    if (integral !== null) return integral.length === 1 ? integral[0]! : integral;
    const { firsts, inverse, counts } = runsOf(slicesOf(x, n, width, sorted));
    const picked = x.indexSelect(
      0,
      integers(x, [firsts.length], (k) => firsts[k]!),
    );
    const results = [flat ? picked : picked.movedim(0, d).contiguous()];
    if (returnInverse) results.push(integers(x, flat ? input.shape : [n], (k) => inverse[k]!));
    if (returnCounts) results.push(integers(x, [counts.length], (k) => counts[k]!));
    return results.length === 1 ? results[0]! : results;
  });
}

export function unique(input: Tensor, options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
export function unique(input: Tensor, options: UniqueOptions): Tensor | Tensor[];
/**
 * The distinct elements in ascending order (or the distinct slices of `dim`); with options an array that also has the inverse indices and the counts. As
 * `torch.unique`.
 * @example
 * torch.unique(torch.tensor([3, 1, 3])) // tensor([1., 3.])
 */
export function unique(input: Tensor, options: UniqueOptions = {}): Tensor | Tensor[] {
  checkArguments(
    "unique(Tensor input, options? options, {bool sorted, bool returnInverse, bool returnCounts, int|None dim})",
    input,
    options,
  );
  return distinct("unique", input, options, true);
}

export function uniqueConsecutive(
  input: Tensor,
  options?: UniqueConsecutiveOptions & { returnInverse?: false; returnCounts?: false },
): Tensor;
export function uniqueConsecutive(input: Tensor, options: UniqueConsecutiveOptions): Tensor | Tensor[];
/**
 * One of each run of equal elements (or slices of `dim`), as `torch.unique_consecutive`.
 * @example
 * torch.uniqueConsecutive(torch.tensor([1, 1, 2, 1])) // tensor([1., 2., 1.])
 */
export function uniqueConsecutive(input: Tensor, options: UniqueConsecutiveOptions = {}): Tensor | Tensor[] {
  checkArguments(
    "unique_consecutive(Tensor input, options? options, {bool returnInverse, bool returnCounts, int|None dim})",
    input,
    options,
  );
  return distinct("unique_consecutive", input, options, false);
}

method("unique", unique as (...args: never[]) => unknown);
method("uniqueConsecutive", uniqueConsecutive as (...args: never[]) => unknown);
