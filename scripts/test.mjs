// npm test: runs every lane and prints one line for each, then `N passed, N failed`. A lane in which no test ran has failed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanUp, installAll, isInstalled, obstacle, runtimes, smoke } from "./runtimes.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tests = join(root, "packages/typetorch/dist/test");
const help = `npm test -- [WORD…] [--list]

Runs every check there is, or the lanes whose name contains one of the words (or is the word, with $ at its end): npm test -- unit, npm test -- conformance$.
Each lane prints one line; the last line counts. A lane in which no test ran has failed.

  --list    name the lanes
  --help    print this`;

const words = process.argv.slice(2);
const option = words.find((word) => word.startsWith("-"));
if (option === "--help" || option === "-h") {
  console.log(help);
  process.exit(0);
}
if (option !== undefined && option !== "--list") refuse(`Unknown option '${option}'.`);

function refuse(message) {
  console.error(`${message}\nTry --help.`);
  process.exit(2);
}

const avx2 = process.arch === "x64" && (process.platform !== "linux" || /\bavx2\b/.test(readFileSync("/proc/cpuinfo", "utf8")));

function run(command, args, { env = {}, timeout = 600_000 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, timeout, killSignal: "SIGKILL" });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
    child.on("close", (status, signal) =>
      resolve({
        status: status ?? 1,
        output: signal ? `${output}\nended by ${signal} (the limit is ${timeout / 1000} s)` : output,
      }),
    );
  });
}

function count(output, pattern) {
  return Number(pattern.exec(output)?.[1] ?? 0);
}

/** Compiled test files whose source still exists, below the given folders (all of them without any). */
function testFiles(folders, except = []) {
  const out = [];
  const walk = (folder) => {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (name.endsWith(".test.js") && existsSync(path.replace(`${join("dist", "test")}`, "test").replace(/\.js$/, ".ts")))
        out.push(path);
    }
  };
  walk(tests);
  return out.filter((path) => {
    const name = relative(tests, path).replaceAll("\\", "/");
    return (
      !except.some((f) => name === f || name.startsWith(`${f}/`)) &&
      (folders === null || folders.some((f) => name === f || name.startsWith(`${f}/`)))
    );
  });
}

/** A lane of node:test files. */
async function nodeTest(files, env) {
  if (files.length === 0) return { passed: 0, failed: 0, output: "there are no test files" };
  const { status, output } = await run(process.execPath, ["--test", "--test-reporter=tap", ...files], { env });
  const passed = count(output, /^# pass (\d+)/m);
  const failed = count(output, /^# fail (\d+)/m) + count(output, /^# cancelled (\d+)/m);
  const skipped = count(output, /^# skipped (\d+)/m) + count(output, /^# todo (\d+)/m);
  return { passed, failed: status !== 0 ? Math.max(failed, 1) : failed, skipped, output: failures(output) };
}

/**
 * A lane of node:test files in which some tests are known not to hold: `exceptions` gives the reason for each by its name. One that holds after all has failed,
 * as the table is out of date then.
 */
async function nodeTestBut(exceptions, files, env, options) {
  const { output } = await run(process.execPath, [...options, "--test", "--test-reporter=tap", ...files], { env });
  const results = [...output.matchAll(/^(not ok|ok) \d+ - (.*?)(?: # (?:SKIP|TODO).*)?$/gm)].filter(
    ([, , name]) => !name.endsWith(".test.js"),
  );
  let passed = 0;
  const wrong = [];
  const seen = new Set();
  for (const [, outcome, name] of results) {
    const excepted = Object.hasOwn(exceptions, name);
    if (excepted) seen.add(name);
    if (excepted && outcome === "ok") wrong.push(`${name}: holds, but is in the table of exceptions`);
    else if (!excepted && outcome !== "ok") wrong.push(name);
    else if (!excepted) passed++;
  }
  for (const name of Object.keys(exceptions))
    if (!seen.has(name)) wrong.push(`${name}: in the table of exceptions, but there is no such test`);
  const finished = count(output, /^# tests (\d+)/m) >= results.length && results.length > 0;
  if (!finished) wrong.push("the runner did not finish");
  return { passed, failed: wrong.length, output: wrong.length > 0 ? `${wrong.join("\n")}\n${failures(output)}` : "" };
}

/** Of a TAP stream, only what failed. */
function failures(tap) {
  const lines = tap.split("\n");
  const out = [];
  let keep = false;
  for (const line of lines) {
    if (/^\s*(not )?ok \d/.test(line)) keep = /^\s*not ok/.test(line);
    else if (/^\s*# Subtest/.test(line)) keep = false;
    if (keep || /^Bail out|^# (fail|cancelled) [1-9]/.test(line)) out.push(line);
  }
  return out.slice(0, 200).join("\n");
}

function conformance(args, env) {
  return lastLine([join(root, "conformance/dist/src/main.js"), ...args], env);
}

/** A lane of a program whose last line counts. */
async function lastLine(args, env) {
  const { status, output } = await run(process.execPath, args, { env });
  const last = /(\d+) passed, (\d+) failed, (\d+) missing\s*$/.exec(output);
  if (last === null) return { passed: 0, failed: 1, output };
  const [passed, failed, missing] = last.slice(1).map(Number);
  return { passed, failed: failed + missing, output: status === 0 && missing === 0 ? "" : output };
}

// what every target and device must give alike; the suites of cpu/ choose the targets themselves
const KERNELS = ["ops", "tensor", "autograd", "nn", "optim", "training"];
const ALONE = ["architecture.test.js", "docs.test.js"];
/** What needs a WebGPU device. */
const WEBGPU = ["webgpu"];
/** What needs Python with PyTorch and NumPy. */
const LIVE = ["live"];

function python() {
  for (const command of [process.env.PYTHON, "/usr/bin/python3", "python3"].filter(Boolean)) {
    if (spawnSync(command, ["-c", "import torch"], { stdio: "ignore" }).status === 0) return command;
  }
  return null;
}

/** Left out on a machine that lacks something, which continuous integration may not. */
function without(what, howToInstall) {
  if (process.env.CI === "true") return { passed: 0, failed: 1, output: `there is no ${what} here: ${howToInstall}` };
  return { notRun: `no ${what} here: ${howToInstall}` };
}

/** A lane that needs Chromium. */
async function withChromium(lane) {
  const { findChromium, howToInstall } = await import("../browser/dist/src/chromium.js");
  return findChromium() === null ? without("Chromium", howToInstall) : lane();
}

/** Suites in workers of a page. */
async function chromium(...args) {
  const { status, output } = await run(process.execPath, [join(root, "browser/dist/src/main.js"), ...args]);
  const last = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(output);
  if (last === null) return { passed: 0, failed: 1, output };
  const [passed, failed, skipped] = last.slice(1).map(Number);
  return { passed, failed: status !== 0 ? Math.max(failed, 1) : failed, skipped, output };
}

/** With a WebGPU adapter: on Linux Mesa's software Vulkan, so that it is the same everywhere; elsewhere the machine's own. */
async function onWebgpu(lane) {
  const { softwareAdapter } = await import("./webgpu/software.mjs");
  const { env, missing } = softwareAdapter();
  return missing === undefined ? lane(env) : without("software Vulkan", missing);
}

/** The packed library in another runtime; on a user's machine only where `node scripts/runtimes.mjs` has fetched it. */
async function runtimeLane(runtime) {
  const reason = obstacle();
  if (reason !== null) return { notRun: reason };
  if (process.env.CI === "true") await installAll();
  else if (!isInstalled(runtime)) return { notRun: `not installed here: node scripts/runtimes.mjs fetches all of them, 900 MB` };
  return smoke(runtime);
}

const lanes = {
  async "format and lint"() {
    const { status, output } = await run(process.execPath, [
      join(root, "node_modules/@biomejs/biome/bin/biome"),
      "check",
      "--error-on-warnings",
      ".",
    ]);
    const passed = count(output, /Checked (\d+) files/);
    return { passed: status === 0 ? passed : 0, failed: status === 0 ? 0 : 1, output };
  },
  async types() {
    const { status, output } = await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b", "--verbose"]);
    const projects = new Set([...output.matchAll(/Project '([^']+)'/g)].map((m) => m[1]));
    return { passed: status === 0 ? projects.size : 0, failed: status === 0 ? 0 : 1, output };
  },
  "conformance runner": () => nodeTest([join(root, "conformance/dist/test/runner.test.js")]),
  "command lines": () => nodeTest([join(root, "commandLine/dist/test/programs.test.js")]),
  architecture: () => nodeTest(testFiles(["architecture.test.js"])),
  "unit tests": () => nodeTest(testFiles(null, [...ALONE, ...WEBGPU, ...LIVE])),
  "unit tests, target js": () => nodeTest(testFiles(KERNELS), { TYPETORCH_TARGET: "js" }),
  "unit tests, target wasm": () =>
    nodeTest(testFiles([...KERNELS, "backends/reclaim.test.js", "cpu/threads.test.js"]), { TYPETORCH_TARGET: "wasm" }),
  ...(avx2 && { "unit tests, target x64-avx2": () => nodeTest(testFiles(KERNELS), { TYPETORCH_TARGET: "x64-avx2" }) }),
  "webgpu (software Vulkan)": () => onWebgpu((env) => nodeTest(testFiles(WEBGPU), env)),
  "unit tests, device webgpu": () =>
    onWebgpu(async (env) => {
      const { exceptions } = await import("./webgpu/exceptions.mjs");
      const preload = new URL("./webgpu/defaultDevice.mjs", import.meta.url).href;
      return nodeTestBut(exceptions, testFiles(KERNELS), env, ["--import", preload]);
    }),
  "conformance, device webgpu": () => onWebgpu((env) => conformance(["--device", "webgpu"], env)),
  "examples in the documentation": () => nodeTest(testFiles(["docs.test.js"])),
  examples: () => nodeTest([join(root, "examples/dist/test/examples.test.js")]),
  conformance: () => conformance([]),
  "conformance, target js": () => conformance(["--target", "js"]),
  "conformance, target wasm": () => conformance(["--target", "wasm"]),
  ...(avx2 && { "conformance, target x64-avx2": () => conformance(["--target", "x64-avx2"]) }),
  "browser build": () => withChromium(() => nodeTest([join(root, "browser/dist/test/library.test.js")])),
  "chromium (webgpu)": () => withChromium(() => nodeTest([join(root, "browser/dist/test/webgpu.test.js")])),
  "chromium (device webgpu)": () => withChromium(() => chromium("kernels", "conformance", "DEVICE=webgpu")),
  playground: () => withChromium(() => nodeTest([join(root, "playground/dist/test/playground.test.js")])),
  "chromium (js)": () => withChromium(() => chromium("kernels", "conformance", "TYPETORCH_TARGET=js")),
  "chromium (wasm)": () => withChromium(() => chromium("unit", "conformance", "TYPETORCH_TARGET=wasm")),
  ...Object.fromEntries(runtimes.map((runtime) => [runtime.name, () => runtimeLane(runtime)])),
  async "files, PyTorch live"() {
    const command = python();
    if (command === null) return without("python3-torch", "apt-get install python3-torch");
    return nodeTest([...testFiles(LIVE), join(root, "conformance/dist/test/live/files.test.js")], { PYTHON: command });
  },
  async "programs, PyTorch live"() {
    const command = python();
    if (command === null) return without("python3-torch", "apt-get install python3-torch");
    return nodeTest([join(root, "conformance/dist/test/live/programs.test.js")], { PYTHON: command });
  },
  // SEED=n tries other calls; the output names the seed
  async "bad calls"() {
    const seed = process.env.SEED ?? "1";
    const main = join(root, "conformance/dist/src/bad/main.js");
    const results = [
      await lastLine([main, "--recorded", join(root, "conformance/recorded/bad-calls.jsonl")]),
      await lastLine([main, "--seed", seed, "--count", "1"]),
    ];
    const sum = (key) => results.reduce((total, result) => total + result[key], 0);
    return { passed: sum("passed"), failed: sum("failed"), output: results.map((r) => r.output).join("\n") };
  },
  async "PyTorch live"() {
    const command = python();
    if (command === null) return without("python3-torch", "apt-get install python3-torch");
    const folder = mkdtempSync(join(tmpdir(), "typetorch-live-"));
    const seed = process.env.SEED ?? String(Date.now() % 1_000_000);
    try {
      const recorded = await run(command, [join(root, "conformance/record.py"), "--seed", seed, "--out", folder]);
      if (recorded.status !== 0) return { passed: 0, failed: 1, output: recorded.output };
      const result = await conformance([folder]);
      return { ...result, output: result.output && `seed ${seed} (SEED=${seed} npm test -- live)\n${result.output}` };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

if (option === "--list") {
  console.log(Object.keys(lanes).join("\n"));
  process.exit(0);
}
/** Whether a lane is meant by a word. */
const means = (word, name) => (word.endsWith("$") ? name === word.slice(0, -1) : name.includes(word));
for (const word of words)
  if (!Object.keys(lanes).some((name) => means(word, name))) refuse(`There is no lane '${word}'; --list names them.`);

let passed = 0;
let failed = 0;
let skipped = 0;
for (const [name, lane] of Object.entries(lanes)) {
  if (words.length > 0 && !words.some((word) => means(word, name))) continue;
  const started = performance.now();
  const result = await lane().catch((error) => ({ passed: 0, failed: 1, output: String(error) }));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (result.notRun !== undefined) {
    console.log(`${name}: not run (${result.notRun})`);
    continue;
  }
  const empty = result.passed + result.failed === 0;
  passed += result.passed;
  failed += empty ? 1 : result.failed;
  skipped += result.skipped ?? 0;
  const parts = [`${result.passed} passed`];
  if (result.failed > 0) parts.push(`${result.failed} FAILED`);
  if (result.skipped > 0) parts.push(`${result.skipped} skipped`);
  if (empty) parts.push("FAILED: no test ran");
  console.log(`${name}${result.note ? ` (${result.note})` : ""}: ${parts.join(", ")} (${seconds} s)`);
  if ((empty || result.failed > 0) && result.output) console.log(result.output.replace(/^/gm, "    ").slice(0, 20_000));
}
await cleanUp();
if (passed + failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
