/**
 * How a strided index space is walked: dimensions of one element dropped, the rest ordered by the outputs' strides and merged where every operand allows it.
 * One set of arrays is reused by all calls, which do not nest.
 */
import type { Operand } from "../backend.ts";

const maxOperands = 64;
const maxRank = 64;

/** Dimensions, outermost first, each with one stride per operand. */
export class Dims {
  count = 0;
  readonly sizes: number[] = new Array<number>(maxRank).fill(0);
  /** Stride of operand p along dimension d: `strides[d * maxOperands + p]`. */
  readonly strides: number[] = new Array<number>(maxRank * maxOperands).fill(0);

  clear(): void {
    this.count = 0;
  }

  stride(p: number, d: number): number {
    return this.strides[d * maxOperands + p]!;
  }

  /** Appends dimension `d` of the operands; size 1 is dropped. */
  push(size: number, d: number, inputs: readonly Operand[], outputs: readonly Operand[]): void {
    if (size === 1) return;
    const at = this.count++;
    this.sizes[at] = size;
    const base = at * maxOperands;
    const n = inputs.length;
    for (let p = 0; p < n; p++) this.strides[base + p] = inputs[p]!.shape[d] === 1 ? 0 : inputs[p]!.strides[d]!;
    for (let p = 0; p < outputs.length; p++)
      this.strides[base + n + p] = outputs[p]!.shape[d] === 1 ? 0 : outputs[p]!.strides[d]!;
  }

  /** Orders the dimensions so that strides, without their signs, descend: the operands from `first` on decide, then the ones before. */
  sort(first: number, operands: number): void {
    for (let i = 1; i < this.count; i++) {
      for (let j = i; j > 0 && this.belongsBefore(j, j - 1, first, operands); j--) this.swap(j, j - 1, operands);
    }
  }

  private belongsBefore(d: number, e: number, first: number, operands: number): boolean {
    for (let k = 0; k < operands; k++) {
      const p = (first + k) % operands;
      const a = Math.abs(this.strides[d * maxOperands + p]!);
      const b = Math.abs(this.strides[e * maxOperands + p]!);
      if (a === 0 || b === 0 || a === b) continue;
      return a > b;
    }
    return false;
  }

  private swap(d: number, e: number, operands: number): void {
    const size = this.sizes[d]!;
    this.sizes[d] = this.sizes[e]!;
    this.sizes[e] = size;
    for (let p = 0; p < operands; p++) {
      const stride = this.strides[d * maxOperands + p]!;
      this.strides[d * maxOperands + p] = this.strides[e * maxOperands + p]!;
      this.strides[e * maxOperands + p] = stride;
    }
  }

  /** Merges neighbours that all operands walk as one; an empty list becomes one dimension of size 1. */
  collapse(operands: number): void {
    let last = 0;
    for (let d = 1; d < this.count; d++) {
      let merge = true;
      for (let p = 0; p < operands && merge; p++) {
        merge = this.strides[last * maxOperands + p] === this.strides[d * maxOperands + p]! * this.sizes[d]!;
      }
      if (merge) this.sizes[last]! *= this.sizes[d]!;
      else this.sizes[++last] = this.sizes[d]!;
      for (let p = 0; p < operands; p++) this.strides[last * maxOperands + p] = this.strides[d * maxOperands + p]!;
    }
    if (this.count === 0) {
      this.sizes[0] = 1;
      for (let p = 0; p < operands; p++) this.strides[p] = 0;
    }
    this.count = last + 1;
  }

  /** Number of elements. */
  total(): number {
    let n = 1;
    for (let d = 0; d < this.count; d++) n *= this.sizes[d]!;
    return n;
  }

  /** Inserts a dimension before all others; the caller sets its strides. */
  unshift(size: number, operands: number): void {
    for (let d = this.count; d > 0; d--) {
      this.sizes[d] = this.sizes[d - 1]!;
      for (let p = 0; p < operands; p++) this.strides[d * maxOperands + p] = this.strides[(d - 1) * maxOperands + p]!;
    }
    this.sizes[0] = size;
    this.count++;
  }

  setStride(p: number, d: number, stride: number): void {
    this.strides[d * maxOperands + p] = stride;
  }
}

/** How an operand moves along the vector dimension: not at all, by 1, or by a run-time stride. */
export type StrideClass = 0 | 1 | 2;

export function strideClass(stride: number): StrideClass {
  return stride === 0 ? 0 : stride === 1 ? 1 : 2;
}
