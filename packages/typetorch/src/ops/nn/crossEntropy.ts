/**
 * Negative log likelihood of class indices, and the cross entropy of logits as one fused op.
 */
import { checkArguments } from "../arguments.ts";
import { int64, kernelName, type DType } from "../../core/dtype.ts";
import { DTypeError, IndexError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { type Expr, Expr as ExprClass, accumulator, at, computeType, constant, input, param } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { specCache } from "../reduction/reduce.ts";
import { expectInside, extremesOf } from "../indexing/integers.ts";
import { toDtype } from "../memory/copy.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { logSoftmax } from "./softmax.ts";

export type LossReduction = "none" | "mean" | "sum";

export interface ClassLossOptions {
  /** Factor of each class, (C). */
  weight?: Tensor | null;
  /** Targets of this value count nothing. Default -100. */
  ignoreIndex?: number;
  reduction?: LossReduction;
}

/** Throws unless each target is a class or the ignored value. Returns how many are not ignored; null when only a device knows them, where they are looked at: then this throws when
 * the device is next waited for. */
export function checkTargets(target: Tensor, classes: number, ignoreIndex: number): number | null {
  if (target.dtype !== int64 && target.dtype.key !== "i32" && target.dtype.key !== "u8") {
    throw new DTypeError(
      `expected scalar type Long but found ${target.dtype.isFloatingPoint ? "Float" : target.dtype.name}`,
      "class indices are int64: target.long(), or bigints in torch.tensor",
    );
  }
  if (target.numel() === 0) return 0;
  if (target.storage.remote === null) {
    const { least, greatest, counted } = extremesOf(toDtype(target, int64), ignoreIndex);
    if (least >= 0 && greatest < classes) return counted;
  }
  const fail = (t: number): never => {
    throw new IndexError(
      `Target ${t} is out of bounds.`,
      `there are ${classes} classes: targets are 0 to ${classes - 1}, or ${ignoreIndex} to be ignored`,
    );
  };
  const data = runtime.elementsAtHand(target);
  if (data === null) {
    const labels = runtime.withoutGrad(() => toDtype(target, int64).contiguous());
    expectInside(labels, 0, classes, ignoreIndex, fail);
    return null;
  }
  let counted = 0;
  for (let i = 0; i < data.length; i++) {
    const t = Number(data[i]!);
    if (t === ignoreIndex) continue;
    if (t < 0 || t >= classes) fail(t);
    counted++;
  }
  return counted;
}

/** Per row: logsumexp(x) - x[target], 0 where the target is ignored; and logsumexp for the derivative. */
function lossSpec(dtype: DType): RowSpec {
  const type = computeType(dtype);
  const x = input(0, type);
  const target = input(1, "i64");
  const max = accumulator(0, type);
  const lse = accumulator(1, type).log().add(max);
  const ignored = target.eq(param(0, "i64"));
  const picked = at(0, constant(0, "i64").where(ignored, target), type);
  return {
    kind: "row",
    name: "cross_entropy",
    inputs: [
      { dtype, along: "element" },
      { dtype: int64, along: "row" },
    ],
    passes: [[{ op: "max", value: x, type }], [{ op: "add", value: x.sub(max).exp(), type }]],
    outputs: [
      { dtype, along: "row", value: constant(0, type).where(ignored, lse.sub(picked)) },
      { dtype, along: "row", value: lse },
    ],
    params: 1,
    compiled: null,
  };
}

/** g * (softmax(x) - onehot(target)), 0 where ignored. */
function gradientSpec(dtype: DType): RowSpec {
  const type = computeType(dtype);
  const x = input(0, type);
  const target = input(1, "i64");
  const lse = input(2, type);
  const g = input(3, type);
  const column = new ExprClass("column", "i64");
  const p = x.sub(lse).exp();
  const value: Expr = p.sub(1).where(column.eq(target), p).mul(g);
  return {
    kind: "row",
    name: "cross_entropy_backward",
    inputs: [
      { dtype, along: "element" },
      { dtype: int64, along: "row" },
      { dtype, along: "row" },
      { dtype, along: "row" },
    ],
    passes: [],
    outputs: [{ dtype, along: "element", value: constant(0, type).where(target.eq(param(0, "i64")), value) }],
    params: 1,
    compiled: null,
  };
}

const lossSpecs: (RowSpec | undefined)[] = [];
const gradientSpecs: (RowSpec | undefined)[] = [];

const rowsOp = defineOp<{ ignoreIndex: number }>({
  name: "cross_entropy_loss",
  gradName: "NllLossBackward0",
  saves: { inputs: [0, 1] },
  run([x, target], { ignoreIndex }, extra) {
    const loss = runtime.empty(target!.shape, x!.dtype);
    const lse = runtime.empty(target!.shape, x!.dtype);
    lossSpecs[x!.dtype.index] ??= lossSpec(x!.dtype);
    if (loss.numel() > 0) {
      const outputs = [column(loss), column(lse)];
      runtime.backendOf(x!).row(lossSpecs[x!.dtype.index]!, x!.shape, [1], [x!, column(target!)], outputs, [ignoreIndex]);
    }
    extra?.push(lse);
    return loss;
  },
  backward([g], saved) {
    const x = saved.input(0);
    const target = saved.input(1);
    const { ignoreIndex } = saved.attributes;
    if (runtime.recording([g!, x])) {
      const counted = target.ne(ignoreIndex);
      const p = logSoftmax(x, 1).exp();
      return [p.sub(hot(x, target, counted)).mul(g!.mul(counted.to(x.dtype)).unsqueeze(1)), null];
    }
    const gx = runtime.empty(x.shape, x.dtype);
    gradientSpecs[x.dtype.index] ??= gradientSpec(x.dtype);
    if (gx.numel() > 0) {
      const inputs = [x, column(target), column(saved.extra(0)), column(g!)];
      runtime.backendOf(x).row(gradientSpecs[x.dtype.index]!, x.shape, [1], inputs, [gx], [ignoreIndex]);
    }
    return [gx, null];
  },
});

/** Ones at the targets that count, in the shape of x. */
function hot(x: Tensor, target: Tensor, counted: Tensor): Tensor {
  const places = target.where(counted, 0).unsqueeze(1);
  return runtime.newFull(x, x.shape, 0, x.dtype).scatter(1, places, counted.to(x.dtype).unsqueeze(1));
}

/** A tensor of shape (N, *) as an operand of shape (N, 1, *). */
const column = (x: Tensor) => ({
  storage: x.storage,
  storageOffset: x.storageOffset,
  shape: [x.shape[0]!, 1, ...x.shape.slice(1)],
  strides: [x.strides[0]!, 0, ...x.strides.slice(1)],
  dtype: x.dtype,
});

/** Cross entropy of logits (N, C, *) and class indices (N, *), one loss for each index. Targets were checked. @internal */
export function crossEntropyRows(x: Tensor, target: Tensor, ignoreIndex: number): Tensor {
  return runtime.call(rowsOp, [x, target], { ignoreIndex });
}

const pickSpecs = specCache((dtype): RowSpec => {
  const type = computeType(dtype);
  const target = input(1, "i64");
  const ignored = target.eq(param(0, "i64"));
  const picked = at(0, constant(0, "i64").where(ignored, target), type);
  return {
    ...{ kind: "row", name: "nll", passes: [], params: 1, compiled: null },
    inputs: [
      { dtype, along: "element" },
      { dtype: int64, along: "row" },
    ],
    outputs: [{ dtype, along: "row", value: constant(0, type).where(ignored, picked.neg()) }],
  };
});

const unpickSpecs = specCache((dtype): RowSpec => {
  const type = computeType(dtype);
  const target = input(0, "i64");
  const chosen = new ExprClass("column", "i64").eq(target).logicalAnd(target.ne(param(0, "i64")));
  return {
    ...{ kind: "row", name: "nll_backward", passes: [], params: 1, compiled: null },
    inputs: [
      { dtype: int64, along: "row" },
      { dtype, along: "row" },
    ],
    outputs: [{ dtype, along: "element", value: input(1, type).neg().where(chosen, 0) }],
  };
});

/** -x[n, target[n], *], 0 where the target is ignored, for x (N, C, *). */
const pickOp = defineOp<{ ignoreIndex: number }>({
  name: "nll_loss_rows",
  gradName: "NllLossBackward0",
  saves: { inputs: [1] },
  run([x, target], { ignoreIndex }) {
    const loss = runtime.empty(target!.shape, x!.dtype);
    const spec = pickSpecs(x!.dtype, x!.dtype);
    if (loss.numel() > 0) runtime.backendOf(x!).row(spec, x!.shape, [1], [x!, column(target!)], [column(loss)], [ignoreIndex]);
    return loss;
  },
  backward([g], saved) {
    const target = saved.input(1);
    const { ignoreIndex } = saved.attributes;
    const shape = saved.inputShape(0);
    if (runtime.recording([g!])) {
      const like = runtime.newEmpty(g!, shape, g!.dtype);
      return [hot(like, target, target.ne(ignoreIndex)).mul(g!.neg().unsqueeze(1)), null];
    }
    const gx = runtime.empty(shape, g!.dtype);
    if (gx.numel() > 0)
      runtime.backendOf(g!).row(unpickSpecs(g!.dtype, g!.dtype), shape, [1], [column(target), column(g!)], [gx], [ignoreIndex]);
    return [gx, null];
  },
});

/** Applies a reduction to losses. */
export function reduceLoss(loss: Tensor, reduction: LossReduction | undefined, gradName?: string): Tensor {
  const named = (x: Tensor): Tensor => (gradName === undefined ? x : runtime.named(x, gradName));
  if (reduction === undefined || reduction === "mean") return named(loss.mean());
  if (reduction === "sum") return named(loss.sum());
  if (reduction === "none") return named(loss);
  throw new ValueError(`${reduction as string} is not a valid value for reduction`, "use 'none', 'mean' or 'sum'");
}

/**
 * The negative log likelihood `-input[n, target[n]]` of log probabilities (N, C, …) for class indices (N, …), weighted by `weight[target]`. The mean divides by
 * the sum of the weights. As `torch.nn.functional.nll_loss`.
 * @example
 * F.nllLoss(torch.tensor([[0.2, 0.8]]).log(), torch.tensor([1n])) // tensor(0.2231)
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
  checkArguments(
    "nll_loss(Tensor logProbabilities, Tensor target, options? options, {Tensor|None weight, int ignoreIndex, str reduction})",
    logProbabilities,
    target,
    options,
  );
  const ignoreIndex = options.ignoreIndex ?? -100;
  const rank = logProbabilities.shape.length;
  if (rank < 1) throw new ShapeError(`Expected 1 or more dimensions (got ${rank})`);
  const x = rank === 1 ? logProbabilities.unsqueeze(0) : logProbabilities;
  const t = rank === 1 ? target.reshape([1]) : target;
  if (x.shape[0] !== t.shape[0])
    throw new ShapeError(`Expected input batch_size (${x.shape[0]}) to match target batch_size (${t.shape[0]}).`);
  if (x.shape.slice(2).join() !== t.shape.slice(1).join()) {
    throw new ShapeError(`Expected target size ${formatShape([x.shape[0]!, ...x.shape.slice(2)])}, got ${formatShape(t.shape)}`);
  }
  const classes = x.shape[1]!;
  const { weight } = options;
  if (weight && (weight.shape.length !== 1 || weight.shape[0] !== classes)) {
    throw new ShapeError(
      `weight tensor should be defined either for all ${classes} classes or no classes but got weight tensor of shape: ${formatShape(weight.shape)}`,
    );
  }
  const known = checkTargets(t, classes, ignoreIndex);
  if (!x.dtype.isFloatingPoint)
    throw new DTypeError(
      `"${rank > 2 ? "nll_loss2d_forward_out_frame" : "nll_loss_out_frame"}" not implemented for '${kernelName(x.dtype)}'`,
      "convert the input: x.to(torch.float32)",
    );
  const index = toDtype(t, int64);
  const picked = runtime.call(pickOp, [x, index], { ignoreIndex });
  const factors = weight ? weightsOf(weight, index, ignoreIndex) : null;
  const losses = factors === null ? picked : picked.mul(factors);
  const gradName = rank > 2 ? "NllLoss2DBackward0" : "NllLossBackward0";
  if (options.reduction === "none") return runtime.named(rank === 1 ? losses.squeeze(0) : losses, gradName);
  if (options.reduction !== undefined && options.reduction !== "mean") return reduceLoss(losses, options.reduction, gradName);
  const count = factors === null ? (known ?? index.ne(ignoreIndex).sum()) : factors.sum();
  return runtime.named(losses.sum().div(count), gradName);
}

/** The weight of each target, 0 of those that are ignored. */
function weightsOf(weight: Tensor, index: Tensor, ignoreIndex: number): Tensor {
  const counted = index.ne(ignoreIndex);
  const safe = index.where(counted, 0);
  return weight
    .indexSelect(0, safe.reshape([-1]))
    .view(safe.shape)
    .where(counted, 0);
}
