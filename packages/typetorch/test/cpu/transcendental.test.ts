import assert from "node:assert/strict";
import { test } from "node:test";
import { lowerMap } from "../../src/backends/lowering/lowerMap.ts";
import { type DType, float32, float64 } from "../../src/core/dtype.ts";
import * as special from "../../src/core/special.ts";
import { type BinaryPrimitive, Expr, input, type Transcendental } from "../../src/ir/expr.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { ulpBounds } from "../../src/ir/transcendental.ts";
import { install, type Level, levels } from "./install.ts";
import { unary } from "./mathFunctions.ts";
import { arena } from "./randomKernels.ts";

const binary = {
  pow: special.power,
  atan2: Math.atan2,
  nextafter: (x: number, y: number) => x * 0 + y,
} satisfies Partial<Record<BinaryPrimitive, (x: number, y: number) => number>>;

const specials = [
  ...[0, -0, Infinity, -Infinity, Number.NaN, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1e-45, -1e-45, 1.2e-38, -5e-39, 1e-30, -1e-30],
  ...[3e38, -3e38, 88.7, 88.8, 89.5, -87.3, -103.9, -104.1, 127.99, 128, 129, -149, -150.5, 9.1, -9.1, 1e10, 1e20, 1e30, -1e35],
  ...[0.55, 0.55001, 0.9277, 0.928, 0.99999994, 1.0000001, 16777217, -16777215, 0.75, 1.5, -1.5, 700, -700],
];
const specials64 = [
  ...specials,
  ...[
    5e-324, -5e-324, 2.3e-308, -1e-310, 1.7e308, -1.7e308, 709.7, 709.8, 710.4, 710.5, -708.4, -745.1, -745.2, -746, 1023.9, 1024,
  ],
  ...[-1074, -1075.5, 1e-200, 1e200, -1e300, 26.5, 27.3, -6, 5.9, 36, 37, -37, 2 ** 53, 2 ** 53 - 1, 0.1 + 0.2],
];

/** Runs a function on the lanes of a level. */
function runner(op: Transcendental, dtype: DType, level: Level, operands: number): (...inputs: Float64Array[]) => Float64Array {
  const type = dtype === float32 ? "f32" : "f64";
  const value = new Expr(
    op,
    type,
    Array.from({ length: operands }, (_, k) => input(k, type)),
  );
  const spec: MapSpec = {
    kind: "map",
    name: op,
    inputs: new Array(operands).fill(dtype),
    outputs: [{ dtype, value }],
    params: 0,
    compiled: null,
  };
  const run = install(lowerMap(spec, 1, new Array(operands + 1).fill(1)), level)!;
  return (...inputs) => {
    const n = inputs[0]!.length;
    const places = Array.from({ length: operands + 1 }, (_, k) => arena(level, k, "end").place(dtype, n));
    inputs.forEach((x, k) => (places[k]!.array as Float64Array).set(x));
    run(
      places.map((p) => p.address),
      [n],
    );
    const to = places[operands]!.array as Float64Array;
    return Float64Array.from(to);
  };
}

const bits = new DataView(new ArrayBuffer(8));
/** The distance between neighbours at |x|. */
function unitOf(x: number, dtype: DType): number {
  const [digits, least] = dtype === float32 ? [23, -126] : [52, -1022];
  bits.setFloat64(0, Math.abs(x));
  const exponent = ((bits.getUint32(0) >>> 20) & 2047) - 1023;
  return 2 ** (Math.max(exponent, least) - digits);
}

/** Distance from the truth in units in the last place; infinite where one is NaN, infinite or a zero of another sign and the other is not. */
function distance(found: number, truth: number, dtype: DType): number {
  const rounded = dtype === float32 ? Math.fround(truth) : truth;
  if (Object.is(found, rounded)) return 0;
  if (Number.isNaN(found) !== Number.isNaN(truth)) return Infinity;
  if (truth === 0) return Infinity;
  const largest = dtype === float32 ? 3.4028234663852886e38 : Number.MAX_VALUE;
  // the rounding of a result near the end of the range may overflow on one side only
  const clamp = (x: number): number => Math.max(-largest, Math.min(largest, x));
  if (Math.sign(found) !== Math.sign(truth) && found !== 0) return Infinity;
  return Math.abs(clamp(found) - clamp(truth)) / unitOf(clamp(truth), dtype);
}

/** Numbers spread over all magnitudes and over the ranges where functions have their shape. */
function samples(dtype: DType, count: number, seed: number): Float64Array {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 4294967296;
  };
  const list = dtype === float32 ? specials : specials64;
  return Float64Array.from({ length: count }, (_, i) => {
    if (i < list.length) return dtype === float32 ? Math.fround(list[i]!) : list[i]!;
    let x: number;
    const r = random() * 2 - 1;
    switch (i % 4) {
      case 0:
        x = r * 1.2;
        break;
      case 1:
        x = r * 12;
        break;
      case 2:
        x = r * (dtype === float32 ? 100 : 750);
        break;
      default:
        x = Math.sign(r) * 2 ** ((random() * 2 - 1) * (dtype === float32 ? 140 : 1050)) * (1 + random());
    }
    return dtype === float32 ? Math.fround(x) : x;
  });
}

for (const level of levels) {
  for (const [op, truth] of Object.entries(unary) as [keyof typeof unary, (x: number) => number][]) {
    test(`${level}: ${op} of float32 is within ${ulpBounds[op][0]} units of the truth`, () => {
      const x = samples(float32, 60000, 7);
      const found = runner(op, float32, level, 1)(x);
      x.forEach((v, i) => {
        const d = distance(found[i]!, truth(v), float32);
        assert.ok(d <= ulpBounds[op][0], `${op}(${v}) = ${found[i]}, not ${truth(v)}: ${d} units`);
      });
    });
    // The truth for float64 is V8's function, itself within a unit (erf, erfc: two) of the true value.
    test(`${level}: ${op} of float64 agrees with V8's`, () => {
      const x = samples(float64, 30000, 8);
      const found = runner(op, float64, level, 1)(x);
      const slack = op === "erf" || op === "erfc" ? 2 : 1;
      x.forEach((v, i) => {
        if (op === "digamma" && v < 0) return; // the truth has few digits near its poles; float32 is tested there
        const d = distance(found[i]!, truth(v), float64);
        // the bounds of these are relative to the terms of which they are sums, which cancel at their roots
        if ((op === "lgamma" || op === "digamma") && Math.abs(found[i]! - truth(v)) < 4e-15) return;
        assert.ok(d <= ulpBounds[op][1] + slack, `${op}(${v}) = ${found[i]}, not ${truth(v)}: ${d} units`);
      });
    });
  }
  for (const dtype of [float32, float64]) {
    test(`${level}: pow and atan2 of ${dtype.name}, special values in all pairs`, () => {
      const list = dtype === float32 ? specials.map(Math.fround) : specials64;
      const xs = [...samples(dtype, 20000, 9)];
      const ys = [...samples(dtype, 20000, 10)].reverse();
      for (const a of list) {
        for (const b of list) {
          xs.push(a);
          ys.push(b);
        }
      }
      for (let k = 0; k < 20000; k++) {
        xs.push(Math.abs(xs[k]! * 4) % 5);
        ys.push(ys[k]! % 40);
      }
      const fit = (list: number[]): Float64Array => Float64Array.from(list, (v) => (dtype === float32 ? Math.fround(v) : v));
      const [x, y] = [fit(xs), fit(ys)];
      for (const op of ["pow", "atan2"] as const) {
        const found = runner(op, dtype, level, 2)(x, y);
        const bound = ulpBounds[op][dtype === float32 ? 0 : 1] + (dtype === float32 ? 0 : 1);
        x.forEach((v, i) => {
          const truth = binary[op](v, y[i]!);
          const d = distance(found[i]!, truth, dtype);
          assert.ok(d <= bound, `${op}(${v}, ${y[i]}) = ${found[i]}, not ${truth}: ${d} units`);
        });
      }
      const moved = runner("nextafter", dtype, level, 2)(x, y);
      const next = dtype === float32 ? special.nextafter32 : special.nextafter64;
      x.forEach((v, i) => {
        assert.ok(Object.is(moved[i], next(v, y[i]!)), `nextafter(${v}, ${y[i]}) = ${moved[i]}, not ${next(v, y[i]!)}`);
      });
    });
  }
}
