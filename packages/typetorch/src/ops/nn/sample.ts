/**
 * Weighted sums of elements at given positions: what interpolation and sampling by a grid are made of. The ops are linear in each of their operands, and each
 * other's derivatives.
 */
import { type DType, int64 } from "../../core/dtype.ts";
import { type Expr, computeType, constant } from "../../ir/expr.ts";
import { type Int, LoopVar, type Stmt, load, local } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { layoutOf } from "../indexing/kernels.ts";
import { type Op, defineOp } from "../op.ts";
import { specCache } from "../reduction/reduce.ts";
import { runtime } from "../runtime.ts";

const arg = (k: number): Int => ({ arg: k });
/** Integers of the kernels over (samples, channels, elements) and (samples, taps, places). */
const [SAMPLES, CHANNELS, TAPS, PLACES, ELEMENTS, PER_SAMPLE, INDEX_SAMPLE, OUT_SAMPLE] = [0, 1, 2, 3, 4, 5, 6, 7] as const;

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
const loop = (variable: LoopVar, extent: number, body: readonly Stmt[], vector = false): Stmt => ({
  ...{ kind: "loop", loop: variable, extent: arg(extent), vector, body },
});
/** An index or a weight, (samples, taps, places). */
const tapAccess = (buffer: number, l: Loops) => ({
  buffer,
  terms: [
    { loop: l.sample, stride: arg(INDEX_SAMPLE) },
    { loop: l.tap, stride: arg(PLACES) },
    { loop: l.place, stride: 1 },
  ],
});
/** An element that is chosen, of (samples, channels, elements). */
const elementAccess = (buffer: number, l: Loops, index: Expr) => ({
  buffer,
  terms: [
    { loop: l.sample, stride: arg(PER_SAMPLE) },
    { loop: l.channel, stride: arg(ELEMENTS) },
  ],
  dynamic: { index, stride: 1 as Int },
});
/** An element of the result, (samples, channels, places). */
const placeAccess = (buffer: number, l: Loops) => ({
  buffer,
  terms: [
    { loop: l.sample, stride: arg(OUT_SAMPLE) },
    { loop: l.channel, stride: arg(PLACES) },
    { loop: l.place, stride: 1 },
  ],
});

function specOf(name: string, dtype: DType, written: "write" | "update", body: readonly Stmt[]): LoopSpec {
  const buffers = [
    { dtype, access: "read" },
    { dtype, access: "read" },
    { dtype: int64, access: "read" },
    { dtype, access: written },
  ] as const;
  return { kind: "loops", kernel: { name: `${name}_${dtype.key}`, buffers, ints: 8, params: 0, body }, compiled: null };
}

/** Buffers x, weights, index, out. */
const pickSpecs = specCache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const chosen = load(elementAccess(0, l, load(tapAccess(2, l), "i64")), type);
  const weighted = chosen.mul(load(tapAccess(1, l), type));
  const inner: Stmt[] = [
    { kind: "accumulators", ids: [0], types: [type], init: [constant(0, type)] },
    loop(l.tap, TAPS, [{ kind: "accumulate", ids: [0], op: "add", values: [weighted] }]),
    { kind: "store", access: placeAccess(3, l), value: local(0, type) },
  ];
  const perSample = [loop(l.channel, CHANNELS, [loop(l.place, PLACES, inner, true)])];
  return specOf("pick", dtype, "write", [loop(l.sample, SAMPLES, perSample)]);
});

/** Buffers g, weights, index, gx: adds to gx, place by place. */
const spreadSpecs = specCache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const target = elementAccess(3, l, local(0, "i64"));
  const given = load(placeAccess(0, l), type).mul(load(tapAccess(1, l), type));
  const inner: Stmt[] = [
    { kind: "let", id: 0, value: load(tapAccess(2, l), "i64") },
    { kind: "store", access: target, value: load(target, type).add(given) },
  ];
  const perChannel = [loop(l.tap, TAPS, [loop(l.place, PLACES, inner)])];
  return specOf("spread", dtype, "update", [loop(l.sample, SAMPLES, [loop(l.channel, CHANNELS, perChannel)])]);
});

/** Buffers g, x, index, gw: the sum over the channels of g times the chosen elements. */
const weighSpecs = specCache((dtype) => {
  const l = makeLoops();
  const type = computeType(dtype);
  const product = load(elementAccess(1, l, local(1, "i64")), type).mul(load(placeAccess(0, l), type));
  const inner: Stmt[] = [
    { kind: "accumulators", ids: [0], types: [type], init: [constant(0, type)] },
    { kind: "let", id: 1, value: load(tapAccess(2, l), "i64") },
    loop(l.channel, CHANNELS, [{ kind: "accumulate", ids: [0], op: "add", values: [product] }]),
    { kind: "store", access: tapAccess(3, l), value: local(0, type) },
  ];
  const perSample = [loop(l.tap, TAPS, [loop(l.place, PLACES, inner, true)])];
  return specOf("weigh", dtype, "write", [loop(l.sample, SAMPLES, perSample)]);
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
function sharing(ints: readonly number[], perSample: readonly number[], perChannel: readonly number[]) {
  return ints[SAMPLES] === 1 ? { extent: CHANNELS, steps: perChannel } : { extent: SAMPLES, steps: perSample };
}

/** out[n, c, p] = the sum over k of x[n, c, index[n, k, p]] weights[n, k, p]. All are row-major. */
function runPick(x: Tensor, weights: Tensor, index: Tensor, out: Tensor, size: Size, taps: number, places: number): void {
  const ints = integersFor(size, taps, places);
  const perSample = [ints[PER_SAMPLE]!, taps * places, taps * places, ints[OUT_SAMPLE]!];
  const parallel = sharing(ints, perSample, [size.elements, 0, 0, places]);
  runtime.backendOf(x).loops(pickSpecs(x.dtype, x.dtype), [x, weights, index, out], ints, [], parallel);
}

/** gx[n, c, index[n, k, p]] += g[n, c, p] weights[n, k, p]. */
function runSpread(g: Tensor, weights: Tensor, index: Tensor, gx: Tensor, size: Size, taps: number, places: number): void {
  const ints = integersFor(size, taps, places);
  const perSample = [ints[OUT_SAMPLE]!, taps * places, taps * places, ints[PER_SAMPLE]!];
  const parallel = sharing(ints, perSample, [places, 0, 0, size.elements]);
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
    const ints = integersFor(sizeOf(g!, elements), taps, places);
    const steps = [ints[OUT_SAMPLE]!, ints[PER_SAMPLE]!, taps * places, taps * places];
    const parallel = ints[SAMPLES] === 1 ? undefined : { extent: SAMPLES, steps };
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

/** Buffers x, weights, index, out of the rows of (outer, from, inner): each row of out is a weighted sum of rows of x. Or its transpose. */
const rowSpecs = (taps: number, transposed: boolean) =>
  specCache((dtype) => {
    const [outer, row, lane] = [new LoopVar("outer"), new LoopVar("row"), new LoopVar("lane")];
    const type = computeType(dtype);
    const tap = (buffer: number, k: number) => ({
      buffer,
      terms: [{ loop: row, stride: 1 }],
      ...(k === 0 ? {} : { offset: arg(4 + k) }),
    });
    const lanes = { loop: lane, stride: 1 as Int };
    const picked = (buffer: number, k: number) => ({
      ...{ buffer, terms: [{ loop: outer, stride: arg(3) }, lanes] },
      dynamic: { index: local(k, "i64"), stride: arg(2) },
    });
    const placed = (buffer: number) => ({
      ...{ buffer, terms: [{ loop: outer, stride: arg(4) }, { loop: row, stride: arg(2) }, lanes] },
    });
    const body: Stmt[] = [];
    for (let k = 0; k < taps; k++) {
      body.push({ kind: "let", id: k, value: load(tap(2, k), "i64") });
      body.push({ kind: "let", id: taps + k, value: load(tap(1, k), type) });
    }
    const overLanes = (access: ReturnType<typeof placed>, value: Expr): Stmt =>
      loop(lane, 2, [{ kind: "store", access, value }], true);
    if (transposed) {
      for (let k = 0; k < taps; k++) {
        const target = picked(3, k);
        const value = load(placed(0), type).mul(local(taps + k, type));
        body.push(overLanes(target as never, load(target, type).add(value)));
      }
    } else {
      const terms = Array.from({ length: taps }, (_, k) => load(picked(0, k), type).mul(local(taps + k, type)));
      body.push(
        overLanes(
          placed(3),
          terms.reduce((a, b) => a.add(b)),
        ),
      );
    }
    const buffers = [
      { dtype, access: "read" },
      { dtype, access: "read" },
      { dtype: int64, access: "read" },
      { dtype, access: transposed ? "update" : "write" },
    ] as const;
    const name = `${transposed ? "spread" : "resample"}_rows_${taps}_${dtype.key}`;
    const nest = [loop(outer, 0, [loop(row, 1, body)])];
    return { kind: "loops", kernel: { name, buffers, ints: 5 + (taps - 1), params: 0, body: nest }, compiled: null } as LoopSpec;
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
