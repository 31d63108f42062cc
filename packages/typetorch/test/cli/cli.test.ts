/**
 * The command `typetorch`, run as a user runs it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../../src/cli/run.ts";
import * as torch from "../../src/index.ts";

const folder = mkdtempSync(join(tmpdir(), "typetorch-cli-"));
after(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string) => join(folder, name);

/** Runs the command; the arguments that name files mean files of the folder, whose path is left out of the output. */
function typetorch(...args: string[]): { status: number; out: string; err: string } {
  const lines = { out: "", err: "" };
  const status = run(
    args.map((arg) => (/\.(pt|npz|json|safetensors|txt)$/.test(arg) ? inFolder(arg) : arg)),
    { colors: false, printLine: (line) => (lines.out += `${line}\n`), printError: (line) => (lines.err += `${line}\n`) },
  );
  const short = (text: string) => text.replaceAll(`${folder}/`, "");
  return { status, out: short(lines.out), err: short(lines.err) };
}

test("inspect prints a safetensors file as an aligned table with its metadata and total", () => {
  torch.saveSafetensors(
    {
      "model.weight": torch.ones(300, 40),
      "model.bias": torch.ones(40).to(torch.bfloat16),
      名前: torch.zeros([], { dtype: torch.int64 }),
    },
    inFolder("a.safetensors"),
    { metadata: { format: "pt", "a\nb": "\u001b[31mred" } },
  );
  const { status, out, err } = typetorch("inspect", "a.safetensors");
  assert.equal(err, "");
  assert.equal(status, 0);
  const size = readFileSync(inFolder("a.safetensors")).length;
  assert.equal(
    out,
    `a.safetensors: safetensors, ${(size / 1000).toPrecision(3)} kB

metadata
  format  pt
  a\\nb    \\u001b[31mred

tensor        dtype     shape      elements     size
名前          int64     []                1      8 B
model.weight  float32   [300, 40]    12,000  48.0 kB
model.bias    bfloat16  [40]             40     80 B

3 tensors, 12,041 elements (1 int64, 12,000 float32, 40 bfloat16), 48.1 kB
`,
  );
});

test("inspect of a checkpoint names optimizer state, other values, and which tensors share memory", () => {
  const layer = new torch.nn.Linear(3, 2);
  const optimizer = new torch.optim.Adam(layer.parameters(), { lr: 0.1 });
  layer.call(torch.ones(1, 3)).sum().backward();
  optimizer.step();
  const state = layer.stateDict();
  const weight = state.get("weight")!;
  const checkpoint = new Map<string, unknown>([
    ["model", new Map([...state, ["tied", weight], ["column", weight.at(":", 0)]])],
    ["optimizer", optimizer.stateDict()],
    ["epoch", 7],
    ["history", [0.5, 0.25]],
  ]);
  torch.save(checkpoint, inFolder("training.pt"));
  const [text, json] = [typetorch("inspect", "training.pt"), typetorch("inspect", "training.pt", "--json")];
  assert.equal(text.err, "");
  assert.match(text.out, /^training\.pt: PyTorch checkpoint, /);
  assert.match(text.out, /\noptimizer optimizer\n {2}group 0 {2}2 parameters, lr 0\.1, betas/);
  assert.match(text.out, /\n {2}state {4}of 2 parameters: step, exp_avg, exp_avg_sq\n/);
  assert.match(text.out, /\n {2}epoch {4}7\n {2}history {2}\[0\.5, 0\.25\]\n/);
  assert.match(text.out, /\nmodel\.tied +float32 +\[2, 3\] +6 +24 B {2}shares memory with model\.weight\n/);
  assert.match(text.out, /\nmodel\.column +float32 +\[2\] +2 +8 B {2}shares memory with model\.weight, strides \[3\]\n/);
  const contents = JSON.parse(json.out) as {
    format: string;
    tensors: { name: string; shape: number[]; bytes: number; sharesWith?: string }[];
    optimizers: { paramGroups: { params: number; options: Record<string, string> }[] }[];
    total: { tensors: number; bytes: number };
  };
  assert.equal(contents.format, "pt");
  assert.deepEqual(contents.tensors[2], {
    name: "model.tied",
    dtype: "float32",
    shape: [2, 3],
    numel: 6,
    bytes: 24,
    sharesWith: "model.weight",
  });
  assert.equal(contents.optimizers[0]!.paramGroups[0]!.options.lr, "0.1");
  assert.equal(contents.total.tensors, 10);
  assert.equal(contents.total.bytes, 32 + 2 * (32 + 4));
});

test("convert goes round all formats without a change, and a damaged or wrong call does nothing", () => {
  const x = torch.randn(5, 4);
  const state = new Map([
    ["a.weight", x],
    ["a.index", torch.arange(3)],
    ["half", torch.ones(2).to(torch.float16)],
  ]);
  torch.save(state, inFolder("0.pt"));
  for (const [from, to] of [
    ["0.pt", "1.safetensors"],
    ["1.safetensors", "2.npz"],
    ["2.npz", "3.pt"],
  ]) {
    const { status, out, err } = typetorch("convert", from!, to!);
    assert.equal(err, "");
    assert.equal(status, 0);
    assert.match(out, new RegExp(`^${to}: \\d+ B, 3 tensors\n$|^${to}: [\\d.]+ kB, 3 tensors\n$`));
  }
  const result = torch.load(inFolder("3.pt"));
  for (const [name, tensor] of state) assert.ok(torch.equal(result.get(name)!, tensor), name);

  const again = typetorch("convert", "0.pt", "1.safetensors");
  assert.equal(again.status, 1);
  assert.match(again.err, /^typetorch: 1\.safetensors is there already\n {2}help: say --force/);
  const forced = typetorch("convert", "0.pt", "1.safetensors", "--force", "--dtype", "bfloat16", "--max-shard-size", "30B");
  assert.equal(forced.status, 0, forced.err);
  const shards = torch.loadSafetensors(inFolder("1.safetensors.index.json"));
  assert.equal(shards.get("a.weight")!.dtype, torch.bfloat16);
  assert.equal(shards.get("a.index")!.dtype, torch.int64);
  const numpy = typetorch("convert", "1.safetensors.index.json", "no.npz");
  assert.equal(numpy.status, 1);
  assert.match(numpy.err, /NumPy has no bfloat16, which '[a-z.]+' is\n {2}help: say --dtype float32/);
  assert.equal(existsSync(inFolder("no.npz")), false);
});

test("convert takes a part of a checkpoint, and writes tied weights each by itself", () => {
  const x = torch.randn(2, 2);
  torch.save({ state_dict: { wte: x, lm_head: x }, epoch: 1 }, inFolder("tied.pt"));
  const whole = typetorch("convert", "tied.pt", "tied.safetensors");
  assert.equal(whole.status, 1);
  assert.match(whole.err, /holds more than tensors by name: "state_dict", "epoch"\n {2}help: choose a part: --key state_dict/);
  const part = typetorch("convert", "tied.pt", "tied.safetensors", "--key", "state_dict");
  assert.equal(part.status, 0, part.err);
  assert.match(part.err, /note: lm_head, wte share memory/);
  const loaded = torch.loadSafetensors(inFolder("tied.safetensors"));
  assert.ok(torch.equal(loaded.get("wte")!, x) && torch.equal(loaded.get("lm_head")!, x));
  const missing = typetorch("convert", "tied.pt", "x.safetensors", "--key", "model");
  assert.match(missing.err, /has no part 'model'\n {2}help: there are "state_dict", "epoch"/);
});

test("wrong calls end with status 2 and a way out, bad files with 1, help with 0", () => {
  writeFileSync(inFolder("bad.safetensors"), Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]));
  writeFileSync(inFolder("empty.pt"), "");
  const expected: [string[], number, RegExp][] = [
    [[], 2, /typetorch inspect FILE/],
    [["--help"], 0, /typetorch convert IN OUT/],
    [["inspect", "--help"], 0, /--json/],
    [["convert", "-h"], 0, /--max-shard-size/],
    [["frobnicate"], 2, /there is no command 'frobnicate'\nTry typetorch --help/],
    [["inspect"], 2, /FILE missing/],
    [["inspect", "a", "b"], 2, /'b' is too much/],
    [["inspect", "a", "--verbose"], 2, /Unknown option '--verbose'/],
    [["convert", "bad.safetensors"], 2, /OUT missing/],
    [["convert", "bad.safetensors", "out.txt"], 2, /does not say a format/],
    [["convert", "bad.safetensors", "out.pt", "--dtype", "int8"], 2, /expected one of .*float16/],
    [["inspect", "bad.safetensors"], 1, /bad\.safetensors: Error while deserializing: invalid header length/],
    [["inspect", "empty.pt"], 1, /empty\.pt is empty/],
    [["inspect", "nowhere.pt"], 1, /nowhere\.pt/],
  ];
  for (const [args, status, text] of expected) {
    const result = typetorch(...args);
    assert.equal(result.status, status, `typetorch ${args.join(" ")}\n${result.err}`);
    assert.match(result.out + result.err, text);
    assert.ok(!/\n {4}at /.test(result.err), "no stack is shown");
  }
});

test("the command of the package runs: its status, its output, and its errors on the other stream", () => {
  // this file runs from dist/test/cli
  const command = join(dirname(fileURLToPath(import.meta.url)), "../../../bin/typetorch.js");
  torch.saveSafetensors({ x: torch.ones(2) }, inFolder("bin.safetensors"));
  const good = spawnSync(process.execPath, [command, "inspect", "bin.safetensors"], { cwd: folder, encoding: "utf8" });
  assert.equal(good.status, 0, good.stderr);
  assert.match(
    good.stdout,
    /^bin\.safetensors: safetensors, 72 B\n\ntensor {2}dtype {4}shape {2}elements {2}size\nx {7}float32 {2}\[2\] {11}2 {3}8 B\n\n1 tensor/,
  );
  const bad = spawnSync(process.execPath, [command, "inspect", "nowhere.pt"], { cwd: folder, encoding: "utf8" });
  assert.equal(bad.status, 1);
  assert.equal(bad.stdout, "");
  assert.match(bad.stderr, /^typetorch: /);
});
