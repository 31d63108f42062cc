/**
 * The innermost loops of matrix products: a tile of the output is summed in registers while k runs, then scaled, added to what was there, given bias and relu,
 * and stored.
 *
 * - `outer`: a column of A times a row of B, element by element: B lies along the vectors (or, with `taps`, at offsets from a table: a convolution).
 * - `dot`: A and B both lie along k, vectors run along k, and what they hold is added up at the end.
 */
import type { Body, ModuleWriter, ValueType } from "./module.ts";
import type { PlainName } from "./opcodes.ts";
import { type Local, type Value, Words } from "./words.ts";

/** Element type, and whether multiply-adds are fused. */
export interface GemmTarget {
  readonly double: boolean;
  readonly fused: boolean;
}

export const vectorBytes = 16;
export const itemBytes = (t: GemmTarget): 4 | 8 => (t.double ? 8 : 4);
export const lanesOf = (t: GemmTarget): 2 | 4 => (t.double ? 2 : 4);

export const flag = { alpha: 1, beta: 2, biasVector: 4, biasElement: 8, relu: 16 } as const;

/** Rows of a tile at most, and how many vectors wide tiles of so many rows are: enough sums to hide the latency of additions, few enough for 15 registers. */
export const outerRows = 4;
export const outerVectors = [0, 8, 6, 4, 3] as const;
/** Rows of a dot tile at most, and how many columns those of so many rows have. */
export const dotRows = 3;
export const dotColumns = [0, 8, 4, 4] as const;

/**
 * Arguments of every tile. `outer`: element (i, p) of A is at a + p aDistance + i; step p of B at b + p bDistance, or at b plus int32 p of the table at
 * bDistance. `dot`: row i of A is at a + i aDistance; column j of B at b + j bDistance, or at b plus int32 j of the table. Distances in bytes; `columns` is how
 * many of the tile exist.
 */
const argumentNames = ["a", "b", "c", "k", "aDistance", "bDistance", "cRow", "bias", "biasRow", "flags", "columns"] as const;
type Arguments = Readonly<Record<(typeof argumentNames)[number], Local>> & { readonly alpha: Local; readonly beta: Local };

function tileFunction(m: ModuleWriter, t: GemmTarget): { words: Words; args: Arguments } {
  const element: ValueType = t.double ? "f64" : "f32";
  const words = new Words(m.function([...argumentNames.map(() => "i32" as const), element, element], []));
  const parameters = words.parameters(argumentNames.length + 2);
  const named = Object.fromEntries(argumentNames.map((name, k) => [name, parameters[k]!])) as Record<
    (typeof argumentNames)[number],
    Local
  >;
  return { words, args: { ...named, alpha: parameters[argumentNames.length]!, beta: parameters[argumentNames.length + 1]! } };
}

/** Vector arithmetic on the element type. */
function arithmetic(t: GemmTarget, name: "add" | "mul" | "pmax" | "splat" | "relaxed_madd"): PlainName {
  return `${t.double ? "f64x2" : "f32x4"}.${name}`;
}

/** sum += a * b */
function multiplyAdd(w: Words, t: GemmTarget, sum: Local, a: Local, b: Local): void {
  if (t.fused) w.set(sum, w.op(arithmetic(t, "relaxed_madd"), a, b, sum));
  else w.set(sum, w.op(arithmetic(t, "add"), sum, w.op(arithmetic(t, "mul"), a, b)));
}

const grid = <T>(rows: number, columns: number, make: () => T): T[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, make));

/** A tile of `rows` rows and `vectors` vectors, summed element by element. */
export function emitOuterTile(m: ModuleWriter, t: GemmTarget, rows: number, vectors: number, taps: boolean): Body {
  const { words: w, args } = tileFunction(m, t);
  const { body } = w;
  const item = itemBytes(t);
  const sums = grid(rows, vectors, () => w.local("v128"));
  const bs = w.locals(vectors, "v128");
  const factor = w.local("v128");
  const at = taps ? w.local() : args.b;
  w.if(args.k, () =>
    w.repeat(args.k, () => {
      if (taps) {
        w.set(at, w.add(args.b, w.load(args.bDistance)));
        w.increase(args.bDistance, 4);
      }
      for (const [v, b] of bs.entries()) {
        w.push(at);
        body.memory("v128.load", v * vectorBytes);
        body.set(b.index);
      }
      for (const [r, row] of sums.entries()) {
        w.push(args.a);
        body.memory(t.double ? "v128.load64_splat" : "v128.load32_splat", r * item);
        body.set(factor.index);
        for (const [v, sum] of row.entries()) multiplyAdd(w, t, sum, factor, bs[v]!);
      }
      w.increase(args.a, args.aDistance);
      if (!taps) w.increase(args.b, args.bDistance);
    }),
  );
  emitEpilogue(w, t, args, sums);
  return body;
}

/** A tile of `rows` rows and `columns` columns, summed vector by vector along k. */
export function emitDotTile(m: ModuleWriter, t: GemmTarget, rows: number, columns: number, taps: boolean): Body {
  const { words: w, args } = tileFunction(m, t);
  const { body } = w;
  const lanes = lanesOf(t);
  const sums = grid(rows, columns, () => w.local("v128"));
  const as = w.locals(rows, "i32");
  const bs = w.locals(columns, "i32");
  const aValues = w.locals(rows, "v128");
  const bValue = w.local("v128");
  for (const [r, a] of as.entries()) w.set(a, r === 0 ? args.a : w.add(as[r - 1]!, args.aDistance));
  // columns that do not exist repeat the one before
  for (const [j, b] of bs.entries()) {
    if (taps) w.set(b, w.add(args.b, w.load(w.add(args.bDistance, w.mul(w.min(j, w.sub(args.columns, 1)), 4)))));
    else w.set(b, j === 0 ? args.b : w.select(w.lt(j, args.columns), w.add(bs[j - 1]!, args.bDistance), bs[j - 1]!));
  }
  const step = (load: "v128.load" | "v128.load64_zero" | "v128.load32_zero", bytes: number): void => {
    for (const [r, a] of as.entries()) {
      w.push(a);
      body.memory(load, 0);
      body.set(aValues[r]!.index);
    }
    for (const [j, b] of bs.entries()) {
      w.push(b);
      body.memory(load, 0);
      body.set(bValue.index);
      for (const [r, value] of aValues.entries()) multiplyAdd(w, t, sums[r]![j]!, value, bValue);
    }
    if (bytes > 0) for (const pointer of [...as, ...bs]) w.increase(pointer, bytes);
  };
  const count = w.local();
  w.set(count, w.div(args.k, lanes));
  w.if(count, () => w.repeat(count, () => step("v128.load", vectorBytes)));
  if (t.double) w.if(w.and(args.k, 1), () => step("v128.load64_zero", 0));
  else {
    w.if(w.and(args.k, 2), () => step("v128.load64_zero", 8));
    w.if(w.and(args.k, 1), () => step("v128.load32_zero", 0));
  }
  emitEpilogue(
    w,
    t,
    args,
    sums.map((row) => Array.from({ length: columns / lanes }, (_, v) => addUp(w, t, row.slice(v * lanes, (v + 1) * lanes)))),
  );
  return body;
}

/** Lanes of two vectors side by side, as bytes of a shuffle. */
export function lanePattern(t: GemmTarget, ...lanes: readonly number[]): number[] {
  const item = itemBytes(t);
  return lanes.flatMap((l) => Array.from({ length: item }, (_, k) => l * item + k));
}

/** The sums of the lanes of as many vectors as a vector has lanes. */
function addUp(w: Words, t: GemmTarget, vectors: readonly Local[]): Local {
  const shuffled =
    (a: Local, b: Local, ...lanes: readonly number[]): Value =>
    () => {
      w.push(a);
      w.push(b);
      w.body.shuffle(lanePattern(t, ...lanes));
    };
  const add = arithmetic(t, "add");
  const both = (a: Local, b: Local, low: readonly number[], high: readonly number[]): void =>
    w.set(a, w.op(add, shuffled(a, b, ...low), shuffled(a, b, ...high)));
  if (t.double) both(vectors[0]!, vectors[1]!, [0, 2], [1, 3]);
  else {
    both(vectors[0]!, vectors[1]!, [0, 4, 1, 5], [2, 6, 3, 7]);
    both(vectors[2]!, vectors[3]!, [0, 4, 1, 5], [2, 6, 3, 7]);
    both(vectors[0]!, vectors[2]!, [0, 1, 4, 5], [2, 3, 6, 7]);
  }
  return vectors[0]!;
}

function emitEpilogue(w: Words, t: GemmTarget, args: Arguments, sums: readonly (readonly Local[])[]): void {
  const { body } = w;
  const item = itemBytes(t);
  const lanes = lanesOf(t);
  const add = arithmetic(t, "add");
  const mul = arithmetic(t, "mul");
  const splat = arithmetic(t, "splat");
  const load =
    (address: Local, offset: number): Value =>
    () => {
      w.push(address);
      body.memory("v128.load", offset);
    };
  const each = (visit: (sum: Local, r: number, v: number) => void): void => {
    for (const [r, row] of sums.entries()) for (const [v, sum] of row.entries()) visit(sum, r, v);
  };
  /** The address of each row. */
  const rowsOf = (first: Local, distance: Local): Local[] => {
    const rows = w.locals(sums.length, "i32");
    for (const [r, row] of rows.entries()) w.set(row, r === 0 ? first : w.add(rows[r - 1]!, distance));
    return rows;
  };
  const scale = w.local("v128");
  w.if(w.and(args.flags, flag.alpha), () => {
    w.set(scale, w.op(splat, args.alpha));
    each((sum) => w.set(sum, w.op(mul, sum, scale)));
  });
  const c = rowsOf(args.c, args.cRow);
  w.if(w.and(args.flags, flag.beta), () => {
    w.set(scale, w.op(splat, args.beta));
    each((sum, r, v) => w.set(sum, w.op(add, sum, w.op(mul, load(c[r]!, v * vectorBytes), scale))));
  });
  w.if(w.and(args.flags, flag.biasVector | flag.biasElement), () => {
    const bias = rowsOf(args.bias, args.biasRow);
    w.if(
      w.and(args.flags, flag.biasVector),
      () => each((sum, r, v) => w.set(sum, w.op(add, sum, load(bias[r]!, v * vectorBytes)))),
      () => {
        for (const [r, row] of sums.entries()) {
          w.push(bias[r]!);
          body.memory(t.double ? "v128.load64_splat" : "v128.load32_splat");
          body.set(scale.index);
          for (const sum of row) w.set(sum, w.op(add, sum, scale));
        }
      },
    );
  });
  w.if(w.and(args.flags, flag.relu), () => {
    w.set(
      scale,
      w.op(splat, () => (t.double ? body.f64(0) : body.f32(0))),
    );
    each((sum) => w.set(sum, w.op(arithmetic(t, "pmax"), sum, scale)));
  });
  const store = (r: number, v: number, name: "v128.store" | "v128.store64_lane" | "v128.store32_lane", index = 0, offset = 0) => {
    w.push(c[r]!);
    w.push(sums[r]![v]!);
    if (name === "v128.store") body.memory(name, v * vectorBytes);
    else body.memoryLane(name, index, v * vectorBytes + offset);
  };
  const vectors = sums[0]!.length;
  const storeAll = (v: number): void => {
    for (const r of sums.keys()) store(r, v, "v128.store");
  };
  for (let v = 0; v < vectors; v++) {
    w.if(
      w.ge(args.columns, (v + 1) * lanes),
      () => storeAll(v),
      () => {
        const rest = w.local();
        w.set(rest, w.sub(args.columns, v * lanes));
        const partial = (
          condition: Value,
          name: "v128.store64_lane" | "v128.store32_lane",
          index: number,
          offset: number,
        ): void =>
          w.if(condition, () => {
            for (const r of sums.keys()) store(r, v, name, index, offset);
          });
        if (t.double) partial(w.ge(rest, 1), "v128.store64_lane", 0, 0);
        else {
          partial(w.ge(rest, 2), "v128.store64_lane", 0, 0);
          partial(w.eq(rest, 1), "v128.store32_lane", 0, 0);
          partial(w.eq(rest, 3), "v128.store32_lane", 2, 2 * item);
        }
      },
    );
  }
}
