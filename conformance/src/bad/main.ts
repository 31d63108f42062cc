/**
 * npm run bad-calls -- [--cases DIR] [--seed N] [--count N] [--ops a,b] [--torch] [--record FILE]
 *
 * Calls everything public with bad arguments, each call in a child process. What is no error of ours and no result, changes an argument before it throws, ends
 * the process or does not return is listed. `--torch` asks PyTorch for the same calls and lists where the two differ.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Api } from "../api.ts";
import { basesOf, publicOps, signatureBase } from "./bases.ts";
import { type BadCall, Dice, type Outcome } from "./call.ts";
import { badCall } from "./generate.ts";
import { runCalls } from "./run.ts";
import { differs } from "./compare.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: fileURLToPath(new URL("../../../recorded", import.meta.url)) },
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "6" },
    ops: { type: "string" },
    torch: { type: "boolean", default: false },
    record: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

const api = await Api.load(undefined);
const dice = new Dice(Number(values.seed));
const bases = basesOf(path.resolve(process.env.INIT_CWD ?? ".", values.cases), 6);
const calls: BadCall[] = [];
const only = values.ops?.split(",");
for (const [op, forms] of publicOps(api)) {
  if (only !== undefined && !only.includes(op)) continue;
  const known = bases.get(op);
  for (let k = 0; k < Number(values.count) * forms.length; k++) {
    const base = known === undefined || dice.next() < 0.1 ? signatureBase(dice, op, forms[0]!) : dice.pick(known);
    calls.push(badCall(dice, base, `${op}/${k}`, forms));
  }
}
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "typetorch-bad-"));
const outcomes = runCalls(calls, folder);
const callsFile = path.join(folder, "calls.jsonl");
let theirs: Outcome[] | null = null;
if (values.torch) {
  const answers = path.join(folder, "torch.jsonl");
  spawnSync(
    process.env.PYTHON ?? "/usr/bin/python3",
    [fileURLToPath(new URL("../../../badCalls.py", import.meta.url)), callsFile, answers],
    { stdio: "inherit" },
  );
  theirs = fs
    .readFileSync(answers, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Outcome);
}
let broken = 0;
let different = 0;
let missing = 0;
calls.forEach((call, i) => {
  const ours = outcomes[i]!;
  if (ours.broken === "missing") {
    missing++;
    return;
  }
  const show = (kind: string, text: string): void => {
    console.log(`${kind} ${call.op} (${call.form}; ${call.change}): ${text}`);
    if (values.verbose) console.log(`    ${JSON.stringify({ ...call, T: call.T })}`);
  };
  if (ours.broken !== undefined) {
    broken++;
    show("BROKEN", ours.broken + (theirs ? `\n      torch: ${JSON.stringify(theirs[i])}` : ""));
  } else if (theirs !== null) {
    const how = differs(ours, theirs[i]!);
    if (how !== null) {
      different++;
      show(how.kind, how.text);
    }
  }
});
if (values.record !== undefined)
  fs.writeFileSync(values.record, calls.map((call, i) => `${JSON.stringify({ ...call, torch: theirs?.[i] })}\n`).join(""));
fs.rmSync(folder, { recursive: true });
console.log(`seed ${values.seed}: ${calls.length} calls, ${missing} missing, ${broken} broken, ${different} unlike PyTorch`);
process.exitCode = broken > 0 ? 1 : 0;
