/**
 * Conversions between the types in which kernels compute.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import { Constant, sizeOf } from "../kernel/frames.ts";
import { Unsupported } from "../kernel/graph.ts";
import type { InstructionName } from "./assembler.ts";
import type { Code, Value } from "./code.ts";
import { Instruction, Virtual } from "./machine.ts";
import { type NumberType, compareWith, registerOf, throughStack, truth } from "./operations.ts";
import { ptr, rax, rsp } from "./registers.ts";

export function cast(c: Code, to: ScalarType, a: Value, from: ScalarType): Value {
  if (from === to) return a;
  const { lanes } = c;
  if (to === "bool") return compareWith(c, "ne", from as NumberType, a, new Constant(from, 0));
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
