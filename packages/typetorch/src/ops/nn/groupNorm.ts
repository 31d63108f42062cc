/**
 * Normalisation over groups of channels.
 */
import type { Operand } from "../../backends/backend.ts";
import { Expr, accumulator, computeType, constant, input, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Gradients, type Saved, defineOp } from "../op.ts";
import { specCache } from "../reduction/reduce.ts";
import { runtime } from "../runtime.ts";

interface Attributes {
  readonly groups: number;
  readonly eps: number;
}

const mean = (sum: Expr): Expr => sum.div(new Expr("columns", "i64").cast(sum.type));

/** Rows are groups. Inputs x, weight, bias; outputs y, mean, 1 / sqrt(var + eps). */
const forwardSpecs = specCache((dtype): RowSpec => {
  const type = computeType(dtype);
  const x = input(0, type);
  const mu = mean(accumulator(0, type));
  const deviation = x.sub(mu);
  const rstd = constant(1, type).div(mean(accumulator(1, type)).add(param(0, type)).sqrt());
  return {
    ...{ kind: "row", name: "group_norm", params: 1, compiled: null },
    inputs: [0, 1, 2].map(() => ({ dtype, along: "element" })),
    passes: [[{ op: "add", value: x, type }], [{ op: "add", value: deviation.mul(deviation), type }]],
    outputs: [
      { dtype, along: "element", value: deviation.mul(rstd).mul(input(1, type)).add(input(2, type)) },
      { dtype, along: "row", value: mu },
      { dtype, along: "row", value: rstd },
    ],
  };
});

/** Rows are groups. Inputs g, x, weight, mean, rstd; output the gradient of x. */
const inputSpecs = specCache((dtype): RowSpec => {
  const type = computeType(dtype);
  const g = input(0, type).mul(input(2, type));
  const normal = input(1, type).sub(input(3, type)).mul(input(4, type));
  const [a, b] = [mean(accumulator(0, type)), mean(accumulator(1, type))];
  return {
    ...{ kind: "row", name: "group_norm_backward", params: 0, compiled: null },
    inputs: [0, 1, 2, 3, 4].map((k) => ({ dtype, along: k < 3 ? "element" : "row" })),
    passes: [
      [
        { op: "add", value: g, type },
        { op: "add", value: g.mul(normal), type },
      ],
    ],
    outputs: [{ dtype, along: "element", value: g.sub(a).sub(normal.mul(b)).mul(input(4, type)) }],
  };
});

/** Rows are channels. Inputs g, x, mean, rstd; outputs the gradients of weight and bias. */
const parameterSpecs = specCache((dtype): RowSpec => {
  const type = computeType(dtype);
  const g = input(0, type);
  const normal = input(1, type).sub(input(2, type)).mul(input(3, type));
  return {
    ...{ kind: "row", name: "group_norm_parameters", params: 0, compiled: null },
    inputs: [0, 1, 2, 3].map(() => ({ dtype, along: "element" })),
    passes: [
      [
        { op: "add", value: g.mul(normal), type },
        { op: "add", value: g, type },
      ],
    ],
    outputs: [0, 1].map((k) => ({ dtype, along: "row", value: accumulator(k, type) })),
  };
});

/** Sizes of batch, groups, channels of a group, and elements of a channel. */
function sizesOf({ shape }: Tensor, groups: number): [number, number, number, number] {
  const [batch, channels, ...rest] = shape as [number, number, ...number[]];
  return [batch, groups, channels / groups, rest.reduce((a, b) => a * b, 1)];
}
const seen = (x: Tensor, shape: readonly number[], strides: readonly number[]): Operand => ({
  ...{ storage: x.storage, storageOffset: x.storageOffset, dtype: x.dtype, shape, strides },
});
/** A row-major tensor of the input's shape. */
function elements(x: Tensor, [n, g, c, l]: readonly [number, number, number, number]): Operand {
  return seen(x, [n, g, c, l], [g * c * l, c * l, l, 1]);
}
/** A value per channel, repeated; or one operand a channel. */
function channels(x: Tensor, [n, g, c, l]: readonly [number, number, number, number], repeated = true): Operand {
  return seen(x, repeated ? [n, g, c, l] : [1, g, c, 1], [0, c, 1, 0]);
}
/** A value per group of each sample, repeated; or one operand a group. */
function statistics(x: Tensor, [n, g, c, l]: readonly [number, number, number, number], repeated = false): Operand {
  return seen(x, repeated ? [n, g, c, l] : [n, g, 1, 1], [g, 1, 0, 0]);
}

/** Inputs x (N, C, *), weight (C), bias (C). */
const op = defineOp<Attributes>({
  name: "native_group_norm",
  saves: { inputs: [0, 1] },
  run([x, weight, bias], { groups, eps }, extra) {
    const sizes = sizesOf(x!, groups);
    const [a, w, b] = runtime.withoutGrad(() => [x!.contiguous(), weight!.contiguous(), bias!.contiguous()]) as Tensor[];
    const out = runtime.empty(x!.shape, x!.dtype);
    const stats = [0, 1].map(() => runtime.empty([sizes[0], groups], x!.dtype));
    const inputs = [elements(a!, sizes), channels(w!, sizes), channels(b!, sizes)];
    const outputs = [elements(out, sizes), ...stats.map((s) => statistics(s, sizes))];
    if (out.numel() > 0)
      runtime.backendOf(x!).row(forwardSpecs(x!.dtype, x!.dtype), inputs[0]!.shape, [2, 3], inputs, outputs, [eps]);
    extra?.push(...stats);
    return out;
  },
  backward([given], saved) {
    const x = saved.input(0);
    const weight = saved.input(1);
    if (runtime.recording([given!, x, weight])) return composite(given!, x, weight, saved);
    const { dtype } = x;
    const sizes = sizesOf(x, saved.attributes.groups);
    const [g, a, w] = runtime.withoutGrad(() => [given!.contiguous(), x.contiguous(), weight.contiguous()]) as Tensor[];
    const [mu, rstd] = [saved.extra(0), saved.extra(1)];
    const both = [elements(g!, sizes), elements(a!, sizes)];
    const backend = runtime.backendOf(x);
    const gx = runtime.empty(x.shape, dtype);
    if (x.numel() > 0 && saved.needs(0)) {
      const inputs = [...both, channels(w!, sizes), statistics(mu, sizes), statistics(rstd, sizes)];
      backend.row(inputSpecs(dtype, dtype), both[0]!.shape, [2, 3], inputs, [elements(gx, sizes)], []);
    }
    if (!saved.needs(1) && !saved.needs(2)) return [gx, null, null];
    const parameters = [0, 1].map(() => runtime.full([x.shape[1]!], 0, dtype)) as [Tensor, Tensor];
    if (x.numel() > 0) {
      const inputs = [...both, statistics(mu, sizes, true), statistics(rstd, sizes, true)];
      const outputs = parameters.map((p) => channels(p, sizes, false));
      backend.row(parameterSpecs(dtype, dtype), both[0]!.shape, [0, 3], inputs, outputs, []);
    }
    return [gx, ...parameters];
  },
});

/** The derivative in terms of ops, for higher orders. */
function composite(g: Tensor, x: Tensor, weight: Tensor, saved: Saved<Attributes>): Gradients {
  const { groups, eps } = saved.attributes;
  const sizes = sizesOf(x, groups);
  const [, , c] = sizes;
  const grouped = x.reshape(sizes);
  const all = [2, 3];
  const deviation = grouped.sub(grouped.mean(all, { keepdim: true }));
  const rstd = deviation.square().mean(all, { keepdim: true }).add(eps).rsqrt();
  const normal = deviation.mul(rstd);
  const gy = g.reshape(sizes);
  const gn = gy.mul(weight.view([1, groups, c, 1]));
  const gx = gn
    .sub(gn.mean(all, { keepdim: true }))
    .sub(normal.mul(gn.mul(normal).mean(all, { keepdim: true })))
    .mul(rstd);
  const perChannel = (y: Tensor): Tensor => y.sum([0, 3]).reshape([-1]);
  return [gx.reshape(x.shape), perChannel(gy.mul(normal)), perChannel(gy)];
}

/** Group normalisation of x (N, C, *), arguments checked. @internal */
export function groupNormRows(x: Tensor, groups: number, weight: Tensor | null, bias: Tensor | null, eps: number): Tensor {
  const channelCount = x.shape[1]!;
  const w = weight?.toDtype(x.dtype) ?? runtime.newFull(x, [channelCount], 1, x.dtype);
  const b = bias?.toDtype(x.dtype) ?? runtime.newFull(x, [channelCount], 0, x.dtype);
  return runtime.call(op, [x, w, b], { groups, eps });
}
