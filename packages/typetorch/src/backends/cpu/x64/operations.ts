/**
 * Arithmetic, comparisons and choices of lanes in vector instructions, on both levels: what the render table and casts are made of.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import { Constant, sizeOf } from "../kernel/frames.ts";
import { Unsupported } from "../kernel/graph.ts";
import { type InstructionName, compareInt, compare as predicates } from "./assembler.ts";
import type { Code, Value } from "./code.ts";
import { type Chosen, Instruction, View, Virtual } from "./machine.ts";
import { ptr, rsp } from "./registers.ts";

export type NumberType = Exclude<ScalarType, "bool">;

export function isFloat(type: ScalarType): type is "f32" | "f64" {
  return type === "f32" || type === "f64";
}

/** "ps" or "pd". */
export function suffix(type: ScalarType): "ps" | "pd" {
  return type === "f32" || type === "i32" ? "ps" : "pd";
}

export function letter(type: ScalarType): "d" | "q" {
  return type === "f32" || type === "i32" ? "d" : "q";
}

/** a op b, b in memory when it is a constant. */
export function two(c: Code, name: InstructionName, type: ScalarType, a: Value, b: Value): Virtual {
  const bytes = c.bytesOf(type);
  return c.v(name, bytes, c.register(a, bytes), c.operand(b, bytes));
}

export function commute(c: Code, name: InstructionName, type: ScalarType, a: Value, b: Value): Virtual {
  return a instanceof Constant ? two(c, name, type, b, a) : two(c, name, type, a, b);
}

export function one(c: Code, name: InstructionName, type: ScalarType, a: Value, ...immediate: number[]): Virtual {
  const bytes = c.bytesOf(type);
  return c.v(name, bytes, c.register(a, bytes), ...immediate);
}

export function integer(type: ScalarType, value: number | bigint): Constant {
  return new Constant(letter(type) === "d" ? "i32" : "i64", value);
}

export const signBit = { d: -(2 ** 31), q: -(2n ** 63n) } as const;

export const allButSign = { d: 2 ** 31 - 1, q: 2n ** 63n - 1n } as const;

export function bitAnd(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  return commute(c, c.avx512 ? `vpand${letter(type)}` : isFloat(type) ? "vandps" : "vpand", type, a, b);
}

export function bitOr(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  return commute(c, c.avx512 ? `vpor${letter(type)}` : isFloat(type) ? "vorps" : "vpor", type, a, b);
}

export function bitXor(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  return commute(c, c.avx512 ? `vpxor${letter(type)}` : isFloat(type) ? "vxorps" : "vpxor", type, a, b);
}

/** A bool as a register; constants become one. */
export function truth(c: Code, a: Value): Virtual {
  return a instanceof Constant ? c.boolConstant(Boolean(a.value)) : a;
}

export function boolOp(c: Code, op: "and" | "or" | "xor" | "andn", a: Value, b: Value): Virtual {
  const [x, y] = [truth(c, a), truth(c, b)];
  if (c.avx512) return c.k(`k${op}w`, x, y);
  const bytes = c.bytesOf("bool");
  return c.v(op === "andn" ? "vpandn" : `vp${op}`, bytes, c.register(x, bytes), c.operand(y, bytes));
}

export function boolNot(c: Code, a: Value): Virtual {
  if (c.avx512) return c.k("knotw", truth(c, a));
  return boolOp(c, "xor", a, c.boolConstant(true));
}

/** Floats and integers by comparison. */
export function compareWith(
  c: Code,
  op: "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "unordered",
  type: NumberType,
  a: Value,
  b: Value,
): Virtual {
  const bytes = c.bytesOf(type);
  if (isFloat(type)) {
    if (c.avx512) return c.k(`vcmp${suffix(type)}`, c.register(a, bytes), c.operand(b, bytes), predicates[op]);
    return c.boolFrom(c.v(`vcmp${suffix(type)}`, bytes, c.register(a, bytes), c.operand(b, bytes), predicates[op]), sizeOf[type]);
  }
  const l = letter(type);
  if (op === "unordered") throw new Unsupported("integers are ordered");
  if (c.avx512) return c.k(`vpcmp${l}`, c.register(a, bytes), c.operand(b, bytes), compareInt[op]);
  const swap = op === "lt" || op === "ge";
  const [x, y] = swap ? [b, a] : [a, b];
  const name: InstructionName = op === "eq" || op === "ne" ? `vpcmpeq${l}` : `vpcmpgt${l}`;
  const mask = c.boolFrom(c.v(name, bytes, c.register(x, bytes), c.operand(y, bytes)), sizeOf[type]);
  return op === "ne" || op === "le" || op === "ge" ? boolNot(c, mask) : mask;
}

/** condition ? yes : no */
export function choose(c: Code, type: ScalarType, condition: Value, yes: Value, no: Value): Value {
  if (yes === no) return yes;
  const mask = truth(c, condition);
  if (type === "bool") return boolOp(c, "or", boolOp(c, "and", mask, yes), boolOp(c, "andn", mask, no));
  const bytes = c.bytesOf(type);
  if (c.avx512) {
    const d = new Virtual("v", bytes);
    if (no instanceof Constant && isZero(no) && yes instanceof Virtual) {
      c.put(
        new Instruction(type === "f32" || type === "i32" ? "vmovups" : "vmovupd", [d, c.register(yes, bytes)], {
          mask,
          zeroing: true,
        }),
      );
    } else {
      c.put(new Instruction(`vblendm${suffix(type)}`, [d, c.register(no, bytes), c.operand(yes, bytes)], { mask }));
    }
    return d;
  }
  return c.v(`vblendv${suffix(type)}`, bytes, c.register(no, bytes), c.operand(yes, bytes), c.boolAs(mask, sizeOf[type]));
}

function isZero(x: Constant): boolean {
  return typeof x.value === "bigint" ? x.value === 0n : Object.is(x.value, 0);
}

export function multiply(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  switch (type) {
    case "bool":
      return boolOp(c, "and", a, b);
    case "i32":
      return commute(c, "vpmulld", type, a, b);
    case "i64": {
      if (c.avx512) return commute(c, "vpmullq", type, a, b);
      // low*low + ((high*low + low*high) << 32)
      const bytes = c.bytesOf(type);
      const [x, y] = [c.register(a, bytes), c.register(b, bytes)];
      const low = c.v("vpmuludq", bytes, x, y);
      const cross1 = c.v("vpmuludq", bytes, c.v("vpsrlq", bytes, x, 32), y);
      const cross2 = c.v("vpmuludq", bytes, c.v("vpsrlq", bytes, y, 32), x);
      return c.v("vpaddq", bytes, low, c.v("vpsllq", bytes, c.v("vpaddq", bytes, cross1, cross2), 32));
    }
    default:
      return commute(c, `vmul${suffix(type)}`, type, a, b);
  }
}

/** Runs a loop over the lanes of two vectors laid on the stack: `each` finds the operands at [rsp + at] and [rsp + at + 64 n], and leaves its result at the former. */
export function throughStack(
  c: Code,
  type: ScalarType,
  to: ScalarType,
  args: readonly Value[],
  each: (chosen: Chosen, at: (k: number) => number) => void,
): Virtual {
  const bytes = c.bytesOf(type);
  const lanes = c.lanes;
  const size = sizeOf[type as NumberType];
  c.reserve = Math.max(c.reserve, 128);
  const sources = args.map((a) => registerOf(c.register(a, bytes)));
  return c.customResult("v", c.bytesOf(to), sources, (chosen, d) => {
    const { asm } = chosen;
    for (const [k, v] of sources.entries()) asm.op("vmovups", ptr(rsp, 64 * k), chosen.vec(v, bytes));
    for (let l = 0; l < lanes; l++) each(chosen, (k) => 64 * k + l * size);
    asm.op("vmovups", chosen.vec(d), ptr(rsp, 0));
  });
}

export function registerOf(x: Virtual | View): Virtual {
  return x instanceof View ? x.of : x;
}

/** max or min; NaN wins. */
export function extreme(c: Code, name: "max" | "min", type: ScalarType, a: Value, b: Value): Virtual {
  if (type === "bool") return boolOp(c, name === "max" ? "or" : "and", a, b);
  const bytes = c.bytesOf(type);
  if (isFloat(type)) {
    const op: InstructionName = `v${name}${suffix(type)}`;
    // the instruction gives its last operand when one is NaN: right when the other cannot be
    if (a instanceof Constant && !Number.isNaN(a.value)) return c.v(op, bytes, c.register(a, bytes), c.register(b, bytes));
    if (b instanceof Constant && !Number.isNaN(b.value)) return c.v(op, bytes, c.register(b, bytes), c.register(a, bytes));
    const x = c.register(a, bytes);
    const m = c.v(op, bytes, x, c.operand(b, bytes));
    if (c.avx512) {
      const nan = c.k(`vcmp${suffix(type)}`, x, x, predicates.unordered);
      const d = new Virtual("v", bytes);
      c.put(new Instruction(`vblendm${suffix(type)}`, [d, m, x], { mask: nan }));
      return d;
    }
    return c.v(`vblendv${suffix(type)}`, bytes, m, x, c.v(`vcmp${suffix(type)}`, bytes, x, x, predicates.unordered));
  }
  if (type === "i32" || c.avx512) return commute(c, `vp${name}s${letter(type)}`, type, a, b);
  const [x, y] = [c.register(a, bytes), c.register(b, bytes)];
  const greater = c.v("vpcmpgtq", bytes, x, y);
  return name === "max" ? c.v("vblendvpd", bytes, y, x, greater) : c.v("vblendvpd", bytes, x, y, greater);
}

export function shift(c: Code, type: ScalarType, left: boolean, a: Value, b: Value): Virtual {
  const bytes = c.bytesOf(type);
  const l = letter(type);
  const width = l === "d" ? 32 : 64;
  if (b instanceof Constant) {
    let by = Number(b.value);
    if (by < 0 || by >= width) {
      if (left) return registerOf(c.zero(bytes));
      by = width - 1;
    }
    const x = c.register(a, bytes);
    if (left) return c.v(`vpsll${l}`, bytes, x, by);
    if (l === "d" || c.avx512) return c.v(`vpsra${l}`, bytes, x, by);
    const sign = new Constant("i64", 1n << BigInt(63 - by));
    const y = c.v("vpsrlq", bytes, x, by);
    return c.v("vpsubq", bytes, c.v("vpxor", bytes, y, c.operand(sign, bytes)), c.operand(sign, bytes));
  }
  const [x, y] = [c.register(a, bytes), c.register(b, bytes)];
  if (left) return c.v(`vpsllv${l}`, bytes, x, y);
  if (l === "d" || c.avx512) return c.v(`vpsrav${l}`, bytes, x, y);
  // the sign bit moves along; beyond the width (both shifts give 0) only the sign is left
  const sign = c.v("vpsrlvq", bytes, c.register(new Constant("i64", signBit.q), bytes), y);
  const z = c.v("vpsubq", bytes, c.v("vpxor", bytes, c.v("vpsrlvq", bytes, x, y), sign), sign);
  const negative = c.v("vpcmpgtq", bytes, c.zero(bytes), x);
  const far = c.v("vpcmpeqq", bytes, sign, c.zero(bytes));
  return c.v("vblendvpd", bytes, z, negative, far);
}

export function absolute(c: Code, type: ScalarType, a: Value): Value {
  if (type === "bool") return a;
  if (isFloat(type)) return bitAnd(c, type, a, integer(type, allButSign[letter(type)]));
  if (type === "i32" || c.avx512) return one(c, `vpabs${letter(type)}`, type, a);
  const bytes = c.bytesOf(type);
  const x = c.register(a, bytes);
  const sign = c.v("vpcmpgtq", bytes, c.zero(bytes), x);
  return c.v("vpsubq", bytes, c.v("vpxor", bytes, x, sign), sign);
}

export function negate(c: Code, type: ScalarType, a: Value): Virtual {
  if (isFloat(type)) return bitXor(c, type, a, integer(type, signBit[letter(type)]));
  return two(c, `vpsub${letter(type)}`, type, new Constant(type, 0), a);
}

/** (0 < x) - (x < 0) */
export function signOf(c: Code, type: ScalarType, a: Value): Value {
  if (type === "bool") return a;
  const zero = new Constant(type, 0);
  const positive = choose(c, type, compareWith(c, "gt", type, a, zero), new Constant(type, 1), zero);
  return choose(c, type, compareWith(c, "lt", type, a, zero), new Constant(type, -1), positive);
}

export function fusedMultiplyAdd(c: Code, type: ScalarType, a: Value, b: Value, term: Value): Virtual {
  if (!isFloat(type)) {
    const product = multiply(c, type, a, b);
    return commute(c, `vpadd${letter(type)}`, type, product, term);
  }
  const bytes = c.bytesOf(type);
  const d = new Virtual("v", bytes);
  let [x, y] = [a, b];
  if (x instanceof Constant) [x, y] = [y, x];
  // one operand may be in memory
  const factor = c.register(x, bytes);
  const memoryFactor = y instanceof Constant && !(term instanceof Constant);
  const other = memoryFactor ? c.operand(y, bytes) : c.register(y, bytes);
  const addend = memoryFactor ? c.register(term, bytes) : c.operand(term, bytes);
  c.put(new Instruction(null, [d, factor, other, addend], { fma: suffix(type) }));
  return d;
}
