/**
 * The larger and the smaller of two elements where NaN counts as missing, and the step function `heaviside`.
 */
import { DTypeError } from "../../core/errors.ts";
import type { Expr } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import { type Binary, binary } from "../binary.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link fmax}. */
    fmax(other: Tensor, options?: OutOption): Tensor;
    /** See {@link fmin}. */
    fmin(other: Tensor, options?: OutOption): Tensor;
    /** See {@link heaviside}. */
    heaviside(values: Tensor, options?: OutOption): Tensor;
    heaviside_(values: Tensor): this;
  }
}

function ignoringNaN(name: string, choose: (x: Expr, y: Expr) => Expr, first: <T extends Num<T>>(x: T, y: T) => T): Binary {
  return binary<Binary>([name], {
    name,
    compute: "promote",
    tensors: "all",
    forward([x, y], _p, type) {
      if (type === "bool") return name === "fmax" ? x!.or(y!) : x!.and(y!);
      return y!.where(x!.ne(x!), x!.where(y!.ne(y!), choose(x!, y!)));
    },
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [x, y] = operands as [T, T];
      const takesX = first(x, y).logicalOr(y.ne(y));
      return [g.where(takesX, 0), g.where(takesX.logicalNot(), 0)];
    },
  });
}

/**
 * The larger of two elements, the other one where one is NaN. As `torch.fmax`.
 * @example
 * torch.fmax(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([4., 5.])
 */
export const fmax = ignoringNaN(
  "fmax",
  (x, y) => x.maximum(y),
  (x, y) => x.ge(y),
);
/**
 * The smaller of two elements, the other one where one is NaN. As `torch.fmin`.
 * @example
 * torch.fmin(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([3., 2.])
 */
export const fmin = ignoringNaN(
  "fmin",
  (x, y) => x.minimum(y),
  (x, y) => x.le(y),
);

/**
 * 0 below 0, 1 above, and the element of `values` where the input is 0. As `torch.heaviside`.
 * @example
 * torch.heaviside(torch.tensor([-1, 0, 2]), torch.tensor(0.5)) // tensor([0.0000, 0.5000, 1.0000])
 */
export const heaviside = binary<Binary>(
  ["heaviside"],
  {
    name: "heaviside",
    compute: "promote",
    tensors: "all",
    operands: ["input", "values"],
    forward([x, values], _p, type) {
      if (type === "bool") return x!.or(values!);
      return values!.where(x!.eq(0), x!.gt(0).cast(type));
    },
  },
  (x, values) => {
    if (runtime.isTensor(x) && runtime.isTensor(values) && x.dtype !== values.dtype) {
      throw new DTypeError(
        "heaviside is not yet implemented for tensors with different dtypes.",
        `they are ${x.dtype} and ${values.dtype}`,
      );
    }
  },
);
