/**
 * Division.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, bool } from "../../core/dtype.ts";
import { DTypeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf } from "../../core/promotion.ts";
import type { Expr, ScalarType } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Input, type Pointwise, definePointwise } from "../pointwise.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link div}. */
    div(other: Tensor | NumberLike, options?: DivOptions): Tensor;
    div_(other: Tensor | NumberLike, options?: DivOptions): this;
    divide(other: Tensor | NumberLike, options?: DivOptions): Tensor;
    divide_(other: Tensor | NumberLike, options?: DivOptions): this;
    trueDivide(other: Tensor | NumberLike): Tensor;
    trueDivide_(other: Tensor | NumberLike): this;
    /** See {@link floorDivide}. */
    floorDivide(other: Tensor | NumberLike): Tensor;
    floorDivide_(other: Tensor | NumberLike): this;
  }
}

export interface DivOptions {
  /** null: true division; 'trunc': toward zero; 'floor': down. */
  roundingMode?: "trunc" | "floor" | null;
  out?: Tensor;
}

const trueQuotient = definePointwise(
  {
    name: "div",
    compute: "float",
    forward: ([x, y]) => x!.div(y!),
    backward<T extends Num<T>>(g: T, [x, y]: readonly (T | number)[]) {
      const gx = g.div(y!);
      return [gx, typeof y === "number" ? null : gx.mul((isAlgebra<T>(x) ? x : g.mul(0).add(x as number)).div(y as T)).neg()];
    },
  },
  2,
);

/** An operand that is not a plain number. */
export function isAlgebra<T>(x: T | number | undefined): x is T {
  return typeof x !== "number" && x !== undefined;
}

const isFloat = (type: ScalarType): boolean => type === "f32" || type === "f64";

/** Floored quotient, as Python's `//`: exact also where x / y would round up to the next integer. */
function floorQuotient(x: Expr, y: Expr, type: ScalarType): Expr {
  if (!isFloat(type)) {
    const q = x.div(y);
    const adjust = x
      .rem(y)
      .ne(0)
      .logicalAnd(x.lt(0).xor(y.lt(0)));
    return q.sub(1).where(adjust, q);
  }
  const r = x.rem(y);
  const exact = x.sub(r).div(y);
  const low = exact.sub(1).where(r.ne(0).logicalAnd(y.lt(0).xor(r.lt(0))), exact);
  const floor = low.floor();
  const rounded = floor.add(1).where(low.sub(floor).gt(0.5), floor);
  const zero = x.div(y).sign().mul(0);
  const finite = rounded.where(low.ne(0), zero.copysign(x.div(y)));
  return x.div(y).where(y.eq(0), finite);
}

function refuseBool(kernel: string): (compute: DType) => void {
  return (compute) => {
    if (compute === bool)
      throw new DTypeError(`"${kernel}" not implemented for 'Bool'`, "convert one operand to an integer dtype");
  };
}

const truncated = definePointwise(
  {
    name: "div",
    compute: "promote",
    check: refuseBool("div_trunc_cpu"),
    forward: ([x, y], _p, type) => (isFloat(type) ? x!.div(y!).trunc() : x!.div(y!)),
    backward: (g) => [g.mul(0), g.mul(0)],
  },
  2,
);
const floored = definePointwise(
  {
    name: "div",
    compute: "promote",
    check: refuseBool("div_floor_cpu"),
    forward: ([x, y], _p, type) => floorQuotient(x!, y!, type),
    backward: (g) => [g.mul(0), g.mul(0)],
  },
  2,
);
const floorDivision = definePointwise(
  {
    name: "floor_divide",
    compute: "promote",
    check: refuseBool("div_floor_cpu"),
    forward: ([x, y], _p, type) => floorQuotient(x!, y!, type),
  },
  2,
);

/** Integer division has no result for a zero divisor. */
export function checkDivisor(operands: readonly Input[]): void {
  const [x, y] = operands as [Input, Input];
  // what is no operand at all is refused by the op
  if (![x, y].every((v) => isNumberLike(v) || runtime.isTensor(v))) return;
  const integral = (v: Input): boolean =>
    isNumberLike(v)
      ? typeof v === "number"
        ? Number.isInteger(v)
        : typeof v !== "object" || !v.dtype.isFloatingPoint
      : !v.dtype.isFloatingPoint;
  if (!integral(x) || !integral(y)) return;
  const zero = isNumberLike(y) ? numberOf(y) === 0 : y.numel() > 0 && runtime.withoutGrad(() => y.eq(0).any().item());
  if (zero) throw new ValueError("ZeroDivisionError", "integers cannot be divided by zero; convert to a floating dtype for inf");
}

function choose(mode: DivOptions["roundingMode"], operands: readonly Input[]): Pointwise {
  if (mode === undefined || mode === null) return trueQuotient;
  if (mode !== "trunc" && mode !== "floor") {
    throw new ValueError(`div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '${mode as string}'`);
  }
  checkDivisor(operands);
  return mode === "trunc" ? truncated : floored;
}

/**
 * Divides element by element; integers give the default floating dtype unless a `roundingMode` is given. As `torch.div`.
 * @example
 * torch.div(torch.tensor([3, -3]), 2) // tensor([ 1.5000, -1.5000])
 */
export function div(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: DivOptions): Tensor {
  checkArguments(
    "divide(Scalar|Tensor input, Scalar|Tensor other, options? options, {str|None roundingMode, Tensor out})",
    input,
    other,
    options,
  );
  if (options === undefined) return trueQuotient.op.two(input, other);
  checkArguments(
    "div(Scalar|Tensor input, Scalar|Tensor other, options options, {str|None roundingMode, Tensor out})",
    input,
    other,
    options,
  );
  return choose(options.roundingMode, [input, other])([input, other], undefined, options.out);
}
function div_(input: Tensor, other: Tensor | NumberLike, options?: DivOptions): Tensor {
  checkArguments(
    "div_(Tensor input, Scalar|Tensor other, options? options, {str|None roundingMode, Tensor out})",
    input,
    other,
    options,
  );
  if (options === undefined) return trueQuotient.op.twoInPlace(input, other);
  return choose(options?.roundingMode, [input, other]).inPlace([input, other]);
}
export { div as divide, div as trueDivide };

/**
 * The quotient rounded down, as `torch.floor_divide`.
 * @example
 * torch.floorDivide(torch.tensor([7, -7]), 2) // tensor([ 3., -4.])
 */
export function floorDivide(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: { out?: Tensor }): Tensor {
  checkArguments("floor_divide(Scalar|Tensor input, Scalar|Tensor other, options? options, {Tensor out})", input, other, options);
  checkDivisor([input, other]);
  return floorDivision([input, other], undefined, options?.out);
}

method("div", div);
method("div_", div_);
method("divide", div);
method("divide_", div_);
method("trueDivide", div);
method("trueDivide_", div_);
method("floorDivide", floorDivide);
method("floorDivide_", (input: Tensor, other: Tensor | NumberLike) => {
  checkArguments("floor_divide_(Tensor input, Scalar|Tensor other)", input, other);
  checkDivisor([input, other]);
  return floorDivision.inPlace([input, other]);
});
