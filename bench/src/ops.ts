/**
 * node bench/dist/src/ops.js [--rounds N] [--milliseconds M] [--threads N] [words…]
 *
 * Times ops beside PyTorch, both sides by turns, and prints minimum and median of each, those slowest in comparison first. Words choose: families of
 * opCases.ts, or what an expression contains.
 */
import { parseArgs } from "node:util";
import * as torch from "typetorch";
import { type Cases, families } from "./opCases.ts";
import { byTurns, type PythonWork, Torch, type Turns } from "./turns.ts";

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    milliseconds: { type: "string", default: "40" },
    threads: { type: "string" },
  },
});
if (options.threads !== undefined) torch.setNumThreads(Number(options.threads));

const camel = (text: string): string =>
  text.replace(/'[^']*'|(?<=[a-z0-9])_([a-z])/g, (match, letter?: string) =>
    letter === undefined ? match : letter.toUpperCase(),
  );

const methods: Readonly<Record<string, string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "@": "matmul",
  ">": "gt",
  "<": "lt",
  "==": "eq",
};

/** Python's expression in JavaScript: keywords of a call become its options, operators between operands methods from left to right. */
function translate(python: string): string {
  let text = camel(python)
    .replace(
      /((?:\w+=(?:\[[^\]]*\]|'[^']*'|[\w.-]+)(?:, )?)+)\)/g,
      (_, keywords: string) => `{ ${keywords.replace(/(\w+)=/g, "$1: ")} })`,
    )
    .replace(/\bTrue\b/g, "true")
    .replace(/\bFalse\b/g, "false");
  const operand =
    /^(-?[\w.]+(?:\((?:[^()]|\([^()]*\))*\)(?:\.\w+)*)*) (\+|-|\*|\/|@|>|<|==) (-?[\w.]+(?:\((?:[^()]|\([^()]*\))*\)(?:\.\w+)*)*)/;
  for (let found = operand.exec(text); found !== null; found = operand.exec(text)) {
    const [all, left, operator, right] = found as unknown as [string, string, string, string];
    const [a, b] = Number.isNaN(Number(left)) ? [left, right] : [right, left];
    text = `${a}.${methods[operator]}(${b})${text.slice(all.length)}`;
  }
  return text;
}

const F = torch.nn.functional;

/** The function that is timed here. */
function make({ inputs }: Cases, expression: string, backward: boolean): () => unknown {
  torch.manualSeed(0);
  const names = ["torch", "F"];
  const values: unknown[] = [torch, F];
  for (const [name, text] of Object.entries(inputs)) {
    if (!new RegExp(`\\b${name}\\b`).test(expression)) continue;
    values.push(new Function(...names, `return ${translate(text)}`)(...values));
    names.push(camel(name));
  }
  const run = new Function(...names, `return () => ${translate(expression)}`)(...values) as () => torch.Tensor;
  if (!backward) return run;
  const x = values[2] as torch.Tensor;
  x.requiresGrad_();
  const y = run();
  const g = torch.randnLike(y);
  return () => torch.autograd.grad([y], [x], { gradOutputs: [g], retainGraph: true });
}

function pythonWork({ inputs }: Cases, expression: string, backward: boolean): PythonWork {
  const used = Object.entries(inputs).filter(([name]) => new RegExp(`\\b${name}\\b`).test(expression));
  const lines = used.map(([name, text]) => `${name} = ${text}`);
  if (!backward) return { setup: lines.join("\n"), run: expression };
  const x = used[0]![0];
  lines.push(`${x}.requires_grad_()`, `result = ${expression}`, "gradient = torch.randn_like(result)");
  return { setup: lines.join("\n"), run: `torch.autograd.grad(result, ${x}, gradient, retain_graph=True)` };
}

/** Runs until results lie in memory that was used before, as those of PyTorch do from the second run on. */
function warmUp(run: () => unknown): void {
  const end = performance.now() + 1500;
  for (let runs = 0, bytes = 0; runs < 3 || (bytes < 600 * 2 ** 20 && performance.now() < end); runs++) {
    const results = run() as torch.Tensor | readonly torch.Tensor[];
    if (results instanceof torch.Tensor) bytes += results.numel() * results.elementSize();
    else if (Array.isArray(results)) for (const y of results as torch.Tensor[]) bytes += y.numel() * y.elementSize();
    else if (runs >= 100) break; // numbers
  }
}

const python = new Torch(torch.getNumThreads());
const rows: { name: string; turns: Turns }[] = [];
for (const [family, cases] of Object.entries(families)) {
  const all = [
    ...(cases.forward ?? []).map((e) => [e, false] as const),
    ...(cases.backward ?? []).map((e) => [e, true] as const),
  ];
  for (const [expression, backward] of all) {
    const name = backward ? `backward of ${expression}` : expression;
    if (words.length > 0 && !words.some((word) => word === family || name.includes(word))) continue;
    try {
      const run = make(cases, expression, backward);
      warmUp(run);
      const work = pythonWork(cases, expression, backward);
      rows.push({ name, turns: await byTurns(run, python, work, Number(options.rounds), Number(options.milliseconds)) });
    } catch (error) {
      process.exitCode = 1;
      console.error(`${name}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
    }
  }
}
python.close();

const ratio = ({ least, torchLeast }: Turns): number => least / torchLeast;
rows.sort((a, b) => ratio(b.turns) - ratio(a.turns));
const time = (ms: number): string => ms.toFixed(ms < 0.1 ? 4 : 3).padStart(10);
console.log(
  `${"ms".padEnd(72)}${"min".padStart(10)}${"median".padStart(10)}${"torch min".padStart(10)}${"median".padStart(10)}  min ratio  median ratio`,
);
for (const { name, turns } of rows) {
  const { least, median, torchLeast, torchMedian } = turns;
  const ratios = `${ratio(turns).toFixed(2).padStart(11)}${(median / torchMedian).toFixed(2).padStart(14)}`;
  console.log(`${name.slice(0, 71).padEnd(72)}${time(least)}${time(median)}${time(torchLeast)}${time(torchMedian)}${ratios}`);
}
console.log(
  `ratios: ours to PyTorch's, below 1 is faster; ${rows.filter((r) => ratio(r.turns) <= 1).length} of ${rows.length} are at most 1`,
);
