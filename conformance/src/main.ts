/**
 * npm run conformance -- [DIR] [--target T] [--device D] [--ops a,b] [--suites a,b] [--failures] [--json]
 *
 * Compares the library with cases recorded from PyTorch. DIR holds the cases (default: the small set in conformance/recorded). One line per op that has failures
 * or is missing; with `--device` the tensors of every case are on that device, and so must the results be; `--failures` lists every failing case; `--json` prints one JSON object per op instead. The last line counts.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Api } from "./api.ts";
import { deviceNames } from "./device.ts";
import { type Outcome, runAll } from "./run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string" },
    device: { type: "string" },
    ops: { type: "string" },
    suites: { type: "string" },
    failures: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const recorded = fileURLToPath(new URL("../../recorded", import.meta.url));
const directory = positionals[0] === undefined ? recorded : path.resolve(process.env.INIT_CWD ?? ".", positionals[0]);
const device = values.device === undefined || values.device === "cpu" ? null : values.device;
if (device !== null && !deviceNames.includes(device))
  throw new Error(`--device ${device}: there are cpu, ${deviceNames.join(", ")}`);
const api = await Api.load(values.target, device);
const outcomes = runAll(api, directory, { ops: values.ops?.split(","), suites: values.suites?.split(",") });

function line(outcome: Outcome): string {
  const total = outcome.passed + outcome.failures.length + outcome.missing;
  const parts = [`${outcome.suite}/${outcome.op}:`];
  if (outcome.failures.length > 0)
    parts.push(
      `${outcome.failures.length} of ${total} failed: ${outcome.failures[0]!.id}: ${outcome.failures[0]!.reason.split("\n")[0]}`,
    );
  if (outcome.missing > 0) parts.push(`${outcome.missing} of ${total} missing (${outcome.missingReason})`);
  return parts.join(" ");
}

let passed = 0;
let failed = 0;
let missing = 0;
for (const outcome of outcomes) {
  passed += outcome.passed;
  failed += outcome.failures.length;
  missing += outcome.missing;
  if (values.json) console.log(JSON.stringify(outcome));
  else if (outcome.failures.length > 0 || outcome.missing > 0) {
    console.log(line(outcome));
    if (values.failures) for (const { id, reason } of outcome.failures) console.log(`    ${id}: ${reason}`);
  }
}
if (device !== null) {
  const leftOut = new Map<string, number>();
  for (const outcome of outcomes)
    for (const [reason, count] of outcome.leftOut) leftOut.set(reason, (leftOut.get(reason) ?? 0) + count);
  for (const [reason, count] of leftOut) console.log(`${count} left out on ${device}: ${reason}`);
}
if (passed + failed + missing === 0) {
  console.error(`no cases in ${directory}`);
  process.exit(2);
}
console.log(`${passed} passed, ${failed} failed, ${missing} missing`);
process.exitCode = failed > 0 ? 1 : 0;
