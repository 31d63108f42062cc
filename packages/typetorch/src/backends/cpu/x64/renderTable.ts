/**
 * What each primitive is in vector instructions, on both levels. Transcendental functions are written out before (ir/transcendental.ts).
 */
import type { ScalarType } from "../../../ir/expr.ts";
import { Constant, sizeOf } from "../kernel/frames.ts";
import { type Rendered, Unsupported } from "../kernel/graph.ts";
import { type InstructionName, compare as predicates } from "./assembler.ts";
import { cast } from "./casts.ts";
import type { Code, Value } from "./code.ts";
import { divideInt, divideLong, remainderOfFloats } from "./division.ts";
import { Instruction, Virtual } from "./machine.ts";
import {
  type NumberType,
  absolute,
  allButSign,
  bitAnd,
  bitOr,
  bitXor,
  boolNot,
  boolOp,
  choose,
  commute,
  compareWith,
  extreme,
  fusedMultiplyAdd,
  integer,
  isFloat,
  letter,
  multiply,
  negate,
  one,
  registerOf,
  shift,
  signBit,
  signOf,
  suffix,
  two,
} from "./operations.ts";

/** Computes a primitive over the lanes of `c`: result type, values of the arguments and their type (of the first that is not the condition of a select). */
export type Renderer = (c: Code, type: ScalarType, args: readonly Value[], from: ScalarType) => Value;

function comparison(op: "eq" | "ne" | "lt" | "le" | "gt" | "ge"): Renderer {
  return (c, _type, [a, b], from) => {
    if (from !== "bool") {
      if (a instanceof Constant && !(b instanceof Constant)) return compareWith(c, mirrored[op], from, b!, a);
      return compareWith(c, op, from, a!, b!);
    }
    switch (op) {
      case "eq":
        return boolNot(c, boolOp(c, "xor", a!, b!));
      case "ne":
        return boolOp(c, "xor", a!, b!);
      case "lt":
        return boolOp(c, "andn", a!, b!);
      case "gt":
        return boolOp(c, "andn", b!, a!);
      case "le":
        return boolNot(c, boolOp(c, "andn", b!, a!));
      case "ge":
        return boolNot(c, boolOp(c, "andn", a!, b!));
    }
  };
}

const mirrored = { eq: "eq", ne: "ne", lt: "gt", le: "ge", gt: "lt", ge: "le" } as const;

/** Adds, subtracts … of numbers: [float stem, integer stem]. */
function arithmetic(float: "add" | "sub", bool: "or" | "xor"): Renderer {
  return (c, type, [a, b]) => {
    if (type === "bool") return boolOp(c, bool, a!, b!);
    const name: InstructionName = isFloat(type) ? `v${float}${suffix(type)}` : `vp${float}${letter(type)}`;
    return float === "add" ? commute(c, name, type, a!, b!) : two(c, name, type, a!, b!);
  };
}

function rounding(mode: 0 | 1 | 2 | 3): Renderer {
  return (c, type, [a]) => {
    if (!isFloat(type)) return a!;
    const name: InstructionName = c.avx512 ? `vrndscale${suffix(type)}` : `vround${suffix(type)}`;
    return one(c, name, type, a!, mode | 8);
  };
}

export const renderTable = {
  neg: (c, type, [a]) => negate(c, type, a!),
  abs: (c, type, [a]) => absolute(c, type, a!),
  sign: (c, type, [a]) => signOf(c, type, a!),
  floor: rounding(1),
  ceil: rounding(2),
  trunc: rounding(3),
  round: rounding(0),
  not: (c, type, [a]) => (type === "bool" ? boolNot(c, a!) : bitXor(c, type, a!, new Constant(type, -1))),
  sqrt: (c, type, [a]) => one(c, `vsqrt${suffix(type)}`, type, a!),
  add: arithmetic("add", "or"),
  sub: arithmetic("sub", "xor"),
  mul: (c, type, [a, b]) => multiply(c, type, a!, b!),
  div: (c, type, [a, b]) => {
    if (isFloat(type)) return two(c, `vdiv${suffix(type)}`, type, a!, b!);
    if (type === "i32") return divideInt(c, a!, b!);
    return divideLong(c, a!, b!, false);
  },
  rem: (c, type, [a, b]) => {
    if (isFloat(type)) return remainderOfFloats(c, type, a!, b!);
    if (type === "i64") return divideLong(c, a!, b!, true);
    const rest = two(c, "vpsubd", "i32", a!, multiply(c, "i32", divideInt(c, a!, b!), b!));
    return choose(c, "i32", compareWith(c, "ne", "i32", b!, new Constant("i32", 0)), rest, new Constant("i32", 0));
  },
  max: (c, type, [a, b]) => extreme(c, "max", type, a!, b!),
  min: (c, type, [a, b]) => extreme(c, "min", type, a!, b!),
  copysign: (c, type, [a, b]) =>
    bitOr(
      c,
      type,
      bitAnd(c, type, a!, integer(type, allButSign[letter(type)])),
      bitAnd(c, type, b!, integer(type, signBit[letter(type)])),
    ),
  and: (c, type, [a, b]) => (type === "bool" ? boolOp(c, "and", a!, b!) : bitAnd(c, type, a!, b!)),
  or: (c, type, [a, b]) => (type === "bool" ? boolOp(c, "or", a!, b!) : bitOr(c, type, a!, b!)),
  xor: (c, type, [a, b]) => (type === "bool" ? boolOp(c, "xor", a!, b!) : bitXor(c, type, a!, b!)),
  shl: (c, type, [a, b]) => shift(c, type, true, a!, b!),
  shr: (c, type, [a, b]) => shift(c, type, false, a!, b!),
  eq: comparison("eq"),
  ne: comparison("ne"),
  lt: comparison("lt"),
  le: comparison("le"),
  gt: comparison("gt"),
  ge: comparison("ge"),
  select: (c, type, [condition, yes, no]) => choose(c, type, condition!, yes!, no!),
  fma: (c, type, [a, b, term]) => fusedMultiplyAdd(c, type, a!, b!, term!),
  cast: (c, type, [a], from) => cast(c, type, a!, from),
  bitcast: (c, type, [a], from) => {
    if (sizeOf[type as NumberType] !== sizeOf[from as NumberType]) throw new Unsupported(`the bits of ${from} as ${type}`);
    return a instanceof Constant ? registerOf(c.register(a, c.bytesOf(from))) : a!;
  },
} as const satisfies Record<Rendered, Renderer>;

/** The table by primitive. */
export const render: Readonly<Record<Rendered, Renderer>> = renderTable;

/** value * 2^exponent in one instruction, with AVX-512. */
export function scale(c: Code, type: "f32" | "f64", value: Value, exponent: Value): Virtual {
  return two(c, `vscalef${suffix(type)}`, type, value, exponent);
}

/** Lanes where a is before b in the order of argmax (`gt`) or argmin (`lt`). */
export function precedes(c: Code, op: "gt" | "lt", type: ScalarType, a: Value, b: Value): Virtual {
  if (type === "bool") return renderTable[op](c, "bool", [a, b], "bool") as Virtual;
  const better = compareWith(c, op, type, a, b);
  if (!isFloat(type)) return better;
  return boolOp(
    c,
    "or",
    better,
    boolOp(c, "andn", compareWith(c, "unordered", type, b, b), compareWith(c, "unordered", type, a, a)),
  );
}

/** The same where b came earlier: lanes where a takes its place, ties going to b. */
export function replaces(c: Code, op: "gt" | "lt", type: ScalarType, a: Value, b: Value): Virtual {
  if (type !== "f32" && type !== "f64") return precedes(c, op, type, a, b);
  // a is not (at most, at least) b, true for a NaN too, and b is no NaN
  const bytes = c.bytesOf(type);
  const [x, y] = op === "gt" ? [a, b] : [b, a];
  const number = c.register(b, bytes);
  const name: InstructionName = `vcmp${suffix(type)}`;
  if (!c.avx512) {
    const taken = c.v(name, bytes, c.register(x, bytes), c.operand(y, bytes), predicates.nle);
    return c.boolFrom(c.v("vandps", bytes, taken, c.v(name, bytes, number, number, predicates.ordered)), sizeOf[type]);
  }
  const mask = c.k(name, number, number, predicates.ordered);
  const d = new Virtual("k", 8);
  c.put(new Instruction(name, [d, c.register(x, bytes), c.operand(y, bytes), predicates.nle], { mask }));
  return d;
}

/** Lanes where a and b are equal, NaN equal to NaN. */
export function sameRank(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  const equal = renderTable.eq(c, "bool", [a, b], type) as Virtual;
  if (!isFloat(type)) return equal;
  return boolOp(
    c,
    "or",
    equal,
    boolOp(c, "and", compareWith(c, "unordered", type, a, a), compareWith(c, "unordered", type, b, b)),
  );
}
