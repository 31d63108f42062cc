/** `torch.nn.utils`: gradient clipping, parameters as vectors, sequences of different lengths. */
export { type ClipGradNormOptions, clipGradNorm_, clipGradValue_ } from "./clipGrad.ts";
export { parametersToVector, vectorToParameters } from "./convertParameters.ts";
export * as rnn from "./rnn.ts";
