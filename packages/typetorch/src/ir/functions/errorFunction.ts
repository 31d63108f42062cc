/**
 * erf and erfc.
 */
import { constant, type Expr } from "../expr.ts";
import { polynomial, select } from "./base.ts";
import { EXP, expm1Kernel, powerOfTwo, reduceExp, scaleBy, expOf } from "./exponential.ts";
import { logOf, naturalLog } from "./logarithm.ts";

/** erf(x)/x - 1 on [0, 1], in powers of x^2 */
const ERF = [
  0.1283791670955126, -0.3761263890318375, 0.11283791670954885, -0.026866170645077875, 0.005223977624828431,
  -0.0008548326981425542, 0.0001205533113295582, -1.4925595772180906e-5, 1.64610084778027e-6, -1.6350396222864617e-7,
  1.466032872274226e-8, -1.137495573607015e-9, 5.960685338520971e-11,
];
/** exp(x^2) erfc(x) (1 + 2x) in powers of (x-4)/(x+4), for 0 <= x <= 28; the short one serves f32. */
const ERFC = [
  1.2329951186255526, -0.13962111684056253, 0.015379652102619622, 0.06809705425469532, -0.10103906603629773, 0.09373283499825626,
  -0.06633036581236003, 0.03716751553897756, -0.01619773405620888, 0.005031969964883256, -0.0007577732992367068,
  -0.0001992566255141101, 0.00015062172345584762, -2.4399442288356016e-5, -1.1222182985585404e-5, 5.710196910033735e-6,
  2.9416180030942447e-7, -8.259666582452672e-7, 7.410529846684767e-8, 1.1033304864082181e-7, -1.7469602919329462e-8,
  -1.4070594477140353e-8, 1.6772471847600568e-9, 1.1981287464369084e-9,
];
const ERFC_SHORT = [
  1.2329951184159804, -0.139621107833338, 0.01537967588942642, 0.06809670837780898, -0.10103954359870783, 0.09373660906183677,
  -0.06632653973480702, 0.03714988868378632, -0.016212829410858665, 0.005072268019475871, -0.0007270877085582109,
  -0.0002451576155196024, 0.00012041534917436219,
];
/** N. Juffa's polynomials for the single-precision error function: erf(x)/x - 1 in powers of x^2, and log(1 - erf(x)) beyond 0.9277. */
const ERF_F32_NEAR = [1.28379166e-1, -3.76125336e-1, 1.12819925e-1, -2.67681349e-2, 4.99119423e-3, -5.96761703e-4];
const ERF_F32_FAR = [-1.28717512e-1, -6.34846687e-1, -1.06777877e-1, 2.42546219e-2, -3.88396438e-3, 3.83197126e-4, -1.7285347e-5];

/** erfc of a non-negative float. */
function erfcPositive(size: Expr, short: boolean): Expr {
  const x = size.minimum(size.type === "f32" ? 10.5 : 28); // beyond, the result is 0
  const square = x.mul(x);
  const low = x.fma(x, square.neg());
  const t = x.sub(4).div(x.add(4));
  const scaled = polynomial(t, short ? ERFC_SHORT : ERFC).div(x.mulAdd(2, 1));
  return expScaled(square.neg(), low.neg(), scaled, short);
}
/** factor * exp(x + low), the factor near enough to 1 that only the end can be subnormal. */
function expScaled(x: Expr, low: Expr, factor: Expr, short: boolean): Expr {
  const { n, r } = reduceExp(x, low);
  return scaleBy(
    expm1Kernel(r, short ? EXP.f32 : EXP.f64)
      .add(1)
      .mul(factor),
    n,
  );
}
export function erfOf(x: Expr): Expr {
  const size = x.abs();
  if (x.type === "f32") {
    const s = x.mul(x);
    const near = polynomial(s, ERF_F32_NEAR).mulAdd(x, x);
    const t = size.minimum(4.5);
    const r = polynomial(t, ERF_F32_FAR).mulAdd(t, t.neg());
    const { n, r: q } = reduceExp(r);
    const p = powerOfTwo(n);
    const far = constant(1, "f32").sub(expm1Kernel(q).mulAdd(p, p));
    return select(size.gt(0.927734375), far.copysign(x), near);
  }
  const small = size.lt(1);
  const near = polynomial(x.mul(x), ERF).mulAdd(x, x);
  return select(small, near, constant(1, "f64").sub(erfcPositive(size, false)).copysign(x));
}
export function erfcOf(x: Expr, short: boolean): Expr {
  const y = erfcPositive(x.abs(), short);
  return select(x.lt(0), constant(2, x.type).sub(y), y);
}

/** erfinv on [0, 0.7] as x P(x^2) / Q(x^2), and beyond in sqrt(-log((1-x)/2)) (J. Blair and others, 1976, to about 1e-5). */
const ERFINV_P = [0.886226899, -1.645349621, 0.914624893, -0.140543331];
const ERFINV_Q = [1, -2.118377725, 1.442710462, -0.329097515, 0.012229801];
const ERFINV_TAIL_P = [-1.970840454, -1.624906493, 3.429567803, 1.641345311];
const ERFINV_TAIL_Q = [1, 3.5438892, 1.6370678];

/** The inverse of erf: an approximation, mended by two steps of Newton's method. */
export function erfinvOf(x: Expr, short: boolean): Expr {
  const { type } = x;
  const one = constant(1, type);
  const size = x.abs();
  const central = size.le(0.7);
  const square = size.mul(size);
  const rest = one.sub(size);
  const near = size.mul(polynomial(square, ERFINV_P)).div(polynomial(square, ERFINV_Q));
  const z = logOf(rest.mul(0.5), naturalLog).neg().sqrt();
  const far = polynomial(z, ERFINV_TAIL_P).div(polynomial(z, ERFINV_TAIL_Q));
  let y = select(central, near, far);
  for (let k = 0; k < (short ? 1 : 2); k++) {
    const missing = erfcPositive(y, type === "f32");
    const error = select(central, erfOf(y).sub(size), rest.sub(missing));
    y = y.sub(error.mul(expOf(y.mul(y))).mul(Math.sqrt(Math.PI) / 2));
  }
  const inside = select(size.eq(1), constant(Infinity, type), y);
  return select(size.le(1), inside.copysign(x), constant(Number.NaN, type));
}
