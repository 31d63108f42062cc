/**
 * Weighted sums of elements at given positions: what interpolation and sampling by a grid are made of. The ops are linear in each of their operands, and each
 * other's derivatives.
 */
import { type DType, int64 } from "../../core/dtype.ts";
import { type Expr, computeType, constant } from "../../ir/expr.ts";
import { type Access, type Int, LoopVar, type Stmt, load, local } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import { accumulate, accumulators, argument, at, buffer, define, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { layoutOf } from "../indexing/kernels.ts";
import { type Op, defineOp } from "../op.ts";
import { specCache } from "../reduction/reduce.ts";
import { runtime } from "../runtime.ts";

/** Integers of the kernels over (samples, channels, elements) and (samples, taps, places). */
const [SAMPLES, CHANNELS, TAPS, PLACES, ELEMENTS, PER_SAMPLE, INDEX_SAMPLE, OUT_SAMPLE] = [0, 1, 2, 3, 4, 5, 6, 7].map(
  argument,
) as [Int, Int, Int, Int, Int, Int, Int, Int];

interface Loops {
  readonly sample: LoopVar;
  readonly channel: LoopVar;
  readonly tap: LoopVar;
  readonly place: LoopVar;
}

const makeLoops = (): Loops => ({
  sample: new LoopVar("sample"),
  channel: new LoopVar("channel"),
  tap: new LoopVar("tap"),
  place: new LoopVar("place"),
});
/** An index or a weight, (samples, taps, places). */
const tapAccess = (k: number, l: Loops): Access => at(k, [l.sample, INDEX_SAMPLE], [l.tap, PLACES], [l.place, 1]);
/** An element that is chosen, of (samples, channels, elements). */
const elementAccess = (k: number, l: Loops, index: Expr): Access => ({
  ...at(k, [l.sample, PER_SAMPLE], [l.channel, ELEMENTS]),
  dynamic: { index, stride: 1 },
});
/** An element of the result, (samples, channels, places). */
const placeAccess = (k: number, l: Loops): Access => at(k, [l.sample, OUT_SAMPLE], [l.channel, PLACES], [l.place, 1]);

function specOf(name: string, dtype: DType, written: "write" | "update", body: Stmt): LoopSpec {
  const buffers = [buffer(dtype), buffer(dtype), buffer(int64), buffer(dtype, written)];
  const kernel = { name: `${name}_${dtype.key}`, buffers, ints: 8, params: 0, body: [body] };
  return { kind: "loops", kernel, compiled: null };
}

/** Buffers x, weights, index, out. */
const pickSpecs = specCache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const chosen = load(elementAccess(0, l, load(tapAccess(2, l), "i64")), type);
  const weighted = chosen.mul(load(tapAccess(1, l), type));
  const places = vectorLoop(l.place, PLACES, [
    accumulators([0, constant(0, type)]),
    loop(l.tap, TAPS, [accumulate([0], "add", [weighted])]),
    store(placeAccess(3, l), local(0, type)),
  ]);
  return specOf("pick", dtype, "write", loop(l.sample, SAMPLES, [loop(l.channel, CHANNELS, [places])]));
});

/** Buffers g, weights, index, gx: adds to gx, place by place. */
const spreadSpecs = specCache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const target = elementAccess(3, l, local(0, "i64"));
  const given = load(placeAccess(0, l), type).mul(load(tapAccess(1, l), type));
  const places = loop(l.place, PLACES, [define(0, load(tapAccess(2, l), "i64")), store(target, load(target, type).add(given))]);
  const perSample = loop(l.channel, CHANNELS, [loop(l.tap, TAPS, [places])]);
  return specOf("spread", dtype, "update", loop(l.sample, SAMPLES, [perSample]));
});

/** Buffers g, x, index, gw: the sum over the channels of g times the chosen elements. */
const weighSpecs = specCache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const product = load(elementAccess(1, l, local(1, "i64")), type).mul(load(placeAccess(0, l), type));
  const places = vectorLoop(l.place, PLACES, [
    accumulators([0, constant(0, type)]),
    define(1, load(tapAccess(2, l), "i64")),
    loop(l.channel, CHANNELS, [accumulate([0], "add", [product])]),
    store(tapAccess(3, l), local(0, type)),
  ]);
  return specOf("weigh", dtype, "write", loop(l.sample, SAMPLES, [loop(l.tap, TAPS, [places])]));
});

interface Size {
  readonly samples: number;
  readonly channels: number;
  readonly elements: number;
}

const integersFor = ({ samples, channels, elements }: Size, taps: number, places: number): number[] => [
  ...[samples, channels, taps, places, elements],
  ...[channels * elements, taps * places, channels * places],
];

/** Threads share the samples, or the channels of a single one. */
function sharing({ samples }: Size, perSample: readonly number[], perChannel: readonly number[]) {
  return samples === 1 ? { extent: 1, steps: perChannel } : { extent: 0, steps: perSample };
}

/** out[n, c, p] = the sum over k of x[n, c, index[n, k, p]] weights[n, k, p]. All are row-major. */
function runPick(x: Tensor, weights: Tensor, index: Tensor, out: Tensor, size: Size, taps: number, places: number): void {
  const ints = integersFor(size, taps, places);
  const perSample = [size.channels * size.elements, taps * places, taps * places, size.channels * places];
  const parallel = sharing(size, perSample, [size.elements, 0, 0, places]);
  runtime.backendOf(x).loops(pickSpecs(x.dtype, x.dtype), [x, weights, index, out], ints, [], parallel);
}

/** gx[n, c, index[n, k, p]] += g[n, c, p] weights[n, k, p]. */
function runSpread(g: Tensor, weights: Tensor, index: Tensor, gx: Tensor, size: Size, taps: number, places: number): void {
  const ints = integersFor(size, taps, places);
  const perSample = [size.channels * places, taps * places, taps * places, size.channels * size.elements];
  const parallel = sharing(size, perSample, [places, 0, 0, size.elements]);
  runtime.backendOf(g).loops(spreadSpecs(g.dtype, g.dtype), [g, weights, index, gx], ints, [], parallel);
}

// ---- any positions for each sample

interface Picked {
  /** Elements of a channel. */
  readonly elements: number;
}
const sizeOf = (x: Tensor, elements: number): Size => ({ samples: x.shape[0]!, channels: x.shape[1]!, elements });
const rowMajor = (...list: Tensor[]): Tensor[] => runtime.withoutGrad(() => list.map((x) => x.contiguous()));

/** x (N, C, S), weights (N, K, P), index (N, K, P) -> (N, C, P). */
const pickOp: Op<Picked> = defineOp<Picked>({
  name: "pick_weighted",
  saves: { inputs: [0, 1, 2] },
  run([x, weights, index], { elements }) {
    const [taps, places] = weights!.shape.slice(1) as [number, number];
    const out = runtime.empty([x!.shape[0]!, x!.shape[1]!, places], x!.dtype);
    const [a, b, c] = rowMajor(x!, weights!, index!) as [Tensor, Tensor, Tensor];
    if (out.numel() > 0) runPick(a, b, c, out, sizeOf(x!, elements), taps, places);
    return out;
  },
  backward: ([g], saved) => [
    saved.needs(0) ? runtime.call(spreadOp, [g!, saved.input(1), saved.input(2)], saved.attributes) : null,
    saved.needs(1) ? runtime.call(weighOp, [g!, saved.input(0), saved.input(2)], saved.attributes) : null,
    null,
  ],
});

/** g (N, C, P), weights (N, K, P), index (N, K, P) -> (N, C, S). */
const spreadOp: Op<Picked> = defineOp<Picked>({
  name: "spread_weighted",
  saves: { inputs: [0, 1, 2] },
  run([g, weights, index], { elements }) {
    const [taps, places] = weights!.shape.slice(1) as [number, number];
    const out = runtime.full([g!.shape[0]!, g!.shape[1]!, elements], 0, g!.dtype);
    const [a, b, c] = rowMajor(g!, weights!, index!) as [Tensor, Tensor, Tensor];
    if (g!.numel() > 0) runSpread(a, b, c, out, sizeOf(g!, elements), taps, places);
    return out;
  },
  backward: ([v], saved) => [
    saved.needs(0) ? runtime.call(pickOp, [v!, saved.input(1), saved.input(2)], saved.attributes) : null,
    saved.needs(1) ? runtime.call(weighOp, [saved.input(0), v!, saved.input(2)], saved.attributes) : null,
    null,
  ],
});

/** g (N, C, P), x (N, C, S), index (N, K, P) -> (N, K, P). */
const weighOp: Op<Picked> = defineOp<Picked>({
  name: "weigh_picked",
  saves: { inputs: [0, 1, 2] },
  run([g, x, index], { elements }) {
    const [taps, places] = index!.shape.slice(1) as [number, number];
    const out = runtime.empty(index!.shape, g!.dtype);
    if (out.numel() === 0) return out;
    const size = sizeOf(g!, elements);
    const steps = [size.channels * places, size.channels * elements, taps * places, taps * places];
    const parallel = size.samples === 1 ? undefined : { extent: 0, steps };
    const ints = integersFor(size, taps, places);
    const [a, b, c] = rowMajor(g!, x!, index!) as [Tensor, Tensor, Tensor];
    runtime.backendOf(g!).loops(weighSpecs(g!.dtype, g!.dtype), [a, b, c, out], ints, [], parallel);
    return out;
  },
  backward: ([u], saved) => [
    saved.needs(0) ? runtime.call(pickOp, [saved.input(1), u!, saved.input(2)], saved.attributes) : null,
    saved.needs(1) ? runtime.call(spreadOp, [saved.input(0), u!, saved.input(2)], saved.attributes) : null,
    null,
  ],
});

/**
 * out[n, c, p] = the sum over k of x[n, c, index[n, k, p]] weights[n, k, p], for x (N, C, S) and index and weights (N, K, P). Positions lie within S. @internal
 */
export function pickWeighted(x: Tensor, weights: Tensor, index: Tensor): Tensor {
  return runtime.call(pickOp, [x, weights, index], { elements: x.shape[2]! });
}

// ---- the same positions along a dimension

interface Resampled {
  readonly dim: number;
  /** Size of the dimension before. */
  readonly from: number;
  /** int64 (K, P): where each element of the result comes from. */
  readonly index: Tensor;
  /** (K, P) */
  readonly weights: Tensor;
}

/**
 * Buffers x, weights, index, out of the rows of (outer, from, inner): each row of out is a weighted sum of rows of x; or its transpose. Integers: outer, rows of
 * the result, inner, elements of an outer of the one and of the other, then where the index and the weights of each further tap begin.
 */
const rowSpecs = (taps: number, transposed: boolean) =>
  specCache((dtype): LoopSpec => {
    const [outer, row, lane] = [new LoopVar("outer"), new LoopVar("row"), new LoopVar("lane")];
    const type = computeType(dtype);
    const tap = (buffer: number, k: number): Access => ({
      ...at(buffer, [row, 1]),
      ...(k === 0 ? {} : { offset: argument(4 + k) }),
    });
    const picked = (buffer: number, k: number): Access => ({
      ...at(buffer, [outer, argument(3)], [lane, 1]),
      dynamic: { index: local(k, "i64"), stride: argument(2) },
    });
    const placed = (buffer: number): Access => at(buffer, [outer, argument(4)], [row, argument(2)], [lane, 1]);
    const all = Array.from({ length: taps }, (_, k) => k);
    const defined = all.flatMap((k) => [define(k, load(tap(2, k), "i64")), define(taps + k, load(tap(1, k), type))]);
    const weight = (k: number): Expr => local(taps + k, type);
    const overLanes = (access: Access, value: Expr): Stmt => vectorLoop(lane, argument(2), [store(access, value)]);
    const sums = transposed
      ? all.map((k) => overLanes(picked(3, k), load(picked(3, k), type).add(load(placed(0), type).mul(weight(k)))))
      : [
          overLanes(
            placed(3),
            all.map((k) => load(picked(0, k), type).mul(weight(k))).reduce((a, b) => a.add(b)),
          ),
        ];
    const body = loop(outer, argument(0), [loop(row, argument(1), [...defined, ...sums])]);
    const buffers = [buffer(dtype), buffer(dtype), buffer(int64), buffer(dtype, transposed ? "update" : "write")];
    const name = `${transposed ? "spread" : "resample"}_rows_${taps}_${dtype.key}`;
    return { kind: "loops", kernel: { name, buffers, ints: 4 + taps, params: 0, body: [body] }, compiled: null };
  });

const rowKernels = new Map<string, ReturnType<typeof rowSpecs>>();
function rowKernel(taps: number, transposed: boolean, dtype: DType): LoopSpec {
  const key = `${taps} ${transposed}`;
  let kernels = rowKernels.get(key);
  if (kernels === undefined) {
    kernels = rowSpecs(taps, transposed);
    rowKernels.set(key, kernels);
  }
  return kernels(dtype, dtype);
}

/** Along the last dimension positions are gathered, along others whole rows are added. */
function runResample(x: Tensor, out: Tensor, a: Resampled, shape: readonly number[], transposed: boolean): void {
  const [taps, places] = a.weights.shape as [number, number];
  const { outer, inner } = layoutOf(shape, a.dim);
  if (x.numel() * out.numel() === 0) return;
  if (inner === 1) {
    const size = { samples: 1, channels: outer, elements: a.from };
    (transposed ? runSpread : runPick)(x, a.weights, a.index, out, size, taps, places);
    return;
  }
  const later = Array.from({ length: taps - 1 }, (_, k) => (k + 1) * places);
  const ints = [outer, places, inner, a.from * inner, places * inner, ...later];
  const perOuter = transposed ? [places * inner, 0, 0, a.from * inner] : [a.from * inner, 0, 0, places * inner];
  const parallel = { extent: 0, steps: perOuter };
  runtime.backendOf(x).loops(rowKernel(taps, transposed, x.dtype), [x, a.weights, a.index, out], ints, [], parallel);
}

const resampleOp: Op<Resampled> = defineOp<Resampled>({
  name: "resample",
  run([x], attributes) {
    const shape = x!.shape.map((n, d) => (d === attributes.dim ? attributes.weights.shape[1]! : n));
    const out = runtime.empty(shape, x!.dtype);
    runResample(rowMajor(x!)[0]!, out, attributes, x!.shape, false);
    return out;
  },
  backward: ([g], saved) => [runtime.call(resampleBackwardOp, [g!], saved.attributes)],
});
const resampleBackwardOp: Op<Resampled> = defineOp<Resampled>({
  name: "resample_backward",
  run([g], attributes) {
    const shape = g!.shape.map((n, d) => (d === attributes.dim ? attributes.from : n));
    const gx = runtime.full(shape, 0, g!.dtype);
    runResample(rowMajor(g!)[0]!, gx, attributes, shape, true);
    return gx;
  },
  backward: ([v], saved) => [runtime.call(resampleOp, [v!], saved.attributes)],
});

/** Element p along a dimension becomes the sum over k of the elements index[k, p] times weights[k, p]; index and weights (K, P). @internal */
export function resampleAlong(x: Tensor, dim: number, index: Tensor, weights: Tensor): Tensor {
  return runtime.call(resampleOp, [x], { dim, from: x.shape[dim]!, index, weights });
}
