/**
 * Positions of the elements that are not 0, by kernels: each block of elements is listed on its own, then the lists are joined.
 */
import { bool, int32, int64 } from "../../core/dtype.ts";
import { constant, type Expr, input, param } from "../../ir/expr.ts";
import { type Access, index, load, local, LoopVar } from "../../ir/loops.ts";
import type { LoopSpec, MapSpec } from "../../ir/spec.ts";
import { accumulate, accumulators, argument, at, buffer, loop, store } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";

const blockSize = 32768;

let listing: LoopSpec | null = null;

/**
 * For each block of `ints[1]` flags: the positions in the block of those that are set, and their number. Every position is written and the next one overwrites it
 * unless it counts: nothing to predict.
 */
function listingSpec(): LoopSpec {
  const [block, place] = [new LoopVar("block"), new LoopVar("place")];
  const flag = load(at(0, [block, blockSize], [place, 1]), "bool");
  const count = local(0, "i64");
  const list: Access = { ...at(1, [block, blockSize]), dynamic: { index: count, stride: 1 } };
  const body = loop(block, argument(0), [
    accumulators([0, constant(0, "i64")]),
    loop(place, argument(1), [store(list, index(place).cast("i32")), accumulate([0], "add", [flag.cast("i64")])]),
    store(at(2, [block, 1]), count),
  ]);
  const buffers = [buffer(bool), buffer(int32, "write"), buffer(int64, "write")];
  return { kind: "loops", kernel: { name: "nonzero", buffers, ints: 2, params: 0, body: [body] }, compiled: null };
}

/** Lists of positions, one for each block of elements. */
interface Lists {
  /** Total number of positions. */
  readonly length: number;
  /** Calls `each` with the list of each block as an int32 vector, the position of the block's first element, and how many were listed before. */
  forEach(each: (list: Tensor, first: number, before: number) => void): void;
  release(): void;
}

/** Where the elements of a row-major tensor are not 0. */
function listSet(x: Tensor): Lists {
  listing ??= listingSpec();
  const n = x.numel();
  const flags = toDtype(x, bool);
  const blocks = Math.ceil(n / blockSize);
  const list = runtime.newEmpty(x, [blocks * blockSize], int32);
  const counts = runtime.newEmpty(x, [blocks], int64);
  const backend = runtime.backendOf(x);
  const whole = Math.floor(n / blockSize);
  const part = (y: Tensor, from: number): Tensor => runtime.alias(y, [1], [1], y.storageOffset + from);
  if (whole > 0) {
    const steps = [blockSize, blockSize, 1];
    backend.loops(listing, [part(flags, 0), list, counts], [whole, blockSize], [], { extent: 0, steps });
  }
  if (whole < blocks) {
    const rest = whole * blockSize;
    backend.loops(listing, [part(flags, rest), part(list, rest), part(counts, whole)], [1, n - rest], []);
  }
  if (flags !== x) runtime.release(flags);
  const lengths = Array.from(counts.data as BigInt64Array, Number);
  return {
    length: lengths.reduce((a, b) => a + b, 0),
    forEach(each) {
      let before = 0;
      lengths.forEach((length, k) => {
        if (length > 0) each(runtime.alias(list, [length], [1], k * blockSize), k * blockSize, before);
        before += length;
      });
    },
    release: () => runtime.release(list),
  };
}

/** An int64 coordinate of a position: `position / after % size`; params: the block's first position, `after`, and `size`. Exact, as positions are below 2^53. */
function coordinate(position: Expr): Expr {
  const floorDivide = (x: Expr, divisor: Expr): Expr => x.add(0.5).div(divisor).floor();
  const quotient = floorDivide(position.cast("f64").add(param(0, "f64")), param(1, "f64"));
  return quotient.sub(floorDivide(quotient, param(2, "f64")).mul(param(2, "f64"))).cast("i64");
}

const spec = (name: string, value: Expr, params: number): MapSpec => ({
  ...{ kind: "map", name, inputs: [int32], outputs: [{ dtype: int64, value }], params, compiled: null },
});
const positionSpec = spec("nonzero_positions", input(0, "i32").cast("i64").add(param(0, "i64")), 1);
const coordinateSpec = spec("nonzero_coordinates", coordinate(input(0, "i32")), 3);

/** The positions, in row-major order, of the elements of a row-major tensor that are not 0: an int64 vector. */
export function positionsSet(x: Tensor): Tensor {
  const lists = listSet(x);
  const out = runtime.newEmpty(x, [lists.length], int64);
  lists.forEach((list, first, before) => {
    const target = runtime.alias(out, list.shape, [1], before);
    runtime.backendOf(x).map(positionSpec, list.shape, [list], [target], [first]);
  });
  lists.release();
  return out;
}

/** The same as coordinates: int64 (n, rank). */
export function coordinatesSet(x: Tensor): Tensor {
  const rank = x.shape.length;
  const lists = listSet(x);
  const out = runtime.newEmpty(x, [lists.length, rank], int64);
  lists.forEach((list, first, before) => {
    let after = 1;
    for (let d = rank - 1; d >= 0; d--) {
      const target = runtime.alias(out, list.shape, [rank], before * rank + d);
      if (rank === 1) runtime.backendOf(x).map(positionSpec, list.shape, [list], [target], [first]);
      else runtime.backendOf(x).map(coordinateSpec, list.shape, [list], [target], [first, after, x.shape[d]!]);
      after *= x.shape[d]!;
    }
  });
  lists.release();
  return out;
}
