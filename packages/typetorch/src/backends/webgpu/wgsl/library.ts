/**
 * The WGSL functions that kernels call, and which of them a text needs.
 */
import { doubles } from "./doubles.ts";
import { floats } from "./floats.ts";
import { integers } from "./integers.ts";

/** Declarations by name: functions, and the constants they read. */
const declarations = new Map<string, string>();
for (const text of `${integers}${doubles}${floats}`.split(/\n(?=fn |const )/)) {
  const name = /^\s*(?:fn|const) (\w+)/.exec(text)?.[1];
  if (name !== undefined) declarations.set(name, text.trim());
}

/**
 * The declarations that `text` needs, itself included. `made` knows functions beyond the library by name: transcendental ones, see functions.ts. `zero` is an
 * expression that is 0 at run time, which no compiler can know.
 */
export function withDeclarations(text: string, zero: string, made: (name: string) => string | undefined): string {
  const found = new Map<string, string>();
  const visit = (part: string): void => {
    for (const [name] of part.matchAll(/\b[a-z]\w*/g)) {
      if (found.has(name)) continue;
      const declaration =
        name === "zero_bits" ? `fn zero_bits() -> u32 { return ${zero}; }` : (declarations.get(name) ?? made(name));
      if (declaration === undefined) continue;
      found.set(name, declaration);
      visit(declaration);
    }
  };
  visit(text);
  return `${[...found.values()].join("\n")}\n${text}`;
}
