/**
 * Products added to a tensor: `addmm`, `addmv`, `addr`, `baddbmm`, `addbmm`.
 */
import { takeResult, toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { type DType, bool } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { type NumberLike, numberOf } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { bmm, checkMatrices, checkBatches, mv } from "./matmul.ts";

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

interface Factors {
  readonly beta: number;
  readonly alpha: number;
}

/** PyTorch converts the factors to an integer type where the product has one. */
function factorsOf(dtype: DType, { beta, alpha }: AddProductOptions): Factors {
  const factor = (value: NumberLike | undefined): number =>
    dtype.isFloatingPoint ? numberOf(value ?? 1) : Math.trunc(numberOf(value ?? 1));
  return { beta: factor(beta), alpha: factor(alpha) };
}

function checkAddedDtype(name: string, input: Tensor, product: DType): void {
  if (input.dtype !== product)
    throw new DTypeError("self and mat2 must have the same dtype", `${name} got ${input.dtype} and ${product}`);
}

/** `beta * input + alpha * product`, with the input broadcast to the product. */
function combine(name: string, input: Tensor, product: Tensor, options: AddProductOptions = {}): Tensor {
  checkAddedDtype(name, input, product.dtype);
  const { beta, alpha } = factorsOf(product.dtype, options);
  const expanded = input.expand(product.shape);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  const result = beta === 0 ? scaled : (beta === 1 ? expanded : expanded.mul(beta)).add(scaled);
  return toOut(name, result, options.out);
}

const scaled = (x: Tensor, factor: number): Tensor => (factor === 1 ? x : x.mul(factor));

/** (m, n) added to (m, k) x (k, n), or a batch of them: one product that starts from what it is added to. */
function addedProduct(name: string): Op<Factors> {
  return defineOp<Factors>({
    name,
    saves: { inputs: [1, 2] },
    run([input, a, b], { beta, alpha }) {
      const out = runtime.empty(input!.shape, input!.dtype);
      const { gemm } = runtime.backendOf(out);
      const oneRow = input!.shape.length === 2 && (input!.strides[0] === 0 || input!.shape[0] === 1);
      if (beta === 1 && oneRow) {
        gemm({ a: a!, b: b!, out, alpha, beta: 0, bias: input!, activation: "none" });
        return out;
      }
      if (beta !== 0) out.copy_(input!);
      gemm({ a: a!, b: b!, out, alpha, beta, bias: null, activation: "none" });
      return out;
    },
    backward: ([g], saved) => {
      const { beta, alpha } = saved.attributes;
      return [
        saved.needs(0) ? scaled(g!, beta) : null,
        saved.needs(1) ? scaled(g!.matmul(saved.input(2).mT), alpha) : null,
        saved.needs(2) ? scaled(saved.input(1).mT.matmul(g!), alpha) : null,
      ];
    },
  });
}
const addmmOp = addedProduct("addmm");
const baddbmmOp = addedProduct("baddbmm");

function runAdded(op: Op<Factors>, input: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor {
  checkAddedDtype(op.name, input, a.dtype);
  const expanded = input.expand([...a.shape.slice(0, -1), b.shape[b.shape.length - 1]!]);
  return toOut(op.name, runtime.call(op, [expanded, a, b], factorsOf(a.dtype, options)), options.out);
}

/**
 * `beta * input + alpha * (mat1 @ mat2)`, as `torch.addmm`.
 * @example
 * torch.addmm(torch.ones(2, 2), torch.ones(2, 3), torch.ones(3, 2)) // tensor([[4., 4.], [4., 4.]])
 */
export function addmm(input: Tensor, mat1: Tensor, mat2: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "addmm(Tensor input, Tensor mat1, Tensor mat2, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    mat1,
    mat2,
    options,
  );
  checkMatrices("mm", mat1, mat2);
  return runAdded(addmmOp, input, mat1, mat2, options);
}
/**
 * `beta * input + alpha * (mat @ vec)`, as `torch.addmv`.
 * @example
 * torch.addmv(torch.ones(2), torch.ones(2, 3), torch.ones(3)) // tensor([4., 4.])
 */
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
/**
 * `beta * input + alpha * (vec1 ⊗ vec2)`, as `torch.addr`.
 * @example
 * torch.addr(torch.zeros(2, 2), torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor([[3., 4.], [6., 8.]])
 */
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
/**
 * `beta * input + alpha * (batch1 @ batch2)` for batches, as `torch.baddbmm`.
 * @example
 * torch.baddbmm(torch.zeros(1, 2, 2), torch.ones(1, 2, 3), torch.ones(1, 3, 2)).shape // [1, 2, 2]
 */
export function baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, options?: AddProductOptions): Tensor {
  checkArguments(
    "baddbmm(Tensor input, Tensor batch1, Tensor batch2, options? options, {Scalar beta, Scalar alpha, Tensor out})",
    input,
    batch1,
    batch2,
    options,
  );
  checkBatches(batch1, batch2);
  return runAdded(baddbmmOp, input, batch1, batch2, options);
}
/**
 * `beta * input + alpha * Σ (batch1 @ batch2)`, as `torch.addbmm`.
 * @example
 * torch.addbmm(torch.zeros(2, 2), torch.ones(1, 2, 3), torch.ones(1, 3, 2)).shape // [2, 2]
 */
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
