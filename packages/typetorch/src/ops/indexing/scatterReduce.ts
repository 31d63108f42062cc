/**
 * Scattering with a reduction.
 */
import { checkArguments } from "../arguments.ts";
import { ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { checkScatter, writeElements } from "./gather.ts";
import { neutralOf } from "./indexAdd.ts";
import type { Write } from "./kernels.ts";

export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";
export interface ScatterReduceOptions {
  /** Whether what is there takes part in the reduction. Default true. */
  includeSelf?: boolean;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link scatterReduce}. */
    scatterReduce(dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: ScatterReduceOptions): Tensor;
    scatterReduce_(dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: ScatterReduceOptions): this;
  }
}

const writes: Record<ScatterReduction, Write> = { sum: "add", prod: "multiply", mean: "add", amax: "max", amin: "min" };

interface Attributes {
  readonly dim: number;
  readonly reduce: ScatterReduction;
  readonly includeSelf: boolean;
}

/** How many elements each mean is made of, at least 1. */
function counts(x: Tensor, index: Tensor, source: Tensor, { dim, includeSelf }: Attributes): Tensor {
  return runtime.withoutGrad(() => {
    const ones = runtime.full(x.shape, 1, x.dtype);
    const start = includeSelf ? ones : ones.scatter(dim, index, 0);
    const n = start.scatterAdd(dim, index, runtime.full(source.shape, 1, x.dtype));
    return n.where(n.ne(0), 1);
  });
}

const op = defineOp<Attributes>({
  name: "scatter_reduce",
  saves: { inputs: [0, 1, 2], outputs: [0] },
  run([x, index, source], attributes) {
    const { dim, reduce, includeSelf } = attributes;
    return runtime.withoutGrad(() => {
      const out = (includeSelf ? x! : x!.scatter(dim, index!, neutralOf(reduce, x!.dtype))).clone({
        memoryFormat: "contiguous",
      });
      writeElements(out, dim, index!, source!, writes[reduce]);
      if (reduce !== "mean") return out;
      const n = counts(x!, index!, source!, attributes);
      return x!.dtype.isFloatingPoint ? out.div(n) : out.div(n, { roundingMode: "floor" });
    });
  },
  backward([g], saved) {
    const { dim, reduce, includeSelf } = saved.attributes;
    const [x, index, source] = [saved.input(0), saved.input(1), saved.input(2)];
    const out = saved.output(0);
    const masked = (t: Tensor): Tensor => (includeSelf ? t : t.scatter(dim, index, 0));
    /** What reaches the source's elements that the index covers. */
    const pick = (t: Tensor): Tensor => t.gather(dim, index);
    const covered = reachOf(source, index);
    const padded = (t: Tensor): Tensor => padLike(t, source);
    if (reduce === "sum" || reduce === "mean") {
      const share = reduce === "sum" ? g! : g!.div(counts(x, index, source, saved.attributes));
      return [saved.needs(0) ? masked(share) : null, null, saved.needs(2) ? padded(pick(share)) : null];
    }
    if (reduce === "prod") {
      const selfOrOne = x.where(x.ne(0), 1);
      const product = (start: Tensor, factors: Tensor): Tensor =>
        runtime.call(op, [start, index, factors], { dim, reduce: "prod", includeSelf: true });
      const onlyOthers = product(includeSelf ? runtime.full(x.shape, 1, x.dtype) : x.scatter(dim, index, 1), covered);
      const gx = g!.mul(out).div(selfOrOne).where(x.ne(0), g!.mul(onlyOthers));
      if (!saved.needs(2)) return [masked(gx), null, null];
      const isZero = covered.eq(0);
      const zeros = pick(runtime.full(x.shape, 0, g!.dtype).scatterAdd(dim, index, isZero.toDtype(g!.dtype)));
      const start = includeSelf ? x : x.scatter(dim, index, 1);
      const withoutZeros = product(start, covered.where(isZero.logicalNot(), 1));
      const single = pick(g!).mul(pick(withoutZeros)).where(zeros.eq(1), 0);
      const plain = pick(g!.mul(out)).div(covered.where(isZero.logicalNot(), 1));
      return [saved.needs(0) ? masked(gx) : null, null, padded(single.where(isZero, plain))];
    }
    const isSelf = masked(x.eq(out).toDtype(g!.dtype));
    const isSource = covered.eq(pick(out)).toDtype(g!.dtype);
    const share = g!.div(isSelf.scatterAdd(dim, index, isSource));
    return [
      saved.needs(0) ? share.where(isSelf.ne(0), 0) : null,
      null,
      saved.needs(2) ? padded(pick(share).where(isSource.ne(0), 0)) : null,
    ];
  },
});

function reachOf(source: Tensor, index: Tensor): Tensor {
  let part = source;
  for (let k = 0; k < index.shape.length && source.shape.length > 0; k++)
    if (part.shape[k] !== index.shape[k]) part = part.narrow(k, 0, index.shape[k]!);
  return part;
}

/** Zeros around a gradient, up to the shape of the source. */
function padLike(g: Tensor, source: Tensor): Tensor {
  if (g.shape.length === 0) return g;
  let out = runtime.full(source.shape, 0, g.dtype);
  if (g.shape.every((n, k) => n === source.shape[k])) return g;
  out = out.clone();
  reachOf(out, g).copy_(g);
  return out;
}

function attributesOf(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options: ScatterReduceOptions | undefined,
): Attributes {
  if (!(reduce in writes)) throw new ValueError("reduce argument must be either sum, prod, mean, amax or amin.");
  return { dim: checkScatter("scatter", x, dim, index, src), reduce, includeSelf: options?.includeSelf ?? true };
}

/**
 * `input` with the elements of `src` combined with those at `index` along `dim` by 'sum', 'prod', 'mean', 'amax' or 'amin'. As `torch.scatter_reduce`.
 * @example
 * torch.scatterReduce(torch.ones(2), 0, torch.tensor([1n, 1n]), torch.tensor([2, 5]), "sum") // tensor([1., 8.])
 */
export function scatterReduce(
  input: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options?: ScatterReduceOptions,
): Tensor {
  checkArguments(
    "scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, options? options, {bool includeSelf, Tensor out})",
    input,
    dim,
    index,
    src,
    reduce,
    options,
  );
  const attributes = attributesOf(input, dim, index, src, reduce, options);
  return options?.out
    ? runtime.callOut(op, [input, index, src], attributes, options.out)
    : runtime.call(op, [input, index, src], attributes);
}

method("scatterReduce", scatterReduce);
method(
  "scatterReduce_",
  (x: Tensor, dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: ScatterReduceOptions) => {
    checkArguments(
      "scatter_reduce_(Tensor x, int dim, Tensor index, Tensor src, str reduce, options? options, {bool includeSelf, Tensor out})",
      x,
      dim,
      index,
      src,
      reduce,
      options,
    );
    return runtime.callInPlace(op, [x, index, src], attributesOf(x, dim, index, src, reduce, options));
  },
);
