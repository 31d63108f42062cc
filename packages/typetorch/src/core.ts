/**
 * `typetorch/core`: the torch namespace without its rarer functions (see ops/core.ts), for pages that have to load quickly. `typetorch/nn`, `typetorch/optim`,
 * `typetorch/webgpu` and the others go with it, and `import "typetorch"` adds everything else.
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
export * from "./serialization/index.ts";
export * from "./tensor/core.ts";
