/**
 * Powers.
 */
import { checkArguments } from "../arguments.ts";
import { bool } from "../../core/dtype.ts";
import { DTypeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf, resultType } from "../../core/promotion.ts";
import type { Expr, ScalarType } from "../../ir/expr.ts";
import { constant } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { type Input, definePointwise } from "../pointwise.ts";
import type { OutOption } from "../unary.ts";
import { isAlgebra } from "./div.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link pow}. */
    pow(exponent: Tensor | NumberLike, options?: OutOption): Tensor;
    pow_(exponent: Tensor | NumberLike): this;
  }
}

/** Integer powers wrap; negative exponents give 0, but for bases 1 and -1. */
function integerPower(x: Expr, y: Expr, type: ScalarType): Expr {
  const bits = type === "i64" ? 6 : 5;
  const one = constant(1, type);
  let result: Expr = one;
  let base = x;
  let rest = y;
  for (let i = 0; i < bits; i++) {
    result = result.mul(base).where(rest.and(1).ne(0), result);
    base = base.mul(base);
    rest = rest.shr(1);
  }
  const odd = one.neg().where(y.and(1).ne(0), one);
  const negative = one.where(x.eq(1), odd.where(x.eq(-1), constant(0, type)));
  // Exponents of 64 and more: only 0, 1 and -1 have a power that is not a multiple of 2^64 or odd; the loop above covers 2^bits - 1.
  return negative.where(y.lt(0), result);
}

const op = definePointwise(
  {
    name: "pow",
    compute: "promote",
    tensors: "one",
    operands: ["input", "exponent"],
    check(compute) {
      if (compute === bool) throw new DTypeError(`"pow" not implemented for 'Bool'`, "convert one operand to an integer dtype");
    },
    forward([x, y], _p, type) {
      return type === "f32" || type === "f64" ? x!.pow(y!) : integerPower(x!, y!, type);
    },
    backward<T extends Num<T>>(g: T, [x, y]: readonly (T | number)[], out: T) {
      const zero = g.mul(0);
      let gx: T | null = null;
      if (isAlgebra(x)) {
        if (typeof y === "number") gx = y === 0 ? zero : g.mul(x.pow(y - 1).mul(y));
        else {
          const e = y as T;
          gx = g.mul(e.mul(x.pow(e.sub(1)))).where(e.ne(0), zero);
        }
      }
      let gy: T | null = null;
      if (isAlgebra(y)) {
        // 0^y has the derivative 0 for y >= 0.
        const base = isAlgebra(x) ? x : zero.add(x as number);
        gy = g.mul(out.mul(base.log())).where(base.ne(0).logicalOr(y.lt(0)), zero);
      }
      return [gx, gy];
    },
  },
  2,
);

/** A number as exponent: the powers that are something simpler. */
const special = new Map<number, ReturnType<typeof definePointwise>>([
  [
    0.5,
    definePointwise(
      { name: "pow", compute: "promote", forward: ([x]) => x!.sqrt(), backward: (g, _x, out) => [g.div(out.mul(2))] },
      1,
    ),
  ],
  [
    2,
    definePointwise(
      {
        name: "pow",
        compute: "promote",
        forward: ([x]) => x!.mul(x!),
        backward: <T extends Num<T>>(g: T, [x]: readonly (T | number)[]) => [g.mul((x as T).mul(2))],
      },
      1,
    ),
  ],
  [
    3,
    definePointwise(
      {
        name: "pow",
        compute: "promote",
        forward: ([x]) => x!.mul(x!).mul(x!),
        backward: <T extends Num<T>>(g: T, [x]: readonly (T | number)[]) => [g.mul((x as T).mul(x as T).mul(3))],
      },
      1,
    ),
  ],
]);

function check(operands: readonly Input[]): void {
  const [x, y] = operands as [Input, Input];
  if (isNumberLike(y) && numberOf(y) < 0 && !resultType([x, y]).isFloatingPoint) {
    throw new ValueError("Integers to negative integer powers are not allowed.", "convert the base to a floating dtype first");
  }
}

function fast(x: Input, y: Input): ReturnType<typeof definePointwise> | undefined {
  if (!isNumberLike(y) || !runtime.isTensor(x) || !x.dtype.isFloatingPoint) return undefined;
  return special.get(numberOf(y));
}

/**
 * `input ** exponent`, element by element. As `torch.pow`.
 * @example
 * torch.pow(torch.tensor([1, 2, 3]), 2) // tensor([1., 4., 9.])
 */
export function pow(input: Tensor | NumberLike, exponent: Tensor | NumberLike, options?: OutOption): Tensor {
  check([input, exponent]);
  const simple = fast(input, exponent);
  if (options?.out)
    return simple ? simple([input as Tensor], undefined, options.out) : op([input, exponent], undefined, options.out);
  return simple ? simple.op.one(input as Tensor) : op.op.two(input, exponent);
}
function pow_(input: Tensor, exponent: Tensor | NumberLike): Tensor {
  checkArguments("pow_(Tensor input, Scalar|Tensor exponent)", input, exponent);
  check([input, exponent]);
  const simple = fast(input, exponent);
  return simple ? simple.op.oneInPlace(input) : op.op.twoInPlace(input, exponent);
}

method("pow", pow);
method("pow_", pow_);
