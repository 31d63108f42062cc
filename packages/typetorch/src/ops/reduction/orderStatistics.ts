/**
 * Elements by their rank: `median`, `nanmedian`, `kthvalue`, `mode`.
 */
import { checkArguments } from "../arguments.ts";
import { kernelName, type DType, int64 } from "../../core/dtype.ts";
import { DTypeError, ValueError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { checkNoOverlap, writeOutputs } from "../outputs.ts";
import { type ValuesIndices, valuesIndices } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { type DimensionOptions, scatterSelected, shareEvenly } from "./extreme.ts";
import { checkReducible, reducedShape } from "./reduce.ts";
import { type Keys, allocateKeys, fillerOf } from "../sorting/keys.ts";
import { isRankable, rankRows } from "../sorting/rank.ts";
import { type Elements, quickSelect, rankSelect, sortLikeStd } from "./selection.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link median}. */
    median(): Tensor;
    median(dim: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
    /** See {@link nanmedian}. */
    nanmedian(): Tensor;
    nanmedian(dim: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
    /** See {@link kthvalue}. */
    kthvalue(k: number, dim?: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
    /** See {@link mode}. */
    mode(dim?: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
  }
}

/** The elements as JavaScript numbers or bigints: the 16-bit formats are widened. */
function comparableElements(x: Tensor): Elements {
  return (x.dtype.itemsize === 2 && x.dtype.isFloatingPoint ? x.float() : x).data;
}

interface Attributes {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly k: number;
}

/** Chooses an element of a row, by its elements or by their keys: gives its position. */
type Choose = (row: Elements, keys: Keys, k: number) => number;

/** The rank that is wanted of every row of n elements, if that is the same for all; null where it depends on the elements. */
type RankOf = ((n: number, k: number) => number) | null;

/** Runs `choose` on every row in which the rank alone does not tell; values and indices have the reduced shape. */
function chooseAlong(x: Tensor, { dims, keepdim, k }: Attributes, choose: Choose, rankOf: RankOf): Tensor[] {
  const shape = reducedShape(x.shape, dims, keepdim);
  const values = runtime.empty(shape, x.dtype);
  const indices = runtime.empty(shape, int64);
  const rows = runtime.withoutGrad(() => (dims.length === 0 ? x : x.movedim(dims[0]!, -1)).contiguous());
  const n = dims.length === 0 ? 1 : x.shape[dims[0]!]!;
  const comparable = runtime.withoutGrad(() => comparableElements(rows));
  const raw = rows.data;
  const toValues = values.data;
  const toIndices = indices.data as BigInt64Array;
  const ranked = rankOf !== null && isRankable(rows, n) ? rankRows(rows, n, rankOf(n, k), false) : null;
  const found = ranked === null ? null : (ranked.found.data as Int32Array);
  const greatest = ranked === null ? null : hasNan(rows, n);
  let keys: Keys | null = null;
  const fill = fillerOf(x.dtype);
  for (let r = 0; r < toIndices.length; r++) {
    let at: number;
    if (found !== null && found[4 * r + 2] === 1 && !greatest!(r)) at = found[4 * r + 3]!;
    else {
      keys ??= allocateKeys(x.dtype, n);
      fill(raw, r * n, n, false, keys);
      at = choose(comparable.subarray(r * n, (r + 1) * n) as Elements, keys, k);
    }
    toIndices[r] = BigInt(at);
    toValues[r] = raw[r * n + at]!;
  }
  return [values, indices];
}

/** Tells of each row whether it has a NaN, which decides a median. */
function hasNan(rows: Tensor, n: number): (r: number) => boolean {
  if (!rows.dtype.isFloatingPoint) return () => false;
  const flags = runtime.withoutGrad(() => {
    const matrix = rows.view([-1, n]);
    return matrix.ne(matrix).any(1).data as Uint8Array;
  });
  return (r) => flags[r] !== 0;
}

function chooser(name: string, choose: Choose, rankOf: RankOf): Op<Attributes> {
  return defineOp<Attributes>({
    name,
    saves: { outputs: [1] },
    run: ([x], attributes) => chooseAlong(x!, attributes, choose, rankOf),
    backward([g], saved) {
      const { dims, keepdim } = saved.attributes;
      return [g ? scatterSelected(g, saved.output(1), saved.inputShape(0), dims, keepdim) : null];
    },
  });
}

/** How many elements are not NaN. */
function countNumbers(row: Elements): number {
  let n = 0;
  for (let i = 0; i < row.length; i++) if (row[i] === row[i]) n++;
  return n;
}

const highOf = (keys: Keys): Uint32Array | null => (keys.bits === 64 ? keys.high : null);
const byRank = (keys: Keys, k: number): number => rankSelect(keys.low, highOf(keys), keys.low.length, k);

const chooseMedian: Choose = (row, keys) => {
  for (let i = 0; i < row.length; i++) if (row[i] !== row[i]) return i;
  return byRank(keys, (row.length - 1) >> 1);
};
const chooseNanmedian: Choose = (row, keys) => {
  const n = countNumbers(row);
  return n === 0 ? 0 : byRank(keys, (n - 1) >> 1);
};
const chooseMode: Choose = (row) => {
  const order = sortLikeStd(row);
  let best = 0;
  let at = 0;
  let run = 0;
  for (let i = 0; i < order.length; i++) {
    run++;
    if (i === order.length - 1 || row[order[i]!] !== row[order[i + 1]!]) {
      if (run > best) {
        best = run;
        at = order[i]!;
      }
      run = 0;
    }
  }
  return at;
};

/** `(dim, { keepdim })`, `({ dim, keepdim })` or `(dim, keepdim)`. */
function argumentsOf(
  dim: number | DimensionOptions | undefined,
  options: DimensionOptions | boolean | undefined,
): { dim: number | undefined; keepdim: boolean; out: readonly [Tensor, Tensor] | undefined } {
  const o: DimensionOptions =
    typeof dim === "object" && dim !== null ? dim : typeof options === "boolean" ? { keepdim: options } : (options ?? {});
  return { dim: typeof dim === "number" ? dim : o.dim, keepdim: o.keepdim ?? false, out: o.out };
}

function runAlong(
  name: string,
  op: Op<Attributes>,
  x: Tensor,
  dim: number,
  keepdim: boolean,
  k: number,
  out: readonly [Tensor, Tensor] | undefined,
): ValuesIndices {
  const dims = x.shape.length === 0 ? [] : [dim];
  const run = (): Tensor[] => runtime.callMany(op, [x], { dims, keepdim, k });
  if (out) checkNoOverlap([x], out);
  return valuesIndices(name, out ? writeOutputs(name, [x], out, run) : run());
}

/** Of rows without NaN. */
const middle: RankOf = (n) => (n - 1) >> 1;

function medianFamily(name: "median" | "nanmedian", choose: Choose) {
  const along = chooser(name, choose, middle);
  const full = defineOp<null>({
    name,
    saves: { inputs: [0], outputs: [0] },
    run([x]) {
      const flat = runtime.withoutGrad(() => x!.reshape([-1]));
      if (flat.shape[0] === 0) return runtime.full([], x!.dtype.isFloatingPoint ? Number.NaN : 0, x!.dtype);
      return chooseAlong(flat, { dims: [0], keepdim: false, k: 0 }, choose, middle)[0]!;
    },
    backward: ([g], saved) => [shareEvenly(g!, saved.input(0), saved.output(0))],
  });
  const signature = `${name}(Tensor input, int|options? dim, bool|options? options, {int dim, bool keepdim, Tensor[] out})`;
  function fn(input: Tensor): Tensor;
  function fn(input: Tensor, dim: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices;
  function fn(input: Tensor, dim?: number | DimensionOptions, options?: DimensionOptions | boolean): Tensor | ValuesIndices {
    checkArguments(signature, input, dim, options);
    const o = argumentsOf(dim, options);
    refuseBool("median_out", input.dtype);
    if (o.dim === undefined || o.dim === null) return runtime.call(full, [input], null);
    const d = wrapDim(o.dim, input.shape.length);
    if (input.shape.length > 0) checkReducible("median", input, [d]);
    return runAlong(name, along, input, d, o.keepdim, 0, o.out);
  }
  method(name, fn as (...args: never[]) => unknown);
  return fn;
}

function refuseBool(name: string, dtype: DType): void {
  if (dtype.key === "bool")
    throw new DTypeError(`"${name}" not implemented for '${kernelName(dtype)}'`, "convert the tensor: x.to(torch.uint8)");
}

/**
 * The median, the lower of the two middle elements when their number is even; NaN where there is one. Along `dim` with positions. As `torch.median`.
 * @example
 * torch.median(torch.tensor([3, 1, 2])) // tensor(2.)
 */
export const median = medianFamily("median", chooseMedian);
/**
 * The median of the elements that are not NaN, as `torch.nanmedian`.
 * @example
 * torch.nanmedian(torch.tensor([1, NaN, 3, 5])) // tensor(3.)
 */
export const nanmedian = medianFamily("nanmedian", chooseNanmedian);

const kthOp = chooser(
  "kthvalue",
  (row, keys, k) => quickSelect(keys.low, highOf(keys), row.length, k - 1),
  (_, k) => k - 1,
);

/**
 * The k-th smallest element along `dim` (default the last) and its position, k counting from 1. As `torch.kthvalue`.
 * @example
 * torch.kthvalue(torch.tensor([30, 10, 20]), 2)[0] // tensor(20.)
 */
export function kthvalue(
  input: Tensor,
  k: number,
  dim?: number | DimensionOptions,
  options?: DimensionOptions | boolean,
): ValuesIndices {
  checkArguments(
    "kthvalue(Tensor input, int k, int|options? dim, bool|options? options, {int dim, bool keepdim, Tensor[] out})",
    input,
    k,
    dim,
    options,
  );
  const o = argumentsOf(dim, options);
  const d = wrapDim(o.dim ?? -1, input.shape.length);
  const n = input.shape.length === 0 ? 1 : input.shape[d]!;
  if (k < 1 || k > n) throw new ValueError(`kthvalue(): selected number k out of range for dimension ${d}`);
  refuseBool("kthvalue_cpu", input.dtype);
  return runAlong("kthvalue", kthOp, input, d, o.keepdim, k, o.out);
}

const modeOp = chooser("mode", chooseMode, null);

/**
 * The most frequent element along `dim` (default the last), the smallest of equally frequent ones, and a position of it. As `torch.mode`.
 * @example
 * torch.mode(torch.tensor([1, 2, 2, 3]))[0] // tensor(2.)
 */
export function mode(input: Tensor, dim?: number | DimensionOptions, options?: DimensionOptions | boolean): ValuesIndices {
  checkArguments(
    "mode(Tensor input, int|options? dim, bool|options? options, {int dim, bool keepdim, Tensor[] out})",
    input,
    dim,
    options,
  );
  const o = argumentsOf(dim, options);
  const d = wrapDim(o.dim ?? -1, input.shape.length);
  if (input.shape.length > 0) checkReducible("mode", input, [d]);
  return runAlong("mode", modeOp, input, d, o.keepdim, 0, o.out);
}

method("kthvalue", kthvalue);
method("mode", mode);
