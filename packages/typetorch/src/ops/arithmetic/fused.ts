/**
 * Several steps in one kernel: `lerp`, `addcmul`, `addcdiv`.
 */
import { cppName } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { bool, kernelName } from "../../core/dtype.ts";
import { ArgumentTypeError, DTypeError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf } from "../../core/promotion.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { isAlgebra } from "./div.ts";

export interface FactorOptions extends OutOption {
  /** Factor of the product or quotient. Default: 1. */
  value?: NumberLike;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link lerp}. */
    lerp(end: Tensor, weight: Tensor | NumberLike, options?: OutOption): Tensor;
    lerp_(end: Tensor, weight: Tensor | NumberLike): this;
    /** See {@link addcmul}. */
    addcmul(tensor1: Tensor, tensor2: Tensor, options?: FactorOptions): Tensor;
    addcmul_(tensor1: Tensor, tensor2: Tensor, options?: FactorOptions): this;
    /** See {@link addcdiv}. */
    addcdiv(tensor1: Tensor, tensor2: Tensor, options?: FactorOptions): Tensor;
    addcdiv_(tensor1: Tensor, tensor2: Tensor, options?: FactorOptions): this;
  }
}

const lerpOp = definePointwise(
  {
    name: "lerp",
    compute: "first",
    operands: ["input", "end", "weight"],
    // The form that is exact at the nearer end.
    forward([start, end, weight]) {
      const difference = end!.sub(start!);
      const low = start!.add(weight!.mul(difference));
      const high = end!.sub(difference.mul(weight!.neg().add(1)));
      return low.where(weight!.abs().lt(0.5), high);
    },
    backward<T extends Num<T>>(g: T, [start, end, weight]: readonly (T | number)[]) {
      const rest = isAlgebra<T>(weight) ? weight.neg().add(1) : 1 - (weight as number);
      const byWeight = isAlgebra<T>(weight) ? g.mul((end as T).sub(start!)) : null;
      return [g.mul(rest), g.mul(weight!), byWeight];
    },
  },
  3,
);

function lerpOperands(input: Tensor, end: Tensor, weight: Tensor | NumberLike): readonly (Tensor | NumberLike)[] {
  const { dtype } = input;
  for (const [name, x] of [
    ["end", end],
    ["weight", weight],
  ] as const) {
    if (!runtime.isTensor(x) || x.dtype === dtype) continue;
    throw new DTypeError(
      `expected dtype ${cppName(dtype)} for \`${name}\` but got dtype ${cppName(x.dtype)}`,
      "lerp does not convert: convert one of them with x.to(dtype)",
    );
  }
  if (!dtype.isFloatingPoint) {
    throw new DTypeError(
      `"lerp_kernel_scalar" not implemented for '${kernelName(dtype)}'`,
      "convert the tensors to a floating dtype",
    );
  }
  return [input, end, weight];
}

/**
 * `input + weight * (end - input)`, all of one dtype. As `torch.lerp`.
 * @example
 * torch.lerp(torch.tensor([0, 10]), torch.tensor([10, 20]), 0.5) // tensor([5., 15.])
 */
export function lerp(input: Tensor, end: Tensor, weight: Tensor | NumberLike, options?: OutOption): Tensor {
  checkArguments(
    "lerp(Tensor input, Tensor end, Scalar|Tensor weight, options? options, {Tensor out})",
    input,
    end,
    weight,
    options,
  );
  return lerpOp(lerpOperands(input, end, weight), undefined, options?.out);
}

const addcmulOp = definePointwise(
  {
    name: "addcmul",
    compute: "promote",
    tensors: "all",
    operands: ["input", "tensor1", "tensor2"],
    check(compute) {
      if (compute === bool) throw new DTypeError(`"addcmul_cpu_out" not implemented for 'Bool'`, "use logicalAnd and logicalOr");
    },
    forward: ([x, a, b], [value]) => x!.add(value!.mul(a!).mul(b!)),
    backward: <T extends Num<T>>(g: T, [, a, b]: readonly (T | number)[], _out: T, [value]: readonly (T | number)[]) => [
      g,
      g.mul((b as T).mul(value!)),
      g.mul((a as T).mul(value!)),
    ],
  },
  3,
  1,
);
const addcdivOp = definePointwise(
  {
    name: "addcdiv",
    compute: "promote",
    tensors: "all",
    operands: ["input", "tensor1", "tensor2"],
    forward: ([x, a, b], [value]) => x!.add(value!.mul(a!).div(b!)),
    backward<T extends Num<T>>(g: T, [, a, b]: readonly (T | number)[], _out: T, [value]: readonly (T | number)[]) {
      const inverse = (b as T).reciprocal().mul(value!);
      return [g, g.mul(inverse), g.mul((a as T).mul(inverse).div(b!)).neg()];
    },
  },
  3,
  1,
);

function factorOf(name: string, options: FactorOptions | undefined): number[] {
  const value = options?.value ?? 1;
  if (!isNumberLike(value)) {
    throw new ArgumentTypeError(`${name}(): argument 'value' must be Number, not ${typeof value}`);
  }
  return [numberOf(value)];
}

function checkFloatingDivision(tensor1: Tensor, tensor2: Tensor): void {
  if (!runtime.isTensor(tensor1) || !runtime.isTensor(tensor2)) return;
  if (tensor1.dtype.isFloatingPoint || tensor2.dtype.isFloatingPoint) return;
  throw new DTypeError(
    "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2.",
    "use input.add(tensor1.div(tensor2).mul(value))",
  );
}

/**
 * `input + value * tensor1 * tensor2`, with broadcasting and type promotion. As `torch.addcmul`.
 * @example
 * torch.addcmul(torch.ones(2), torch.tensor([2, 6]), torch.tensor([4, 3]), { value: 0.5 }) // tensor([5., 10.])
 */
export function addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: FactorOptions): Tensor {
  checkArguments(
    "addcmul(Tensor input, Tensor tensor1, Tensor tensor2, options? options, {Scalar value, Tensor out})",
    input,
    tensor1,
    tensor2,
    options,
  );
  return addcmulOp([input, tensor1, tensor2], factorOf("addcmul", options), options?.out);
}
/**
 * `input + value * tensor1 / tensor2`, with broadcasting and type promotion; not for two integer tensors. As `torch.addcdiv`.
 * @example
 * torch.addcdiv(torch.ones(2), torch.tensor([2, 6]), torch.tensor([4, 3]), { value: 0.5 }) // tensor([1.2500, 2.0000])
 */
export function addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: FactorOptions): Tensor {
  checkArguments(
    "addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, options? options, {Scalar value, Tensor out})",
    input,
    tensor1,
    tensor2,
    options,
  );
  checkFloatingDivision(tensor1, tensor2);
  return addcdivOp([input, tensor1, tensor2], factorOf("addcdiv", options), options?.out);
}

method("lerp", lerp);
method("lerp_", (input: Tensor, end: Tensor, weight: Tensor | NumberLike) => {
  checkArguments("lerp_(Tensor input, Tensor end, Scalar|Tensor weight)", input, end, weight);
  return lerpOp.inPlace(lerpOperands(input, end, weight));
});
method("addcmul", addcmul);
method("addcmul_", (input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: FactorOptions) => {
  checkArguments(
    "addcmul_(Tensor input, Tensor tensor1, Tensor tensor2, options? options, {Scalar value, Tensor out})",
    input,
    tensor1,
    tensor2,
    options,
  );
  return addcmulOp.inPlace([input, tensor1, tensor2], factorOf("addcmul", options));
});
method("addcdiv", addcdiv);
method("addcdiv_", (input: Tensor, tensor1: Tensor, tensor2: Tensor, options?: FactorOptions) => {
  checkArguments(
    "addcdiv_(Tensor input, Tensor tensor1, Tensor tensor2, options? options, {Scalar value, Tensor out})",
    input,
    tensor1,
    tensor2,
    options,
  );
  checkFloatingDivision(tensor1, tensor2);
  return addcdivOp.inPlace([input, tensor1, tensor2], factorOf("addcdiv", options));
});
