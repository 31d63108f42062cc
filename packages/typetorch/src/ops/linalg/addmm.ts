/**
 * Products added to a tensor: `addmm`, `addmv`, `addr`, `baddbmm`, `addbmm`.
 */
import { takeResult, toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { bool } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { bmm, mm, mv } from "./matmul.ts";

export interface AddProductOptions {
  /** Factor of `input`. Default 1; with 0 the input is ignored, NaN and all. */
  beta?: NumberLike;
  /** Factor of the product. Default 1. */
  alpha?: NumberLike;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link addmm}. */
    addmm(mat1: Tensor, mat2: Tensor, options?: AddProductOptions): Tensor;
    addmm_(mat1: Tensor, mat2: Tensor, options?: AddProductOptions): this;
    /** See {@link addmv}. */
    addmv(mat: Tensor, vec: Tensor, options?: AddProductOptions): Tensor;
    addmv_(mat: Tensor, vec: Tensor, options?: AddProductOptions): this;
    /** See {@link addr}. */
    addr(vec1: Tensor, vec2: Tensor, options?: AddProductOptions): Tensor;
    addr_(vec1: Tensor, vec2: Tensor, options?: AddProductOptions): this;
    /** See {@link baddbmm}. */
    baddbmm(batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor;
    baddbmm_(batch1: Tensor, batch2: Tensor, options?: AddProductOptions): this;
    /** See {@link addbmm}. */
    addbmm(batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor;
    addbmm_(batch1: Tensor, batch2: Tensor, options?: AddProductOptions): this;
  }
}

/** `beta * input + alpha * product`, with the input broadcast to the product. */
function combine(name: string, input: Tensor, product: Tensor, options: AddProductOptions = {}): Tensor {
  // PyTorch converts the factors to an integer type
  const factor = (value: NumberLike | undefined): number =>
    product.dtype.isFloatingPoint ? numberOf(value ?? 1) : Math.trunc(numberOf(value ?? 1));
  const beta = factor(options.beta);
  const alpha = factor(options.alpha);
  if (input.dtype !== product.dtype) {
    throw new DTypeError(`self and mat2 must have the same dtype`, `${name} got ${input.dtype} and ${product.dtype}`);
  }
  const expanded = input.expand(product.shape);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  const result = beta === 0 ? scaled : (beta === 1 ? expanded : expanded.mul(beta)).add(scaled);
  return toOut(name, result, options.out);
}

/** `beta * input + alpha * (mat1 @ mat2)`, as `torch.addmm`. */
export function addmm(input: Tensor, mat1: Tensor, mat2: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "addmm(Tensor input, Tensor mat1, Tensor mat2, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    mat1,
    mat2,
    options,
  );
  return combine("addmm", input, mm(mat1, mat2), options);
}
/** `beta * input + alpha * (mat @ vec)`, as `torch.addmv`. */
export function addmv(input: Tensor, mat: Tensor, vec: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "addmv(Tensor input, Tensor mat, Tensor vec, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    mat,
    vec,
    options,
  );
  return combine("addmv", input, mv(mat, vec), options);
}
/** `beta * input + alpha * (vec1 ⊗ vec2)`, as `torch.addr`. */
export function addr(input: Tensor, vec1: Tensor, vec2: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "addr(Tensor input, Tensor vec1, Tensor vec2, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    vec1,
    vec2,
    options,
  );
  if (vec1.shape.length !== 1) throw new ShapeError(`addr: Expected 1-D argument vec1, but got ${vec1.shape.length}-D`);
  if (vec2.shape.length !== 1) throw new ShapeError(`addr: Expected 1-D argument vec2, but got ${vec2.shape.length}-D`);
  const product = vec1.unsqueeze(1).mul(vec2.unsqueeze(0));
  const factor = (label: "alpha" | "beta"): number | boolean => {
    const value = numberOf(options?.[label] ?? 1);
    if (input.dtype === bool && product.dtype === bool) return value !== 0;
    if (!Number.isInteger(value) && !input.dtype.isFloatingPoint && !product.dtype.isFloatingPoint)
      throw new DTypeError(`For integral input tensors, argument ${label} must not be a floating point number.`);
    return value;
  };
  const beta = factor("beta");
  const alpha = factor("alpha");
  const result = beta === 0 || beta === false ? product.mul(alpha) : input.mul(beta).add(product.mul(alpha));
  return toOut("addr", result, options?.out);
}
/** `beta * input + alpha * (batch1 @ batch2)` for batches, as `torch.baddbmm`. */
export function baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "baddbmm(Tensor input, Tensor batch1, Tensor batch2, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    batch1,
    batch2,
    options,
  );
  return combine("baddbmm", input, bmm(batch1, batch2), options);
}
/** `beta * input + alpha * Σ (batch1 @ batch2)`, as `torch.addbmm`. */
export function addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "addbmm(Tensor input, Tensor batch1, Tensor batch2, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    batch1,
    batch2,
    options,
  );
  return combine("addbmm", input, bmm(batch1, batch2).sum(0, { dtype: batch1.dtype }), options);
}

const forms = { addmm, addmv, addr, baddbmm, addbmm };
for (const [name, fn] of Object.entries(forms)) {
  method(name, fn);
  method(`${name}_`, (input: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions) =>
    takeResult(input, fn(input, a, b, options)),
  );
}
