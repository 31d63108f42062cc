/**
 * Line search for L-BFGS: finds a step that lowers the function enough and flattens its slope enough (the strong Wolfe conditions). After `lswolfe.lua` of
 * torch/optim, as PyTorch's.
 */
import type { Tensor } from "../tensor/core.ts";

/** The function along the line: its value, its gradient, and its slope in the direction of the line. */
export interface LinePoint {
  readonly value: number;
  readonly grad: Tensor;
  readonly slope: number;
}

interface Trial extends LinePoint {
  readonly size: number;
}

/** The lowest point of the cubic through two points with their slopes, held between bounds. */
function cubicInterpolate(a: Trial, b: Trial, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.size <= b.size ? [a.size, b.size] : [b.size, a.size]);
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.size - b.size);
  const square = d1 ** 2 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const position =
    a.size <= b.size
      ? b.size - (b.size - a.size) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
      : a.size - (a.size - b.size) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return Math.min(Math.max(position, low), high);
}

/**
 * Searches from `size` on. `reach` is the largest element of the direction, `start` the point at 0. Returns the step, the point there, and how often the
 * function was evaluated.
 */
export function strongWolfe(
  evaluate: (size: number) => LinePoint,
  size: number,
  reach: number,
  start: LinePoint,
  { c1 = 1e-4, c2 = 0.9, toleranceChange = 1e-9, maxEvaluations = 25 } = {},
): { size: number; point: LinePoint; evaluations: number } {
  const trial = (t: number): Trial => ({ size: t, ...evaluate(t) });
  const tooHigh = (p: Trial) => p.value > start.value + c1 * p.size * start.slope;
  const flat = (p: Trial) => Math.abs(p.slope) <= -c2 * start.slope;

  let now = trial(size);
  let evaluations = 1;
  let before: Trial = { size: 0, ...start };
  let bracket: Trial[] | null = null;
  let done = false;
  let iteration = 0;
  while (iteration < maxEvaluations) {
    if (tooHigh(now) || (iteration > 1 && now.value >= before.value)) {
      bracket = [before, now];
      break;
    }
    if (flat(now)) {
      bracket = [now];
      done = true;
      break;
    }
    if (now.slope >= 0) {
      bracket = [before, now];
      break;
    }
    const next = cubicInterpolate(before, now, [now.size + 0.01 * (now.size - before.size), now.size * 10]);
    before = now;
    now = trial(next);
    evaluations++;
    iteration++;
  }
  bracket ??= [{ size: 0, ...start }, now];

  let insufficient = false;
  let low = bracket[0]!.value <= bracket[bracket.length - 1]!.value ? 0 : 1;
  while (!done && iteration < maxEvaluations) {
    const [a, b] = bracket as [Trial, Trial];
    if (Math.abs(b.size - a.size) * reach < toleranceChange) break;
    let t = cubicInterpolate(a, b);
    // Close to an end of the bracket twice in a row, or beyond it: a tenth of the bracket inwards.
    const [left, right] = [Math.min(a.size, b.size), Math.max(a.size, b.size)];
    const margin = 0.1 * (right - left);
    if (Math.min(right - t, t - left) < margin) {
      if (insufficient || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin;
        insufficient = false;
      } else insufficient = true;
    } else insufficient = false;

    now = trial(t);
    evaluations++;
    iteration++;
    const high = 1 - low;
    if (tooHigh(now) || now.value >= bracket[low]!.value) {
      bracket[high] = now;
      low = bracket[0]!.value <= bracket[1]!.value ? 0 : 1;
    } else {
      if (flat(now)) done = true;
      else if (now.slope * (bracket[high]!.size - bracket[low]!.size) >= 0) bracket[high] = bracket[low]!;
      bracket[low] = now;
    }
  }
  const found = bracket[bracket.length === 1 ? 0 : low]!;
  return { size: found.size, point: found, evaluations };
}
