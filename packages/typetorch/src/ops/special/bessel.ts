/**
 * Bessel functions of order 0 and 1, modified ones, and their relatives.
 */
import type { Expr } from "../../ir/expr.ts";
import { constant } from "../../ir/expr.ts";
import { airyAi as airyOf } from "../../ir/functions/airy.ts";
import { select } from "../../ir/functions/base.ts";
import { besselJ, besselY } from "../../ir/functions/bessel.ts";
import { modifiedBesselI, modifiedBesselK, scaledModifiedBesselI } from "../../ir/functions/modifiedBessel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { takeResult } from "../outputs.ts";
import { definePointwise } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import type { OutOption, Unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link i0}. */
    i0(options?: OutOption): Tensor;
    i0_(): this;
  }
}

/**
 * A function without derivative, as these are in PyTorch.
 * @__NO_SIDE_EFFECTS__
 */
function kernel(name: string, operand: string, forward: (x: Expr) => Expr): Unary {
  const fullName = `special_${name}`;
  const pointwise = definePointwise(
    { name: fullName, compute: "float", tensors: "all", operands: [operand], forward: ([x]) => forward(x!) },
    1,
  );
  const signature = `${fullName}(Tensor ${operand}, options? options, {Tensor out})`;
  return (input, options) => {
    checkArguments(signature, input, options);
    return options?.out ? pointwise([input], undefined, options.out) : pointwise.op.one(input);
  };
}

/**
 * The Bessel function of the first kind of order 0. As `torch.special.bessel_j0`.
 * @example
 * torch.special.besselJ0(torch.tensor([0, 1, 10])) // tensor([ 1.0000,  0.7652, -0.2459])
 */
export const besselJ0 = kernel("bessel_j0", "input", (x) => besselJ(0, x));
/**
 * The Bessel function of the first kind of order 1. As `torch.special.bessel_j1`.
 * @example
 * torch.special.besselJ1(torch.tensor([0, 1, 10])) // tensor([0.0000, 0.4401, 0.0435])
 */
export const besselJ1 = kernel("bessel_j1", "input", (x) => besselJ(1, x));
/**
 * The Bessel function of the second kind of order 0: -inf at 0, NaN below. As `torch.special.bessel_y0`.
 * @example
 * torch.special.besselY0(torch.tensor([1, 10])) // tensor([0.0883, 0.0557])
 */
export const besselY0 = kernel("bessel_y0", "input", (x) => besselY(0, x));
/**
 * The Bessel function of the second kind of order 1: -inf at 0, NaN below. As `torch.special.bessel_y1`.
 * @example
 * torch.special.besselY1(torch.tensor([1, 10])) // tensor([-0.7812,  0.2490])
 */
export const besselY1 = kernel("bessel_y1", "input", (x) => besselY(1, x));
/**
 * The modified Bessel function of the first kind of order 0, without derivative: {@link i0} has one. As `torch.special.modified_bessel_i0`.
 * @example
 * torch.special.modifiedBesselI0(torch.tensor([0, 1])) // tensor([1.0000, 1.2661])
 */
export const modifiedBesselI0 = kernel("modified_bessel_i0", "input", (x) => modifiedBesselI(0, x));
/**
 * The modified Bessel function of the first kind of order 1, without derivative: {@link i1} has one. As `torch.special.modified_bessel_i1`.
 * @example
 * torch.special.modifiedBesselI1(torch.tensor([0, 1])) // tensor([0.0000, 0.5652])
 */
export const modifiedBesselI1 = kernel("modified_bessel_i1", "input", (x) => modifiedBesselI(1, x));
/**
 * The modified Bessel function of the second kind of order 0: inf at 0, NaN below. As `torch.special.modified_bessel_k0`.
 * @example
 * torch.special.modifiedBesselK0(torch.tensor([1, 2])) // tensor([0.4210, 0.1139])
 */
export const modifiedBesselK0 = kernel("modified_bessel_k0", "input", (x) => modifiedBesselK(0, x, false));
/**
 * The modified Bessel function of the second kind of order 1: inf at 0, NaN below. As `torch.special.modified_bessel_k1`.
 * @example
 * torch.special.modifiedBesselK1(torch.tensor([1, 2])) // tensor([0.6019, 0.1399])
 */
export const modifiedBesselK1 = kernel("modified_bessel_k1", "input", (x) => modifiedBesselK(1, x, false));
/**
 * `exp(x) modifiedBesselK0(x)`. As `torch.special.scaled_modified_bessel_k0`.
 * @example
 * torch.special.scaledModifiedBesselK0(torch.tensor([1, 2])) // tensor([1.1445, 0.8416])
 */
export const scaledModifiedBesselK0 = kernel("scaled_modified_bessel_k0", "x", (x) => modifiedBesselK(0, x, true));
/**
 * `exp(x) modifiedBesselK1(x)`. As `torch.special.scaled_modified_bessel_k1`.
 * @example
 * torch.special.scaledModifiedBesselK1(torch.tensor([1, 2])) // tensor([1.6362, 1.0335])
 */
export const scaledModifiedBesselK1 = kernel("scaled_modified_bessel_k1", "x", (x) => modifiedBesselK(1, x, true));

/**
 * The spherical Bessel function of the first kind of order 0, `sin(x) / x`. As `torch.special.spherical_bessel_j0`.
 * @example
 * torch.special.sphericalBesselJ0(torch.tensor([0, 1])) // tensor([1.0000, 0.8415])
 */
export const sphericalBesselJ0 = kernel("spherical_bessel_j0", "x", (x) => {
  const one = constant(1, x.type);
  return select(x.abs().eq(Infinity), constant(0, x.type), select(x.eq(0), one, x.sin().div(x)));
});

/**
 * The Airy function Ai. As `torch.special.airy_ai`.
 * @example
 * torch.special.airyAi(torch.tensor([-2, 0, 2])) // tensor([0.2274, 0.3550, 0.0349])
 */
export const airyAi = kernel("airy_ai", "x", airyOf);

const scaledI0 = kernel("i0e", "input", (x) => scaledModifiedBesselI(0, x));
const scaledI1 = kernel("i1e", "input", (x) => scaledModifiedBesselI(1, x));

/**
 * One of the functions above with its derivative.
 * @__NO_SIDE_EFFECTS__
 */
function differentiable(
  name: string,
  forward: Unary,
  backward: (g: Tensor, x: Tensor, out: Tensor) => Tensor,
): (input: Tensor, options?: OutOption) => Tensor {
  const op = defineOp<null>({
    name,
    saves: { inputs: [0], outputs: [0] },
    run: ([x]) => runtime.withoutGrad(() => forward(x!)),
    backward: ([g], saved) => [backward(g!, saved.input(0), saved.output(0))],
  });
  const signature = `${name}(Tensor input, options? options, {Tensor out})`;
  return (input, options) => {
    checkArguments(signature, input, options);
    return options?.out ? runtime.callOut(op, [input], null, options.out) : runtime.call(op, [input], null);
  };
}

/** `value / x`, and `limit` near 0, where the quotient is one of small numbers. */
function nearZero(x: Tensor, slope: (x: Tensor) => Tensor, limit: number): Tensor {
  const tiny = x.abs().le(x.dtype.key === "f64" ? 2 ** -52 : 2 ** -23);
  // The other numbers go through the formula; tiny ones through a harmless stand-in, so that no NaN comes back through them.
  const safe = x.where(tiny.logicalNot(), 1);
  return slope(safe).where(tiny.logicalNot(), limit);
}

/**
 * The modified Bessel function of order 0. As `torch.i0`.
 * @example
 * torch.i0(torch.tensor([-1.5, 0, 2])) // tensor([1.6467, 1.0000, 2.2796])
 */
export const i0 = differentiable("i0", modifiedBesselI0, (g, x) => g.mul(i1(x)));

/**
 * `exp(-|x|) i0(x)`. As `torch.special.i0e`.
 * @example
 * torch.special.i0e(torch.tensor([-1.5, 0, 2])) // tensor([0.3674, 1.0000, 0.3085])
 */
export const i0e = differentiable("special_i0e", scaledI0, (g, x, out) => g.mul(i1e(x).sub(x.sign().mul(out))));

/**
 * The modified Bessel function of order 1. As `torch.special.i1`.
 * @example
 * torch.special.i1(torch.tensor([-1.5, 0, 2])) // tensor([-0.9817, 0.0000, 1.5906])
 */
export const i1 = differentiable("special_i1", modifiedBesselI1, (g, x) =>
  g.mul(nearZero(x, (z) => i0(z).sub(i1(z).div(z)), 0.5)),
);

/**
 * `exp(-|x|) i1(x)`. As `torch.special.i1e`.
 * @example
 * torch.special.i1e(torch.tensor([-1.5, 0, 2])) // tensor([-0.2190, 0.0000, 0.2153])
 */
export const i1e = differentiable("special_i1e", scaledI1, (g, x) =>
  g.mul(nearZero(x, (z) => i0e(z).sub(i1e(z).mul(z.sign().add(z.reciprocal()))), 0.5)),
);

method("i0", i0);
method("i0_", (input: Tensor) => takeResult(input, i0(input)));
