/**
 * Runs bad calls in child processes: a call that ends its process or does not come back is noted, and the next process goes on behind it.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { BadCall, Outcome } from "./call.ts";

const child = fileURLToPath(new URL("./execute.js", import.meta.url));

/** Seconds that a batch may take before the call at which it stands counts as hanging. */
const LIMIT = 60;

/** What became of each call. */
export function runCalls(calls: readonly BadCall[], folder: string): Outcome[] {
  const callsFile = path.join(folder, "calls.jsonl");
  const outcomesFile = path.join(folder, "outcomes.jsonl");
  fs.writeFileSync(callsFile, calls.map((call) => `${JSON.stringify(call)}\n`).join(""));
  fs.writeFileSync(outcomesFile, "");
  const outcomes: Outcome[] = [];
  const read = (): void => {
    outcomes.length = 0;
    for (const line of fs.readFileSync(outcomesFile, "utf8").split("\n"))
      if (line !== "") outcomes.push(JSON.parse(line) as Outcome);
  };
  while (outcomes.length < calls.length) {
    const done = spawnSync(process.execPath, [child, callsFile, outcomesFile, String(outcomes.length)], {
      encoding: "utf8",
      timeout: LIMIT * 1000,
      killSignal: "SIGKILL",
    });
    read();
    if (outcomes.length >= calls.length) break;
    if (outcomes.length === 0 && /Error \[ERR|SyntaxError/.test(done.stderr)) throw new Error(done.stderr);
    const reason =
      done.error !== undefined
        ? `does not return within ${LIMIT} s`
        : `the process ended by ${done.signal ?? `exit ${done.status}`}: ${done.stderr.slice(0, 600)}`;
    fs.appendFileSync(outcomesFile, `${JSON.stringify({ i: outcomes.length, broken: reason })}\n`);
    read();
  }
  return outcomes;
}
