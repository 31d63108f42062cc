/**
 * Positions of the elements that are not 0.
 */
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

/** Positions, in the row-major order, of the elements that are not 0. */
export function nonzeroPositions(x: Tensor): Int32Array | Float64Array {
  const data = x.data;
  const n = x.numel();
  // A 16-bit float is 0 whatever its sign; an int64 when both of its words are.
  const words = x.dtype.key === "i64" ? wordsOf(runtime.withoutGrad(() => x.contiguous())) : null;
  const mask = x.dtype.isFloatingPoint && x.dtype.itemsize === 2 ? 0x7fff : 0;
  const list = n < 2147483648 ? new Int32Array(n) : new Float64Array(n);
  let count = 0;
  if (words !== null) {
    for (let k = 0; k < n; k++) if (words[2 * k] !== 0 || words[2 * k + 1] !== 0) list[count++] = k;
  } else if (mask !== 0) {
    for (let k = 0; k < n; k++) if (((data[k] as number) & mask) !== 0) list[count++] = k;
  } else {
    for (let k = 0; k < n; k++) if (data[k] !== 0) list[count++] = k;
  }
  return list.subarray(0, count);
}

const op = defineOp<null>({
  name: "nonzero",
  run([x]) {
    const positions = nonzeroPositions(x!);
    const rank = x!.shape.length;
    const out = runtime.empty([positions.length, rank], int64);
    const words = wordsOf(out);
    let k = 0;
    const sizes = x!.shape;
    const at = new Array<number>(rank);
    for (let i = 0; i < positions.length; i++) {
      let rest = positions[i]!;
      for (let d = rank - 1; d >= 0; d--) {
        const q = Math.floor(rest / sizes[d]!);
        at[d] = rest - q * sizes[d]!;
        rest = q;
      }
      for (let d = 0; d < rank; d++) {
        const v = at[d]!;
        words[k++] = v | 0;
        words[k++] = Math.floor(v / 4294967296);
      }
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
  if (options.asTuple) return nonzeroColumns(input);
  return options.out ? runtime.callOut(op, [input], null, options.out) : runtime.call(op, [input], null);
}

/** The positions of all elements that are not 0, one row each. As `torch.argwhere`. */
export function argwhere(input: Tensor): Tensor {
  return runtime.call(op, [input], null);
}

method("nonzero", nonzero as (...args: never[]) => unknown);
method("argwhere", argwhere);
