import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  type DType,
  type DTypeKey,
  dtypeOfKey,
  float32,
  float64,
  int32,
  int64,
  type TypedArray,
  uint8,
} from "../../src/core/dtype.ts";
import { numberToBfloat } from "../../src/core/float16.ts";
import { fma32 } from "../../src/core/fma.ts";
import {
  checkRandperm,
  fillBernoulli,
  fillBernoulliEach,
  fillCauchy,
  fillDropoutMask,
  fillExponential,
  fillGeometric,
  fillLogNormal,
  fillMultinomial,
  fillNormal,
  fillRandom,
  fillRandomFromTo,
  fillRandperm,
  fillUniform,
  Generator,
} from "../../src/core/random.ts";

interface Case {
  fill: string;
  dtype: DTypeKey;
  size: number;
  args: (number | string | boolean | null)[];
  seed: number;
  hash: number;
  head: string;
}
interface Fixture {
  mixed: string[];
  mixedStateHash: number;
  state: string;
  following: string[];
  seeds: Record<string, [string, string]>;
  cases: Case[];
}

const fixture: Fixture = JSON.parse(readFileSync(new URL("../../../test/fixtures/random.json", import.meta.url), "utf8"));

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function hex(array: TypedArray, length = array.byteLength): string {
  return Buffer.from(bytesOf(array).subarray(0, length)).toString("hex");
}

function fnv(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** `index / 512` for each element, as the recorded probabilities. */
function ramp(dtype: DType, size: number): TypedArray {
  const array = new dtype.Array(size);
  for (let i = 0; i < size; i++) array[i] = dtype.key === "bf16" ? numberToBfloat(i / 512) : i / 512;
  return array;
}

function weights(dtype: DType): TypedArray {
  const array = new dtype.Array(60);
  for (let i = 0; i < 60; i++) {
    const weight = ((i * 37) % 23) / 8;
    array[i] = dtype.key === "bf16" ? numberToBfloat(weight) : weight;
  }
  return array;
}

function run(c: Case): TypedArray {
  const dtype = dtypeOfKey[c.dtype];
  const array = new dtype.Array(c.size);
  const generator = new Generator().manualSeed(c.seed);
  const [first, second] = c.args as [number, number];
  switch (c.fill) {
    case "uniform":
      fillUniform(array, dtype, first, second, generator);
      break;
    case "normal":
      fillNormal(array, dtype, first, second, generator);
      break;
    case "normalStrided":
      fillNormal(array, dtype, first, second, generator, false);
      break;
    case "exponential":
      fillExponential(array, dtype, first, generator);
      break;
    case "cauchy":
      fillCauchy(array, dtype, first, second, generator);
      break;
    case "logNormal":
      fillLogNormal(array, dtype, first, second, generator);
      break;
    case "geometric":
      fillGeometric(array, dtype, first, generator);
      break;
    case "bernoulli":
      fillBernoulli(array, dtype, first, generator);
      break;
    case "bernoulliEach": {
      const probabilityDType = dtypeOfKey[c.args[0] as DTypeKey];
      fillBernoulliEach(array, dtype, ramp(probabilityDType, c.size), probabilityDType, generator);
      break;
    }
    case "dropout":
      fillDropoutMask(array, dtype, first, generator);
      break;
    case "random":
      fillRandom(array, dtype, generator);
      break;
    case "randomFromTo": {
      const [from, to] = c.args as [string, string | null];
      fillRandomFromTo(array, dtype, BigInt(from), to === null ? null : BigInt(to), generator);
      break;
    }
    case "randperm":
      fillRandperm(array, dtype, generator);
      break;
    case "multinomial": {
      const [rows, samples, replacement] = c.args as [number, number, boolean];
      const target = new BigInt64Array(c.size);
      fillMultinomial(target, weights(dtype), dtype, rows, 60 / rows, samples, replacement, generator);
      return target;
    }
    default:
      assert.fail(`unknown fill ${c.fill}`);
  }
  return array;
}

/** Fills whose float64 values pass through the C library's log, sin, cos, tan or exp, which JavaScript's match only to a few units in the last place. */
const throughLibrary = new Set(["normal", "normalStrided", "exponential", "cauchy", "logNormal"]);

const groups = new Map<string, Case[]>();
for (const c of fixture.cases) {
  const name = `${c.fill} in ${c.dtype}`;
  groups.set(name, [...(groups.get(name) ?? []), c]);
}
for (const [name, cases] of groups) {
  test(`${name} gives PyTorch's stream (${cases.length} cases)`, () => {
    for (const c of cases) {
      const array = run(c);
      const label = `${c.fill}(${c.args}) of ${c.size} ${c.dtype}, seed ${c.seed}`;
      if (c.dtype === "f64" && throughLibrary.has(c.fill)) {
        const bytes = Buffer.from(c.head, "hex");
        for (let i = 0; i < bytes.length / 8; i++) {
          const want = bytes.readDoubleLE(8 * i);
          const got = array[i] as number;
          const scale = Math.max(Math.abs(want), ...c.args.map((x) => Math.abs(Number(x)))); // adding the mean may cancel
          assert.ok(Math.abs(got - want) <= 4 * Number.EPSILON * scale, `${label}: value ${i} is ${got}, not ${want}`);
        }
      } else {
        assert.equal(hex(array, c.head.length / 2), c.head, label);
        assert.equal(fnv(bytesOf(array)), c.hash, label);
      }
    }
  });
}

test("each seed gives PyTorch's initial seed and stream; only the low 32 bits make the stream", () => {
  for (const [seed, [initial, values]] of Object.entries(fixture.seeds)) {
    const generator = new Generator().manualSeed(BigInt(seed));
    assert.equal(String(generator.initialSeed()), initial);
    const array = new Float32Array(3);
    fillUniform(array, float32, 0, 1, generator);
    assert.equal(hex(array), values, `seed ${seed}`);
  }
  assert.equal(new Generator().initialSeed(), 67280421310721);
  assert.equal(typeof new Generator().manualSeed(-1).initialSeed(), "bigint");
  assert.throws(() => new Generator().manualSeed(2n ** 64n), /Overflow when unpacking long/);
  assert.throws(() => new Generator().manualSeed(-(2n ** 63n) - 1n), /Overflow when unpacking long/);
  assert.throws(() => new Generator().manualSeed(0.5), /expects an integer, but got 0.5/);
});

test("one generator through many fills leaves PyTorch's state after each", () => {
  const generator = new Generator().manualSeed(99);
  const f32 = (size: number) => new Float32Array(size);
  const uniform = (array: TypedArray, dtype: DType) => {
    fillUniform(array, dtype, 0, 1, generator);
    return array;
  };
  const normal = (array: TypedArray, dtype: DType) => {
    fillNormal(array, dtype, 0, 1, generator);
    return array;
  };
  const got: TypedArray[] = [];
  got.push(uniform(f32(5), float32), normal(f32(3), float32), uniform(new Float64Array(2), float64));
  got.push(normal(new Float64Array(2), float64), normal(f32(20), float32));
  const integers = new BigInt64Array(4);
  fillRandomFromTo(integers, int64, 0, 9, generator);
  got.push(integers, normal(f32(1), float32));
  const order = new BigInt64Array(6);
  fillRandperm(order, int64, generator);
  got.push(order, uniform(f32(700), float32));
  normal(new Float64Array(40), float64);
  got.push(new Float64Array(0), uniform(f32(3), float32));
  got.forEach((array, i) => {
    const want = fixture.mixed[i]!;
    if (array instanceof Float64Array && i === 3) {
      const bytes = Buffer.from(want, "hex");
      for (const [k, x] of array.entries()) assert.ok(Math.abs(x - bytes.readDoubleLE(8 * k)) <= 1e-15);
    } else assert.equal(hex(array), want, `fill ${i}`);
  });
  assert.equal(fnv(generator.getState()), fixture.mixedStateHash);
});

test("states carry over from PyTorch and to it, with the cached normal value", () => {
  const bytes = Uint8Array.from(Buffer.from(fixture.state, "hex"));
  const generator = new Generator().setState(bytes);
  assert.deepEqual(generator.getState(), bytes);
  const copy = generator.clone();
  for (const g of [generator, copy]) {
    const first = new Float32Array(4);
    fillNormal(first, float32, 0, 1, g);
    const second = new Float32Array(400);
    fillUniform(second, float32, 0, 1, g);
    assert.deepEqual([hex(first), hex(second)], fixture.following);
  }
  assert.deepEqual(copy.getState(), generator.getState());
  const fresh = new Generator().manualSeed(5);
  assert.equal(new DataView(fresh.getState().buffer).getUint32(16, true), 0);
  assert.deepEqual(new Generator().setState(fresh.getState()).getState(), fresh.getState());
  assert.throws(() => fresh.setState(new Uint8Array(10)), /found the input RNG state size to be 10/);
  assert.throws(() => fresh.setState(new Uint8Array(5056)), /Invalid mt19937 state/);
});

test("seed() draws a new seed of at most 53 bits", () => {
  const generator = new Generator();
  const seeds = [generator.seed(), generator.seed(), generator.seed()];
  assert.equal(new Set(seeds).size, 3);
  assert.equal(generator.initialSeed(), seeds[2]);
  assert.ok(seeds.every((s) => Number.isSafeInteger(s) && s >= 0));
});

test("the float32 normal path rounds each multiply-add once: every 61st of its 2^24 arguments agrees with fma32", () => {
  // log: u1 in ticks of 2^-24; the angle: octants of pi / 4
  const f = Math.fround;
  const log = [
    7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
  ];
  const logs = [...log, -2.4999993993e-1, 3.3333331174e-1].map(f);
  for (let ticks = 1; ticks <= 0x1000000; ticks += 61) {
    const zeros = Math.clz32(ticks);
    const mantissa = ticks << (zeros - 7);
    const below = (mantissa - 23726566) >>> 31;
    const x = ((mantissa << below) - 0x2000000) * 2 ** -25;
    let y = logs[0]!;
    for (let k = 1; k <= 8; k++) {
      const once = fma32(y, x, logs[k]!);
      if (f(y * x + logs[k]!) !== once) assert.fail(`log step ${k} of ${ticks}`);
      y = once;
    }
  }
  const cos = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(f);
  const sin = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(f);
  const third = f(3.774894977445941e-8);
  for (let ticks = 0; ticks < 0x1000000; ticks += 61) {
    const theta = f(f(2 * Math.PI) * (ticks * 2 ** -24));
    const octant = ((f(theta * f(1.27323954473516)) | 0) + 1) & ~1;
    const reduced = f(f(theta - octant * 0.78515625) - octant * 2.4187564849853516e-4);
    const x = fma32(-octant, third, reduced);
    if (f(reduced - octant * third) !== x) assert.fail(`reduction of ${ticks}`);
    const z = f(x * x);
    const steps: [number, number, number][] = [];
    const c1 = f(cos[0]! * z + cos[1]!);
    const c2 = f(c1 * z + cos[2]!);
    const s1 = f(sin[0]! * z + sin[1]!);
    const s2 = f(s1 * z + sin[2]!);
    steps.push([cos[0]!, z, cos[1]!], [c1, z, cos[2]!], [f(c2 * z), z, -0.5 * z]);
    steps.push([sin[0]!, z, sin[1]!], [s1, z, sin[2]!], [f(s2 * z), x, x]);
    for (const [a, b, c] of steps) if (f(a * b + c) !== fma32(a, b, c)) assert.fail(`polynomial step of ${ticks}`);
  }
});

test("arguments that PyTorch refuses are refused in its words", () => {
  const g = new Generator();
  const f = new Float32Array(2);
  assert.throws(
    () => fillUniform(f, float32, 1, 0, g),
    /uniform_ expects to return a \[from, to\) range, but found from=1 > to=0/,
  );
  assert.throws(() => fillUniform(f, float32, 0, 1e39, g), /to is out of bounds for float/);
  assert.throws(() => fillUniform(f, float32, -3e38, 3e38, g), /expects to-from <= std::numeric_limits<Float>::max\(\)/);
  assert.throws(() => fillUniform(new Uint16Array(2), dtypeOfKey.f16, 0, 1e5, g), /to is out of bounds for c10::Half/);
  assert.throws(() => fillUniform(new BigInt64Array(2), int64, 0, 1, g), /"check_uniform_bounds" not implemented for 'Long'/);
  assert.throws(() => fillNormal(f, float32, 0, -1, g), /normal expects std >= 0.0, but found std -1/);
  assert.throws(() => fillNormal(new BigInt64Array(2), int64, 0, 1, g), /"normal_kernel_cpu" not implemented for 'Long'/);
  assert.throws(() => fillRandomFromTo(f, float32, 5, 5, g), /expects 'from' to be less than 'to', but got from=5 >= to=5/);
  assert.throws(() => fillRandomFromTo(new Uint8Array(2), uint8, 0, 300, g), /to - 1 is out of bounds for unsigned char/);
  assert.throws(() => fillRandomFromTo(new Uint8Array(2), uint8, -1, 3, g), /from is out of bounds for unsigned char/);
  assert.throws(() => fillRandomFromTo(new Uint16Array(2), dtypeOfKey.f16, 0, 70000, g), /to - 1 is out of bounds for c10::Half/);
  assert.throws(
    () => fillRandomFromTo(new Int32Array(2), int32, -(2n ** 63n), null, g),
    /handles only int64, double, float and bfloat16/,
  );
  assert.throws(() => fillRandomFromTo(new BigInt64Array(2), int64, 0, 2n ** 63n, g), /Overflow when unpacking long/);
  assert.throws(() => fillBernoulli(f, float32, 2, g), /bernoulli_ expects p to be in \[0, 1\], but got p=2/);
  assert.throws(() => fillBernoulliEach(f, float32, Float32Array.of(2, 0), float32, g), /Expected p_in >= 0 && p_in <= 1/);
  assert.throws(() => fillDropoutMask(f, float32, 1.5, g), /dropout probability has to be between 0 and 1, but got 1.5/);
  assert.throws(() => fillExponential(f, float32, -1, g), /exponential_ expects lambda >= 0.0, but found lambda=-1/);
  assert.throws(() => fillGeometric(f, float32, 1, g), /geometric_ expects p to be in \(0, 1\), but got p=1/);
  assert.throws(() => fillLogNormal(f, float32, 0, 0, g), /log_normal_ expects std > 0.0, but found std=0/);
  assert.throws(() => checkRandperm(-1, int64), /Trying to create tensor with negative dimension -1: \[-1\]/);
  assert.throws(() => checkRandperm(2050, dtypeOfKey.f16), /n cannot be greater than 2049 for Half type/);
  assert.throws(() => checkRandperm(256, uint8), /value cannot be converted to type unsigned char without overflow/);
  const draw = (values: number[], samples: number, replacement: boolean) =>
    fillMultinomial(new BigInt64Array(samples), Float32Array.from(values), float32, 1, values.length, samples, replacement, g);
  assert.throws(() => draw([0, 0], 1, false), /invalid multinomial distribution \(sum of probabilities <= 0\)/);
  assert.throws(() => draw([0, 0], 2, true), /invalid multinomial distribution \(sum of probabilities <= 0\)/);
  assert.throws(() => draw([-1, 2], 1, false), /probability tensor contains either `inf`, `nan` or element < 0/);
  assert.throws(() => draw([-1, 2], 2, true), /encountering probability entry < 0/);
  assert.throws(() => draw([Infinity, 2], 2, true), /encountering probability entry = infinity or NaN/);
  assert.throws(() => draw([1, 2], 3, false), /cannot sample n_sample > prob_dist.size\(-1\) samples without replacement/);
  assert.throws(() => draw([1, 2], 0, true), /cannot sample n_sample <= 0 samples/);
});
