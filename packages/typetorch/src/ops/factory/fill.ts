/**
 * Tensors of one value: `zeros`, `ones`, `full`, `empty` and their `_like` and `new` forms; `fill_` and `zero_`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, bool, getDefaultDtype } from "../../core/dtype.ts";
import { ShapeError } from "../../core/errors.ts";
import { type NumberLike, Scalar, numberOf } from "../../core/promotion.ts";
import { type Expr, computeType, param } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isDense } from "../memory/copy.ts";
import { method, variadicMethod } from "../methods.ts";
import { defineOp } from "../op.ts";
import { checkInternalOverlap, denseStridesLike } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import { type FactoryOptions, checkSizes, finish, make, sizesAndOptions } from "./options.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** Sets every element, as `Tensor.fill_`. */
    fill_(value: NumberLike | Tensor): this;
    fill(value: NumberLike | Tensor): Tensor;
    zero_(): this;
    newZeros(...size: (number | readonly number[] | FactoryOptions)[]): Tensor;
    newOnes(...size: (number | readonly number[] | FactoryOptions)[]): Tensor;
    /** See {@link emptyStrided}. */
    newEmptyStrided(size: readonly number[], stride: readonly number[], options?: FactoryOptions): Tensor;
    newEmpty(...size: (number | readonly number[] | FactoryOptions)[]): Tensor;
    newFull(size: readonly number[], value: NumberLike, options?: FactoryOptions): Tensor;
  }
}

const specs: (MapSpec | undefined)[] = [];

function fillSpec(dtype: DType): MapSpec {
  let spec = specs[dtype.index];
  if (spec === undefined) {
    const type = computeType(dtype);
    const value: Expr = type === "bool" ? param(0, "f64").ne(0) : param(0, type);
    spec = { kind: "map", name: `fill_${dtype.key}`, inputs: [], outputs: [{ dtype, value }], params: 1, compiled: null };
    specs[dtype.index] = spec;
  }
  return spec;
}

/** Sets the elements of a tensor without checks or history. */
export function fillElements(out: Tensor, value: NumberLike): void {
  const big = typeof value === "bigint" ? value : value instanceof Scalar && typeof value.value === "bigint" ? value.value : null;
  if (big !== null && !Number.isSafeInteger(Number(big)) && out.dtype.key === "i64") {
    fillBig(out, big);
    return;
  }
  runtime.backendOf(out).map(fillSpec(out.dtype), out.shape, [], [out], [numberOf(value)]);
}

function fillBig(out: Tensor, value: bigint): void {
  const one = runtime.empty([], out.dtype);
  (one.data as BigInt64Array)[0] = value;
  runtime.withoutGrad(() => out.copy_(one));
}

const fillOp = defineOp<{ value: NumberLike }>({
  name: "fill",
  run([x], { value }) {
    const out = runtime.empty(x!.shape, x!.dtype);
    fillElements(out, value);
    return out;
  },
  into(out, _inputs, { value }) {
    fillElements(out, value);
  },
  backward: ([g]) => [runtime.full(g!.shape, 0, g!.dtype)],
});

function fill_(x: Tensor, value: NumberLike | Tensor): Tensor {
  checkArguments("fill_(Tensor x, Scalar|Tensor value)", x, value);
  if (runtime.isTensor(value)) {
    if (value.shape.length > 0)
      throw new ShapeError(`fill_ only supports 0-dimension value tensor but got tensor with ${value.shape.length} dimensions.`);
    return x.copy_(value);
  }
  checkInternalOverlap(x, "fill_");
  return runtime.callInPlace(fillOp, [x], { value });
}

export function zeros(...args: (number | readonly number[] | FactoryOptions | undefined)[]): Tensor;
/**
 * Zeros of a shape, as `torch.zeros`.
 * @example
 * torch.zeros(2, 3) // tensor([[0., 0., 0.], [0., 0., 0.]])
 */
export function zeros(...args: unknown[]): Tensor {
  return filled(args, 0);
}

export function ones(...args: (number | readonly number[] | FactoryOptions | undefined)[]): Tensor;
/**
 * Ones of a shape, as `torch.ones`.
 * @example
 * torch.ones(2) // tensor([1., 1.])
 */
export function ones(...args: unknown[]): Tensor {
  return filled(args, 1);
}

function filled(args: readonly unknown[], value: number): Tensor {
  const { shape, options } = sizesAndOptions(args);
  const dtype = options?.dtype ?? options?.out?.dtype ?? getDefaultDtype();
  return make(options, dtype, () => runtime.full(shape, value, dtype));
}

export function empty(...args: (number | readonly number[] | FactoryOptions | undefined)[]): Tensor;
/**
 * A tensor whose contents are undefined, as `torch.empty`.
 * @example
 * torch.empty(2, 3).shape // [2, 3]
 */
export function empty(...args: unknown[]): Tensor {
  const { shape, options } = sizesAndOptions(args);
  const dtype = options?.dtype ?? getDefaultDtype();
  return make(options, dtype, () => runtime.empty(shape, dtype));
}

/**
 * A tensor with the given strides whose contents are undefined, as `torch.empty_strided`.
 * @example
 * torch.emptyStrided([2, 3], [1, 2]).stride() // [1, 2]
 */
export function emptyStrided(size: readonly number[], stride: readonly number[], options?: FactoryOptions): Tensor {
  checkArguments(
    "empty_strided(int[] size, int[] stride, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    size,
    stride,
    options,
  );
  let last = 0;
  checkSizes(size);
  size.forEach((n, i) => {
    last += Math.max(n - 1, 0) * stride[i]!;
  });
  const dtype = options?.dtype ?? getDefaultDtype();
  const flat = make({ device: options?.device }, dtype, () => runtime.empty([size.some((n) => n === 0) ? 0 : last + 1], dtype));
  const x = runtime.alias(flat, [...size], [...stride], 0);
  x.base = null;
  return finish(x, options);
}

/**
 * A tensor filled with a value; its dtype is float32 unless told, bool for booleans. As `torch.full`, whose dtype is inferred from the kind of number: here an
 * integral number does not make int64, as everywhere in TypeTorch.
 * @example
 * torch.full([2], 7) // tensor([7., 7.])
 */
export function full(size: readonly number[] | number, fillValue: NumberLike, options?: FactoryOptions): Tensor {
  checkArguments(
    "full(int|int[] size, Scalar fillValue, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    size,
    fillValue,
    options,
  );
  const shape = checkSizes(typeof size === "number" ? [size] : size);
  const natural = typeof fillValue === "boolean" ? bool : fillValue instanceof Scalar ? fillValue.dtype : getDefaultDtype();
  const dtype = options?.dtype ?? options?.out?.dtype ?? natural;
  return make(options, dtype, () => runtime.full(shape, fillValue, dtype));
}

function like(x: Tensor, options: FactoryOptions | undefined): Tensor {
  const dtype = options?.dtype ?? x.dtype;
  return make({ device: options?.device ?? x.device }, dtype, () =>
    isDense(x) ? runtime.emptyStrided(x.shape, denseStridesLike(x.shape, x.strides), dtype) : runtime.empty(x.shape, dtype),
  );
}

/**
 * Zeros in the shape and dtype of another tensor, as `torch.zeros_like`.
 * @example
 * torch.zerosLike(torch.ones(2)) // tensor([0., 0.])
 */
export function zerosLike(input: Tensor, options?: FactoryOptions): Tensor {
  checkArguments(
    "zeros_like(Tensor input, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    input,
    options,
  );
  return fullLike(input, 0, options);
}
/**
 * Ones in the shape and dtype of another tensor, as `torch.ones_like`.
 * @example
 * torch.onesLike(torch.zeros(2)) // tensor([1., 1.])
 */
export function onesLike(input: Tensor, options?: FactoryOptions): Tensor {
  checkArguments(
    "ones_like(Tensor input, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    input,
    options,
  );
  return fullLike(input, 1, options);
}
/**
 * A tensor of one value in the shape and dtype of another, as `torch.full_like`.
 * @example
 * torch.fullLike(torch.zeros(2), 7) // tensor([7., 7.])
 */
export function fullLike(input: Tensor, fillValue: NumberLike, options?: FactoryOptions): Tensor {
  checkArguments(
    "full_like(Tensor input, Scalar fillValue, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    input,
    fillValue,
    options,
  );
  const x = like(input, options);
  fillElements(x, fillValue);
  return finish(x, options);
}
/**
 * A tensor in the shape and dtype of another, contents undefined, as `torch.empty_like`.
 * @example
 * torch.emptyLike(torch.zeros(2, 3)).shape // [2, 3]
 */
export function emptyLike(input: Tensor, options?: FactoryOptions): Tensor {
  checkArguments(
    "empty_like(Tensor input, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    input,
    options,
  );
  return finish(like(input, options), options);
}

method("fill_", fill_);
method("fill", (x: Tensor, value: NumberLike | Tensor) => {
  checkArguments("fill(Tensor x, Scalar|Tensor value)", x, value);
  return fill_(x.clone(), value);
});
method("zero_", (x: Tensor) => fill_(x, 0));
const dtypeFrom = (x: Tensor, args: readonly unknown[]): unknown[] => {
  const last = args[args.length - 1];
  const hasOptions = typeof last === "object" && last !== null && !Array.isArray(last);
  const options = { dtype: x.dtype, device: x.device, ...(hasOptions ? (last as FactoryOptions) : {}) };
  return [...(hasOptions ? args.slice(0, -1) : args), { ...options, dtype: options.dtype ?? x.dtype }];
};
variadicMethod("newZeros", (x: Tensor, ...args: unknown[]) => filled(dtypeFrom(x, args), 0));
variadicMethod("newOnes", (x: Tensor, ...args: unknown[]) => filled(dtypeFrom(x, args), 1));
method("newEmptyStrided", (x: Tensor, size: readonly number[], stride: readonly number[], options?: FactoryOptions) => {
  checkArguments(
    "new_empty_strided(Tensor x, int[] size, int[] stride, options? options, {dtype|None dtype, device|None device, bool requiresGrad})",
    x,
    size,
    stride,
    options,
  );
  return emptyStrided(size, stride, { ...options, dtype: options?.dtype ?? x.dtype, device: options?.device ?? x.device });
});
variadicMethod("newEmpty", (x: Tensor, ...args: unknown[]) => empty(...(dtypeFrom(x, args) as never[])));
method("newFull", (x: Tensor, size: readonly number[], value: NumberLike, options?: FactoryOptions) => {
  checkArguments(
    "new_full(Tensor x, int[] size, Scalar value, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    x,
    size,
    value,
    options,
  );
  return full(size, value, { ...options, dtype: options?.dtype ?? x.dtype, device: options?.device ?? x.device });
});
