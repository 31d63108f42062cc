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
export { type InverseAndInfo, type SignAndLog, det, inv, invEx, slogdet, solve } from "./ops/linalg/inverse.ts";
export { matmul } from "./ops/linalg/matmul.ts";
export { type MatrixNormOrder, cond, matrixNorm, matrixRank, norm, pinv, vander, vectorNorm } from "./ops/linalg/norms.ts";
export { linalgCross as cross, vecdot } from "./ops/linalg/outer.ts";
export { linalgDiagonal as diagonal } from "./ops/views/select.ts";
