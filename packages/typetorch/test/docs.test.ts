/**
 * Every `@example` of the source and every ```ts run block of the README and the guides is type-checked and executed, and what its comments promise is compared:
 *
 *   x.sum() // tensor(6.)                       the printed form; a following run of `//` lines continues it
 *   x.shape // [2, 3]                           an array, a number, a boolean, a string, null
 *   const out = linear.call(x); // (128, 30)    the shape, of each declared name in turn
 *   console.log(x); // tensor(6.)               what is printed
 *
 * Other comments are prose. An example without imports finds the names of {@link setting}.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as library from "../src/index.ts";

// this file runs from dist/test
const packageRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const repository = join(packageRoot, "..", "..");
const workspace = join(packageRoot, "dist", "docs");

interface Example {
  readonly where: string;
  readonly code: string;
}

function filesBelow(folder: string, extension: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? filesBelow(path, extension) : path.endsWith(extension) ? [path] : []));
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function fromSource(file: string): Example[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) => {
    const body = comment[0].slice(3, -2).replace(/^\s*\* ?/gm, "");
    return [...body.matchAll(/^@example[ \t]*([\s\S]*?)(?=^@\w|(?![\s\S]))/gm)].map((m) => ({
      where: `${relative(repository, file)}:${lineOf(text, comment.index)}`,
      code: m[1]!.replace(/^```\w*\n|\n```\s*$/g, "").trim(),
    }));
  });
}

function fromMarkdown(file: string): Example[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^```ts run[^\n]*\n([\s\S]*?)^```/gm)].map((m) => ({
    where: `${relative(repository, file)}:${lineOf(text, m.index)}`,
    code: m[1]!.trim(),
  }));
}

/** Whether a comment promises something, in one of the forms above. */
function isPromise(comment: string): boolean {
  return /^(tensor\(|Parameter containing:|\[|\(\d|\(\)|-?\d|-?Infinity|NaN|true\b|false\b|null\b|undefined\b|"|')/.test(comment);
}

/** The text after `//` of a line, outside of strings; null without one. */
function commentOf(line: string): { code: string; comment: string } | null {
  const match = /^((?:[^"'`/]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\/(?!\/))*)\/\/ ?(.*)$/.exec(line);
  return match === null ? null : { code: match[1]!.trimEnd(), comment: match[2]!.trim() };
}

/** Puts a check after each statement whose comment promises a result. */
function instrument(code: string): string {
  const lines = code.split("\n");
  const out: string[] = [];
  let opened = -1; // where the statement that is being read begins
  for (let i = 0; i < lines.length; i++) {
    const split = commentOf(lines[i]!);
    const text = split === null ? lines[i]! : split.code;
    if (text.trim() === "" && split !== null && (out.length === 0 || !isPromise(split.comment))) {
      out.push(lines[i]!);
      continue;
    }
    let promise = split !== null && isPromise(split.comment) ? split.comment : null;
    if (text.trim() !== "") {
      const indented = /^\s/.test(text) || /^[}\])]/.test(text);
      if (!indented) opened = out.length;
      out.push(text);
    }
    if (promise === null) continue;
    while (i + 1 < lines.length && /^\s*\/\//.test(lines[i + 1]!)) promise += `\n${lines[++i]!.replace(/^\s*\/\/ ?/, "")}`;
    const statement = out.splice(opened).join("\n").replace(/;\s*$/, "");
    const quoted = JSON.stringify(promise);
    const declared = /^(?:const|let)\s+(\[[^\]]*(?:\[[^\]]*\][^\]]*)*\]|\w+)/.exec(statement);
    if (declared !== null) {
      const names = declared[1]!.match(/\w+/g)!;
      out.push(`${statement};`, `__check([${names.join(", ")}], ${quoted}, "declared");`);
    } else if (statement.startsWith("console.log(")) out.push(`${statement};`, `__check(null, ${quoted}, "printed");`);
    else out.push(`__check(${statement}, ${quoted}, "value");`);
  }
  return out.join("\n");
}

function squeeze(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/([[(]) /g, "$1")
    .trim();
}

function literal(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^'(.*)'$/, '"$1"').replace(/(-?\d+)n\b/g, "$1"));
  } catch {
    return new Map<string, unknown>([
      ["undefined", undefined],
      ["NaN", Number.NaN],
      ["Infinity", Number.POSITIVE_INFINITY],
      ["-Infinity", Number.NEGATIVE_INFINITY],
    ]).get(text);
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  return ArrayBuffer.isView(value) ? plain([...(value as unknown as Iterable<unknown>)]) : value;
}

/** Shapes that a comment names: `(5, 3, 20), (2, 3, 20)`. */
function shapesIn(promise: string): number[][] {
  return [...promise.matchAll(/\((\d+(?:, ?\d+)*)?,?\)/g)].map((m) => (m[1] === undefined ? [] : m[1].split(",").map(Number)));
}

const printed: string[] = [];

function check(value: unknown, promise: string, form: "value" | "declared" | "printed"): void {
  const values = form === "declared" ? (value as unknown[]) : [value];
  if (form === "printed") {
    assert.equal(squeeze(printed.splice(0).join("\n")), squeeze(promise));
  } else if (/^(tensor|Parameter containing)/.test(promise)) {
    assert.equal(squeeze(String(values[0])), squeeze(promise));
  } else if (/^\(/.test(promise)) {
    const shapes = shapesIn(promise);
    const tensors = values.filter((v): v is { shape: number[] } => typeof v === "object" && v !== null && "shape" in v);
    assert.ok(
      tensors.length >= shapes.length && shapes.length > 0,
      `the comment names ${shapes.length} shapes, there are ${tensors.length} tensors`,
    );
    shapes.forEach((shape, i) => {
      assert.deepEqual([...tensors[i]!.shape], shape);
    });
  } else {
    const expected = literal(promise.replace(/,? .*$/s, (rest) => (/^[[{"']/.test(promise) ? rest : "")).trim());
    assert.deepEqual(plain(values[0]), expected);
  }
}

const examples = [
  ...filesBelow(join(packageRoot, "src"), ".ts").flatMap(fromSource),
  ...[
    join(repository, "README.md"),
    join(repository, "ARCHITECTURE.md"),
    join(repository, "CONTRIBUTING.md"),
    ...filesBelow(join(repository, "docs"), ".md"),
  ]
    .filter(existsSync)
    .flatMap(fromMarkdown),
];

rmSync(workspace, { recursive: true, force: true });
mkdirSync(workspace, { recursive: true });
const names = library as Record<string, unknown>;

/** The names that a module of the namespace exports, for a destructuring; empty while it is not there. */
function exportsOf(path: string): string {
  let value: unknown = library;
  for (const part of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
  return Object.keys(value ?? {}).join(", ");
}

/** What every example finds: the namespace, its customary parts, and a small model with data to talk about. */
const setting = `
import * as torch from "typetorch";
import type { Tensor } from "typetorch";
import { ${exportsOf("utils.data")} } from "typetorch/utils/data";
const { nn, optim } = torch;
const F = torch.nn.functional;
const { ${exportsOf("optim.lrScheduler")} } = torch.optim.lrScheduler;
let x = torch.randn(5, 4);
const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
const images = torch.rand(20, 4);
const labels = torch.randint(0, 3, [20]);
const dataset = new TensorDataset(images, labels);
const loader = new DataLoader(dataset, { batchSize: 5 });
const lossFunction = new nn.CrossEntropyLoss();
const loss = lossFunction.call(model.call(images), labels);
`;
const declaration = 'declare function __check(value: unknown, promise: string, form: "value" | "declared" | "printed"): void;';
examples.forEach((example, i) => {
  const imports = [...example.code.matchAll(/^import[\s\S]*?from\s+["'][^"']+["'];?$/gm)].map((m) => m[0]);
  const body = imports.reduce((code, line) => code.replace(line, ""), example.code);
  const known = imports.length === 0 ? [setting] : imports; // a program of its own brings its imports
  const lines = [
    ...known,
    declaration,
    "export default async function example(): Promise<void> {",
    instrument(body.trim()),
    "}",
    "",
  ];
  writeFileSync(join(workspace, `example${i}.ts`), lines.join("\n"));
});
writeFileSync(
  join(workspace, "tsconfig.json"),
  JSON.stringify({
    extends: relative(workspace, join(repository, "tsconfig.base.json")),
    compilerOptions: {
      rootDir: ".",
      outDir: "out",
      composite: false,
      incremental: false,
      declaration: false,
      sourceMap: false,
      typeRoots: [join(repository, "node_modules/@types")],
    },
    include: ["example*.ts"],
  }),
);
const compiler = spawnSync(process.execPath, [join(repository, "node_modules/typescript/bin/tsc"), "-p", workspace], {
  cwd: workspace,
  encoding: "utf8",
});

Object.assign(globalThis, { __check: check });

/** Public names without an example, each with the reason. A name that ends in `.` stands for all below it. */
const withoutExample: Readonly<Record<string, string>> = {
  "webgpu.": "there may be no GPU; docs/webgpu.md shows them",
  AsyncSafetensorsFile: "openSafetensorsAsync makes it",
  Complex: "reading an element of a complex tensor makes it",
  Counter: "a file holds it",
  DType: "float32 and its like are such",
  DefaultDict: "a file holds it",
  Device: "device() makes it",
  FrozenSet: "a file holds it",
  OrderedDict: "a file holds it",
  SafetensorsDict: "loadSafetensors makes it",
  SafetensorsFile: "openSafetensors makes it",
  Scalar: "scalar() makes it",
  Size: "a file holds it",
  Slice: "slice() makes it",
  "autograd.FunctionContext": "Function shows it",
  "autograd.setDetectAnomaly": "detectAnomaly shows it",
  emptyCache: "nothing is seen of it",
  imag: "there is no complex arithmetic",
  loadNpyAsync: "as loadNpy",
  loadNpzAsync: "as loadNpz",
  loadSafetensors: "docs/serialization.md shows it",
  loadSafetensorsAsync: "as loadSafetensors",
  "nn.DropoutNd": "the base of Dropout and its like",
  "nn.IncompatibleKeys": "loadStateDict makes it",
  "nn.RNNBase": "the base of RNN, LSTM and GRU",
  "nn.RemovableHandle": "hooks make it",
  "nn.UninitializedParameter": "lazy modules make it",
  "nn.functional.multiHeadAttentionForward": "nn.MultiheadAttention shows it",
  "nn.utils.fuseConvBnWeights": "fuseConvBnEval shows it",
  "nn.utils.rnn.PackedSequence": "packSequence makes it",
  openSafetensors: "docs/serialization.md shows it",
  openSafetensorsAsync: "as openSafetensors",
  "optim.lrScheduler.LRScheduler": "the base of the schedulers",
  saveAsync: "as save",
  saveNpy: "loadNpy shows it",
  saveNpyAsync: "as saveNpy",
  saveNpz: "loadNpz shows it",
  saveNpzAsync: "as saveNpz",
  saveSafetensorsAsync: "as saveSafetensors",
  saveSafetensorsModel: "loadSafetensorsModel shows it",
  seed: "its result is another each time",
  setDefaultDevice: "another device may not be there",
  setNumThreads: "nothing is seen of it",
  "utils.data.Sampler": "the base of the samplers",
  "utils.data.SequentialSampler": "DataLoader shows it",
  "utils.data.defaultConvert": "DataLoader uses it",
};

/** The comments before the declarations of each name in the source; `null` for one without. Aliases count as what they rename. */
function commentsByName(): Map<string, (string | null)[]> {
  const found = new Map<string, (string | null)[]>();
  const add = (name: string, list: readonly (string | null)[]): void => {
    found.set(name, [...(found.get(name) ?? []), ...list]);
  };
  const renamed: [from: string, to: string][] = [];
  for (const file of filesBelow(join(packageRoot, "src"), ".ts")) {
    const text = readFileSync(file, "utf8");
    const declaration =
      /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?:\/\/ biome-ignore [^\n]*\n)?)?export (?:abstract )?(?:async )?(?:const|function\*?|class) (\w+)/g;
    for (const [, comment, name] of text.matchAll(declaration)) add(name!, [comment ?? null]);
    for (const [, from, to] of text.matchAll(/\b(\w+) as (\w+)/g)) renamed.push([from!, to!]);
  }
  for (const [from, to] of renamed) if (from !== to) add(to, found.get(from) ?? []);
  return found;
}

/** The public functions and classes by their path below `torch`, each once. */
function publicNames(): string[] {
  const seen = new Set<unknown>();
  const out: string[] = [];
  const visit = (path: string, namespace: object): void => {
    for (const [name, value] of Object.entries(namespace)) {
      if (name === "default" || seen.has(value)) continue;
      seen.add(value);
      if (Object.prototype.toString.call(value) === "[object Module]") visit(`${path}${name}.`, value as object);
      else if (typeof value === "function") out.push(path + name);
    }
  };
  visit("", library);
  return out;
}

test("every public function and class has a comment that says what it does, and an example unless a reason is given", () => {
  const comments = commentsByName();
  const excused = (path: string): boolean =>
    Object.keys(withoutExample).some((key) => (key.endsWith(".") ? path.startsWith(key) : path === key)) ||
    /Error$|(^|\.)Lazy\w+$/.test(path);
  const undocumented: string[] = [];
  const unused = new Set(Object.keys(withoutExample));
  const paths = publicNames();
  assert.ok(paths.length > 500);
  for (const path of paths) {
    const list = comments.get(path.split(".").at(-1)!) ?? [];
    if (!list.some((comment) => comment !== null)) undocumented.push(`${path}: no comment`);
    else if (!list.some((comment) => comment?.includes("@example")) && !excused(path)) undocumented.push(`${path}: no example`);
    for (const key of unused) if (key.endsWith(".") ? path.startsWith(key) : path === key) unused.delete(key);
  }
  assert.deepEqual(undocumented, []);
  assert.deepEqual([...unused], [], "names that are no more");
});

test("there are examples, and the compiler has seen them", () => {
  assert.ok(examples.length > 0, "no example was found");
  assert.ok(existsSync(join(workspace, "out", "example0.js")), compiler.stdout);
});

examples.forEach(({ where, code }, i) => {
  test(where, async () => {
    const errors = compiler.stdout.split("\n").filter((line) => line.startsWith(`example${i}.ts(`));
    assert.deepEqual(errors, [], `the example does not type-check:\n${code}`);
    const log = console.log;
    console.log = (...parts: unknown[]) => printed.push(parts.map(String).join(" "));
    printed.length = 0;
    const seed = names.manualSeed as ((seed: number) => unknown) | undefined;
    seed?.(0);
    try {
      const module = (await import(pathToFileURL(join(workspace, "out", `example${i}.js`)).href)) as {
        default: () => Promise<void>;
      };
      await module.default();
    } finally {
      console.log = log;
    }
  });
});
