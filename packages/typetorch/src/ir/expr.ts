/**
 * Scalar expressions: what a kernel computes for one element. Nodes are immutable; equal nodes may or may not be the same object (renderers merge them by
 * structure). About forty primitives; each target has a render table that does not compile with a hole.
 */
import { type DType, kernelName } from "../core/dtype.ts";
import { NotSupportedError } from "../core/errors.ts";
import type { Num } from "./num.ts";

/** The type a value has inside a kernel. float16 and bfloat16 are computed as f32, the integers up to 32 bits as i32 (wrapped when stored). */
export type ScalarType = "f32" | "f64" | "i32" | "i64" | "bool";

/** `x -> y` of f32 or f64: what a target computes by a polynomial, see transcendental.ts. */
export type TranscendentalUnary =
  | "exp"
  | "exp2"
  | "expm1"
  | "log"
  | "log2"
  | "log10"
  | "log1p"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "erfc"
  | "erfinv"
  | "lgamma"
  | "digamma";
/** `(x, y) -> z` of f32 or f64, likewise. */
export type TranscendentalBinary = "pow" | "atan2" | "nextafter";
/** The primitives that are written out in the others. */
export type Transcendental = TranscendentalUnary | TranscendentalBinary;

/** `x -> y` of one type. The integer types have neg, abs, sign and the bit operations; `sqrt` is for f32 and f64. */
export type UnaryPrimitive = "neg" | "abs" | "sign" | "floor" | "ceil" | "trunc" | "round" | "not" | "sqrt" | TranscendentalUnary;

/**
 * `(x, y) -> z` of one type. `div` of integers truncates toward zero (by 0 gives 0; ops check before); `rem` is C's `%` and `fmod`; `max` and `min` give NaN
 * when either is NaN; `shl` and `shr` (arithmetic) are for integers; `and`, `or`, `xor` for integers and bool; `copysign` for floats.
 */
export type BinaryPrimitive =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "rem"
  | "max"
  | "min"
  | "copysign"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | TranscendentalBinary;

/** `(x, y) -> bool`; comparisons with NaN are false, except `ne`. */
export type ComparePrimitive = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

/**
 * Leaves. `input` k: the element of operand k, converted to its compute type. `param` k: a number given at call time. `accumulator` k: the result of
 * reduction k of an earlier pass (row kernels). `column`: the position in the row, i64. `columns`: the length of the row. `at` k: the element of input k at
 * the column given by args[0]. `local`, `load`, `index`: only in loop kernels, see loops.ts.
 */
export type LeafPrimitive =
  | "const"
  | "input"
  | "param"
  | "accumulator"
  | "column"
  | "columns"
  | "at"
  | "local"
  | "load"
  | "index"
  | "extent";

/** `fma` is a*b+c rounded once. `cast` converts by value as C does (float to integer truncates; to bool: != 0); `bitcast` keeps the bits (f32/i32, f64/i64). */
export type Primitive =
  | UnaryPrimitive
  | BinaryPrimitive
  | ComparePrimitive
  | LeafPrimitive
  | "select"
  | "fma"
  | "cast"
  | "bitcast";

export type Scalar = Expr | number;

/** Mark, in `ref` of an `fma`, that the product may be rounded, too. */
export const eitherWay: unique symbol = Symbol("either way");

/** The type in which elements of a dtype are computed. */
export function computeType(dtype: DType): ScalarType {
  switch (dtype.key) {
    case "f64":
      return "f64";
    case "f32":
    case "f16":
    case "bf16":
      return "f32";
    case "i64":
      return "i64";
    case "bool":
      return "bool";
    default:
      if (dtype.isComplex) throw complexNotImplemented("the operation", dtype);
      return "i32";
  }
}

/** What the user of a complex tensor is told where there is no kernel. */
export function complexNotImplemented(name: string, dtype: DType): NotSupportedError {
  return new NotSupportedError(
    `"${name}" not implemented for '${kernelName(dtype)}'`,
    "complex tensors can be loaded, viewed, copied, read, printed and saved; compute with torch.viewAsReal(x)",
  );
}

export class Expr implements Num<Expr> {
  readonly op: Primitive;
  readonly type: ScalarType;
  readonly args: readonly Expr[];
  /** The number of a `const` (bigint for an i64 outside the safe range); the position k of an `input`, `param`, `accumulator` or `at`; the id of a `local`. */
  readonly value: number | bigint;
  /** What a `load`, `index` or `extent` refers to: see loops.ts. */
  readonly ref: unknown;

  constructor(op: Primitive, type: ScalarType, args: readonly Expr[] = [], value: number | bigint = 0, ref: unknown = null) {
    this.op = op;
    this.type = type;
    this.args = args;
    this.value = value;
    this.ref = ref;
  }

  /** A constant of this expression's type; an expression of another type is refused. */
  private lift(x: Scalar): Expr {
    if (typeof x === "number") return constant(x, this.type);
    if (x.type !== this.type) throw new TypeError(`kernel expression: ${this.type} meets ${x.type} without a cast`);
    return x;
  }
  private unary(op: UnaryPrimitive): Expr {
    return new Expr(op, this.type, [this]);
  }
  private binary(op: BinaryPrimitive, other: Scalar): Expr {
    return new Expr(op, this.type, [this, this.lift(other)]);
  }
  private compare(op: ComparePrimitive, other: Scalar): Expr {
    return new Expr(op, "bool", [this, this.lift(other)]);
  }

  cast(type: ScalarType): Expr {
    return type === this.type ? this : new Expr("cast", type, [this]);
  }
  bitcast(type: ScalarType): Expr {
    return type === this.type ? this : new Expr("bitcast", type, [this]);
  }
  add(other: Scalar): Expr {
    return this.binary("add", other);
  }
  sub(other: Scalar): Expr {
    return this.binary("sub", other);
  }
  mul(other: Scalar): Expr {
    return this.binary("mul", other);
  }
  div(other: Scalar): Expr {
    return this.binary("div", other);
  }
  rem(other: Scalar): Expr {
    return this.binary("rem", other);
  }
  pow(other: Scalar): Expr {
    return this.binary("pow", other);
  }
  atan2(other: Scalar): Expr {
    return this.binary("atan2", other);
  }
  copysign(other: Scalar): Expr {
    return this.binary("copysign", other);
  }
  nextafter(other: Scalar): Expr {
    return this.binary("nextafter", other);
  }
  maximum(other: Scalar): Expr {
    return this.binary("max", other);
  }
  minimum(other: Scalar): Expr {
    return this.binary("min", other);
  }
  and(other: Scalar): Expr {
    return this.binary("and", other);
  }
  or(other: Scalar): Expr {
    return this.binary("or", other);
  }
  xor(other: Scalar): Expr {
    return this.binary("xor", other);
  }
  shl(other: Scalar): Expr {
    return this.binary("shl", other);
  }
  shr(other: Scalar): Expr {
    return this.binary("shr", other);
  }
  not(): Expr {
    return this.unary("not");
  }
  neg(): Expr {
    return this.unary("neg");
  }
  abs(): Expr {
    return this.unary("abs");
  }
  sign(): Expr {
    return this.unary("sign");
  }
  floor(): Expr {
    return this.unary("floor");
  }
  ceil(): Expr {
    return this.unary("ceil");
  }
  trunc(): Expr {
    return this.unary("trunc");
  }
  round(): Expr {
    return this.unary("round");
  }
  sqrt(): Expr {
    return this.unary("sqrt");
  }
  exp(): Expr {
    return this.unary("exp");
  }
  exp2(): Expr {
    return this.unary("exp2");
  }
  expm1(): Expr {
    return this.unary("expm1");
  }
  log(): Expr {
    return this.unary("log");
  }
  log2(): Expr {
    return this.unary("log2");
  }
  log10(): Expr {
    return this.unary("log10");
  }
  log1p(): Expr {
    return this.unary("log1p");
  }
  sin(): Expr {
    return this.unary("sin");
  }
  cos(): Expr {
    return this.unary("cos");
  }
  tan(): Expr {
    return this.unary("tan");
  }
  asin(): Expr {
    return this.unary("asin");
  }
  acos(): Expr {
    return this.unary("acos");
  }
  atan(): Expr {
    return this.unary("atan");
  }
  sinh(): Expr {
    return this.unary("sinh");
  }
  cosh(): Expr {
    return this.unary("cosh");
  }
  tanh(): Expr {
    return this.unary("tanh");
  }
  asinh(): Expr {
    return this.unary("asinh");
  }
  acosh(): Expr {
    return this.unary("acosh");
  }
  atanh(): Expr {
    return this.unary("atanh");
  }
  erf(): Expr {
    return this.unary("erf");
  }
  erfc(): Expr {
    return this.unary("erfc");
  }
  erfinv(): Expr {
    return this.unary("erfinv");
  }
  lgamma(): Expr {
    return this.unary("lgamma");
  }
  digamma(): Expr {
    return this.unary("digamma");
  }
  /** By reflection, six steps of the recurrence, and the asymptotic series. */
  trigamma(): Expr {
    const reflected = this.lt(0.5);
    let z = constant(1, this.type).sub(this).where(reflected, this);
    const sine = this.mul(Math.PI).sin();
    let sum: Expr = constant(-Math.PI * Math.PI, this.type)
      .div(sine.mul(sine))
      .where(reflected, 0);
    for (let i = 0; i < 6; i++) {
      sum = sum.add(z.mul(z).reciprocal());
      z = z.add(1);
    }
    const inverse = z.mul(z).reciprocal();
    const series = inverse.mul(
      inverse
        .mul(inverse.mul(-1 / 42).add(1 / 30))
        .neg()
        .add(1 / 6),
    );
    sum = sum.add(z.mul(2).reciprocal().add(1).add(series).div(z));
    return sum.neg().where(reflected, sum);
  }
  reciprocal(): Expr {
    return constant(1, this.type).div(this);
  }
  square(): Expr {
    return this.mul(this);
  }
  rsqrt(): Expr {
    return constant(1, this.type).div(this.sqrt());
  }
  sigmoid(): Expr {
    return this.neg().exp().add(1).reciprocal();
  }
  eq(other: Scalar): Expr {
    return this.compare("eq", other);
  }
  ne(other: Scalar): Expr {
    return this.compare("ne", other);
  }
  lt(other: Scalar): Expr {
    return this.compare("lt", other);
  }
  le(other: Scalar): Expr {
    return this.compare("le", other);
  }
  gt(other: Scalar): Expr {
    return this.compare("gt", other);
  }
  ge(other: Scalar): Expr {
    return this.compare("ge", other);
  }
  logicalAnd(other: Expr): Expr {
    return this.cast("bool").binary("and", other.cast("bool"));
  }
  logicalOr(other: Expr): Expr {
    return this.cast("bool").binary("or", other.cast("bool"));
  }
  logicalNot(): Expr {
    return this.cast("bool").unary("not");
  }
  where(condition: Expr, other: Scalar): Expr {
    return new Expr("select", this.type, [condition.cast("bool"), this, this.lift(other)]);
  }
  /** `this * factor + term`, rounded once or twice: whatever is quicker, where the difference does not matter. */
  mulAdd(factor: Scalar, term: Scalar): Expr {
    return new Expr("fma", this.type, [this, this.lift(factor), this.lift(term)], 0, eitherWay);
  }
  /** `this * factor + term`, rounded once. */
  fma(factor: Scalar, term: Scalar): Expr {
    return new Expr("fma", this.type, [this, this.lift(factor), this.lift(term)]);
  }
}

/** A number of the given type. */
export function constant(value: number | bigint, type: ScalarType): Expr {
  return new Expr("const", type, [], value);
}
/** The element of operand k. */
export function input(k: number, type: ScalarType): Expr {
  return new Expr("input", type, [], k);
}
/** A number given at call time; it travels as a float64 and is converted to `type` once. */
export function param(k: number, type: ScalarType): Expr {
  return new Expr("param", type, [], k);
}
/** The result of reduction k. */
export function accumulator(k: number, type: ScalarType): Expr {
  return new Expr("accumulator", type, [], k);
}
/** The element of input k of a row kernel at another column of the same row. */
export function at(k: number, column: Expr, type: ScalarType): Expr {
  return new Expr("at", type, [column.cast("i64")], k);
}
