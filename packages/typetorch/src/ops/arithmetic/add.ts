/**
 * Addition and subtraction.
 */
import { checkArguments } from "../arguments.ts";
import { ArgumentTypeError, DTypeError } from "../../core/errors.ts";
import { type DType, bool } from "../../core/dtype.ts";
import { type NumberLike, categoryOfNumber, numberOf, resultType } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Input, definePointwise } from "../pointwise.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link add}. */
    add(other: Tensor | NumberLike, options?: AddOptions): Tensor;
    add_(other: Tensor | NumberLike, options?: AddOptions): this;
    /** See {@link sub}. */
    sub(other: Tensor | NumberLike, options?: AddOptions): Tensor;
    sub_(other: Tensor | NumberLike, options?: AddOptions): this;
    subtract(other: Tensor | NumberLike, options?: AddOptions): Tensor;
    subtract_(other: Tensor | NumberLike, options?: AddOptions): this;
    /** See {@link rsub}. */
    rsub(other: Tensor | NumberLike, options?: AddOptions): Tensor;
  }
}

export interface AddOptions {
  /** Factor of `other`. Default 1. */
  alpha?: NumberLike;
  out?: Tensor;
}

const plain = definePointwise(
  {
    name: "add",
    compute: "promote",
    forward: ([x, y], _p, type) => (type === "bool" ? x!.or(y!) : x!.add(y!)),
    backward: (g) => [g, g],
  },
  2,
);
const scaled = definePointwise(
  {
    name: "add",
    compute: "promote",
    forward: ([x, y], [alpha], type) => (type === "bool" ? x!.or(y!.and(alpha!)) : x!.add(y!.mul(alpha!))),
    backward: (g, _x, _out, [alpha]) => [g, g.mul(alpha!)],
  },
  2,
  1,
);

/** The factor as a param, checked by PyTorch's rules. */
function alphaOf(operands: readonly Input[], alpha: NumberLike): number[] {
  const { category } = resultType(operands);
  if (category < 2 && categoryOfNumber(alpha) === 2) {
    throw new DTypeError(
      "For integral input tensors, argument alpha must not be a floating point number.",
      `alpha is ${numberOf(alpha)}`,
    );
  }
  if (category > 0 && categoryOfNumber(alpha) === 0) {
    throw new DTypeError("Boolean alpha only supported for Boolean results.", "give alpha as a number");
  }
  return [numberOf(alpha)];
}

/**
 * Adds element by element: `input + alpha * other`, with broadcasting and type promotion. As `torch.add`.
 * @example
 * torch.add(torch.tensor([1, 2]), 10) // tensor([11., 12.])
 */
export function add(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: AddOptions): Tensor {
  if (options === undefined) return plain.op.two(input, other);
  checkArguments(
    "add(Scalar|Tensor input, Scalar|Tensor other, options options, {Scalar alpha, Tensor out})",
    input,
    other,
    options,
  );
  const { alpha } = options;
  if (alpha === undefined || alpha === null || alpha === 1) return plain([input, other], undefined, options.out);
  return scaled([input, other], alphaOf([input, other], alpha), options.out);
}
function add_(input: Tensor, other: Tensor | NumberLike, options?: AddOptions): Tensor {
  checkArguments("add_(Tensor input, Scalar|Tensor other, options? options, {Scalar alpha, Tensor out})", input, other, options);
  const alpha = options?.alpha;
  if (alpha === undefined || alpha === null || alpha === 1) return plain.op.twoInPlace(input, other);
  return scaled.inPlace([input, other], alphaOf([input, other], alpha));
}

function isBoolean(x: Input): boolean {
  return typeof x === "boolean" || (typeof x === "object" && x.dtype === bool);
}

function refuseBool(_compute: DType, [x, y]: readonly Input[]): void {
  const [left, right] = [isBoolean(x!), isBoolean(y!)];
  if (left && right) {
    throw new DTypeError(
      "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.",
    );
  }
  if (left || right) {
    throw new DTypeError(
      "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
    );
  }
}
const difference = definePointwise(
  { name: "sub", compute: "promote", check: refuseBool, forward: ([x, y]) => x!.sub(y!), backward: (g) => [g, g.neg()] },
  2,
);
const scaledDifference = definePointwise(
  {
    name: "sub",
    compute: "promote",
    check: refuseBool,
    forward: ([x, y], [alpha]) => x!.sub(y!.mul(alpha!)),
    backward: (g, _x, _out, [alpha]) => [g, g.mul(alpha!).neg()],
  },
  2,
  1,
);

/**
 * Subtracts element by element: `input - alpha * other`. As `torch.sub`.
 * @example
 * torch.sub(torch.tensor([1, 2]), 1) // tensor([0., 1.])
 */
export function sub(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: AddOptions): Tensor {
  checkArguments(
    "subtract(Scalar|Tensor input, Scalar|Tensor other, options? options, {Scalar alpha, Tensor out})",
    input,
    other,
    options,
  );
  if (options === undefined) return difference.op.two(input, other);
  checkArguments(
    "sub(Scalar|Tensor input, Scalar|Tensor other, options options, {Scalar alpha, Tensor out})",
    input,
    other,
    options,
  );
  const { alpha } = options;
  if (alpha === undefined || alpha === null || alpha === 1) return difference([input, other], undefined, options.out);
  return scaledDifference([input, other], alphaOf([input, other], alpha), options.out);
}
function sub_(input: Tensor, other: Tensor | NumberLike, options?: AddOptions): Tensor {
  checkArguments("sub_(Tensor input, Scalar|Tensor other, options? options, {Scalar alpha, Tensor out})", input, other, options);
  const alpha = options?.alpha;
  if (alpha === undefined || alpha === null || alpha === 1) return difference.op.twoInPlace(input, other);
  return scaledDifference.inPlace([input, other], alphaOf([input, other], alpha));
}
export { sub as subtract };

/**
 * `other - alpha * input`, as `torch.rsub`.
 * @example
 * torch.rsub(torch.tensor([1, 2]), 10) // tensor([9., 8.])
 */
export function rsub(input: Tensor, other: Tensor | NumberLike, options?: AddOptions): Tensor {
  checkArguments("rsub(Tensor input, Scalar|Tensor other, options? options, {Scalar alpha, Tensor out})", input, other, options);
  if (!runtime.isTensor(input)) {
    throw new ArgumentTypeError(
      "rsub() received an invalid combination of arguments - got (Number, Number), but expected one of:\n * (Tensor input, Tensor or Number other, *, Number alpha)",
    );
  }
  return sub(other, input, options);
}

method("add", add);
method("add_", add_);
method("sub", sub);
method("sub_", sub_);
method("subtract", sub);
method("subtract_", sub_);
method("rsub", rsub);
