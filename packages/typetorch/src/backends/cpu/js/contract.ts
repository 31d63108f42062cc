/**
 * Matrix products and convolutions in plain TypeScript: the reference of the machine-code versions, and what other processors run. Operands are first copied
 * to row-major doubles (bigints for int64), so floats are summed in double precision.
 */
import type { DType } from "../../../core/dtype.ts";
import { erf } from "../../../core/special.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../../core/float16.ts";
import { contiguousStrides, numelOf } from "../../../core/shape.ts";
import type { Activation, ConvGeometry, GemmArguments, Operand } from "../../backend.ts";
import { typedArrayOf } from "../memory.ts";

type Numbers = Float64Array | BigInt64Array;
type Elements = { [position: number]: number | bigint };

function reader(dtype: DType): (x: number | bigint) => number | bigint {
  if (dtype.key === "f16") return (x) => halfToNumber(x as number);
  if (dtype.key === "bf16") return (x) => bfloatToNumber(x as number);
  return (x) => x;
}
function writer(dtype: DType): (x: number | bigint) => number | bigint {
  if (dtype.key === "f16") return (x) => numberToHalf(x as number);
  if (dtype.key === "bf16") return (x) => numberToBfloat(x as number);
  if (dtype.key === "bool") return (x) => (x ? 1 : 0);
  return (x) => x;
}

/** Calls `visit` with the position of each element of a strided view, in row-major order. */
function forEachPosition(x: Operand, visit: (position: number, n: number) => void): void {
  const rank = x.shape.length;
  const index = new Array<number>(rank).fill(0);
  const total = numelOf(x.shape);
  let position = x.storageOffset;
  for (let n = 0; n < total; n++) {
    visit(position, n);
    for (let d = rank - 1; d >= 0; d--) {
      position += x.strides[d]!;
      if (++index[d]! < x.shape[d]!) break;
      position -= x.strides[d]! * x.shape[d]!;
      index[d] = 0;
    }
  }
}

/** The elements in row-major order. */
function gather(x: Operand): Numbers {
  const n = numelOf(x.shape);
  const out = x.dtype.key === "i64" ? new BigInt64Array(n) : new Float64Array(n);
  const read = reader(x.dtype);
  const source = typedArrayOf(x.storage, x.dtype) as unknown as Elements;
  forEachPosition(x, (position, k) => {
    (out as Elements)[k] = read(source[position]!);
  });
  return out;
}

function scatter(values: Numbers, out: Operand): void {
  const write = writer(out.dtype);
  const target = typedArrayOf(out.storage, out.dtype) as unknown as Elements;
  forEachPosition(out, (position, k) => {
    target[position] = write(values[k]!);
  });
}

const activations: Readonly<Record<Activation, (x: number) => number>> = {
  none: (x) => x,
  relu: (x) => (x < 0 ? 0 : x),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** See `Backend.gemm`. */
export function gemm(args: GemmArguments): void {
  const { a, b, out, alpha, beta, bias } = args;
  const rank = out.shape.length;
  const m = out.shape[rank - 2]!;
  const n = out.shape[rank - 1]!;
  const k = a.shape[a.shape.length - 1]!;
  if (numelOf(out.shape) === 0) return;
  const batches = numelOf(out.shape) / (m * n);
  const batchShape = out.shape.slice(0, rank - 2);
  const x = gather(expanded(a, batchShape));
  const y = gather(expanded(b, batchShape));
  const previous = beta === 0 ? null : gather(out);
  const added = bias === null ? null : gather(bias);
  if (out.dtype.key === "i64") {
    scatter(
      integerProduct(x as BigInt64Array, y as BigInt64Array, previous as BigInt64Array | null, added as BigInt64Array | null, {
        batches,
        m,
        n,
        k,
        alpha,
        beta,
      }),
      out,
    );
    return;
  }
  const integer = !out.dtype.isFloatingPoint;
  const activation = activations[args.activation];
  const result = new Float64Array(batches * m * n);
  for (let p = 0; p < batches; p++) {
    for (let i = 0; i < m; i++) {
      const row = result.subarray((p * m + i) * n, (p * m + i + 1) * n);
      for (let q = 0; q < k; q++) {
        const factor = x[(p * m + i) * k + q] as number;
        const base = (p * k + q) * n;
        if (integer) for (let j = 0; j < n; j++) row[j] = (row[j]! + Math.imul(factor, y[base + j] as number)) | 0;
        else for (let j = 0; j < n; j++) row[j]! += factor * (y[base + j] as number);
      }
      for (let j = 0; j < n; j++) {
        let v = alpha * row[j]!;
        if (previous !== null) v += beta * (previous[(p * m + i) * n + j] as number);
        if (added !== null) v += added[i * n + j] as number;
        row[j] = activation(v);
      }
    }
  }
  scatter(result, out);
}

/** A matrix operand with the batch dimensions of the output. */
function expanded(x: Operand, batchShape: readonly number[]): Operand {
  const own = x.shape.length - 2;
  const missing = batchShape.length - own;
  return {
    ...pick(x),
    shape: [...batchShape, ...x.shape.slice(own)],
    strides: [
      ...batchShape.map((size, d) => (d < missing || (x.shape[d - missing] === 1 && size !== 1) ? 0 : x.strides[d - missing]!)),
      ...x.strides.slice(own),
    ],
  };
}
function pick(x: Operand): Pick<Operand, "storage" | "storageOffset" | "dtype"> {
  return { storage: x.storage, storageOffset: x.storageOffset, dtype: x.dtype };
}

function integerProduct(
  x: BigInt64Array,
  y: BigInt64Array,
  previous: BigInt64Array | null,
  added: BigInt64Array | null,
  { batches, m, n, k, alpha, beta }: { batches: number; m: number; n: number; k: number; alpha: number; beta: number },
): BigInt64Array {
  const result = new BigInt64Array(batches * m * n);
  const scale = BigInt(Math.trunc(alpha));
  const keep = BigInt(Math.trunc(beta));
  for (let p = 0; p < batches; p++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let v = 0n;
        for (let q = 0; q < k; q++) v += x[(p * m + i) * k + q]! * y[(p * k + q) * n + j]!;
        v *= scale;
        if (previous !== null) v += keep * previous[(p * m + i) * n + j]!;
        if (added !== null) v += added[i * n + j]!;
        result[(p * m + i) * n + j] = v;
      }
    }
  }
  return result;
}

/** A convolution as three spatial dimensions; missing ones have size 1. */
interface Conv {
  batch: number;
  groups: number;
  /** Channels per group. */
  inputs: number;
  outputs: number;
  size: readonly [number, number, number];
  kernel: readonly [number, number, number];
  out: readonly [number, number, number];
  stride: readonly [number, number, number];
  padding: readonly [number, number, number];
  dilation: readonly [number, number, number];
}

function three(list: readonly number[], missing: number): [number, number, number] {
  const fill = new Array<number>(3 - list.length).fill(missing);
  return [...fill, ...list] as [number, number, number];
}

function convOf(x: Operand, weight: Operand, out: Operand, g: ConvGeometry): Conv {
  return {
    batch: x.shape[0]!,
    groups: g.groups,
    inputs: weight.shape[1]!,
    outputs: weight.shape[0]! / g.groups,
    size: three(x.shape.slice(2), 1),
    kernel: three(weight.shape.slice(2), 1),
    out: three(out.shape.slice(2), 1),
    stride: three(g.stride, 1),
    padding: three(g.padding, 0),
    dilation: three(g.dilation, 1),
  };
}

/**
 * Visits every run of products: for `count` steps, output element `o + t` meets input element `i + t * step` and weight element `w`.
 */
function forEachRun(c: Conv, visit: (o: number, i: number, step: number, w: number, count: number) => void): void {
  const inVolume = c.size[0] * c.size[1] * c.size[2];
  const outVolume = c.out[0] * c.out[1] * c.out[2];
  const kernelVolume = c.kernel[0] * c.kernel[1] * c.kernel[2];
  const step = c.stride[2];
  for (let n = 0; n < c.batch; n++) {
    for (let go = 0; go < c.groups * c.outputs; go++) {
      const group = Math.floor(go / c.outputs);
      for (let ci = 0; ci < c.inputs; ci++) {
        const inBase = (n * c.groups * c.inputs + group * c.inputs + ci) * inVolume;
        const outBase = (n * c.groups * c.outputs + go) * outVolume;
        for (let kz = 0; kz < c.kernel[0]; kz++) {
          for (let ky = 0; ky < c.kernel[1]; ky++) {
            for (let kx = 0; kx < c.kernel[2]; kx++) {
              const w = (go * c.inputs + ci) * kernelVolume + (kz * c.kernel[1] + ky) * c.kernel[2] + kx;
              const shift = kx * c.dilation[2] - c.padding[2];
              const first = Math.max(0, Math.ceil(-shift / step));
              const last = Math.min(c.out[2] - 1, Math.floor((c.size[2] - 1 - shift) / step));
              if (last < first) continue;
              for (let oz = 0; oz < c.out[0]; oz++) {
                const iz = oz * c.stride[0] + kz * c.dilation[0] - c.padding[0];
                if (iz < 0 || iz >= c.size[0]) continue;
                for (let oy = 0; oy < c.out[1]; oy++) {
                  const iy = oy * c.stride[1] + ky * c.dilation[1] - c.padding[1];
                  if (iy < 0 || iy >= c.size[1]) continue;
                  visit(
                    outBase + (oz * c.out[1] + oy) * c.out[2] + first,
                    inBase + (iz * c.size[1] + iy) * c.size[2] + first * step + shift,
                    step,
                    w,
                    last - first + 1,
                  );
                }
              }
            }
          }
        }
      }
    }
  }
}

/** Elements as doubles; int64 ones are exact up to 2^53. */
function doubles(x: Operand): Float64Array {
  const values = gather(x);
  return values instanceof Float64Array ? values : Float64Array.from(values, Number);
}
function store(values: Float64Array, out: Operand): void {
  scatter(out.dtype.key === "i64" ? BigInt64Array.from(values, (v) => BigInt(Math.trunc(v))) : values, out);
}

/** See `Backend.convForward`. */
export function convForward(
  x: Operand,
  weight: Operand,
  bias: Operand | null,
  out: Operand,
  geometry: ConvGeometry,
  activation: Activation,
): void {
  const c = convOf(x, weight, out, geometry);
  const source = doubles(x);
  const weights = doubles(weight);
  const result = new Float64Array(numelOf(out.shape));
  forEachRun(c, (o, i, step, w, count) => {
    const factor = weights[w]!;
    for (let t = 0; t < count; t++) result[o + t]! += factor * source[i + t * step]!;
  });
  const added = bias === null ? null : doubles(bias);
  const channel = contiguousStrides(out.shape)[1]!;
  const channels = out.shape[1]!;
  const apply = activations[activation];
  for (let k = 0; k < result.length; k++) {
    const v = added === null ? result[k]! : result[k]! + added[Math.floor(k / channel) % channels]!;
    result[k] = apply(v);
  }
  store(result, out);
}

/** See `Backend.convBackwardInput`. */
export function convBackwardInput(g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): void {
  const c = convOf(gx, weight, g, geometry);
  const gradient = doubles(g);
  const weights = doubles(weight);
  const result = new Float64Array(numelOf(gx.shape));
  forEachRun(c, (o, i, step, w, count) => {
    const factor = weights[w]!;
    for (let t = 0; t < count; t++) result[i + t * step]! += factor * gradient[o + t]!;
  });
  store(result, gx);
}

/** See `Backend.convBackwardWeight`. */
export function convBackwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): void {
  const c = convOf(x, gw, g, geometry);
  const gradient = doubles(g);
  const source = doubles(x);
  const result = new Float64Array(numelOf(gw.shape));
  forEachRun(c, (o, i, step, w, count) => {
    let sum = 0;
    for (let t = 0; t < count; t++) sum += gradient[o + t]! * source[i + t * step]!;
    result[w]! += sum;
  });
  store(result, gw);
}
