/**
 * The runner must be able to fail: each test changes one thing in a recorded case that passes and wants the difference named.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Api, camel, Mismatch, Missing } from "../src/api.ts";
import { compareValue } from "../src/compare.ts";
import { bfloatToNumber, halfToNumber, readCases } from "../src/format.ts";
import { type ErrorCase, type OpCase, runError, runOp } from "../src/ops.ts";
import { bind } from "../src/signatures.ts";

const directory = fileURLToPath(new URL("../../recorded", import.meta.url));
const { cases, pools } = readCases(directory, "ops")! as unknown as { cases: OpCase[]; pools: Parameters<typeof runOp>[2] };
const errors = readCases(directory, "ops-errors")! as unknown as { cases: ErrorCase[]; pools: Parameters<typeof runOp>[2] };
const api = await Api.load(undefined);

function recorded(op: string, wanted: (c: OpCase) => boolean): OpCase {
  const found = cases.find((c) => c.op === op && wanted(c));
  assert.ok(found, `no recorded case of ${op}`);
  return found;
}

/** The case with entry `index` of its tensors changed. */
function withEntry(c: OpCase, index: number, change: object): OpCase {
  return { ...c, T: c.T.map((entry, i) => (i === index ? { ...entry, ...change } : entry)) };
}

const exp = recorded("exp", (c) => c.grads !== undefined && c.T[0]!.s.join() === "17");
const mm = recorded("mm", (c) => c.gg !== undefined && c.T[0]!.s.join() === "3,4");
const out = (exp.out as { $t: number }).$t;

test("a target that is chosen is the one that runs; one that comes too late is refused", async () => {
  const main = fileURLToPath(new URL("../src/main.js", import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, [main, "--target", "js", "--ops", "exp"], { encoding: "utf8" });
  assert.equal(status, 0);
  assert.match(stdout, / passed, 0 failed, 0 missing\s*$/);
  // in this process it is loaded already
  await assert.rejects(Api.load(process.env.TYPETORCH_TARGET === "js" ? "wasm" : "js"), /loaded for .* before/);
});

test("an unchanged case passes", () => {
  runOp(api, exp, pools);
  runOp(api, mm, pools);
});

test("one wrong element is found", () => {
  assert.throws(
    () => runOp(api, withEntry(exp, out, { p: exp.T[out]!.p + 1 }), pools),
    (e) => e instanceof Mismatch && /of 17 elements differ/.test(e.message),
  );
});

test("a wrong shape is found", () => {
  assert.throws(() => runOp(api, withEntry(exp, out, { s: [17, 1] }), pools), /shape \[17\], expected \[17, 1\]/);
});

test("a wrong dtype is found", () => {
  assert.throws(() => runOp(api, withEntry(exp, out, { d: "f64" }), pools), /dtype float32, expected float64/);
});

test("a wrong gradient is found", () => {
  const gradient = exp.grads![0]![1]!;
  assert.throws(
    () => runOp(api, withEntry(exp, gradient, { p: exp.T[gradient]!.p + 1 }), pools),
    /gradient of input 0: .* elements differ/,
  );
});

test("a gradient where there should be none is found", () => {
  assert.throws(() => runOp(api, { ...exp, grads: [[0, null]] }, pools), /expected none, got a tensor/);
});

test("a wrong second derivative is found", () => {
  const second = mm.gg!.grads[0]![1]!;
  assert.throws(
    () => runOp(api, withEntry(mm, second, { p: mm.T[second]!.p + 1 }), pools),
    /second derivative of input \d: .* elements differ/,
  );
});

test("a copy where PyTorch gives a view is found", () => {
  assert.throws(() => runOp(api, withEntry(exp, out, { alias: 0 }), pools), /expected a view of input 0, got a copy/);
});

test("an input that should have changed and did not is found", () => {
  assert.throws(() => runOp(api, { ...exp, mutates: [[0, out]] }, pools), /input 0 after the call/);
});

test("an exact case forgives nothing", () => {
  assert.throws(() => compareValue(api, "x", 0.1 + 0.2, 0.3, () => assert.fail("no tensor here")), Mismatch);
});

test("NaN equals NaN, and an infinity only itself", () => {
  const none = () => assert.fail("no tensor here");
  compareValue(api, "x", Number.NaN, { $f: "nan" }, none);
  compareValue(api, "x", Number.POSITIVE_INFINITY, { $f: "inf" }, none);
  assert.throws(() => compareValue(api, "x", Number.NEGATIVE_INFINITY, { $f: "inf" }, none), Mismatch);
  assert.throws(() => compareValue(api, "x", 0, { $f: "nan" }, none), Mismatch);
  assert.throws(() => compareValue(api, "x", Number.NaN, { $f: 0 }, none), Mismatch);
});

test("a call that does not throw, or throws something else, fails its error case", () => {
  const add = errors.cases.find((c) => c.op === "add")!;
  runError(api, add, errors.pools);
  assert.throws(() => runError(api, { ...add, args: [add.args[0]!, add.args[0]!] }, errors.pools), /did not throw/);
  assert.throws(() => runError(api, { ...add, regex: "something else" }, errors.pools), /expected \/something else\//);
});

test("what does not exist is missing, not failed", () => {
  assert.throws(() => runOp(api, { ...exp, op: "no_such_op" }, pools), Missing);
  assert.throws(() => runOp(api, withEntry(exp, out, { d: "c64" }), pools), Missing);
});

test("Python's arguments become ours", () => {
  const names = (bound: ReturnType<typeof bind>) =>
    bound && [bound.positional.map((b) => b.parameter.name), bound.options.map((b) => b.parameter.name)];
  assert.deepEqual(names(bind("sum", [{ $t: 0 }, 1], { keepdim: true })), [["input", "dim"], ["keepdim"]]);
  assert.deepEqual(names(bind("sum", [{ $t: 0 }], {})), [["input"], []]);
  assert.deepEqual(names(bind("nn.functional.conv2d", [{ $t: 0 }, { $t: 1 }], { padding: "same" })), [
    ["input", "weight"],
    ["padding"],
  ]);
  assert.deepEqual(names(bind("nn.functional.conv2d", [{ $t: 0 }], { weight: { $t: 1 } })), [["input", "weight"], []]);
  assert.equal(bind("sum", [], {}), null);
  assert.equal(camel("max_pool2d"), "maxPool2d");
  assert.equal(camel("atleast_1d"), "atleast_1d");
  assert.equal(camel("add_"), "add_");
  assert.equal(camel("T_max"), "T_max");
});

test("half precision is decoded", () => {
  assert.deepEqual([0x3c00, 0xc000, 0x7c00, 0x0001, 0x8000].map(halfToNumber), [1, -2, Number.POSITIVE_INFINITY, 2 ** -24, -0]);
  assert.deepEqual([0x3f80, 0xc000, 0x7f80].map(bfloatToNumber), [1, -2, Number.POSITIVE_INFINITY]);
  assert.ok(Number.isNaN(halfToNumber(0x7e00)));
});
