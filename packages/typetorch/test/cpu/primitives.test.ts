import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJs } from "../../src/backends/cpu/js/kernel.ts";
import { type DTypeKey, dtypeOfKey } from "../../src/core/dtype.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../src/core/float16.ts";
import { fma32, fma64 } from "../../src/core/fma.ts";
import { int64ToFloat32 } from "../../src/core/special.ts";
import {
  type BinaryPrimitive,
  type ComparePrimitive,
  constant,
  Expr,
  input,
  type Primitive,
  type ScalarType,
  type UnaryPrimitive,
} from "../../src/ir/expr.ts";
import { lowerMap } from "../../src/backends/lowering/lowerMap.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { type Element, operand, read, strided } from "./operands.ts";
import { typedArrayOf } from "../../src/backends/cpu/memory.ts";

const dtypeKey: Readonly<Record<ScalarType, DTypeKey>> = { f32: "f32", f64: "f64", i32: "i32", i64: "i64", bool: "bool" };

/** Computes an expression of the inputs, by generated code and by closures, which must agree bit for bit. */
function compute(
  value: Expr,
  keys: readonly DTypeKey[],
  values: readonly (readonly Element[])[],
  outKey: DTypeKey = dtypeKey[value.type],
): Element[] {
  const out = dtypeOfKey[outKey];
  const spec: MapSpec = {
    kind: "map",
    name: "primitive",
    inputs: keys.map((k) => dtypeOfKey[k]),
    outputs: [{ dtype: out, value }],
    params: 0,
    compiled: null,
  };
  const n = values[0]!.length;
  const kernel = lowerMap(spec, 1, [...keys.map(() => 1 as const), 1]);
  const results = (["text", "closures"] as const).map((style) => {
    const operands = keys.map((k, i) => operand(k, values[i]!));
    const result = strided(out, [n]);
    const block = new Float64Array(2 + keys.length + kernel.ints);
    block[2 + keys.length] = n;
    compileJs(kernel, style)(
      [...operands, result].map((o) => typedArrayOf(o.storage, o.dtype)),
      block,
    );
    return read(result);
  });
  assert.deepEqual(results[1], results[0], "closures and generated code differ");
  return results[0]!;
}

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  1e-40,
  -1e-40,
  1e-310,
  1e30,
  -1e30,
  1e300,
  Infinity,
  -Infinity,
  NaN,
  2 ** 31,
  -(2 ** 31),
  2 ** 63,
];
const integers = [
  0n,
  1n,
  -1n,
  2n,
  3n,
  -7n,
  31n,
  32n,
  63n,
  64n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const pairs = <T>(list: readonly T[]): [T[], T[]] => [list.flatMap((a) => list.map(() => a)), list.flatMap(() => [...list])];

const realUnary: Partial<Record<UnaryPrimitive, (x: number) => number>> = {
  neg: (x) => 0 - x || -x,
  abs: (x) => (x < 0 ? -x : x === 0 ? 0 : x),
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  round: (x) => {
    if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52 || x === 0) return x;
    const shifted = Math.abs(x) + 2 ** 52 - 2 ** 52; // rounds halves to even
    return x < 0 ? -shifted : shifted;
  },
};

test("exact functions of floats", () => {
  for (const [op, truth] of Object.entries(realUnary)) {
    for (const type of ["f32", "f64"] as const) {
      const xs = type === "f32" ? specials.map(Math.fround) : specials;
      const expected = xs.map((x) => (type === "f32" ? Math.fround(truth(x)) : truth(x)));
      assert.deepEqual(compute(new Expr(op as Primitive, type, [input(0, type)]), [type], [xs]), expected, `${op} ${type}`);
    }
  }
});

const realBinary: Partial<Record<BinaryPrimitive, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  max: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a > b ? a : a < b ? b : Object.is(a, -0) ? b : a),
  min: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a < b ? a : a > b ? b : Object.is(a, -0) ? a : b),
  copysign: (a, b) => (1 / b < 0 || b < 0 ? -Math.abs(a) : Math.abs(a)),
};

test("arithmetic of floats is IEEE's, f32 rounded after each operation", () => {
  for (const [op, truth] of Object.entries(realBinary)) {
    for (const type of ["f32", "f64"] as const) {
      const [a, b] = pairs(type === "f32" ? specials.map(Math.fround) : specials);
      const expected = a.map((x, k) => (type === "f32" ? Math.fround(truth(x, b[k]!)) : truth(x, b[k]!)));
      assert.deepEqual(
        compute(new Expr(op as Primitive, type, [input(0, type), input(1, type)]), [type, type], [a, b]),
        expected,
        `${op} ${type}`,
      );
    }
  }
});

test("integers wrap, divide toward zero and shift arithmetically", () => {
  const truths: Partial<Record<BinaryPrimitive, (a: bigint, b: bigint, bits: bigint) => bigint>> = {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => (b === 0n ? 0n : a / b),
    rem: (a, b) => (b === 0n ? 0n : a % b),
    max: (a, b) => (a > b ? a : b),
    min: (a, b) => (a < b ? a : b),
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
    shl: (a, b, bits) => (b < 0n || b >= bits ? 0n : a << b),
    shr: (a, b, bits) => (b < 0n || b >= bits ? (a < 0n ? -1n : 0n) : a >> b),
  };
  const unary: Partial<Record<UnaryPrimitive, (a: bigint) => bigint>> = {
    neg: (a) => -a,
    abs: (a) => (a < 0n ? -a : a),
    sign: (a) => (a < 0n ? -1n : a > 0n ? 1n : 0n),
    not: (a) => ~a,
    floor: (a) => a,
    round: (a) => a,
  };
  for (const type of ["i32", "i64"] as const) {
    const bits = type === "i32" ? 32 : 64;
    const list = [...new Set(integers.map((v) => BigInt.asIntN(bits, v)))];
    const wrap = (v: bigint): Element => (type === "i32" ? Number(BigInt.asIntN(32, v)) : BigInt.asIntN(64, v));
    const [a, b] = pairs(list);
    for (const [op, truth] of Object.entries(truths)) {
      const e = new Expr(op as Primitive, type, [input(0, type), input(1, type)]);
      assert.deepEqual(
        compute(e, [type, type], [a.map(wrap), b.map(wrap)]),
        a.map((x, k) => wrap(truth(x, b[k]!, BigInt(bits)))),
        `${op} ${type}`,
      );
    }
    for (const [op, truth] of Object.entries(unary)) {
      assert.deepEqual(
        compute(new Expr(op as Primitive, type, [input(0, type)]), [type], [list.map(wrap)]),
        list.map((x) => wrap(truth(x))),
        `${op} ${type}`,
      );
    }
  }
});

test("narrow integers wrap when they are stored", () => {
  for (const [key, bits] of [
    ["u8", 8],
    ["i8", 8],
    ["i16", 16],
  ] as const) {
    const values = [0, 1, 100, 127, -128, 200, 255];
    const [a, b] = pairs(values.map((v) => (key === "u8" ? v & 255 : Number(BigInt.asIntN(bits, BigInt(v))))));
    const product = compute(input(0, "i32").mul(input(1, "i32")), [key, key], [a, b], key);
    const wrap = key === "u8" ? BigInt.asUintN : BigInt.asIntN;
    assert.deepEqual(
      product,
      a.map((x, k) => Number(wrap(bits, BigInt(x) * BigInt(b[k]!)))),
      key,
    );
  }
});

test("comparisons with NaN are false, except ne; select takes either side", () => {
  const truths: Record<ComparePrimitive, (a: Element, b: Element) => boolean> = {
    eq: (a, b) => a === b,
    ne: (a, b) => a !== b,
    lt: (a, b) => a < b,
    le: (a, b) => a <= b,
    gt: (a, b) => a > b,
    ge: (a, b) => a >= b,
  };
  for (const type of ["f32", "f64", "i32", "i64", "bool"] as const) {
    const list: Element[] =
      type === "i64"
        ? integers
        : type === "i32"
          ? [0, 1, -1, 7, -(2 ** 31)]
          : type === "bool"
            ? [0, 1]
            : type === "f32"
              ? specials.map(Math.fround)
              : specials;
    const [a, b] = pairs(list);
    for (const [op, truth] of Object.entries(truths)) {
      const e = new Expr(op as Primitive, "bool", [input(0, type), input(1, type)]);
      const expected = a.map((x, k) => truth(x, b[k]!));
      assert.deepEqual(compute(e, [type, type], [a, b]), expected.map(Number), `${op} ${type}`);
      const chosen = compute(input(0, type).where(e, input(1, type)), [type, type], [a, b]);
      assert.deepEqual(
        chosen,
        a.map((x, k) => (expected[k] ? x : b[k]!)),
        `select ${op} ${type}`,
      );
    }
  }
});

test("bool has logic", () => {
  const [a, b] = pairs([0, 1]);
  const bit = (op: BinaryPrimitive) =>
    compute(new Expr(op, "bool", [input(0, "bool"), input(1, "bool")]), ["bool", "bool"], [a, b]);
  assert.deepEqual(bit("and"), [0, 0, 0, 1]);
  assert.deepEqual(bit("or"), [0, 1, 1, 1]);
  assert.deepEqual(bit("xor"), [0, 1, 1, 0]);
  assert.deepEqual(compute(input(0, "bool").logicalNot(), ["bool"], [[0, 1]]), [1, 0]);
});

test("casts convert by value as C does on x86", () => {
  const cast = (from: DTypeKey, fromType: ScalarType, to: DTypeKey, toType: ScalarType, values: readonly Element[]) =>
    compute(input(0, fromType).cast(toType), [from], [values], to);
  assert.deepEqual(cast("f32", "f32", "i32", "i32", [1.9, -1.9, NaN, 3e9, -3e9, 2147483520]), [
    1,
    -1,
    -(2 ** 31),
    -(2 ** 31),
    -(2 ** 31),
    2147483520,
  ]);
  assert.deepEqual(cast("f64", "f64", "i32", "i32", [2147483647.5, 2147483648, -2147483648.5, -2147483649]), [
    2147483647,
    -(2 ** 31),
    -(2 ** 31),
    -(2 ** 31),
  ]);
  assert.deepEqual(cast("f64", "f64", "i64", "i64", [-1.5, 2 ** 63, NaN, 2 ** 62]), [-1n, -(2n ** 63n), -(2n ** 63n), 2n ** 62n]);
  assert.deepEqual(cast("f32", "f32", "u8", "i32", [300.7, -1.5]), [44, 255]);
  assert.deepEqual(cast("f32", "f32", "bool", "bool", [0, -0, NaN, 0.1]), [0, 0, 1, 1]);
  assert.deepEqual(cast("i64", "i64", "i32", "i32", [2n ** 32n + 5n, -1n]), [5, -1]);
  assert.deepEqual(cast("i64", "i64", "f32", "f32", [2n ** 60n + 2n ** 36n + 1n, 16777217n, -3n]), [
    2 ** 60 + 2 ** 37,
    16777216,
    -3,
  ]);
  assert.deepEqual(cast("i64", "i64", "f64", "f64", [2n ** 53n + 1n, 2n ** 53n + 3n]), [2 ** 53, 2 ** 53 + 4]);
  assert.deepEqual(cast("bool", "bool", "i64", "i64", [0, 1]), [0n, 1n]);
  assert.deepEqual(cast("f16", "f32", "f32", "f32", [0.1, 65504, 1e-7]), [Math.fround(0.0999755859375), 65504, 2 ** -23]);
  assert.deepEqual(compute(input(0, "f32").bitcast("i32"), ["f32"], [[1, -0]]), [0x3f800000, -(2 ** 31)]);
  assert.deepEqual(compute(input(0, "i64").bitcast("f64"), ["i64"], [[0x3ff0000000000000n]]), [1]);
});

test("an integer becomes a float32 with one rounding", () => {
  // Halfway between two float32 values but for the last bit, which a detour through double precision loses.
  assert.equal(int64ToFloat32(2n ** 60n + 2n ** 36n), 2 ** 60);
  assert.equal(int64ToFloat32(2n ** 60n + 2n ** 36n + 1n), 2 ** 60 + 2 ** 37);
  assert.equal(int64ToFloat32(-(2n ** 63n)), -(2 ** 63));
});

test("fma rounds once", () => {
  const e = 2 ** -30;
  assert.equal(fma64(1 + e, 1 - e, -1), -(2 ** -60));
  assert.equal(fma64(1e308, 10, -Infinity), -Infinity);
  assert.equal(fma64(2, 3, 4), 10);
  assert.equal(fma64(5e-324, 0.5, 5e-324), 1e-323);
  assert.equal(fma64(1e200, 1e100, 1e-300), 1e300);
  assert.equal(fma64(3, 1 / 3, -1), -(2 ** -54));
  const h = 2 ** -13;
  assert.equal(fma32(1 + h, 1 - h, -1), -(2 ** -26));
  // 1 + 2^-24 is halfway; the product's tail decides
  assert.equal(fma32(1 + 2 ** -12, 2 ** -24, 1), 1 + 2 ** -23);
  const x = input(0, "f32");
  assert.deepEqual(compute(x.fma(constant(3, "f32"), 1), ["f32"], [[2, NaN]]), [7, NaN]);
});

test("pow has C's special cases, nextafter steps by one", () => {
  const [a, b] = pairs([1, -1, 0, -0, 2, NaN, Infinity, -Infinity, 0.5, 3]);
  const powers = compute(new Expr("pow", "f64", [input(0, "f64"), input(1, "f64")]), ["f64", "f64"], [a, b]);
  a.forEach((x, k) => {
    const y = b[k]!;
    const expected = x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
    assert.ok(Object.is(powers[k], expected), `${x} ** ${y} is ${powers[k]}`);
  });
  const next = (type: "f32" | "f64", x: number, y: number) =>
    compute(new Expr("nextafter", type, [input(0, type), input(1, type)]), [type, type], [[x], [y]])[0];
  assert.equal(next("f32", 1, 2), 1 + 2 ** -23);
  assert.equal(next("f32", -1, 0), -(1 - 2 ** -24));
  assert.equal(next("f64", 0, -1), -5e-324);
  assert.equal(next("f64", 1, 0), 1 - 2 ** -53);
  assert.equal(next("f64", 1.7976931348623157e308, Infinity), Infinity);
});

/** Computed with 40 digits by mpmath 1.2.1 and rounded. */
const truths: Partial<Record<UnaryPrimitive, readonly (readonly [number, number])[]>> = {
  erf: [
    [-7.5, -1.0],
    [-3.2, -0.9999939742388483],
    [-0.3, -0.3286267594591274],
    [1e-9, 1.1283791670955127e-9],
    [0.1, 0.1124629160182849],
    [0.8, 0.7421009647076605],
    [0.9, 0.7969082124228322],
    [1.2, 0.9103139782296353],
    [1.3, 0.9340079449406524],
    [2.9, 0.9999589021219005],
    [5.5, 0.9999999999999927],
    [8.0, 1.0],
    [26.0, 1.0],
  ],
  erfc: [
    [-7.5, 2.0],
    [-3.2, 1.9999939742388482],
    [-0.3, 1.3286267594591274],
    [1e-9, 0.9999999988716208],
    [0.1, 0.887537083981715],
    [0.8, 0.2578990352923395],
    [0.9, 0.20309178757716786],
    [1.2, 0.08968602177036464],
    [1.3, 0.06599205505934755],
    [2.9, 4.109787809945886e-5],
    [5.5, 7.357847917974398e-15],
    [8.0, 1.1224297172982926e-29],
    [26.0, 5.663192408856143e-296],
  ],
  lgamma: [
    [-7.5, -8.404537371451598],
    [-3.2, -0.37243213612996867],
    [-0.3, 1.4648400508576025],
    [1e-9, 20.723265836369194],
    [0.1, 2.252712651734206],
    [0.8, 0.15205967839983756],
    [0.9, 0.06637623973474295],
    [1.2, -0.08537409000331583],
    [1.3, -0.10817480950786047],
    [2.9, 0.6028696102493114],
    [5.5, 3.9578139676187165],
    [8.0, 8.525161361065415],
    [26.0, 58.00360522298052],
  ],
  digamma: [
    [-7.5, 2.08009081757942],
    [-3.2, 5.635370221172645],
    [-0.3, 2.113309779635399],
    [1e-9, -1000000000.5772156],
    [0.1, -10.423754940411076],
    [0.8, -0.9650085667061383],
    [0.9, -0.7549269499470513],
    [1.2, -0.2890398965921884],
    [1.3, -0.16919088886679962],
    [2.9, 0.8824999506377439],
    [5.5, 1.6110931485817512],
    [8.0, 2.01564147795561],
    [26.0, 3.238742512851974],
  ],
  erfinv: [
    [-0.9999806880950928, -3.021256086508089],
    [-0.5, -0.4769362762044699],
    [1e-9, 8.86226925452758e-10],
    [0.1, 0.08885599049425769],
    [0.69, 0.7178703840977548],
    [0.71, 0.7482049711849852],
    [0.999, 2.3267537655135246],
  ],
  exp: [
    [-745.0, 5e-324],
    [-0.3, 0.7408182206817179],
    [1e-9, 1.000000001],
    [0.5, 1.6487212707001282],
    [88.0, 1.6516362549940018e38],
    [709.5, 1.3549863193146328e308],
  ],
  exp2: [
    [-1074.0, 5e-324],
    [-0.3, 0.8122523963562356],
    [0.5, 1.4142135623730951],
    [1000.5, 1.5153420044823246e301],
  ],
  expm1: [
    [-30.0, -0.9999999999999064],
    [-1e-10, -9.999999999500001e-11],
    [1e-5, 1.0000050000166668e-5],
    [0.3, 0.3498588075760031],
    [5.0, 147.4131591025766],
  ],
  log1p: [
    [-0.9, -2.302585092994046],
    [1e-10, 9.999999999500001e-11],
    [-1e-5, -1.0000050000333337e-5],
    [0.3, 0.26236426446749106],
    [5.0, 1.791759469228055],
  ],
  log: [
    [1e-310, -713.8013788281542],
    [0.3, -1.2039728043259361],
    [1.0001, 9.999500033329732e-5],
    [5.0, 1.6094379124341003],
    [1e300, 690.7755278982137],
  ],
  log2: [
    [1e-310, -1029.7977094150824],
    [0.3, -1.7369655941662063],
    [8.0, 3.0],
    [1e300, 996.5784284662087],
  ],
  log10: [
    [1e-310, -310.0],
    [0.3, -0.5228787452803376],
    [1000.0, 3.0],
    [1e300, 300.0],
  ],
  sin: [
    [-1000000.0, 0.34999350217129294],
    [-2.5, -0.5984721441039565],
    [1e-8, 1e-8],
    [0.7, 0.644217687237691],
    [Math.PI / 2, 1.0],
    [100.0, -0.5063656411097588],
  ],
  cos: [
    [-1000000.0, 0.9367521275331447],
    [-2.5, -0.8011436155469337],
    [1e-8, 1.0],
    [0.7, 0.7648421872844885],
    [Math.PI / 2, 6.123233995736766e-17],
    [100.0, 0.8623188722876839],
  ],
  tan: [
    [-1000000.0, 0.373624453987599],
    [-2.5, 0.7470222972386603],
    [1e-8, 1e-8],
    [0.7, 0.8422883804630794],
    [Math.PI / 2, 1.633123935319537e16],
    [100.0, -0.5872139151569291],
  ],
  asin: [
    [-0.99, -1.4292568534704693],
    [-0.3, -0.3046926540153975],
    [1e-8, 1e-8],
    [0.7, 0.775397496610753],
  ],
  acos: [
    [-0.99, 3.000053180265366],
    [-0.3, 1.8754889808102941],
    [1e-8, 1.5707963167948966],
    [0.7, 0.7953988301841436],
  ],
  atanh: [
    [-0.99, -2.6466524123622457],
    [-0.3, -0.3095196042031117],
    [1e-8, 1e-8],
    [0.7, 0.8673005276940531],
  ],
  atan: [
    [-9.0, -1.460139105621001],
    [-0.3, -0.2914567944778671],
    [1e-8, 1e-8],
    [0.7, 0.6107259643892086],
    [20.0, 1.5208379310729538],
  ],
  sinh: [
    [-9.0, -4051.54190208279],
    [-0.3, -0.3045202934471426],
    [1e-8, 1e-8],
    [0.7, 0.7585837018395335],
    [20.0, 242582597.70489514],
  ],
  asinh: [
    [-9.0, -2.8934439858858716],
    [-0.3, -0.29567304756342244],
    [1e-8, 1e-8],
    [0.7, 0.6526665660823557],
    [20.0, 3.6895038689889055],
  ],
  cosh: [
    [-9.0, 4051.542025492594],
    [0.3, 1.0453385141288605],
    [20.0, 242582597.70489514],
  ],
  tanh: [
    [-9.0, -0.999999969540041],
    [-0.3, -0.2913126124515909],
    [1e-8, 1e-8],
    [0.7, 0.6043677771171635],
    [20.0, 1.0],
  ],
  acosh: [
    [1.0001, 0.014142017775251545],
    [1.5, 0.9624236501192069],
    [20.0, 3.6882538673612966],
  ],
};

test("transcendental functions are within two units in the last place, near a root as good absolutely", () => {
  for (const [op, table] of Object.entries(truths)) {
    for (const type of ["f32", "f64"] as const) {
      const rows = type === "f64" ? table : table.filter(([x]) => Math.fround(x) === x);
      if (rows.length === 0) continue;
      const got = compute(new Expr(op as Primitive, type, [input(0, type)]), [type], [rows.map(([x]) => x)]) as number[];
      rows.forEach(([x, y], k) => {
        const unit = type === "f64" ? Math.max(Math.abs(y) * 2 ** -52, 5e-324) : Math.max(Math.abs(y) * 2 ** -23, 2 ** -149);
        const error = Math.abs(got[k]! - (type === "f64" ? y : Math.fround(y)));
        const allowed = Math.max(
          (op === "erfinv" || op === "erfc" ? 4 : 2) * unit,
          op === "lgamma" || op === "digamma" ? (type === "f64" ? 1e-15 : 1e-7) : 0,
        );
        if (type === "f32" && Math.abs(y) > 3.4e38) assert.equal(Math.abs(got[k]!), Infinity);
        else assert.ok(error <= allowed, `${op}(${x}) in ${type} is ${got[k]}, not ${y}`);
      });
    }
  }
});

test("transcendental functions at zeros, infinities and out of their domain", () => {
  const at = (op: UnaryPrimitive, x: number) => compute(new Expr(op, "f64", [input(0, "f64")]), ["f64"], [[x]])[0];
  const odd: UnaryPrimitive[] = [
    "expm1",
    "log1p",
    "sin",
    "tan",
    "asin",
    "atan",
    "sinh",
    "tanh",
    "asinh",
    "atanh",
    "erf",
    "erfinv",
  ];
  for (const op of odd) {
    assert.ok(Object.is(at(op, -0), -0), `${op}(-0)`);
    assert.ok(Object.is(at(op, 0), 0), `${op}(0)`);
  }
  for (const op of Object.keys(truths) as UnaryPrimitive[]) assert.ok(Number.isNaN(at(op, NaN)), `${op}(NaN)`);
  assert.deepEqual(
    ["log", "log2", "log10"].map((op) => at(op as UnaryPrimitive, 0)),
    [-Infinity, -Infinity, -Infinity],
  );
  assert.deepEqual([at("exp", -Infinity), at("exp", Infinity), at("erfc", -Infinity), at("erfc", Infinity)], [0, Infinity, 2, 0]);
  assert.deepEqual([at("erfinv", 1), at("erfinv", -1), at("erfinv", 1.5)], [Infinity, -Infinity, NaN]);
  assert.deepEqual(
    [at("lgamma", 0), at("lgamma", -3), at("lgamma", -Infinity), at("lgamma", 1)],
    [Infinity, Infinity, Infinity, 0],
  );
  assert.deepEqual([at("digamma", 0), at("digamma", -0), at("digamma", -2)], [-Infinity, Infinity, NaN]);
});

test("float16 and bfloat16 round to nearest even, over all their values", () => {
  for (const [toNumber, toBits, infinity] of [
    [halfToNumber, numberToHalf, 0x7c00],
    [bfloatToNumber, numberToBfloat, 0x7f80],
  ] as const) {
    for (let bits = 0; bits < infinity; bits++) {
      const x = toNumber(bits);
      assert.equal(toBits(x), bits);
      assert.equal(toBits(-x), bits | 0x8000);
      // The value halfway to the next one; past the largest, where the next one would be.
      const next = bits + 1 < infinity ? toNumber(bits + 1) : x + (x - toNumber(bits - 1));
      const middle = (x + next) / 2;
      if (Math.fround(middle) !== middle) continue; // below float32's subnormals
      assert.equal(toBits(middle), bits + (bits & 1), `halfway above ${x}`);
      const float = new Float32Array([middle]);
      const word = new Uint32Array(float.buffer);
      word[0]! -= 1;
      assert.equal(toBits(float[0]!), bits, `below halfway above ${x}`);
      word[0]! += 2;
      assert.equal(toBits(float[0]!), bits + 1, `beyond halfway above ${x}`);
    }
    assert.equal(toNumber(infinity), Infinity);
    assert.equal(toBits(Infinity), infinity);
    assert.equal(toBits(-Infinity), infinity | 0x8000);
    assert.ok(Number.isNaN(toNumber(toBits(NaN))));
  }
});

test("an element of a buffer must have the type in which its dtype is computed", () => {
  assert.throws(() => compute(input(0, "f32"), ["f32"], [[1]], "i64"), /is i64, not f32/);
  assert.throws(() => compute(new Expr("sin", "i32", [input(0, "i32")]), ["i32"], [[1]]), /sin is not defined for i32/);
});
