/**
 * Differences and integrals along a dimension: `diff`, `trapezoid`, `trapz`, `cumulativeTrapezoid`.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { cumsum } from "./cumulative.ts";

export interface DiffOptions {
  /** How often the difference is taken. */
  n?: number;
  dim?: number;
  prepend?: Tensor | null;
  append?: Tensor | null;
  out?: Tensor;
}
export interface TrapezoidOptions {
  dim?: number;
  /** Distance of the points. Default 1. */
  dx?: NumberLike;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link diff}. */
    diff(n?: number | DiffOptions, dim?: number, prepend?: Tensor | null, append?: Tensor | null): Tensor;
  }
}

/**
 * The n-th differences `x[i + 1] - x[i]` along `dim`, as `torch.diff`; of booleans whether they differ.
 * @example
 * torch.diff(torch.tensor([1, 3, 2])) // tensor([ 2., -1.])
 */
export function diff(
  input: Tensor,
  n?: number | DiffOptions,
  dim?: number,
  prepend?: Tensor | null,
  append?: Tensor | null,
): Tensor {
  checkArguments(
    "diff(Tensor input, int|options? n, int? dim, Tensor|None? prepend, Tensor|None? append, {int n, int dim, Tensor|None prepend, Tensor|None append, Tensor out})",
    input,
    n,
    dim,
    prepend,
    append,
  );
  const o: DiffOptions = typeof n === "object" && n !== null ? n : { n, dim, prepend, append };
  if (input.shape.length === 0) throw new ShapeError("diff expects input to be at least one-dimensional");
  const d = wrapDim(o.dim ?? -1, input.shape.length);
  for (const extra of [o.prepend, o.append]) {
    if (extra && extra.shape.length !== input.shape.length)
      throw new ShapeError("diff expects prepend or append to be the same dimension as input");
  }
  const times = o.n ?? 1;
  if (times < 0) throw new ValueError(`order must be non-negative but got ${times}`);
  const parts = [o.prepend, input, o.append].filter((x): x is Tensor => x !== null && x !== undefined);
  let x = times === 0 ? input.clone() : parts.length > 1 ? cat(parts, d) : input;
  for (let i = 0; i < times && (i === 0 || x.shape[d] !== 0); i++) {
    const size = x.shape[d]!;
    const rest = Math.max(size - 1, 0);
    const later = x.slice(d, 1);
    const earlier = x.narrow(d, 0, rest);
    x = x.dtype.key === "bool" ? later.logicalXor(earlier) : later.sub(earlier);
  }
  return toOut("diff", x, o.out);
}

/** Half of it; integers become floats. */
const half = (x: Tensor): Tensor => x.div(2);

/** Neighbouring values along `dim`, and the distances between their points in a shape that broadcasts. */
function pieces(
  name: string,
  y: Tensor,
  x: Tensor | TrapezoidOptions | undefined,
  options: TrapezoidOptions | undefined,
): { heights: Tensor; widths: Tensor | number; dim: number } {
  const points = runtime.isTensor(x) ? x : null;
  const o = points === null ? ((x as TrapezoidOptions | undefined) ?? options ?? {}) : (options ?? {});
  const dim = wrapDim(o.dim ?? -1, y.shape.length);
  if (y.dtype.key === "bool") throw new ValueError(`${name}: received a bool input for \`y\`, but bool is not supported`);
  if (points?.dtype.key === "bool") throw new ValueError(`${name}: received a bool input for \`x\`, but bool is not supported`);
  const heights = y.slice(dim, 1).add(y.slice(dim, 0, -1));
  if (points === null) return { heights, widths: numberOf(o.dx ?? 1), dim };
  if (points.shape.length === 0 || points.shape.length === y.shape.length) {
    if (points.shape.length === 0) return { heights, widths: 0, dim };
    return { heights, widths: points.slice(dim, 1).sub(points.slice(dim, 0, -1)), dim };
  }
  // Points in one dimension lie along `dim`; with fewer dimensions than y they are seen with leading ones.
  let place = points;
  if (points.shape.length === 1) {
    if (points.shape[0] !== y.shape[dim]) throw new ShapeError(`${name}: There must be one \`x\` value for each sample point`);
    place = points.view(y.shape.map((_, i) => (i === dim ? points.shape[0]! : 1)));
  } else if (points.shape.length < y.shape.length) {
    place = points.view([...new Array<number>(y.shape.length - points.shape.length).fill(1), ...points.shape]);
  }
  const along = dim - y.shape.length + place.shape.length;
  return { heights, widths: place.slice(along, 1).sub(place.slice(along, 0, -1)), dim };
}

/**
 * The integral along `dim` by the trapezoidal rule, over points `x` or points `dx` apart. As `torch.trapezoid`.
 * @example
 * torch.trapezoid(torch.tensor([1, 5, 10])) // tensor(10.5000)
 */
export function trapezoid(y: Tensor, x?: Tensor | TrapezoidOptions, options?: TrapezoidOptions): Tensor {
  checkArguments("trapezoid(Tensor y, Tensor|options? x, options? options, {int dim, Scalar dx})", y, x, options);
  if (y.shape[wrapDim((runtime.isTensor(x) ? options?.dim : (x?.dim ?? options?.dim)) ?? -1, y.shape.length)] === 0)
    return runtime.full(y.shape.slice(0, -1), 0, y.dtype);
  const { heights, widths, dim } = pieces("trapezoid", y, x, options);
  return typeof widths === "number" ? half(heights.sum(dim).mul(widths)) : half(heights.mul(widths).sum(dim));
}
export { trapezoid as trapz };

/**
 * The integrals up to each point along `dim` by the trapezoidal rule, as `torch.cumulative_trapezoid`.
 * @example
 * torch.cumulativeTrapezoid(torch.tensor([1, 2, 3])) // tensor([1.5000, 4.0000])
 */
export function cumulativeTrapezoid(y: Tensor, x?: Tensor | TrapezoidOptions, options?: TrapezoidOptions): Tensor {
  checkArguments("cumulative_trapezoid(Tensor y, Tensor|options? x, options? options, {int dim, Scalar dx})", y, x, options);
  const { heights, widths, dim } = pieces("cumulative_trapezoid", y, x, options);
  return typeof widths === "number" ? half(cumsum(heights, dim).mul(widths)) : half(cumsum(heights.mul(widths), dim));
}

method("diff", diff);
