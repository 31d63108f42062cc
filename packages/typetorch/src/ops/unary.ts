/**
 * How ops of one operand are declared: one expression gives the function, `x.name()`, `x.name_()` and `out`.
 */
import type { DType } from "../core/dtype.ts";
import type { Expr, ScalarType } from "../ir/expr.ts";
import type { Num } from "../ir/num.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { method } from "./methods.ts";
import { type ComputeRule, type Pointwise, definePointwise } from "./pointwise.ts";

export interface OutOption {
  readonly out?: Tensor;
}

export type Unary = (input: Tensor, options?: OutOption) => Tensor;

export interface UnaryDefinition {
  /** PyTorch's name. */
  readonly name: string;
  /** Further names of the method. */
  readonly aliases?: readonly string[];
  readonly gradName?: string;
  readonly compute: ComputeRule;
  /** The dtype of the result, when it is not the computed one. */
  readonly result?: DType;
  /** Booleans are computed as int64. */
  readonly integral?: boolean;
  /** Throws for dtypes that the op does not take. */
  check?(compute: DType): void;
  forward(x: Expr, type: ScalarType, compute: DType): Expr;
  /** False: there is no `x.name_()`. */
  readonly inPlace?: boolean;
  /** The gradient, given that of the result; null is zero. Omitted: the result is not differentiable. */
  backward?<T extends Num<T>>(g: T, x: T, out: T): T | null;
}

/** Declares `name(x)` and its methods `x.methodName()` and `x.methodName_()`. */
export function unary(methodName: string, definition: UnaryDefinition): Unary {
  const { backward, forward, check } = definition;
  const pointwise: Pointwise = definePointwise(
    {
      name: definition.name,
      gradName: definition.gradName,
      compute: definition.compute,
      result: definition.result,
      integral: definition.integral,
      check: check ? (compute) => check(compute) : undefined,
      forward: ([x], _p, type, compute) => forward(x!, type, compute),
      tensors: "all",
      backward: backward
        ? <T extends Num<T>>(g: T, [x]: readonly (T | number)[], out: T) => [backward(g, x as T, out)]
        : undefined,
    },
    1,
  );
  const { op } = pointwise;
  const fn: Unary = (input, options) => (options?.out ? op.call([input], [], options.out) : op.one(input));
  for (const name of [methodName, ...(definition.aliases ?? [])]) {
    method(name, fn);
    if (definition.inPlace !== false) method(`${name}_`, (input: Tensor) => op.oneInPlace(input));
  }
  return fn;
}
