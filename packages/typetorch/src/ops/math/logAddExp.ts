/**
 * Logarithms of sums and products: `logaddexp`, `logaddexp2`, `xlogy`, `logit`, and the length `hypot`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, kernelName } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { NumberLike } from "../../core/promotion.ts";
import { type Expr, constant } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isAlgebra } from "../arithmetic/div.ts";
import { type AnyAndAny, type Binary, binary } from "../binary.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link logaddexp}. */
    logaddexp(other: Tensor, options?: OutOption): Tensor;
    /** See {@link logaddexp2}. */
    logaddexp2(other: Tensor, options?: OutOption): Tensor;
    /** See {@link hypot}. */
    hypot(other: Tensor, options?: OutOption): Tensor;
    hypot_(other: Tensor): this;
    /** See {@link xlogy}. */
    xlogy(other: Tensor | NumberLike, options?: OutOption): Tensor;
    xlogy_(other: Tensor | NumberLike): this;
    /** See {@link logit}. */
    logit(eps?: number | null | LogitOptions, options?: LogitOptions): Tensor;
    logit_(eps?: number | null): this;
  }
}

function floatingOnly(kernel: string): (compute: DType) => void {
  return (compute) => {
    if (compute.isFloatingPoint) return;
    throw new DTypeError(`"${kernel}" not implemented for '${kernelName(compute)}'`, "convert one operand to a floating dtype");
  };
}

/** max(x, y) + rest(-|x - y|), and x where both are the same infinity. */
function sumOfPowers(x: Expr, y: Expr, rest: (low: Expr) => Expr): Expr {
  const sum = x.maximum(y).add(rest(x.sub(y).abs().neg()));
  return x.where(x.eq(y).and(x.abs().eq(Infinity)), sum);
}

/** `log(exp(input) + exp(other))` without overflow. As `torch.logaddexp`. */
export const logaddexp = binary<Binary>(["logaddexp"], {
  name: "logaddexp",
  compute: "promote",
  tensors: "all",
  check: floatingOnly("logaddexp_cpu"),
  forward: ([x, y]) => sumOfPowers(x!, y!, (low) => low.exp().log1p()),
  backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
    const [x, y] = operands as [T, T];
    return [g.div(y.sub(x).exp().add(1)), g.div(x.sub(y).exp().add(1))];
  },
});

/**
 * `log2(2^input + 2^other)` without overflow. As `torch.logaddexp2`.
 * @example
 * torch.logaddexp2(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([4.5850, 5.1699])
 */
export const logaddexp2 = binary<Binary>(["logaddexp2"], {
  name: "logaddexp2",
  compute: "promote",
  tensors: "all",
  check: floatingOnly("logaddexp2_cpu"),
  forward: ([x, y]) => sumOfPowers(x!, y!, (low) => low.exp2().log1p().mul(Math.LOG2E)),
  backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
    const [x, y] = operands as [T, T];
    return [g.div(y.sub(x).exp2().add(1)), g.div(x.sub(y).exp2().add(1))];
  },
});

/**
 * `sqrt(input^2 + other^2)` without overflow; infinite where one is. As `torch.hypot`.
 * @example
 * torch.hypot(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([5.0000, 5.3852])
 */
export const hypot = binary<Binary>(["hypot"], {
  name: "hypot",
  compute: "promote",
  tensors: "all",
  check: floatingOnly("hypot_cpu"),
  forward([x, y], _p, type) {
    if (type === "f32") {
      const [a, b] = [x!.cast("f64"), y!.cast("f64")];
      return withInfinity(x!, y!, a.mul(a).add(b.mul(b)).sqrt().cast("f32"));
    }
    const [a, b] = [x!.abs(), y!.abs()];
    const large = a.maximum(b);
    const ratio = a.minimum(b).div(large);
    const length = large.mul(ratio.mul(ratio).add(1).sqrt());
    return withInfinity(x!, y!, large.where(large.eq(0), length));
  },
  backward: <T extends Num<T>>(g: T, [x, y]: readonly (T | number)[], out: T) => [
    g.mul((x as T).div(out)),
    g.mul((y as T).div(out)),
  ],
});

function withInfinity(x: Expr, y: Expr, finite: Expr): Expr {
  const infinite = x.abs().eq(Infinity).or(y.abs().eq(Infinity));
  return constant(Infinity, finite.type).where(infinite, finite);
}

/**
 * `input * log(other)`, 0 where the input is 0, NaN where `other` is. As `torch.xlogy`.
 * @example
 * torch.special.xlogy(torch.tensor([0, 2]), torch.tensor([0, 3])) // tensor([0.0000, 2.1972])
 */
export const xlogy = binary<AnyAndAny>(["xlogy"], {
  name: "xlogy",
  compute: "float",
  tensors: "one",
  forward([x, y]) {
    const product = constant(0, x!.type).where(x!.eq(0), x!.mul(y!.log()));
    return y!.where(y!.ne(y!), product);
  },
  backward<T extends Num<T>>(g: T, [x, y]: readonly (T | number)[]) {
    const byY = isAlgebra<T>(y) ? g.mul(x!).div(y) : null;
    if (!isAlgebra<T>(x)) return [null, byY];
    if (!isAlgebra<T>(y))
      return [(y as number) > 0 ? g.mul(Math.log(y as number)) : g.mul(Math.log(y as number)).where(x.ne(0), 0), null];
    const flat = x.eq(0).logicalOr(g.eq(0)).logicalAnd(y.le(0));
    return [g.mul(y.log()).where(flat.logicalNot(), 0), byY];
  },
});

export interface LogitOptions extends OutOption {
  /** The input is kept in [eps, 1 - eps]. Default: not at all. */
  eps?: number | null;
}

const open = definePointwise(
  {
    name: "logit",
    compute: "float",
    tensors: "all",
    forward: ([x]) => x!.div(x!.neg().add(1)).log(),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      const slope = g.div(x.mul(x.neg().add(1)));
      return [slope.where(x.ge(0).logicalAnd(x.le(1)), Number.NaN)];
    },
  },
  1,
);
const bounded = definePointwise(
  {
    name: "logit",
    compute: "float",
    tensors: "all",
    forward([x], [low, high]) {
      const z = low!.where(x!.lt(low!), high!.where(x!.gt(high!), x!));
      return z.div(z.neg().add(1)).log();
    },
    backward<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [low, high]: readonly (T | number)[]) {
      const z = x as T;
      const slope = g.div(z.mul(z.neg().add(1)));
      return [slope.where(z.lt(low!).logicalOr(z.gt(high!)).logicalNot(), 0)];
    },
  },
  1,
  2,
);

/**
 * `log(input / (1 - input))`, with the input kept in [eps, 1 - eps] if `eps` is given. As `torch.logit`.
 * @example
 * torch.logit(torch.tensor([0.1, 0.5])) // tensor([-2.1972, 0.0000])
 */
export function logit(input: Tensor, eps?: number | null | LogitOptions, options?: LogitOptions): Tensor {
  checkArguments(
    "logit(Tensor input, float|options|None? eps, options? options, {float|None eps, Tensor out})",
    input,
    eps,
    options,
  );
  const named = typeof eps === "object" && eps !== null ? eps : options;
  const bound = typeof eps === "number" ? eps : (named?.eps ?? null);
  return bound === null ? open([input], undefined, named?.out) : bounded([input], [bound, 1 - bound], named?.out);
}

method("logit", logit);
method("logit_", (input: Tensor, eps?: number | null) => {
  checkArguments("logit_(Tensor input, float|None? eps)", input, eps);
  return eps === undefined || eps === null ? open.inPlace([input]) : bounded.inPlace([input], [eps, 1 - eps]);
});
