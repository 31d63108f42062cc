/**
 * Convolutions. One and two spatial dimensions of float32 and float64 have code of their own (x64/conv.ts, wasm/conv.ts), pointwise ones are matrix products as they
 * are. The others become matrix products here: the input is seen as a matrix whose columns are the windows under the kernel: padded when needed, it is a strided view, which
 * a map copies; then float32 and float64 go to the product of contract.ts. Works for any number of spatial dimensions; groups are a batch dimension.
 */
import { dtypeOfKey, float32 } from "../../core/dtype.ts";
import { contiguousStrides, numelOf } from "../../core/shape.ts";
import { accumulator, constant, input } from "../../ir/expr.ts";
import type { MapSpec, RowSpec } from "../../ir/spec.ts";
import type { Activation, ConvGeometry, Operand } from "../backend.ts";
import { activate, convert, runGemm, widened } from "./contract.ts";
import * as reference from "./js/contract.ts";
import { runMap } from "./map.ts";
import { typedArrayOf } from "./memory.ts";
import { runRow } from "./row.ts";
import { needsActivation } from "./product.ts";
import { Scratch } from "./scratch.ts";
import { level, machine, native, wasm } from "./target.ts";
import { WasmConv } from "./wasm/conv.ts";
import { emitConvolutions } from "./wasm/convCode.ts";
import { ProductCodes } from "./wasm/productCode.ts";
import { Conv } from "#x64/conv";

const direct =
  wasm !== null
    ? new WasmConv(new ProductCodes(wasm, emitConvolutions))
    : native !== null
      ? new Conv(native, { avx512: level === "avx512" })
      : null;

/** Bytes of windows that are laid out at a time: they should still be in the caches when the product reads them. */
const chunkBytes = 4 << 20;

type FloatKey = "f32" | "f64";

function spec(key: FloatKey, inputs: number): MapSpec {
  const dtype = dtypeOfKey[key];
  const value = inputs === 1 ? input(0, key) : input(0, key).add(input(1, key));
  return {
    kind: "map",
    name: inputs === 1 ? "copy" : "add",
    inputs: Array(inputs).fill(dtype),
    outputs: [{ dtype, value }],
    params: 0,
    compiled: null,
  };
}
const copies = { f32: spec("f32", 1), f64: spec("f64", 1) };
const sums = { f32: spec("f32", 2), f64: spec("f64", 2) };

function copy(from: Operand, to: Operand): void {
  runMap(copies[from.dtype.key as FloatKey], to.shape, [from], [to], []);
}
function addTo(to: Operand, from: Operand): void {
  runMap(sums[from.dtype.key as FloatKey], to.shape, [to, from], [to], []);
}

function view(x: Operand, shape: readonly number[], strides: readonly number[], storageOffset = x.storageOffset): Operand {
  return { storage: x.storage, storageOffset, shape, strides, dtype: x.dtype };
}

/** Elements `from` to `to` of dimension 0. */
function part(x: Operand, from: number, to: number): Operand {
  return view(x, [to - from, ...x.shape.slice(1)], x.strides, x.storageOffset + from * x.strides[0]!);
}

/** Sizes of a convolution. */
interface Sizes {
  readonly groups: number;
  /** Channels of a group. */
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: readonly number[];
  readonly out: readonly number[];
  /** Elements under the kernel in one group, and positions of the kernel. */
  readonly taps: number;
  readonly places: number;
}

function sizesOf(weight: Operand, out: Operand, groups: number): Sizes {
  const kernel = weight.shape.slice(2);
  const spatial = out.shape.slice(2);
  return {
    groups,
    inputs: weight.shape[1]!,
    outputs: weight.shape[0]! / groups,
    kernel,
    out: spatial,
    taps: weight.shape[1]! * numelOf(kernel),
    places: numelOf(spatial),
  };
}

/** Whether machine code does the work; otherwise the reference is as fast. */
function supported(x: Operand): boolean {
  return machine !== null && (x.dtype.key === "f32" || x.dtype.key === "f64");
}

/** Whether every input element meets one kernel element: then the input is the window matrix. */
function isPointwise(weight: Operand, geometry: ConvGeometry): boolean {
  return weight.shape.slice(2).every((k) => k === 1) && geometry.stride.every((t) => t === 1) && isPlain(geometry);
}

/** Pixels of a picture below which a product for each picture would leave vectors of x64 mostly empty. */
const fewPlaces = 16;

/** Whether a convolution is best done as products of the weight with each picture. */
function isProduct(weight: Operand, places: Operand, geometry: ConvGeometry): boolean {
  if (!isPointwise(weight, geometry)) return false;
  return wasm !== null || places.shape[0] === 1 || numelOf(places.shape.slice(2)) >= fewPlaces;
}

function isPlain(geometry: ConvGeometry): boolean {
  return geometry.padding.every((p) => p === 0);
}

/** x with zeros around its spatial dimensions. */
function padded(x: Operand, padding: readonly number[], scratch: Scratch): Operand {
  if (padding.every((p) => p === 0)) return x;
  const shape = x.shape.map((n, d) => (d < 2 ? n : n + 2 * padding[d - 2]!));
  const out = scratch.operand(x.dtype, shape, true);
  copy(x, interior(out, x.shape, padding));
  return out;
}
function interior(x: Operand, shape: readonly number[], padding: readonly number[]): Operand {
  return view(x, shape, x.strides, x.storageOffset + padding.reduce((sum, p, d) => sum + p * x.strides[d + 2]!, 0));
}

/** The windows of a padded input as a view of shape (N, groups, channels, …kernel, …out). */
function windows(x: Operand, s: Sizes, g: ConvGeometry): Operand {
  const [batch, channel, ...spatial] = x.strides as [number, number, ...number[]];
  return view(
    x,
    [x.shape[0]!, s.groups, s.inputs, ...s.kernel, ...s.out],
    [
      batch,
      channel * s.inputs,
      channel,
      ...spatial.map((t, d) => t * g.dilation[d]!),
      ...spatial.map((t, d) => t * g.stride[d]!),
    ],
  );
}

/** Merges the trailing `count` dimensions of a tensor that is contiguous in them; null when it is not. */
function merged(x: Operand, count: number): Operand | null {
  const lead = x.shape.length - count;
  let step = x.shape.length === lead ? 1 : x.strides[x.shape.length - 1]!;
  const last = step;
  for (let d = x.shape.length - 1; d >= lead; d--) {
    if (x.shape[d] !== 1 && x.strides[d] !== step) return null;
    step *= x.shape[d]!;
  }
  return view(x, [...x.shape.slice(0, lead), numelOf(x.shape.slice(lead))], [...x.strides.slice(0, lead), last]);
}

/** (N, groups * channels, …spatial) as (N, groups, channels, places); a copy when the spatial dimensions do not merge. */
function grouped(x: Operand, s: Sizes, channels: number, scratch: Scratch): Operand {
  let flat = merged(x, x.shape.length - 2);
  if (flat === null) {
    const dense = scratch.operand(x.dtype, x.shape);
    copy(x, dense);
    flat = merged(dense, x.shape.length - 2)!;
  }
  const [batch, channel, place] = flat.strides as [number, number, number];
  return view(flat, [x.shape[0]!, s.groups, channels, flat.shape[2]!], [batch, channel * channels, channel, place]);
}

/** The weight as (groups, outputs, taps). */
function weightMatrix(weight: Operand, s: Sizes, scratch: Scratch): Operand {
  let flat = merged(weight, weight.shape.length - 1);
  if (flat === null) {
    const dense = scratch.operand(weight.dtype, weight.shape);
    copy(weight, dense);
    flat = merged(dense, weight.shape.length - 1)!;
  }
  return view(flat, [s.groups, s.outputs, s.taps], [flat.strides[0]! * s.outputs, flat.strides[0]!, flat.strides[1]!]);
}

function transposed(x: Operand): Operand {
  const n = x.shape.length;
  const swap = (list: readonly number[]) => [...list.slice(0, n - 2), list[n - 1]!, list[n - 2]!];
  return view(x, swap(x.shape), swap(x.strides));
}

/** Calls `body` for runs of the batch that fit in a chunk. */
function chunks(batch: number, bytesEach: number, body: (from: number, to: number) => void): void {
  const step = Math.max(1, Math.floor(chunkBytes / Math.max(1, bytesEach)));
  for (let from = 0; from < batch; from += step) body(from, Math.min(batch, from + step));
}

/** The windows as a matrix (N, groups, taps, places): where the kernel is a single element the input itself, else a copy in `buffer`. */
function windowMatrix(x: Operand, s: Sizes, g: ConvGeometry, buffer: () => Operand, scratch: Scratch): Operand {
  if (s.taps === s.inputs && g.stride.every((t) => t === 1)) return grouped(x, s, s.inputs, scratch);
  const from = windows(x, s, g);
  const to = buffer();
  copy(from, view(to, from.shape, contiguousStrides(from.shape)));
  return view(to, [x.shape[0]!, s.groups, s.taps, s.places], contiguousStrides([x.shape[0]!, s.groups, s.taps, s.places]));
}

/** Whether the operands are to be widened to float32 first. */
function isHalf(x: Operand): boolean {
  return machine !== null && (x.dtype.key === "f16" || x.dtype.key === "bf16");
}

/** Runs `body` with a float32 result and widened operands, then rounds the result to `out`. */
function inFloat32(out: Operand, operands: readonly Operand[], body: (out: Operand, wide: Operand[]) => void): void {
  const scratch = new Scratch();
  const wide = scratch.operand(float32, out.shape);
  body(
    wide,
    operands.map((x) => widened(x, scratch)),
  );
  convert(wide, out);
  scratch.free();
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
  if (numelOf(out.shape) === 0) return;
  if (isHalf(x)) {
    const operands = bias === null ? [x, weight] : [x, weight, bias];
    inFloat32(out, operands, (y, [a, w, b]) => convForward(a!, w!, b ?? null, y, geometry, activation));
    return;
  }
  if (direct !== null && !isProduct(weight, out, geometry) && direct.forward(x, weight, bias, out, geometry, activation)) {
    if (needsActivation(activation)) activate(out, activation as Exclude<Activation, "none">);
    return;
  }
  if (!supported(x) || numelOf(x.shape) === 0 || numelOf(weight.shape) === 0) {
    reference.convForward(x, weight, bias, out, geometry, activation);
    return;
  }
  const scratch = new Scratch();
  const s = sizesOf(weight, out, geometry.groups);
  const matrix = weightMatrix(weight, s, scratch);
  const wide = padded(x, geometry.padding, scratch);
  const target = denseTarget(out, scratch);
  const result = grouped(target, s, s.outputs, scratch);
  const bytesEach = s.groups * s.taps * s.places * x.dtype.itemsize;
  const each = Math.max(1, Math.floor(chunkBytes / bytesEach));
  let buffer: Operand | null = null;
  chunks(x.shape[0]!, bytesEach, (from, to) => {
    const cols = windowMatrix(
      part(wide, from, to),
      s,
      geometry,
      () => (buffer ??= scratch.operand(x.dtype, [Math.min(each, x.shape[0]!), s.groups, s.taps, s.places])),
      scratch,
    );
    // The bias of a product has no batch dimensions, which the groups are.
    const rows = bias === null || s.groups > 1 ? null : view(bias, [s.outputs, s.places], [bias.strides[0]!, 0]);
    const apply = bias !== null && s.groups > 1 ? "none" : activation;
    runGemm({ a: matrix, b: cols, out: part(result, from, to), alpha: 1, beta: 0, bias: rows, activation: apply });
  });
  if (bias !== null && s.groups > 1) {
    addTo(
      target,
      view(
        bias,
        target.shape,
        target.shape.map((_, d) => (d === 1 ? bias.strides[0]! : 0)),
      ),
    );
    if (activation !== "none") activate(target, activation);
  }
  if (target !== out) copy(target, out);
  scratch.free();
}

/** The tensor itself when its spatial dimensions merge, else memory to be copied from. */
function denseTarget(out: Operand, scratch: Scratch): Operand {
  return merged(out, out.shape.length - 2) === null ? scratch.operand(out.dtype, out.shape) : out;
}

/** See `Backend.convBackwardInput`. */
export function convBackwardInput(g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): void {
  if (numelOf(gx.shape) === 0) return;
  if (isHalf(g)) {
    inFloat32(gx, [g, weight], (y, [a, w]) => convBackwardInput(a!, w!, y, geometry));
    return;
  }
  if (direct !== null && !isProduct(weight, g, geometry) && direct.backwardInput(g, weight, gx, geometry)) return;
  if (!supported(g) || numelOf(g.shape) === 0 || numelOf(weight.shape) === 0) {
    reference.convBackwardInput(g, weight, gx, geometry);
    return;
  }
  const s = sizesOf(weight, g, geometry.groups);
  const padding = geometry.padding.map((p, d) => geometry.dilation[d]! * (s.kernel[d]! - 1) - p);
  if (geometry.stride.every((t) => t === 1) && padding.every((p) => p >= 0)) {
    // The gradient is a convolution of g with the kernel turned around, inputs and outputs exchanged.
    const scratch = new Scratch();
    const turned = scratch.operand(weight.dtype, [s.groups * s.inputs, s.outputs, ...s.kernel]);
    const [o, i, ...taps] = weight.strides as [number, number, ...number[]];
    const last = taps.reduce((sum, t, d) => sum + t * (s.kernel[d]! - 1), 0);
    const mirrored = taps.map((t) => -t);
    const shape = [s.groups, s.inputs, s.outputs, ...s.kernel];
    copy(
      view(weight, shape, [o * s.outputs, i, o, ...mirrored], weight.storageOffset + last),
      view(turned, shape, contiguousStrides(shape)),
    );
    convForward(g, turned, null, gx, { ...geometry, padding }, "none");
    scratch.free();
    return;
  }
  const scratch = new Scratch();
  const matrix = transposed(weightMatrix(weight, s, scratch)); // (groups, taps, outputs)
  const gradient = grouped(g, s, s.outputs, scratch);
  const target = isPlain(geometry)
    ? gx
    : scratch.operand(
        gx.dtype,
        gx.shape.map((n, d) => (d < 2 ? n : n + 2 * geometry.padding[d - 2]!)),
      );
  zero(target);
  const places = windows(target, s, geometry);
  const bytesEach = s.groups * s.taps * s.places * g.dtype.itemsize;
  const each = Math.max(1, Math.floor(chunkBytes / bytesEach));
  const buffer = scratch.operand(g.dtype, [Math.min(each, g.shape[0]!), s.groups, s.taps, s.places]);
  const spatial = s.kernel.length;
  chunks(g.shape[0]!, bytesEach, (from, to) => {
    const shape = [to - from, s.groups, s.taps, s.places];
    const cols = view(buffer, shape, contiguousStrides(shape));
    runGemm({ a: matrix, b: part(gradient, from, to), out: cols, alpha: 1, beta: 0, bias: null, activation: "none" });
    const all = [to - from, s.groups, s.inputs, ...s.kernel, ...s.out];
    const source = view(cols, all, contiguousStrides(all));
    const sink = part(places, from, to);
    // Positions of one kernel element do not overlap each other: one sum for each of them.
    const without = (y: Operand, tap: readonly number[]): Operand =>
      view(
        y,
        [...y.shape.slice(0, 3), ...y.shape.slice(3 + spatial)],
        [...y.strides.slice(0, 3), ...y.strides.slice(3 + spatial)],
        y.storageOffset + tap.reduce((sum, k, d) => sum + k * y.strides[3 + d]!, 0),
      );
    for (let n = 0; n < numelOf(s.kernel); n++) {
      const tap = s.kernel.map(() => 0);
      for (let d = spatial - 1, rest = n; d >= 0; d--) {
        tap[d] = rest % s.kernel[d]!;
        rest = Math.floor(rest / s.kernel[d]!);
      }
      addTo(without(sink, tap), without(source, tap));
    }
  });
  if (target !== gx) copy(interior(target, gx.shape, geometry.padding), gx);
  scratch.free();
}

const zeros: Partial<Record<FloatKey, MapSpec>> = {};
function zero(x: Operand): void {
  const key = x.dtype.key as FloatKey;
  const fill = (zeros[key] ??= {
    kind: "map",
    name: "zero",
    inputs: [],
    outputs: [{ dtype: x.dtype, value: constant(0, key) }],
    params: 0,
    compiled: null,
  });
  runMap(fill, x.shape, [], [x], []);
}

const largest: Partial<Record<FloatKey, RowSpec>> = {};

/** Whether an element is NaN, which wins as the largest. */
function hasNaN(x: Operand): boolean {
  const key = x.dtype.key as FloatKey;
  largest[key] ??= {
    kind: "row",
    name: "largest",
    inputs: [{ dtype: x.dtype, along: "element" }],
    passes: [[{ op: "max", value: input(0, key), type: key }]],
    outputs: [{ dtype: x.dtype, along: "row", value: accumulator(0, key) }],
    params: 0,
    compiled: null,
  };
  const scratch = new Scratch();
  const ones = x.shape.map(() => 1);
  const result = scratch.operand(x.dtype, ones);
  const columns = x.shape.map((_, d) => d);
  runRow(largest[key], x.shape, columns, [x], [result], []);
  const found = Number.isNaN(Number(typedArrayOf(result.storage, x.dtype)[result.storageOffset]));
  scratch.free();
  return found;
}

/** See `Backend.convBackwardWeight`. */
export function convBackwardWeight(g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): void {
  if (numelOf(gw.shape) === 0) return;
  if (isHalf(g)) {
    inFloat32(gw, [g, x], (y, [a, b]) => convBackwardWeight(a!, b!, y, geometry));
    return;
  }
  // The direct code reads rows with zeros between them, and zero times an infinity that stands there is NaN: the windows below have no such places.
  if (direct?.backwardWeight(g, x, gw, geometry) && !hasNaN(gw)) return;
  if (!supported(g) || numelOf(g.shape) === 0 || numelOf(x.shape) === 0) {
    reference.convBackwardWeight(g, x, gw, geometry);
    return;
  }
  const scratch = new Scratch();
  const s = sizesOf(gw, g, geometry.groups);
  const wide = padded(x, geometry.padding, scratch);
  const dense = merged(gw, gw.shape.length - 1) === null ? scratch.operand(gw.dtype, gw.shape) : gw;
  const matrix = weightMatrix(dense, s, scratch);
  const bytesEach = s.groups * s.taps * s.places * g.dtype.itemsize;
  const each = Math.min(x.shape[0]!, Math.max(1, Math.floor(chunkBytes / bytesEach)));
  // The positions of several images are one long inner dimension: (groups, outputs, images, places) times (groups, taps, images, places).
  const gradients = scratch.operand(g.dtype, [s.groups, s.outputs, each, s.places]);
  const cols = scratch.operand(g.dtype, [s.groups, s.taps, each, s.places]);
  const source = grouped(g, s, s.outputs, scratch);
  const from4 = windows(wide, s, geometry);
  const spatial = s.kernel.length;
  chunks(x.shape[0]!, bytesEach, (from, to) => {
    const images = to - from;
    const length = images * s.places;
    const first = part(source, from, to);
    const shape = [s.groups, s.outputs, images, s.places];
    const order = [1, 2, 0, 3];
    copy(
      view(
        first,
        shape,
        order.map((d) => first.strides[d]!),
      ),
      view(gradients, shape, contiguousStrides(shape)),
    );
    const seen = part(from4, from, to);
    // (N, groups, channels, …kernel, …out) to (groups, channels, …kernel, N, …out)
    const axes = [1, 2, ...s.kernel.map((_, d) => 3 + d), 0, ...s.kernel.map((_, d) => 3 + spatial + d)];
    const tapsShape = axes.map((d) => seen.shape[d]!);
    copy(
      view(
        seen,
        tapsShape,
        axes.map((d) => seen.strides[d]!),
      ),
      view(cols, tapsShape, contiguousStrides(tapsShape)),
    );
    runGemm({
      a: view(gradients, [s.groups, s.outputs, length], contiguousStrides([s.groups, s.outputs, length])),
      b: transposed(view(cols, [s.groups, s.taps, length], contiguousStrides([s.groups, s.taps, length]))),
      out: matrix,
      alpha: 1,
      beta: from === 0 ? 0 : 1,
      bias: null,
      activation: "none",
    });
  });
  if (dense !== gw) copy(dense, gw);
  scratch.free();
}
