/**
 * The torch namespace: re-exports only.
 */
export * as autograd from "./autograd/index.ts";
export { Counter, DefaultDict, FrozenSet, OrderedDict, Size } from "./core/collections.ts";
export { Complex } from "./core/complex.ts";
export {
  DType,
  bfloat16,
  bool,
  canCast,
  cdouble,
  cfloat,
  chalf,
  complex128,
  complex32,
  complex64,
  double,
  float,
  float16,
  float32,
  float64,
  getDefaultDtype,
  half,
  int,
  int16,
  int32,
  int64,
  int8,
  long,
  promoteTypes,
  setDefaultDtype,
  short,
  uint8,
} from "./core/dtype.ts";
export * from "./core/errors.ts";
export { type PrintOptions, setPrintoptions } from "./core/format.ts";
export { Generator } from "./core/random/generator.ts";
export { Scalar, resultType } from "./core/promotion.ts";
export { Device } from "./core/storage.ts";
export * as fft from "./fft.ts";
export * as linalg from "./linalg.ts";
export * as masked from "./masked.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * from "./serialization/index.ts";
export * from "./tensor/index.ts";
export * as webgpu from "./webgpu.ts";
export * as utils from "./utils.ts";
