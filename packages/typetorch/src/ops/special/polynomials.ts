/**
 * Orthogonal polynomials of degree n, by their recurrences. The degree is cut to an integer, element by element; below 0 the value is 0, as in PyTorch.
 */
import type { NumberLike } from "../../core/promotion.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import type { OutOption } from "../unary.ts";
import { hostBinary } from "./host.ts";

export type OrthogonalPolynomial = (x: Tensor | NumberLike, n: Tensor | NumberLike, options?: OutOption) => Tensor;

/** The degree n >= 0 as PyTorch's cast to an integer gives it, or -1. */
function degreeOf(n: number): number {
  const whole = Math.trunc(n);
  return whole >= 0 && whole < 2 ** 63 ? whole : -1;
}

/** p(n) from p(0) = 1, p(1) and `next(k, p(k), p(k - 1)) = p(k + 1)`. What has become NaN stays so. */
function recurrence(n: number, first: number, next: (k: number, p: number, before: number) => number): number {
  if (n < 0) return 0;
  if (n === 0) return 1;
  let [p, before] = [first, 1];
  for (let k = 1; k < n && !Number.isNaN(p); k++) [p, before] = [next(k, p, before), p];
  return p;
}

/** @__NO_SIDE_EFFECTS__ */
function polynomial(name: string, value: (x: number, n: number) => number): OrthogonalPolynomial {
  const fullName = `special_${name}`;
  const op = hostBinary(fullName, (x, n) => value(x, degreeOf(n)));
  const signature = `${fullName}(Scalar|Tensor x, Scalar|Tensor n, options? options, {Tensor out})`;
  return (x, n, options) => {
    checkArguments(signature, x, n, options);
    return op(x, n, options);
  };
}

/** Which of Chebyshev's four kinds, and what p(1) is. */
type Kind = "t" | "u" | "v" | "w";
const firstOf: Readonly<Record<Kind, (x: number) => number>> = {
  t: (x) => x,
  u: (x) => 2 * x,
  v: (x) => 2 * x - 1,
  w: (x) => 2 * x + 1,
};
/** The value at x = cos(a). */
const byAngle: Readonly<Record<Kind, (n: number, a: number) => number>> = {
  t: (n, a) => Math.cos(n * a),
  u: (n, a) => Math.sin((n + 1) * a) / Math.sin(a),
  v: (n, a) => Math.cos((n + 0.5) * a) / Math.cos(a / 2),
  w: (n, a) => Math.sin((n + 0.5) * a) / Math.sin(a / 2),
};

/** High degrees between -1 and 1 come from the cosine, in one step; elsewhere the recurrence overflows soon. */
function chebyshev(kind: Kind, x: number, n: number): number {
  if (n > 64 && Math.abs(x) < 1) return byAngle[kind](n, Math.acos(x));
  if (n > 64 && Math.abs(x) === 1) return atEnd(kind, x, n);
  return recurrence(n, firstOf[kind](x), (_k, p, before) => 2 * x * p - before);
}

function atEnd(kind: Kind, x: number, n: number): number {
  const sign = x < 0 && n % 2 === 1 ? -1 : 1;
  if (kind === "t") return sign;
  if (kind === "u") return sign * (n + 1);
  return (kind === "v") === x > 0 ? sign : sign * (2 * n + 1);
}

/**
 * Chebyshev's polynomial of the first kind: `T(k + 1) = 2 x T(k) - T(k - 1)`, `T(1) = x`. As `torch.special.chebyshev_polynomial_t`.
 * @example
 * torch.special.chebyshevPolynomialT(torch.tensor([0.5, 1]), 2) // tensor([-0.5000,  1.0000])
 */
export const chebyshevPolynomialT = polynomial("chebyshev_polynomial_t", (x, n) => chebyshev("t", x, n));
/**
 * Chebyshev's polynomial of the second kind: as the first, with `U(1) = 2 x`. As `torch.special.chebyshev_polynomial_u`.
 * @example
 * torch.special.chebyshevPolynomialU(torch.tensor([0.5, 1]), 2) // tensor([0., 3.])
 */
export const chebyshevPolynomialU = polynomial("chebyshev_polynomial_u", (x, n) => chebyshev("u", x, n));
/**
 * Chebyshev's polynomial of the third kind: as the first, with `V(1) = 2 x - 1`. As `torch.special.chebyshev_polynomial_v`.
 * @example
 * torch.special.chebyshevPolynomialV(torch.tensor([0.5, 1]), 2) // tensor([-1.,  1.])
 */
export const chebyshevPolynomialV = polynomial("chebyshev_polynomial_v", (x, n) => chebyshev("v", x, n));
/**
 * Chebyshev's polynomial of the fourth kind: as the first, with `W(1) = 2 x + 1`. As `torch.special.chebyshev_polynomial_w`.
 * @example
 * torch.special.chebyshevPolynomialW(torch.tensor([0.5, 1]), 2) // tensor([1., 5.])
 */
export const chebyshevPolynomialW = polynomial("chebyshev_polynomial_w", (x, n) => chebyshev("w", x, n));
/**
 * {@link chebyshevPolynomialT} of `2 x - 1`. As `torch.special.shifted_chebyshev_polynomial_t`.
 * @example
 * torch.special.shiftedChebyshevPolynomialT(torch.tensor([0.5, 1]), 2) // tensor([-1.,  1.])
 */
export const shiftedChebyshevPolynomialT = polynomial("shifted_chebyshev_polynomial_t", (x, n) => chebyshev("t", 2 * x - 1, n));
/**
 * {@link chebyshevPolynomialU} of `2 x - 1`. As `torch.special.shifted_chebyshev_polynomial_u`.
 * @example
 * torch.special.shiftedChebyshevPolynomialU(torch.tensor([0.5, 1]), 2) // tensor([-1.,  3.])
 */
export const shiftedChebyshevPolynomialU = polynomial("shifted_chebyshev_polynomial_u", (x, n) => chebyshev("u", 2 * x - 1, n));
/**
 * {@link chebyshevPolynomialV} of `2 x - 1`. As `torch.special.shifted_chebyshev_polynomial_v`.
 * @example
 * torch.special.shiftedChebyshevPolynomialV(torch.tensor([0.5, 1]), 2) // tensor([-1.,  1.])
 */
export const shiftedChebyshevPolynomialV = polynomial("shifted_chebyshev_polynomial_v", (x, n) => chebyshev("v", 2 * x - 1, n));
/**
 * {@link chebyshevPolynomialW} of `2 x - 1`. As `torch.special.shifted_chebyshev_polynomial_w`.
 * @example
 * torch.special.shiftedChebyshevPolynomialW(torch.tensor([0.5, 1]), 2) // tensor([-1.,  5.])
 */
export const shiftedChebyshevPolynomialW = polynomial("shifted_chebyshev_polynomial_w", (x, n) => chebyshev("w", 2 * x - 1, n));
/**
 * The physicists' Hermite polynomial: `H(k + 1) = 2 x H(k) - 2 k H(k - 1)`, `H(1) = 2 x`. As `torch.special.hermite_polynomial_h`.
 * @example
 * torch.special.hermitePolynomialH(torch.tensor([0.5, 1]), 2) // tensor([-1.,  2.])
 */
export const hermitePolynomialH = polynomial("hermite_polynomial_h", (x, n) =>
  recurrence(n, 2 * x, (k, p, before) => 2 * x * p - 2 * k * before),
);
/**
 * The probabilists' Hermite polynomial: `He(k + 1) = x He(k) - k He(k - 1)`, `He(1) = x`. As `torch.special.hermite_polynomial_he`.
 * @example
 * torch.special.hermitePolynomialHe(torch.tensor([0.5, 1]), 2) // tensor([-0.7500,  0.0000])
 */
export const hermitePolynomialHe = polynomial("hermite_polynomial_he", (x, n) =>
  recurrence(n, x, (k, p, before) => x * p - k * before),
);
/**
 * Laguerre's polynomial: `(k + 1) L(k + 1) = (2 k + 1 - x) L(k) - k L(k - 1)`, `L(1) = 1 - x`. As `torch.special.laguerre_polynomial_l`.
 * @example
 * torch.special.laguerrePolynomialL(torch.tensor([0.5, 1]), 2) // tensor([ 0.1250, -0.5000])
 */
export const laguerrePolynomialL = polynomial("laguerre_polynomial_l", (x, n) =>
  recurrence(n, 1 - x, (k, p, before) => ((2 * k + 1 - x) * p - k * before) / (k + 1)),
);
/**
 * Legendre's polynomial: `(k + 1) P(k + 1) = (2 k + 1) x P(k) - k P(k - 1)`, `P(1) = x`. As `torch.special.legendre_polynomial_p`.
 * @example
 * torch.special.legendrePolynomialP(torch.tensor([0.5, 1]), 2) // tensor([-0.1250,  1.0000])
 */
export const legendrePolynomialP = polynomial("legendre_polynomial_p", (x, n) =>
  recurrence(n, x, (k, p, before) => ((2 * k + 1) * x * p - k * before) / (k + 1)),
);
