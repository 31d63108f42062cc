/**
 * The command `npm run fuzz`: loads mutations of valid files of each format.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArguments, runCommand, type Terminal, UsageError } from "../../src/platform/commandLine.ts";
import { formats, fuzz, subjectOf } from "./fuzz.ts";

const help = `npm run fuzz -- [FILE…] [options]

Loads mutations of FILEs, or of the recorded checkpoints and of files made here: each must load or be refused, quickly and without much memory.

  --format NAME  one of the formats (zip, legacy, safetensors, npy, npz); FILEs are of this one (default: all, and zip for FILEs)
  --count N      mutations for each format (default: 20000)
  --seed N       another seed makes other mutations (default: 1)
  --help         print this`;

const recorded = fileURLToPath(new URL("../../../../../conformance/recorded/checkpoints", import.meta.url));

function main(args: readonly string[], terminal: Terminal): number {
  const { options, positionals } = parseArguments(args, {
    format: { type: "string" },
    count: { type: "string" },
    seed: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  if (options.help === true) {
    terminal.printLine(help);
    return 0;
  }
  const number = (name: "count" | "seed", otherwise: number): number => {
    const value = options[name] === undefined ? otherwise : Number(options[name]);
    if (!Number.isSafeInteger(value) || value < 0) throw new UsageError(`--${name} must be an integer of at least 0`);
    return value;
  };
  const missing = positionals.find((file) => !existsSync(file));
  if (missing !== undefined) throw new UsageError(`there is no file ${missing}`);
  const name = options.format ?? (positionals.length > 0 ? "zip" : "");
  const chosen = formats(recorded).filter((format) => format.name.startsWith(String(name)));
  if (chosen.length === 0) throw new UsageError(`there is no format ${String(name)}`);
  let status = 0;
  for (const { name, load, files } of positionals.length > 0 ? chosen.slice(0, 1) : chosen) {
    const subjects = (positionals.length > 0 ? positionals.map((file) => readFileSync(file)) : files).map(subjectOf);
    const outcome = fuzz(subjects, number("count", 20_000), number("seed", 1), load);
    const { failures, loaded, refused, slowest, slowestAt, mostMemory } = outcome;
    for (const failure of failures.slice(0, 10)) terminal.printLine(failure);
    terminal.printLine(
      `${name}: ${loaded} loaded, ${refused} refused, ${failures.length} failed; slowest ${slowest.toFixed(1)} ms (mutation ${slowestAt}), most memory 1 MiB + ${Math.max(mostMemory, 0).toFixed(2)} x the file`,
    );
    if (failures.length > 0 || slowest > 1000 || mostMemory > 4) status = 1;
  }
  return status;
}

runCommand((args, terminal) => {
  try {
    return main(args, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.printError(`${error.message}\nTry --help.`);
    return 2;
  }
});
