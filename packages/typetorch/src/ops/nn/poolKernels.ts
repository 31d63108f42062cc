/**
 * The loops of pooling: windows over planes of three dimensions (fewer are padded with ones). Borders are made by copying into a larger tensor first, so that the
 * loops need no tests.
 */
import { type DType, int64 } from "../../core/dtype.ts";
import { type Expr, type ScalarType, computeType, constant, input, param } from "../../ir/expr.ts";
import { type Access, type LoopKernel, LoopVar, type Stmt, extent, index, load, local } from "../../ir/loops.ts";
import type { LoopSpec, MapSpec } from "../../ir/spec.ts";
import { accumulate, accumulators, argument, at, buffer, define, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { integers } from "../indexing/integers.ts";
import { copyElements } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";
import { slice } from "../views/select.ts";

export interface WindowGeometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** Three numbers: the given ones, and ones (or `fill`) in front. */
const three = (list: readonly number[], fill: number): [number, number, number] => {
  const full = [...new Array<number>(3 - list.length).fill(fill), ...list];
  return [full[0]!, full[1]!, full[2]!];
};

/** Integer arguments of the window loops. */
const PLANES = 0;
const OUT = 1; // 3 sizes of the result
const KERNEL = 4; // 3 sizes of the window
const STEP = 7; // elements from one window to the next, per dimension
const DILATED = 10; // elements from one place of a window to the next
const IN_PLANE = 13;
const OUT_PLANE = 14;
const OUT_ROWS = 15; // elements of a result plane per depth
const OUT_ROW = 16;
const INTS = 17;

const times = (i: Expr, k: number): Expr => i.mul(extent(argument(k)));

interface Loops {
  readonly plane: LoopVar;
  readonly out: readonly [LoopVar, LoopVar, LoopVar];
  readonly kernel: readonly [LoopVar, LoopVar, LoopVar];
}

function makeLoops(): Loops {
  const v = (name: string): LoopVar => new LoopVar(name);
  return { plane: v("plane"), out: [v("od"), v("oh"), v("ow")], kernel: [v("kd"), v("kh"), v("kw")] };
}
const inputAccess = (buffer: number, l: Loops): Access =>
  at(
    buffer,
    [l.plane, argument(IN_PLANE)],
    ...l.out.map((counter, i) => [counter, argument(STEP + i)] as const),
    ...l.kernel.map((counter, i) => [counter, argument(DILATED + i)] as const),
  );
const outputAccess = (buffer: number, { plane, out }: Loops, perPlane = true): Access =>
  at(
    buffer,
    ...(perPlane ? [[plane, argument(OUT_PLANE)] as const] : []),
    [out[0], argument(OUT_ROWS)],
    [out[1], argument(OUT_ROW)],
    [out[2], 1],
  );
function nest(
  l: Loops,
  vector: boolean,
  inner: readonly Stmt[],
  beforeWindow: readonly Stmt[],
  afterWindow: readonly Stmt[],
): Stmt[] {
  const window = l.kernel.reduceRight<readonly Stmt[]>((body, counter, i) => [loop(counter, argument(KERNEL + i), body)], inner);
  const outer = l.out.reduceRight<readonly Stmt[]>(
    (body, counter, i) => [(vector && i === 2 ? vectorLoop : loop)(counter, argument(OUT + i), body)],
    [...beforeWindow, ...window, ...afterWindow],
  );
  return [loop(l.plane, argument(PLANES), outer)];
}

/** @__NO_SIDE_EFFECTS__ */
function cache<T>(make: (dtype: DType) => T): (dtype: DType) => T {
  const made: (T | undefined)[] = [];
  return (dtype) => {
    made[dtype.index] ??= make(dtype);
    return made[dtype.index]!;
  };
}
const spec = (kernel: LoopKernel): LoopSpec => ({ kind: "loops", kernel, compiled: null });

/** Less than or equal to every value. */
function lowestOfType(type: ScalarType): Expr {
  if (type === "f32" || type === "f64") return constant(Number.NEGATIVE_INFINITY, type);
  return constant(type === "i64" ? -(2n ** 63n) : -(2 ** 31), type);
}

/** Buffers x, out, indices: the maximum of each window and its position in the plane. */
const maxSpec = cache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const position = [
    ...l.out.map((loop, i) => times(index(loop), STEP + i)),
    ...l.kernel.map((loop, i) => times(index(loop), DILATED + i)),
  ].reduce((a, b) => a.add(b));
  const first = l.out.map((loop, i) => times(index(loop), STEP + i)).reduce((a, b) => a.add(b));
  return spec({
    name: `max_pool_${dtype.key}`,
    buffers: [buffer(dtype), buffer(dtype, "write"), buffer(int64, "write")],
    ints: INTS,
    params: 0,
    body: nest(
      l,
      true,
      [accumulate([0, 1], "argmax", [load(inputAccess(0, l), type), position])],
      [accumulators([0, lowestOfType(type)], [1, first])],
      [store(outputAccess(1, l), local(0, type)), store(outputAccess(2, l), local(1, "i64"))],
    ),
  });
});

/** Buffers x, out: the maximum of each window. */
const bestSpec = cache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  return spec({
    name: `max_pool_values_${dtype.key}`,
    buffers: [buffer(dtype), buffer(dtype, "write")],
    ints: INTS,
    params: 0,
    body: nest(
      l,
      true,
      [accumulate([0], "max", [load(inputAccess(0, l), type)])],
      [accumulators([0, lowestOfType(type)])],
      [store(outputAccess(1, l), local(0, type))],
    ),
  });
});

/** Buffers x, factor (one per window of a plane), out: factor times the sum of each window. */
const averageSpec = cache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  return spec({
    name: `avg_pool_${dtype.key}`,
    buffers: [buffer(dtype), buffer(dtype), buffer(dtype, "write")],
    ints: INTS,
    params: 0,
    body: nest(
      l,
      true,
      [accumulate([0], "add", [load(inputAccess(0, l), type)])],
      [accumulators([0, constant(0, type)])],
      [store(outputAccess(2, l), local(0, type).div(load(outputAccess(1, l, false), type)))],
    ),
  });
});

/** Buffers g, divisor, gx: adds g / divisor to every place of each window. */
const averageBackwardSpec = cache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const target = inputAccess(2, l);
  return spec({
    name: `avg_pool_backward_${dtype.key}`,
    buffers: [buffer(dtype), buffer(dtype), buffer(dtype, "update")],
    ints: INTS,
    params: 0,
    body: nest(
      l,
      false,
      [store(target, load(target, type).add(local(0, type)))],
      [define(0, load(outputAccess(0, l), type).div(load(outputAccess(1, l, false), type)))],
      [],
    ),
  });
});

/** Buffers g, indices, gx; integers planes, windows per plane, elements per plane: gx[plane] = 0, then gx[plane, index] += g. */
const scatterSpec = cache((dtype) => {
  const plane = new LoopVar("plane");
  const k = new LoopVar("k");
  const place = new LoopVar("place");
  const type = computeType(dtype);
  const from = (buffer: number) => at(buffer, [plane, argument(1)], [k, 1]);
  const target: Access = { ...at(2, [plane, argument(2)]), dynamic: { index: local(0, "i64"), stride: 1 } };
  return spec({
    name: `pool_scatter_${dtype.key}`,
    buffers: [buffer(dtype), buffer(int64), buffer(dtype, "update")],
    ints: 3,
    params: 0,
    body: [
      loop(plane, argument(0), [
        vectorLoop(place, argument(2), [store(at(2, [plane, argument(2)], [place, 1]), constant(0, type))]),
        loop(k, argument(1), [define(0, load(from(1), "i64")), store(target, load(target, type).add(load(from(0), type)))]),
      ]),
    ],
  });
});

/** The arguments for windows over `padded` (N, C, …) giving results of the spatial sizes `out`. */
function windowArguments(padded: readonly number[], out: readonly number[], geometry: WindowGeometry): number[] {
  const planes = padded[0]! * padded[1]!;
  const [, h, w] = three(padded.slice(2), 1);
  const perDepth = h * w;
  const o = three(out, 1);
  const k = three(geometry.kernel, 1);
  const s = three(geometry.stride, 1);
  const d = three(geometry.dilation, 1);
  const size = three(padded.slice(2), 1).reduce((a, b) => a * b, 1);
  return [
    planes,
    ...o,
    ...k,
    s[0] * perDepth,
    s[1] * w,
    s[2],
    d[0] * perDepth,
    d[1] * w,
    d[2],
    size,
    o[0] * o[1] * o[2],
    o[1] * o[2],
    o[2],
  ];
}

/** How far the windows reach on each side of the input: sizes before and after, per spatial dimension. */
function borders(sizes: readonly number[], out: readonly number[], g: WindowGeometry): { before: number; after: number }[] {
  return sizes.map((n, i) => {
    const reach = (out[i]! - 1) * g.stride[i]! + g.dilation[i]! * (g.kernel[i]! - 1) + 1;
    return { before: g.padding[i]!, after: Math.max(reach - g.padding[i]! - n, 0) };
  });
}

/** The tensor with a border of `value`; itself when no border is needed. */
function bordered(x: Tensor, sides: readonly { before: number; after: number }[], value: number): Tensor {
  if (sides.every((s) => s.before === 0 && s.after === 0)) return x;
  const shape = x.shape.map((n, i) => (i < 2 ? n : n + sides[i - 2]!.before + sides[i - 2]!.after));
  const out = runtime.full(shape, value, x.dtype);
  copyElements(inside(out, x.shape, sides), x);
  return out;
}
const inside = (y: Tensor, shape: readonly number[], sides: readonly { before: number }[]): Tensor =>
  runtime.withoutGrad(() => sides.reduce((t, s, i) => slice(t, 2 + i, s.before, s.before + shape[2 + i]!), y));

/** Maxima of the windows of a row-major x, and, if they are wanted, their positions in the planes of x. */
export function maxPoolKernel(x: Tensor, out: Tensor, indices: Tensor | null, geometry: WindowGeometry): void {
  const spatial = x.shape.slice(2);
  const sizes = out.shape.slice(2);
  const sides = borders(spatial, sizes, geometry);
  const lowest = x.dtype.isFloatingPoint ? Number.NEGATIVE_INFINITY : lowestOf(x.dtype);
  const source = bordered(x, sides, lowest);
  const ints = windowArguments(source.shape, sizes, geometry);
  const steps = [ints[IN_PLANE]!, ints[OUT_PLANE]!, ints[OUT_PLANE]!];
  if (indices === null) {
    runtime.backendOf(x).loops(bestSpec(x.dtype), [source, out], ints, [], { extent: PLANES, steps: steps.slice(0, 2) });
    return;
  }
  runtime.backendOf(x).loops(maxSpec(x.dtype), [source, out, indices], ints, [], { extent: PLANES, steps });
  if (source === x) return;
  const [, ph, pw] = three(source.shape.slice(2), 1);
  const before = sides.map((side) => side.before);
  const params = [ph, pw, ...three(before, 0), ...three(spatial, 1)];
  runtime.backendOf(x).map(unborder, indices.shape, [indices], [indices], params);
}

/** Positions in a bordered plane as positions in the plane; a place in the border becomes the nearest one inside. Params: rows and columns with the border, what lies before in each dimension, sizes without the border. */
const unborder: MapSpec = (() => {
  const size = (k: number): Expr => param(k, "i64");
  const at = input(0, "i64");
  const clamp = (v: Expr, n: Expr): Expr => v.maximum(0).minimum(n.sub(1));
  const row = at.div(size(1));
  const z = clamp(row.div(size(0)).sub(size(2)), size(5));
  const y = clamp(row.rem(size(0)).sub(size(3)), size(6));
  const x = clamp(at.rem(size(1)).sub(size(4)), size(7));
  const value = z.mul(size(6)).add(y).mul(size(7)).add(x);
  return { kind: "map", name: "unborder", inputs: [int64], outputs: [{ dtype: int64, value }], params: 8, compiled: null };
})();

function lowestOf(dtype: DType): number {
  const bits = dtype.itemsize * 8;
  return dtype.isSigned ? -(2 ** (bits - 1)) : 0;
}

/** gx = 0, then gx[plane, indices] += g, for row-major g and indices. */
export function scatterToWindows(g: Tensor, indices: Tensor, gx: Tensor): void {
  const planes = gx.shape[0]! * gx.shape[1]!;
  const perPlane = gx.numel() / planes;
  const windows = g.numel() / planes;
  runtime.backendOf(gx).loops(scatterSpec(g.dtype), [g, indices, gx], [planes, windows, perPlane], [], {
    extent: 0,
    steps: [windows, windows, perPlane],
  });
}

/** Sums of the windows of a row-major x, each divided by `divisor` (one number per window of a plane). */
export function averagePoolKernel(x: Tensor, divisor: Tensor, out: Tensor, geometry: WindowGeometry): void {
  const sizes = out.shape.slice(2);
  const source = bordered(x, borders(x.shape.slice(2), sizes, geometry), 0);
  const ints = windowArguments(source.shape, sizes, geometry);
  runtime.backendOf(x).loops(averageSpec(x.dtype), [source, divisor, out], ints, [], {
    extent: PLANES,
    steps: [ints[IN_PLANE]!, 0, ints[OUT_PLANE]!],
  });
}

/** The transpose of `averagePoolKernel`: fills gx. */
export function averagePoolBackwardKernel(g: Tensor, divisor: Tensor, gx: Tensor, geometry: WindowGeometry): void {
  const sizes = g.shape.slice(2);
  const sides = borders(gx.shape.slice(2), sizes, geometry);
  const bare = sides.every((s) => s.before === 0 && s.after === 0);
  const apart = gx.shape
    .slice(2)
    .every((n, i) => geometry.kernel[i] === geometry.stride[i] && n === sizes[i]! * geometry.stride[i]!);
  if (bare && apart) {
    spreadOverWindows(g, divisor, gx, geometry.kernel);
    return;
  }
  const shape = gx.shape.map((n, i) => (i < 2 ? n : n + sides[i - 2]!.before + sides[i - 2]!.after));
  const target = bare ? gx : runtime.empty(shape, gx.dtype);
  runtime.withoutGrad(() => target.zero_());
  const ints = windowArguments(shape, sizes, geometry);
  runtime.backendOf(g).loops(averageBackwardSpec(g.dtype), [g, divisor, target], ints, [], {
    extent: PLANES,
    steps: [ints[OUT_PLANE]!, 0, ints[IN_PLANE]!],
  });
  if (!bare) copyElements(gx, inside(target, gx.shape, sides));
}

/** gx = g / divisor in every place of the windows, which lie side by side. */
function spreadOverWindows(g: Tensor, divisor: Tensor, gx: Tensor, kernel: readonly number[]): void {
  runtime.withoutGrad(() => {
    const columns = gx.shape[gx.shape.length - 1]!;
    const [width] = kernel.slice(-1) as [number];
    const places = integers(g, [columns], (k) => Math.floor(k / width));
    const rows = g.div(divisor).indexSelect(g.shape.length - 1, places); // (N, C, …windows, columns)
    const split = gx.shape.slice(2, -1).flatMap((n, i) => [n / kernel[i]!, kernel[i]!]);
    const lead = gx.shape.slice(0, 2);
    const single = rows.shape.slice(2, -1).flatMap((n) => [n, 1]);
    const shape = [...lead, ...split, columns];
    copyElements(gx.view(shape), rows.view([...lead, ...single, columns]).expand(shape));
  });
}
