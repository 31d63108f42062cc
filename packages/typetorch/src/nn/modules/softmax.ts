import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface SoftmaxOptions {
  /** The dimension along which the results sum to 1. Without it PyTorch's old choice is taken: 0 for ranks 0, 1 and 3, else 1. */
  dim?: number | null;
}
type SoftmaxRest = Trailing<[dim: number | null], SoftmaxOptions>;

/**
 * `exp(x) / sum of exp(x)` along `dim`.
 * @see torch.nn.Softmax
 * @example
 * new nn.Softmax(0).call(torch.tensor([1, 2, 3])) // tensor([0.0900, 0.2447, 0.6652])
 */
export class Softmax extends Module {
  readonly dim: number | null;
  constructor(...rest: SoftmaxRest) {
    checkArguments("Softmax(~dim, {int|None dim})", ...rest);
    super();
    this.dim = trailing<SoftmaxOptions>(rest, ["dim"]).dim ?? null;
  }
  override forward(input: Tensor): Tensor {
    return F.softmax(input, { dim: this.dim });
  }
  override extraRepr(): string {
    return `dim=${this.dim ?? "None"}`;
  }
}

/**
 * `log(softmax(x))` along `dim`.
 * @see torch.nn.LogSoftmax
 * @example
 * new nn.LogSoftmax(0).call(torch.tensor([1, 2, 3])) // tensor([-2.4076, -1.4076, -0.4076])
 */
export class LogSoftmax extends Module {
  readonly dim: number | null;
  constructor(...rest: SoftmaxRest) {
    checkArguments("LogSoftmax(~dim, {int|None dim})", ...rest);
    super();
    this.dim = trailing<SoftmaxOptions>(rest, ["dim"]).dim ?? null;
  }
  override forward(input: Tensor): Tensor {
    return F.logSoftmax(input, { dim: this.dim });
  }
  override extraRepr(): string {
    return `dim=${this.dim ?? "None"}`;
  }
}

/**
 * `softmax(-x)` along `dim`.
 * @see torch.nn.Softmin
 * @example
 * new nn.Softmin(0).call(torch.tensor([1, 2, 3])) // tensor([0.6652, 0.2447, 0.0900])
 */
export class Softmin extends Module {
  readonly dim: number | null;
  constructor(...rest: SoftmaxRest) {
    checkArguments("Softmin(~dim, {int|None dim})", ...rest);
    super();
    this.dim = trailing<SoftmaxOptions>(rest, ["dim"]).dim ?? null;
  }
  override forward(input: Tensor): Tensor {
    return F.softmin(input, { dim: this.dim });
  }
  override extraRepr(): string {
    return `dim=${this.dim ?? "None"}`;
  }
}

/**
 * Softmax over the channels at each position: (N, C, H, W) or (C, H, W) -> same.
 * @see torch.nn.Softmax2d
 * @example
 * new nn.Softmax2d().call(torch.zeros(1, 2, 1, 1)).flatten() // tensor([0.5000, 0.5000])
 */
export class Softmax2d extends Module {
  override forward(input: Tensor): Tensor {
    checkArguments("softmax(Tensor input)", input);
    const rank = input.shape.length;
    if (rank !== 3 && rank !== 4) {
      throw new ShapeError(`Softmax2d requires a 3D or 4D tensor as input, but got ${rank}D`);
    }
    return F.softmax(input, -3);
  }
}

keepClassNames({ Softmax, LogSoftmax, Softmin, Softmax2d });
