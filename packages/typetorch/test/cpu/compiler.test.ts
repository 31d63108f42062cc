/**
 * The compiler of loop kernels on each of its targets: random kernels and kernels by hand, compared with the js target.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DType, float16, float32, int32, int64, type TypedArray } from "../../src/core/dtype.ts";
import { computeType, constant, input, param } from "../../src/ir/expr.ts";
import { type Access, extent, index, load, local, type LoopKernel, LoopVar } from "../../src/ir/loops.ts";
import { lowerMap } from "../../src/backends/lowering/lowerMap.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { addressOf, install, levels, native, nativeLevels } from "./install.ts";
import {
  compareTargets,
  difference,
  dtypes,
  fill,
  mapOperands,
  type Operands,
  Random,
  randomMap,
  randomRow,
  rowOperands,
} from "./randomKernels.ts";
import {
  accumulate,
  accumulators,
  argument,
  at,
  buffer,
  define,
  loop,
  store,
  vectorLoop,
  when,
} from "../../src/ir/statements.ts";

const kernels = 400;

for (const level of levels) {
  test(`${level}: random maps over all dtypes, lengths and strides, within bounds, equal the js target bit for bit`, () => {
    for (let seed = 1; seed <= kernels; seed++) {
      const r = new Random(seed);
      const m = randomMap(r);
      const layouts = Array.from({ length: 6 }, () => mapOperands(r, m));
      const params = [r.below(20) - 10, (r.next() - 0.5) * 100];
      assert.equal(compareTargets(r, m.kernel, level, layouts, params), "", `seed ${seed}: ${m.text}`);
    }
  });
  test(`${level}: random row reductions in both styles, within bounds, equal the js target`, () => {
    for (let seed = 1; seed <= kernels; seed++) {
      const r = new Random(seed + 100000);
      const c = randomRow(r);
      const layouts = Array.from({ length: 6 }, () => rowOperands(r, c));
      assert.equal(compareTargets(r, c.kernel, level, layouts, [], true), "", `seed ${seed}: ${c.text}`);
    }
  });
}

for (const level of nativeLevels) {
  for (const dtype of [float32, int64]) {
    test(`${level}: results of ${dtype.name} stored past the caches are the same`, () => {
      const type = computeType(dtype);
      const spec: MapSpec = {
        kind: "map",
        name: "streamed",
        inputs: [dtype, dtype],
        outputs: [{ dtype, value: input(0, type).add(input(1, type)) }],
        params: 0,
        compiled: null,
      };
      const kernel = lowerMap(spec, 1, [1, 1, 1]);
      const r = new Random(5);
      for (const n of [0, 1, 15, 16, 17, 63, 64, 65, 130, 1000]) {
        const buffers = [0, 1, 2].map(() => new dtype.Array(n + 8));
        for (const b of buffers) fill(r, b, dtype, true);
        const guard = native!.guardedBuffer(4096 * 3, { at: "start" });
        const view = new dtype.Array(guard.buffer, guard.byteOffset, n);
        install(kernel, level, { streaming: true })!([addressOf(buffers[0]!), addressOf(buffers[1]!), guard.address], [n]);
        install(kernel, level)!(buffers.map(addressOf), [n]);
        assert.equal(difference(view, buffers[2]!.subarray(0, n) as TypedArray, dtype), -1);
        guard.free();
      }
    });
  }
}

/** Kernels that no template makes, over a table of `rows` rows of `width` elements. */
const byHand: Readonly<Record<string, { kernel: LoopKernel; operands: (r: Random) => Operands }>> = (() => {
  const [i, j, k] = [new LoopVar("i"), new LoopVar("j"), new LoopVar("k")];
  const rows = 37;
  // positions are drawn as int64 in the range of `small`, and brought into range by the kernels
  const position = load(at(0, [i, 1]), "i64")
    .add(8)
    .rem(constant(rows, "i64"));
  const gatherKernel = (dtype: DType): LoopKernel => {
    const chosen: Access = { ...at(1), dynamic: { index: position, stride: argument(1) } };
    return {
      name: `gather ${dtype.name}`,
      buffers: [buffer(int64), buffer(dtype), buffer(dtype, "write")],
      ints: 3,
      params: 0,
      body: [vectorLoop(i, argument(0), [store(at(2, [i, argument(2)]), load(chosen, computeType(dtype)))])],
    };
  };
  const gatherOperands = (r: Random): Operands => {
    const [n, stride, out] = [r.below(60), 1 + r.below(3), 1 + r.below(2)];
    return { spans: [n, (rows - 1) * stride + 1, n === 0 ? 0 : (n - 1) * out + 1], ints: [n, stride, out] };
  };
  const rowGather = (dtype: DType): LoopKernel => {
    const element: Access = {
      ...at(1, [j, 1]),
      offset: argument(2),
      dynamic: { index: local(0, "i64"), stride: argument(1) },
    };
    return {
      name: `rows of ${dtype.name} by index`,
      buffers: [buffer(int64), buffer(dtype), buffer(dtype, "write")],
      ints: 3,
      params: 0,
      body: [
        loop(i, argument(0), [
          define(0, position),
          vectorLoop(j, argument(1), [store(at(2, [i, argument(1)], [j, 1]), load(element, computeType(dtype)))]),
        ]),
      ],
    };
  };
  const rowGatherOperands = (r: Random): Operands => {
    const [n, width, offset] = [r.below(6), r.below(50), r.below(3)];
    return { spans: [n, rows * width + offset, n * width], ints: [n, width, offset] };
  };
  const scatterAdd = (dtype: DType): LoopKernel => {
    const type = computeType(dtype);
    const target: Access = { ...at(2, [j, 1]), dynamic: { index: local(0, "i64"), stride: argument(1) } };
    return {
      name: `scatter-add ${dtype.name}`,
      buffers: [buffer(int64), buffer(dtype), buffer(dtype, "update")],
      ints: 2,
      params: 0,
      body: [
        loop(i, argument(0), [
          define(0, position),
          vectorLoop(j, argument(1), [store(target, load(target, type).add(load(at(1, [i, argument(1)], [j, 1]), type)))]),
        ]),
      ],
    };
  };
  // out[i] = sum over k of x[i + k] for the positions where x[i] is positive, in a loop that is no vector loop
  const guarded: LoopKernel = {
    name: "if",
    buffers: [buffer(float32), buffer(float32, "write"), buffer(int64, "write")],
    ints: 2,
    params: 1,
    body: [
      loop(i, argument(0), [
        store(at(1, [i, 1]), param(0, "f32")),
        when(load(at(0, [i, 1]), "f32").gt(0), [
          accumulators([3, constant(0, "f64")]),
          loop(k, argument(1), [accumulate([3], "add", [load(at(0, [i, 1], [k, 1]), "f32").cast("f64")])]),
          store(at(1, [i, 1]), local(3, "f64").cast("f32")),
        ]),
        store(at(2, [i, 1]), index(i).mul(extent(argument(1)))),
      ]),
    ],
  };
  // a running sum along rows, a row a lane
  const scan: LoopKernel = {
    name: "running sum",
    buffers: [buffer(float32), buffer(float32, "write")],
    ints: 2,
    params: 0,
    body: [
      vectorLoop(i, argument(0), [
        accumulators([0, constant(0, "f32")]),
        loop(k, argument(1), [
          accumulate([0], "add", [load(at(0, [k, argument(0)], [i, 1]), "f32")]),
          store(at(1, [k, argument(0)], [i, 1]), local(0, "f32")),
        ]),
      ]),
    ],
  };
  const positions: LoopKernel = {
    name: "counter as a value",
    buffers: [buffer(float32, "write"), buffer(int64, "write")],
    ints: 2,
    params: 1,
    body: [
      loop(j, argument(1), [
        vectorLoop(i, argument(0), [
          store(at(0, [j, argument(0)], [i, 1]), index(i).cast("f32").mul(param(0, "f32")).add(index(j).cast("f32"))),
          store(
            at(1, [j, argument(0)], [i, 1]),
            index(i)
              .mul(extent(argument(1)))
              .add(index(j)),
          ),
        ]),
      ]),
    ],
  };
  const square = (r: Random): Operands => {
    const [n, m] = [r.below(80), r.below(5)];
    return { spans: [n * m, n * m], ints: [n, m] };
  };
  return {
    ...Object.fromEntries(
      dtypes.flatMap((d) => [
        [`gather ${d.name}`, { kernel: gatherKernel(d), operands: gatherOperands }],
        [`rows by index ${d.name}`, { kernel: rowGather(d), operands: rowGatherOperands }],
      ]),
    ),
    ...Object.fromEntries(
      [float32, int64, float16, int32].map((d) => [
        `scatter-add ${d.name}`,
        {
          kernel: scatterAdd(d),
          operands: (r: Random): Operands => {
            const [n, width] = [r.below(6), r.below(40)];
            return { spans: [n, n * width, rows * width], ints: [n, width] };
          },
        },
      ]),
    ),
    "an if around a loop": {
      kernel: guarded,
      operands: (r) => {
        const [n, m] = [r.below(30), 1 + r.below(4)];
        return { spans: [n + m, n, n], ints: [n, m] };
      },
    },
    "a running sum with a row in each lane": { kernel: scan, operands: square },
    "loop counters as values": { kernel: positions, operands: square },
  };
})();

for (const level of levels) {
  for (const [title, { kernel, operands }] of Object.entries(byHand)) {
    test(`${level}: ${title}, within bounds, equals the js target`, () => {
      const r = new Random(title.length * 31);
      const layouts = Array.from({ length: 20 }, () => operands(r));
      assert.equal(compareTargets(r, kernel, level, layouts, [0.5], true), "");
    });
  }
}
