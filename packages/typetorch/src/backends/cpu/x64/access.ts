/**
 * Loads and stores of lanes: elements side by side, one element for all lanes, or elements anywhere, with the conversion between a dtype and the type in which
 * it is computed.
 */
import type { DType } from "../../../core/dtype.ts";
import { compare as predicates } from "./assembler.ts";
import { Constant } from "../kernel/frames.ts";
import { type Code, type Value, vectorBytes } from "./code.ts";
import { Instruction, Place, View, Virtual } from "./machine.ts";
import { type Memory, ptr, rax, type Vec } from "./registers.ts";

/** `lanes` elements side by side, those in `c.active` only when it is set. */
export function loadVector(c: Code, dtype: DType, at: Place): Virtual {
  const { lanes, active } = c;
  if (lanes === 1) return loadScalar(c, dtype, at);
  const four = vectorBytes(lanes * 4);
  const eight = vectorBytes(lanes * 8);
  const plain = (name: "vmovups" | "vmovupd", bytes: 16 | 32 | 64): Virtual => c.vz(active, name, bytes, at);
  switch (dtype.key) {
    case "f32":
    case "i32":
      return plain("vmovups", four);
    case "f64":
    case "i64":
      return plain("vmovupd", eight);
    case "f16":
      return c.vz(active, "vcvtph2ps", four, at);
    case "bf16":
      return c.v("vpslld", four, c.vz(active, "vpmovzxwd", four, at), 16);
    case "i16":
      return c.vz(active, "vpmovsxwd", four, at);
    case "i8":
      return c.vz(active, "vpmovsxbd", four, at);
    case "u8":
      return c.vz(active, "vpmovzxbd", four, at);
    case "bool": {
      if (c.avx512) {
        const bytes =
          active !== null
            ? c.vz(active, "vmovdqu8", 16, at)
            : lanes === 16
              ? c.v("vmovups", 16, at)
              : c.v(lanes === 8 ? "vmovsd" : "vmovss", 16, at);
        return c.k("vptestmb", bytes, bytes);
      }
      const wide = c.boolBytes === 4 ? c.v("vpmovzxbd", four, at) : c.v("vpmovzxbq", eight, at);
      return c.v(c.boolBytes === 4 ? "vpcmpgtd" : "vpcmpgtq", wide.bytes as 16 | 32, wide, c.zero(wide.bytes as 16 | 32));
    }
  }
}

/** One element in lane 0. */
function loadScalar(c: Code, dtype: DType, at: Place): Virtual {
  switch (dtype.key) {
    case "f32":
    case "i32":
      return c.v("vmovss", 16, at);
    case "f64":
    case "i64":
      return c.v("vmovsd", 16, at);
    case "f16":
      return c.v("vcvtph2ps", 16, narrowScalar(c, dtype, at));
    case "bf16":
      return c.v("vpslld", 16, narrowScalar(c, dtype, at), 16);
    case "bool": {
      const word = narrowScalar(c, dtype, at);
      if (c.avx512) return c.k("vptestmd", word, word);
      return c.boolFrom(c.v("vpcmpgtd", 16, word, c.zero(16)), 4);
    }
    default:
      return narrowScalar(c, dtype, at);
  }
}
/** An element of one or two bytes as a 32-bit integer in lane 0. */
function narrowScalar(c: Code, dtype: DType, at: Place): Virtual {
  return c.customResult("v", 16, [at], ({ asm, memory, vec }, d) => {
    const m = memory(at);
    const to = rax.d;
    if (dtype.key === "i8") asm.movsx8(to, m);
    else if (dtype.key === "i16") asm.movsx16(to, m);
    else if (dtype.itemsize === 1) asm.movzx8(to, m);
    else asm.movzx16(to, m);
    asm.op("vmovd", vec(d), to);
  });
}

/** One element in all lanes. */
export function loadUniform(c: Code, dtype: DType, at: Place): Virtual {
  const { lanes } = c;
  if (lanes === 1) return loadScalar(c, dtype, at);
  switch (dtype.key) {
    case "f32":
    case "i32":
      return c.v("vbroadcastss", vectorBytes(lanes * 4), at);
    case "f64":
    case "i64":
      return c.v("vbroadcastsd", vectorBytes(lanes * 8), at);
    default: {
      c.lanes = 1;
      const value = loadScalar(c, dtype, at);
      c.lanes = lanes;
      return spread(c, dtype.key === "bool", value, 4);
    }
  }
}

/** Lane 0 of a value in all lanes. `size`: bytes of a lane of a number. */
export function spread(c: Code, isBool: boolean, value: Virtual, size: 4 | 8): Virtual {
  if (isBool && c.avx512) {
    return c.customResult("k", 8, [value], ({ asm, mask }, d) => {
      asm.op("kmovd", rax.d, mask(value));
      asm.and(rax.d, 1);
      asm.neg(rax.d);
      asm.op("kmovd", mask(d), rax.d);
    });
  }
  const lane = isBool ? c.boolBytes : size;
  const bytes = vectorBytes(c.lanes * lane);
  return c.v(lane === 4 ? "vbroadcastss" : "vbroadcastsd", bytes, new View(value, 16));
}

function indexed(base: Memory, index: Vec, scale: 4 | 8): Memory {
  return ptr(base.base, base.disp, index, scale);
}

/** Elements of 4 or 8 bytes at `base + index * itemsize`, for indices in 64-bit lanes (two vectors when there are sixteen lanes, or eight without AVX-512). */
export function gather(c: Code, dtype: DType, base: Place, indices: readonly Virtual[]): Virtual {
  const size = dtype.itemsize as 4 | 8;
  const lanesEach = c.lanes / indices.length;
  const bytes = vectorBytes(lanesEach * size);
  const name = size === 4 ? "vgatherqps" : "vgatherqpd";
  const parts = indices.map((index, n) => {
    if (c.avx512) {
      const { active } = c;
      const mask = c.customResult("k", 8, active === null ? [] : [active], ({ asm, mask: k }, d) => {
        if (active === null) asm.op("kxnorw", k(d), k(d), k(d));
        else if (n === 0) asm.op("kmovw", k(d), k(active));
        else asm.op("kshiftrw", k(d), k(active), 8);
      });
      const reads = base.base === null ? [index, mask] : [index, mask, base.base];
      return c.customResult(
        "v",
        bytes,
        reads,
        ({ asm, vec, mask: k, memory }, d) => {
          const to = vec(d);
          asm.op("vpxord", to, to, to);
          const m = memory(base);
          asm.op(name, to.k(k(mask)), indexed(m, vec(index), size));
        },
        true,
      );
    }
    const all = c.customResult("v", bytes, [], ({ asm, vec }, d) => asm.op("vpcmpeqd", vec(d), vec(d), vec(d)));
    const reads = base.base === null ? [index, all] : [index, all, base.base];
    return c.customResult(
      "v",
      bytes,
      reads,
      ({ asm, vec, memory }, d) => {
        asm.op("vpxor", vec(d, 16), vec(d, 16), vec(d, 16));
        asm.op(name, vec(d), indexed(memory(base), vec(index), size), vec(all));
      },
      true,
    );
  });
  if (parts.length === 1) return parts[0]!;
  if (bytes === 32) return c.v("vinsertf64x4", 64, new View(parts[0]!, 64), parts[1]!, 1);
  return c.v("vinsertf128", 32, new View(parts[0]!, 32), parts[1]!, 1);
}

/** Stores elements of 4 or 8 bytes at `base + index * itemsize`; AVX-512 only. */
export function scatter(c: Code, dtype: DType, base: Place, indices: readonly Virtual[], value: Value): void {
  const size = dtype.itemsize as 4 | 8;
  const lanesEach = c.lanes / indices.length;
  const bytes = vectorBytes(lanesEach * size);
  const whole = c.register(value, vectorBytes(c.lanes * size));
  const name = size === 4 ? "vscatterqps" : "vscatterqpd";
  const { active } = c;
  indices.forEach((index, n) => {
    const part = n === 0 ? whole : c.v("vextractf64x4", 32, whole, 1);
    const of = part instanceof View ? part.of : part;
    const mask = c.customResult("k", 8, active === null ? [] : [active], ({ asm, mask: k }, d) => {
      if (active === null) asm.op("kxnorw", k(d), k(d), k(d));
      else if (n === 0) asm.op("kmovw", k(d), k(active));
      else asm.op("kshiftrw", k(d), k(active), 8);
    });
    const reads = base.base === null ? [index, mask, of] : [index, mask, of, base.base];
    c.custom(reads, ({ asm, vec, mask: k, memory }) => {
      asm.op(name, indexed(memory(base), vec(index), size).k(k(mask)), vec(of, bytes));
    });
  });
}

/** `lanes` elements side by side, those in `c.active` only when it is set. */
export function storeVector(c: Code, dtype: DType, at: Place, value: Value): void {
  const { lanes, active } = c;
  if (lanes === 1) {
    storeScalar(c, dtype, at, value);
    return;
  }
  const four = vectorBytes(lanes * 4);
  const eight = vectorBytes(lanes * 8);
  const streamed = c.streaming && active === null;
  switch (dtype.key) {
    case "f32":
    case "i32":
      c.out(streamed ? "vmovntps" : "vmovups", at, active, c.register(value, four));
      return;
    case "f64":
    case "i64":
      c.out(streamed ? "vmovntpd" : "vmovupd", at, active, c.register(value, eight));
      return;
    case "f16":
      c.out("vcvtps2ph", at, active, c.register(value, four), 0);
      return;
    case "bool": {
      const mask = value instanceof Constant ? c.boolConstant(Boolean(value.value)) : value;
      if (c.avx512) {
        const ones = c.register(new Constant("i32", 0x01010101), 16);
        const bytes = new Virtual("v", 16);
        c.put(new Instruction("vmovdqu8", [bytes, ones], { mask, zeroing: true }));
        if (active !== null) c.out("vmovdqu8", at, active, bytes);
        else c.out(lanes === 16 ? "vmovups" : "vmovsd", at, null, bytes);
        return;
      }
      const bytes = c.bytesOf("bool");
      const ones = c.v(
        "vpand",
        bytes,
        c.register(mask, bytes),
        c.operand(new Constant(c.boolBytes === 4 ? "i32" : "i64", 1), bytes),
      );
      storePacked(c, at, ones, c.boolBytes, 1);
      return;
    }
    default: {
      const x = c.register(value, four);
      const words = dtype.key === "bf16" ? roundToBfloat(c, x) : x;
      if (c.avx512) c.out(dtype.itemsize === 2 ? "vpmovdw" : "vpmovdb", at, active, words);
      else storePacked(c, at, words, 4, dtype.itemsize as 1 | 2);
    }
  }
}

/** Stores the low `size` bytes of each lane of `from` bytes side by side, without AVX-512. */
function storePacked(c: Code, at: Place, value: Virtual | View, from: 4 | 8, size: 1 | 2): void {
  const bytes = value.bytes as 16 | 32;
  const control = new Uint8Array(bytes).fill(0x80);
  const lanesPerHalf = 16 / from;
  for (let half = 0; half < bytes; half += 16)
    for (let l = 0; l < lanesPerHalf; l++) for (let b = 0; b < size; b++) control[half + l * size + b] = l * from + b;
  const packed = c.v("vpshufb", bytes, value, new Place(null, null, 1, 0, c.asm.constant(control)));
  const perHalf = lanesPerHalf * size; // 8, 4 or 2 bytes
  if (bytes === 16) {
    c.out(perHalf === 8 ? "vmovsd" : "vmovss", at, null, packed);
    return;
  }
  const high = c.v("vextracti128", 16, packed, 1);
  const low = new View(packed, 16);
  if (perHalf === 8) c.out("vmovups", at, null, c.v("vpunpcklqdq", 16, low, high));
  else if (perHalf === 4) c.out("vmovsd", at, null, c.v("vpunpckldq", 16, low, high));
  else c.out("vmovss", at, null, c.v("vpunpcklwd", 16, low, high));
}

/** The 16 bits of a bfloat16 in the low half of each lane: nearest, ties to even; NaN stays NaN. */
function roundToBfloat(c: Code, x: Virtual | View): Virtual {
  const bytes = x.bytes as 16 | 32 | 64;
  const number = (value: number): Constant => new Constant("i32", value);
  const top = c.v("vpsrld", bytes, x, 16);
  const odd = c.v(c.avx512 ? "vpandd" : "vpand", bytes, top, c.operand(number(1), bytes));
  const bias = c.v("vpaddd", bytes, odd, c.operand(number(0x7fff), bytes));
  const rounded = c.v("vpsrld", bytes, c.v("vpaddd", bytes, x, bias), 16);
  const quiet = c.v(c.avx512 ? "vpord" : "vpor", bytes, top, c.operand(number(0x40), bytes));
  if (c.avx512) {
    const nan = c.k("vcmpps", x, x, predicates.unordered);
    const d = new Virtual("v", bytes);
    c.put(new Instruction("vpblendmd", [d, rounded, quiet], { mask: nan }));
    return d;
  }
  return c.v("vblendvps", bytes, rounded, quiet, c.v("vcmpps", bytes, x, x, predicates.unordered));
}

function storeScalar(c: Code, dtype: DType, at: Place, value: Value): void {
  switch (dtype.key) {
    case "f32":
    case "i32":
      c.out("vmovss", at, null, c.register(value, 16));
      return;
    case "f64":
    case "i64":
      c.out("vmovsd", at, null, c.register(value, 16));
      return;
    case "bool": {
      const mask = value instanceof Constant ? c.boolConstant(Boolean(value.value)) : value;
      c.custom([mask, at], ({ asm, mask: k, vec, memory }) => {
        if (mask.kind === "k") asm.op("kmovd", rax.d, k(mask));
        else asm.op("vmovd", rax.d, vec(mask, 16));
        asm.and(rax.d, 1);
        asm.mov8(memory(at), rax);
      });
      return;
    }
    default: {
      let x = c.register(value, 16);
      if (dtype.key === "f16") x = c.v("vcvtps2ph", 16, x, 0);
      else if (dtype.key === "bf16") x = roundToBfloat(c, x);
      const of = x instanceof View ? x.of : x;
      c.custom([of, at], ({ asm, vec, memory }) => {
        asm.op("vmovd", rax.d, vec(of, 16));
        if (dtype.itemsize === 1) asm.mov8(memory(at), rax);
        else asm.mov16(memory(at), rax);
      });
    }
  }
}
