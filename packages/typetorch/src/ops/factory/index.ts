export { empty, emptyLike, emptyStrided, full, fullLike, ones, onesLike, zeros, zerosLike } from "./fill.ts";
export type { FactoryOptions } from "./options.ts";
export * from "./range.ts";
export { type TensorData, asTensor, scalar, tensor } from "./tensor.ts";
