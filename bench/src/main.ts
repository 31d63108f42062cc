/**
 * The command `npm run bench`: times the workloads (all of them without names) and, when named or with no names at all, the measurements. Each line has the median, its ratio to the floor (the
 * least time that the machine allows: multiply-adds over their measured peak, bytes over the measured bandwidth of that working set) and with `--vs` the
 * same work in PyTorch or in other libraries for JavaScript, all sides interleaved in processes of their own. `--json` prints one `{"name", "ms"}` line each.
 */
import { spawnSync } from "node:child_process";
import { resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCommand, positive, refuse, targetOption } from "@typetorch/command-line";
import { peers, peerWorkloads } from "./peers/index.ts";
import { resolve } from "./peers/peer.ts";
import type { Timing } from "./workload.ts";

const sideNames = ["torch", ...peers.map((peer) => peer.name)];
const { options, words: names } = parseCommand(
  "npm run bench -- [NAME…]",
  "Times the workloads and measurements of these names, or all of them, each against the floor that the machine sets.",
  {
    vs: { value: "A,B", help: `time the same work in ${sideNames.join(", ")}, by turns` },
    processes: { value: "N", default: "3", help: "with --vs: processes of each side" },
    seconds: { value: "S", default: "1", help: "time for each workload" },
    peers: { value: "DIR", help: "where the other libraries are installed (default: bench/out/peers)" },
    target: targetOption,
    json: { help: 'print one line {"name", "ms", "min"} each' },
    child: { help: "be a side of --vs: the workloads only, as with --json" },
  },
);
const seconds = positive("seconds", options.seconds, false);
const processes = positive("processes", options.processes);
const others = options.vs === "" ? [] : options.vs.split(",");
for (const name of others) {
  if (!sideNames.includes(name)) refuse(`--vs ${name}: there are ${sideNames.join(", ")}.`);
}

// after the target is chosen, since it is read when the library loads
const { workloads } = await import("./workloads/index.ts");
const { measurements } = await import("./measurements.ts");
const { time } = await import("./workload.ts");
const torch = await import("typetorch");

const everything = [...workloads, ...measurements].map((w) => w.name);
const unknown = names.filter((name) => !everything.includes(name));
if (unknown.length > 0) refuse(`There is no workload ${unknown.join(", ")}; there are ${everything.join(", ")}.`);
const wanted = (name: string) => names.length === 0 || names.includes(name);

function message(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}

const round = (value: number, digits = 4) => Number(value.toFixed(digits));
const failures: string[] = [];
const comparesPeers = others.some((name) => name !== "torch");
const chosen = workloads.filter((w) => (comparesPeers && names.length === 0 ? peerWorkloads.includes(w.name) : wanted(w.name)));

/** Times one workload here; gives null and notes why when it cannot run. */
function timeHere(workload: (typeof workloads)[number]): Timing | null {
  torch.manualSeed(0);
  try {
    return time(workload, seconds);
  } catch (error) {
    failures.push(`${workload.name}: ${message(error)}`);
    return null;
  }
}

/** The last JSON line that a process of one side prints. */
function timeThere(command: string, args: readonly string[], name: string): Timing | null {
  const env = { ...process.env };
  delete env.OPENBLAS_CORETYPE;
  delete env.OPENBLAS_L2_SIZE;
  const result = spawnSync(command, [...args, name], { encoding: "utf8", env });
  const line = result.stdout.trim().split("\n").pop() ?? "";
  if (result.status === 0 && line.startsWith("{")) return JSON.parse(line) as Timing;
  failures.push(`${name}: ${(result.stderr.trim().split("\n").pop() || line || `status ${result.status}`).slice(0, 200)}`);
  return null;
}

function findPython(): string {
  for (const command of [process.env.PYTHON, "/usr/bin/python3", "python3"]) {
    if (command !== undefined && spawnSync(command, ["-c", "import torch"], { stdio: "ignore" }).status === 0) return command;
  }
  console.error("--vs torch needs python3-torch, which is not installed here");
  process.exit(2);
}

/** What is timed beside us: a command that takes the workload's name last. */
interface Side {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

function openSide(name: string): Side {
  if (name === "torch") {
    return { name, command: findPython(), args: [fileURLToPath(new URL("../../torch/bench.py", import.meta.url))] };
  }
  const { packages } = peers.find((peer) => peer.name === name)!;
  const folder = options.peers === "" ? fileURLToPath(new URL("../../out/peers", import.meta.url)) : resolvePath(options.peers);
  try {
    for (const one of packages) resolve(folder, one.slice(0, one.lastIndexOf("@")));
  } catch {
    console.error(
      `--vs ${name}: it is not in ${folder}; to put it there:\n  npm install --ignore-scripts --prefix ${folder} ${packages.join(" ")}`,
    );
    process.exit(2);
  }
  const script = fileURLToPath(new URL("./peers/main.js", import.meta.url));
  return { name, command: process.execPath, args: [script, name, folder, options.seconds] };
}

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;
const number = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3));
const cells = (...list: string[]) =>
  console.log(list.map((cell, i) => (i === 0 ? cell.padEnd(28) : ` ${cell.padStart(13)}`)).join(""));

if (options.child || options.json) {
  for (const workload of chosen) {
    const result = timeHere(workload);
    if (result !== null) console.log(JSON.stringify({ name: result.name, ms: round(result.ms), min: round(result.min) }));
  }
} else {
  const { Peak } = await import("./peak.ts");
  const peak = chosen.length > 0 ? await Peak.start() : null;
  const floorOf = (floor: { flops?: number; bytes?: number }) => (peak === null ? Number.NaN : peak.floor(floor));
  if (peak !== null) {
    console.log(
      `${peak.threads} cores: ${(peak.fma() / 1e9).toFixed(0)} GFLOP/s of float32 multiply-adds (${(peak.fmaMedian() / 1e9).toFixed(0)} in the median round), ${(peak.bandwidth(2 ** 28) / 1e9).toFixed(1)} GB/s from memory (256 MB)`,
    );
  }
  if (others.length > 0) {
    const sides = others.map(openSide);
    const self = [
      fileURLToPath(import.meta.url),
      "--child",
      "--seconds",
      options.seconds,
      ...(options.target === "" ? [] : ["--target", options.target]),
    ];
    const titles = sides.flatMap(({ name }) => [`${name} min`, "median", "median ratio", "min ratio"]);
    cells("ms", "min", "median", ...titles, "floor", "to floor");
    for (const workload of chosen) {
      const ours: Timing[] = [];
      const theirs = sides.map((): Timing[] => []);
      for (let i = 0; i < processes; i++) {
        const a = timeThere(process.execPath, self, workload.name);
        for (const [k, side] of sides.entries()) {
          const b = timeThere(side.command, side.args, workload.name);
          if (b !== null) theirs[k]!.push(b);
        }
        if (a === null) break;
        ours.push(a);
      }
      if (ours.length === 0 || theirs.every((list) => list.length === 0)) continue;
      const min = Math.min(...ours.map((t) => t.min));
      const mid = median(ours.map((t) => t.ms));
      const columns = theirs.flatMap((list) => {
        if (list.length === 0) return ["-", "-", "-", "-"];
        const otherMin = Math.min(...list.map((t) => t.min));
        const otherMid = median(list.map((t) => t.ms));
        return [number(otherMin), number(otherMid), (mid / otherMid).toFixed(2), (min / otherMin).toFixed(2)];
      });
      const floor = floorOf(workload.floor);
      cells(workload.name, number(min), number(mid), ...columns, number(floor), (mid / floor).toFixed(1));
    }
    console.log("ratios: ours to the other's, below 1 is faster; to floor: our median to the least time possible");
  } else if (chosen.length > 0) {
    cells("ms", "min", "median", "floor", "to floor");
    for (const workload of chosen) {
      const result = timeHere(workload);
      if (result === null) continue;
      const floor = floorOf(workload.floor);
      cells(workload.name, number(result.min), number(result.ms), number(floor), (result.ms / floor).toFixed(1));
    }
  }
  await peak?.stop();
}

if (others.length === 0 && !options.child) {
  for (const measurement of measurements.filter((m) => wanted(m.name))) {
    try {
      torch.manualSeed(0);
      const result = measurement.measure();
      if (options.json)
        console.log(
          JSON.stringify({
            name: measurement.name,
            ...Object.fromEntries(Object.entries(result).map(([k, v]) => [k, round(v)])),
          }),
        );
      else
        console.log(
          `${measurement.name}: ${Object.entries(result)
            .map(([k, v]) => `${number(v)} ${k}`)
            .join(", ")}`,
        );
    } catch (error) {
      failures.push(`${measurement.name}: ${message(error)}`);
    }
  }
}
for (const failure of failures) console.error(`cannot run ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
