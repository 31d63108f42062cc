/**
 * Connectionist temporal classification: the likelihood of a label sequence, summed over all ways to align it with the time steps.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { type LossReduction, reduceLoss } from "./crossEntropy.ts";

interface Attributes {
  readonly blank: number;
  readonly zeroInfinity: boolean;
  readonly inputLengths: readonly number[];
  /** The labels of each sample. */
  readonly labels: readonly (readonly number[])[];
}

function logAdd(a: number, b: number): number {
  const most = Math.max(a, b);
  return most === Number.NEGATIVE_INFINITY ? most : most + Math.log(Math.exp(a - most) + Math.exp(b - most));
}

/** Labels with blanks between and around: place s of the sequence of 2 L + 1. */
function labelAt(labels: readonly number[], blank: number, s: number): number {
  return s % 2 === 0 ? blank : labels[(s - 1) / 2]!;
}

/** Whether place s may be reached from s - 2, leaving out a blank: only between different labels. */
function maySkip(labels: readonly number[], s: number): boolean {
  return s % 2 === 1 && s >= 3 && labels[(s - 1) / 2] !== labels[(s - 3) / 2];
}

/** log alpha (T, 2 L + 1): the likelihood of the first steps, ending at a place. */
function forwardTable(
  logs: (t: number, c: number) => number,
  steps: number,
  labels: readonly number[],
  blank: number,
): Float64Array[] {
  const places = 2 * labels.length + 1;
  const alpha = Array.from({ length: steps }, () => new Float64Array(places).fill(Number.NEGATIVE_INFINITY));
  if (steps === 0) return alpha;
  alpha[0]![0] = logs(0, blank);
  if (places > 1) alpha[0]![1] = logs(0, labels[0]!);
  for (let t = 1; t < steps; t++) {
    const before = alpha[t - 1]!;
    for (let s = 0; s < places; s++) {
      let sum = before[s]!;
      if (s > 0) sum = logAdd(sum, before[s - 1]!);
      if (maySkip(labels, s)) sum = logAdd(sum, before[s - 2]!);
      alpha[t]![s] = sum + logs(t, labelAt(labels, blank, s));
    }
  }
  return alpha;
}

/** The negative log likelihood from the last row of the table. */
function lossOf(alpha: Float64Array[], steps: number, places: number): number {
  if (steps === 0) return places === 1 ? 0 : Number.POSITIVE_INFINITY;
  const last = alpha[steps - 1]!;
  return -(places > 1 ? logAdd(last[places - 1]!, last[places - 2]!) : last[0]!);
}

/** Reads log probabilities (T, N, C) of sample n. */
function reader(x: Tensor, n: number): (t: number, c: number) => number {
  const data = runtime.storageArray(x) as Float64Array;
  const [st, sn, sc] = x.strides as [number, number, number];
  const start = x.storageOffset + n * sn;
  return (t, c) => data[start + t * st + c * sc]!;
}

const op = defineOp<Attributes>({
  name: "ctc_loss",
  saves: { inputs: [0] },
  run([x], { blank, labels, inputLengths, zeroInfinity }) {
    const out = runtime.empty([labels.length], x!.dtype);
    const data = out.data as Float64Array;
    labels.forEach((own, n) => {
      const steps = inputLengths[n]!;
      const loss = lossOf(forwardTable(reader(x!, n), steps, own, blank), steps, 2 * own.length + 1);
      data[n] = zeroInfinity && loss === Number.POSITIVE_INFINITY ? 0 : loss;
    });
    return out;
  },
  // As in PyTorch the gradient is that of log probabilities which come from a log-softmax: exp(x) minus the posterior of each class.
  backward([g], saved) {
    const x = saved.input(0);
    const { blank, labels, inputLengths, zeroInfinity } = saved.attributes;
    const [, , classes] = x.shape as [number, number, number];
    const gx = runtime.full(x.shape, 0, x.dtype);
    const data = gx.data as Float64Array;
    const weights = runtime.withoutGrad(() => g!.contiguous()).data as Float64Array;
    const batch = labels.length;
    labels.forEach((own, n) => {
      const steps = inputLengths[n]!;
      const places = 2 * own.length + 1;
      const logs = reader(x, n);
      const alpha = forwardTable(logs, steps, own, blank);
      const loss = lossOf(alpha, steps, places);
      if (steps === 0 || (zeroInfinity && loss === Number.POSITIVE_INFINITY)) return;
      let beta = new Float64Array(places).fill(Number.NEGATIVE_INFINITY);
      for (let t = steps - 1; t >= 0; t--) {
        const now = new Float64Array(places).fill(Number.NEGATIVE_INFINITY);
        for (let s = 0; s < places; s++) {
          let sum: number;
          if (t === steps - 1) sum = s >= places - 2 ? 0 : Number.NEGATIVE_INFINITY;
          else {
            sum = beta[s]!;
            if (s + 1 < places) sum = logAdd(sum, beta[s + 1]!);
            if (s + 2 < places && maySkip(own, s + 2)) sum = logAdd(sum, beta[s + 2]!);
          }
          now[s] = sum + logs(t, labelAt(own, blank, s));
        }
        beta = now;
        const posterior = new Float64Array(classes).fill(Number.NEGATIVE_INFINITY);
        for (let s = 0; s < places; s++) {
          const c = labelAt(own, blank, s);
          posterior[c] = logAdd(posterior[c]!, alpha[t]![s]! + beta[s]!);
        }
        for (let c = 0; c < classes; c++) {
          const log = logs(t, c);
          data[(t * batch + n) * classes + c] = (Math.exp(log) - Math.exp(posterior[c]! + loss - log)) * weights[n]!;
        }
      }
    });
    return [gx];
  },
});

export interface CTCLossOptions {
  /** The class that means no label. Default: 0. */
  blank?: number;
  /** The mean divides each loss by its number of labels first. Default: `mean`. */
  reduction?: LossReduction;
  /** Infinite losses (labels that do not fit into the steps) count 0. Default: false. */
  zeroInfinity?: boolean;
}

function numbers(lengths: Tensor | readonly number[]): number[] {
  return runtime.isTensor(lengths) ? Array.from(lengths.reshape([-1]).data as ArrayLike<number | bigint>, Number) : [...lengths];
}

/**
 * CTC loss of log probabilities (T, N, C) or (T, C), labels (N, S) or all in one vector, and the lengths of both for each sample. As `torch.nn.functional.ctc_loss`.
 * @source Graves et al. 2006
 * @example
 * F.ctcLoss(torch.zeros(4, 1, 3).logSoftmax(2), torch.tensor([[1n, 2n]]), torch.tensor([4n]), torch.tensor([2n])) // tensor(0.8432)
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor | readonly number[],
  targetLengths: Tensor | readonly number[],
  options: CTCLossOptions = {},
): Tensor {
  checkArguments(
    "ctc_loss(Tensor logProbs, Tensor targets, Tensor|float[] inputLengths, Tensor|float[] targetLengths, options? options, {int blank, str reduction, bool zeroInfinity})",
    logProbs,
    targets,
    inputLengths,
    targetLengths,
    options,
  );
  const { blank = 0, reduction = "mean", zeroInfinity = false } = options;
  const batched = logProbs.shape.length === 3;
  const x = batched ? logProbs : logProbs.unsqueeze(1);
  const [steps, batch, classes] = x.shape as [number, number, number];
  const lengths = numbers(inputLengths);
  const counts = numbers(targetLengths);
  if (blank < 0 || blank >= classes)
    throw new ValueError("blank must be in label range", `it is ${blank}, there are ${classes} classes`);
  if (lengths.length !== batch)
    throw new ShapeError(`input_lengths must be of size batch_size`, `${lengths.length} for a batch of ${batch}`);
  if (counts.length !== batch)
    throw new ShapeError(`target_lengths must be of size batch_size`, `${counts.length} for a batch of ${batch}`);
  for (const [n, length] of lengths.entries()) {
    if (!(length >= 0))
      throw new ValueError(`Expected input_lengths to have non-negative values, but got value ${length}`, `sample ${n}`);
    if (length > steps) {
      throw new ValueError(
        `Expected input_lengths to have value at most ${steps}, but got value ${length} (while checking arguments for ctc_loss_cpu)`,
        `sample ${n}`,
      );
    }
  }
  for (const [n, count] of counts.entries()) {
    if (!(count >= 0))
      throw new ValueError(`Expected target_lengths to have non-negative values, but got value ${count}`, `sample ${n}`);
  }
  const flat = numbers(targets);
  const padded = targets.shape.length === 2;
  let at = 0;
  const labels = counts.map((count, n) => {
    const start = padded ? n * targets.shape[1]! : at;
    at += count;
    return flat.slice(start, start + count);
  });
  if (padded ? counts.some((count) => count > targets.shape[1]!) : at > flat.length) {
    throw new ShapeError("Expected tensor to have size at least the longest target", `targets: ${targets.shape.join("x")}`);
  }
  const losses = runtime.call(op, [x], { blank, zeroInfinity, inputLengths: lengths, labels });
  if (reduction === "mean") {
    const divisors = runtime.newEmpty(x, [batch], x.dtype);
    (divisors.data as Float64Array).set(counts.map((count) => Math.max(count, 1)));
    return losses.div(divisors).mean();
  }
  return reduceLoss(batched || reduction === "sum" ? losses : losses.squeeze(0), reduction);
}
