/**
 * The command `npm run conformance`: compares the library with cases recorded from PyTorch. One line for each op that has failures or is missing; with `--device`
 * the tensors of every case are on that device, and so must the results be. The last line counts.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseCommand, refuse, targetOption } from "@typetorch/command-line";
import { deviceNames } from "./device.ts";
import type { Outcome } from "./run.ts";

const { options, words } = parseCommand(
  "npm run conformance -- [DIR]",
  "Compares the library with the cases in DIR that were recorded from PyTorch (default: the small set in conformance/recorded).",
  {
    ops: { value: "A,B", help: "only the cases of these ops" },
    suites: { value: "A,B", help: "only these suites: ops, nn, …" },
    target: targetOption,
    device: { value: "NAME", default: "cpu", choices: ["cpu", ...deviceNames], help: `cpu, ${deviceNames.join(", ")}` },
    failures: { help: "list every case that fails" },
    json: { help: "print one JSON object for each op" },
  },
);
if (words.length > 1) refuse(`Unexpected argument '${words[1]}'.`);

const recorded = fileURLToPath(new URL("../../recorded", import.meta.url));
const directory = words[0] === undefined ? recorded : path.resolve(process.env.INIT_CWD ?? ".", words[0]);
const device = options.device === "cpu" ? null : options.device;
// after the target is chosen, since it is read when the library loads
const { Api } = await import("./api.ts");
const { leftOutBy, runAll } = await import("./run.ts");
const api = await Api.load(options.target === "" ? undefined : options.target, device);
const list = (text: string): string[] | undefined => (text === "" ? undefined : text.split(","));
if (!existsSync(directory)) refuse(`There is no folder ${directory}.`);
const outcomes = runAll(api, directory, { ops: list(options.ops), suites: list(options.suites) });

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
  if (options.json) console.log(JSON.stringify(outcome));
  else if (outcome.failures.length > 0 || outcome.missing > 0) {
    console.log(line(outcome));
    if (options.failures) for (const { id, reason } of outcome.failures) console.log(`    ${id}: ${reason}`);
  }
}
if (device !== null) {
  for (const [reason, count] of leftOutBy(outcomes)) console.log(`${count} left out on ${device}: ${reason}`);
}
const deviating = outcomes.flatMap((outcome) => outcome.deviating);
if (deviating.length > 0) {
  console.log(`${deviating.length} differ on purpose (conformance/src/deviations.ts)`);
  if (options.failures) for (const { id, reason } of deviating) console.log(`    ${id}: ${reason}`);
}
if (passed + failed + missing + deviating.length === 0) {
  console.error(`no cases in ${directory}`);
  process.exit(2);
}
console.log(`${passed} passed, ${failed} failed, ${missing} missing`);
process.exitCode = failed > 0 ? 1 : 0;
