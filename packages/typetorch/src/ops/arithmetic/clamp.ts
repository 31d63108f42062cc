/**
 * Keeping elements between bounds.
 */
import { checkArguments } from "../arguments.ts";
import { ArgumentTypeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike } from "../../core/promotion.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { isAlgebra } from "./div.ts";

/** A bound of {@link clamp}: a number, or a tensor that broadcasts with the input. */
export type Bound = Tensor | NumberLike;

export interface ClampOptions extends OutOption {
  /** The smallest value of the result. */
  min?: Bound | null;
  /** The largest value of the result; it wins where it is below `min`. */
  max?: Bound | null;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link clamp}. */
    clamp(min?: Bound | null | ClampOptions, max?: Bound | null | ClampOptions, options?: ClampOptions): Tensor;
    clamp_(min?: Bound | null | ClampOptions, max?: Bound | null | ClampOptions): this;
    clip(min?: Bound | null | ClampOptions, max?: Bound | null | ClampOptions, options?: ClampOptions): Tensor;
    clip_(min?: Bound | null | ClampOptions, max?: Bound | null | ClampOptions): this;
    /** See {@link clampMin}. */
    clampMin(min: Bound, options?: OutOption): Tensor;
    clampMin_(min: Bound): this;
    /** See {@link clampMax}. */
    clampMax(max: Bound, options?: OutOption): Tensor;
    clampMax_(max: Bound): this;
  }
}

const both = definePointwise(
  {
    name: "clamp",
    compute: "promote",
    forward: ([x, min, max]) => x!.maximum(min!).minimum(max!),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, min, max] = operands as [T, T | number, T | number];
      const gx = g.where(x.ge(min).logicalAnd(x.le(max)), 0);
      // As PyTorch has it: where the bounds cross, `max` is the result and takes the gradient.
      const crossed = isAlgebra<T>(max) ? max.lt(min) : isAlgebra<T>(min) ? min.gt(max) : null;
      const gMin = isAlgebra<T>(min) ? g.where(x.lt(min).logicalAnd(min.lt(max)), 0) : null;
      const gMax = isAlgebra<T>(max) ? g.where(x.gt(max).logicalOr(crossed!), 0) : null;
      return [gx, gMin, gMax];
    },
  },
  3,
);
const atLeast = definePointwise(
  {
    name: "clamp_min",
    compute: "promote",
    forward: ([x, min]) => x!.maximum(min!),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, min] = operands as [T, T | number];
      return [g.where(x.ge(min), 0), g.where(x.lt(min), 0)];
    },
  },
  2,
);
const atMost = definePointwise(
  {
    name: "clamp_max",
    compute: "promote",
    forward: ([x, max]) => x!.minimum(max!),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, max] = operands as [T, T | number];
      return [g.where(x.le(max), 0), g.where(x.gt(max), 0)];
    },
  },
  2,
);

function isBound(x: unknown): x is Bound {
  return runtime.isTensor(x) || isNumberLike(x);
}

type Argument = Bound | null | ClampOptions | undefined;

/** The bounds, given by position, by name or both. */
function boundsOf(min: Argument, max: Argument, options: ClampOptions | undefined): ClampOptions {
  let named = options;
  let low: Bound | null | undefined;
  let high: Bound | null | undefined;
  if (min === null || min === undefined || isBound(min)) low = min;
  else named = min;
  if (max === null || max === undefined || isBound(max)) high = max;
  else named = max;
  const all = { min: low ?? named?.min ?? null, max: high ?? named?.max ?? null, out: named?.out };
  if (all.min === null && all.max === null) {
    throw new ValueError("torch.clamp: At least one of 'min' or 'max' must not be None", "give a bound: x.clamp({ min: 0 })");
  }
  return all as ClampOptions;
}

function requireTensor(name: string, input: unknown, bound: unknown): void {
  if (runtime.isTensor(input)) return;
  const kind = (x: unknown): string => (runtime.isTensor(x) ? "Tensor" : Number.isInteger(x) ? "int" : typeof x);
  throw new ArgumentTypeError(
    `${name}() received an invalid combination of arguments - got (${kind(input)}, ${kind(bound)}), but expected one of:\n * (Tensor input, Tensor or Number ${name.slice(6)})`,
  );
}

/**
 * `min(max(x, min), max)` of each element, with broadcasting and type promotion; NaN stays. As `torch.clamp`. Bounds go by position or by name.
 * @example
 * torch.clamp(torch.tensor([-2, 0.5, 3]), { min: -1, max: 1 }) // tensor([-1.0000,  0.5000,  1.0000])
 */
export function clamp(input: Tensor, min?: Argument, max?: Argument, options?: ClampOptions): Tensor {
  checkArguments(
    "clamp(Tensor input, Scalar|Tensor|options|None? min, Scalar|Tensor|options|None? max, options? options, {Scalar|Tensor|None min, Scalar|Tensor|None max, Tensor out})",
    input,
    min,
    max,
    options,
  );
  const { min: low, max: high, out } = boundsOf(min, max, options);
  if (low === null) return atMost([input, high!], undefined, out);
  if (high === null) return atLeast([input, low!], undefined, out);
  return both([input, low!, high!], undefined, out);
}
/**
 * `clamp` in place, as `torch.clamp_`.
 * @example
 * torch.clamp_(torch.tensor([-1, 5]), 0, 2) // tensor([0., 2.])
 */
export function clamp_(input: Tensor, min?: Argument, max?: Argument): Tensor {
  checkArguments(
    "clamp_(Tensor input, Scalar|Tensor|options|None? min, Scalar|Tensor|options|None? max, {Scalar|Tensor|None min, Scalar|Tensor|None max, Tensor out})",
    input,
    min,
    max,
  );
  const { min: low, max: high } = boundsOf(min, max, undefined);
  if (low === null) return atMost.inPlace([input, high!]);
  if (high === null) return atLeast.inPlace([input, low!]);
  return both.inPlace([input, low!, high!]);
}
/**
 * The larger of each element and `min`, as `torch.clamp_min`.
 * @example
 * torch.clampMin(torch.tensor([-1, 5]), 0) // tensor([0., 5.])
 */
export function clampMin(input: Tensor, min: Bound, options?: OutOption): Tensor {
  checkArguments("clamp_min(Tensor input, Scalar|Tensor min, options? options, {Tensor out})", input, min, options);
  requireTensor("clamp_min", input, min);
  return atLeast([input, min], undefined, options?.out);
}
/**
 * `clampMin` in place, as `torch.clamp_min_`.
 * @example
 * torch.clampMin_(torch.tensor([-1, 5]), 0) // tensor([0., 5.])
 */
export function clampMin_(input: Tensor, min: Bound): Tensor {
  checkArguments("clamp_min_(Tensor input, Scalar|Tensor min)", input, min);
  return atLeast.inPlace([input, min]);
}
/**
 * The smaller of each element and `max`, as `torch.clamp_max`.
 * @example
 * torch.clampMax(torch.tensor([-1, 5]), 2) // tensor([-1., 2.])
 */
export function clampMax(input: Tensor, max: Bound, options?: OutOption): Tensor {
  checkArguments("clamp_max(Tensor input, Scalar|Tensor max, options? options, {Tensor out})", input, max, options);
  requireTensor("clamp_max", input, max);
  return atMost([input, max], undefined, options?.out);
}
/**
 * `clampMax` in place, as `torch.clamp_max_`.
 * @example
 * torch.clampMax_(torch.tensor([-1, 5]), 2) // tensor([-1., 2.])
 */
export function clampMax_(input: Tensor, max: Bound): Tensor {
  checkArguments("clamp_max_(Tensor input, Scalar|Tensor max)", input, max);
  return atMost.inPlace([input, max]);
}
export { clamp as clip, clamp_ as clip_ };

method("clamp", clamp);
method("clamp_", clamp_);
method("clip", clamp);
method("clip_", clamp_);
method("clampMin", clampMin);
method("clampMin_", clampMin_);
method("clampMax", clampMax);
method("clampMax_", clampMax_);
