/**
 * Machine code against the js target: every primitive in every type, over random and special values.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJs } from "../../src/backends/cpu/js/kernel.ts";
import { lowerMap } from "../../src/backends/lowering/lowerMap.ts";
import { type DTypeKey, dtypeOfKey } from "../../src/core/dtype.ts";
import { Expr, input, type Primitive, type ScalarType } from "../../src/ir/expr.ts";
import { normalize } from "../../src/ir/simplify.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { install, levels } from "./install.ts";
import { arena } from "./randomKernels.ts";
import { type Element, fromElement, generator, pick, toElement } from "./operands.ts";

const n = 1037;
const floats = ["f32", "f64"] as const;
const ints = ["i32", "i64"] as const;
const numbers = [...floats, ...ints] as const;
const every = [...numbers, "bool"] as const;

const exactUnary: readonly [Primitive, readonly ScalarType[]][] = [
  ["neg", numbers],
  ["abs", numbers],
  ["sign", numbers],
  ["floor", floats],
  ["ceil", floats],
  ["trunc", floats],
  ["round", floats],
  ["not", ["i32", "i64", "bool"]],
  ["sqrt", floats],
];
const closeUnary =
  "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc erfinv lgamma digamma".split(
    " ",
  ) as Primitive[];
const exactBinary: readonly [Primitive, readonly ScalarType[]][] = [
  ["add", numbers],
  ["sub", numbers],
  ["mul", numbers],
  ["div", numbers],
  ["rem", numbers],
  ["max", numbers],
  ["min", numbers],
  ["copysign", floats],
  ["nextafter", floats],
  ["and", ["i32", "i64", "bool"]],
  ["or", ["i32", "i64", "bool"]],
  ["xor", ["i32", "i64", "bool"]],
  ["shl", ints],
  ["shr", ints],
];
const compares: readonly Primitive[] = ["eq", "ne", "lt", "le", "gt", "ge"];
/** What the vector generator may leave to JavaScript. */
const cancelling = new Set<string>(["lgamma", "digamma"]);
const rare = new Set<string>(["lgamma", "digamma", "nextafter", "erfinv", "rem"]);

function values(random: () => number, type: ScalarType): Element[] {
  return Array.from({ length: n }, (): Element => {
    switch (type) {
      case "bool":
        return random() < 0.5 ? 1 : 0;
      case "i32":
        return random() < 0.3
          ? pick(random, [0, 1, -1, 2, 31, 32, -(2 ** 31), 2 ** 31 - 1])
          : Math.floor((random() - 0.5) * 2 ** pick(random, [4, 12, 32]));
      case "i64":
        return random() < 0.3
          ? pick(random, [0n, 1n, -1n, 2n, 63n, 64n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n])
          : BigInt(Math.floor((random() - 0.5) * 2 ** pick(random, [4, 31, 62])));
      default: {
        if (random() < 0.25) {
          const specials = [
            0,
            -0,
            1,
            -1,
            0.5,
            -0.5,
            1.5,
            2.5,
            Infinity,
            -Infinity,
            NaN,
            1e-40,
            1e30,
            -1e30,
            88.8,
            -104,
            745,
            3e9,
          ];
          return type === "f32" ? Math.fround(pick(random, specials)) : pick(random, [...specials, 1e-310, 1e300, -709]);
        }
        const x = (random() - 0.5) * 2 ** pick(random, [-20, -3, 1, 1, 3, 6, 10, 30]);
        return type === "f32" ? Math.fround(x) : x;
      }
    }
  });
}

function units(a: number, b: number, type: "f32" | "f64"): number {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Infinity;
  const size = Math.max(Math.abs(a), Math.abs(b));
  const unit = type === "f32" ? Math.max(size * 2 ** -23, 2 ** -149) : Math.max(size * 2 ** -52, 5e-324);
  return Math.abs(a - b) / unit;
}

for (const level of levels) {
  /** Results of both, or null when the generator leaves the kernel to JavaScript. */
  function both(
    value: Expr,
    keys: readonly DTypeKey[],
    out: DTypeKey,
    data: readonly (readonly Element[])[],
  ): [Element[], Element[]] | null {
    const spec: MapSpec = {
      kind: "map",
      name: value.op,
      inputs: keys.map((k) => dtypeOfKey[k]),
      outputs: [{ dtype: dtypeOfKey[out], value }],
      params: 0,
      compiled: null,
    };
    const kernel = normalize(lowerMap(spec, 1, [...keys.map(() => 1 as const), 1]));
    const machine = install(kernel, level);
    if (machine === null) return null;
    const dtypes = kernel.buffers.map((b) => b.dtype);
    const places = dtypes.map((dtype, k) => arena(level, k, "end").place(dtype, n));
    data.forEach((values, k) => {
      const array = places[k]!.array as unknown as Element[];
      values.forEach((v, i) => (array[i] = toElement(dtypes[k]!, v)));
    });
    const views = places.map((p) => p.array.slice());
    machine(
      places.map((p) => p.address),
      [n],
    );
    for (const p of places) p.check();
    compileJs(kernel)(views, Float64Array.of(0, ...views.map(() => 0), n));
    const last = dtypes.length - 1;
    return [places[last]!.array, views[last]!].map((array) =>
      Array.from(array as ArrayLike<Element>, (x) => fromElement(dtypes[last]!, x)),
    ) as [Element[], Element[]];
  }

  function compareAll(
    value: Expr,
    keys: readonly DTypeKey[],
    out: DTypeKey,
    data: readonly (readonly Element[])[],
    allowed: number,
  ): void {
    const name = `${value.op} of ${keys.join(", ")}`;
    const results = both(value, keys, out, data);
    if (results === null) {
      assert.ok(rare.has(value.op), `${name} has no machine code`);
      return;
    }
    const [machine, js] = results;
    machine.forEach((a, k) => {
      const b = js[k]!;
      const note = `${name} at ${data.map((d) => d[k]).join(", ")}: ${a}, js ${b}`;
      if (typeof a === "bigint" || allowed === 0) assert.ok(Object.is(a, b), note);
      else {
        // lgamma and digamma are sums that cancel at their roots, where what remains is absolute; and js has few digits of digamma beside its poles.
        if (cancelling.has(value.op) && Math.abs(a - (b as number)) < 4e-15) return;
        if (value.op === "digamma" && out === "f64" && Number(data[0]![k]) < 0) return;
        assert.ok(units(a, b as number, out === "f64" ? "f64" : "f32") <= allowed, note);
        if (a === 0 && b === 0 && allowed >= 1) assert.ok(Object.is(a, b), note);
      }
    });
  }

  test(`${level}: exact primitives are bit for bit those of js`, () => {
    const random = generator(17);
    for (const [op, types] of exactUnary) {
      for (const type of types) compareAll(new Expr(op, type, [input(0, type)]), [type], type, [values(random, type)], 0);
    }
    for (const [op, types] of exactBinary) {
      for (const type of types) {
        const e = new Expr(op, type, [input(0, type), input(1, type)]);
        // The sign of a zero that max or min makes of 0 and -0 is left open.
        compareAll(e, [type, type], type, [values(random, type), values(random, type)], op === "max" || op === "min" ? 1e-9 : 0);
      }
    }
    for (const op of compares) {
      for (const type of every) {
        const e = new Expr(op, "bool", [input(0, type), input(1, type)]);
        const data = [values(random, type), values(random, type)];
        compareAll(e, [type, type], "bool", data, 0);
        compareAll(input(0, type).where(e, input(1, type)), [type, type], type, data, 0);
      }
    }
    for (const type of floats) {
      compareAll(
        input(0, type).fma(input(1, type), input(2, type)),
        [type, type, type],
        type,
        [0, 1, 2].map(() => values(random, type)),
        0,
      );
    }
  });

  test(`${level}: casts between all types and dtypes are those of js`, () => {
    const random = generator(19);
    const keys: DTypeKey[] = ["f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"];
    const typeOf: Readonly<Record<DTypeKey, ScalarType>> = {
      f32: "f32",
      f64: "f64",
      f16: "f32",
      bf16: "f32",
      i64: "i64",
      i32: "i32",
      i16: "i32",
      i8: "i32",
      u8: "i32",
      bool: "bool",
    };
    for (const from of keys) {
      for (const to of keys) {
        let data = values(random, typeOf[from]);
        if (from === "i16" || from === "i8" || from === "u8")
          data = data.map((v) =>
            Number(from === "u8" ? BigInt.asUintN(8, BigInt(v)) : BigInt.asIntN(from === "i8" ? 8 : 16, BigInt(v))),
          );
        compareAll(input(0, typeOf[from]).cast(typeOf[to]), [from], to, [data], 0);
      }
    }
    for (const [from, to] of [
      ["f32", "i32"],
      ["i32", "f32"],
      ["f64", "i64"],
      ["i64", "f64"],
    ] as const) {
      const data = values(random, from).map((v) => (Number.isNaN(v) ? 1 : v));
      compareAll(input(0, from).bitcast(to), [from], to, [data], 0);
    }
  });

  test(`${level}: transcendental functions are within a few units in the last place of js`, () => {
    const random = generator(23);
    for (const type of floats) {
      for (const op of closeUnary) compareAll(new Expr(op, type, [input(0, type)]), [type], type, [values(random, type)], 4);
      for (const op of ["pow", "atan2"] as const) {
        compareAll(
          new Expr(op, type, [input(0, type), input(1, type)]),
          [type, type],
          type,
          [values(random, type), values(random, type)],
          4,
        );
      }
    }
  });
}
