// Makes the checkout ready to run: installs the dependencies if they are not those of the lockfile, and compiles what has changed. Quiet unless it does something.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

if (Number(process.versions.node.split(".")[0]) < 20) {
  console.error(`TypeTorch needs Node 20 or newer; this is ${process.version}.`);
  process.exit(1);
}

/** Whether node_modules holds every package of the lockfile in the version that it names. Optional packages (other platforms') may be absent. */
function installed() {
  const hidden = join(root, "node_modules/.package-lock.json");
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(hidden, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith("node_modules/")) return true;
    if (entry.link) return existsSync(join(root, path));
    return present[path] === undefined ? entry.optional === true : present[path].version === entry.version;
  });
}

function run(command, args, what) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (result.status !== 0) {
    console.error(`${what} failed.`);
    process.exit(result.status ?? 1);
  }
}

if (!installed()) {
  console.log("Installing dependencies (npm ci) ...");
  run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], "npm ci");
}
run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], "The TypeScript build");
