/**
 * Batch normalisation.
 */
import { kernelName } from "../../core/dtype.ts";
import { checkArguments } from "../arguments.ts";
import type { Operand } from "../../backends/backend.ts";
import type { DType } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { Expr, accumulator, computeType, constant, input, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Gradients, type Op, type Saved, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

interface Attributes {
  readonly training: boolean;
  readonly eps: number;
  readonly weighted: boolean;
}

const count = (type: Expr["type"]): Expr => new Expr("columns", "i64").cast(type);

/** Rows are channels. Inputs x, weight, bias (, running mean, running variance); outputs y, mean, 1 / sqrt(var + eps), variance. */
function forwardSpec(dtype: DType, statistics: DType, training: boolean): RowSpec {
  const type = computeType(dtype);
  const own = computeType(statistics);
  const x = input(0, type);
  const mu = training ? accumulator(0, type).div(count(type)) : input(3, own).cast(type);
  const deviation = x.sub(mu);
  const variance = training ? accumulator(1, type).div(count(type)) : input(4, own).cast(type);
  const rstd = constant(1, type).div(variance.add(param(0, type)).sqrt());
  const scale = rstd.mul(input(1, own).cast(type));
  return {
    kind: "row",
    name: "batch_norm",
    inputs: [
      { dtype, along: "element" },
      ...Array.from({ length: training ? 2 : 4 }, () => ({ dtype: statistics, along: "row" }) as const),
    ],
    passes: training ? [[{ op: "add", value: x, type }], [{ op: "add", value: deviation.mul(deviation), type }]] : [],
    outputs: [
      { dtype, along: "element", value: deviation.mul(scale).add(input(2, own).cast(type)) },
      { dtype: statistics, along: "row", value: mu.cast(own) },
      { dtype: statistics, along: "row", value: rstd.cast(own) },
      { dtype: statistics, along: "row", value: variance.cast(own) },
    ],
    params: 1,
    compiled: null,
  };
}

/** Rows are channels. Inputs g, x, mean, rstd, weight; outputs the gradients of x, weight, bias. */
function backwardSpec(dtype: DType, statistics: DType, training: boolean): RowSpec {
  const type = computeType(dtype);
  const own = computeType(statistics);
  const g = input(0, type);
  const rstd = input(3, own).cast(type);
  const normal = input(1, type).sub(input(2, own).cast(type)).mul(rstd);
  const sumG = accumulator(0, type);
  const sumGx = accumulator(1, type);
  const scale = rstd.mul(input(4, own).cast(type));
  const gx = training ? g.sub(sumG.div(count(type))).sub(normal.mul(sumGx.div(count(type)))) : g;
  return {
    kind: "row",
    name: "batch_norm_backward",
    inputs: [
      { dtype, along: "element" },
      { dtype, along: "element" },
      ...Array.from({ length: 3 }, () => ({ dtype: statistics, along: "row" }) as const),
    ],
    passes: [
      [
        { op: "add", value: g, type },
        { op: "add", value: g.mul(normal), type },
      ],
    ],
    outputs: [
      { dtype, along: "element", value: gx.mul(scale) },
      { dtype: statistics, along: "row", value: sumGx.cast(own) },
      { dtype: statistics, along: "row", value: sumG.cast(own) },
    ],
    params: 0,
    compiled: null,
  };
}

const specs = new Map<string, RowSpec>();
function cached(which: "forward" | "backward", dtype: DType, statistics: DType, training: boolean): RowSpec {
  const key = `${which} ${dtype.key} ${statistics.key} ${training}`;
  let spec = specs.get(key);
  if (spec === undefined) {
    spec = (which === "forward" ? forwardSpec : backwardSpec)(dtype, statistics, training);
    specs.set(key, spec);
  }
  return spec;
}

/** All dimensions but the channels': a row's columns. */
const columnsOf = (x: Tensor): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);
/** One value per channel, in the rank of x. */
const perChannel = (v: Tensor, x: Tensor): Operand => ({
  storage: v.storage,
  storageOffset: v.storageOffset,
  shape: x.shape.map((n, i) => (i === 1 ? n : 1)),
  strides: x.shape.map((_, i) => (i === 1 ? v.strides[0]! : 0)),
  dtype: v.dtype,
});
/** A vector seen with one dimension per dimension of x. */
const spread = (v: Tensor, x: Tensor): Tensor => v.view(x.shape.map((_, i) => (i === 1 ? -1 : 1)));

/** Inputs x, weight, bias, running mean, running variance; results y, mean, rstd, variance. */
const op: Op<Attributes> = defineOp<Attributes>({
  name: "native_batch_norm",
  saves: { inputs: [0, 1] },
  run([x, weight, bias, runningMean, runningVar], { training, eps }, extra) {
    const channels = x!.shape[1]!;
    const statistics = weight!.dtype;
    const out = runtime.empty(x!.shape, x!.dtype);
    const stats = [0, 1, 2].map(() => runtime.empty([channels], statistics));
    const inputs = [x!, perChannel(weight!, x!), perChannel(bias!, x!)];
    if (!training) inputs.push(perChannel(runningMean!, x!), perChannel(runningVar!, x!));
    if (channels > 0 && x!.numel() > 0) {
      const outputs = [out, ...stats.map((v) => perChannel(v, x!))];
      runtime
        .backendOf(x!)
        .row(cached("forward", x!.dtype, statistics, training), x!.shape, columnsOf(x!), inputs, outputs, [eps]);
    }
    extra?.push(stats[0]!, stats[1]!);
    return [out, stats[0]!, stats[1]!, stats[2]!];
  },
  backward([g], saved) {
    if (g === null || g === undefined) return [null, null, null, null, null];
    const x = saved.input(0);
    const weight = saved.input(1);
    const { training } = saved.attributes;
    if (runtime.recording([g, x, weight])) return composite(g, x, weight, saved);
    const [mu, rstd] = [saved.extra(0), saved.extra(1)];
    const gx = runtime.empty(x.shape, x.dtype);
    const gw = runtime.empty([x.shape[1]!], weight.dtype);
    const gb = runtime.empty([x.shape[1]!], weight.dtype);
    if (x.numel() > 0) {
      const inputs = [g, x, perChannel(mu, x), perChannel(rstd, x), perChannel(weight, x)];
      const outputs = [gx, perChannel(gw, x), perChannel(gb, x)];
      runtime.backendOf(x).row(cached("backward", x.dtype, weight.dtype, training), x.shape, columnsOf(x), inputs, outputs, []);
    } else {
      gw.zero_();
      gb.zero_();
    }
    return [gx, saved.needs(1) ? gw : null, saved.needs(2) ? gb : null, null, null];
  },
});

/** The derivative in terms of ops, for higher orders. */
function composite(g: Tensor, x: Tensor, weight: Tensor, saved: Saved<Attributes>): Gradients {
  const { training, eps } = saved.attributes;
  const dims = columnsOf(x);
  const mu = training ? x.mean(dims, { keepdim: true }) : spread(saved.extra(0), x);
  const deviation = x.sub(mu);
  const rstd = training ? deviation.square().mean(dims, { keepdim: true }).add(eps).rsqrt() : spread(saved.extra(1), x);
  const normal = deviation.mul(rstd);
  const gw = g.mul(normal).sum(dims);
  const gb = g.sum(dims);
  const gn = g.mul(spread(weight, x));
  const gx = training
    ? gn
        .sub(gn.mean(dims, { keepdim: true }))
        .sub(normal.mul(gn.mul(normal).mean(dims, { keepdim: true })))
        .mul(rstd)
    : gn.mul(rstd);
  return [gx, saved.needs(1) ? gw : null, saved.needs(2) ? gb : null, null, null];
}

export interface BatchNormOptions {
  weight?: Tensor | null;
  bias?: Tensor | null;
  training?: boolean;
  /** Part of the new statistics in the running ones. Default 0.1. */
  momentum?: number;
  eps?: number;
}

/**
 * `(x - mean) / sqrt(var + eps) * weight + bias` for each channel of x (N, C, …). In training the statistics are the batch's, and `runningMean` and `runningVar`
 * are moved towards them (with the unbiased variance). As `torch.nn.functional.batch_norm`.
 * @source Ioffe, Szegedy 2015, arXiv:1502.03167
 * @example
 * F.batchNorm(torch.tensor([[1, 10], [3, 30]]), null, null, { training: true }) // tensor([[-1.0000, -1.0000], [1.0000, 1.0000]])
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  checkArguments(
    "batch_norm(Tensor x, Tensor|None? runningMean, Tensor|None? runningVar, options? options, {Tensor|None weight, Tensor|None bias, bool training, float momentum, float eps})",
    x,
    runningMean,
    runningVar,
    options,
  );
  const { training = false, momentum = 0.1, eps = 1e-5, weight = null, bias = null } = options;
  if (x.shape.length === 1 && x.shape[0] === 0) return x.clone();
  if (x.shape.length < 2)
    throw new ShapeError(`batch_norm: expected an input with at least 2 dimensions, but got ${formatShape(x.shape)}`);
  const channels = x.shape[1]!;
  const perChannelCount = x.numel() / Math.max(channels, 1);
  if (training && perChannelCount === 1) {
    throw new ValueError(
      `Expected more than 1 value per channel when training, got input size torch.Size(${formatShape(x.shape)})`,
      "use a batch of two or more, or model.eval()",
    );
  }
  for (const [name, v] of [
    ["running_mean", runningMean],
    ["running_var", runningVar],
    ["weight", weight],
    ["bias", bias],
  ] as const) {
    if (v !== null && v.numel() !== channels)
      throw new ShapeError(`${name} should contain ${channels} elements not ${v.numel()}`);
  }
  if (!training && (runningMean === null || runningVar === null)) {
    throw new ValueError(
      "Expected running_mean and running_var to be defined when training=False",
      "give the running statistics, or { training: true }",
    );
  }
  if (!x.dtype.isFloatingPoint) {
    throw new DTypeError(`"batch_norm" not implemented for '${kernelName(x.dtype)}'`, "convert the input: x.to(torch.float32)");
  }
  const dtype = weight?.dtype ?? runningMean?.dtype ?? x.dtype;
  const w = weight ?? runtime.newFull(x, [channels], 1, dtype);
  const b = bias ?? runtime.newFull(x, [channels], 0, dtype);
  const inputs = training ? [x, w, b] : [x, w, b, runningMean!, runningVar!];
  const [y, mu, , variance] = runtime.callMany(op, inputs, { training, eps, weighted: weight !== null }) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  if (training) {
    runtime.withoutGrad(() => {
      if (runningMean !== null) runningMean.copy_(runningMean.mul(1 - momentum).add(mu.detach(), { alpha: momentum }));
      if (runningVar !== null) {
        const unbiased = variance.detach().mul(perChannelCount / (perChannelCount - 1));
        runningVar.copy_(runningVar.mul(1 - momentum).add(unbiased, { alpha: momentum }));
      }
    });
  }
  return y;
}
