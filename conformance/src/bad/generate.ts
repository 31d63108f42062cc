/**
 * Makes bad calls from good ones: one argument (sometimes two) is replaced by what does not belong there.
 */
import { camel } from "../api.ts";
import { isObject, type Json, type JsonObject, type Kind } from "../format.ts";
import { overloads, type Parameter } from "../signatures.ts";
import type { BadCall, Dice, Form, Literal } from "./call.ts";

/** A good call, from which bad ones are made. */
export interface Base {
  readonly op: string;
  readonly overload: number;
  readonly form: Form;
  readonly T: readonly Literal[];
  readonly args: readonly Json[];
  readonly kwargs: JsonObject;
  readonly forward?: readonly Json[];
}

/** Where in a call a value stands. */
interface Place {
  readonly value: Json;
  readonly type: string;
  readonly name: string;
  put(call: Draft, value: Json | undefined): void;
}

interface Draft {
  T: Literal[];
  args: Json[];
  kwargs: JsonObject;
  forward?: Json[];
}

const nan: Json = { $f: "nan" };
const inf: Json = { $f: "inf" };
const empty: Json = { $dict: [] };
const wrongKinds: readonly Json[] = [null, "abc", [1, 2], empty];
const byType: Record<string, readonly Json[]> = {
  t: [null, { $f: 3.5 }, 2, "abc", [1, 2], empty, true],
  s: [null, "abc", nan, inf, { $f: "-inf" }, -1, 0, { $f: 1e300 }, [1], empty, true, -7],
  f: [null, "abc", nan, inf, { $f: -0.5 }, -1, 0, { $f: 1e300 }, [1], empty, 2],
  i: [
    null,
    "abc",
    { $f: 1.5 },
    nan,
    inf,
    -1,
    -2,
    0,
    5,
    -100,
    100,
    137438953472,
    1099511627776,
    9007199254740991,
    [1],
    empty,
    true,
  ],
  b: [null, "abc", 3, empty],
  S: ["nonsense", null, 3, empty],
  d: [null, "float32", { $dtype: "i64" }, { $dtype: "bool" }, { $dtype: "f16" }, { $dtype: "u8" }, 3],
  a: [null, "abc", nan, inf, -1, 0, -100, 100, { $f: 0.5 }, [], [1, 2], [-1], empty, true, 1099511627776],
};
const lists: readonly Json[] = [
  null,
  [],
  [-1],
  [0],
  [1, 1],
  [5],
  [100],
  ["abc"],
  [{ $f: 1.5 }],
  [nan],
  [null],
  3,
  "abc",
  empty,
  [1099511627776, 1099511627776],
  [2, 3, 4, 5, 6],
];
const kinds: readonly Kind[] = ["f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"];

const numel = (s: readonly number[]): number => s.reduce((a, b) => a * b, 1);
const isFloat = (d: Kind): boolean => d.includes("f");

function rowMajor(s: readonly number[]): number[] {
  const out = new Array<number>(s.length);
  for (let i = s.length - 1, step = 1; i >= 0; i--) {
    out[i] = step;
    step *= Math.max(1, s[i]!);
  }
  return out;
}

function elements(d: Kind, n: number): (number | string)[] {
  return Array.from({ length: n }, (_, k) => (d === "bool" ? k % 2 : isFloat(d) ? ((k * 7) % 11) / 4 - 0.5 : (k * 3) % 2));
}

function fresh(d: Kind, s: readonly number[]): Literal {
  return { d, s, v: elements(d, numel(s)) };
}

/** The tensor with something about it changed: shape, dtype, content, layout. */
function changed(dice: Dice, x: Literal): [Literal, string] {
  const { d, s } = x;
  const same = (more: Partial<Literal>): Literal => ({ d, s, v: x.v ?? elements(d, numel(s)), ...more });
  const contiguous = x.st === undefined && x.of === undefined;
  const choice = dice.below(12);
  if (choice === 0) return [fresh(d, []), "0-d"];
  if (choice === 1) return [fresh(d, [1, ...s].slice(0, 6)), "rank + 1"];
  if (choice === 2) return [fresh(d, s.slice(1)), "rank - 1"];
  if (choice === 3 || choice === 4) {
    const to = dice.pick(kinds.filter((k) => k !== d));
    return [fresh(to, s), `dtype ${to}`];
  }
  if (choice === 5 && s.length > 0) {
    const at = dice.below(s.length);
    return [
      fresh(
        d,
        s.map((n, i) => (i === at ? n + 1 : n)),
      ),
      `size + 1 at ${at}`,
    ];
  }
  if (choice === 6 && s.length > 0) {
    const at = dice.below(s.length);
    return [
      fresh(
        d,
        s.map((n, i) => (i === at ? 0 : n)),
      ),
      `size 0 at ${at}`,
    ];
  }
  if (choice === 7 && contiguous && numel(s) > 0) {
    const v = [...same({}).v!];
    v[dice.below(v.length)] = isFloat(d)
      ? dice.pick(["nan", "inf", "-inf"])
      : d === "bool"
        ? 0
        : d === "u8"
          ? 200
          : dice.pick([-100, 100, -1]);
    return [same({ v }), "value"];
  }
  if (choice === 8 && contiguous && s.length > 1) {
    const st = rowMajor([...s].reverse()).reverse();
    return [same({ st }), "transposed layout"];
  }
  if (choice === 9 && s.length > 0) return [{ d, s, v: elements(d, 1), st: s.map(() => 0) }, "expanded"];
  if (choice === 10 && isFloat(d) && contiguous) return [same({ g: 1 }), "requires grad"];
  if (choice === 11) return [fresh(d, []), "0-d"];
  return [fresh(d, [...s, 2]), "rank + 1 at the end"];
}

function places(base: Base, signature: readonly Parameter[] | undefined): Place[] {
  const out: Place[] = [];
  const byPosition = signature?.filter((p) => !p.keywordOnly);
  base.args.forEach((value, i) => {
    const parameter = byPosition?.[Math.min(i, byPosition.length - 1)];
    out.push({
      value,
      type: parameter?.type ?? "a",
      name: parameter?.name ?? `argument ${i}`,
      put: (call, v) => {
        if (v === undefined) call.args.length = i;
        else call.args[i] = v;
      },
    });
  });
  for (const [name, value] of Object.entries(base.kwargs)) {
    out.push({
      value,
      type: signature?.find((p) => p.name === name)?.type ?? "a",
      name,
      put: (call, v) => {
        if (v === undefined) delete call.kwargs[name];
        else call.kwargs[name] = v;
      },
    });
  }
  // parameters that were left to their default
  for (const p of signature ?? []) {
    const at = byPosition!.indexOf(p);
    if ((at >= 0 && at < base.args.length) || p.name in base.kwargs || p.variadic || p.name === "**") continue;
    if (["device", "pin_memory", "layout", "memory_format", "generator", "names"].includes(p.name)) continue;
    out.push({
      value: null,
      type: p.type,
      name: p.name,
      put: (call, v) => {
        if (v !== undefined) call.kwargs[p.name] = v;
      },
    });
  }
  base.forward?.forEach((value, i) => {
    out.push({
      value,
      type: "t",
      name: `forward ${i}`,
      put: (call, v) => {
        if (v === undefined) call.forward!.length = i;
        else call.forward![i] = v;
      },
    });
  });
  return out;
}

/** Replaces one value. */
function spoil(dice: Dice, call: Draft, place: Place): string {
  const { value, type } = place;
  const tensorAt = isObject(value) && "$t" in value ? (value.$t as number) : -1;
  if (tensorAt >= 0 && dice.next() < 0.7) {
    const [x, how] = changed(dice, call.T[tensorAt]!);
    call.T.push(x);
    place.put(call, { $t: call.T.length - 1 });
    return `${place.name}: ${how}`;
  }
  if (dice.next() < 0.06) {
    place.put(call, undefined);
    return `${place.name}: missing`;
  }
  const base = type[0]!;
  if (base !== "t" && dice.next() < 0.06) {
    call.T.push(fresh(dice.pick(["f32", "i64"] as const), dice.pick([[], [2]])));
    place.put(call, { $t: call.T.length - 1 });
    return `${place.name}: a tensor`;
  }
  if (Array.isArray(value) && value.length > 0 && dice.next() < 0.5) {
    const at = dice.below(value.length);
    const inner = value[at]!;
    const list = [...value];
    const element = isObject(inner) && "$t" in inner ? "t" : base === "t" ? "t" : typeof inner === "number" ? "i" : "a";
    const how = spoil(dice, call, {
      value: inner,
      type: element,
      name: `${place.name}[${at}]`,
      put: (_, v) => (v === undefined ? list.splice(at, 1) : (list[at] = v)),
    });
    place.put(call, list);
    return how;
  }
  const pool = type.includes("[]") ? lists : dice.next() < 0.15 ? wrongKinds : (byType[base] ?? byType.a!);
  let to = dice.pick(pool);
  // as many layers as that keep PyTorch busy for hours, too
  if (place.name.includes("layers") && typeof to === "number" && to > 100) to = 7;
  place.put(call, to);
  return `${place.name}: ${JSON.stringify(to)}`;
}

/** The `out` of a call: wrong dtype, wrong shape, expanded, one of the inputs, or right. */
function addOut(dice: Dice, call: Draft): string {
  const tensors = call.args.filter((a) => isObject(a) && "$t" in a).map((a) => (a as JsonObject).$t as number);
  const like = call.T[tensors[0] ?? 0] ?? fresh("f32", [2]);
  const choice = dice.below(6);
  if (choice === 0 && tensors.length > 0) call.kwargs.out = { $t: tensors[0]! };
  else if (choice === 1 && tensors.length > 0 && like.st === undefined && like.of === undefined && numel(like.s) > 1) {
    const n = numel(like.s);
    call.T[tensors[0]!] = { d: like.d, s: like.s, v: [...(like.v ?? elements(like.d, n)).slice(0, n), ...elements(like.d, 1)] };
    call.T.push({ d: like.d, s: like.s, of: tensors[0]!, st: rowMajor(like.s), o: 1 });
    call.kwargs.out = { $t: call.T.length - 1 };
    return "out: overlaps";
  } else if (choice === 2) call.kwargs.out = dice.pick<Json>([3, "abc", [1]]);
  else {
    const x =
      choice === 3
        ? fresh(dice.pick(kinds), like.s)
        : choice === 4
          ? fresh(like.d, [...like.s, 2])
          : like.s.length > 0
            ? { d: like.d, s: like.s, v: elements(like.d, 1), st: like.s.map(() => 0) }
            : { ...fresh("f32", like.s), g: 1 as const };
    call.T.push(x);
    call.kwargs.out = { $t: call.T.length - 1 };
  }
  return `out: ${["an input", "overlaps", "no tensor", "another dtype", "another shape", "expanded"][choice]}`;
}

/** One bad call made of a good one. */
export function badCall(dice: Dice, base: Base, id: string, forms: readonly Form[]): BadCall {
  const signature = base.overload < 0 ? undefined : overloads(base.op)?.[base.overload];
  const call: Draft = { T: [...base.T], args: structuredClone([...base.args]), kwargs: structuredClone(base.kwargs) };
  if (base.forward !== undefined) call.forward = structuredClone([...base.forward]);
  const form = dice.pick(forms);
  const spots = places(base, signature);
  const changes: string[] = [];
  if (form === "function" && dice.next() < 0.12) changes.push(addOut(dice, call));
  else if (spots.length > 0) {
    changes.push(spoil(dice, call, dice.pick(spots)));
    if (dice.next() < 0.1) changes.push(spoil(dice, call, dice.pick(spots)));
  }
  // a method needs its tensor
  const self = call.args[0];
  const methodLike = form === "method" || form === "inplace";
  // in place on leaves that require grad is one error among many: mostly without
  if (form === "inplace" && dice.next() < 0.9) call.T = call.T.map(({ g: _, ...x }) => x);
  const keeps = !methodLike || (isObject(self) && "$t" in self);
  return prune({
    id,
    op: base.op,
    form: keeps ? form : "function",
    overload: base.overload,
    ...call,
    change: changes.join("; "),
  });
}

/** The call without the tensors that it does not use. */
export function prune(call: BadCall): BadCall {
  const used: number[] = [];
  const T: Literal[] = [];
  const move = (i: number): number => {
    let at = used.indexOf(i);
    if (at < 0) {
      const x = call.T[i]!;
      const of = x.of === undefined ? undefined : move(x.of);
      at = used.push(i) - 1;
      T[at] = of === undefined ? x : { ...x, of };
    }
    return at;
  };
  const walk = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(walk);
    if (!isObject(value)) return value;
    if ("$t" in value) return { $t: move(value.$t as number) };
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, walk(v)]));
  };
  const args = call.args.map(walk);
  const kwargs = walk(call.kwargs) as JsonObject;
  const forward = call.forward?.map(walk);
  return { ...call, args, kwargs, ...(forward && { forward }), T };
}

/** A call of an op of which only the signature is known. */
export function fromSignature(dice: Dice, op: string, overload: number, form: Form): Base {
  const signature = overloads(op)?.[overload] ?? [];
  const T: Literal[] = [];
  const args: Json[] = [];
  const tensor = (): Json => {
    T.push(fresh(dice.pick(["f32", "f32", "f32", "i64"] as const), dice.pick([[2, 3], [3, 3], [4], [2, 3, 4]])));
    return { $t: T.length - 1 };
  };
  for (const p of signature) {
    if (p.hasDefault || p.keywordOnly) break;
    const base = p.type[0]!;
    const one = (): Json =>
      base === "t"
        ? tensor()
        : base === "i"
          ? dice.pick([1, 2])
          : base === "b"
            ? true
            : base === "S"
              ? "mean"
              : base === "d"
                ? { $dtype: "f32" }
                : base === "a"
                  ? dice.next() < 0.5
                    ? tensor()
                    : 1
                  : { $f: 0.5 };
    args.push(p.type.includes("[]") ? [one(), one()] : one());
  }
  return { op, overload, form, T, args, kwargs: {} };
}

/** PyTorch's name of one of ours: the inverse of {@link camel}. */
export function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a}_${b.toLowerCase()}`);
}

export { camel };
