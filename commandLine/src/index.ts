/**
 * Command lines of the project's own programs: options with their help, in one way everywhere.
 */
import { parseArgs } from "node:util";

interface OptionSpec {
  /** What `--help` says. */
  readonly help: string;
  /** The name of its value in `--help`; without one it is a switch. */
  readonly value?: string;
  /** Default value; for switches false. */
  readonly default?: string;
  /** The values that it can have. */
  readonly choices?: readonly string[];
}

/** Parsed options: text for those with a value (without a default "" when not given), true or false for switches. */
export type Options<S extends Record<string, OptionSpec>> = {
  [K in keyof S]: S[K] extends { value: string } ? string : boolean;
};

/** The kernels that `--target` chooses. TypeTorch, which looks at it when it loads, must be imported after the options are parsed. */
export const targetOption = {
  value: "NAME",
  help: "kernels to use: js, wasm, x64-avx2, x64-avx512 (default: the best that this processor has)",
  choices: ["js", "wasm", "x64-avx2", "x64-avx512"],
} as const;

/** Where tensors are computed. */
export const deviceOption = {
  value: "NAME",
  default: "cpu",
  help: "cpu, or webgpu: the GPU (in Node install the package webgpu)",
  choices: ["cpu", "webgpu"],
} as const;

/** Ends the program because it was called wrongly. */
export function refuse(message: string): never {
  console.error(`${message}\nTry --help.`);
  process.exit(2);
}

function helpText(usage: string, about: string, specs: Record<string, OptionSpec>): string {
  const lines = Object.entries({ ...specs, help: { help: "print this" } as OptionSpec }).map(([name, spec]) => {
    const left = `--${name}${spec.value === undefined ? "" : ` ${spec.value}`}`;
    return `  ${left.padEnd(22)}${spec.help}${spec.default === undefined ? "" : ` (default: ${spec.default})`}`;
  });
  return `${usage} [options]\n\n${about}\n\n${lines.join("\n")}`;
}

/** Parses the command line into options and the other words. `--help` prints what there is; unknown options and values that cannot be end the program. */
export function parseCommand<const S extends Record<string, OptionSpec>>(
  usage: string,
  about: string,
  specs: S,
): { readonly options: Options<S>; readonly words: readonly string[] } {
  const config = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      { type: spec.value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  let values: Record<string, unknown>;
  let words: readonly string[];
  try {
    const options = { ...config, help: { type: "boolean" as const, short: "h" } };
    ({ values, positionals: words } = parseArgs({ allowPositionals: true, options }));
  } catch (error) {
    refuse((error as Error).message.split(". ")[0]!);
  }
  if (values.help === true) {
    console.log(helpText(usage, about, specs));
    process.exit(0);
  }
  for (const [name, { choices }] of Object.entries<OptionSpec>(specs)) {
    const value = values[name];
    if (typeof value === "string" && choices !== undefined && !choices.includes(value))
      refuse(`--${name} must be one of ${choices.join(", ")}, not '${value}'.`);
  }
  if (typeof values.target === "string") process.env.TYPETORCH_TARGET = values.target;
  const options = Object.fromEntries(
    Object.entries<OptionSpec>(specs).map(([name, spec]) => [
      name,
      values[name] ?? spec.default ?? (spec.value === undefined ? false : ""),
    ]),
  ) as Options<S>;
  return { options, words };
}

/** Parses a command line that has only options. */
export function parseOptions<const S extends Record<string, OptionSpec>>(usage: string, about: string, specs: S): Options<S> {
  const { options, words } = parseCommand(usage, about, specs);
  if (words.length > 0) refuse(`Unexpected argument '${words[0]}'.`);
  return options;
}

/** A number from the command line that must be positive. */
export function positive(name: string, text: string, integer = true): number {
  const value = Number(text);
  if (!(value > 0) || (integer && !Number.isInteger(value)))
    refuse(`--${name} must be a positive ${integer ? "integer" : "number"}, not '${text}'.`);
  return value;
}

/** An integer from the command line that must not be negative. */
export function natural(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0)
    refuse(`--${name} must be an integer of at least 0, not '${text}'.`);
  return value;
}
