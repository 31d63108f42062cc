import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bool, type DType, type DTypeKey, dtypeOfKey, float32, float64, setDefaultDtype } from "../../src/core/dtype.ts";
import { bfloatToNumber, halfToNumber } from "../../src/core/float16.ts";
import {
  formatExponential,
  formatFixed,
  formatTensor,
  getPrintoptions,
  type Printable,
  type PrintOptionsUpdate,
  setPrintoptions,
} from "../../src/core/format.ts";

type Extra = Pick<Printable, "requiresGrad" | "gradFnName" | "device" | "isParameter">;
type Case = [dtype: DTypeKey, shape: number[], options: PrintOptionsUpdate, extra: Extra, values: string, text: string];
const fixture: { cases: Case[]; numbers: [number, number, string | null, string][] } = JSON.parse(
  readFileSync(new URL("../../../test/fixtures/format.json", import.meta.url), "utf8"),
);

const formulas: Record<string, (i: number) => number> = {
  i: (i) => i,
  eighths: (i) => (((i * 37) % 101) - 50) / 8,
  thirds: (i) => i / 3 - 7,
  powers: (i) => 1.5 ** ((i % 40) - 20),
};

function getter(dtype: DType, values: string): Printable["get"] {
  const formula = formulas[values];
  if (formula !== undefined) return (i) => (dtype.key === "f32" ? Math.fround(formula(i)) : formula(i));
  const bytes = Uint8Array.from(Buffer.from(values, "base64"));
  const array = new dtype.Array(bytes.buffer, 0, bytes.length / dtype.itemsize);
  if (dtype.key === "f16") return (i) => halfToNumber(array[i] as number);
  if (dtype.key === "bf16") return (i) => bfloatToNumber(array[i] as number);
  if (dtype.key === "bool") return (i) => array[i] !== 0;
  return (i) => array[i]!;
}

const groups = new Map<DTypeKey, Case[]>();
for (const c of fixture.cases) groups.set(c[0], [...(groups.get(c[0]) ?? []), c]);
for (const [key, cases] of groups) {
  test(`formatTensor prints ${dtypeOfKey[key]} as PyTorch does (${cases.length} cases)`, () => {
    const dtype = dtypeOfKey[key];
    try {
      for (const [, shape, options, extra, values, text] of cases) {
        setPrintoptions({ profile: "default" });
        setPrintoptions(options);
        assert.equal(
          formatTensor({ shape, dtype, get: getter(dtype, values), ...extra }),
          text,
          JSON.stringify({ shape, options, values }),
        );
      }
    } finally {
      setPrintoptions({ profile: "default" });
    }
  });
}

test("numbers are rounded on their exact binary value, halves to even, as Python's", () => {
  for (const [x, digits, fixed, exponential] of fixture.numbers) {
    if (fixed !== null) assert.equal(formatFixed(x, digits), fixed, `${x} with ${digits} digits`);
    assert.equal(formatExponential(x, digits), exponential, `${x} with ${digits} digits`);
  }
  assert.equal(formatFixed(0.03125, 4), "0.0312");
  assert.equal(formatFixed(0.09375, 4), "0.0938");
  assert.equal(formatFixed(2.5, 0), "2");
  assert.equal(formatFixed(-0, 1), "-0.0");
  assert.equal(formatFixed(1e22, 2), "10000000000000000000000.00");
  assert.equal(formatExponential(1234.25, 4), "1.2342e+03");
  assert.equal(formatExponential(1e100, 1), "1.0e+100");
});

test("the dtype is named unless it is the default one, int64 or bool", () => {
  const get = () => 1;
  setDefaultDtype(float64);
  try {
    assert.equal(formatTensor({ shape: [1], dtype: float64, get }), "tensor([1.])");
    assert.equal(formatTensor({ shape: [1], dtype: float32, get }), "tensor([1.], dtype=torch.float32)");
  } finally {
    setDefaultDtype(float32);
  }
  assert.equal(formatTensor({ shape: [2], dtype: bool, get: (i) => i === 0 }), "tensor([ True, False])");
  assert.equal(formatTensor({ shape: [1], dtype: float32, get, device: "cuda:0" }), "tensor([1.], device='cuda:0')");
});

test("setPrintoptions keeps what is not given, except sciMode, as torch.set_printoptions", () => {
  setPrintoptions({ precision: 2, sciMode: true });
  setPrintoptions({ edgeitems: 5 });
  assert.deepEqual(getPrintoptions(), { precision: 2, threshold: 1000, edgeitems: 5, linewidth: 80, sciMode: null });
  setPrintoptions({ profile: "full", linewidth: 100 });
  assert.deepEqual(getPrintoptions(), { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 100, sciMode: null });
  setPrintoptions({ profile: "default" });
  assert.throws(() => setPrintoptions({ profile: "long" as "short" }), /profile is one of 'default', 'short' and 'full'/);
});
