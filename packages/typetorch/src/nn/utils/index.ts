/** `torch.nn.utils`: gradient clipping, parameters as vectors, sequences of different lengths. */
export { type ClipGradNormOptions, clipGradNorm_, clipGradValue_ } from "./clipGrad.ts";
export { parametersToVector, vectorToParameters } from "./convertParameters.ts";
export { fuseConvBnEval, fuseConvBnWeights } from "./fusion.ts";
export * as rnn from "./rnn.ts";
export { removeSpectralNorm, spectralNorm } from "./spectralNorm.ts";
export { removeWeightNorm, weightNorm } from "./weightNorm.ts";
export * as stateless from "./stateless.ts";
