/**
 * Relatives of the gamma function.
 */
import { takeResult, toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { gammaP, gammaQ, polygamma as polygammaOf, zeta as zetaOf } from "../../core/gammaFunctions.ts";
import { ArgumentTypeError, ValueError } from "../../core/errors.ts";
import { getDefaultDtype } from "../../core/dtype.ts";
import type { NumberLike } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { arange } from "../factory/range.ts";
import { digamma, lgamma } from "../math/special.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { type HostUnary, hostBinary, hostUnary } from "./host.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link polygamma}. */
    polygamma(n: number, options?: OutOption): Tensor;
    polygamma_(n: number): this;
    /** See {@link mvlgamma}. */
    mvlgamma(p: number, options?: OutOption): Tensor;
    mvlgamma_(p: number): this;
    /** See {@link igamma}. */
    igamma(other: Tensor, options?: OutOption): Tensor;
    igamma_(other: Tensor): this;
    /** See {@link igammac}. */
    igammac(other: Tensor, options?: OutOption): Tensor;
    igammac_(other: Tensor): this;
    /** The derivative of digamma. @internal */
    trigamma(): Tensor;
  }
}

const orders = new Map<number, HostUnary>();

function polygammaOfOrder(n: number): HostUnary {
  let op = orders.get(n);
  if (op === undefined) {
    op = hostUnary(
      "polygamma",
      (x, dtype) => polygammaOf(n, x, dtype.key !== "f64"),
      (g, x) => g.mul(polygamma(n + 1, x)),
    );
    orders.set(n, op);
  }
  return op;
}

/**
 * Derivative n of digamma: derivative n + 1 of the logarithm of the gamma function. As `torch.polygamma`.
 * @example
 * torch.polygamma(1, torch.tensor([1, 0.5])) // tensor([1.6449, 4.9348])
 */
export function polygamma(n: number, input: Tensor, options?: OutOption): Tensor {
  checkArguments("polygamma(int n, Tensor input, options? options, {Tensor out})", n, input, options);
  if (!(n >= 0)) throw new ValueError("polygamma(n, x) does not support negative n.", `n is ${n}`);
  if (n === 0) return digamma(input, options);
  return polygammaOfOrder(n)(input, options);
}

/**
 * The logarithm of the multivariate gamma function of dimension p: the sum of lgamma(x - j / 2) over j < p, and p (p - 1) / 4 log π. As `torch.mvlgamma`.
 * @example
 * torch.mvlgamma(torch.tensor([2, 3]), 2) // tensor([0.4516, 1.5502])
 */
export function mvlgamma(input: Tensor, p: number, options?: OutOption): Tensor {
  checkArguments("mvlgamma(Tensor input, int p, options? options, {Tensor out})", input, p, options);
  if (!(p >= 1)) throw new ValueError("p has to be greater than or equal to 1", `p is ${p}`);
  const x = input.dtype.isFloatingPoint ? input : input.to(getDefaultDtype());
  const shifts = arange(-p / 2 + 0.5, 0.5, 0.5, { dtype: x.dtype, device: x.device });
  const result = lgamma(x.unsqueeze(-1).add(shifts))
    .sum(-1)
    .add(((p * (p - 1)) / 4) * Math.log(Math.PI));
  return toOut("mvlgamma", result, options?.out);
}

const lower = hostBinary("igamma", gammaP, (g, a, x) => g.mul(density(a, x)));
const upper = hostBinary("igammac", gammaQ, (g, a, x) => g.mul(density(a, x)).neg());

/** x^(a - 1) e^-x / Gamma(a). */
function density(a: Tensor, x: Tensor): Tensor {
  return a.sub(1).mul(x.log()).sub(x).sub(a.lgamma()).exp();
}

function tensorsOnly(name: string, input: unknown, other: unknown): void {
  for (const [argument, position, x] of [
    ["input", 1, input],
    ["other", 2, other],
  ] as const) {
    if (runtime.isTensor(x)) continue;
    throw new ArgumentTypeError(
      `${name}(): argument '${argument}' (position ${position}) must be Tensor, not ${Number.isInteger(x) ? "int" : typeof x}`,
    );
  }
}

/**
 * The regularised lower incomplete gamma function P(input, other). As `torch.igamma`.
 * @example
 * torch.igamma(torch.tensor([1, 2]), torch.tensor([1, 1])) // tensor([0.6321, 0.2642])
 */
export function igamma(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("igamma(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  tensorsOnly("igamma", input, other);
  return lower(input, other, options);
}
/**
 * The regularised upper incomplete gamma function Q(input, other). As `torch.igammac`.
 * @example
 * torch.igammac(torch.tensor([1, 2]), torch.tensor([1, 1])) // tensor([0.3679, 0.7358])
 */
export function igammac(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("igammac(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  tensorsOnly("igammac", input, other);
  return upper(input, other, options);
}

const zetaOp = hostBinary("zeta", zetaOf, (g, x, q) => g.mul(x.neg()).mul(zeta(x.add(1), q)), "zeta");
/**
 * The Hurwitz zeta function: the sum of (other + k)^-input over k >= 0. As `torch.special.zeta`.
 * @example
 * torch.special.zeta(torch.tensor([2, 4]), 1) // tensor([1.6449, 1.0823])
 */
export function zeta(input: Tensor | NumberLike, other: Tensor | NumberLike, options?: OutOption): Tensor {
  checkArguments("special_zeta(Scalar|Tensor input, Scalar|Tensor other, options? options, {Tensor out})", input, other, options);
  return zetaOp(input, other, options);
}

method("polygamma", (input: Tensor, n: number, options?: OutOption) => polygamma(n, input, options));
method("polygamma_", (input: Tensor, n: number) => {
  checkArguments("polygamma_(Tensor input, int n)", input, n);
  return takeResult(input, polygamma(n, input));
});
method("trigamma", (input: Tensor) => polygamma(1, input));
method("mvlgamma", mvlgamma);
method("mvlgamma_", (input: Tensor, p: number) => {
  checkArguments("mvlgamma_(Tensor input, int p)", input, p);
  return takeResult(input, mvlgamma(input, p));
});
method("igamma", igamma);
method("igamma_", (input: Tensor, other: Tensor) => {
  checkArguments("igamma_(Tensor input, Tensor other)", input, other);
  return takeResult(input, igamma(input, other));
});
method("igammac", igammac);
method("igammac_", (input: Tensor, other: Tensor) => {
  checkArguments("igammac_(Tensor input, Tensor other)", input, other);
  return takeResult(input, igammac(input, other));
});
