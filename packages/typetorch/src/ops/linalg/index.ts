export { addbmm, addmm, addmv, addr, baddbmm } from "./addmm.ts";
export { type CdistOptions, cdist } from "./cdist.ts";
export { chainMatmul, matrixPower } from "./chain.ts";
export { einsum } from "./einsum.ts";
export { bmm, dot, matmul, mm, mv } from "./matmul.ts";
export { cross, ger, inner, kron, outer, tensordot, vdot } from "./outer.ts";
export { cholesky, oldQr as qr, oldSvd as svd, triangularSolve } from "./decompositions.ts";
export { det, inverse, logdet, slogdet } from "./inverse.ts";
export { pinverse } from "./norms.ts";
