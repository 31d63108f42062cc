/**
 * Loads and stores of lanes: elements side by side, one element for all lanes, or elements anywhere, with the conversion between a dtype and the type in which
 * it is computed.
 */
import type { DType } from "../../../core/dtype.ts";
import { Constant } from "../kernel/frames.ts";
import type { Code, Local, Value } from "./code.ts";

/** A byte address: a local plus a constant that is not negative. */
export interface Place {
  readonly pointer: Local;
  readonly offset: number;
}

const none = new Constant("i32", 0);
const bits = (value: number): Constant => new Constant("i32", value);

/** `lanes` elements side by side. */
export function loadVector(c: Code, dtype: DType, at: Place): Value {
  const { body, lanes } = c;
  if (lanes === 1) return loadUniform(c, dtype, at);
  const direct = (name: "v128.load" | "v128.load64_zero" | "v128.load16x4_u" | "v128.load16x4_s" | "v128.load32_zero"): Local =>
    c.hold("v128", () => {
      body.get(at.pointer.index);
      body.memory(name, at.offset);
    });
  const bytes = (): Local => {
    if (lanes === 4) return direct("v128.load32_zero");
    return c.hold("v128", () => {
      body.get(at.pointer.index);
      c.push(none);
      body.memoryLane("v128.load16_lane", 0, at.offset);
    });
  };
  const words = (signed: boolean): Local => {
    if (lanes === 4) return direct(signed ? "v128.load16x4_s" : "v128.load16x4_u");
    return c.v(signed ? "i32x4.extend_low_i16x8_s" : "i32x4.extend_low_i16x8_u", direct("v128.load32_zero"));
  };
  switch (dtype.key) {
    case "f32":
    case "i32":
      return direct(lanes === 4 ? "v128.load" : "v128.load64_zero");
    case "f64":
    case "i64":
      return direct("v128.load");
    case "f16":
    case "bf16":
      return widen(c, dtype, words(false));
    case "i16":
      return words(true);
    case "i8":
      return c.v("i32x4.extend_low_i16x8_s", c.v("i16x8.extend_low_i8x16_s", bytes()));
    default:
      return widen(c, dtype, c.v("i32x4.extend_low_i16x8_u", c.v("i16x8.extend_low_i8x16_u", bytes())));
  }
}

/** One element in all lanes. */
export function loadUniform(c: Code, dtype: DType, at: Place): Value {
  const { body } = c;
  switch (dtype.itemsize) {
    case 4:
    case 8:
      return c.hold("v128", () => {
        body.get(at.pointer.index);
        body.memory(dtype.itemsize === 4 ? "v128.load32_splat" : "v128.load64_splat", at.offset);
      });
    default: {
      const element = c.hold("v128", () => {
        body.get(at.pointer.index);
        body.memory(scalarLoad(dtype), at.offset);
        body.op("i32x4.splat");
      });
      return widen(c, dtype, element);
    }
  }
}

function scalarLoad(dtype: DType): "i32.load8_s" | "i32.load8_u" | "i32.load16_s" | "i32.load16_u" {
  if (dtype.key === "i8") return "i32.load8_s";
  if (dtype.key === "i16") return "i32.load16_s";
  return dtype.itemsize === 1 ? "i32.load8_u" : "i32.load16_u";
}

/** Elements in 32-bit lanes as values: floats of 16 bits and bools are converted. */
function widen(c: Code, dtype: DType, x: Local): Local {
  switch (dtype.key) {
    case "f16": {
      // 2^112 moves the exponent, for subnormal numbers too; infinities and NaNs need the largest one
      const size = c.shift("i32x4.shl", c.v("v128.and", x, bits(0x7fff)), 13);
      const moved = c.v("f32x4.mul", size, new Constant("f32", 2 ** 112));
      const special = c.v("v128.and", c.v("i32x4.ge_s", size, bits(0x7c00 << 13)), bits(0x7f800000));
      const sign = c.shift("i32x4.shl", c.v("v128.and", x, bits(0x8000)), 16);
      return c.v("v128.or", c.v("v128.or", moved, special), sign);
    }
    case "bf16":
      return c.shift("i32x4.shl", x, 16);
    case "bool":
      return c.boolFrom(c.v("i32x4.ne", x, none), 4);
    default:
      return x;
  }
}

/** The elements at these addresses, one for each lane. */
export function gather(c: Code, dtype: DType, places: readonly Place[]): Value {
  const { body } = c;
  if (dtype.itemsize >= 4) {
    const name = dtype.itemsize === 4 ? "v128.load32_lane" : "v128.load64_lane";
    let result = loadUniform(c, dtype, places[0]!);
    for (const [l, at] of places.entries()) {
      if (l === 0) continue;
      const before = result;
      result = c.hold("v128", () => {
        body.get(at.pointer.index);
        c.push(before);
        body.memoryLane(name, l, at.offset);
      });
    }
    return result;
  }
  const words = c.byLanes("i32", (l) => {
    const at = places[l]!;
    body.get(at.pointer.index);
    body.memory(scalarLoad(dtype), at.offset);
  });
  return widen(c, dtype, words);
}

/** What lies in memory for a value, in lanes of `size` bytes of which the first itemsize are stored. */
function narrow(c: Code, dtype: DType, value: Value): { readonly lanes: Value; readonly size: 4 | 8 } {
  switch (dtype.key) {
    case "f64":
    case "i64":
      return { lanes: value, size: 8 };
    case "f16":
      return { lanes: roundToHalf(c, value), size: 4 };
    case "bf16":
      return { lanes: roundToBfloat(c, value), size: 4 };
    case "bool":
      return { lanes: c.v("v128.and", value, new Constant(c.boolBytes === 4 ? "i32" : "i64", 1)), size: c.boolBytes };
    default:
      return { lanes: value, size: 4 };
  }
}

/** `lanes` elements side by side. */
export function storeVector(c: Code, dtype: DType, at: Place, value: Value): void {
  const { body, lanes: count } = c;
  const { itemsize } = dtype;
  const { lanes, size } = narrow(c, dtype, value);
  let packed = lanes;
  if (itemsize < size && count > 1) {
    const order = Array.from({ length: 16 }, (_, k) => (Math.floor(k / itemsize) % count) * size + (k % itemsize));
    packed = c.shuffle(lanes, lanes, order);
  }
  body.get(at.pointer.index);
  c.push(packed);
  switch (itemsize * count) {
    case 1:
      body.memoryLane("v128.store8_lane", 0, at.offset);
      break;
    case 2:
      body.memoryLane("v128.store16_lane", 0, at.offset);
      break;
    case 4:
      body.memoryLane("v128.store32_lane", 0, at.offset);
      break;
    case 8:
      body.memoryLane("v128.store64_lane", 0, at.offset);
      break;
    default:
      body.memory("v128.store", at.offset);
  }
}

/** One element at each of these addresses. */
export function scatter(c: Code, dtype: DType, places: readonly Place[], value: Value): void {
  const { body } = c;
  const { lanes, size } = narrow(c, dtype, value);
  const name = ({ 1: "v128.store8_lane", 2: "v128.store16_lane", 4: "v128.store32_lane", 8: "v128.store64_lane" } as const)[
    dtype.itemsize as 1 | 2 | 4 | 8
  ];
  for (const [l, at] of places.entries()) {
    body.get(at.pointer.index);
    c.push(lanes);
    body.memoryLane(name, (l * size) / dtype.itemsize, at.offset);
  }
}

/** The 16 bits of a bfloat16 in the low half of each lane: nearest, ties to even; NaN stays NaN. */
function roundToBfloat(c: Code, x: Value): Local {
  const top = c.shift("i32x4.shr_u", x, 16);
  const bias = c.v("i32x4.add", c.v("v128.and", top, bits(1)), bits(0x7fff));
  const rounded = c.shift("i32x4.shr_u", c.v("i32x4.add", x, bias), 16);
  return c.blend(c.v("f32x4.ne", x, x), c.v("v128.or", top, bits(0x40)), rounded);
}

/** The 16 bits of a float16 in the low half of each lane: nearest, ties to even. */
function roundToHalf(c: Code, x: Value): Local {
  const sign = c.v("v128.and", x, bits(-(2 ** 31)));
  const size = c.v("v128.xor", x, sign);
  // normal results: the exponent moves by 112, and half a unit less one is added, plus one where the last bit is odd
  const odd = c.v("v128.and", c.shift("i32x4.shr_u", size, 13), bits(1));
  const moved = c.v("i32x4.add", c.v("i32x4.add", size, bits((-112 << 23) + 0xfff)), odd);
  const normal = c.shift("i32x4.shr_u", moved, 13);
  // subnormal ones: adding 1/2 leaves the bits where they belong, rounded
  const subnormal = c.v("i32x4.sub", c.v("f32x4.add", size, new Constant("f32", 0.5)), bits(126 << 23));
  const finite = c.blend(c.v("i32x4.lt_s", size, bits(113 << 23)), subnormal, normal);
  const special = c.blend(c.v("i32x4.gt_s", size, bits(0x7f800000)), bits(0x7e00), bits(0x7c00));
  const result = c.blend(c.v("i32x4.ge_s", size, bits(0x477ff000)), special, finite); // from 65520 on it is infinite
  return c.v("v128.or", result, c.shift("i32x4.shr_u", sign, 16));
}
