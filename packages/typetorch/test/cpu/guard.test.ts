import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { availableTargets } from "../../src/backends/cpu/index.ts";

const child = fileURLToPath(new URL("./guardChild.js", import.meta.url));

for (const name of availableTargets()) {
  if (name === "js") continue; // typed arrays cannot stray
  test(`kernels of ${name} touch only what they were given`, () => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const result = spawnSync(process.execPath, [child], {
      env: { ...inherited, TYPETORCH_TARGET: name },
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const lines = result.stdout.trimEnd().split("\n");
    assert.equal(result.signal, null, `killed by ${result.signal} in: ${lines.at(-1)}`);
    assert.equal(result.status, 0, result.stderr);
    assert.match(lines.at(-1)!, /^all \d{4,} stayed inside$/);
  });
}
