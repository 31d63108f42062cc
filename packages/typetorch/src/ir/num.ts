/**
 * The algebra in which derivatives and pointwise forwards are written once. `Expr` implements it (the text becomes a kernel) and so does `Tensor` (the same
 * text is the differentiable backward), hence the names: they are the Tensor's methods.
 */
export interface Num<T> {
  add(other: T | number): T;
  sub(other: T | number): T;
  mul(other: T | number): T;
  div(other: T | number): T;
  pow(exponent: T | number): T;
  neg(): T;
  abs(): T;
  sign(): T;
  reciprocal(): T;
  square(): T;
  sqrt(): T;
  rsqrt(): T;
  exp(): T;
  exp2(): T;
  expm1(): T;
  log(): T;
  log2(): T;
  log10(): T;
  log1p(): T;
  sin(): T;
  cos(): T;
  tan(): T;
  asin(): T;
  acos(): T;
  atan(): T;
  sinh(): T;
  cosh(): T;
  tanh(): T;
  asinh(): T;
  acosh(): T;
  atanh(): T;
  erf(): T;
  erfc(): T;
  erfinv(): T;
  lgamma(): T;
  digamma(): T;
  /** The derivative of digamma. */
  trigamma(): T;
  sigmoid(): T;
  atan2(other: T): T;
  floor(): T;
  ceil(): T;
  trunc(): T;
  /** Nearest integer, halves to even. */
  round(): T;
  /** NaN when either is NaN. */
  maximum(other: T): T;
  minimum(other: T): T;
  eq(other: T | number): T;
  ne(other: T | number): T;
  lt(other: T | number): T;
  le(other: T | number): T;
  gt(other: T | number): T;
  ge(other: T | number): T;
  logicalAnd(other: T): T;
  logicalOr(other: T): T;
  logicalNot(): T;
  /** This value where `condition` holds, else `other`: `x.where(c, y)` is PyTorch's `torch.where(c, x, y)`. */
  where(condition: T, other: T | number): T;
}
