/**
 * How elements lie in device memory. WGSL has no 8-bit and 16-bit integers and no bfloat16, and two invocations must not store into one word, so these take a
 * 32-bit word each; strides and offsets of tensors count elements and hold for both sides. Conversion happens where bytes cross, in `toDevice` and `toHost`.
 */
import type { DType, DTypeKey, TypedArray } from "../../core/dtype.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../core/float16.ts";

/** One row of the table. */
export interface DeviceLayout {
  /** Element type of the storage array in WGSL. */
  readonly wgsl: "f32" | "f16" | "i32" | "u32" | "vec2<u32>";
  /** Bytes of one element in device memory. */
  readonly bytes: 2 | 4 | 8;
}

const f32: DeviceLayout = { wgsl: "f32", bytes: 4 };
const i32: DeviceLayout = { wgsl: "i32", bytes: 4 };

const layouts: Readonly<Record<DTypeKey, DeviceLayout | null>> = {
  f32,
  i32,
  /** The value; what is stored is rounded to bfloat16 before, so that the lower 16 bits are 0. */
  bf16: f32,
  /** Without `shader-f16` the value, rounded to float16 before it is stored. With it see {@link deviceLayout}. */
  f16: f32,
  /** Sign-extended; what is stored is wrapped to the dtype's range before. */
  i16: i32,
  i8: i32,
  /** Zero-extended; wrapped to 0 … 255 before it is stored. */
  u8: i32,
  /** 0 or 1. */
  bool: { wgsl: "u32", bytes: 4 },
  /** Low word, high word. */
  i64: { wgsl: "vec2<u32>", bytes: 8 },
  /** There is none: float64 stays on the host, see memory.ts. */
  f64: null,
};
const nativeHalf: DeviceLayout = { wgsl: "f16", bytes: 2 };

/** How elements of a dtype lie in device memory; null when the device cannot have them. `f16`: whether the device has `shader-f16`. */
export function deviceLayout(dtype: DType, f16: boolean): DeviceLayout | null {
  if (dtype.key === "f16" && f16) return nativeHalf;
  return dtype.isComplex ? null : layouts[dtype.key];
}

/** Bytes of device memory that `count` elements take: whole words. */
export function deviceBytes(layout: DeviceLayout, count: number): number {
  return Math.ceil((count * layout.bytes) / 4) * 4;
}

/** Elements as the host keeps them, converted for device memory. The result may share memory with the argument. */
export function toDevice(elements: TypedArray, dtype: DType, layout: DeviceLayout): Uint8Array {
  const n = elements.length;
  switch (dtype.key) {
    case "f32":
    case "i32":
    case "i64":
      return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    case "f16":
    case "bf16": {
      if (layout.bytes === 2) return padded(elements);
      const out = new Float32Array(n);
      const decode = dtype.key === "f16" ? halfToNumber : bfloatToNumber;
      for (let k = 0; k < n; k++) out[k] = decode(elements[k] as number);
      return new Uint8Array(out.buffer);
    }
    default:
      return new Uint8Array(Int32Array.from(elements as Uint8Array).buffer);
  }
}

function padded(elements: TypedArray): Uint8Array {
  const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const out = new Uint8Array(bytes.length + 2);
  out.set(bytes);
  return out;
}

/** Fills `out` with elements that came from device memory; `bytes` begins at a multiple of 8. */
export function toHost(bytes: Uint8Array, dtype: DType, layout: DeviceLayout, out: TypedArray): void {
  const { buffer, byteOffset } = bytes;
  const n = out.length;
  switch (dtype.key) {
    case "f32":
    case "i32":
    case "i64":
      new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes.subarray(0, out.byteLength));
      return;
    case "f16":
    case "bf16": {
      if (layout.bytes === 2) {
        new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes.subarray(0, out.byteLength));
        return;
      }
      const values = new Float32Array(buffer, byteOffset, n);
      const encode = dtype.key === "f16" ? numberToHalf : numberToBfloat;
      for (let k = 0; k < n; k++) out[k] = encode(values[k]!);
      return;
    }
    default:
      (out as Int16Array).set(new Int32Array(buffer, byteOffset, n)); // wraps, which does nothing to values in range
  }
}
