import assert from "node:assert/strict";
import { test } from "node:test";
import { type DType, float16, float32, int32, int64, type TypedArray } from "../../src/core/dtype.ts";
import { computeType, constant, input, param } from "../../src/ir/expr.ts";
import { extent, type Int, index, load, local, type LoopKernel, LoopVar } from "../../src/ir/loops.ts";
import { lowerMap } from "../../src/backends/lowering/lowerMap.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { addressOf, install, levels, native, nativeLevels } from "./kernels.ts";
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
  const arg = (n: number): Int => ({ arg: n });
  const rows = 37;
  // positions are drawn as int64 in the range of `small`, and brought into range by the kernels
  const position = (loop: LoopVar) =>
    load({ buffer: 0, terms: [{ loop, stride: 1 }] }, "i64")
      .add(8)
      .rem(constant(rows, "i64"));
  const of = (dtype: DType, access: "read" | "write" | "update" = "read") => ({ dtype, access });
  const gatherKernel = (dtype: DType): LoopKernel => ({
    name: `gather ${dtype.name}`,
    buffers: [of(int64), of(dtype), of(dtype, "write")],
    ints: 3,
    params: 0,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: arg(0),
        vector: true,
        body: [
          {
            kind: "store",
            access: { buffer: 2, terms: [{ loop: i, stride: arg(2) }] },
            value: load({ buffer: 1, terms: [], dynamic: { index: position(i), stride: arg(1) } }, computeType(dtype)),
          },
        ],
      },
    ],
  });
  const gatherOperands = (r: Random): Operands => {
    const [n, stride, out] = [r.below(60), 1 + r.below(3), 1 + r.below(2)];
    return { spans: [n, (rows - 1) * stride + 1, n === 0 ? 0 : (n - 1) * out + 1], ints: [n, stride, out] };
  };
  const rowGather = (dtype: DType): LoopKernel => ({
    name: `rows of ${dtype.name} by index`,
    buffers: [of(int64), of(dtype), of(dtype, "write")],
    ints: 3,
    params: 0,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: arg(0),
        vector: false,
        body: [
          { kind: "let", id: 0, value: position(i) },
          {
            kind: "loop",
            loop: j,
            extent: arg(1),
            vector: true,
            body: [
              {
                kind: "store",
                access: {
                  buffer: 2,
                  terms: [
                    { loop: i, stride: arg(1) },
                    { loop: j, stride: 1 },
                  ],
                },
                value: load(
                  {
                    buffer: 1,
                    terms: [{ loop: j, stride: 1 }],
                    offset: arg(2),
                    dynamic: { index: local(0, "i64"), stride: arg(1) },
                  },
                  computeType(dtype),
                ),
              },
            ],
          },
        ],
      },
    ],
  });
  const rowOperands_ = (r: Random): Operands => {
    const [n, width, offset] = [r.below(6), r.below(50), r.below(3)];
    return { spans: [n, rows * width + offset, n * width], ints: [n, width, offset] };
  };
  const scatterAdd = (dtype: DType): LoopKernel => ({
    name: `scatter-add ${dtype.name}`,
    buffers: [of(int64), of(dtype), of(dtype, "update")],
    ints: 2,
    params: 0,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: arg(0),
        vector: false,
        body: [
          { kind: "let", id: 0, value: position(i) },
          {
            kind: "loop",
            loop: j,
            extent: arg(1),
            vector: true,
            body: [
              {
                kind: "store",
                access: { buffer: 2, terms: [{ loop: j, stride: 1 }], dynamic: { index: local(0, "i64"), stride: arg(1) } },
                value: load(
                  { buffer: 2, terms: [{ loop: j, stride: 1 }], dynamic: { index: local(0, "i64"), stride: arg(1) } },
                  computeType(dtype),
                ).add(
                  load(
                    {
                      buffer: 1,
                      terms: [
                        { loop: i, stride: arg(1) },
                        { loop: j, stride: 1 },
                      ],
                    },
                    computeType(dtype),
                  ),
                ),
              },
            ],
          },
        ],
      },
    ],
  });
  // out[i] = sum over k of x[i + k] for the positions where x[i] is positive, in a loop that is no vector loop
  const guarded: LoopKernel = {
    name: "if",
    buffers: [of(float32), of(float32, "write"), of(int64, "write")],
    ints: 2,
    params: 1,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: arg(0),
        vector: false,
        body: [
          { kind: "store", access: { buffer: 1, terms: [{ loop: i, stride: 1 }] }, value: param(0, "f32") },
          {
            kind: "if",
            condition: load({ buffer: 0, terms: [{ loop: i, stride: 1 }] }, "f32").gt(0),
            body: [
              { kind: "accumulators", ids: [3], types: ["f64"], init: [constant(0, "f64")] },
              {
                kind: "loop",
                loop: k,
                extent: arg(1),
                vector: false,
                body: [
                  {
                    kind: "accumulate",
                    ids: [3],
                    op: "add",
                    values: [
                      load(
                        {
                          buffer: 0,
                          terms: [
                            { loop: i, stride: 1 },
                            { loop: k, stride: 1 },
                          ],
                        },
                        "f32",
                      ).cast("f64"),
                    ],
                  },
                ],
              },
              { kind: "store", access: { buffer: 1, terms: [{ loop: i, stride: 1 }] }, value: local(3, "f64").cast("f32") },
            ],
          },
          {
            kind: "store",
            access: { buffer: 2, terms: [{ loop: i, stride: 1 }] },
            value: index(i).mul(extent(arg(1))),
          },
        ],
      },
    ],
  };
  // a running sum along rows, a row a lane
  const scan: LoopKernel = {
    name: "running sum",
    buffers: [of(float32), of(float32, "write")],
    ints: 2,
    params: 0,
    body: [
      {
        kind: "loop",
        loop: i,
        extent: arg(0),
        vector: true,
        body: [
          { kind: "accumulators", ids: [0], types: ["f32"], init: [constant(0, "f32")] },
          {
            kind: "loop",
            loop: k,
            extent: arg(1),
            vector: false,
            body: [
              {
                kind: "accumulate",
                ids: [0],
                op: "add",
                values: [
                  load(
                    {
                      buffer: 0,
                      terms: [
                        { loop: k, stride: arg(0) },
                        { loop: i, stride: 1 },
                      ],
                    },
                    "f32",
                  ),
                ],
              },
              {
                kind: "store",
                access: {
                  buffer: 1,
                  terms: [
                    { loop: k, stride: arg(0) },
                    { loop: i, stride: 1 },
                  ],
                },
                value: local(0, "f32"),
              },
            ],
          },
        ],
      },
    ],
  };
  const positions: LoopKernel = {
    name: "counter as a value",
    buffers: [of(float32, "write"), of(int64, "write")],
    ints: 2,
    params: 1,
    body: [
      {
        kind: "loop",
        loop: j,
        extent: arg(1),
        vector: false,
        body: [
          {
            kind: "loop",
            loop: i,
            extent: arg(0),
            vector: true,
            body: [
              {
                kind: "store",
                access: {
                  buffer: 0,
                  terms: [
                    { loop: j, stride: arg(0) },
                    { loop: i, stride: 1 },
                  ],
                },
                value: index(i).cast("f32").mul(param(0, "f32")).add(index(j).cast("f32")),
              },
              {
                kind: "store",
                access: {
                  buffer: 1,
                  terms: [
                    { loop: j, stride: arg(0) },
                    { loop: i, stride: 1 },
                  ],
                },
                value: index(i)
                  .mul(extent(arg(1)))
                  .add(index(j)),
              },
            ],
          },
        ],
      },
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
        [`rows by index ${d.name}`, { kernel: rowGather(d), operands: rowOperands_ }],
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
  for (const [name, { kernel, operands }] of Object.entries(byHand)) {
    test(`${level}: ${name}, within bounds, equals the js target`, () => {
      const r = new Random(name.length * 31);
      const layouts = Array.from({ length: 20 }, () => operands(r));
      assert.equal(compareTargets(r, kernel, level, layouts, [0.5], true), "");
    });
  }
}
