/**
 * lgamma and digamma.
 */
import { constant, type Expr } from "../expr.ts";
import { polynomial, rarely, select } from "./base.ts";
import { logOf, naturalLog } from "./logarithm.ts";
import { cosKernel, sinKernel } from "./trigonometric.ts";

/** log gamma(2 + u) / u for |u| <= 1/2 */
const LGAMMA = [
  0.42278433509846713, 0.32246703342411326, -0.06735230105319831, 0.020580808427780557, -0.007385551028649544,
  0.002890510331024503, -0.0011927539127644271, 0.0005096695156537172, -0.00022315473505738064, 9.945767037105553e-5,
  -4.4926532209121855e-5, 2.0505614564863813e-5, -9.437230486632407e-6, 4.384603053450913e-6, -2.049775144305923e-6,
  9.202818103083317e-7, -4.200062214900069e-7, 2.7852764462898927e-7, -1.4332161350396636e-7,
];
/** x (log gamma(x) - (x - 1/2)(log x - 1) - c) in powers of 1/x^2, for x >= 8; c is (log 2 pi - 1) / 2. */
const STIRLING = [
  0.08333333333333333, -0.0027777777777741003, 0.0007936507898355585, -0.0005952366071162389, 0.000841472866937952,
  -0.0018905408298943314, 0.005069265392277578,
];
const STIRLING_CONSTANT = 0.4189385332046727;
/** x (x+1) … (x+9) in powers of x, and the coefficients of log x - 1/(2x) - digamma(x) in powers of 1/x^2 from 1/x^2 on. */
const RISING = [0, 362880, 1026576, 1172700, 723680, 269325, 63273, 9450, 870, 45, 1];
const DIGAMMA = [
  8.33333333333333333e-2, -8.33333333333333333e-3, 3.96825396825396825e-3, -4.16666666666666667e-3, 7.57575757575757576e-3,
  -2.10927960927960928e-2, 8.33333333333333333e-2,
];

/** sin and cos of pi x for the distance d of x to the nearest integer, with the sign of d. */
function sinCosPi(d: Expr): { sin: Expr; cos: Expr } {
  const number = (value: number): Expr => constant(value, d.type);
  const size = d.abs();
  const near = size.le(0.25);
  const angle = { r: select(near, size, number(0.5).sub(size)).mul(Math.PI), low: number(0), bits: number(0) };
  const s = sinKernel(angle);
  const c = cosKernel(angle);
  return { sin: select(near, s, c).copysign(d), cos: select(near, c, s) };
}

/** log gamma of a positive number. */
function lgammaPositive(x: Expr): Expr {
  const number = (value: number): Expr => constant(value, x.type);
  // below 8: moved to [1.5, 2.5) by gamma(x + 1) = x gamma(x)
  let t = x.minimum(8);
  let product = number(1);
  for (let k = 0; k < 6; k++) {
    const high = t.ge(2.5);
    t = select(high, t.sub(1), t);
    product = select(high, product.mul(t), product);
  }
  for (let k = 0; k < 2; k++) {
    const low = t.lt(1.5);
    product = select(low, product.mul(t), product);
    t = select(low, t.add(1), t);
  }
  const large = x.ge(8);
  const log = logOf(select(large, x, product), naturalLog);
  const u = t.sub(2);
  const small = u.mulAdd(polynomial(u, LGAMMA), select(x.lt(1.5), log.neg(), log));
  const z = number(1).div(x);
  const rest = z.mulAdd(polynomial(z.mul(z), STIRLING), STIRLING_CONSTANT);
  const far = x.sub(0.5).mulAdd(log.sub(1), rest);
  return select(large, select(x.lt(Infinity), far, x), small);
}

export function lgammaOf(x: Expr): Expr {
  const number = (value: number): Expr => constant(value, x.type);
  const size = x.abs();
  const positive = lgammaPositive(size);
  // gamma(x) gamma(-x) = -pi / (x sin pi x)
  const d = size.sub(size.round());
  const { sin } = sinCosPi(d);
  const mirrored = logOf(number(Math.PI).div(sin.mul(size).abs()), naturalLog).sub(positive);
  const y = rarely(x.lt(x.type === "f32" ? -(2 ** -24) : -(2 ** -70)), mirrored, positive);
  const pole = x.le(0).and(d.eq(0));
  return select(pole.or(size.eq(Infinity)), number(Infinity), y);
}

export function digammaOf(x: Expr): Expr {
  const number = (value: number): Expr => constant(value, x.type);
  const negative = x.lt(0);
  const t = select(negative, number(1).sub(x), x);
  const small = t.lt(10);
  // the sum of 1 / (t + k) for k below 10 is the logarithmic derivative of t (t+1) … (t+9)
  const slope = RISING.slice(1).map((c, k) => c * (k + 1));
  const bounded = t.minimum(10);
  const sum = polynomial(bounded, slope).div(polynomial(bounded, RISING));
  const y = select(small, t.add(10), t);
  const z = number(1).div(y);
  const square = z.mul(z);
  const log = logOf(y, naturalLog);
  const far = log.sub(z.mul(0.5)).sub(square.mul(polynomial(square, DIGAMMA)));
  const positive = select(small, far.sub(sum), far);
  // digamma(x) = digamma(1 - x) - pi / tan(pi x)
  const d = x.sub(x.round());
  const { sin, cos } = sinCosPi(d);
  const mirrored = positive.sub(cos.mul(Math.PI).div(sin));
  const pole = d.eq(0).or(x.eq(-Infinity));
  const finite = rarely(negative, select(pole, number(Number.NaN), mirrored), positive);
  return select(x.eq(0), number(-Infinity).copysign(x.neg()), select(x.eq(Infinity), x, finite));
}
