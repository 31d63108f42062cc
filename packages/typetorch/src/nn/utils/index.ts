/** `torch.nn.utils`: gradient clipping, parameters as vectors, sequences of different lengths. */
export { parametersToVector, vectorToParameters } from "./convertParameters.ts";
export * as rnn from "./rnn.ts";
