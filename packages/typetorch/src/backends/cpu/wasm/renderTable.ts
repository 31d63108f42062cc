/**
 * What each primitive is in vector instructions. Transcendental functions are written out before (ir/transcendental.ts).
 */
import type { ScalarType } from "../../../ir/expr.ts";
import { eitherWay } from "../../../ir/expr.ts";
import { Constant, sizeOf } from "../kernel/frames.ts";
import { type Rendered, Unsupported } from "../kernel/graph.ts";
import { type Code, type Local, type Value, vectorOf } from "./code.ts";
import type { PlainName } from "./opcodes.ts";

/**
 * Computes a primitive over the lanes of `c`: result type, values of the arguments, their type (of the first that is not the condition of a select) and the mark
 * of the expression.
 */
export type Renderer = (c: Code, type: ScalarType, args: readonly Value[], from: ScalarType, ref?: unknown) => Value;

type NumberType = Exclude<ScalarType, "bool">;
type Float = "f32" | "f64";
function isFloat(type: ScalarType): type is Float {
  return type === "f32" || type === "f64";
}
const signBit = { 4: new Constant("i32", -(2 ** 31)), 8: new Constant("i64", -(2n ** 63n)) } as const;
const one = {
  f32: new Constant("f32", 1),
  f64: new Constant("f64", 1),
  i32: new Constant("i32", 1),
  i64: new Constant("i64", 1),
};
const zero = {
  f32: new Constant("f32", 0),
  f64: new Constant("f64", 0),
  i32: new Constant("i32", 0),
  i64: new Constant("i64", 0),
};

// ---- bools and comparisons

function boolNot(c: Code, a: Value): Local {
  return c.v("v128.not", a);
}
/** a and not b */
function boolAndNot(c: Code, a: Value, b: Value): Local {
  return c.v("v128.andnot", a, b);
}

type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

function instructionOf(op: Comparison, type: NumberType): PlainName {
  if (op === "eq" || op === "ne") return `${vectorOf[type]}.${op}`;
  return isFloat(type) ? `${vectorOf[type]}.${op}` : `${vectorOf[type]}.${op}_s`;
}
/** Lanes of the operands' size. */
function mask(c: Code, op: Comparison, type: NumberType, a: Value, b: Value): Local {
  return c.v(instructionOf(op, type), a, b);
}
export function compareWith(c: Code, op: Comparison, type: NumberType, a: Value, b: Value): Local {
  return c.boolFrom(mask(c, op, type, a, b), sizeOf[type]);
}
function comparison(op: Comparison): Renderer {
  return (c, _type, [a, b], from) => {
    if (from !== "bool") return compareWith(c, op, from, a!, b!);
    switch (op) {
      case "eq":
        return boolNot(c, c.v("v128.xor", a!, b!));
      case "ne":
        return c.v("v128.xor", a!, b!);
      case "lt":
        return boolAndNot(c, b!, a!);
      case "gt":
        return boolAndNot(c, a!, b!);
      case "le":
        return boolNot(c, boolAndNot(c, a!, b!));
      case "ge":
        return boolNot(c, boolAndNot(c, b!, a!));
    }
  };
}

/** condition ? yes : no */
export function choose(c: Code, type: ScalarType, condition: Value, yes: Value, no: Value): Value {
  if (yes === no) return yes;
  return c.blend(type === "bool" ? condition : c.boolAs(condition, sizeOf[type]), yes, no);
}

// ---- arithmetic

function arithmetic(name: "add" | "sub", bool: PlainName): Renderer {
  return (c, type, [a, b]) => c.v(type === "bool" ? bool : `${vectorOf[type]}.${name}`, a!, b!);
}

export function multiply(c: Code, type: ScalarType, a: Value, b: Value): Local {
  return c.v(type === "bool" ? "v128.and" : `${vectorOf[type]}.mul`, a, b);
}

/** Each lane of an integer division by scalar instructions; 0 for a divisor of 0, and no trap for the least integer by -1. */
function divideLanes(c: Code, type: "i32" | "i64", a: Value, b: Value, remainder: boolean): Local {
  const { body } = c;
  const number = (n: number): void => (type === "i32" ? body.i32(n) : body.i64(BigInt(n)));
  return c.byLanes(type, (l) => {
    const divisor = c.hold(type, () => c.lane(b, `${vectorOf[type]}.extract_lane`, l));
    // divisors 0 and -1 are those for which divisor + 1 is 0 or 1
    body.get(divisor.index);
    number(1);
    body.op(`${type}.add`);
    number(2);
    body.op(`${type}.lt_u`);
    body.if(
      () => {
        number(0);
        if (remainder) return;
        // a times 0 or -1, without a branch
        c.lane(a, `${vectorOf[type]}.extract_lane`, l);
        body.get(divisor.index);
        body.op(`${type}.mul`);
        body.op(`${type}.add`);
      },
      () => {
        c.lane(a, `${vectorOf[type]}.extract_lane`, l);
        body.get(divisor.index);
        body.op(remainder ? `${type}.rem_s` : `${type}.div_s`);
      },
      type,
    );
  });
}

/** C's fmod, lane by lane. */
function remainderOfFloats(c: Code, type: Float, a: Value, b: Value): Local {
  const { body } = c;
  return c.byLanes(type, (l) => {
    for (const x of [a, b]) {
      c.lane(x, `${vectorOf[type]}.extract_lane`, l);
      if (type === "f32") body.op("f64.promote_f32");
    }
    body.call(c.imported.remainder);
    if (type === "f32") body.op("f32.demote_f64");
  });
}

/** max or min; NaN wins. */
export function extreme(c: Code, name: "max" | "min", type: ScalarType, a: Value, b: Value): Local {
  switch (type) {
    case "bool":
      return c.v(name === "max" ? "v128.or" : "v128.and", a, b);
    case "i32":
      return c.v(`i32x4.${name}_s`, a, b);
    case "i64":
      return name === "max" ? c.blend(c.v("i64x2.gt_s", a, b), a, b) : c.blend(c.v("i64x2.gt_s", a, b), b, a);
    default: {
      // the plain instruction keeps its first operand unless the second is beyond it: right when the second is no NaN, and much shorter
      const [x, y] = a instanceof Constant ? [b, a] : [a, b];
      if (y instanceof Constant && !Number.isNaN(y.value)) return c.v(`${vectorOf[type]}.p${name}`, x, y);
      return c.v(`${vectorOf[type]}.${name}`, a, b);
    }
  }
}

function shift(c: Code, type: "i32" | "i64", left: boolean, a: Value, b: Value): Local {
  const { body } = c;
  const width = type === "i32" ? 32 : 64;
  const name = left ? "shl" : "shr_s";
  if (b instanceof Constant) {
    const by = Number(b.value);
    if (by >= 0 && by < width) return c.shift(`${vectorOf[type]}.${name}`, a, by);
    return left ? c.v("v128.and", a, zero[type]) : c.shift(`${vectorOf[type]}.shr_s`, a, width - 1);
  }
  const number = (n: number): void => (type === "i32" ? body.i32(n) : body.i64(BigInt(n)));
  return c.byLanes(type, (l) => {
    const by = c.hold(type, () => c.lane(b, `${vectorOf[type]}.extract_lane`, l));
    const far = c.hold("i32", () => {
      body.get(by.index);
      number(width);
      body.op(`${type}.ge_u`);
    });
    c.lane(a, `${vectorOf[type]}.extract_lane`, l);
    if (!left) {
      // far to the right only the sign is left
      number(width - 1);
      body.get(by.index);
      body.get(far.index);
      body.op("select");
      body.op(`${type}.shr_s`);
      return;
    }
    body.get(by.index);
    body.op(`${type}.shl`);
    const shifted = c.hold(type, () => {});
    number(0);
    body.get(shifted.index);
    body.get(far.index);
    body.op("select");
  });
}

/** (0 < x) - (x < 0) */
function signOf(c: Code, type: ScalarType, a: Value): Value {
  if (type === "bool") return a;
  if (!isFloat(type)) {
    // the masks are -1 where they hold
    return c.v(`${vectorOf[type]}.sub`, mask(c, "lt", type, a, zero[type]), mask(c, "gt", type, a, zero[type]));
  }
  const positive = c.v("v128.and", mask(c, "gt", type, a, zero[type]), one[type]);
  const negative = c.v("v128.and", mask(c, "lt", type, a, zero[type]), one[type]);
  return c.v(`${vectorOf[type]}.sub`, positive, negative);
}

function rounding(name: "floor" | "ceil" | "trunc" | "nearest"): Renderer {
  return (c, type, [a]) => (isFloat(type) ? c.v(`${vectorOf[type]}.${name}`, a!) : a!);
}

// ---- multiply and add, rounded once

/** What `sum`, the rounded x + y, has lost. */
function lostIn(c: Code, sum: Value, x: Value, y: Value): Local {
  const z = c.v("f64x2.sub", sum, x);
  return c.v("f64x2.add", c.v("f64x2.sub", x, c.v("f64x2.sub", sum, z)), c.v("f64x2.sub", y, z));
}

/** A sum of which `lost` was rounded off, and where it is not exact the neighbour whose last bit is odd: rounding it again to fewer bits is rounding once. */
function toOdd(c: Code, sum: Value, lost: Value): Local {
  const above = mask(c, "gt", "f64", lost, zero.f64);
  const below = mask(c, "lt", "f64", lost, zero.f64);
  const even = c.v("i64x2.eq", c.v("v128.and", sum, one.i64), zero.i64);
  const inexact = c.v("v128.and", c.v("v128.or", above, below), even);
  // towards what was lost: one more when it has the sign of the sum, else one less
  const away = c.v("v128.xor", c.shift("i64x2.shr_s", sum, 63), below);
  const step = c.v("v128.or", away, one.i64);
  return c.v("i64x2.add", sum, c.v("v128.and", step, inexact));
}

function fused32(c: Code, a: Value, b: Value, term: Value): Local {
  const half = (from: (x: Value) => Value): Local => {
    const [x, y, z] = [a, b, term].map((v) => c.v("f64x2.promote_low_f32x4", from(v))) as [Local, Local, Local];
    const product = c.v("f64x2.mul", x, y); // exact
    const sum = c.v("f64x2.add", product, z);
    return c.v("f32x4.demote_f64x2_zero", toOdd(c, sum, lostIn(c, sum, product, z)));
  };
  const low = half((x) => x);
  if (c.lanes <= 2) return low;
  const high = half((x) => c.pick(x, x, [2, 3, 2, 3]));
  return c.pick(low, high, [0, 1, 4, 5]);
}

const splitter = new Constant("f64", 2 ** 27 + 1);
/** Beyond these sizes the parts of a product could overflow, or lose bits below the smallest numbers. */
const [largest, smallest] = [new Constant("f64", 2 ** 450), new Constant("f64", 2 ** -450)];

/** Dekker's product, and the sum rounded to odd on the way (Boldo and Melquiond); lanes of extreme sizes by the function of core/fma.ts. */
function fused64(c: Code, a: Value, b: Value, term: Value): Local {
  const { body } = c;
  const product = c.v("f64x2.mul", a, b);
  const [aHigh, bHigh] = [a, b].map((x) => {
    const big = c.v("f64x2.mul", x, splitter);
    return c.v("f64x2.sub", big, c.v("f64x2.sub", big, x));
  }) as [Local, Local];
  const aLow = c.v("f64x2.sub", a, aHigh);
  const bLow = c.v("f64x2.sub", b, bHigh);
  const cross = c.v("f64x2.sub", c.v("f64x2.sub", product, c.v("f64x2.mul", aHigh, bHigh)), c.v("f64x2.mul", aLow, bHigh));
  const low = c.v("f64x2.sub", c.v("f64x2.mul", aLow, bLow), c.v("f64x2.sub", cross, c.v("f64x2.mul", aHigh, bLow)));
  const tail = c.v("f64x2.add", term, low);
  const tailLow = lostIn(c, tail, term, low);
  const head = c.v("f64x2.add", product, tail);
  const headLow = lostIn(c, head, product, tail);
  const rest = c.v("f64x2.add", tailLow, headLow);
  const usual = c.v("f64x2.add", head, toOdd(c, rest, lostIn(c, rest, tailLow, headLow)));
  const result = c.hold("v128", () => c.push(usual));
  const inside = (x: Value): Local => {
    const size = c.v("f64x2.abs", x);
    return c.v("v128.and", mask(c, "lt", "f64", size, largest), mask(c, "gt", "f64", size, smallest));
  };
  const fine = c.v("v128.and", c.v("v128.and", inside(a), inside(b)), inside(term));
  if (c.lanes === 1) c.lane(fine, "i32x4.extract_lane", 0);
  else {
    c.push(fine);
    body.op("i64x2.all_true");
  }
  body.op("i32.eqz");
  body.if(() => {
    const slow = c.byLanes("f64", (l) => {
      for (const x of [a, b, term]) c.lane(x, "f64x2.extract_lane", l);
      body.call(c.imported.fma);
    });
    c.push(slow);
    c.set(result);
  });
  return result;
}

function multiplyAdd(c: Code, type: ScalarType, a: Value, b: Value, term: Value, ref: unknown): Local {
  if (type === "bool") throw new Unsupported("fma of bool");
  if (isFloat(type) && ref !== eitherWay) return type === "f32" ? fused32(c, a, b, term) : fused64(c, a, b, term);
  if (isFloat(type) && c.relaxed) return c.v(`${vectorOf[type]}.relaxed_madd`, a, b, term);
  return c.v(`${vectorOf[type]}.add`, c.v(`${vectorOf[type]}.mul`, a, b), term);
}

// ---- casts

function cast(c: Code, to: ScalarType, a: Value, from: ScalarType): Value {
  const { body } = c;
  if (from === to) return a;
  if (to === "bool") return compareWith(c, "ne", from as NumberType, a, zero[from as NumberType]);
  if (from === "bool") return c.v("v128.and", c.boolAs(a, sizeOf[to]), one[to]);
  switch (`${from}>${to}` as const) {
    case "f32>f64":
      return c.v("f64x2.promote_low_f32x4", a);
    case "f64>f32":
      return c.v("f32x4.demote_f64x2_zero", a);
    case "f32>i32": {
      // NaN and what is out of range give -2^31, as on other targets
      const inside = c.v(
        "v128.and",
        mask(c, "lt", "f32", a, new Constant("f32", 2 ** 31)),
        mask(c, "ge", "f32", a, new Constant("f32", -(2 ** 31))),
      );
      return c.blend(inside, c.v("i32x4.trunc_sat_f32x4_s", a), signBit[4]);
    }
    case "f64>i32": {
      const inside = c.v(
        "v128.and",
        mask(c, "lt", "f64", a, new Constant("f64", 2 ** 31)),
        mask(c, "gt", "f64", a, new Constant("f64", -(2 ** 31) - 1)),
      );
      return c.blend(c.pick(inside, inside, [0, 2, 0, 2]), c.v("i32x4.trunc_sat_f64x2_s_zero", a), signBit[4]);
    }
    case "i32>f32":
      return c.v("f32x4.convert_i32x4_s", a);
    case "i32>f64":
      return c.v("f64x2.convert_low_i32x4_s", a);
    case "i32>i64":
      return c.v("i64x2.extend_low_i32x4_s", a);
    case "i64>i32":
      return c.pick(a, a, [0, 2, 0, 2]);
    case "f32>i64":
      return cast(c, "i64", cast(c, "f64", a, "f32"), "f64");
    case "f64>i64":
      return c.byLanes("i64", (l) => {
        const x = c.hold("f64", () => c.lane(a, "f64x2.extract_lane", l));
        body.get(x.index);
        body.op("i64.trunc_sat_f64_s");
        body.i64(-(2n ** 63n));
        body.get(x.index);
        body.op("f64.abs");
        body.f64(2 ** 63);
        body.op("f64.lt");
        body.op("select");
      });
    case "i64>f64": {
      // the high 48 bits and the low 16 … 48 as doubles with fixed exponents, whose sum is rounded once
      const high = c.v("v128.and", c.shift("i32x4.shr_s", a, 16), new Constant("i64", -(2n ** 32n)));
      const highBiased = c.v("i64x2.add", high, new Constant("f64", 4.4272185776902924e20));
      const low = c.v("v128.and", a, new Constant("i64", 2n ** 48n - 1n));
      const lowBiased = c.v("v128.or", low, new Constant("i64", 0x4330000000000000n));
      return c.v("f64x2.add", c.v("f64x2.sub", highBiased, new Constant("f64", 4.427263613686566e20)), lowBiased);
    }
    case "i64>f32":
      return c.byLanes("f32", (l) => {
        c.lane(a, "i64x2.extract_lane", l);
        body.op("f32.convert_i64_s");
      });
    default:
      throw new Unsupported(`a cast from ${from} to ${to}`);
  }
}

/** An instruction with the same name for all number types. */
function plainUnary(name: "neg" | "abs"): Renderer {
  return (c, type, [a]) => (type === "bool" ? a! : c.v(`${vectorOf[type]}.${name}`, a!));
}
function bitwise(name: "v128.and" | "v128.or" | "v128.xor"): Renderer {
  return (c, _type, [a, b]) => c.v(name, a!, b!);
}
function integerOnly(type: ScalarType): "i32" | "i64" {
  if (type !== "i32" && type !== "i64") throw new Unsupported(`an integer operation on ${type}`);
  return type;
}

export const renderTable = {
  neg: plainUnary("neg"),
  abs: plainUnary("abs"),
  sign: (c, type, [a]) => signOf(c, type, a!),
  floor: rounding("floor"),
  ceil: rounding("ceil"),
  trunc: rounding("trunc"),
  round: rounding("nearest"),
  not: (c, _type, [a]) => c.v("v128.not", a!),
  sqrt: (c, type, [a]) => c.v(`${vectorOf[type as Float]}.sqrt`, a!),
  add: arithmetic("add", "v128.or"),
  sub: arithmetic("sub", "v128.xor"),
  mul: (c, type, [a, b]) => multiply(c, type, a!, b!),
  div: (c, type, [a, b]) =>
    isFloat(type) ? c.v(`${vectorOf[type]}.div`, a!, b!) : divideLanes(c, integerOnly(type), a!, b!, false),
  rem: (c, type, [a, b]) =>
    isFloat(type) ? remainderOfFloats(c, type, a!, b!) : divideLanes(c, integerOnly(type), a!, b!, true),
  max: (c, type, [a, b]) => extreme(c, "max", type, a!, b!),
  min: (c, type, [a, b]) => extreme(c, "min", type, a!, b!),
  copysign: (c, type, [a, b]) => c.blend(signBit[sizeOf[type as Float]], b!, a!),
  and: bitwise("v128.and"),
  or: bitwise("v128.or"),
  xor: bitwise("v128.xor"),
  shl: (c, type, [a, b]) => shift(c, integerOnly(type), true, a!, b!),
  shr: (c, type, [a, b]) => shift(c, integerOnly(type), false, a!, b!),
  eq: comparison("eq"),
  ne: comparison("ne"),
  lt: comparison("lt"),
  le: comparison("le"),
  gt: comparison("gt"),
  ge: comparison("ge"),
  select: (c, type, [condition, yes, no]) => choose(c, type, condition!, yes!, no!),
  fma: (c, type, [a, b, term], _from, ref) => multiplyAdd(c, type, a!, b!, term!, ref),
  cast: (c, type, [a], from) => cast(c, type, a!, from),
  bitcast: (_c, type, [a], from) => {
    if (sizeOf[type as NumberType] !== sizeOf[from as NumberType]) throw new Unsupported(`the bits of ${from} as ${type}`);
    return a!;
  },
} as const satisfies Record<Rendered, Renderer>;

/** The table by primitive. */
export const render: Readonly<Record<Rendered, Renderer>> = renderTable;

// ---- orders of argmax and argmin

function isNaNs(c: Code, type: Float, a: Value): Local {
  return mask(c, "ne", type, a, a);
}
/** Lanes where a is before b in the order of argmax (`gt`) or argmin (`lt`). */
export function precedes(c: Code, op: "gt" | "lt", type: ScalarType, a: Value, b: Value): Value {
  if (type === "bool") return renderTable[op](c, "bool", [a, b], "bool");
  if (!isFloat(type)) return compareWith(c, op, type, a, b);
  const newNaN = boolAndNot(c, isNaNs(c, type, a), isNaNs(c, type, b));
  return c.boolFrom(c.v("v128.or", mask(c, op, type, a, b), newNaN), sizeOf[type]);
}
/** Lanes where a and b are equal, NaN equal to NaN. */
export function sameRank(c: Code, type: ScalarType, a: Value, b: Value): Value {
  if (!isFloat(type)) return renderTable.eq(c, "bool", [a, b], type);
  const bothNaN = c.v("v128.and", isNaNs(c, type, a), isNaNs(c, type, b));
  return c.boolFrom(c.v("v128.or", mask(c, "eq", type, a, b), bothNaN), sizeOf[type]);
}
