/**
 * Layer normalisation.
 */
import { checkArguments } from "../arguments.ts";
import type { DType } from "../../core/dtype.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { Expr, accumulator, computeType, constant, input, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Operand } from "../../backends/backend.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Gradients, type Saved, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

/** Which of weight and bias are there. */
type Affine = 0 | 1 | 2;

function mean(sum: Expr): Expr {
  return sum.div(new Expr("columns", "i64").cast(sum.type));
}

function forwardSpec(dtype: DType, affine: Affine): RowSpec {
  const type = computeType(dtype);
  const x = input(0, type);
  const mu = mean(accumulator(0, type));
  const deviation = x.sub(mu);
  const rstd = constant(1, type).div(mean(accumulator(1, type)).add(param(0, type)).sqrt());
  const normal = deviation.mul(rstd);
  const scaled = affine > 0 ? normal.mul(input(1, type)) : normal;
  return {
    kind: "row",
    name: "layer_norm",
    inputs: [{ dtype, along: "element" }, ...Array.from({ length: affine }, () => ({ dtype, along: "column" }) as const)],
    passes: [[{ op: "add", value: x, type }], [{ op: "add", value: deviation.mul(deviation), type }]],
    outputs: [
      { dtype, along: "element", value: affine > 1 ? scaled.add(input(2, type)) : scaled },
      { dtype, along: "row", value: mu },
      { dtype, along: "row", value: rstd },
    ],
    params: 1,
    compiled: null,
  };
}

/** Inputs g, x, mean, rstd (, weight): the gradient of x. */
function inputGradientSpec(dtype: DType, weighted: boolean): RowSpec {
  const type = computeType(dtype);
  const g = weighted ? input(0, type).mul(input(4, type)) : input(0, type);
  const normal = input(1, type).sub(input(2, type)).mul(input(3, type));
  const a = mean(accumulator(0, type));
  const b = mean(accumulator(1, type));
  return {
    kind: "row",
    name: "layer_norm_backward",
    inputs: [
      { dtype, along: "element" },
      { dtype, along: "element" },
      { dtype, along: "row" },
      { dtype, along: "row" },
      ...(weighted ? [{ dtype, along: "column" } as const] : []),
    ],
    passes: [
      [
        { op: "add", value: g, type },
        { op: "add", value: g.mul(normal), type },
      ],
    ],
    outputs: [{ dtype, along: "element", value: g.sub(a).sub(normal.mul(b)).mul(input(3, type)) }],
    params: 0,
    compiled: null,
  };
}

/** Rows are the features here. Inputs g, x, mean, rstd (both per column): the gradients of weight and bias. */
function parameterGradientSpec(dtype: DType): RowSpec {
  const type = computeType(dtype);
  const g = input(0, type);
  return {
    kind: "row",
    name: "layer_norm_parameters",
    inputs: [
      { dtype, along: "element" },
      { dtype, along: "element" },
      { dtype, along: "column" },
      { dtype, along: "column" },
    ],
    passes: [
      [
        { op: "add", value: g.mul(input(1, type).sub(input(2, type)).mul(input(3, type))), type },
        { op: "add", value: g, type },
      ],
    ],
    outputs: [
      { dtype, along: "row", value: accumulator(0, type) },
      { dtype, along: "row", value: accumulator(1, type) },
    ],
    params: 0,
    compiled: null,
  };
}

const specs = new Map<string, RowSpec>();
function cached(key: string, make: () => RowSpec): RowSpec {
  let spec = specs.get(key);
  if (spec === undefined) {
    spec = make();
    specs.set(key, spec);
  }
  return spec;
}

const op = defineOp<{ eps: number; affine: Affine }>({
  name: "native_layer_norm",
  saves: { inputs: [0, 1] },
  /** x (rows, columns), weight (columns), bias (columns). */
  run([x, weight, bias], { eps, affine }, extra) {
    const [rows, columns] = x!.shape as [number, number];
    const out = runtime.empty(x!.shape, x!.dtype);
    const mu = runtime.empty([rows, 1], x!.dtype);
    const rstd = runtime.empty([rows, 1], x!.dtype);
    const operands: Operand[] = [x!];
    if (affine > 0) operands.push(asRow(weight!, columns));
    if (affine > 1) operands.push(asRow(bias!, columns));
    if (rows > 0) {
      const spec = cached(`forward ${x!.dtype.key} ${affine}`, () => forwardSpec(x!.dtype, affine));
      runtime.backendOf(x!).row(spec, x!.shape, [1], operands, [out, mu, rstd], [eps]);
    }
    extra?.push(mu, rstd);
    return out;
  },
  backward([g], saved) {
    const x = saved.input(0);
    const weight = saved.attributes.affine > 0 ? saved.input(1) : null;
    if (runtime.recording([g!, x, weight])) return composite(g!, x, weight, saved);
    const mu = saved.extra(0);
    const rstd = saved.extra(1);
    const [rows, columns] = x.shape as [number, number];
    let gx: Tensor | null = null;
    if (saved.needs(0)) {
      gx = runtime.empty(x.shape, x.dtype);
      const spec = cached(`input ${x.dtype.key} ${weight !== null}`, () => inputGradientSpec(x.dtype, weight !== null));
      const operands: Operand[] = [g!, x, mu, rstd];
      if (weight) operands.push(asRow(weight, columns));
      if (rows > 0) runtime.backendOf(x).row(spec, x.shape, [1], operands, [gx], []);
    }
    let gw: Tensor | null = null;
    let gb: Tensor | null = null;
    if (saved.needs(1) || saved.needs(2)) {
      gw = runtime.empty([1, columns], x.dtype);
      gb = runtime.empty([1, columns], x.dtype);
      const spec = cached(`parameters ${x.dtype.key}`, () => parameterGradientSpec(x.dtype));
      runtime.backendOf(x).row(spec, x.shape, [0], [g!, x, mu, rstd], [gw, gb], []);
      gw = unwrapped(gw);
      gb = unwrapped(gb);
    }
    return [gx, saved.needs(1) ? gw : null, saved.needs(2) ? gb : null];
  },
});

const asRow = (x: Tensor, columns: number): Operand => ({
  storage: x.storage,
  storageOffset: x.storageOffset,
  shape: [1, columns],
  strides: [0, x.strides[0]!],
  dtype: x.dtype,
});
function unwrapped(x: Tensor): Tensor {
  const y = runtime.alias(x, [x.shape[1]!], [1], x.storageOffset);
  y.base = null;
  return y;
}

/** The derivative in terms of ops, for higher orders. */
function composite(g: Tensor, x: Tensor, weight: Tensor | null, saved: Saved<{ eps: number; affine: Affine }>): Gradients {
  const mu = x.mean(1, { keepdim: true });
  const deviation = x.sub(mu);
  const rstd = deviation.square().mean(1, { keepdim: true }).add(saved.attributes.eps).rsqrt();
  const normal = deviation.mul(rstd);
  const gn = weight ? g.mul(weight) : g;
  const gx = gn
    .sub(gn.mean(1, { keepdim: true }))
    .sub(normal.mul(gn.mul(normal).mean(1, { keepdim: true })))
    .mul(rstd);
  return [gx, saved.needs(1) ? g.mul(normal).sum(0) : null, saved.needs(2) ? g.sum(0) : null];
}

/**
 * `(x - mean) / sqrt(var + eps) * weight + bias` over the last dimensions, given by `normalizedShape`. As `torch.nn.functional.layer_norm`.
 * @source Ba, Kiros, Hinton 2016, arXiv:1607.06450
 * @example
 * torch.layerNorm(torch.tensor([1, 2, 3]), [3]) // tensor([-1.2247, 0.0000, 1.2247])
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: readonly number[],
  weight: Tensor | null | { weight?: Tensor | null; bias?: Tensor | null; eps?: number } = null,
  bias: Tensor | null = null,
  eps = 1e-5,
): Tensor {
  checkArguments(
    "layer_norm(Tensor x, int[] normalizedShape, Tensor|options|None? weight, Tensor|None? bias, float? eps, {Tensor|None weight, Tensor|None bias, float eps})",
    x,
    normalizedShape,
    weight,
    bias,
    eps,
  );
  if (weight !== null && !runtime.isTensor(weight))
    return layerNorm(x, normalizedShape, weight.weight ?? null, weight.bias ?? null, weight.eps ?? 1e-5);
  const n = normalizedShape.length;
  if (n < 1)
    throw new ShapeError(
      `Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = ${formatShape(normalizedShape)}`,
    );
  for (const [label, p] of [
    ["weight", weight],
    ["bias", bias],
  ] as const) {
    if (p !== null && formatShape(p.shape) !== formatShape(normalizedShape)) {
      throw new ShapeError(
        `Expected ${label} to be of same shape as normalized_shape, but got ${label} of shape ${formatShape(p.shape)} and normalized_shape = ${formatShape(normalizedShape)}`,
      );
    }
  }
  if (formatShape(x.shape.slice(-n)) !== formatShape(normalizedShape) || x.shape.length < n) {
    throw new ShapeError(
      `Given normalized_shape=${formatShape(normalizedShape)}, expected input with shape [*, ${normalizedShape.join(", ")}], but got input of size${formatShape(x.shape)}`,
    );
  }
  const columns = normalizedShape.reduce((a, b) => a * b, 1);
  const rows = x.shape.slice(0, -n).reduce((a, b) => a * b, 1);
  const inputs = [x.reshape([rows, columns])];
  let shift: Tensor | null = null;
  if (weight !== null) {
    inputs.push(weight.reshape([columns]));
    if (bias !== null) inputs.push(bias.reshape([columns]));
  } else if (bias !== null) shift = bias;
  const y = runtime.call(op, inputs, { eps, affine: (inputs.length - 1) as Affine }).view(x.shape);
  return runtime.named(shift === null ? y : y.add(shift), "NativeLayerNormBackward0");
}
