/**
 * Every program of the project says what it understands, and refuses what it does not in one line.
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Each with how its help begins. */
const programs: Readonly<Record<string, string>> = {
  "scripts/test.mjs": "npm test --",
  "bench/dist/src/main.js": "npm run bench --",
  "bench/dist/src/webgpu.js": "npm run bench:webgpu --",
  "bench/dist/src/files.js": "npm run bench:files --",
  "bench/dist/src/products.js": "node bench/dist/src/products.js",
  "conformance/dist/src/main.js": "npm run conformance --",
  "conformance/dist/src/bad/main.js": "npm run bad-calls --",
  "packages/typetorch/dist/test/serialization/fuzzMain.js": "npm run fuzz --",
  "packages/typetorch/bin/typetorch.js": "typetorch inspect FILE",
  "playground/dist/src/server/main.js": "npm run playground --",
  "browser/dist/src/main.js": "npm run browser --",
  "examples/dist/src/digits.js": "npm start --",
  "examples/dist/src/run.js": "npm run example --",
};

function run(program: string, argument: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, argument], { cwd: root, encoding: "utf8" });
}

for (const [program, usage] of Object.entries(programs)) {
  test(`${usage}: --help prints the usage and does nothing else`, () => {
    const { status, stdout, stderr } = run(program, "--help");
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.ok(stdout.startsWith(usage), stdout);
    assert.ok(stdout.includes("--help"), stdout);
  });

  test(`${usage}: an unknown option is refused in a line that names it`, () => {
    const { status, stdout, stderr } = run(program, "--nonsense");
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr.split("\n")[0]!, /nonsense/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}
