/**
 * Numerical gradients of sampled functions.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf } from "../../core/promotion.ts";
import { wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { runtime } from "../runtime.ts";

export interface GradientOptions {
  /** The distance of the samples (one number, or one per dimension), or their coordinates along each dimension. Default 1. */
  spacing?: NumberLike | readonly NumberLike[] | readonly Tensor[] | null;
  dim?: number | readonly number[] | null;
  /** 1 or 2: the order of the estimate at the ends. */
  edgeOrder?: number;
}

/** Evenly spaced samples. */
function even(x: Tensor, d: number, h: number, edgeOrder: number): Tensor {
  const n = x.shape[d]!;
  const at = (i: number, length = 1): Tensor => x.narrow(d, i < 0 ? n + i : i, length);
  const middle = at(2, n - 2)
    .sub(at(0, n - 2))
    .div(2 * h);
  const first = edgeOrder === 1 ? at(1).sub(at(0)).div(h) : at(0).mul(-1.5).add(at(1).mul(2)).add(at(2).mul(-0.5)).div(h);
  const last = edgeOrder === 1 ? at(-1).sub(at(-2)).div(h) : at(-1).mul(1.5).add(at(-2).mul(-2)).add(at(-3).mul(0.5)).div(h);
  return cat([first, middle, last], d);
}

/** Samples at given coordinates. */
function uneven(x: Tensor, d: number, coordinates: Tensor, edgeOrder: number): Tensor {
  const n = x.shape[d]!;
  const at = (i: number, length = 1): Tensor => x.narrow(d, i < 0 ? n + i : i, length);
  const h = coordinates.slice(0, 1).sub(coordinates.slice(0, 0, -1));
  const along = (t: Tensor): Tensor => t.view(x.shape.map((_, k) => (k === d ? -1 : 1)));
  const step = (i: number): Tensor => along(h.narrow(0, i < 0 ? n - 1 + i : i, 1));
  const before = along(h.narrow(0, 0, n - 2));
  const after = along(h.narrow(0, 1, n - 2));
  const a = after.neg().div(before.mul(before.add(after)));
  const b = after.sub(before).div(before.mul(after));
  const c = before.div(after.mul(before.add(after)));
  const middle = at(0, n - 2)
    .mul(a)
    .add(at(1, n - 2).mul(b))
    .add(at(2, n - 2).mul(c));
  if (edgeOrder === 1) return cat([at(1).sub(at(0)).div(step(0)), middle, at(-1).sub(at(-2)).div(step(-1))], d);
  const ends = (p: Tensor, q: Tensor, near: Tensor, next: Tensor, far: Tensor, sign: number): Tensor => {
    const total = p.add(q);
    const u = p.mul(2).add(q).div(p.mul(total));
    const v = total.div(p.mul(q));
    const w = p.div(q.mul(total));
    return next.mul(v).sub(near.mul(u)).sub(far.mul(w)).mul(sign);
  };
  const first = ends(step(0), step(1), at(0), at(1), at(2), 1);
  const last = ends(step(-1), step(-2), at(-1), at(-2), at(-3), -1);
  return cat([first, middle, last], d);
}

/**
 * Estimates of the derivative along each dimension by central differences, one tensor per dimension. As `torch.gradient`.
 * @example
 * torch.gradient(torch.tensor([1, 4, 9]))[0] // tensor([3., 4., 5.])
 */
export function gradient(input: Tensor, options: GradientOptions = {}): Tensor[] {
  checkArguments("gradient(Tensor input, options? options, {any spacing, int|int[]|None dim, int edgeOrder})", input, options);
  const { spacing = null, dim = null, edgeOrder = 1 } = options;
  const rank = input.shape.length;
  const given = dim === null ? input.shape.map((_, i) => i) : typeof dim === "number" ? [dim] : dim;
  const list = spacing === null || isNumberLike(spacing) ? null : (spacing as readonly (NumberLike | Tensor)[]);
  if (list !== null && list.length !== given.length)
    throw new ValueError(
      `torch.gradient expected spacing to be unspecified, a scalar or a list of length equal to the number of dimensions (${given.length}), but got a list of length ${list.length}`,
    );
  if (edgeOrder !== 1 && edgeOrder !== 2)
    throw new ValueError("torch.gradient only supports edge_order=1 and edge_order=2.", `edgeOrder is ${edgeOrder}`);
  const dims = given.map((d) => wrapDim(d, rank));
  for (const d of dims) {
    if (input.shape[d]! < edgeOrder + 1)
      throw new ShapeError(
        "torch.gradient expected each dimension size to be at least edge_order+1",
        `dimension ${d} has size ${input.shape[d]}`,
      );
  }
  const x = input.dtype.isFloatingPoint ? input : input.float();
  return dims.map((d, i) => {
    const s = list === null ? ((spacing as NumberLike | null) ?? 1) : list[i]!;
    return runtime.isTensor(s) ? uneven(x, d, s, edgeOrder) : even(x, d, numberOf(s), edgeOrder);
  });
}
