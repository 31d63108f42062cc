/**
 * Loading a state_dict: first everything is compared, then everything is copied.
 */
import { keepClassNames } from "../core/className.ts";
import { StateDictError } from "../core/errors.ts";
import { sameShape } from "../core/shape.ts";
import { noGrad } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { AnyModule } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { pythonTypeName } from "./pythonFormat.ts";

/** A state_dict: a Map, or a plain object, from PyTorch's keys to tensors. */
export type StateDictLike = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

export interface LoadStateDictOptions {
  /** Missing and unexpected keys are errors (the default). */
  strict?: boolean;
  /** The given tensors take the place of the module's, instead of being copied into them. */
  assign?: boolean;
}

/** What did not fit in a load that was not strict. */
export class IncompatibleKeys {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  constructor(missingKeys: readonly string[], unexpectedKeys: readonly string[]) {
    this.missingKeys = missingKeys;
    this.unexpectedKeys = unexpectedKeys;
  }
  toString(): string {
    if (this.missingKeys.length === 0 && this.unexpectedKeys.length === 0) return "<All keys matched successfully>";
    const list = (keys: readonly string[]) => `[${keys.map((k) => `'${k}'`).join(", ")}]`;
    return `_IncompatibleKeys(missing_keys=${list(this.missingKeys)}, unexpected_keys=${list(this.unexpectedKeys)})`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

interface Findings {
  readonly missing: string[];
  readonly unexpected: string[];
  readonly problems: string[];
  readonly copies: { module: AnyModule; key: string; to: Tensor; from: Tensor }[];
}

/** Loads `state` into `root`; see {@link Module.loadStateDict}. */
export function loadStateDict(root: AnyModule, state: StateDictLike, options: LoadStateDictOptions): IncompatibleKeys {
  const { strict = true, assign = false } = options;
  const entries = new Map<string, unknown>(state instanceof Map ? state : Object.entries(state));
  const findings: Findings = { missing: [], unexpected: [], problems: [], copies: [] };
  compare(root, entries, "", findings);
  const problems = [...findings.problems];
  const quoted = (keys: readonly string[]) => keys.map((k) => `"${k}"`).join(", ");
  if (strict) {
    if (findings.unexpected.length > 0) problems.unshift(`Unexpected key(s) in state_dict: ${quoted(findings.unexpected)}. `);
    if (findings.missing.length > 0) problems.unshift(`Missing key(s) in state_dict: ${quoted(findings.missing)}. `);
  }
  if (problems.length > 0) {
    throw new StateDictError(
      `Error(s) in loading state_dict for ${root.getName()}:\n\t${problems.join("\n\t")}`,
      prefixHint(findings),
    );
  }
  noGrad(() => {
    for (const { module, key, to, from } of findings.copies) {
      if (!assign) to.copy_(from);
      else if (to instanceof Parameter)
        module.replaceOwn(key, from instanceof Parameter ? from : new Parameter(from, to.requiresGrad));
      else module.replaceOwn(key, from);
    }
  });
  return new IncompatibleKeys(findings.missing, findings.unexpected);
}

/** What to do when all missing keys are there under a prefix, or the other way round. */
function prefixHint({ missing, unexpected }: Findings): string | undefined {
  const inFile = commonPrefix(missing, unexpected);
  if (inFile !== null) {
    const saved = inFile === "module." ? " (nn.DataParallel saves them so)" : "";
    return `the keys of the state_dict begin with "${inFile}"${saved}; take it away: model.loadStateDict(new Map([...state].map(([key, value]) => [key.replace(/^${inFile.replaceAll(".", "\\.")}/, ""), value])))`;
  }
  const inModel = commonPrefix(unexpected, missing);
  if (inModel === null) return undefined;
  return `the keys of the module begin with "${inModel}", those of the state_dict do not: load it into that part, model.${inModel}loadStateDict(state)`;
}

/** The prefix, ending in a point, with which each of `short` is among `long`; null if there is none. */
function commonPrefix(short: readonly string[], long: readonly string[]): string | null {
  if (short.length === 0) return null;
  const there = new Set(long);
  for (const key of long) {
    if (!key.endsWith(`.${short[0]}`)) continue;
    const prefix = key.slice(0, -short[0]!.length);
    if (short.every((name) => there.has(prefix + name))) return prefix;
  }
  return null;
}

function compare(module: AnyModule, entries: Map<string, unknown>, prefix: string, findings: Findings): void {
  module.beforeLoad(entries, prefix);
  const own = new Map<string, Tensor>();
  for (const [key, parameter] of module.ownParameters()) own.set(key, parameter);
  for (const [key, buffer, persistent] of module.ownBuffers()) if (persistent) own.set(key, buffer);
  for (const [key, to] of own) {
    const name = prefix + key;
    if (!entries.has(name)) {
      findings.missing.push(name);
      continue;
    }
    let from = entries.get(name);
    if (!(from instanceof Tensor)) {
      findings.problems.push(
        `While copying the parameter named "${name}", expected torch.Tensor or Tensor-like object from checkpoint but received ${pythonTypeName(from)}`,
      );
      continue;
    }
    // Files of PyTorch 0.3 hold scalars as one element.
    if (to.shape.length === 0 && from.shape.length === 1 && from.shape[0] === 1) from = from.reshape([]);
    if (!sameShape((from as Tensor).shape, to.shape)) {
      findings.problems.push(
        `size mismatch for ${name}: copying a param with shape ${sizeText(from as Tensor)} from checkpoint, the shape in current model is ${sizeText(to)}.`,
      );
      continue;
    }
    findings.copies.push({ module, key, to, from: from as Tensor });
  }
  const modules = module.ownModules();
  const names = new Set(modules.map(([key]) => key));
  for (const key of entries.keys()) {
    if (!key.startsWith(prefix)) continue;
    const rest = key.slice(prefix.length);
    const head = rest.split(".", 1)[0]!;
    if (!names.has(head) && !own.has(head)) findings.unexpected.push(key);
  }
  for (const [key, child] of modules) {
    const childPrefix = `${prefix}${key}.`;
    const below = new Map([...entries].filter(([name]) => name.startsWith(childPrefix)));
    compare(child, below, childPrefix, findings);
  }
}

function sizeText(tensor: Tensor): string {
  return `torch.Size([${tensor.shape.join(", ")}])`;
}

keepClassNames({ IncompatibleKeys });
