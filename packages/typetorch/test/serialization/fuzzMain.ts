/**
 * The command `npm run fuzz`: loads mutations of the recorded checkpoints, or of the files given.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArguments, runCommand, type Terminal, UsageError } from "../../src/platform/commandLine.ts";
import { fuzz, subjectOf, validFiles } from "./fuzz.ts";

const help = `npm run fuzz -- [FILE…] [options]

Loads mutations of FILEs, or of the recorded checkpoints: each must load or be refused, quickly and without much memory.

  --count N    mutations of each (default: 20000)
  --seed N     another seed makes other mutations (default: 1)
  --help       print this`;

const recorded = fileURLToPath(new URL("../../../../../conformance/recorded/checkpoints", import.meta.url));

function main(args: readonly string[], terminal: Terminal): number {
  const { options, positionals } = parseArguments(args, {
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
  const files = positionals.length > 0 ? positionals : validFiles(recorded);
  const missing = files.find((file) => !existsSync(file));
  if (missing !== undefined) throw new UsageError(`there is no file ${missing}`);
  const subjects = files.map((file) => subjectOf(readFileSync(file)));
  const { failures, loaded, refused, slowest, slowestAt, mostMemory } = fuzz(
    subjects,
    number("count", 20_000),
    number("seed", 1),
  );
  for (const failure of failures.slice(0, 10)) terminal.printLine(failure);
  terminal.printLine(
    `${loaded} loaded, ${refused} refused, ${failures.length} failed; slowest ${slowest.toFixed(1)} ms (mutation ${slowestAt}), most memory ${mostMemory.toFixed(2)} x the file`,
  );
  return failures.length > 0 || slowest > 1000 || mostMemory > 4 ? 1 : 0;
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
