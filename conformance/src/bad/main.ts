/**
 * The command `npm run bad-calls`: calls everything public with bad arguments, each call in a child process. What is neither a result nor an error of ours, changes an argument before it throws,
 * ends the process or does not return is listed. `--torch` asks PyTorch for the same calls and lists where the two differ; `--record` keeps the calls on which
 * they agree, with PyTorch's answers, and `--recorded` runs those again.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { natural, parseOptions, positive } from "@typetorch/command-line";
import { Api } from "../api.ts";
import { basesOf, publicOps, signatureBase } from "./bases.ts";
import { type BadCall, Dice, type Outcome } from "./call.ts";
import { badCall } from "./generate.ts";
import { runCalls } from "./run.ts";
import { differs } from "./compare.ts";

const options = parseOptions(
  "npm run bad-calls --",
  "Calls everything public with bad arguments, and lists what is neither a result nor an error of ours.",
  {
    seed: { value: "N", default: "1", help: "another seed makes other calls" },
    count: { value: "N", default: "6", help: "calls for each form of an op" },
    ops: { value: "A,B", help: "only these ops" },
    cases: { value: "DIR", help: "the good calls from which the bad ones are made (default: conformance/recorded)" },
    torch: { help: "ask PyTorch for the same calls, and list where the two differ" },
    record: { value: "FILE", help: "with --torch: keep the calls on which they agree, with PyTorch's answers" },
    recorded: { value: "FILE", help: "run the calls of such a file again instead" },
    verbose: { help: "print the arguments of what is listed" },
  },
);
const seed = natural("seed", options.seed);
const count = positive("count", options.count);
const cases = options.cases === "" ? fileURLToPath(new URL("../../../recorded", import.meta.url)) : options.cases;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "typetorch-bad-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true }));

if (options.recorded !== "") {
  const recorded = readLines<BadCall>(path.resolve(process.env.INIT_CWD ?? ".", options.recorded));
  let failed = 0;
  runCalls(recorded, folder).forEach((ours, i) => {
    const call = recorded[i]!;
    const how = ours.broken ?? differs(ours, call.torch!)?.text;
    if (how === undefined) return;
    failed++;
    console.log(`${call.op} (${call.form}; ${call.change}): ${how}`);
  });
  console.log(`${recorded.length - failed} passed, ${failed} failed, 0 missing`);
  process.exit(failed > 0 ? 1 : 0);
}

const api = await Api.load(undefined);
const dice = new Dice(seed);
const bases = basesOf(path.resolve(process.env.INIT_CWD ?? ".", cases), 6);
const calls: BadCall[] = [];
const only = options.ops === "" ? undefined : options.ops.split(",");
for (const [op, forms] of publicOps(api)) {
  if (only !== undefined && !only.includes(op)) continue;
  const known = bases.get(op);
  for (let k = 0; k < count * forms.length; k++) {
    const base = known === undefined || dice.next() < 0.1 ? signatureBase(dice, op, forms[0]!) : dice.pick(known);
    calls.push(badCall(dice, base, `${op}/${k}`, forms));
  }
}
const outcomes = runCalls(calls, folder);
const callsFile = path.join(folder, "calls.jsonl");
let theirs: Outcome[] | null = null;
if (options.torch) {
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
    if (options.verbose) console.log(`    ${JSON.stringify({ ...call, T: call.T })}`);
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
if (options.record !== "" && theirs !== null) {
  const agreed = calls
    .map((call, i) => ({ ...call, torch: withoutIndex(theirs[i]!) }))
    .filter((_, i) => agrees(outcomes[i]!, theirs[i]!));
  fs.writeFileSync(options.record, agreed.map((call) => `${JSON.stringify(call)}\n`).join(""));
}
console.log(`seed ${seed}: ${calls.length} calls, ${missing} missing, ${broken} broken, ${different} unlike PyTorch`);
console.log(`${calls.length - missing - broken} passed, ${broken} failed, 0 missing`);
process.exitCode = broken > 0 ? 1 : 0;

function readLines<T>(file: string): T[] {
  return fs
    .readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** Both do the same, and PyTorch says more than that an argument has the wrong kind. */
function agrees(ours: Outcome, torch: Outcome): boolean {
  const said = torch.error === undefined || !["crash", "MemoryError", "AttributeError"].includes(torch.error);
  return (
    said &&
    ours.broken === undefined &&
    differs(ours, torch) === null &&
    (torch.error === undefined) === (ours.error === undefined)
  );
}

function withoutIndex(outcome: Outcome): Outcome {
  const { i: _, ...rest } = outcome as Outcome & { i?: number };
  return rest;
}
