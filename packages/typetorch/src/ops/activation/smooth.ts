/**
 * Smooth activations: `silu`, `mish`, `softplus`, `softsign`, `logsigmoid`, `tanhshrink`, and `glu`.
 */
import { checkArguments } from "../arguments.ts";
import { bool } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { definePointwise } from "../pointwise.ts";
import { narrow } from "../views/select.ts";
import { type InplaceOption, activate, floatingOnly, inPlaceAsked } from "./activation.ts";

const siluOp = definePointwise(
  {
    name: "silu",
    compute: "promote",
    check: floatingOnly("silu_cpu"),
    forward: ([x]) => x!.div(x!.neg().exp().add(1)),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      const s = x.sigmoid();
      return [g.mul(s.mul(x.mul(s.neg().add(1)).add(1)))];
    },
  },
  1,
);

/**
 * `x * sigmoid(x)`, as `torch.nn.functional.silu`. Source: Elfwing et al. 2017, arXiv:1702.03118.
 * @example
 * F.silu(torch.tensor([-1, 0, 2])) // tensor([-0.2689, 0.0000, 1.7616])
 */
export function silu(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("silu(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(siluOp, input, undefined, inPlaceAsked(options));
}

const mishOp = definePointwise(
  {
    name: "mish",
    compute: "promote",
    check: floatingOnly("mish_cpu"),
    forward: ([x]) => x!.mul(x!.exp().log1p().tanh()),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      // Above 20 tanh(softplus(x)) is 1 to the last bit; the bound keeps exp finite, and with it derivatives of higher order.
      const t = x.where(x.gt(20).logicalNot(), 20).exp().log1p().tanh();
      return [g.mul(x.mul(x.sigmoid()).mul(t.mul(t).neg().add(1)).add(t))];
    },
  },
  1,
);

/**
 * `x * tanh(softplus(x))`, as `torch.nn.functional.mish`. Source: Misra 2019, arXiv:1908.08681.
 * @example
 * F.mish(torch.tensor([-1, 0, 2])) // tensor([-0.3034, 0.0000, 1.9440])
 */
export function mish(input: Tensor, options?: boolean | InplaceOption): Tensor {
  checkArguments("mish(Tensor input, bool|options? options, {bool inplace})", input, options);
  return activate(mishOp, input, undefined, inPlaceAsked(options));
}

const softplusOp = definePointwise(
  {
    name: "softplus",
    compute: "promote",
    check: floatingOnly("softplus_cpu"),
    forward([x], [beta, threshold]) {
      const scaled = x!.mul(beta!);
      return x!.where(scaled.gt(threshold!), scaled.exp().log1p().div(beta!));
    },
    backward<T extends Num<T>>(g: T, [x]: readonly (T | number)[], _out: T, [beta, threshold]: readonly (T | number)[]) {
      const scaled = (x as T).mul(beta!);
      return [g.where(scaled.gt(threshold!), g.mul(scaled.sigmoid()))];
    },
  },
  1,
  2,
);

export interface SoftplusOptions {
  /** Default: 1. */
  beta?: number;
  /** Where `beta * x` is above it, the result is x. Default: 20. */
  threshold?: number;
}

/**
 * `log(1 + exp(beta * x)) / beta`, as `torch.nn.functional.softplus`.
 * @example
 * F.softplus(torch.tensor([-1, 0, 2])) // tensor([0.3133, 0.6931, 2.1269])
 */
export function softplus(input: Tensor, ...rest: Trailing<[beta: number, threshold: number], SoftplusOptions>): Tensor {
  checkArguments("softplus(Tensor input, ~beta, ~threshold, {float beta, float threshold})", input, ...rest);
  const { beta = 1, threshold = 20 } = trailing<SoftplusOptions>(rest, ["beta", "threshold"]);
  return softplusOp([input], [beta, threshold]);
}

const softsignOp = definePointwise(
  {
    name: "softsign",
    compute: "float",
    forward: ([x]) => x!.div(x!.abs().add(1)),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const r = (operands[0] as T).abs().add(1).reciprocal();
      return [g.mul(r).mul(r)];
    },
  },
  1,
);

/**
 * `x / (1 + |x|)`, as `torch.nn.functional.softsign`.
 * @example
 * F.softsign(torch.tensor([-1, 0, 2])) // tensor([-0.5000, 0.0000, 0.6667])
 */
export function softsign(input: Tensor): Tensor {
  checkArguments("softsign(Tensor input)", input);
  if (input.dtype === bool) throw new DTypeError(`"abs_cpu" not implemented for 'Bool'`, "convert the input to a floating dtype");
  return softsignOp([input]);
}

const logsigmoidOp = definePointwise(
  {
    name: "log_sigmoid",
    compute: "promote",
    check: floatingOnly("log_sigmoid_cpu"),
    forward: ([x]) => x!.minimum(0).sub(x!.abs().neg().exp().log1p()),
    backward: <T extends Num<T>>(g: T, [x]: readonly (T | number)[]) => [g.mul((x as T).neg().sigmoid())],
  },
  1,
);

/**
 * `log(sigmoid(x))`, as `torch.nn.functional.logsigmoid`.
 * @example
 * F.logsigmoid(torch.tensor([-1, 0, 2])) // tensor([-1.3133, -0.6931, -0.1269])
 */
export function logsigmoid(input: Tensor): Tensor {
  checkArguments("logsigmoid(Tensor input)", input);
  return logsigmoidOp([input]);
}

const tanhshrinkOp = definePointwise(
  {
    name: "tanhshrink",
    compute: "float",
    forward: ([x]) => x!.sub(x!.tanh()),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const t = (operands[0] as T).tanh();
      return [g.mul(t.mul(t))];
    },
  },
  1,
);

/**
 * `x - tanh(x)`, as `torch.nn.functional.tanhshrink`.
 * @example
 * F.tanhshrink(torch.tensor([-1, 0, 2])) // tensor([-0.2384, 0.0000, 1.0360])
 */
export function tanhshrink(input: Tensor): Tensor {
  checkArguments("tanhshrink(Tensor input)", input);
  if (input.dtype === bool) {
    throw new DTypeError(
      "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
    );
  }
  return tanhshrinkOp([input]);
}

const gluOp = definePointwise(
  {
    name: "glu",
    compute: "promote",
    check: floatingOnly("glu_cpu"),
    forward: ([a, b]) => a!.mul(b!.sigmoid()),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [a, b] = operands as [T, T];
      const s = b.sigmoid();
      const scaled = g.mul(s);
      return [scaled, scaled.mul(s.neg().add(1)).mul(a)];
    },
  },
  2,
);

/**
 * `a * sigmoid(b)` with the halves a and b of the input along `dim` (default -1). As `torch.nn.functional.glu`. Source: Dauphin et al. 2016, arXiv:1612.08083.
 * @example
 * F.glu(torch.tensor([1, 2, 0, 0])) // tensor([0.5000, 1.0000])
 */
export function glu(input: Tensor, options?: number | { dim?: number }): Tensor {
  checkArguments("glu(Tensor input, float|options? options, {int dim})", input, options);
  const given = (typeof options === "object" ? options.dim : options) ?? -1;
  const rank = input.shape.length;
  if (rank === 0) throw new ShapeError("glu does not support 0-dimensional tensors", "it halves a dimension of the input");
  const dim = wrapDim(given, rank);
  const size = input.shape[dim]!;
  if (size % 2 !== 0) {
    throw new ShapeError(`Halving dimension must be even, but dimension ${dim} is size ${size}`, "glu takes both halves of it");
  }
  return gluOp([narrow(input, dim, 0, size / 2), narrow(input, dim, size / 2, size / 2)]);
}
