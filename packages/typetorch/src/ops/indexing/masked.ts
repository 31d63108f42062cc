/**
 * Elements chosen by a boolean mask: `maskedSelect`, `maskedFill`, `maskedScatter`.
 */
import { kernelName } from "../../core/dtype.ts";
import { checkArguments } from "../arguments.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf } from "../../core/promotion.ts";
import { broadcastShapes, sameShape } from "../../core/shape.ts";
import { type Expr, computeType, input, param } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { checkNoOverlap } from "../outputs.ts";
import { broadcastOperand, sumToShape } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { integers } from "./integers.ts";
import { put, take } from "./kernels.ts";
import { nonzeroPositions } from "./nonzero.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link maskedSelect}. */
    maskedSelect(mask: Tensor, options?: OutOption): Tensor;
    /** See {@link maskedFill}. */
    maskedFill(mask: Tensor, value: NumberLike | Tensor): Tensor;
    maskedFill_(mask: Tensor, value: NumberLike | Tensor): this;
    /** See {@link maskedScatter}. */
    maskedScatter(mask: Tensor, source: Tensor): Tensor;
    maskedScatter_(mask: Tensor, source: Tensor): this;
  }
}

function checkMaskDtype(name: string, mask: Tensor): void {
  if (mask.dtype.key !== "bool" && mask.dtype.key !== "u8")
    throw new DTypeError(
      `${name}: expected BoolTensor or ByteTensor for mask`,
      `the mask is ${mask.dtype}; make it with a comparison: x.gt(0)`,
    );
}

/** Positions, in row-major order, where the mask, broadcast to `shape`, holds. */
function positionsIn(mask: Tensor, shape: readonly number[]): Tensor {
  const wide = runtime.withoutGrad(() => (sameShape(mask.shape, shape) ? mask : mask.expand(shape)).contiguous());
  return nonzeroPositions(wide);
}

interface Places {
  /** Shape of tensor and mask together. */
  readonly shape: readonly number[];
  readonly positions: Tensor;
}

const selectOp = defineOp<Places>({
  name: "masked_select",
  run([x], { shape, positions }) {
    const out = runtime.empty([positions.numel()], x!.dtype);
    const source = runtime.withoutGrad(() => x!.expand(shape).contiguous());
    take(source, { outer: 1, size: source.numel(), inner: 1 }, positions, "rows", out, positions.numel());
    return out;
  },
  backward([g], saved) {
    const { shape, positions } = saved.attributes;
    const flat = runtime.full([shape.reduce((a, b) => a * b, 1)], 0, g!.dtype).indexAdd(0, positions, g!);
    return [sumToShape(flat.view(shape), saved.inputShape(0))];
  },
});

/**
 * The elements where the mask holds, as a vector; tensor and mask are broadcast. As `torch.masked_select`.
 * @example
 * torch.maskedSelect(torch.tensor([1, 2, 3]), torch.tensor([true, false, true])) // tensor([1., 3.])
 */
export function maskedSelect(input: Tensor, mask: Tensor, options?: OutOption): Tensor {
  checkArguments("masked_select(Tensor input, Tensor mask, options? options, {Tensor out})", input, mask, options);
  checkMaskDtype("masked_select", mask);
  const shape = broadcastShapes(input.shape, mask.shape);
  if (options?.out) checkNoOverlap([input, mask], [options.out]);
  const attributes = { shape, positions: positionsIn(mask, shape) };
  return options?.out ? runtime.callOut(selectOp, [input], attributes, options.out) : runtime.call(selectOp, [input], attributes);
}

const fillSpecs = new Map<number, MapSpec>();

/** out = mask ? value : x. */
function fillSpec(x: Tensor, mask: Tensor): MapSpec {
  const key = x.dtype.index * 16 + mask.dtype.index;
  let spec = fillSpecs.get(key);
  if (spec === undefined) {
    const type = computeType(x.dtype);
    const value: Expr = type === "bool" ? param(0, "f64").ne(0) : param(0, type);
    const chosen = value.where(input(1, computeType(mask.dtype)).cast("bool"), input(0, type));
    spec = {
      kind: "map",
      name: `masked_fill_${x.dtype.key}`,
      inputs: [x.dtype, mask.dtype],
      outputs: [{ dtype: x.dtype, value: chosen }],
      params: 1,
      compiled: null,
    };
    fillSpecs.set(key, spec);
  }
  return spec;
}

const fillOp = defineOp<{ value: number }>({
  name: "masked_fill",
  saves: { inputs: [1] },
  run([x, mask], { value }) {
    const shape = broadcastShapes(x!.shape, mask!.shape);
    const out = runtime.empty(shape, x!.dtype);
    const operands = [broadcastOperand(x!, shape), broadcastOperand(mask!, shape)];
    runtime.backendOf(x!).map(fillSpec(x!, mask!), shape, operands, [out], [value]);
    return out;
  },
  into(out, [x, mask], { value }) {
    const operands = [x!, broadcastOperand(mask!, out.shape)];
    runtime.backendOf(out).map(fillSpec(x!, mask!), out.shape, operands, [out], [value]);
  },
  backward: ([g], saved) => [sumToShape(maskedFill(g!, saved.input(1), 0), saved.inputShape(0)), null],
});

function fillValue(x: Tensor, mask: Tensor, value: NumberLike | Tensor): void {
  if (mask.dtype.key !== "bool" && mask.dtype.key !== "u8")
    throw new DTypeError(
      `masked_fill_ only supports boolean masks, but got mask with dtype ${kernelName(mask.dtype)}`,
      "make the mask with a comparison: x.gt(0)",
    );
  if (runtime.isTensor(value) && value.shape.length > 0)
    throw new ShapeError(
      `masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.shape.length} dimension(s).`,
    );
  if (!runtime.isTensor(value) && !isNumberLike(value))
    throw new ValueError(`masked_fill: value must be a number or a 0-d tensor, but got ${typeof value} for ${x.dtype}`);
}

/** A value that float64 does not hold, or whose gradient is wanted, is written as a tensor. */
function asTensor(x: Tensor, value: NumberLike | Tensor): Tensor | null {
  if (runtime.isTensor(value)) return value.toDtype(x.dtype);
  return typeof value === "bigint" && !Number.isSafeInteger(Number(value)) ? runtime.full([], value, x.dtype) : null;
}

/** Whole numbers only reach an integer tensor. */
function numberFor(x: Tensor, value: NumberLike): number {
  const n = numberOf(value);
  return x.dtype.isFloatingPoint ? n : Math.trunc(n);
}

/**
 * `input` with `value` where the mask holds; both are broadcast. As `torch.masked_fill`.
 * @example
 * torch.maskedFill(torch.tensor([1, 2]), torch.tensor([true, false]), 0) // tensor([0., 2.])
 */
export function maskedFill(input: Tensor, mask: Tensor, value: NumberLike | Tensor): Tensor {
  checkArguments("masked_fill(Tensor input, Tensor mask, Scalar|Tensor value)", input, mask, value);
  fillValue(input, mask, value);
  const filling = asTensor(input, value);
  if (filling !== null) return filling.where(mask, input);
  return runtime.call(fillOp, [input, mask], { value: numberFor(input, value as NumberLike) });
}
/** {@link maskedFill} in place. @internal */
export function maskedFill_(input: Tensor, mask: Tensor, value: NumberLike | Tensor): Tensor {
  checkArguments("masked_fill_(Tensor input, Tensor mask, Scalar|Tensor value)", input, mask, value);
  fillValue(input, mask, value);
  if (!sameShape(broadcastShapes(input.shape, mask.shape), input.shape))
    throw new ShapeError(
      `output with shape [${input.shape.join(", ")}] doesn't match the broadcast shape [${broadcastShapes(input.shape, mask.shape).join(", ")}]`,
    );
  const filling = asTensor(input, value);
  if (filling !== null) return input.copy_(filling.where(mask, input));
  return runtime.callInPlace(fillOp, [input, mask], { value: numberFor(input, value as NumberLike) });
}

const scatterOp = defineOp<Places>({
  name: "masked_scatter",
  saves: { inputs: [1] },
  run([x, , source], { shape, positions }) {
    return runtime.withoutGrad(() => {
      const out = x!.expand(shape).clone({ memoryFormat: "contiguous" });
      const n = positions.numel();
      put(out, { outer: 1, size: out.numel(), inner: 1 }, positions, "rows", source!.contiguous(), n, "set");
      return out;
    });
  },
  backward([g], saved) {
    const { positions, shape } = saved.attributes;
    const gx = saved.needs(0) ? sumToShape(maskedFill(g!, saved.input(1).expand(shape), 0), saved.inputShape(0)) : null;
    if (!saved.needs(2)) return [gx, null, null];
    const size = saved.inputShape(2);
    const n = size.reduce((a, b) => a * b, 1);
    const chosen = g!.reshape([-1]).indexSelect(0, positions);
    const padded = runtime.full([n], 0, g!.dtype).indexAdd(
      0,
      integers(positions, [positions.numel()], (k) => k),
      chosen,
    );
    return [gx, null, padded.view(size)];
  },
});

function scatterArguments(x: Tensor, mask: Tensor, source: Tensor): Places {
  if (x.dtype !== source.dtype)
    throw new DTypeError(
      `masked_scatter: expected self and source to have same dtypes but got${kernelName(x.dtype)} and ${kernelName(source.dtype)}`,
    );
  checkMaskDtype("masked_scatter", mask);
  const shape = broadcastShapes(x.shape, mask.shape);
  const positions = positionsIn(mask, shape);
  if (positions.numel() > source.numel())
    throw new ShapeError(
      "Number of elements of source < number of ones in mask",
      `${source.numel()} elements for ${positions.numel()} places`,
    );
  return { shape, positions };
}

/**
 * `input` with the elements of `source`, in order, where the mask holds. As `torch.masked_scatter`.
 * @example
 * torch.maskedScatter(torch.zeros(3), torch.tensor([true, false, true]), torch.tensor([1, 2])) // tensor([1., 0., 2.])
 */
export function maskedScatter(input: Tensor, mask: Tensor, source: Tensor): Tensor {
  checkArguments("masked_scatter(Tensor input, Tensor mask, Tensor source)", input, mask, source);
  return runtime.call(scatterOp, [input, mask, source], scatterArguments(input, mask, source));
}

method("maskedSelect", maskedSelect);
method("maskedFill", maskedFill);
method("maskedFill_", maskedFill_);
method("maskedScatter", maskedScatter);
method("maskedScatter_", (x: Tensor, mask: Tensor, source: Tensor) => {
  checkArguments("masked_scatter_(Tensor x, Tensor mask, Tensor source)", x, mask, source);
  return runtime.callInPlace(scatterOp, [x, mask, source], scatterArguments(x, mask, source));
});
