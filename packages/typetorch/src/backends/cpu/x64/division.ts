/**
 * Division and remainders of integers and C's fmod, which the vector units have not.
 */
import { Constant } from "../kernel/frames.ts";
import { type Code, type Value, vectorBytes } from "./code.ts";
import { View, type Virtual } from "./machine.ts";
import { choose, compareWith, registerOf, throughStack } from "./operations.ts";
import { ptr, rax, rcx, rdx, rsp } from "./registers.ts";

export function divideLong(c: Code, a: Value, b: Value, remainder: boolean): Virtual {
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
export function remainderOfFloats(c: Code, type: "f32" | "f64", a: Value, b: Value): Virtual {
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
export function divideInt(c: Code, a: Value, b: Value): Virtual {
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
