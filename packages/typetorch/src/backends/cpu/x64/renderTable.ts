/**
 * What each primitive is in vector instructions, on both levels. Transcendental functions are written out before (ir/transcendental.ts).
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { InstructionName } from "./assembler.ts";
import { compareInt, compare as predicates } from "./assembler.ts";
import { Constant, sizeOf } from "../kernel/frames.ts";
import { type Rendered, Unsupported } from "../kernel/graph.ts";
import { type Code, type Value, vectorBytes } from "./code.ts";
import { type Chosen, Instruction, View, Virtual } from "./machine.ts";
import { ptr, rax, rcx, rdx, rsp } from "./registers.ts";

/** Computes a primitive over the lanes of `c`: result type, values of the arguments and their type (of the first that is not the condition of a select). */
export type Renderer = (c: Code, type: ScalarType, args: readonly Value[], from: ScalarType) => Value;

type Number_ = Exclude<ScalarType, "bool">;
function isFloat(type: ScalarType): type is "f32" | "f64" {
  return type === "f32" || type === "f64";
}
/** "ps" or "pd". */
function suffix(type: ScalarType): "ps" | "pd" {
  return type === "f32" || type === "i32" ? "ps" : "pd";
}
function letter(type: ScalarType): "d" | "q" {
  return type === "f32" || type === "i32" ? "d" : "q";
}

/** a op b, b in memory when it is a constant. */
function two(c: Code, name: InstructionName, type: ScalarType, a: Value, b: Value): Virtual {
  const bytes = c.bytesOf(type);
  return c.v(name, bytes, c.register(a, bytes), c.operand(b, bytes));
}
function commute(c: Code, name: InstructionName, type: ScalarType, a: Value, b: Value): Virtual {
  return a instanceof Constant ? two(c, name, type, b, a) : two(c, name, type, a, b);
}
function one(c: Code, name: InstructionName, type: ScalarType, a: Value, ...immediate: number[]): Virtual {
  const bytes = c.bytesOf(type);
  return c.v(name, bytes, c.register(a, bytes), ...immediate);
}
function integer(type: ScalarType, value: number | bigint): Constant {
  return new Constant(letter(type) === "d" ? "i32" : "i64", value);
}
const signBit = { d: -(2 ** 31), q: -(2n ** 63n) } as const;
const allButSign = { d: 2 ** 31 - 1, q: 2n ** 63n - 1n } as const;

function bitAnd(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  return commute(c, c.avx512 ? `vpand${letter(type)}` : isFloat(type) ? "vandps" : "vpand", type, a, b);
}
function bitOr(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  return commute(c, c.avx512 ? `vpor${letter(type)}` : isFloat(type) ? "vorps" : "vpor", type, a, b);
}
function bitXor(c: Code, type: ScalarType, a: Value, b: Value): Virtual {
  return commute(c, c.avx512 ? `vpxor${letter(type)}` : isFloat(type) ? "vxorps" : "vpxor", type, a, b);
}
/** A bool as a register; constants become one. */
function truth(c: Code, a: Value): Virtual {
  return a instanceof Constant ? c.boolConstant(Boolean(a.value)) : a;
}
function boolOp(c: Code, op: "and" | "or" | "xor" | "andn", a: Value, b: Value): Virtual {
  const [x, y] = [truth(c, a), truth(c, b)];
  if (c.avx512) return c.k(`k${op}w`, x, y);
  const bytes = c.bytesOf("bool");
  return c.v(op === "andn" ? "vpandn" : `vp${op}`, bytes, c.register(x, bytes), c.operand(y, bytes));
}
function boolNot(c: Code, a: Value): Virtual {
  if (c.avx512) return c.k("knotw", truth(c, a));
  return boolOp(c, "xor", a, c.boolConstant(true));
}

/** Floats and integers by comparison. */
function compareWith(
  c: Code,
  op: "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "unordered",
  type: Number_,
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

/** Adds, subtracts … of numbers: [float stem, integer stem]. */
function arithmetic(float: "add" | "sub", bool: "or" | "xor"): Renderer {
  return (c, type, [a, b]) => {
    if (type === "bool") return boolOp(c, bool, a!, b!);
    const name: InstructionName = isFloat(type) ? `v${float}${suffix(type)}` : `vp${float}${letter(type)}`;
    return float === "add" ? commute(c, name, type, a!, b!) : two(c, name, type, a!, b!);
  };
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
function throughStack(
  c: Code,
  type: ScalarType,
  to: ScalarType,
  args: readonly Value[],
  each: (chosen: Chosen, at: (k: number) => number) => void,
): Virtual {
  const bytes = c.bytesOf(type);
  const lanes = c.lanes;
  const size = sizeOf[type as Number_];
  c.reserve = Math.max(c.reserve, 128);
  const sources = args.map((a) => registerOf(c.register(a, bytes)));
  return c.customResult("v", c.bytesOf(to), sources, (chosen, d) => {
    const { asm } = chosen;
    for (const [k, v] of sources.entries()) asm.op("vmovups", ptr(rsp, 64 * k), chosen.vec(v, bytes));
    for (let l = 0; l < lanes; l++) each(chosen, (k) => 64 * k + l * size);
    asm.op("vmovups", chosen.vec(d), ptr(rsp, 0));
  });
}
function registerOf(x: Virtual | View): Virtual {
  return x instanceof View ? x.of : x;
}

function divideLong(c: Code, a: Value, b: Value, remainder: boolean): Virtual {
  return throughStack(c, "i64", "i64", [a, b], ({ asm }, at) => {
    const [done, zero, ordinary] = [asm.label(), asm.label(), asm.label()];
    asm.mov(rcx, ptr(rsp, at(1)));
    asm.mov(rax, ptr(rsp, at(0)));
    asm.test(rcx, rcx);
    asm.jcc("e", zero, { short: true });
    asm.cmp(rcx, -1);
    asm.jcc("ne", ordinary, { short: true });
    // -2^63 / -1 traps; its quotient wraps
    if (remainder) asm.xor(rax, rax);
    else asm.neg(rax);
    asm.jmp(done, { short: true });
    asm.bind(zero);
    asm.xor(rax, rax);
    asm.jmp(done, { short: true });
    asm.bind(ordinary);
    asm.cqo();
    asm.idiv(rcx);
    if (remainder) asm.mov(rax, rdx);
    asm.bind(done);
    asm.mov(ptr(rsp, at(0)), rax);
  });
}

/** C's fmod: the x87 unit's partial remainder is exact. */
function remainderOfFloats(c: Code, type: "f32" | "f64", a: Value, b: Value): Virtual {
  const [load, store] = type === "f32" ? [0xd9, 0xd9] : [0xdd, 0xdd];
  const operand = (digit: number, disp: number): number[] => [(digit << 3) | 0x84, 0x24, disp & 255, disp >> 8, 0, 0]; // [rsp + disp32]
  return throughStack(c, type, type, [a, b], ({ asm }, at) => {
    asm.emit(load, ...operand(0, at(1))); // fld b
    asm.emit(load, ...operand(0, at(0))); // fld a
    const again = asm.label(true);
    asm.emit(0xd9, 0xf8); // fprem
    asm.emit(0xdf, 0xe0); // fnstsw ax
    asm.test(rax, 0x400); // C2: not finished
    asm.jcc("ne", again);
    asm.emit(store, ...operand(3, at(0))); // fstp
    asm.emit(0xdd, 0xd8); // fstp st(0)
  });
}

/** Quotients of 32-bit integers through doubles, which are exact; 0 for a divisor of 0. */
function divideInt(c: Code, a: Value, b: Value): Virtual {
  const bytes = c.bytesOf("i32");
  const [x, y] = [registerOf(c.register(a, bytes)), registerOf(c.register(b, bytes))];
  const half = (n: number): Virtual => {
    const part = (v: Virtual): Virtual | View =>
      bytes === 64 ? c.v("vextracti64x4", 32, v, n) : bytes === 32 && !c.avx512 ? c.v("vextracti128", 16, v, n) : v;
    const wide = vectorBytes(Math.min(c.lanes * 8, c.avx512 ? 64 : 32));
    const source = vectorBytes(wide / 2);
    const view = (v: Virtual | View): View => new View(registerOf(v), source);
    const q = c.v("vdivpd", wide, c.v("vcvtdq2pd", wide, view(part(x))), c.v("vcvtdq2pd", wide, view(part(y))));
    return c.v("vcvttpd2dq", source, q);
  };
  let q: Virtual;
  if (bytes === 64) q = c.v("vinserti64x4", 64, new View(half(0), 64), half(1), 1);
  else if (bytes === 32 && !c.avx512) q = c.v("vinserti128", 32, new View(half(0), 32), half(1), 1);
  else q = half(0);
  return choose(c, "i32", compareWith(c, "ne", "i32", b, new Constant("i32", 0)), q, new Constant("i32", 0)) as Virtual;
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

function shift(c: Code, type: ScalarType, left: boolean, a: Value, b: Value): Virtual {
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

function absolute(c: Code, type: ScalarType, a: Value): Value {
  if (type === "bool") return a;
  if (isFloat(type)) return bitAnd(c, type, a, integer(type, allButSign[letter(type)]));
  if (type === "i32" || c.avx512) return one(c, `vpabs${letter(type)}`, type, a);
  const bytes = c.bytesOf(type);
  const x = c.register(a, bytes);
  const sign = c.v("vpcmpgtq", bytes, c.zero(bytes), x);
  return c.v("vpsubq", bytes, c.v("vpxor", bytes, x, sign), sign);
}

function negate(c: Code, type: ScalarType, a: Value): Virtual {
  if (isFloat(type)) return bitXor(c, type, a, integer(type, signBit[letter(type)]));
  return two(c, `vpsub${letter(type)}`, type, new Constant(type, 0), a);
}

/** (0 < x) - (x < 0) */
function signOf(c: Code, type: ScalarType, a: Value): Value {
  if (type === "bool") return a;
  const zero = new Constant(type, 0);
  const positive = choose(c, type, compareWith(c, "gt", type, a, zero), new Constant(type, 1), zero);
  return choose(c, type, compareWith(c, "lt", type, a, zero), new Constant(type, -1), positive);
}

function rounding(mode: 0 | 1 | 2 | 3): Renderer {
  return (c, type, [a]) => {
    if (!isFloat(type)) return a!;
    const name: InstructionName = c.avx512 ? `vrndscale${suffix(type)}` : `vround${suffix(type)}`;
    return one(c, name, type, a!, mode | 8);
  };
}

function fusedMultiplyAdd(c: Code, type: ScalarType, a: Value, b: Value, term: Value): Virtual {
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

function cast(c: Code, to: ScalarType, a: Value, from: ScalarType): Value {
  if (from === to) return a;
  const { lanes } = c;
  if (to === "bool") return compareWith(c, "ne", from as Number_, a, new Constant(from, 0));
  const bytes = c.bytesOf(to);
  if (from === "bool") {
    const yes = new Constant(to, 1);
    if (c.avx512) {
      const d = new Virtual("v", bytes);
      c.put(
        new Instruction(to === "f32" || to === "i32" ? "vmovups" : "vmovupd", [d, c.register(yes, bytes)], {
          mask: truth(c, a),
          zeroing: true,
        }),
      );
      return d;
    }
    return c.v("vandps", bytes, c.boolAs(truth(c, a), sizeOf[to]), c.operand(yes, bytes));
  }
  const x = c.register(a, c.bytesOf(from));
  const direct = (name: InstructionName): Virtual => c.v(name, bytes, x);
  switch (`${from}>${to}` as const) {
    case "f32>f64":
      return direct("vcvtps2pd");
    case "f64>f32":
      return direct("vcvtpd2ps");
    case "f32>i32":
      return direct("vcvttps2dq");
    case "f64>i32":
      return direct("vcvttpd2dq");
    case "i32>f32":
      return direct("vcvtdq2ps");
    case "i32>f64":
      return direct("vcvtdq2pd");
    case "i32>i64":
      return direct("vpmovsxdq");
    case "i64>i32":
      if (c.avx512) return direct("vpmovqd");
      return lanes === 1 ? registerOf(x) : c.narrow(registerOf(x));
    case "f32>i64":
      if (c.avx512) return direct("vcvttps2qq");
      return cast(c, "i64", cast(c, "f64", a, "f32"), "f64");
    case "f64>i64":
      if (c.avx512) return direct("vcvttpd2qq");
      return throughStack(c, "f64", "i64", [a], ({ asm }, at) => {
        asm.op("vcvttsd2si", rax, ptr(rsp, at(0)));
        asm.mov(ptr(rsp, at(0)), rax);
      });
    case "i64>f64": {
      if (c.avx512) return direct("vcvtqq2pd");
      // the high 48 bits and the low 16 … 48 as doubles with fixed exponents, whose sum is rounded once
      const high = c.v("vpand", bytes, c.v("vpsrad", bytes, x, 16), c.operand(new Constant("i64", -(2n ** 32n)), bytes));
      const highBiased = c.v("vpaddq", bytes, high, c.operand(new Constant("f64", 4.4272185776902924e20), bytes));
      const low = c.v("vpand", bytes, x, c.operand(new Constant("i64", 2n ** 48n - 1n), bytes));
      const lowBiased = c.v("vpor", bytes, low, c.operand(new Constant("i64", 0x4330000000000000n), bytes));
      return c.v(
        "vaddpd",
        bytes,
        c.v("vsubpd", bytes, highBiased, c.operand(new Constant("f64", 4.427263613686566e20), bytes)),
        lowBiased,
      );
    }
    case "i64>f32": {
      if (c.avx512) return direct("vcvtqq2ps");
      c.reserve = Math.max(c.reserve, 128);
      const source = registerOf(x);
      return c.customResult("v", bytes, [source], ({ asm, vec }, d) => {
        asm.op("vmovups", ptr(rsp, 0), vec(source));
        const r = vec(d, 16);
        for (let l = 0; l < lanes; l++) {
          asm.op("vxorps", r, r, r);
          asm.mov(rax, ptr(rsp, l * 8));
          asm.op("vcvtsi2ss", r, r, rax);
          asm.op("vmovss", ptr(rsp, 64 + l * 4), r);
        }
        asm.op("vmovups", vec(d), ptr(rsp, 64));
      });
    }
    default:
      throw new Unsupported(`a cast from ${from} to ${to}`);
  }
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
    if (sizeOf[type as Number_] !== sizeOf[from as Number_]) throw new Unsupported(`the bits of ${from} as ${type}`);
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
