/**
 * Running sums, products, extremes and log-sum-exps along a dimension.
 */
import { checkArguments } from "../arguments.ts";
import { kernelName, type DType, int64 } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import { type Expr, type ScalarType, computeType, constant } from "../../ir/expr.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { writeOutputs } from "../outputs.ts";
import { type ValuesIndices, valuesIndices } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import { specCache } from "./reduce.ts";
import { type ScanRule, runScan } from "./scan.ts";

export interface CumulativeOptions {
  dtype?: DType | null;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link cumsum}. */
    cumsum(dim: number | ({ dim: number } & CumulativeOptions), options?: CumulativeOptions): Tensor;
    cumsum_(dim: number, options?: CumulativeOptions): this;
    /** See {@link cumprod}. */
    cumprod(dim: number | ({ dim: number } & CumulativeOptions), options?: CumulativeOptions): Tensor;
    cumprod_(dim: number, options?: CumulativeOptions): this;
    /** See {@link cummax}. */
    cummax(dim: number, options?: { out?: readonly [Tensor, Tensor] }): ValuesIndices;
    /** See {@link cummin}. */
    cummin(dim: number, options?: { out?: readonly [Tensor, Tensor] }): ValuesIndices;
    /** See {@link logcumsumexp}. */
    logcumsumexp(dim: number, options?: { out?: Tensor }): Tensor;
  }
}

interface Attributes {
  readonly dim: number;
  readonly reverse: boolean;
  readonly dtype: DType;
}

/** float32 is carried as float64, as in PyTorch. */
function carriedType(dtype: DType): ScalarType {
  if (dtype.key === "f32") return "f64";
  return dtype.isFloatingPoint ? computeType(dtype) : "i64";
}

function accumulating(name: string, op: "add" | "mul"): (from: DType, to: DType) => ScanRule {
  return specCache((_from, to) => {
    const type = carriedType(to);
    // What is carried has the precision of the result's dtype: an integer dtype wraps when it is stored.
    return {
      name,
      types: [type],
      init: [constant(op === "add" ? 0 : 1, type)],
      op,
      step: (x) => [x.cast(computeType(to)).cast(type)],
      outputs: [to],
    };
  });
}
const sums = accumulating("cumsum", "add");
const products = accumulating("cumprod", "mul");

/** On a GPU an invocation carries one sum, so few long rows are cut: from this length on, and below this number of rows. */
const leastCut = 2048;
const busyRows = 4096;

/** Running sums within blocks of a row, to which the sum of the blocks before is added. */
function cutSums(x: Tensor, dim: number, reverse: boolean, dtype: DType): Tensor {
  const n = x.shape[dim]!;
  const block = Math.ceil(Math.sqrt(n));
  const blocks = Math.ceil(n / block);
  const around = (shape: readonly number[]): number[] => [...x.shape.slice(0, dim), ...shape, ...x.shape.slice(dim + 1)];
  const padded = runtime.full(around([blocks * block]), 0, x.dtype);
  padded.narrow(dim, 0, n).copy_(x);
  const within = runScan(sums(x.dtype, dtype), padded.reshape(around([blocks, block])), dim + 1, reverse)[0]!;
  const totals = within.select(dim + 1, reverse ? 0 : block - 1);
  const before = runScan(sums(dtype, dtype), totals, dim, reverse)[0]!.unsqueeze(dim + 1);
  const [first, last] = reverse ? [0, 1] : [1, 0];
  within.narrow(dim, first, blocks - 1).add_(before.narrow(dim, last, blocks - 1));
  return within
    .reshape(around([blocks * block]))
    .narrow(dim, 0, n)
    .contiguous();
}

const cumsumOp: Op<Attributes> = defineOp<Attributes>({
  name: "cumsum",
  run: ([x], { dim, reverse, dtype }) => {
    const n = x!.shape.length === 0 ? 1 : x!.shape[dim]!;
    const lonely = x!.storage.remote !== null && n >= leastCut && x!.numel() / n < busyRows;
    return lonely
      ? runtime.withoutGrad(() => cutSums(x!, dim, reverse, dtype))
      : runScan(sums(x!.dtype, dtype), x!, dim, reverse)[0]!;
  },
  backward([g], saved) {
    const { dim, reverse } = saved.attributes;
    return [toDtype(runtime.call(cumsumOp, [g!], { dim, reverse: !reverse, dtype: g!.dtype }), saved.inputDtype(0))];
  },
});

const cumprodOp: Op<Attributes> = defineOp<Attributes>({
  name: "cumprod",
  saves: { inputs: [0], outputs: [0] },
  run: ([x], { dim, reverse, dtype }) => runScan(products(x!.dtype, dtype), x!, dim, reverse)[0]!,
  backward([g], saved) {
    const { dim, reverse } = saved.attributes;
    const x = saved.input(0);
    if (x.shape.length === 0 || x.numel() === 0) return [toDtype(g!, x.dtype)];
    const hasZero = runtime.withoutGrad(() => x.detach().eq(0).any().item());
    const gx = hasZero
      ? productGradient(g!, toDtype(x, g!.dtype), dim, reverse)
      : runtime.call(cumsumOp, [g!.mul(saved.output(0))], { dim, reverse: !reverse, dtype: g!.dtype }).div(x);
    return [toDtype(gx, x.dtype)];
  },
});

/** Σ g_i Π_{j != k} x_j over the results i that element k is part of, without dividing by x. */
function productGradient(g: Tensor, x: Tensor, dim: number, reverse: boolean): Tensor {
  const n = x.shape[dim]!;
  const parts: Tensor[] = [];
  for (let k = 0; k < n; k++) {
    // Elements before k in the order of the scan, and those after it.
    const before = reverse ? x.narrow(dim, k + 1, n - 1 - k) : x.narrow(dim, 0, k);
    const after = reverse ? x.narrow(dim, 0, k) : x.narrow(dim, k + 1, n - 1 - k);
    const until = before.prod(dim, { keepdim: true });
    const tail = runtime.call(cumprodOp, [after], { dim, reverse, dtype: x.dtype }).mul(until);
    const omitted = cat(reverse ? [tail, until] : [until, tail], dim);
    const from = reverse ? g.narrow(dim, 0, k + 1) : g.narrow(dim, k, n - k);
    parts.push(from.mul(omitted).sum(dim, { keepdim: true }));
  }
  return cat(parts, dim);
}

function cumulative(op: Op<Attributes>) {
  const signature = `${op.name}(Tensor input, int|options dim, options? options, {int dim, dtype|None dtype, Tensor out})`;
  return (input: Tensor, dim: number | ({ dim: number } & CumulativeOptions), options?: CumulativeOptions): Tensor => {
    checkArguments(signature, input, dim, options);
    const o = typeof dim === "object" ? dim : options;
    const d = wrapDim(typeof dim === "object" ? dim.dim : dim, input.shape.length);
    const dtype = o?.dtype ?? o?.out?.dtype ?? (input.dtype.isFloatingPoint ? input.dtype : int64);
    const attributes = { dim: d, reverse: false, dtype };
    return o?.out ? runtime.callOut(op, [input], attributes, o.out) : runtime.call(op, [input], attributes);
  };
}

/**
 * Sums of all elements up to each one along `dim`; integers give int64. As `torch.cumsum`.
 * @example
 * torch.cumsum(torch.tensor([1, 2, 3]), 0) // tensor([1., 3., 6.])
 */
export const cumsum = cumulative(cumsumOp);
/** Products of all elements up to each one along `dim`; integers give int64. As `torch.cumprod`. */
export const cumprod = cumulative(cumprodOp);

/** Products of all elements from each one on. @internal */
export function reverseCumprod(x: Tensor, dim: number): Tensor {
  return runtime.call(cumprodOp, [x], { dim, reverse: true, dtype: x.dtype });
}

method("cumsum", cumsum);
method("cumprod", cumprod);
for (const [name, op] of [
  ["cumsum_", cumsumOp],
  ["cumprod_", cumprodOp],
] as const) {
  method(name, (x: Tensor, dim: number) =>
    runtime.callInPlace(op, [x], { dim: wrapDim(dim, x.shape.length), reverse: false, dtype: x.dtype }),
  );
}

interface Along {
  readonly dim: number;
}

function runningExtreme(name: "cummax" | "cummin", better: (x: Expr, best: Expr) => Expr) {
  const rules = specCache((from): ScanRule => {
    const type = from.key === "bool" ? "i32" : computeType(from);
    const floating = type === "f32" || type === "f64";
    return {
      name,
      types: [type, "i64"],
      init: [constant(0, type), constant(-1, "i64")],
      op: "set",
      step(element, k, [best, place]) {
        const x = element.cast(type);
        const first = place!.lt(0);
        // The last of equal elements counts, and NaN above all.
        const taken = floating
          ? x
              .ne(x)
              .or(best!.eq(best!).and(better(x, best!)))
              .or(first)
          : better(x, best!).or(first);
        return [x.where(taken, best!), k.where(taken, place!)];
      },
      outputs: [from, int64],
    };
  });
  const op = defineOp<Along>({
    name,
    saves: { outputs: [1] },
    run: ([x], { dim }) => runScan(rules(x!.dtype, x!.dtype), x!, dim),
    backward: ([g], saved) => [
      g ? runtime.full(saved.inputShape(0), 0, g.dtype).scatterAdd(saved.attributes.dim, saved.output(1), g) : null,
    ],
  });
  const signature = `${name}(Tensor input, int|options dim, options? options, {int dim, Tensor[] out})`;
  const fn = (input: Tensor, dim: number | { dim: number }, options?: { out?: readonly [Tensor, Tensor] }): ValuesIndices => {
    checkArguments(signature, input, dim, options);
    const d = wrapDim(typeof dim === "number" ? dim : dim.dim, input.shape.length);
    const run = (): Tensor[] => runtime.callMany(op, [input], { dim: d });
    return valuesIndices(name, options?.out ? writeOutputs(name, [input], options.out, run) : run());
  };
  method(name, fn);
  return fn;
}

/**
 * The largest element so far along `dim` and its position. As `torch.cummax`.
 * @example
 * torch.cummax(torch.tensor([1, 3, 2]), 0)[0] // tensor([1., 3., 3.])
 */
export const cummax = runningExtreme("cummax", (x, best) => x.ge(best));
/**
 * The smallest element so far along `dim` and its position. As `torch.cummin`.
 * @example
 * torch.cummin(torch.tensor([3, 1, 2]), 0)[0] // tensor([3., 1., 1.])
 */
export const cummin = runningExtreme("cummin", (x, best) => x.le(best));

const logSums = specCache((from): ScanRule => {
  const type = carriedType(from);
  return {
    name: "logcumsumexp",
    types: [type],
    init: [constant(-Infinity, type)],
    op: "set",
    step(element, _k, [carried]) {
      const x = element.cast(type);
      const low = x.minimum(carried!);
      const high = x.maximum(carried!);
      // Equal infinities would give NaN as their difference.
      const same = low.eq(high).and(low.abs().eq(Infinity));
      return [high.where(same, low.sub(high).exp().log1p().add(high))];
    },
    outputs: [from],
    costly: true,
  };
});

const logcumsumexpOp: Op<Attributes> = defineOp<Attributes>({
  name: "logcumsumexp",
  saves: { inputs: [0], outputs: [0] },
  run: ([x], { dim, reverse }) => runScan(logSums(x!.dtype, x!.dtype), x!, dim, reverse)[0]!,
  backward([g], saved) {
    const { dim, reverse, dtype } = saved.attributes;
    const x = saved.input(0);
    const out = saved.output(0);
    // Positive and negative gradients are summed apart, in logarithms. Where there is nothing to sum no infinity may meet another: their derivatives would be NaN.
    const part = (gradient: Tensor): Tensor => {
      const positive = gradient.gt(0);
      const logs = gradient.where(positive, 1).log().sub(out).where(positive, -Infinity);
      return runtime.call(logcumsumexpOp, [logs], { dim, reverse: !reverse, dtype }).add(x).exp();
    };
    return [part(g!).sub(part(g!.neg()))];
  },
});

/**
 * `log Σ exp` of all elements up to each one along `dim`, for floating dtypes. As `torch.logcumsumexp`.
 * @example
 * torch.logcumsumexp(torch.zeros(3), 0) // tensor([0.0000, 0.6931, 1.0986])
 */
export function logcumsumexp(input: Tensor, dim: number, options?: { out?: Tensor }): Tensor {
  checkArguments("logcumsumexp(Tensor input, int dim, options? options, {Tensor out})", input, dim, options);
  const d = wrapDim(dim, input.shape.length);
  if (!input.dtype.isFloatingPoint)
    throw new DTypeError(
      `"logcumsumexp_out_cpu" not implemented for '${kernelName(input.dtype)}'`,
      "convert the tensor: x.to(torch.float32)",
    );
  const attributes = { dim: d, reverse: false, dtype: input.dtype };
  return options?.out
    ? runtime.callOut(logcumsumexpOp, [input], attributes, options.out)
    : runtime.call(logcumsumexpOp, [input], attributes);
}
method("logcumsumexp", logcumsumexp);
