/**
 * The command `npm run good-calls`: calls everything public with arguments that are good, in many values, layouts, dtypes and sizes, here and in PyTorch, and lists what differs:
 * errors, dtypes, shapes, strides, values, whether gradients are recorded, the names of the nodes, gradients.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { natural, parseOptions, positive } from "@typetorch/command-line";
import { Api } from "../api.ts";
import { basesOf, publicOps } from "./bases.ts";
import { type BadCall, type Detail, Dice, type Outcome } from "./call.ts";
import { phrase } from "./compare.ts";
import { runCalls } from "./run.ts";
import { variedCall } from "./vary.ts";

const options = parseOptions("npm run good-calls --", "Calls everything public as PyTorch is called, and lists what differs.", {
  seed: { value: "N", default: "1", help: "another seed makes other calls" },
  count: { value: "N", default: "8", help: "calls for each op" },
  ops: { value: "A,B", help: "only these ops" },
  cases: { value: "DIR", help: "the calls to start from (default: conformance/recorded)" },
  kinds: { value: "A,B", help: "only these kinds of differences" },
  verbose: { help: "print the arguments of what is listed" },
});
const seed = natural("seed", options.seed);
const count = positive("count", options.count);
const cases = options.cases === "" ? fileURLToPath(new URL("../../../recorded", import.meta.url)) : options.cases;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "typetorch-good-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true }));

const api = await Api.load(undefined);
const dice = new Dice(seed);
const only = options.ops === "" ? undefined : options.ops.split(",");
const forms = publicOps(api);
const calls: BadCall[] = [];
for (const [op, bases] of basesOf(path.resolve(process.env.INIT_CWD ?? ".", cases), 10)) {
  const known = forms.get(op);
  if (known === undefined || (only !== undefined && !only.includes(op))) continue;
  for (let k = 0; k < count; k++) calls.push(variedCall(dice, dice.pick(bases), `${op}/${k}`, known));
}
const outcomes = runCalls(calls, folder);
const answers = path.join(folder, "torch.jsonl");
spawnSync(
  process.env.PYTHON ?? "/usr/bin/python3",
  [fileURLToPath(new URL("../../../badCalls.py", import.meta.url)), path.join(folder, "calls.jsonl"), answers],
  { stdio: "inherit" },
);
const theirs = fs
  .readFileSync(answers, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Outcome);

const kinds = options.kinds === "" ? null : options.kinds.split(",");
const found = new Map<string, number>();
calls.forEach((call, i) => {
  for (const [kind, text] of differences(call, outcomes[i]!, theirs[i]!)) {
    found.set(kind, (found.get(kind) ?? 0) + 1);
    if (kinds !== null && !kinds.includes(kind)) continue;
    console.log(`${kind} ${call.op} (${call.form}; ${call.change}): ${text}`);
    if (options.verbose) console.log(`    ${JSON.stringify(call)}`);
  }
});
for (const [kind, n] of found) console.log(`${kind}: ${n}`);
console.log(`seed ${seed}: ${calls.length} calls`);

function* differences(call: BadCall, ours: Outcome, torch: Outcome): Generator<[kind: string, text: string]> {
  if (ours.broken === "missing" || torch.error === "crash" || torch.error === "MemoryError") return;
  if (ours.broken !== undefined) yield ["BROKEN", ours.broken];
  else if (torch.error !== undefined) {
    const said = `PyTorch: ${torch.error}: ${torch.message!.split("\n")[0]}`;
    if (ours.error === undefined) {
      if (!/not implemented for '(Half|BFloat16|Bool)'/.test(torch.message!)) yield ["SILENT", said];
    } else if (torch.error !== "TypeError" && torch.error !== "AttributeError") {
      const [a, b] = [phrase(ours.message!), phrase(torch.message!)];
      if (!a.includes(b) && !b.includes(a)) yield ["WORDS", `${said}; ours: ${ours.message!.split("\n")[0]}`];
    }
  } else if (ours.error !== undefined) yield ["REFUSED", `${ours.error}: ${ours.message!.split("\n")[0]}`];
  else yield* unlike(call, ours.details!, torch.details!);
}

function* unlike(call: BadCall, ours: readonly Detail[], torch: readonly Detail[]): Generator<[string, string]> {
  if (ours.length !== torch.length) {
    yield ["COUNT", `${ours.length} tensors, PyTorch ${torch.length}`];
    return;
  }
  const low = [...ours, ...call.T].some(({ d }) => d === "bf16" || d === "f16");
  for (let i = 0; i < ours.length; i++) {
    const [a, b] = [ours[i]!, torch[i]!];
    const at = `${a.name ?? i}`;
    if (a.d !== b.d) yield ["DTYPE", `${at}: ${a.d}, PyTorch ${b.d}`];
    else if (a.s.join() !== b.s.join()) yield ["SHAPE", `${at}: [${a.s.join()}], PyTorch [${b.s.join()}]`];
    else {
      const count = a.s.reduce((x, y) => x * y, 1);
      const same = a.s.every((n, d) => n <= 1 || a.st[d] === b.st[d]);
      if (count > 1 && !same) yield ["STRIDES", `${at}: [${a.s.join()}] by [${a.st.join()}], PyTorch [${b.st.join()}]`];
      const tolerance = low ? 0.04 : a.d === "f64" && call.T.every(({ d }) => d !== "f32") ? 1e-7 : 1e-4;
      const wrong = a.v === undefined || b.v === undefined ? -1 : a.v.findIndex((v, k) => !close(v, b.v![k]!, tolerance));
      if (wrong >= 0)
        yield ["VALUE", `${at}[${wrong}]: ${JSON.stringify(a.v!.slice(0, 12))}, PyTorch ${JSON.stringify(b.v!.slice(0, 12))}`];
      if (a.g !== b.g) yield ["REQUIRES_GRAD", `${at}: ${a.g}, PyTorch ${b.g}`];
      else if (a.fn !== b.fn) yield ["GRAD_FN", `${at}: ${a.fn}, PyTorch ${b.fn}`];
    }
  }
}

function close(a: number | string, b: number | string, tolerance: number): boolean {
  if (a === b) return true;
  const [x, y] = [Number(a), Number(b)];
  return Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y));
}
