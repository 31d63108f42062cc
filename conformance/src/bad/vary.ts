/**
 * Makes good calls from good ones: other values, memory layouts, dtypes, sizes, broadcasting, gradients. Some of them are bad after all, which is as well: PyTorch is asked.
 */
import type { Kind } from "../format.ts";
import type { BadCall, Dice, Form, Literal } from "./call.ts";
import { type Base, prune } from "./generate.ts";

const isFloat = (d: Kind): boolean => d === "f32" || d === "f64" || d === "f16" || d === "bf16";

/** The elements in row-major order. */
function rowMajor(x: Literal): (number | string)[] {
  const v = x.v! as (number | string)[];
  if (x.st === undefined) return v;
  const out: (number | string)[] = [];
  const walk = (d: number, at: number): void => {
    if (d === x.s.length) out.push(v[at]!);
    else for (let i = 0; i < x.s[d]!; i++) walk(d + 1, at + i * x.st![d]!);
  };
  walk(0, x.o ?? 0);
  return out;
}

/** A tensor with these elements, laid out in memory as `order` (dimensions from the outermost on) and `step` say. */
function laidOut(
  x: Literal,
  elements: readonly (number | string)[],
  order: readonly number[],
  step: number,
  offset: number,
): Literal {
  const st = new Array<number>(x.s.length).fill(0);
  let size = step;
  for (const d of [...order].reverse()) {
    st[d] = size;
    size *= Math.max(x.s[d]!, 1);
  }
  const v = new Array<number | string>(Math.max(size, 1) + offset).fill(1);
  const walk = (d: number, at: number, from: number): number => {
    if (d === x.s.length) {
      v[at] = elements[from]!;
      return from + 1;
    }
    let next = from;
    for (let i = 0; i < x.s[d]!; i++) next = walk(d + 1, at + i * st[d]!, next);
    return next;
  };
  if (elements.length > 0) walk(0, offset, 0);
  return { d: x.d, s: x.s, v: v as never, st, o: offset, ...(x.g && { g: x.g }) };
}

function resized(x: Literal, s: readonly number[]): Literal {
  const elements = rowMajor(x);
  const n = s.reduce((a, b) => a * b, 1);
  const v = Array.from({ length: n }, (_, i) => (elements.length > 0 ? elements[i % elements.length]! : 0.5));
  return { d: x.d, s: [...s], v: v as never, ...(x.g && { g: x.g }) };
}

type Change = (dice: Dice, T: Literal[]) => string | null;

const changes: readonly Change[] = [
  // other values of the same sign and size; integers change places
  (dice, T) => {
    T.forEach((x, i) => {
      const elements = rowMajor(x);
      const v = isFloat(x.d)
        ? elements.map((e) => (typeof e === "number" ? Number((e * (0.6 + 0.8 * dice.next())).toPrecision(4)) : e))
        : elements.map(() => dice.pick(elements));
      T[i] = { d: x.d, s: x.s, v: v as never, ...(x.g && { g: x.g }) };
    });
    return "values";
  },
  (dice, T) => {
    const step = dice.pick([1, 1, 2]);
    T.forEach((x, i) => {
      const order = x.s.map((_, d) => d);
      for (let d = order.length - 1; d > 0; d--) {
        const other = dice.below(d + 1);
        [order[d], order[other]] = [order[other]!, order[d]!];
      }
      T[i] = laidOut(x, rowMajor(x), order, step, dice.pick([0, 0, 3]));
    });
    return "layout";
  },
  (dice, T) => {
    const to = dice.pick(["f64", "f64", "f32", "bf16"] as const);
    T.forEach((x, i) => {
      if (isFloat(x.d)) T[i] = { ...x, d: to };
    });
    return `dtype ${to}`;
  },
  (dice, T) => {
    const to = dice.pick(["i64", "i32", "u8", "bool", "i16"] as const);
    const which = T.findIndex((x) => isFloat(x.d));
    if (which < 0) return null;
    const x = T[which]!;
    T[which] = {
      d: to,
      s: x.s,
      v: rowMajor(x).map((e) => (to === "bool" ? Number(Number(e) > 0) : Math.abs(Math.trunc(Number(e))) % 100 || 0)) as never,
    };
    return `dtype ${to} of one`;
  },
  // one size becomes another wherever it stands
  (dice, T) => {
    const sizes = T.flatMap((x) => x.s);
    if (sizes.length === 0) return null;
    const from = dice.pick(sizes);
    const to = dice.pick([1, 2, 3, from + 1, 0, 17]);
    if (T.some((x) => x.s.reduce((a, n) => a * (n === from ? to : n), 1) > 400)) return null;
    T.forEach((x, i) => {
      if (x.s.includes(from))
        T[i] = resized(
          x,
          x.s.map((n) => (n === from ? to : n)),
        );
    });
    return `size ${from} to ${to}`;
  },
  (dice, T) => {
    const which = dice.below(T.length);
    const x = T[which]!;
    if (x.s.length === 0) return null;
    const d = dice.below(x.s.length);
    T[which] = resized(
      x,
      x.s.map((n, k) => (k === d ? 1 : n)),
    );
    return "broadcast";
  },
  (dice, T) => {
    const which = dice.below(T.length);
    T[which] = resized(T[which]!, []);
    return "0-d";
  },
  (_dice, T) => {
    T.forEach((x, i) => {
      if (isFloat(x.d)) T[i] = { ...x, g: 1 };
    });
    return "gradients";
  },
];

/** A good call in other clothes. */
export function variedCall(dice: Dice, base: Base, id: string, forms: readonly Form[]): BadCall {
  const T = base.T.filter((x) => x.of === undefined).length === base.T.length ? base.T.map((x) => ({ ...x })) : [...base.T];
  const done: string[] = [];
  if (T.length > 0 && T.every((x) => x.of === undefined)) {
    const count = 1 + dice.below(3);
    for (let k = 0; k < count; k++) {
      const text = dice.pick(changes)(dice, T);
      if (text !== null) done.push(text);
    }
  }
  const self = base.args[0];
  const onTensor = typeof self === "object" && self !== null && "$t" in (self as object);
  const form = dice.pick(forms);
  const keeps = form === "function" || form === "module" || form === "optim" || onTensor;
  const call: BadCall = {
    ...base,
    id,
    form: keeps ? form : "function",
    T: form === "inplace" ? T.map(({ g: _, ...x }) => x) : T,
    change: done.join("; ") || "as it is",
    detail: true,
  };
  return prune(call);
}
