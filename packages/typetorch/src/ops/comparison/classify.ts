/**
 * Tests for special numbers, and `nanToNum` which removes them.
 */
import { checkArguments } from "../arguments.ts";
import { bool, type DType } from "../../core/dtype.ts";
import { largestOf } from "../../core/random/fill.ts";
import { type Expr, type ScalarType, constant } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { type OutOption, type Unary, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link isnan}. */
    isnan(): Tensor;
    /** See {@link isinf}. */
    isinf(): Tensor;
    /** See {@link isfinite}. */
    isfinite(): Tensor;
    /** See {@link isposinf}. */
    isposinf(options?: OutOption): Tensor;
    /** See {@link isneginf}. */
    isneginf(options?: OutOption): Tensor;
    /** See {@link isreal}. */
    isreal(): Tensor;
    /** See {@link nanToNum}. */
    nanToNum(nan?: number | null | NanToNumOptions, posinf?: number | null, neginf?: number | null): Tensor;
    nanToNum_(nan?: number | null | NanToNumOptions, posinf?: number | null, neginf?: number | null): this;
  }
}

const isFloat = (type: ScalarType): boolean => type === "f32" || type === "f64";

/** A test of floating numbers; integers and booleans all give `others`. */
function test(name: string, others: 0 | 1, of: (x: Expr) => Expr): Unary {
  return unary(name, {
    name,
    compute: "first",
    result: bool,
    inPlace: false,
    forward: (x, type) => (isFloat(type) ? of(x) : constant(others, "bool")),
  });
}

/**
 * Whether an element is NaN, as `torch.isnan`.
 * @example
 * torch.isnan(torch.tensor([1, Infinity, NaN])) // tensor([False, False, True])
 */
export const isnan = test("isnan", 0, (x) => x.ne(x));
/**
 * Whether an element is infinite, as `torch.isinf`.
 * @example
 * torch.isinf(torch.tensor([1, Infinity, NaN])) // tensor([False, True, False])
 */
export const isinf = test("isinf", 0, (x) => x.abs().eq(Infinity));
/**
 * Whether an element is neither infinite nor NaN, as `torch.isfinite`.
 * @example
 * torch.isfinite(torch.tensor([1, Infinity, NaN])) // tensor([True, False, False])
 */
export const isfinite = test("isfinite", 1, (x) => x.abs().lt(Infinity));
/**
 * Whether an element is positive infinity, as `torch.isposinf`.
 * @example
 * torch.isposinf(torch.tensor([-1.5, 0, 2])) // tensor([False, False, False])
 */
export const isposinf = test("isposinf", 0, (x) => x.eq(Infinity));
/**
 * Whether an element is negative infinity, as `torch.isneginf`.
 * @example
 * torch.isneginf(torch.tensor([-1.5, 0, 2])) // tensor([False, False, False])
 */
export const isneginf = test("isneginf", 0, (x) => x.eq(-Infinity));
/**
 * Whether an element has no imaginary part: all true. As `torch.isreal`.
 * @example
 * torch.isreal(torch.tensor([-1.5, 0, 2])) // tensor([True, True, True])
 */
export const isreal = test("isreal", 1, () => constant(1, "bool"));

export interface NanToNumOptions extends OutOption {
  /** In place of NaN. Default: 0. */
  nan?: number | null;
  /** In place of infinity. Default: the largest finite value. */
  posinf?: number | null;
  /** In place of -infinity. Default: the smallest finite value. */
  neginf?: number | null;
}

const replace = definePointwise(
  {
    name: "nan_to_num",
    compute: "first",
    tensors: "all",
    forward([x], [nan, posinf, neginf], type) {
      if (!isFloat(type)) return x!;
      const low = neginf!.where(x!.eq(-Infinity), x!);
      return nan!.where(x!.ne(x!), posinf!.where(x!.eq(Infinity), low));
    },
    backward: <T extends Num<T>>(g: T, [x]: readonly (T | number)[]) => [g.where((x as T).abs().lt(Infinity), 0)],
  },
  1,
  3,
);

function replacements(dtype: DType, options: NanToNumOptions): number[] {
  const largest = dtype.isFloatingPoint ? largestOf(dtype) : 0;
  return [options.nan ?? 0, options.posinf ?? largest, options.neginf ?? -largest];
}

type NanToNumArguments = [nan?: number | null | NanToNumOptions, posinf?: number | null, neginf?: number | null];

function named([nan, posinf, neginf]: NanToNumArguments): NanToNumOptions {
  return typeof nan === "object" && nan !== null ? nan : { nan, posinf, neginf };
}

/**
 * NaN becomes 0 and infinities the largest finite values, or what is given. As `torch.nan_to_num`.
 * @example
 * torch.nanToNum(torch.tensor([NaN, 1])) // tensor([0., 1.])
 */
export function nanToNum(input: Tensor, ...rest: NanToNumArguments): Tensor {
  checkArguments(
    "nan_to_num(Tensor input, float|options|None? nan, float|None? posinf, float|None? neginf, {float|None nan, float|None posinf, float|None neginf, Tensor out})",
    input,
    ...rest,
  );
  const options = named(rest);
  return replace([input], replacements(input.dtype, options), options.out);
}

method("nanToNum", nanToNum);
method("nanToNum_", (input: Tensor, ...rest: NanToNumArguments) => {
  checkArguments(
    "nan_to_num_(Tensor input, float|options|None? nan, float|None? posinf, float|None? neginf, {float|None nan, float|None posinf, float|None neginf})",
    input,
    ...rest,
  );
  return replace.inPlace([input], replacements(input.dtype, named(rest)));
});
