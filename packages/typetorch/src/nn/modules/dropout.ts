import { keepClassNames } from "../../core/className.ts";
import { ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonBool, pythonFloat, pythonNumber } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface DropoutOptions {
  /** Probability that an element is zeroed. Default: 0.5. */
  p?: number;
  /** Change the input itself. Default: false. */
  inplace?: boolean;
}

/** What the dropout layers share. */
export abstract class DropoutNd extends Module {
  readonly p: number;
  readonly inplace: boolean;
  constructor(...rest: Trailing<[p: number, inplace: boolean], DropoutOptions>) {
    super();
    const { p = 0.5, inplace = false } = trailing<DropoutOptions>(rest, ["p", "inplace"]);
    if (!(p >= 0 && p <= 1)) {
      throw new ValueError(`dropout probability has to be between 0 and 1, but got ${pythonNumber(p)}`);
    }
    this.p = p;
    this.inplace = inplace;
  }
  override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`;
  }
}

/**
 * In training each element is zeroed with probability `p`, the others are scaled by 1/(1 - p).
 * @source Hinton et al. 2012, arXiv:1207.0580   @see torch.nn.Dropout
 * @example
 * new nn.Dropout(0.5).eval().call(torch.ones(3)) // tensor([1., 1., 1.])
 */
export class Dropout extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return F.dropout(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}
/**
 * Dropout of whole channels: (N, C, L) or (C, L) -> same.
 * @see torch.nn.Dropout1d
 * @example
 * new nn.Dropout1d().eval().call(torch.randn(1, 4, 4)).shape // [1, 4, 4]
 */
export class Dropout1d extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return F.dropout1d(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}
/**
 * Dropout of whole channels: (N, C, H, W) or (C, H, W) -> same.
 * @see torch.nn.Dropout2d
 * @example
 * new nn.Dropout2d().eval().call(torch.randn(1, 4, 4, 4)).shape // [1, 4, 4, 4]
 */
export class Dropout2d extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return F.dropout2d(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}
/**
 * Dropout of whole channels: (N, C, D, H, W) or (C, D, H, W) -> same.
 * @see torch.nn.Dropout3d
 * @example
 * new nn.Dropout3d().eval().call(torch.randn(1, 4, 4, 4, 4)).shape // [1, 4, 4, 4, 4]
 */
export class Dropout3d extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return F.dropout3d(input, { p: this.p, training: this.training, inplace: this.inplace });
  }
}
/**
 * Dropout that keeps mean and variance of the input, for {@link SELU}.
 * @source Klambauer et al. 2017, arXiv:1706.02515   @see torch.nn.AlphaDropout
 * @example
 * new nn.AlphaDropout().eval().call(torch.ones(3)) // tensor([1., 1., 1.])
 */
export class AlphaDropout extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return F.alphaDropout(input, { p: this.p, training: this.training });
  }
}
/**
 * {@link AlphaDropout} of whole channels.
 * @see torch.nn.FeatureAlphaDropout
 * @example
 * new nn.FeatureAlphaDropout().eval().call(torch.ones(1, 2, 3)).shape // [1, 2, 3]
 */
export class FeatureAlphaDropout extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return F.featureAlphaDropout(input, { p: this.p, training: this.training });
  }
}

keepClassNames({ DropoutNd, Dropout, Dropout1d, Dropout2d, Dropout3d, AlphaDropout, FeatureAlphaDropout });
