/**
 * PyTorch's stream of random numbers by kernels, bit for bit that of core/random: one makes hundreds of blocks of the generator's state at a time, others turn
 * its words into values on all threads.
 */
import { type DType, int32 } from "../../core/dtype.ts";
import { BLOCK_WORDS, type Generator } from "../../core/random/generator.ts";
import { type Expr, computeType, input, param } from "../../ir/expr.ts";
import { type Access, index, load, LoopVar } from "../../ir/loops.ts";
import type { LoopSpec, MapSpec } from "../../ir/spec.ts";
import { argument, at, buffer, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

/** Fewer values are faster in JavaScript. */
export const leastForKernel = 1024;

/** A word follows from the one 624 before, its neighbour, and the one 227 before: so many of them can be made side by side. */
const together = 224;
/** Words made at a time: a multiple of both, which stays in the cache. */
export const chunkWords = 196 * BLOCK_WORDS;

/** Word k + 624 from words k, k + 1 and k + 397 of the state. */
function twisted(word: Expr, next: Expr, other: Expr): Expr {
  const mixed = word.and(-0x80000000).or(next.and(0x7fffffff));
  return other.xor(mixed.shr(1).and(0x7fffffff)).xor(
    next
      .and(1)
      .neg()
      .and(0x9908b0df | 0),
  );
}

let twist: LoopSpec | null = null;

function twistSpec(): LoopSpec {
  const [group, lane] = [new LoopVar("group"), new LoopVar("lane")];
  const word = (offset: number): Access => ({ ...at(0, [group, together], [lane, 1]), offset });
  const value = twisted(load(word(0), "i32"), load(word(1), "i32"), load(word(397), "i32"));
  const body = [loop(group, argument(0), [vectorLoop(lane, together, [store(word(BLOCK_WORDS), value)])])];
  return {
    kind: "loops",
    kernel: { name: "mt19937", buffers: [buffer(int32, "update")], ints: 1, params: 0, body },
    compiled: null,
  };
}

/** An output of the generator, from a word of its state. */
export function tempered(word: Expr): Expr {
  let y = word;
  y = y.xor(y.shr(11).and(0x1fffff));
  y = y.xor(y.shl(7).and(0x9d2c5680 | 0));
  y = y.xor(y.shl(15).and(0xefc60000 | 0));
  return y.xor(y.shr(18).and(0x3fff));
}

/**
 * Draws the next `count` values of `perValue` outputs each. `consume` gets them in parts: untempered words from `offset` on in `words`, for values `done` to
 * `done + part - 1`.
 */
export function drawWords(
  like: Tensor,
  count: number,
  perValue: number,
  generator: Generator,
  consume: (words: Tensor, offset: number, done: number, part: number) => void,
): void {
  const words = runtime.newEmpty(like, [BLOCK_WORDS + chunkWords + together], int32);
  const data = words.data as Int32Array;
  generator.copyBlock(data);
  let position = generator.position;
  for (let done = 0; done < count; ) {
    const part = Math.min(count - done, Math.floor((BLOCK_WORDS + chunkWords - position) / perValue));
    const end = position + part * perValue;
    const last = Math.max(Math.ceil(end / BLOCK_WORDS) - 1, 0) * BLOCK_WORDS;
    twist ??= twistSpec();
    if (last > 0) runtime.backendOf(words).loops(twist, [words], [Math.ceil(last / together)], []);
    consume(words, position, done, part);
    done += part;
    data.copyWithin(0, last, last + BLOCK_WORDS);
    position = end - last;
  }
  generator.continueWith(data, position);
  runtime.release(words);
}

/** A map from outputs of the generator, and operands beside them, to values. */
export interface DrawSpec {
  readonly map: MapSpec;
  /** Outputs for a value. */
  readonly perValue: number;
}

const specs = new Map<string, DrawSpec>();

/** The map whose `value` gets the outputs of one value and an element of each of the `others`; made once for a key. */
export function drawSpec(
  key: string,
  perValue: number,
  result: DType,
  params: number,
  value: (outputs: readonly Expr[], others: readonly Expr[]) => Expr,
  others: readonly DType[] = [],
): DrawSpec {
  let spec = specs.get(key);
  if (spec === undefined) {
    const outputs = Array.from({ length: perValue }, (_, k) => tempered(input(k, "i32")));
    const beside = others.map((dtype, k) => input(perValue + k, computeType(dtype)));
    const map: MapSpec = {
      ...{ kind: "map", name: `random ${key}`, inputs: [...outputs.map(() => int32), ...others], params, compiled: null },
      outputs: [{ dtype: result, value: value(outputs, beside).cast(computeType(result)) }],
    };
    spec = { map, perValue };
    specs.set(key, spec);
  }
  return spec;
}

/** Fills a contiguous tensor; `others` are contiguous, of its size. */
export function fillByStream(
  x: Tensor,
  { map, perValue }: DrawSpec,
  generator: Generator,
  params: readonly number[],
  others: readonly Tensor[] = [],
): void {
  const part = (y: Tensor, done: number, count: number): Tensor => runtime.alias(y, [count], [1], y.storageOffset + done);
  drawWords(x, x.numel(), perValue, generator, (words, offset, done, count) => {
    const sources = map.inputs.slice(0, perValue).map((_, k) => runtime.alias(words, [count], [perValue], offset + k));
    const inputs = [...sources, ...others.map((y) => part(y, done, count))];
    runtime.backendOf(x).map(map, [count], inputs, [part(x, done, count)], params);
  });
}

/** 24 bits of an output as a number from [0, 1). */
export function uniform24(output: Expr): Expr {
  return output
    .and(0xffffff)
    .cast("f32")
    .mul(2 ** -24);
}

/** An output as an unsigned number, in float64. */
export function unsigned(output: Expr): Expr {
  const signed = output.cast("f64");
  return signed.add(2 ** 32).where(output.lt(0), signed);
}

/** 53 bits of two outputs, the first one high, as a number from [0, 1), in float64. */
export function uniform53([high, low]: readonly Expr[]): Expr {
  return high!
    .and(0x1fffff)
    .cast("f64")
    .mul(2 ** 32)
    .add(unsigned(low!))
    .mul(2 ** -53);
}

/** Whether 53 bits of two outputs, as a number from [0, 1), are below a probability; its params from `first` on are those of {@link threshold}. */
export function isBelow([high, low]: readonly Expr[], first: number): Expr {
  const [limitHigh, limitLow] = [param(first, "i32"), param(first + 1, "i32")];
  const bits = high!.and(0x1fffff);
  const flipped = low!.xor(-0x80000000); // unsigned order
  return bits.lt(limitHigh).logicalOr(bits.eq(limitHigh).logicalAnd(flipped.lt(limitLow)));
}

/** The params of {@link isBelow} for a probability. */
export function threshold(p: number): [high: number, low: number] {
  const limit = Math.ceil(p * 2 ** 53);
  return [Math.floor(limit / 2 ** 32), (limit % 2 ** 32) - 2 ** 31];
}

/** An unsigned number below 2^32 modulo another, both in float64: the quotient is never rounded up to an integer, which would lie 2^-32 away at least. */
export function modulo(x: Expr, divisor: Expr): Expr {
  return x.sub(x.div(divisor).floor().mul(divisor));
}

let choices: LoopSpec | null = null;

/**
 * The places with which a shuffle from the front exchanges places `first` to `first + count - 1` of `n`: each `k + output % (n - k)`, from the words from `offset`
 * on, to the front of `target`.
 */
export function drawPlaces(words: Tensor, offset: number, target: Tensor, first: number, count: number, n: number): void {
  if (choices === null) {
    const place = new LoopVar("place");
    const position = index(place).cast("f64").add(param(0, "f64"));
    const output = unsigned(tempered(load(at(0, [place, 1]), "i32")));
    const value = position.add(modulo(output, param(1, "f64").sub(position))).cast("i32");
    const body = [vectorLoop(place, argument(0), [store(at(1, [place, 1]), value)])];
    const buffers = [buffer(int32), buffer(int32, "write")];
    choices = { kind: "loops", kernel: { name: "shuffle", buffers, ints: 1, params: 2, body }, compiled: null };
  }
  const from = runtime.alias(words, [count], [1], offset);
  runtime.backendOf(words).loops(choices, [from, target], [count], [first, n]);
}
