import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { IndexError, ShapeError, ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { cat, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { indexTensor, numbersOf } from "../indexTensor.ts";
import { Module } from "../module.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { Linear } from "./linear.ts";
import { ModuleList } from "./moduleList.ts";
import { Sequential } from "./sequential.ts";

export interface AdaptiveLogSoftmaxOptions extends FactoryOptions {
  /** Each cluster's width is the one before's divided by this. Default: 4. */
  divValue?: number;
  /** Default: false. */
  headBias?: boolean;
}

/**
 * Log-softmax over many classes in clusters: frequent classes directly, the others through smaller and smaller projections. Gives the log probabilities of the
 * targets (N) and their mean loss.
 * @source Grave et al. 2016, arXiv:1609.04309   @see torch.nn.AdaptiveLogSoftmaxWithLoss
 * @example
 * new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5]).logProb(torch.randn(3, 8)).shape // [3, 20]
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<[input: Tensor, target: Tensor], [output: Tensor, loss: Tensor]> {
  readonly inFeatures: number;
  readonly nClasses: number;
  /** Where the clusters end, the last one at nClasses. */
  readonly cutoffs: readonly number[];
  readonly divValue: number;
  readonly headBias: boolean;
  readonly shortlistSize: number;
  readonly nClusters: number;
  readonly headSize: number;
  head: Linear;
  tail: ModuleList<Sequential>;

  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    ...rest: Trailing<[divValue: number, headBias: boolean], AdaptiveLogSoftmaxOptions>
  ) {
    checkArguments(
      "AdaptiveLogSoftmaxWithLoss(int inFeatures, int nClasses, float[] cutoffs, ~divValue, ~headBias, {float divValue, bool headBias, device device, dtype dtype})",
      inFeatures,
      nClasses,
      cutoffs,
      ...rest,
    );
    super();
    const options = trailing<AdaptiveLogSoftmaxOptions>(rest, ["divValue", "headBias"]);
    const factory = factoryOptions(options);
    const rising = cutoffs.every((c, i) => Number.isInteger(c) && c > (i === 0 ? 0 : cutoffs[i - 1]!) && c <= nClasses - 1);
    if (!rising || cutoffs.length === 0) {
      throw new ValueError(
        "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between 1 and n_classes-1",
      );
    }
    this.inFeatures = inFeatures;
    this.nClasses = nClasses;
    this.cutoffs = [...cutoffs, nClasses];
    this.divValue = options.divValue ?? 4;
    this.headBias = options.headBias ?? false;
    this.shortlistSize = cutoffs[0]!;
    this.nClusters = cutoffs.length;
    this.headSize = this.shortlistSize + this.nClusters;
    this.head = new Linear(inFeatures, this.headSize, { bias: this.headBias, ...factory });
    this.tail = new ModuleList<Sequential>();
    for (let i = 0; i < this.nClusters; i++) {
      const width = Math.floor(inFeatures / this.divValue ** (i + 1));
      const size = this.cutoffs[i + 1]! - this.cutoffs[i]!;
      const project = new Linear(inFeatures, width, { bias: false, ...factory });
      this.tail.append(new Sequential(project, new Linear(width, size, { bias: false, ...factory })));
    }
  }
  override forward(input: Tensor, target: Tensor): [output: Tensor, loss: Tensor] {
    checkArguments("adaptive_log_softmax(Tensor input, Tensor target)", input, target);
    const rank = target.shape.length;
    if (rank > 1) throw new ShapeError("0D or 1D target tensor expected, multi-target not supported");
    if (input.shape.length !== rank + 1) {
      throw new ShapeError(
        `${rank}D target tensor expects ${rank + 1}D input tensors, but found inputs with size torch.Size([${input.shape.join(", ")}])`,
      );
    }
    if (rank === 0) {
      const [output, loss] = this.forward(input.unsqueeze(0), target.unsqueeze(0));
      return [output.squeeze(0), loss];
    }
    if (input.shape[0] !== target.shape[0]) {
      throw new ShapeError("Input and target should have the same size in the batch dimension.");
    }
    const classes = numbersOf(target);
    const outside = classes.some((c) => !(c >= 0 && c < this.nClasses));
    if (outside) {
      throw new IndexError(
        `Target values should be in [0, ${this.nClasses - 1}], but values in range [${Math.min(...classes)}, ${Math.max(...classes)}] were found. `,
      );
    }
    const clusterOf = (c: number) => this.cutoffs.findIndex((end) => c < end); // 0: the shortlist
    const headColumns = classes.map((c) => (clusterOf(c) === 0 ? c : this.shortlistSize + clusterOf(c) - 1));
    const headLogs = F.logSoftmax(this.head.call(input), 1);
    let output = headLogs.gather(1, indexTensor(headLogs.device, headColumns).unsqueeze(1)).squeeze(1);
    for (let cluster = 1; cluster <= this.nClusters; cluster++) {
      const rows = classes.flatMap((c, n) => (clusterOf(c) === cluster ? [n] : []));
      if (rows.length === 0) continue;
      const index = indexTensor(headLogs.device, rows);
      const logs = F.logSoftmax(this.tail.at(cluster - 1).call(input.indexSelect(0, index)), 1);
      const relative = indexTensor(
        headLogs.device,
        rows.map((n) => classes[n]! - this.cutoffs[cluster - 1]!),
      );
      const local = logs.gather(1, relative.unsqueeze(1)).squeeze(1);
      output = output.add(zeros([classes.length], { dtype: output.dtype, device: output.device }).indexAdd(0, index, local));
    }
    return [output, output.neg().mean()];
  }
  /** Log probabilities of all classes: (N, inFeatures) -> (N, nClasses). */
  logProb(input: Tensor): Tensor {
    const head = F.logSoftmax(this.head.call(input), 1);
    const parts = [head.narrow(1, 0, this.shortlistSize)];
    for (const [i, cluster] of [...this.tail].entries()) {
      parts.push(F.logSoftmax(cluster.call(input), 1).add(head.narrow(1, this.shortlistSize + i, 1)));
    }
    return cat(parts, 1);
  }
  /** The likeliest class of each row: (N, inFeatures) -> (N). */
  predict(input: Tensor): Tensor {
    const first = this.head.call(input).argmax(1);
    return this.logProb(input).argmax(1).where(first.ge(this.shortlistSize), first);
  }
}

keepClassNames({ AdaptiveLogSoftmaxWithLoss });
