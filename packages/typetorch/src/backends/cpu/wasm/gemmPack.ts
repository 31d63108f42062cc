/**
 * Routines that bring matrices into the order in which tiles read them: panels of a few columns, step after step of k.
 */
import { itemBytes, type GemmTarget, lanePattern, lanesOf, vectorBytes } from "./gemmTile.ts";
import type { Body, ModuleWriter } from "./module.ts";
import { type Local, type Value, Words } from "./words.ts";

/**
 * A function (from, to, steps, stepDistance, columnDistance, columns, vectors): element j of step p, at from + p stepDistance + j columnDistance, goes to
 * to + (p vectors lanes + j) items. Steps have `vectors` vectors of which `columns` elements exist; the others are of no account.
 */
export function emitPack(m: ModuleWriter, t: GemmTarget): Body {
  const rows = emitPackRows(m);
  const transposed = emitPackTransposed(m, t);
  const strided = emitPackStrided(m, t);
  const w = new Words(m.function(Array<"i32">(7).fill("i32"), []));
  const [from, to, steps, stepDistance, columnDistance, columns, vectors] = w.parameters(7) as Seven;
  const all = [from, to, steps, stepDistance, columnDistance, columns, vectors];
  const item = itemBytes(t);
  w.if(w.eq(steps, 0), () => w.body.op("return"));
  w.if(
    w.eq(columnDistance, item),
    () => w.call(rows, ...all),
    () =>
      w.if(
        w.eq(stepDistance, item),
        () => w.call(transposed, ...all),
        () => w.call(strided, ...all),
      ),
  );
  return w.body;
}

type Seven = [Local, Local, Local, Local, Local, Local, Local];

function packFunction(m: ModuleWriter): { w: Words; p: Seven } {
  const w = new Words(m.function(Array<"i32">(7).fill("i32"), []));
  return { w, p: w.parameters(7) as Seven };
}

/** Whole vectors, from rows whose elements lie side by side. */
function emitPackRows(m: ModuleWriter): Body {
  const {
    w,
    p: [from, to, steps, stepDistance, , , vectors],
  } = packFunction(m);
  const { body } = w;
  const copy = (count: number): void =>
    w.repeat(steps, () => {
      for (let v = 0; v < count; v++) {
        w.push(to);
        w.push(from);
        body.memory("v128.load", v * vectorBytes);
        body.memory("v128.store", v * vectorBytes);
      }
      w.increase(from, stepDistance);
      w.increase(to, count * vectorBytes);
    });
  const at = w.local();
  const target = w.local();
  const end = w.local();
  w.if(
    w.eq(vectors, 1),
    () => copy(1),
    () =>
      w.if(
        w.eq(vectors, 3),
        () => copy(3),
        () =>
          w.repeat(steps, () => {
            w.set(at, from);
            w.set(target, to);
            w.set(end, w.add(to, w.mul(vectors, vectorBytes)));
            w.while(w.op("i32.lt_u", target, end), () => {
              w.push(target);
              w.push(at);
              body.memory("v128.load");
              body.memory("v128.store");
              w.increase(at, vectorBytes);
              w.increase(target, vectorBytes);
            });
            w.increase(from, stepDistance);
            w.set(to, end);
          }),
      ),
  );
  return body;
}

/** Blocks of as many columns as a vector has lanes, from columns whose elements lie side by side. */
function emitPackTransposed(m: ModuleWriter, t: GemmTarget): Body {
  const {
    w,
    p: [from, to, steps, , columnDistance, columns, vectors],
  } = packFunction(m);
  const { body } = w;
  const lanes = lanesOf(t);
  const item = itemBytes(t);
  const pointers = w.locals(lanes, "i32");
  const values = w.locals(lanes, "v128");
  const mixed = w.locals(lanes, "v128");
  const [target, stride, column, count] = w.locals(4, "i32") as [Local, Local, Local, Local];
  const shuffled =
    (a: Local, b: Local, ...pattern: readonly number[]): Value =>
    () => {
      w.push(a);
      w.push(b);
      body.shuffle(lanePattern(t, ...pattern));
    };
  w.set(stride, w.mul(vectors, vectorBytes));
  w.for(column, 0, w.mul(vectors, lanes), () => {
    for (const [j, pointer] of pointers.entries()) {
      const exists = w.lt(w.add(column, j), columns);
      w.set(pointer, w.add(from, w.mul(w.select(exists, w.add(column, j), w.sub(columns, 1)), columnDistance)));
    }
    w.set(target, w.add(to, w.mul(column, item)));
    w.set(count, w.div(steps, lanes));
    w.if(count, () =>
      w.repeat(count, () => {
        for (const [j, pointer] of pointers.entries()) {
          w.push(pointer);
          body.memory("v128.load");
          body.set(values[j]!.index);
          w.increase(pointer, vectorBytes);
        }
        const [a, b, c, d] = values as [Local, Local, Local, Local];
        const results: Value[] = [];
        if (t.double) results.push(shuffled(a, b, 0, 2), shuffled(a, b, 1, 3));
        else {
          const [x, y, u, v] = mixed as [Local, Local, Local, Local];
          w.set(x, shuffled(a, b, 0, 4, 1, 5));
          w.set(y, shuffled(c, d, 0, 4, 1, 5));
          w.set(u, shuffled(a, b, 2, 6, 3, 7));
          w.set(v, shuffled(c, d, 2, 6, 3, 7));
          results.push(
            shuffled(x, y, 0, 1, 4, 5),
            shuffled(x, y, 2, 3, 6, 7),
            shuffled(u, v, 0, 1, 4, 5),
            shuffled(u, v, 2, 3, 6, 7),
          );
        }
        for (const result of results) {
          w.push(target);
          w.push(result);
          body.memory("v128.store");
          w.increase(target, stride);
        }
      }),
    );
    w.set(count, w.rem(steps, lanes));
    w.if(count, () =>
      w.repeat(count, () => {
        for (const [j, pointer] of pointers.entries()) {
          w.push(target);
          w.push(pointer);
          body.memory(t.double ? "f64.load" : "f32.load");
          body.memory(t.double ? "f64.store" : "f32.store", j * item);
          w.increase(pointer, item);
        }
        w.increase(target, stride);
      }),
    );
    w.increase(column, lanes - 1);
  });
  return body;
}

/** Element by element. */
function emitPackStrided(m: ModuleWriter, t: GemmTarget): Body {
  const {
    w,
    p: [from, to, steps, stepDistance, columnDistance, columns, vectors],
  } = packFunction(m);
  const { body } = w;
  const item = itemBytes(t);
  const [at, j] = w.locals(2, "i32") as [Local, Local];
  w.repeat(steps, () => {
    w.set(at, from);
    w.for(j, 0, columns, () => {
      w.push(w.add(to, w.mul(j, item)));
      w.push(at);
      body.memory(t.double ? "f64.load" : "f32.load");
      body.memory(t.double ? "f64.store" : "f32.store");
      w.increase(at, columnDistance);
    });
    w.increase(from, stepDistance);
    w.increase(to, w.mul(vectors, vectorBytes));
  });
  return body;
}

/** A function (rows, columns, from, fromRow, fromColumn, to, toRow, toColumn): to[i, j] = from[i, j], distances in bytes. */
export function emitCopyStrided(m: ModuleWriter, t: GemmTarget): Body {
  const w = new Words(m.function(Array<"i32">(8).fill("i32"), []));
  const [rows, columns, from, fromRow, fromColumn, to, toRow, toColumn] = w.parameters(8) as [...Seven, Local];
  const [i, j, at, target] = w.locals(4, "i32") as [Local, Local, Local, Local];
  w.for(i, 0, rows, () => {
    w.set(at, w.add(from, w.mul(i, fromRow)));
    w.set(target, w.add(to, w.mul(i, toRow)));
    w.for(j, 0, columns, () => {
      w.push(target);
      w.push(at);
      w.body.memory(t.double ? "f64.load" : "f32.load");
      w.body.memory(t.double ? "f64.store" : "f32.store");
      w.increase(at, fromColumn);
      w.increase(target, toColumn);
    });
  });
  return w.body;
}
