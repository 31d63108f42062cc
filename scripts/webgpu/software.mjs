// WebGPU on the processor, for tests: Mesa's lavapipe through the shim beside this file. `softwareAdapter()` gives the environment that selects it, or the reason
// why it cannot be had. As a program it runs a command in that environment: node scripts/webgpu/software.mjs node --test FILE
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const built = join(folder, "..", "..", "node_modules", ".cache", "typetorch-webgpu");
const source = join(folder, "lavapipe-shim.c");
const library = join(built, "libshim.so");
const packages = "mesa-vulkan-drivers libvulkan1 libvulkan-dev gcc libc6-dev";

/** `{ env }`, or `{ missing }`: what to install. */
export function softwareAdapter() {
  try {
    createRequire(import.meta.url).resolve("webgpu/package.json");
  } catch {
    return { missing: "the package 'webgpu' is not installed: npm install" };
  }
  if (process.env.VK_ICD_FILENAMES) return { env: {} }; // somebody chose already
  if (process.platform !== "linux") return { env: {} }; // the machine's own GPU
  if (!existsSync(library) || statSync(library).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(built, { recursive: true, mode: 0o700 });
    const { status, stderr, error } = spawnSync("gcc", ["-shared", "-fPIC", "-o", library, source, "-ldl"], { encoding: "utf8" });
    if (status !== 0) return { missing: `the Vulkan shim does not compile (apt-get install ${packages}): ${error ?? stderr}` };
  }
  const driver = ["/usr/lib", ...["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu`), "/usr/lib64"]
    .map((place) => join(place, "libvulkan_lvp.so"))
    .find((path) => existsSync(path));
  if (driver === undefined) return { missing: `Mesa's software Vulkan is not installed (apt-get install ${packages})` };
  const description = join(built, "icd.json");
  writeFileSync(
    description,
    JSON.stringify({ file_format_version: "1.0.0", ICD: { library_path: library, api_version: "1.1.0" } }),
  );
  return { env: { VK_ICD_FILENAMES: description, LAVAPIPE: driver, XDG_RUNTIME_DIR: built } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...args] = process.argv.slice(2);
  const { env, missing } = softwareAdapter();
  if (missing !== undefined) {
    console.error(missing);
    process.exit(1);
  }
  const { status } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  process.exit(status ?? 1);
}
