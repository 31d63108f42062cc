import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import { pythonFloat, pythonNumber } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface InplaceOptions {
  /** Change the input itself. Default: false. */
  inplace?: boolean;
}

/**
 * `1 / (1 + exp(-x))`.
 * @see torch.nn.Sigmoid
 * @example
 * new nn.Sigmoid().call(torch.tensor([-1, 0, 2])) // tensor([0.2689, 0.5000, 0.8808])
 */
export class Sigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return F.sigmoid(input);
  }
}

/**
 * `log(1 / (1 + exp(-x)))`.
 * @see torch.nn.LogSigmoid
 * @example
 * new nn.LogSigmoid().call(torch.tensor([-1, 0, 2])) // tensor([-1.3133, -0.6931, -0.1269])
 */
export class LogSigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return F.logsigmoid(input);
  }
}

/**
 * Hyperbolic tangent.
 * @see torch.nn.Tanh
 * @example
 * new nn.Tanh().call(torch.tensor([-1, 0, 2])) // tensor([-0.7616, 0.0000, 0.9640])
 */
export class Tanh extends Module {
  override forward(input: Tensor): Tensor {
    return F.tanh(input);
  }
}

/**
 * `x / (1 + |x|)`.
 * @see torch.nn.Softsign
 * @example
 * new nn.Softsign().call(torch.tensor([-1, 0, 2])) // tensor([-0.5000, 0.0000, 0.6667])
 */
export class Softsign extends Module {
  override forward(input: Tensor): Tensor {
    return F.softsign(input);
  }
}

/**
 * `x - tanh(x)`.
 * @see torch.nn.Tanhshrink
 * @example
 * new nn.Tanhshrink().call(torch.tensor([-1, 0, 2])) // tensor([-0.2384, 0.0000, 1.0360])
 */
export class Tanhshrink extends Module {
  override forward(input: Tensor): Tensor {
    return F.tanhshrink(input);
  }
}

/**
 * `x * sigmoid(x)`.
 * @source Elfwing et al. 2017, arXiv:1702.03118   @see torch.nn.SiLU
 * @example
 * new nn.SiLU().call(torch.tensor([-1, 0, 2])) // tensor([-0.2689, 0.0000, 1.7616])
 */
export class SiLU extends Module {
  readonly inplace: boolean;
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("SiLU(~inplace, {bool inplace})", ...rest);
    super();
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.silu(input, { inplace: this.inplace });
  }
  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `x * tanh(softplus(x))`.
 * @source Misra 2019, arXiv:1908.08681   @see torch.nn.Mish
 * @example
 * new nn.Mish().call(torch.tensor([-1, 0, 2])) // tensor([-0.3034, 0.0000, 1.9440])
 */
export class Mish extends Module {
  readonly inplace: boolean;
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("Mish(~inplace, {bool inplace})", ...rest);
    super();
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.mish(input, { inplace: this.inplace });
  }
  override extraRepr(): string {
    return this.inplace ? "inplace=True" : "";
  }
}

/**
 * `x * min(max(x + 3, 0), 6) / 6`.
 * @source Howard et al. 2019, arXiv:1905.02244   @see torch.nn.Hardswish
 * @example
 * new nn.Hardswish().call(torch.tensor([-1, 0, 2])) // tensor([-0.3333, 0.0000, 1.6667])
 */
export class Hardswish extends Module {
  readonly inplace: boolean;
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("Hardswish(~inplace, {bool inplace})", ...rest);
    super();
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.hardswish(input, { inplace: this.inplace });
  }
}

/**
 * `min(max(x + 3, 0), 6) / 6`.
 * @see torch.nn.Hardsigmoid
 * @example
 * new nn.Hardsigmoid().call(torch.tensor([-1, 0, 2])) // tensor([0.3333, 0.5000, 0.8333])
 */
export class Hardsigmoid extends Module {
  readonly inplace: boolean;
  constructor(...rest: Trailing<[inplace: boolean], InplaceOptions>) {
    checkArguments("Hardsigmoid(~inplace, {bool inplace})", ...rest);
    super();
    this.inplace = trailing<InplaceOptions>(rest, ["inplace"]).inplace ?? false;
  }
  override forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, { inplace: this.inplace });
  }
}

interface GELUOptions {
  /** `tanh` computes the usual approximation by tanh. Default: `none`. */
  approximate?: "none" | "tanh";
}
/**
 * `x * Phi(x)`, with the distribution function Phi of the standard normal.
 * @source Hendrycks and Gimpel 2016, arXiv:1606.08415   @see torch.nn.GELU
 * @example
 * new nn.GELU().call(torch.tensor([-1, 0, 2])) // tensor([-0.1587, 0.0000, 1.9545])
 */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";
  constructor(...rest: Trailing<[approximate: "none" | "tanh"], GELUOptions>) {
    checkArguments("GELU(~approximate, {str approximate})", ...rest);
    super();
    this.approximate = trailing<GELUOptions>(rest, ["approximate"]).approximate ?? "none";
  }
  override forward(input: Tensor): Tensor {
    return F.gelu(input, { approximate: this.approximate });
  }
  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

interface SoftplusOptions {
  /** Default: 1. */
  beta?: number;
  /** Above this value of `beta * x` the function is `x`. Default: 20. */
  threshold?: number;
}
/**
 * `log(1 + exp(beta * x)) / beta`.
 * @see torch.nn.Softplus
 * @example
 * new nn.Softplus().call(torch.tensor([-1, 0, 2])) // tensor([0.3133, 0.6931, 2.1269])
 */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;
  constructor(...rest: Trailing<[beta: number, threshold: number], SoftplusOptions>) {
    checkArguments("Softplus(~beta, ~threshold, {int beta, int threshold})", ...rest);
    super();
    const { beta = 1, threshold = 20 } = trailing<SoftplusOptions>(rest, ["beta", "threshold"]);
    this.beta = beta;
    this.threshold = threshold;
  }
  override forward(input: Tensor): Tensor {
    return F.softplus(input, { beta: this.beta, threshold: this.threshold });
  }
  override extraRepr(): string {
    return `beta=${pythonNumber(this.beta)}, threshold=${pythonNumber(this.threshold)}`;
  }
}

interface ShrinkOptions {
  /** Half the width of the interval that becomes 0. Default: 0.5. */
  lambd?: number;
}
/**
 * `x - lambd` above `lambd`, `x + lambd` below `-lambd`, else 0.
 * @see torch.nn.Softshrink
 * @example
 * new nn.Softshrink().call(torch.tensor([-1, 0, 2])) // tensor([-0.5000, 0.0000, 1.5000])
 */
export class Softshrink extends Module {
  readonly lambd: number;
  constructor(...rest: Trailing<[lambd: number], ShrinkOptions>) {
    checkArguments("Softshrink(~lambd, {float lambd})", ...rest);
    super();
    this.lambd = trailing<ShrinkOptions>(rest, ["lambd"]).lambd ?? 0.5;
  }
  override forward(input: Tensor): Tensor {
    return F.softshrink(input, { lambd: this.lambd });
  }
  override extraRepr(): string {
    return pythonFloat(this.lambd);
  }
}
/**
 * `x` outside ±lambd, else 0.
 * @see torch.nn.Hardshrink
 * @example
 * new nn.Hardshrink().call(torch.tensor([-1, 0, 2])) // tensor([-1., 0., 2.])
 */
export class Hardshrink extends Module {
  readonly lambd: number;
  constructor(...rest: Trailing<[lambd: number], ShrinkOptions>) {
    checkArguments("Hardshrink(~lambd, {float lambd})", ...rest);
    super();
    this.lambd = trailing<ShrinkOptions>(rest, ["lambd"]).lambd ?? 0.5;
  }
  override forward(input: Tensor): Tensor {
    return F.hardshrink(input, { lambd: this.lambd });
  }
  override extraRepr(): string {
    return pythonFloat(this.lambd);
  }
}

interface GLUOptions {
  /** The dimension that is halved. Default: -1. */
  dim?: number;
}
/**
 * `a * sigmoid(b)` with the halves a and b of the input along `dim`.
 * @source Dauphin et al. 2016, arXiv:1612.08083   @see torch.nn.GLU
 * @example
 * new nn.GLU().call(torch.tensor([1, 2, 0, 0])) // tensor([0.5000, 1.0000])
 */
export class GLU extends Module {
  readonly dim: number;
  constructor(...rest: Trailing<[dim: number], GLUOptions>) {
    checkArguments("GLU(~dim, {int dim})", ...rest);
    super();
    this.dim = trailing<GLUOptions>(rest, ["dim"]).dim ?? -1;
  }
  override forward(input: Tensor): Tensor {
    return F.glu(input, { dim: this.dim });
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

keepClassNames({
  Sigmoid,
  LogSigmoid,
  Tanh,
  Softsign,
  Tanhshrink,
  SiLU,
  Mish,
  Hardswish,
  Hardsigmoid,
  GELU,
  Softplus,
  Softshrink,
  Hardshrink,
  GLU,
});
