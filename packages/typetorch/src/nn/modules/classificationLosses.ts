import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { Loss, WeightedLoss, type WeightedLossOptions } from "./lossBase.ts";

interface NLLLossOptions extends WeightedLossOptions {
  /** Targets of this value count for nothing. Default: -100. */
  ignoreIndex?: number;
}
/**
 * `-weight[target] * input[target]`, with log-probabilities (N, C, *) and int64 targets (N, *).
 * @see torch.nn.NLLLoss
 * @example
 * new nn.NLLLoss().call(torch.tensor([[0.2, 0.8]]).log(), torch.tensor([1n])) // tensor(0.2231)
 */
export class NLLLoss extends WeightedLoss {
  readonly ignoreIndex: number;
  constructor(...rest: Trailing<[weight: Tensor | null], NLLLossOptions>) {
    checkArguments("NLLLoss(~weight, {int ignoreIndex, Tensor|None weight, str reduction})", ...rest);
    const options = trailing<NLLLossOptions>(rest, ["weight"]);
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return F.nllLoss(input, target, { weight, ignoreIndex, reduction });
  }
}

interface CrossEntropyLossOptions extends NLLLossOptions {
  /** Share of the target that is spread over all classes. Default: 0. */
  labelSmoothing?: number;
}
/**
 * Cross entropy of logits (N, C, *) with int64 classes (N, *) or class probabilities (N, C, *).
 * @see torch.nn.CrossEntropyLoss
 * @example
 * const loss = new nn.CrossEntropyLoss().call(torch.randn(3, 5), torch.tensor([1n, 0n, 4n]));
 */
export class CrossEntropyLoss extends WeightedLoss {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  constructor(...rest: Trailing<[weight: Tensor | null], CrossEntropyLossOptions>) {
    checkArguments(
      "CrossEntropyLoss(~weight, {float labelSmoothing, int ignoreIndex, Tensor|None weight, str reduction})",
      ...rest,
    );
    const options = trailing<CrossEntropyLossOptions>(rest, ["weight"]);
    super(options);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    return F.crossEntropy(input, target, { weight, ignoreIndex, reduction, labelSmoothing });
  }
}

/**
 * `-(target * log(input) + (1 - target) * log(1 - input))`, with probabilities; logarithms stay above -100. The weight is one of elements.
 * @see torch.nn.BCELoss
 * @example
 * new nn.BCELoss().call(torch.tensor([0.9, 0.2]), torch.tensor([1, 0])) // tensor(0.1643)
 */
export class BCELoss extends WeightedLoss {
  constructor(...rest: Trailing<[weight: Tensor | null], WeightedLossOptions>) {
    checkArguments("BCELoss(~weight, {Tensor|None weight, str reduction})", ...rest);
    super(trailing<WeightedLossOptions>(rest, ["weight"]));
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

interface BCEWithLogitsLossOptions extends WeightedLossOptions {
  /** Weight of positive examples, for each class. */
  posWeight?: Tensor | null;
}
/**
 * {@link BCELoss} of `sigmoid(input)`, computed stably.
 * @see torch.nn.BCEWithLogitsLoss
 * @example
 * new nn.BCEWithLogitsLoss().call(torch.tensor([0.5, 2]), torch.tensor([1, 0])) // tensor(1.3005)
 */
export class BCEWithLogitsLoss extends WeightedLoss {
  declare posWeight: Tensor | null;
  constructor(...rest: Trailing<[weight: Tensor | null], BCEWithLogitsLossOptions>) {
    checkArguments("BCEWithLogitsLoss(~weight, {Tensor|None posWeight, Tensor|None weight, str reduction})", ...rest);
    const options = trailing<BCEWithLogitsLossOptions>(rest, ["weight"]);
    super(options);
    this.registerBuffer("posWeight", options.posWeight ?? null);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight, reduction } = this;
    return F.binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/**
 * Hinge loss of several classes at once: the targets of a sample (N, C) are class numbers, ended by -1.
 * @see torch.nn.MultiLabelMarginLoss
 * @example
 * new nn.MultiLabelMarginLoss().call(torch.tensor([[0.1, 0.6, 0.3]]), torch.tensor([[1n, -1n, -1n]])) // tensor(0.4000)
 */
export class MultiLabelMarginLoss extends Loss {
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * Mean over the classes of the binary cross entropy of `sigmoid(input)`: (N, C), (N, C) -> (N).
 * @see torch.nn.MultiLabelSoftMarginLoss
 * @example
 * new nn.MultiLabelSoftMarginLoss().call(torch.tensor([[0.5, -2]]), torch.tensor([[1, 0]])) // tensor(0.3005)
 */
export class MultiLabelSoftMarginLoss extends WeightedLoss {
  constructor(...rest: Trailing<[weight: Tensor | null], WeightedLossOptions>) {
    checkArguments("MultiLabelSoftMarginLoss(~weight, {Tensor|None weight, str reduction})", ...rest);
    super(trailing<WeightedLossOptions>(rest, ["weight"]));
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

interface MultiMarginLossOptions extends WeightedLossOptions {
  /** 1 or 2. Default: 1. */
  p?: number;
  /** Default: 1. */
  margin?: number;
}
/**
 * `sum over i of max(0, margin - input[target] + input[i])^p / C`: (N, C), (N) -> (N).
 * @see torch.nn.MultiMarginLoss
 * @example
 * new nn.MultiMarginLoss().call(torch.tensor([[0.1, 0.6, 0.3]]), torch.tensor([1n])) // tensor(0.4000)
 */
export class MultiMarginLoss extends WeightedLoss {
  readonly p: number;
  readonly margin: number;
  constructor(...rest: Trailing<[p: number, margin: number, weight: Tensor | null], MultiMarginLossOptions>) {
    checkArguments("MultiMarginLoss(~p, ~margin, ~weight, {int p, float margin, Tensor|None weight, str reduction})", ...rest);
    const options = trailing<MultiMarginLossOptions>(rest, ["p", "margin", "weight"]);
    super(options);
    this.p = options.p ?? 1;
    this.margin = options.margin ?? 1;
    if (this.p !== 1 && this.p !== 2) throw new ValueError("only p == 1 and p == 2 supported");
    if (this.weight !== null && this.weight.shape.length !== 1) {
      throw new ShapeError(`MultiMarginLoss: weight must be 1-dimensional, got ${this.weight.shape.length} dimensions`);
    }
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { p, margin, weight, reduction } = this;
    return F.multiMarginLoss(input, target, { p, margin, weight, reduction });
  }
}

keepClassNames({
  NLLLoss,
  CrossEntropyLoss,
  BCELoss,
  BCEWithLogitsLoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
});
