import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Loss } from "./lossBase.ts";

/**
 * Connectionist temporal classification: log probabilities (T, N, C), labels (N, S) or all in one vector, and the lengths of both.
 * @source Graves et al. 2006   @see torch.nn.CTCLoss
 * @example
 * new nn.CTCLoss().call(torch.zeros(4, 1, 3).logSoftmax(2), torch.tensor([[1n, 2n]]), torch.tensor([4n]), torch.tensor([2n])) // tensor(0.8432)
 */
export class CTCLoss extends Loss<
  [logProbs: Tensor, targets: Tensor, inputLengths: Tensor | readonly number[], targetLengths: Tensor | readonly number[]]
> {
  readonly blank: number;
  readonly zeroInfinity: boolean;
  constructor(...rest: Trailing<[blank: number, reduction: F.LossReduction, zeroInfinity: boolean], F.CTCLossOptions>) {
    checkArguments("CTCLoss(~blank, ~reduction, ~zeroInfinity, {int blank, str reduction, bool zeroInfinity})", ...rest);
    const options = trailing<F.CTCLossOptions>(rest, ["blank", "reduction", "zeroInfinity"]);
    super(options);
    this.blank = options.blank ?? 0;
    this.zeroInfinity = options.zeroInfinity ?? false;
  }
  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    const { blank, reduction, zeroInfinity } = this;
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, { blank, reduction, zeroInfinity });
  }
}

keepClassNames({ CTCLoss });
