/**
 * What each primitive means in JavaScript: as a function (closures, under a strict content security policy) and as text (generated code). Values: f32 and f64
 * are numbers (f32 rounded after each operation), i32 numbers, i64 bigints, bool booleans.
 */
import { fma32, fma64 } from "../../../core/fma.ts";
import * as special from "../../../core/special.ts";
import type {
  BinaryPrimitive,
  ComparePrimitive,
  LeafPrimitive,
  Primitive,
  ScalarType,
  UnaryPrimitive,
} from "../../../ir/expr.ts";

export type Value = number | bigint | boolean;
// Each entry below is well typed; the table is indexed by types that are only known at run time, so its function type is the widest.
type Run = (...args: never[]) => Value;

/** Text and function of one primitive for one type; the text is made of the texts of its operands. */
export interface Meaning {
  readonly text: (...args: string[]) => string;
  readonly run: Run;
}

const fround = Math.fround;

/** Names that generated code refers to. */
export const helpers = {
  ...special,
  fma32,
  fma64,
  fround,
  asIntN: BigInt.asIntN,
  shl64,
  shr64,
  div64,
  rem64,
  remInt,
  divInt,
  shlInt,
  shrInt,
};

function div64(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : BigInt.asIntN(64, a / b);
}
function rem64(a: bigint, b: bigint): bigint {
  return b === 0n ? 0n : a % b;
}
/** Shifts by the width or more (or by a negative count) leave nothing but the sign, as the vector instructions do. */
function shl64(a: bigint, b: bigint): bigint {
  return b < 0n || b > 63n ? 0n : BigInt.asIntN(64, a << b);
}
function shr64(a: bigint, b: bigint): bigint {
  return b < 0n || b > 63n ? (a < 0n ? -1n : 0n) : a >> b;
}
function divInt(a: number, b: number): number {
  return b === 0 ? 0 : (a / b) | 0;
}
function remInt(a: number, b: number): number {
  return b === 0 ? 0 : (a % b) | 0;
}
function shlInt(a: number, b: number): number {
  return b < 0 || b > 31 ? 0 : a << b;
}
function shrInt(a: number, b: number): number {
  return b < 0 || b > 31 ? a >> 31 : a >> b;
}

type Meanings = Partial<Record<ScalarType, Meaning>>;

/** A function of doubles: f64 as it is, f32 rounded. */
function real(name: string, f: (x: number) => number): Meanings {
  return {
    f64: { text: (a) => `${name}(${a})`, run: f },
    f32: { text: (a) => `fround(${name}(${a}))`, run: (a: number) => fround(f(a)) },
  };
}
function real2(name: string, f: (x: number, y: number) => number): Meanings {
  return {
    f64: { text: (a, b) => `${name}(${a}, ${b})`, run: f },
    f32: { text: (a, b) => `fround(${name}(${a}, ${b}))`, run: (a: number, b: number) => fround(f(a, b)) },
  };
}
/** A function whose result needs no rounding in f32. */
function exact(name: string, f: (x: number) => number): Meanings {
  const meaning: Meaning = { text: (a) => `${name}(${a})`, run: f };
  return { f32: meaning, f64: meaning };
}
const keep: Meaning = { text: (a) => a!, run: (a: number) => a };

const unary = {
  neg: {
    f32: { text: (a) => `(-${a})`, run: (a: number) => -a },
    f64: { text: (a) => `(-${a})`, run: (a: number) => -a },
    i32: { text: (a) => `(-${a} | 0)`, run: (a: number) => -a | 0 },
    i64: { text: (a) => `asIntN(64, -${a})`, run: (a: bigint) => BigInt.asIntN(64, -a) },
  },
  abs: {
    ...exact("Math.abs", Math.abs),
    i32: { text: (a) => `(Math.abs(${a}) | 0)`, run: (a: number) => Math.abs(a) | 0 },
    i64: { text: (a) => `(${a} < 0n ? asIntN(64, -${a}) : ${a})`, run: (a: bigint) => (a < 0n ? BigInt.asIntN(64, -a) : a) },
    bool: keep,
  },
  sign: {
    ...exact("signOf", special.signOf),
    i32: { text: (a) => `signOf(${a})`, run: special.signOf },
    i64: { text: (a) => `(${a} > 0n ? 1n : ${a} < 0n ? -1n : 0n)`, run: (a: bigint) => (a > 0n ? 1n : a < 0n ? -1n : 0n) },
    bool: keep,
  },
  floor: { ...exact("Math.floor", Math.floor), i32: keep, i64: keep },
  ceil: { ...exact("Math.ceil", Math.ceil), i32: keep, i64: keep },
  trunc: { ...exact("Math.trunc", Math.trunc), i32: keep, i64: keep },
  round: { ...exact("roundHalfEven", special.roundHalfEven), i32: keep, i64: keep },
  not: {
    i32: { text: (a) => `(~${a})`, run: (a: number) => ~a },
    i64: { text: (a) => `(~${a})`, run: (a: bigint) => ~a },
    bool: { text: (a) => `(!${a})`, run: (a: boolean) => !a },
  },
  sqrt: real("Math.sqrt", Math.sqrt),
  exp: real("Math.exp", Math.exp),
  exp2: {
    f64: { text: (a) => `(2 ** ${a})`, run: (a: number) => 2 ** a },
    f32: { text: (a) => `fround(2 ** ${a})`, run: (a: number) => fround(2 ** a) },
  },
  expm1: real("Math.expm1", Math.expm1),
  log: real("Math.log", Math.log),
  log2: real("Math.log2", Math.log2),
  log10: real("Math.log10", Math.log10),
  log1p: real("Math.log1p", Math.log1p),
  sin: real("Math.sin", Math.sin),
  cos: real("Math.cos", Math.cos),
  tan: real("Math.tan", Math.tan),
  asin: real("Math.asin", Math.asin),
  acos: real("Math.acos", Math.acos),
  atan: real("Math.atan", Math.atan),
  sinh: real("Math.sinh", Math.sinh),
  cosh: real("Math.cosh", Math.cosh),
  tanh: real("Math.tanh", Math.tanh),
  asinh: real("Math.asinh", Math.asinh),
  acosh: real("Math.acosh", Math.acosh),
  atanh: real("Math.atanh", Math.atanh),
  erf: real("erf", special.erf),
  erfc: real("erfc", special.erfc),
  erfinv: real("erfinv", special.erfinv),
  lgamma: real("lgamma", special.lgamma),
  digamma: real("digamma", special.digamma),
} satisfies Record<UnaryPrimitive, Meanings>;

const or: Meaning = { text: (a, b) => `(${a} || ${b})`, run: (a: boolean, b: boolean) => a || b };
const and: Meaning = { text: (a, b) => `(${a} && ${b})`, run: (a: boolean, b: boolean) => a && b };
const xor: Meaning = { text: (a, b) => `(${a} !== ${b})`, run: (a: boolean, b: boolean) => a !== b };

function call2<T extends Value>(name: string, f: (a: T, b: T) => T): Meaning {
  return { text: (a, b) => `${name}(${a}, ${b})`, run: f };
}
const max: Meaning = call2("Math.max", (a: number, b: number) => Math.max(a, b));
const min: Meaning = call2("Math.min", (a: number, b: number) => Math.min(a, b));

const binary = {
  add: {
    f32: { text: (a, b) => `fround(${a} + ${b})`, run: (a: number, b: number) => fround(a + b) },
    f64: { text: (a, b) => `(${a} + ${b})`, run: (a: number, b: number) => a + b },
    i32: { text: (a, b) => `(${a} + ${b} | 0)`, run: (a: number, b: number) => (a + b) | 0 },
    i64: { text: (a, b) => `asIntN(64, ${a} + ${b})`, run: (a: bigint, b: bigint) => BigInt.asIntN(64, a + b) },
    bool: or,
  },
  sub: {
    f32: { text: (a, b) => `fround(${a} - ${b})`, run: (a: number, b: number) => fround(a - b) },
    f64: { text: (a, b) => `(${a} - ${b})`, run: (a: number, b: number) => a - b },
    i32: { text: (a, b) => `(${a} - ${b} | 0)`, run: (a: number, b: number) => (a - b) | 0 },
    i64: { text: (a, b) => `asIntN(64, ${a} - ${b})`, run: (a: bigint, b: bigint) => BigInt.asIntN(64, a - b) },
    bool: xor,
  },
  mul: {
    f32: { text: (a, b) => `fround(${a} * ${b})`, run: (a: number, b: number) => fround(a * b) },
    f64: { text: (a, b) => `(${a} * ${b})`, run: (a: number, b: number) => a * b },
    i32: { text: (a, b) => `Math.imul(${a}, ${b})`, run: Math.imul },
    i64: { text: (a, b) => `asIntN(64, ${a} * ${b})`, run: (a: bigint, b: bigint) => BigInt.asIntN(64, a * b) },
    bool: and,
  },
  div: {
    f32: { text: (a, b) => `fround(${a} / ${b})`, run: (a: number, b: number) => fround(a / b) },
    f64: { text: (a, b) => `(${a} / ${b})`, run: (a: number, b: number) => a / b },
    i32: call2("divInt", divInt),
    i64: call2("div64", div64),
  },
  rem: {
    f32: { text: (a, b) => `(${a} % ${b})`, run: (a: number, b: number) => a % b },
    f64: { text: (a, b) => `(${a} % ${b})`, run: (a: number, b: number) => a % b },
    i32: call2("remInt", remInt),
    i64: call2("rem64", rem64),
  },
  max: {
    f32: max,
    f64: max,
    i32: max,
    i64: { text: (a, b) => `(${a} > ${b} ? ${a} : ${b})`, run: (a: bigint, b: bigint) => (a > b ? a : b) },
    bool: or,
  },
  min: {
    f32: min,
    f64: min,
    i32: min,
    i64: { text: (a, b) => `(${a} < ${b} ? ${a} : ${b})`, run: (a: bigint, b: bigint) => (a < b ? a : b) },
    bool: and,
  },
  pow: real2("power", special.power),
  atan2: real2("Math.atan2", Math.atan2),
  copysign: { f32: call2("copysign", special.copysign), f64: call2("copysign", special.copysign) },
  nextafter: { f32: call2("nextafter32", special.nextafter32), f64: call2("nextafter64", special.nextafter64) },
  and: {
    i32: { text: (a, b) => `(${a} & ${b})`, run: (a: number, b: number) => a & b },
    i64: { text: (a, b) => `(${a} & ${b})`, run: (a: bigint, b: bigint) => a & b },
    bool: and,
  },
  or: {
    i32: { text: (a, b) => `(${a} | ${b})`, run: (a: number, b: number) => a | b },
    i64: { text: (a, b) => `(${a} | ${b})`, run: (a: bigint, b: bigint) => a | b },
    bool: or,
  },
  xor: {
    i32: { text: (a, b) => `(${a} ^ ${b})`, run: (a: number, b: number) => a ^ b },
    i64: { text: (a, b) => `(${a} ^ ${b})`, run: (a: bigint, b: bigint) => a ^ b },
    bool: xor,
  },
  shl: { i32: call2("shlInt", shlInt), i64: call2("shl64", shl64) },
  shr: { i32: call2("shrInt", shrInt), i64: call2("shr64", shr64) },
} satisfies Record<BinaryPrimitive, Meanings>;

function comparison(op: string, run: (a: Value, b: Value) => boolean): Meanings {
  const meaning: Meaning = { text: (a, b) => `(${a} ${op} ${b})`, run };
  return { f32: meaning, f64: meaning, i32: meaning, i64: meaning, bool: meaning };
}
const compare = {
  eq: comparison("===", (a, b) => a === b),
  ne: comparison("!==", (a, b) => a !== b),
  lt: comparison("<", (a, b) => a < b),
  le: comparison("<=", (a, b) => a <= b),
  gt: comparison(">", (a, b) => a > b),
  ge: comparison(">=", (a, b) => a >= b),
} satisfies Record<ComparePrimitive, Meanings>;

const choose: Meaning = { text: (c, a, b) => `(${c} ? ${a} : ${b})`, run: (c: boolean, a: Value, b: Value) => (c ? a : b) };

/** Meanings by operand type; the leaves and the casts have their own rules in the renderers. */
const table = {
  ...unary,
  ...binary,
  ...compare,
  select: { f32: choose, f64: choose, i32: choose, i64: choose, bool: choose },
  fma: {
    f32: { text: (a, b, c) => `fma32(${a}, ${b}, ${c})`, run: fma32 },
    f64: { text: (a, b, c) => `fma64(${a}, ${b}, ${c})`, run: fma64 },
    i32: {
      text: (a, b, c) => `(Math.imul(${a}, ${b}) + ${c} | 0)`,
      run: (a: number, b: number, c: number) => (Math.imul(a, b) + c) | 0,
    },
    i64: {
      text: (a, b, c) => `asIntN(64, ${a} * ${b} + ${c})`,
      run: (a: bigint, b: bigint, c: bigint) => BigInt.asIntN(64, a * b + c),
    },
  },
} satisfies Record<Exclude<Primitive, LeafPrimitive | "cast" | "bitcast">, Meanings>;

type Cast = `${ScalarType}>${ScalarType}`;
const truth: Meaning = { text: (a) => `(${a} !== 0)`, run: (a: number) => a !== 0 };
const round32: Meaning = { text: (a) => `fround(${a})`, run: fround };
const toInt: Meaning = { text: (a) => `floatToInt32(${a})`, run: special.floatToInt32 };
const toLong: Meaning = { text: (a) => `floatToInt64(${a})`, run: special.floatToInt64 };
const bit: Meaning = { text: (a) => `(${a} ? 1 : 0)`, run: (a: boolean) => (a ? 1 : 0) };

const casts: Partial<Record<Cast, Meaning>> = {
  "f32>f64": keep,
  "f32>i32": toInt,
  "f32>i64": toLong,
  "f32>bool": truth,
  "f64>f32": round32,
  "f64>i32": toInt,
  "f64>i64": toLong,
  "f64>bool": truth,
  "i32>f32": round32,
  "i32>f64": keep,
  "i32>i64": { text: (a) => `BigInt(${a})`, run: (a: number) => BigInt(a) },
  "i32>bool": truth,
  "i64>f32": { text: (a) => `int64ToFloat32(${a})`, run: special.int64ToFloat32 },
  "i64>f64": { text: (a) => `Number(${a})`, run: (a: bigint) => Number(a) },
  "i64>i32": { text: (a) => `Number(asIntN(32, ${a}))`, run: (a: bigint) => Number(BigInt.asIntN(32, a)) },
  "i64>bool": { text: (a) => `(${a} !== 0n)`, run: (a: bigint) => a !== 0n },
  "bool>f32": bit,
  "bool>f64": bit,
  "bool>i32": bit,
  "bool>i64": { text: (a) => `(${a} ? 1n : 0n)`, run: (a: boolean) => (a ? 1n : 0n) },
};
const bitcasts: Partial<Record<Cast, Meaning>> = {
  "f32>i32": { text: (a) => `float32Bits(${a})`, run: special.float32Bits },
  "i32>f32": { text: (a) => `bitsToFloat32(${a})`, run: special.bitsToFloat32 },
  "f64>i64": { text: (a) => `float64Bits(${a})`, run: special.float64Bits },
  "i64>f64": { text: (a) => `bitsToFloat64(${a})`, run: special.bitsToFloat64 },
};

/** The meaning of a primitive that is not a leaf, for operands of type `from`. */
export function meaningOf(op: Exclude<Primitive, LeafPrimitive>, from: ScalarType, to: ScalarType): Meaning {
  let meaning: Meaning | undefined;
  if (op === "cast") meaning = from === to ? keep : casts[`${from}>${to}`];
  else if (op === "bitcast") meaning = from === to ? keep : bitcasts[`${from}>${to}`];
  else meaning = (table[op] as Meanings)[op === "select" ? to : from];
  if (meaning === undefined)
    throw new TypeError(`kernel expression: ${op} is not defined for ${from}${from === to ? "" : ` to ${to}`}`);
  return meaning;
}

/** A param, which travels as a float64, as a value of its type. */
export function paramValue(x: number, type: ScalarType): Value {
  switch (type) {
    case "f32":
      return fround(x);
    case "f64":
      return x;
    case "i32":
      return special.floatToInt32(x);
    case "i64":
      return special.floatToInt64(x);
    case "bool":
      return x !== 0;
  }
}
export const paramText: Readonly<Record<ScalarType, (x: string) => string>> = {
  f32: (x) => `fround(${x})`,
  f64: (x) => x,
  i32: (x) => `floatToInt32(${x})`,
  i64: (x) => `floatToInt64(${x})`,
  bool: (x) => `(${x} !== 0)`,
};

/** A constant as a value of its type. */
export function constantValue(x: number | bigint, type: ScalarType): Value {
  if (type === "i64") return typeof x === "bigint" ? BigInt.asIntN(64, x) : special.floatToInt64(x);
  return paramValue(Number(x), type);
}
export function constantText(x: number | bigint, type: ScalarType): string {
  const value = constantValue(x, type);
  if (typeof value === "bigint") return value < 0n ? `(${value}n)` : `${value}n`;
  if (typeof value === "boolean") return String(value);
  if (Object.is(value, -0)) return "(-0)";
  return value < 0 ? `(${value})` : String(value);
}
