/**
 * Command line options of the examples.
 */
import { parseArgs } from "node:util";

interface OptionSpec {
  /** What `--help` says. */
  readonly help: string;
  /** The name of its value in `--help`; without one it is a switch. */
  readonly value?: string;
  /** Default value; for switches false. */
  readonly default?: string;
}

/** Parsed options: text for those with a value, true or false for switches. */
export type Options<S extends Record<string, OptionSpec>> = {
  [K in keyof S]: S[K] extends { value: string } ? string : boolean;
};

/** The kernels that `--target` chooses. It must be set before TypeTorch is imported. */
export const targetOption = {
  value: "NAME",
  help: "kernels to use: js, wasm, x64-avx2, x64-avx512 (default: the best that this processor has)",
} as const;

/** Where tensors are computed. */
export const deviceOption = {
  value: "NAME",
  default: "cpu",
  help: "cpu, or webgpu: the GPU (in Node install the package webgpu)",
} as const;

/** Parses the command line. `--help` prints what there is, and unknown options end the program. */
export function parseOptions<const S extends Record<string, OptionSpec>>(command: string, about: string, specs: S): Options<S> {
  const config = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      { type: spec.value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  let values: Record<string, unknown>;
  try {
    values = parseArgs({ options: { ...config, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\nTry --help.`);
    process.exit(2);
  }
  if (values.help === true) {
    const lines = [...Object.entries(specs), ["help", { help: "print this" } as OptionSpec] as const].map(([name, spec]) => {
      const left = `--${name}${spec.value === undefined ? "" : ` ${spec.value}`}`;
      return `  ${left.padEnd(22)}${spec.help}${spec.default === undefined ? "" : ` (default: ${spec.default})`}`;
    });
    console.log(`${command} [options]\n\n${about}\n\n${lines.join("\n")}`);
    process.exit(0);
  }
  const target = values.target;
  if (typeof target === "string") process.env.TYPETORCH_TARGET = target;
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, values[name] ?? spec.default ?? (spec.value === undefined ? false : "")]),
  ) as Options<S>;
}

/** A number from the command line that must be positive. */
export function positive(name: string, text: string, integer = true): number {
  const value = Number(text);
  if (!(value > 0) || (integer && !Number.isInteger(value))) {
    console.error(`--${name} must be a positive ${integer ? "integer" : "number"}, not '${text}'.`);
    process.exit(2);
  }
  return value;
}
