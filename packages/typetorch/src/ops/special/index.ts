/**
 * `torch.special`.
 */
export { digamma as psi } from "../math/special.ts";
export { digamma, erf, erfc, erfinv, lgamma as gammaln } from "../math/special.ts";
export { exp2, expm1, log1p } from "../math/exp.ts";
export { logit, xlogy } from "../math/logAddExp.ts";
export { round } from "../math/rounding.ts";
export { sinc } from "../math/angle.ts";
export { sigmoid as expit } from "../math/hyperbolic.ts";
export {
  airyAi,
  besselJ0,
  besselJ1,
  besselY0,
  besselY1,
  i0,
  i0e,
  i1,
  i1e,
  modifiedBesselI0,
  modifiedBesselI1,
  modifiedBesselK0,
  modifiedBesselK1,
  scaledModifiedBesselK0,
  scaledModifiedBesselK1,
  sphericalBesselJ0,
} from "./bessel.ts";
export * from "./polynomials.ts";
export { igamma as gammainc, igammac as gammaincc, mvlgamma as multigammaln, polygamma, zeta } from "./gamma.ts";
export { entr, erfcx, logNdtr, ndtr, ndtri, xlog1py } from "./normal.ts";
