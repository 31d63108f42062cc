/**
 * From Python's way of calling to ours: parameters without a default go by position, the others into one trailing options object.
 * `signatures.json` (written by signatures.py from PyTorch itself) says which parameters a function has.
 */
import fs from "node:fs";
import { isObject, type Json, type JsonObject } from "./format.ts";

export interface Parameter {
  readonly name: string;
  /** t tensor, s scalar, i int, f float, b bool, S string, d dtype, a anything; `[]` a list of them, `?` None allowed. */
  readonly type: string;
  readonly hasDefault: boolean;
  readonly keywordOnly: boolean;
  /** Takes all remaining positional arguments. */
  readonly variadic: boolean;
}

/** Arguments bound to a signature: what goes by position, and what by name. */
export interface Bound {
  readonly positional: readonly { readonly parameter: Parameter; readonly value: Json }[];
  readonly options: readonly { readonly parameter: Parameter; readonly value: Json }[];
}

const texts = JSON.parse(fs.readFileSync(new URL("../../signatures.json", import.meta.url), "utf8")) as Record<string, string[]>;
const parsed = new Map<string, Parameter[][]>();

function parse(text: string): Parameter[] {
  const out: Parameter[] = [];
  let keywordOnly = false;
  for (const part of text === "" ? [] : text.split(",")) {
    if (part === "*") {
      keywordOnly = true;
      continue;
    }
    if (part.startsWith("**")) {
      out.push({ name: "**", type: "a", hasDefault: true, keywordOnly: true, variadic: false });
      continue;
    }
    if (part.startsWith("*")) {
      out.push({ name: part.slice(1), type: "a", hasDefault: true, keywordOnly: false, variadic: true });
      keywordOnly = true;
      continue;
    }
    const hasDefault = part.endsWith("=");
    const [name, type] = (hasDefault ? part.slice(0, -1) : part).split(":") as [string, string];
    out.push({ name, type, hasDefault, keywordOnly, variadic: false });
  }
  return out;
}

/** The overloads of `name`; undefined when PyTorch's table does not have it. */
export function overloads(name: string): readonly (readonly Parameter[])[] | undefined {
  let found = parsed.get(name);
  if (found === undefined) {
    const list = texts[name];
    if (list === undefined) return undefined;
    found = list.map(parse);
    parsed.set(name, found);
  }
  return found;
}

function accepts(type: string, value: Json): boolean {
  const base = type[0]!;
  if (value === null) return type.endsWith("?") || base === "a";
  if (base === "a") return true;
  const items = isObject(value) && "$tuple" in value ? (value.$tuple as Json[]) : Array.isArray(value) ? value : null;
  if (type.includes("[]")) {
    if (items !== null) return items.every((v) => accepts(base, v) || (v === null && base === "t"));
    return base === "i" && typeof value === "number"; // int[1] takes one int
  }
  if (items !== null) return false;
  const tensor = isObject(value) && "$t" in value;
  if (base === "t") return tensor;
  if (tensor) return false;
  if (base === "S") return typeof value === "string";
  if (base === "d") return isObject(value) && "$dtype" in value;
  if (base === "b") return typeof value === "boolean";
  if (base === "i") return typeof value === "number" || (isObject(value) && "$i" in value);
  return (
    typeof value === "number" ||
    typeof value === "boolean" ||
    (isObject(value) && ("$f" in value || "$i" in value || "$c" in value))
  );
}

/** `out=` is in no table: every function takes it. */
const out: Parameter = { name: "out", type: "a", hasDefault: true, keywordOnly: true, variadic: false };

function bindTo(signature: readonly Parameter[], args: readonly Json[], kwargs: JsonObject, checkTypes: boolean): Bound | null {
  const given = new Map<Parameter, Json>();
  const rest: Json[] = [];
  const byPosition = signature.filter((p) => !p.keywordOnly);
  const variadic = byPosition.find((p) => p.variadic);
  for (let i = 0; i < args.length; i++) {
    const parameter = byPosition[i];
    if (parameter !== undefined && !parameter.variadic) given.set(parameter, args[i]!);
    else if (variadic !== undefined) rest.push(args[i]!);
    else return null;
  }
  for (const [name, value] of Object.entries(kwargs)) {
    const parameter = name === "out" ? out : signature.find((p) => p.name === name || (name === "self" && p.name === "input"));
    if (parameter === undefined && signature.some((p) => p.name === "**")) {
      given.set({ name, type: "a", hasDefault: true, keywordOnly: true, variadic: false }, value);
      continue;
    }
    if (parameter === undefined || given.has(parameter)) return null;
    given.set(parameter, value);
  }
  const positional: { parameter: Parameter; value: Json }[] = [];
  const options: { parameter: Parameter; value: Json }[] = [];
  const extra = [...given.keys()].filter((p) => !signature.includes(p));
  for (const parameter of [...signature, ...extra]) {
    if (parameter.variadic) {
      for (const value of rest) positional.push({ parameter, value });
      continue;
    }
    const value = given.get(parameter);
    if (value === undefined) {
      if (!parameter.hasDefault && !parameter.keywordOnly) return null;
      continue;
    }
    if (checkTypes && !accepts(parameter.type, value)) return null;
    (parameter.hasDefault || parameter.keywordOnly ? options : positional).push({ parameter, value });
  }
  return { positional, options };
}

/** The position of the first overload that takes the arguments; -1 where none does. */
export function overloadOf(name: string, args: readonly Json[], kwargs: JsonObject): number {
  for (const checkTypes of [true, false]) {
    const at = (overloads(name) ?? []).findIndex((signature) => bindTo(signature, args, kwargs, checkTypes) !== null);
    if (at >= 0) return at;
  }
  return -1;
}

/** Arguments laid out by a signature that they need not fit: what is missing in front of another becomes undefined, names that it lacks become options. */
export function place(
  signature: readonly Parameter[],
  args: readonly Json[],
  kwargs: JsonObject,
): { positional: (Json | undefined)[]; options: JsonObject } {
  const positional: (Json | undefined)[] = [];
  const options: JsonObject = {};
  const byPosition = signature.filter((p) => !p.keywordOnly);
  args.forEach((value, i) => {
    const parameter = byPosition[i];
    if (parameter === undefined || parameter.variadic || !parameter.hasDefault) positional[i] = value;
    else options[parameter.name] = value;
  });
  for (const [name, value] of Object.entries(kwargs)) {
    const at = byPosition.findIndex((p) => p.name === name && !p.hasDefault);
    if (at >= 0) positional[at] = value;
    else options[name] = value;
  }
  return { positional: Array.from(positional), options };
}

/** Binds Python arguments to the first overload that takes them (by types if possible, by count otherwise). */
export function bind(name: string, args: readonly Json[], kwargs: JsonObject): Bound | null {
  const list = overloads(name);
  if (list === undefined) return null;
  for (const checkTypes of [true, false]) {
    for (const signature of list) {
      const bound = bindTo(signature, args, kwargs, checkTypes);
      if (bound !== null) return bound;
    }
  }
  return null;
}
