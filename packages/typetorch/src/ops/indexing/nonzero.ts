/**
 * Positions of the elements that are not 0.
 */
import { checkArguments } from "../arguments.ts";
import { int64 } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { wordsOf } from "./integers.ts";

export interface NonzeroOptions {
  /** One vector per dimension, to index with, instead of a matrix. */
  asTuple?: boolean;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link nonzero}. */
    nonzero(options?: { asTuple?: false; out?: Tensor }): Tensor;
    nonzero(options: { asTuple: true }): Tensor[];
    /** See {@link argwhere}. */
    argwhere(): Tensor;
  }
}

/** Whether the element at a place of the tensor's row-major elements is not 0. */
function isSet(x: Tensor): (k: number) => boolean {
  if (x.dtype.key === "i64") {
    // Both words of an int64 are 0.
    const words = wordsOf(runtime.withoutGrad(() => x.contiguous()));
    return (k) => words[2 * k] !== 0 || words[2 * k + 1] !== 0;
  }
  const data = x.data;
  // A 16-bit float is 0 whatever its sign.
  if (x.dtype.isFloatingPoint && x.dtype.itemsize === 2) return (k) => ((data[k] as number) & 0x7fff) !== 0;
  return (k) => data[k] !== 0;
}

/** The tensor as bytes that are 0 or 1. */
function bytesOf(x: Tensor): Uint8Array {
  if (x.dtype.key === "bool") return x.data as Uint8Array;
  const set = isSet(x);
  const bytes = new Uint8Array(x.numel());
  for (let k = 0; k < bytes.length; k++) if (set(k)) bytes[k] = 1;
  return bytes;
}

/** Positions, in row-major order, of the elements that are not 0. */
function listSet(x: Tensor): Int32Array | Float64Array {
  const bytes = bytesOf(x);
  const n = bytes.length;
  const list = n < 2147483648 ? new Int32Array(n + 1) : new Float64Array(n + 1);
  let count = 0;
  // Every position is written and the next one overwrites it unless it counts: nothing to predict.
  for (let k = 0; k < n; k++) {
    list[count] = k;
    count += bytes[k]!;
  }
  return list.subarray(0, count);
}

/** {@link listSet} as an int64 vector. */
export function nonzeroPositions(x: Tensor): Tensor {
  const list = listSet(x);
  const out = runtime.newEmpty(x, [list.length], int64);
  const words = wordsOf(out);
  for (let i = 0; i < list.length; i++) {
    const v = list[i]!;
    words[2 * i] = v | 0;
    words[2 * i + 1] = v < 4294967296 ? 0 : Math.floor(v / 4294967296);
  }
  return out;
}

const op = defineOp<null>({
  name: "nonzero",
  run([x]) {
    const rank = x!.shape.length;
    const list = listSet(x!);
    const out = runtime.empty([list.length, rank], int64);
    if (rank === 0 || list.length === 0) return out;
    const words = wordsOf(out);
    words.fill(0);
    const columns = x!.shape[rank - 1]!;
    const at = new Array<number>(rank - 1).fill(0);
    let start = 0;
    let k = 0;
    for (let i = 0; i < list.length; i++) {
      const position = list[i]!;
      while (position >= start + columns) {
        start += columns;
        for (let d = rank - 2; d >= 0 && ++at[d]! === x!.shape[d]; d--) at[d] = 0;
      }
      for (let d = 0; d < rank - 1; d++) {
        words[k] = at[d]!;
        k += 2;
      }
      words[k] = position - start;
      k += 2;
    }
    return out;
  },
});

/** One vector of positions per dimension; a 0-d tensor counts as one of one element. */
export function nonzeroColumns(input: Tensor): Tensor[] {
  const x = input.shape.length === 0 ? input.reshape([1]) : input;
  const places = runtime.call(op, [x], null);
  return x.shape.length === 1 ? [places.view([-1])] : places.unbind(1);
}

export function nonzero(input: Tensor, options?: { asTuple?: false; out?: Tensor }): Tensor;
export function nonzero(input: Tensor, options: { asTuple: true }): Tensor[];
/**
 * The positions of all elements that are not 0: int64 (n, ndim), or with `asTuple` one vector per dimension. As `torch.nonzero`.
 * @example
 * torch.nonzero(torch.tensor([0, 3, 5])) // tensor([[1], [2]])
 */
export function nonzero(input: Tensor, options: NonzeroOptions = {}): Tensor | Tensor[] {
  checkArguments("nonzero(Tensor input, options? options, {bool asTuple, Tensor out})", input, options);
  if (options.asTuple) return nonzeroColumns(input);
  return options.out ? runtime.callOut(op, [input], null, options.out) : runtime.call(op, [input], null);
}

/** The positions of all elements that are not 0, one row each. As `torch.argwhere`. */
export function argwhere(input: Tensor): Tensor {
  checkArguments("argwhere(Tensor input)", input);
  return runtime.call(op, [input], null);
}

method("nonzero", nonzero as (...args: never[]) => unknown);
method("argwhere", argwhere);
