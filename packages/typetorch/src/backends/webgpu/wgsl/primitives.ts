/**
 * What each primitive is in WGSL, by the type of its operands. f64 and i64 are `vec2<u32>`, see doubles.ts and integers.ts.
 */
import type { LeafPrimitive, Primitive, ScalarType, Transcendental } from "../../../ir/expr.ts";
import { isTranscendental } from "../../../ir/transcendental.ts";

/** WGSL's name of a scalar type. */
export const typeNames: Readonly<Record<ScalarType, string>> = {
  f32: "f32",
  f64: "vec2<u32>",
  i32: "i32",
  i64: "vec2<u32>",
  bool: "bool",
};

/** Makes text of the texts of the operands. */
type Render = (a: string, b: string, c: string) => string;
type Renders = Partial<Record<ScalarType, Render>>;

const call =
  (name: string): Render =>
  (a, b, c) =>
    `${name}(${[a, b, c].filter((x) => x !== undefined).join(", ")})`;
const infix =
  (op: string): Render =>
  (a, b) =>
    `(${a} ${op} ${b})`;
const same: Render = (a) => a;

/** A function with a version for each type: `f32_max`, `i64_max` … */
function versions(name: string, ...types: readonly ScalarType[]): Renders {
  return Object.fromEntries(types.map((type) => [type, call(`${type}_${name}`)]));
}
/** A transcendental function: functions.ts writes it. */
const made = (name: string): Renders => versions(name, "f32", "f64");
/** The same operator for words. */
function words(op: string, bool: Render): Renders {
  return { i32: infix(op), i64: infix(op), bool };
}

const or = infix("|");
const and = infix("&");
const differ = infix("!=");
/** bool as 0 or 1, to be ordered */
const digit = (a: string): string => `select(0u, 1u, ${a})`;

const table = {
  neg: { f32: (a) => `(-${a})`, i32: (a) => `(-${a})`, ...versions("neg", "f64", "i64") },
  abs: { f32: call("abs"), i32: call("abs"), bool: same, ...versions("abs", "f64", "i64") },
  sign: { i32: call("sign"), bool: same, ...versions("sign", "f32", "f64", "i64") },
  floor: { f32: call("floor"), i32: same, i64: same, ...versions("floor", "f64") },
  ceil: { f32: call("ceil"), i32: same, i64: same, ...versions("ceil", "f64") },
  trunc: { f32: call("trunc"), i32: same, i64: same, ...versions("trunc", "f64") },
  round: { f32: call("round"), i32: same, i64: same, f64: call("f64_rint") },
  not: { i32: (a) => `(~${a})`, i64: (a) => `(~${a})`, bool: (a) => `(!${a})` },
  sqrt: versions("sqrt", "f32", "f64"),
  exp: made("exp"),
  exp2: made("exp2"),
  expm1: made("expm1"),
  log: made("log"),
  log2: made("log2"),
  log10: made("log10"),
  log1p: made("log1p"),
  sin: made("sin"),
  cos: made("cos"),
  tan: made("tan"),
  asin: made("asin"),
  acos: made("acos"),
  atan: made("atan"),
  sinh: made("sinh"),
  cosh: made("cosh"),
  tanh: made("tanh"),
  asinh: made("asinh"),
  acosh: made("acosh"),
  atanh: made("atanh"),
  erf: made("erf"),
  erfc: made("erfc"),
  erfinv: made("erfinv"),
  lgamma: made("lgamma"),
  digamma: made("digamma"),
  add: { f32: infix("+"), i32: infix("+"), bool: or, ...versions("add", "f64", "i64") },
  sub: { f32: infix("-"), i32: infix("-"), bool: differ, ...versions("sub", "f64", "i64") },
  mul: { f32: infix("*"), i32: infix("*"), bool: and, ...versions("mul", "f64", "i64") },
  div: versions("div", "f32", "f64", "i32", "i64"),
  rem: versions("rem", "f32", "f64", "i32", "i64"),
  max: { i32: call("max"), bool: or, ...versions("max", "f32", "f64", "i64") },
  min: { i32: call("min"), bool: and, ...versions("min", "f32", "f64", "i64") },
  pow: made("pow"),
  atan2: made("atan2"),
  copysign: versions("copysign", "f32", "f64"),
  nextafter: made("nextafter"),
  and: words("&", and),
  or: words("|", or),
  xor: words("^", differ),
  shl: versions("shl", "i32", "i64"),
  shr: versions("shr", "i32", "i64"),
  eq: { f32: infix("=="), i32: infix("=="), bool: infix("=="), ...versions("eq", "f64", "i64") },
  ne: {
    f32: call("f32_ne"),
    i32: infix("!="),
    bool: differ,
    f64: (a, b) => `(!f64_eq(${a}, ${b}))`,
    i64: (a, b) => `(!i64_eq(${a}, ${b}))`,
  },
  lt: {
    f32: infix("<"),
    i32: infix("<"),
    bool: (a, b) => `(${digit(a)} < ${digit(b)})`,
    ...versions("lt", "f64", "i64"),
  },
  le: {
    f32: infix("<="),
    i32: infix("<="),
    bool: (a, b) => `(${digit(a)} <= ${digit(b)})`,
    f64: call("f64_le"),
    i64: (a, b) => `(!i64_lt(${b}, ${a}))`,
  },
  gt: {
    f32: infix(">"),
    i32: infix(">"),
    bool: (a, b) => `(${digit(a)} > ${digit(b)})`,
    f64: (a, b) => `f64_lt(${b}, ${a})`,
    i64: (a, b) => `i64_lt(${b}, ${a})`,
  },
  ge: {
    f32: infix(">="),
    i32: infix(">="),
    bool: (a, b) => `(${digit(a)} >= ${digit(b)})`,
    f64: (a, b) => `f64_le(${b}, ${a})`,
    i64: (a, b) => `(!i64_lt(${a}, ${b}))`,
  },
  select: Object.fromEntries(
    (["f32", "f64", "i32", "i64", "bool"] as const).map((type) => [
      type,
      (c: string, a: string, b: string) => `select(${b}, ${a}, ${c})`,
    ]),
  ),
  // fused where the device fuses; what needs the rounding error of a product is recognised in expressions.ts
  fma: {
    f32: call("fma"),
    f64: call("f64_fma"),
    i32: (a, b, c) => `(${a} * ${b} + ${c})`,
    i64: (a, b, c) => `i64_add(i64_mul(${a}, ${b}), ${c})`,
  },
} satisfies Record<Exclude<Primitive, LeafPrimitive | "cast" | "bitcast">, Renders>;

type Cast = `${ScalarType}>${ScalarType}`;
const casts: Partial<Record<Cast, Render>> = {
  "f32>f64": call("f64_of_f32"),
  "f32>i32": call("i32_of_f32"),
  "f32>i64": call("i64_of_f32"),
  "f32>bool": call("f32_nonzero"),
  "f64>f32": call("f32_of_f64"),
  "f64>i32": call("i32_of_f64"),
  "f64>i64": call("i64_of_f64"),
  "f64>bool": call("f64_nonzero"),
  "i32>f32": call("f32"),
  "i32>f64": call("f64_of_i32"),
  "i32>i64": call("i64_of_i32"),
  "i32>bool": (a) => `(${a} != 0)`,
  "i64>f32": call("f32_of_i64"),
  "i64>f64": call("f64_of_i64"),
  "i64>i32": (a) => `bitcast<i32>(${a}.x)`,
  "i64>bool": (a) => `any(${a} != vec2<u32>())`,
  "bool>f32": (a) => `select(0.0, 1.0, ${a})`,
  "bool>f64": call("f64_of_bool"),
  "bool>i32": (a) => `select(0, 1, ${a})`,
  "bool>i64": call("i64_of_bool"),
};
const bitcasts: Partial<Record<Cast, Render>> = {
  "f32>i32": (a) => `bitcast<i32>(${a})`,
  "i32>f32": (a) => `bitcast<f32>(${a})`,
  "f64>i64": same,
  "i64>f64": same,
};

/** Text of a primitive that is not a leaf, for operands of type `from`. */
export function renderPrimitive(
  op: Exclude<Primitive, LeafPrimitive>,
  from: ScalarType,
  to: ScalarType,
  operands: readonly string[],
): string {
  let render: Render | undefined;
  if (op === "cast") render = from === to ? same : casts[`${from}>${to}`];
  else if (op === "bitcast") render = from === to ? same : bitcasts[`${from}>${to}`];
  else render = (table[op] as Renders)[op === "select" ? to : from];
  if (render === undefined)
    throw new TypeError(`kernel expression: ${op} is not defined for ${from}${from === to ? "" : ` to ${to}`}`);
  return (render as (...args: readonly string[]) => string)(...operands);
}

/** The primitive and type of a function that functions.ts has to write: `f32_exp`. */
export function madeFunction(name: string): { op: Transcendental; type: "f32" | "f64" } | null {
  const [, type, op] = /^(f32|f64)_([a-z0-9]+)$/.exec(name) ?? [];
  return op !== undefined && isTranscendental(op) ? { op, type: type as "f32" | "f64" } : null;
}

const bits = new DataView(new ArrayBuffer(8));
const hex = (x: number): string => `0x${x.toString(16)}u`;

/** The low and the high word of an i64, or of the bits of an f64. */
export function wordsOf(value: number | bigint, type: "i64" | "f64"): [low: number, high: number] {
  if (type === "f64") bits.setFloat64(0, Number(value));
  else bits.setBigInt64(0, typeof value === "bigint" ? BigInt.asIntN(64, value) : longOf(value));
  return [bits.getUint32(4), bits.getUint32(0)];
}
/** C's conversion, as kernels do it. */
function longOf(x: number): bigint {
  return x >= -(2 ** 63) && x < 2 ** 63 ? BigInt(Math.trunc(x)) : -(2n ** 63n);
}

/** A constant. What WGSL does not let one write, infinities and NaN, is made at run time. */
export function constantText(value: number | bigint, type: ScalarType): string {
  switch (type) {
    case "f32": {
      const x = Math.fround(Number(value));
      if (Number.isFinite(x) && !Object.is(x, -0)) {
        if (Math.abs(x) >= 2 ** -126 || x === 0) return x < 0 ? `(${x}f)` : `${x}f`;
      }
      bits.setFloat32(0, x);
      return `bitcast<f32>(${hex(bits.getUint32(0))} ^ zero_bits())`;
    }
    case "i32": {
      const x = Number(value);
      const int = x > -2147483649 && x < 2147483648 ? x | 0 : -2147483648;
      return int < 0 ? `i32(${int})` : `${int}`;
    }
    case "bool":
      return String(Number(value) !== 0);
    default: {
      const [low, high] = wordsOf(value, type);
      return `vec2<u32>(${hex(low)}, ${hex(high)})`;
    }
  }
}
