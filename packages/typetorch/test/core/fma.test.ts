import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fma32, fma64 } from "../../src/core/fma.ts";

const fixture: Record<"fma32" | "fma64", [string, string, string, string][]> = JSON.parse(
  readFileSync(new URL("../../../test/fixtures/fma.json", import.meta.url), "utf8"),
);

function check(name: "fma32" | "fma64", fma: (a: number, b: number, c: number) => number, twice: (x: number) => number): void {
  let hard = 0;
  for (const row of fixture[name]) {
    const [a, b, c, want] = row.map((text) => Buffer.from(text, "hex").readDoubleBE(0)) as [number, number, number, number];
    assert.equal(fma(a, b, c), want, `${name}(${a}, ${b}, ${c})`);
    if (twice(a * b + c) !== want) hard++;
  }
  assert.ok(hard > 10, `only ${hard} recorded cases tell a fused operation from two roundings`);
}

test("fma32 rounds once", () => check("fma32", fma32, Math.fround));
test("fma64 rounds once", () => check("fma64", fma64, (x) => x));

test("fma32 and fma64 keep signed zeros, infinities and NaN", () => {
  for (const fma of [fma32, fma64]) {
    assert.ok(Object.is(fma(-0, 1, -0), -0));
    assert.ok(Object.is(fma(-0, 1, 0), 0));
    assert.ok(Object.is(fma(2, 3, -6), 0));
    assert.equal(fma(Infinity, 2, 1), Infinity);
    assert.equal(fma(2, 3, -Infinity), -Infinity);
    assert.ok(Number.isNaN(fma(Infinity, 0, 1)));
    assert.ok(Number.isNaN(fma(Infinity, 1, -Infinity)));
    assert.ok(Number.isNaN(fma(NaN, 1, 1)));
  }
  assert.equal(fma64(1e200, 1e200, -Infinity), -Infinity);
  assert.equal(fma64(1e200, 1e200, 1), Infinity);
  assert.equal(fma64(2 ** 1000, 2 ** 24, -(2 ** 1023)), 2 ** 1023); // the product alone overflows
  assert.ok(Object.is(fma64(-1e-200, 1e-200, 0), -0));
  const largest = 2 ** 128 - 2 ** 104;
  assert.equal(fma32(largest, 1, 2 ** 102), largest);
  assert.equal(fma32(largest, 1, 2 ** 103), Infinity);
  // just below the value at which float32 overflows: float64 cannot see the difference
  assert.equal(fma32((2 ** 20 - 1) * 2 ** 40, (2 ** 20 + 1) * 2 ** 23, largest), largest);
});
