/**
 * The ops of `typetorch/core`: what models are made of and trained with. Left out are families that a program rarely needs: decompositions and solvers, special
 * functions, histograms, quantiles and unique elements, and the rarer ways of indexing. A type check proves that the listed ones use no method of the others.
 */
export {
  celu,
  celu_,
  hardshrink,
  prelu,
  relu,
  relu_,
  rrelu,
  rrelu_,
  selu,
  selu_,
  threshold,
  threshold_,
} from "./activation/index.ts";
export * from "./arithmetic/index.ts";
export * from "./bitwise/bitwise.ts";
export * from "./comparison/index.ts";
export * from "./factory/index.ts";
export { gather, scatter, scatterAdd } from "./indexing/gather.ts";
export { indexPut } from "./indexing/advanced.ts";
export { type Index, type IndexArray, Slice, slice } from "./indexing/at.ts";
export { indexSelect } from "./indexing/indexSelect.ts";
export { maskedFill, maskedSelect } from "./indexing/masked.ts";
export { argwhere, nonzero } from "./indexing/nonzero.ts";
export { addbmm, addmm, addmv, addr, baddbmm } from "./linalg/addmm.ts";
export { cross, ger, inner, kron, outer, tensordot, vdot } from "./linalg/outer.ts";
export { bmm, dot, matmul, mm, mv } from "./linalg/matmul.ts";
export * from "./math/index.ts";
export * from "./memory/index.ts";
export { diag, diagEmbed, diagflat, trace } from "./movement/diag.ts";
export { flip } from "./movement/flip.ts";
export { tril, triu } from "./movement/triangle.ts";
export * from "./random/index.ts";
export * from "./reduction/any.ts";
export { type ArgOptions, argmax, argmin } from "./reduction/argmax.ts";
export { type MinMax, amax, amin, aminmax, max, min } from "./reduction/extreme.ts";
export { logsumexp } from "./reduction/logsumexp.ts";
export { dist, norm, renorm } from "./reduction/norm.ts";
export { cummax, cummin, cumprod, cumsum, logcumsumexp } from "./reduction/cumulative.ts";
export { prod } from "./reduction/prod.ts";
export * from "./reduction/sum.ts";
export { std, stdMean, var, varMean } from "./reduction/variance.ts";
export { argsort, msort, sort, topk } from "./sorting/sort.ts";
export * from "./views/index.ts";
export { layerNorm, logSoftmax, softmax } from "./nn/index.ts";
export { igamma, igammac, mvlgamma, polygamma } from "./special/gamma.ts";
