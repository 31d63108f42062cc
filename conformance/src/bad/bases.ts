/**
 * The good calls from which bad ones are made: recorded cases with small tensors, and for what has no case a call that its signature allows.
 */
import { type Api, camel } from "../api.ts";
import { type Case, type Entry, isObject, type Json, type JsonObject, type Pools, readCases } from "../format.ts";
import type { ModuleCase } from "../modules.ts";
import type { OpCase } from "../ops.ts";
import { overloadOf, overloads } from "../signatures.ts";
import type { Dice, Form, Literal } from "./call.ts";
import { type Base, fromSignature, snake } from "./generate.ts";

/** Recorded in another order than they are called, or no functions of their own. */
const OTHERS = new Set(
  "where polygamma special.polygamma einsum sum_to_size T H mT mH __getitem__ slice svd_lowrank pca_lowrank nn.functional.embedding nn.functional.embedding_bag".split(
    " ",
  ),
);

/** What no call of which may be tried: it changes the session, or reads what is not an argument. */
const NOT_CALLED = new Set(
  "manualSeed setNumThreads setDefaultDtype setPrintoptions emptyCache pushMode setGradEnabled seed initialSeed getRngState setRngState pushMode".split(
    " ",
  ),
);

function literal(entry: Entry, pools: Pools): Literal | null {
  if (entry.d === "c64" || entry.d === "c128") return null;
  const n = entry.n ?? entry.s.reduce((a, b) => a * b, 1);
  if (n > 96) return null;
  const v = pools.values({ d: entry.d, p: entry.p, s: [n] }).map((x) => {
    const value = Number(x);
    return Number.isFinite(value) ? Number(value.toPrecision(5)) : Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  });
  return { d: entry.d, s: entry.s, v, ...(entry.st && { st: entry.st, o: entry.o ?? 0 }), ...(entry.g && { g: 1 as const }) };
}

/** The tensors that values mention, made literal; null when one of them is too large. */
function literals(T: readonly Entry[], values: Json, pools: Pools): Literal[] | null {
  let last = -1;
  const walk = (value: Json): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (isObject(value)) {
      if ("$t" in value) last = Math.max(last, value.$t as number);
      else Object.values(value).forEach(walk);
    }
  };
  walk(values);
  const out: Literal[] = [];
  for (const entry of T.slice(0, last + 1)) {
    const x = literal(entry, pools);
    if (x === null) return null;
    out.push(x);
  }
  return out;
}

function hasSpecial(value: Json): boolean {
  if (Array.isArray(value)) return value.some(hasSpecial);
  if (!isObject(value)) return false;
  if (
    "$c" in value ||
    "$mf" in value ||
    "$device" in value ||
    "$layout" in value ||
    "$js" in value ||
    "$module" in value ||
    "$fn" in value
  )
    return true;
  return Object.values(value).some(hasSpecial);
}

/** The good calls of the cases in a folder, by op; at most `limit` of each. */
export function basesOf(directory: string, limit: number): Map<string, Base[]> {
  const out = new Map<string, Base[]>();
  const add = (key: string, base: Base): void => {
    const list = out.get(key) ?? [];
    list.push(base);
    out.set(key, list);
  };
  const ops = readCases(directory, "ops");
  for (const c of (ops?.cases ?? []) as OpCase[]) {
    if (OTHERS.has(c.op) || c.op.startsWith("__") || (c.variant !== undefined && c.post !== undefined)) continue;
    if ((out.get(c.op)?.length ?? 0) >= limit || hasSpecial(c.args) || hasSpecial(c.kwargs)) continue;
    const T = literals(c.T, [c.args, c.kwargs], ops!.pools);
    const overload = overloadOf(c.op, c.args, c.kwargs);
    if (T === null || overload < 0) continue;
    add(c.op, { op: c.op, overload, form: "function", T, args: c.args, kwargs: c.kwargs });
  }
  const modules = readCases(directory, "modules");
  for (const c of (modules?.cases ?? []) as ModuleCase[]) {
    if ((out.get(c.module)?.length ?? 0) >= limit || hasSpecial([c.cargs, c.ckwargs, c.args, c.kwargs])) continue;
    const T = literals(c.T, [c.cargs, c.ckwargs, c.args], modules!.pools);
    const overload = overloadOf(c.module, c.cargs, c.ckwargs);
    if (T === null || overload < 0 || c.dtype !== "f32") continue;
    add(c.module, { op: c.module, overload, form: "module", T, args: c.cargs, kwargs: c.ckwargs, forward: c.args });
  }
  return out;
}

/** Everything public that can be called, by PyTorch's name, with the ways of calling it. */
export function publicOps(api: Api): Map<string, Form[]> {
  const out = new Map<string, Form[]>();
  const names = (space: unknown): string[] =>
    Object.keys(space as object).filter((name) => typeof (space as Record<string, unknown>)[name] === "function");
  const { torch } = api;
  const nn = torch.nn as Record<string, unknown>;
  const add = (name: string, form: Form): void => {
    const forms = out.get(name) ?? [];
    if (!forms.includes(form)) forms.push(form);
    out.set(name, forms);
  };
  for (const name of names(torch)) if (/^[a-z]/.test(name) && !NOT_CALLED.has(name)) add(snake(name), "function");
  for (const name of names(nn.functional)) add(`nn.functional.${snake(name)}`, "function");
  for (const space of ["linalg", "special", "fft"]) {
    if (typeof torch[space] === "object") for (const name of names(torch[space])) add(`${space}.${snake(name)}`, "function");
  }
  for (const name of names(nn.init)) add(`nn.init.${snake(name)}`, "function");
  for (const name of Object.getOwnPropertyNames(api.Tensor.prototype)) {
    const property = Object.getOwnPropertyDescriptor(api.Tensor.prototype, name)!;
    if (typeof property.value !== "function" || name === "constructor" || name === "extrasOrNew") continue;
    const plain = name.endsWith("_") && !name.startsWith("_") ? name.slice(0, -1) : null;
    if (plain !== null && (out.has(snake(plain)) || plain in api.Tensor.prototype)) add(snake(plain), "inplace");
    else add(snake(name), "method");
  }
  for (const name of names(nn))
    if (/^[A-Z]/.test(name) && (nn[name] as { prototype: unknown }).prototype instanceof (nn.Module as new () => object))
      add(`nn.${name}`, "module");
  for (const name of names(torch.optim)) if (name !== "Optimizer") add(`optim.${name}`, "optim");
  return out;
}

/** A call made from the signature alone. */
export function signatureBase(dice: Dice, op: string, form: Form): Base {
  const count = overloads(op)?.length ?? 0;
  const base = fromSignature(dice, op, count === 0 ? -1 : dice.below(count), form);
  if (form === "optim") {
    const T: Literal[] = [{ d: "f32", s: [2, 2], v: [0.5, -1, 2, 0.25], g: 1 }];
    const required = (overloads(op)?.[0] ?? []).filter((p) => !p.hasDefault && p.name !== "params");
    return {
      ...base,
      T,
      args: [[{ $t: 0 }]],
      kwargs: Object.fromEntries(required.map((p) => [p.name, { $f: 0.1 }])) as JsonObject,
    };
  }
  if (form === "module") {
    const T: Literal[] = [{ d: "f32", s: [2, 2, 4], v: Array.from({ length: 16 }, (_, k) => k / 8 - 1) }];
    return { ...base, T: [...base.T, ...T], forward: [{ $t: base.T.length }] };
  }
  if (base.overload >= 0) return base;
  // of what PyTorch's table does not have, two tensors are tried
  const T: Literal[] = [
    { d: "f32", s: [2, 3], v: [1, 2, 3, 4, 5, 6] },
    { d: "f32", s: [3], v: [1, 2, 3] },
  ];
  return { ...base, T, args: [{ $t: 0 }, { $t: 1 }] };
}

export type { Case };
export { camel };
