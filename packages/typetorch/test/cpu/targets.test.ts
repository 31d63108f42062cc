/**
 * The other tests of this folder run on the best target of the machine; here they are run on each of the others.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { availableTargets, target } from "../../src/backends/cpu/index.ts";

const folder = dirname(fileURLToPath(import.meta.url));
const files = ["map", "row", "contract", "loops"].map((name) => join(folder, `${name}.test.js`));

function run(environment: Record<string, string>, args: readonly string[]): string {
  // A test runner inside of a test runner would report to the outer one instead of counting itself.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  return execFileSync(process.execPath, args, { env: { ...inherited, ...environment }, encoding: "utf8", stdio: "pipe" });
}

for (const name of availableTargets()) {
  if (name === target) continue;
  test(`maps, rows, loops, products and convolutions on ${name}`, () => {
    const report = run({ TYPETORCH_TARGET: name }, ["--test", "--test-reporter=tap", ...files]);
    assert.match(report, /^# fail 0$/m);
    assert.ok(Number(/^# pass (\d+)$/m.exec(report)?.[1]) >= 15, report);
  });
}

test("an unknown target is refused by name", () => {
  const script = `await import(${JSON.stringify(new URL("../../src/backends/cpu/target.js", import.meta.url).href)})`;
  assert.throws(
    () => run({ TYPETORCH_TARGET: "x64-sse" }, ["--input-type=module", "-e", script]),
    (error: { stderr: string }) => /TYPETORCH_TARGET is 'x64-sse', which is no target/.test(error.stderr),
  );
});
