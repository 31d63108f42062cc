/**
 * What a command has around it on Node: its arguments, the terminal, its exit status.
 */
import { existsSync, statSync } from "node:fs";
import process, { argv, env, exit, stderr, stdout } from "node:process";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** The command was called wrongly: its message is followed by the advice to read the help. */
export class UsageError extends Error {}

export interface ParsedArguments {
  /** Text for options with a value, true for switches; what was not given is not there. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** Splits arguments into options, of which `kinds` names all, and the rest. Throws {@link UsageError} for others. */
export function parseArguments(
  args: readonly string[],
  kinds: Readonly<Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>>,
): ParsedArguments {
  const config: ParseArgsConfig = { args: [...args], options: kinds as ParseArgsConfig["options"], allowPositionals: true };
  try {
    const { values, positionals } = parseArgs(config);
    return { options: values as ParsedArguments["options"], positionals };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(". ")[0] : String(error));
  }
}

/** Where a command prints. */
export interface Terminal {
  /** Whether colors are wanted. */
  readonly colors: boolean;
  printLine(text: string): void;
  printError(text: string): void;
}

/** This process's output; colors if it is a terminal and `NO_COLOR` is not set. */
export const terminal: Terminal = {
  colors: stdout.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb",
  printLine: (text) => void stdout.write(`${text}\n`),
  printError: (text) => void stderr.write(`${text}\n`),
};

/** Runs a command in this process: its result is the exit status. */
export function runCommand(command: (args: readonly string[], terminal: Terminal) => number): void {
  // `typetorch inspect … | head` closes the pipe early: that is no failure
  stdout.on("error", (error: Error & { code?: string }) => {
    if (error.code === "EPIPE") exit(0);
    throw error;
  });
  process.exitCode = command(argv.slice(2), terminal);
}

/** Bytes of a file; null for what is not there. */
export function fileBytes(path: string): number | null {
  return existsSync(path) ? statSync(path).size : null;
}
