/**
 * The element of a rank in each of many rows, by kernels: its key is found bit by bit, counting how many keys lie below. Among equal elements PyTorch's choice
 * depends on its algorithm, so the caller learns how many there are.
 */
import { type DType, int32 } from "../../core/dtype.ts";
import { type Expr, computeType, constant, input, param } from "../../ir/expr.ts";
import { type Access, index, load, local, LoopVar } from "../../ir/loops.ts";
import type { LoopSpec, MapSpec } from "../../ir/spec.ts";
import { accumulate, accumulators, argument, at, buffer, define, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { specCache } from "../reduction/reduce.ts";
import { runtime } from "../runtime.ts";

/** Fewer elements are faster in JavaScript, and shorter rows. */
const leastElements = 4096;
const leastRow = 64;

/** Whether rows of n elements of a tensor are ranked here: keys have 32 bits. */
export function isRankable(x: Tensor, n: number): boolean {
  const { key, itemsize } = x.dtype;
  return x.storage.remote === null && itemsize <= 4 && key !== "bool" && n >= leastRow && x.numel() >= leastElements;
}

/** Keys in the order of the elements: NaN is the largest, both zeros are equal. Param: -1 turns the order round, 0 does not. */
const keySpecs = specCache((dtype): MapSpec => {
  const x = input(0, computeType(dtype));
  return {
    ...{ kind: "map", name: "keys", inputs: [dtype], params: 1, compiled: null },
    outputs: [{ dtype: int32, value: keyOf(x, dtype).xor(param(0, "i32")) }],
  };
});

function keyOf(x: Expr, dtype: DType): Expr {
  if (!dtype.isFloatingPoint) return x;
  const bits = x.bitcast("i32");
  const number = constant(0, "i32").where(x.eq(0), bits.xor(bits.shr(31).and(0x7fffffff)));
  return constant(0x7fffffff, "i32").where(x.ne(x), number);
}

let ranking: LoopSpec | null = null;

/** Keys (rows, n) -> (rows, 4): the key of the rank, how many are below it, how many equal it, and the first of those. Integers: rows, n, rank. */
function rankingSpec(): LoopSpec {
  const [row, bit, first, second] = ["row", "bit", "first", "second"].map((name) => new LoopVar(name)) as [
    LoopVar,
    LoopVar,
    LoopVar,
    LoopVar,
  ];
  const key = (place: LoopVar): Expr => load(at(0, [row, argument(1)], [place, 1]), "i32");
  const [prefix, step, count, below, equal, position] = [0, 1, 2, 4, 5, 6].map((id) => local(id, "i32")) as [
    Expr,
    Expr,
    Expr,
    Expr,
    Expr,
    Expr,
  ];
  const zero = constant(0, "i32");
  const candidate = local(3, "i32");
  const rank = param(0, "i32");
  const result = (k: number): Access => ({ ...at(1, [row, 4]), offset: k });
  const same = key(second).eq(prefix);
  const perRow = loop(row, argument(0), [
    accumulators([0, constant(-(2 ** 31), "i32")], [1, constant(-(2 ** 31), "i32")]),
    loop(bit, 32, [
      define(3, prefix.add(step)), // wraps around: the keys' order is that of signed numbers
      accumulators([2, zero]),
      vectorLoop(first, argument(1), [accumulate([2], "add", [key(first).lt(candidate).cast("i32")])]),
      define(7, candidate.where(count.le(rank), prefix)),
      accumulate([0], "set", [local(7, "i32")]),
      define(8, step.shr(1).and(0x7fffffff)),
      accumulate([1], "set", [local(8, "i32")]),
    ]),
    accumulators([4, zero], [5, zero], [6, constant(2 ** 31 - 1, "i32")]),
    vectorLoop(second, argument(1), [
      accumulate([4], "add", [key(second).lt(prefix).cast("i32")]),
      accumulate([5], "add", [same.cast("i32")]),
      accumulate([6], "min", [
        index(second)
          .cast("i32")
          .where(same, 2 ** 31 - 1),
      ]),
    ]),
    ...[prefix, below, equal, position].map((value, k) => store(result(k), value)),
  ]);
  const buffers = [buffer(int32), buffer(int32, "write")];
  return { kind: "loops", kernel: { name: "rank", buffers, ints: 2, params: 1, body: [perRow] }, compiled: null };
}

let choosing: LoopSpec | null = null;

/** Keys (rows, n), ranked (rows, 4) -> (rows, k + 1): the positions of the keys up to that of the rank, if those are k; the last place is of no use. */
function choosingSpec(): LoopSpec {
  const [row, place] = [new LoopVar("row"), new LoopVar("place")];
  const key = load(at(0, [row, argument(1)], [place, 1]), "i32");
  const count = local(0, "i64");
  const list: Access = { ...at(2, [row, argument(2)]), dynamic: { index: count.minimum(param(0, "i64")), stride: 1 } };
  const perRow = loop(row, argument(0), [
    define(1, load(at(1, [row, 4]), "i32")),
    accumulators([0, constant(0, "i64")]),
    loop(place, argument(1), [
      store(list, index(place).cast("i32")),
      accumulate([0], "add", [key.le(local(1, "i32")).cast("i64")]),
    ]),
  ]);
  const buffers = [buffer(int32), buffer(int32), buffer(int32, "write")];
  return { kind: "loops", kernel: { name: "choose", buffers, ints: 3, params: 1, body: [perRow] }, compiled: null };
}

/** The keys of contiguous rows of n elements, and of each row what {@link rankingSpec} finds. */
export interface Ranked {
  readonly keys: Tensor;
  /** Four numbers a row: key, below, equal, first. */
  readonly found: Tensor;
}

export function rankRows(x: Tensor, n: number, rank: number, descending: boolean): Ranked {
  const rows = x.numel() / n;
  const keys = runtime.newEmpty(x, [rows, n], int32);
  const backend = runtime.backendOf(x);
  const seen = runtime.alias(x, [rows, n], [n, 1], x.storageOffset);
  backend.map(keySpecs(x.dtype, int32), [rows, n], [seen], [keys], [descending ? -1 : 0]);
  const found = runtime.newEmpty(x, [rows, 4], int32);
  ranking ??= rankingSpec();
  backend.loops(ranking, [keys, found], [rows, n], [rank], { extent: 0, steps: [n, 4] });
  return { keys, found };
}

/** For each row k + 1 numbers: the positions of its k first elements in their order in the row, where just so many are not after the k-th. */
export function chooseFirst({ keys, found }: Ranked, k: number): Int32Array {
  const [rows, n] = keys.shape as [number, number];
  const list = runtime.newEmpty(keys, [rows, k + 1], int32);
  choosing ??= choosingSpec();
  const parallel = { extent: 0, steps: [n, 4, k + 1] };
  runtime.backendOf(keys).loops(choosing, [keys, found, list], [rows, n, k + 1], [k], parallel);
  return list.data as Int32Array;
}
