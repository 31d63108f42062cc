/**
 * The command `npm run bench:files`: saves and loads a state_dict of 16 tensors, here (also as safetensors) and in PyTorch, each run in a process of its own and in turn. Prints medians, their
 * ratio, and the peak of memory during the load in units of the tensors' size. PyTorch does not bring its file to the disk as ours does: it is made to (SYNC=1), and also measured without.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCommand, positive, refuse } from "@typetorch/command-line";
import torch, { type Tensor } from "typetorch";

const { options, words } = parseCommand(
  "npm run bench:files --",
  "Saves and loads a state_dict of 16 tensors, here and in PyTorch, each run in a process of its own and in turn.",
  {
    mebibytes: { value: "N", default: "1024", help: "size of the state_dict" },
    rounds: { value: "N", default: "5", help: "runs of each" },
    folder: { value: "DIR", default: tmpdir(), help: "where the files are written" },
    python: { value: "COMMAND", default: "/usr/bin/python3", help: "a Python with PyTorch" },
  },
);
const mebibytes = positive("mebibytes", options.mebibytes);
if (mebibytes % 64 !== 0) refuse(`--mebibytes must be a multiple of 64, not ${mebibytes}.`);
const rounds = positive("rounds", options.rounds);

/** What a child process of this program does, and is measured at. */
const childCommands = ["save", "saveSafetensors", "load", "mmap", "loadSafetensors"];

function child(command: string, path: string): void {
  const rows = Math.floor(mebibytes / 64);
  const saving = command.startsWith("save");
  const names = Array.from({ length: 16 }, (_, i) => `layers.${i}.weight`);
  let tensors = new Map<string, Tensor>();
  if (saving) tensors = new Map(names.map((name, i) => [name, torch.full([rows, 1024 * 1024], i + 0.5)]));
  const before = process.resourceUsage().maxRSS;
  const start = performance.now();
  if (command === "save") torch.save(tensors, path);
  else if (command === "saveSafetensors") torch.saveSafetensors(tensors, path);
  else if (command === "loadSafetensors") tensors = torch.loadSafetensors(path);
  else tensors = torch.load(path, { mmap: command === "mmap" });
  const seconds = (performance.now() - start) / 1000;
  const total = rows * 16 * 4 * 2 ** 20;
  console.log(seconds, ((process.resourceUsage().maxRSS - before) * 1024) / total);
  const last = tensors.get(names[15]!)!;
  if (
    last
      .select(0, rows - 1)
      .narrow(0, 1024 * 1024 - 1, 1)
      .item() !== 15.5
  )
    throw new Error("the tensors are not what was saved");
}

function measure(command: string, args: readonly string[], env: Record<string, string> = {}): [seconds: number, memory: number] {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split(/\s+/).map(Number) as [number, number];
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function parent(): void {
  const folder = mkdtempSync(join(options.folder, "typetorch-bench-"));
  const self = fileURLToPath(import.meta.url);
  const python = fileURLToPath(new URL("../../torch/files.py", import.meta.url));
  const ours = join(folder, "ours.pt");
  const theirs = join(folder, "theirs.pt");
  const named = join(folder, "ours.safetensors");
  const size = String(mebibytes);
  const sides: Record<string, () => [number, number]> = {
    "save, TypeTorch": () => measure(process.execPath, [self, "save", ours, "--mebibytes", size]),
    "save, PyTorch with fsync": () => measure(options.python, [python, "save", theirs, size], { SYNC: "1" }),
    "save, PyTorch": () => measure(options.python, [python, "save", theirs, size]),
    "load, TypeTorch": () => measure(process.execPath, [self, "load", theirs, "--mebibytes", size]),
    "load, PyTorch": () => measure(options.python, [python, "load", theirs, size]),
    "mmap, TypeTorch": () => measure(process.execPath, [self, "mmap", theirs, "--mebibytes", size]),
    "save, safetensors": () => measure(process.execPath, [self, "saveSafetensors", named, "--mebibytes", size]),
    "load, safetensors": () => measure(process.execPath, [self, "loadSafetensors", named, "--mebibytes", size]),
  };
  const runs = new Map<string, [number, number][]>(Object.keys(sides).map((name) => [name, []]));
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [name, run] of Object.entries(sides)) runs.get(name)!.push(run());
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const seconds = (name: string) => median(runs.get(name)!.map(([s]) => s));
  for (const [name, list] of runs) {
    const memory = name.startsWith("save") ? Math.max(...list.map(([, m]) => m), 0) : Math.max(...list.map(([, m]) => m));
    console.log(
      `${name}: ${seconds(name).toFixed(3)} s (${list.map(([s]) => s.toFixed(2)).join(" ")}), peak memory ${memory.toFixed(3)} x the tensors`,
    );
  }
  console.log(
    `save: ${(seconds("save, PyTorch with fsync") / seconds("save, TypeTorch")).toFixed(2)} x PyTorch's speed with fsync, ${(seconds("save, PyTorch") / seconds("save, TypeTorch")).toFixed(2)} x without`,
  );
  console.log(`load: ${(seconds("load, PyTorch") / seconds("load, TypeTorch")).toFixed(2)} x PyTorch's speed`);
}

const [command, path, ...more] = words;
if (command === undefined) parent();
else if (childCommands.includes(command) && path !== undefined && more.length === 0) child(command, path);
else refuse(`Unexpected argument '${command}'.`);
