/**
 * Functions of the normal distribution and of entropy.
 */
import { checkArguments } from "../arguments.ts";
import { erfcx as erfcxOf, logNormalCdf, normalQuantile } from "../../core/normalFunctions.ts";
import type { NumberLike } from "../../core/promotion.ts";
import { constant } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isAlgebra } from "../arithmetic/div.ts";
import { definePointwise } from "../pointwise.ts";
import type { OutOption, Unary } from "../unary.ts";
import { hostUnary } from "./host.ts";

const ndtrOp = definePointwise(
  {
    name: "special_ndtr",
    compute: "float",
    tensors: "all",
    forward: ([x]) => x!.mul(-Math.SQRT1_2).erfc().mul(0.5),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      const density = x.mul(x).mul(-0.5).exp();
      return [g.mul(density.mul(1 / Math.sqrt(2 * Math.PI)))];
    },
  },
  1,
);
/**
 * The distribution function of the standard normal. As `torch.special.ndtr`.
 * @example
 * torch.special.ndtr(torch.tensor([-1.5, 0, 2])) // tensor([0.0668, 0.5000, 0.9772])
 */
export const ndtr: Unary = (input, options) => ndtrOp([input], undefined, options?.out);

/**
 * The inverse of {@link ndtr}. As `torch.special.ndtri`.
 * @example
 * torch.special.ndtri(torch.tensor([0.1, 0.5])) // tensor([-1.2816, 0.0000])
 */
export const ndtri = hostUnary("special_ndtri", normalQuantile, (g, _x, out) =>
  g.mul(
    out
      .square()
      .mul(0.5)
      .exp()
      .mul(Math.sqrt(2 * Math.PI)),
  ),
);

/**
 * The scaled complementary error function `exp(x^2) erfc(x)`. As `torch.special.erfcx`.
 * @example
 * torch.special.erfcx(torch.tensor([-1.5, 0, 2])) // tensor([18.6539, 1.0000, 0.2554])
 */
export const erfcx = hostUnary("special_erfcx", erfcxOf, (g, x, out) =>
  g.mul(
    x
      .mul(out)
      .mul(2)
      .sub(2 / Math.sqrt(Math.PI)),
  ),
);

/**
 * The logarithm of {@link ndtr}, accurate in both tails. As `torch.special.log_ndtr`.
 * @example
 * torch.special.logNdtr(torch.tensor([-1.5, 0, 2])) // tensor([-2.7059, -0.6931, -0.0230])
 */
export const logNdtr = hostUnary("special_log_ndtr", logNormalCdf, (g, x) =>
  g.div(erfcx(x.mul(-Math.SQRT1_2))).mul(Math.sqrt(2 / Math.PI)),
);

const entrOp = definePointwise(
  {
    name: "special_entr",
    compute: "float",
    tensors: "all",
    forward([x]) {
      const positive = x!.neg().mul(x!.log());
      const low = constant(0, x!.type).where(x!.eq(0), constant(-Infinity, x!.type));
      return x!.where(x!.ne(x!), positive.where(x!.gt(0), low));
    },
    backward: <T extends Num<T>>(g: T, [x]: readonly (T | number)[]) => [g.mul((x as T).log().add(1).neg())],
  },
  1,
);
/**
 * `-x log(x)`: 0 at 0, -inf below. As `torch.special.entr`.
 * @example
 * torch.special.entr(torch.tensor([0.1, 0.5])) // tensor([0.2303, 0.3466])
 */
export const entr: Unary = (input, options) => entrOp([input], undefined, options?.out);

const xlog1pyOp = definePointwise(
  {
    name: "special_xlog1py",
    compute: "float",
    tensors: "one",
    forward([x, y]) {
      const product = constant(0, x!.type).where(x!.eq(0), x!.mul(y!.log1p()));
      return y!.where(y!.ne(y!), product);
    },
    backward<T extends Num<T>>(g: T, [x, y]: readonly (T | number)[]) {
      const byY = isAlgebra<T>(y) ? g.mul(x!).div(y.add(1)) : null;
      if (!isAlgebra<T>(x)) return [null, byY];
      if (!isAlgebra<T>(y)) {
        const slope = g.mul(Math.log1p(y as number));
        return [(y as number) > -1 ? slope : slope.where(x.ne(0), 0), null];
      }
      const flat = x.eq(0).logicalOr(g.eq(0)).logicalAnd(y.le(-1));
      return [g.mul(y.log1p()).where(flat.logicalNot(), 0), byY];
    },
  },
  2,
);
/**
 * `input * log(1 + other)`, 0 where the input is 0, NaN where `other` is. As `torch.special.xlog1py`.
 * @example
 * torch.special.xlog1py(torch.tensor([0, 2]), torch.tensor([0, 3])) // tensor([0.0000, 2.7726])
 */
export function xlog1py(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: OutOption): Tensor {
  checkArguments(
    "special_xlog1py(Scalar|Tensor input, Scalar|Tensor other, options? options, {Tensor out})",
    input,
    other,
    options,
  );
  return xlog1pyOp([input, other], undefined, options?.out);
}
