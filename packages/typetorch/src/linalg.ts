/**
 * Linear algebra, as `torch.linalg`.
 */
export { matrixPower, multiDot } from "./ops/linalg/chain.ts";
export {
  type CholeskyResult,
  type EighResult,
  type QrResult,
  type SvdResult,
  cholesky,
  choleskyEx,
  eigh,
  eigvalsh,
  qr,
  solveTriangular,
  svd,
  svdvals,
} from "./ops/linalg/decompositions.ts";
export {
  type InverseAndInfo,
  type SignAndLog,
  det,
  inv,
  invEx,
  slogdet,
  solve,
  solveEx,
  type ResultAndInfo,
} from "./ops/linalg/inverse.ts";
export { matmul } from "./ops/linalg/matmul.ts";
export { type MatrixNormOrder, cond, matrixNorm, matrixRank, norm, pinv, vander, vectorNorm } from "./ops/linalg/norms.ts";
export { linalgCross as cross, vecdot } from "./ops/linalg/outer.ts";
export { linalgDiagonal as diagonal } from "./ops/views/select.ts";
export {
  type LuFactor,
  type LuFactorInfo,
  type LuParts,
  linalgLuSolve as luSolve,
  luFactor,
  luFactorEx,
  luParts as lu,
} from "./ops/linalg/lu.ts";
export { householderProduct } from "./ops/linalg/householder.ts";
export { type LdlFactor, type LdlFactorInfo, ldlFactor, ldlFactorEx, ldlSolve } from "./ops/linalg/ldl.ts";
export { type LeastSquares, type LeastSquaresDriver, lstsq } from "./ops/linalg/lstsq.ts";
export { matrixExp } from "./ops/linalg/matrixExp.ts";
export { tensorinv, tensorsolve } from "./ops/linalg/tensorSolve.ts";
