import assert from "node:assert/strict";
import { test } from "node:test";
import { ModuleWriter, type ValueType } from "../../src/backends/cpu/wasm/module.ts";
import {
  lane,
  memory,
  memoryLane,
  type LaneName,
  type MemoryLaneName,
  type MemoryName,
  plain,
  type PlainName,
} from "../../src/backends/cpu/wasm/opcodes.ts";
import { webAssembly } from "../../src/backends/cpu/wasm/webAssembly.ts";

const api = webAssembly!;
const scalar: Readonly<Record<string, ValueType>> = {
  i8x16: "i32",
  i16x8: "i32",
  i32x4: "i32",
  i64x2: "i64",
  f32x4: "f32",
  f64x2: "f64",
};

/** Operands and result of an instruction without immediates, by its name. */
function signature(name: PlainName): { takes: ValueType[]; gives: ValueType | null } {
  const [prefix, op] = name.split(".") as [ValueType & string, string];
  if (op === undefined)
    return {
      takes: name === "select" ? ["f32", "f32", "i32"] : name === "drop" ? ["i32"] : [],
      gives: name === "select" ? "f32" : null,
    };
  if (prefix.includes("x") || prefix === "v128") {
    if (op === "splat") return { takes: [scalar[prefix]!], gives: "v128" };
    if (/^(shl|shr)/.test(op)) return { takes: ["v128", "i32"], gives: "v128" };
    if (/all_true|any_true|bitmask/.test(op)) return { takes: ["v128"], gives: "i32" };
    if (/bitselect|madd/.test(op)) return { takes: ["v128", "v128", "v128"], gives: "v128" };
    if (/^(not|abs|neg|sqrt|ceil|floor|trunc|nearest|extend|convert|demote|promote)/.test(op))
      return { takes: ["v128"], gives: "v128" };
    return { takes: ["v128", "v128"], gives: "v128" };
  }
  const from = /_(i32|i64|f32|f64)(_|$)/.exec(op)?.[1] as ValueType | undefined;
  if (from !== undefined) return { takes: [from], gives: prefix };
  if (op === "eqz") return { takes: [prefix], gives: "i32" };
  if (/^(eq|ne|lt|gt|le|ge)(_|$)/.test(op)) return { takes: [prefix, prefix], gives: "i32" };
  if (/^(clz|ctz|popcnt|abs|neg|ceil|floor|trunc|nearest|sqrt|extend)/.test(op)) return { takes: [prefix], gives: prefix };
  return { takes: [prefix, prefix], gives: prefix };
}

function withMemory(): ModuleWriter {
  const m = new ModuleWriter();
  m.importMemory("env", "memory", { minimum: 1, maximum: 4, shared: true });
  return m;
}

test("every instruction validates with its operands", () => {
  const wrong: string[] = [];
  const relaxed = relaxedSimd();
  for (const name of Object.keys(plain) as PlainName[]) {
    if (["unreachable", "nop", "return"].includes(name) || (name.includes("relaxed") && !relaxed)) continue;
    const { takes, gives } = signature(name);
    const m = withMemory();
    const f = m.function(takes, gives === null ? [] : [gives]);
    takes.forEach((_, k) => f.get(k));
    f.op(name);
    if (!api.validate(m.finish())) wrong.push(name);
  }
  for (const name of Object.keys(memory) as MemoryName[]) {
    const [prefix, op] = name.split(".") as [ValueType, string];
    const m = withMemory();
    const store = op.startsWith("store") || op === "atomic.store" || name === "i32.atomic.store";
    const takes: ValueType[] = ["i32"];
    if (store || name.includes("rmw")) takes.push(prefix);
    if (name.includes("cmpxchg")) takes.push(prefix);
    if (name === "memory.atomic.notify") takes.push("i32");
    if (name === "memory.atomic.wait32") takes.push("i32", "i64");
    const f = m.function(takes, store ? [] : [name.startsWith("memory") ? "i32" : prefix]);
    takes.forEach((_, k) => f.get(k));
    f.memory(name, 8);
    if (!api.validate(m.finish())) wrong.push(name);
  }
  for (const name of Object.keys(lane) as LaneName[]) {
    const [prefix, op] = name.split(".") as [string, string];
    const m = withMemory();
    const one = scalar[prefix]!;
    const replace = op === "replace_lane";
    const f = m.function(replace ? ["v128", one] : ["v128"], [replace ? "v128" : one]);
    f.get(0);
    if (replace) f.get(1);
    f.lane(name, 1);
    if (!api.validate(m.finish())) wrong.push(name);
  }
  for (const name of Object.keys(memoryLane) as MemoryLaneName[]) {
    const m = withMemory();
    const f = m.function(["i32", "v128"], name.includes("load") ? ["v128"] : []);
    f.get(0);
    f.get(1);
    f.memoryLane(name, 1, 16);
    if (!api.validate(m.finish())) wrong.push(name);
  }
  assert.deepEqual(wrong, []);
});

function relaxedSimd(): boolean {
  const m = new ModuleWriter();
  const f = m.function(["v128"], ["v128"]);
  for (let k = 0; k < 3; k++) f.get(0);
  f.op("f32x4.relaxed_madd");
  return api.validate(m.finish());
}

test("functions, control, memory, a table and constants", () => {
  const m = withMemory();
  const double = m.importFunction("env", "double", ["f64"], ["f64"]);
  m.importTable("env", "table");
  const one = m.type(["i32"], ["i32"]);

  // 1 + 2 + … + n, n at most 2^31
  const sum = m.function(["i32"], ["i64"]);
  const total = sum.local("i64");
  const k = sum.local("i32");
  sum.block((end) => {
    sum.loop((again) => {
      sum.get(k);
      sum.get(0);
      sum.op("i32.ge_u");
      sum.branchIf(end);
      sum.get(k);
      sum.i32(1);
      sum.op("i32.add");
      sum.tee(k);
      sum.op("i64.extend_i32_u");
      sum.get(total);
      sum.op("i64.add");
      sum.set(total);
      sum.branch(again);
    });
  });
  sum.get(total);
  m.export("sum", sum);

  const sign = m.function(["f64"], ["i32"]);
  sign.get(0);
  sign.f64(0);
  sign.op("f64.lt");
  sign.if(
    () => sign.i32(-1),
    () => {
      sign.get(0);
      sign.f64(0);
      sign.op("f64.gt");
    },
    "i32",
  );
  m.export("sign", sign);

  const through = m.function(["i32"], ["i32"]);
  through.get(0);
  through.i32(3);
  through.callIndirect(one);
  m.export("through", through);

  const twice = m.function(["f64"], ["f64"]);
  twice.get(0);
  twice.call(double);
  m.export("twice", twice);

  // four floats at address 0 are reversed to address 16; then 64 bytes from there are copied to 200, and four bytes at 300 become 7
  const move = m.function([], []);
  move.i32(16);
  move.i32(0);
  move.memory("v128.load");
  move.v128(new Uint8Array(16));
  move.shuffle([12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]);
  move.memory("v128.store");
  move.i32(200);
  move.i32(16);
  move.i32(64);
  move.memoryCopy();
  move.i32(300);
  move.i32(7);
  move.i32(4);
  move.memoryFill();
  move.fence();
  m.export("move", move);

  const constants = m.function([], ["i64"]);
  constants.i32(0);
  constants.v128(Uint8Array.from({ length: 16 }, (_, i) => i + 1));
  constants.memory("v128.store", 1000);
  constants.i32(0);
  constants.f32(1.5);
  constants.memory("f32.store", 1016);
  constants.i64(-(2n ** 63n));
  m.export("constants", constants);

  const store = new api.Memory({ initial: 1, maximum: 4, shared: true });
  const table = new api.Table({ element: "anyfunc", initial: 8 });
  const bytes = m.finish();
  assert.ok(api.validate(bytes));
  const { exports } = new api.Instance(new api.Module(bytes), { env: { memory: store, table, double: (x: number) => 2 * x } });
  table.set(3, new api.Instance(new api.Module(negation()), {}).exports.negate);

  assert.equal(exports.sum!(100_000) as unknown, 5_000_050_000n);
  assert.deepEqual([exports.sign!(-2), exports.sign!(0), exports.sign!(5)], [-1, 0, 1]);
  assert.equal(exports.through!(41), -41);
  assert.equal(exports.twice!(1.25), 2.5);
  const floats = new Float32Array(store.buffer);
  floats.set([1, 2, 3, 4]);
  exports.move!();
  assert.deepEqual([...floats.slice(4, 8)], [4, 3, 2, 1]);
  assert.deepEqual([...floats.slice(50, 54)], [4, 3, 2, 1]);
  assert.deepEqual([...new Uint8Array(store.buffer).slice(299, 305)], [0, 7, 7, 7, 7, 0]);
  assert.equal(exports.constants!() as unknown, -(2n ** 63n));
  assert.deepEqual([...new Uint8Array(store.buffer).slice(1000, 1016)], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  assert.equal(floats[254], 1.5);
});

function negation(): Uint8Array<ArrayBuffer> {
  const m = new ModuleWriter();
  const f = m.function(["i32"], ["i32"]);
  f.i32(0);
  f.get(0);
  f.op("i32.sub");
  m.export("negate", f);
  return m.finish();
}

test("numbers of every length in LEB128", () => {
  for (const value of [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, -8193, 2 ** 31 - 1, -(2 ** 31)]) {
    const m = new ModuleWriter();
    const f = m.function([], ["i32"]);
    f.i32(value);
    const g = m.function([], ["i64"]);
    g.i64(BigInt(value) * 2n ** 31n + 1n);
    m.export("f", f);
    m.export("g", g);
    const { exports } = new api.Instance(new api.Module(m.finish()), {});
    assert.equal(exports.f!(), value);
    assert.equal(exports.g!() as unknown, BigInt(value) * 2n ** 31n + 1n);
  }
});
