/**
 * A matrix product as the generators of all targets see it: addresses and distances, batch dimensions merged, what lies across turned round or copied.
 */
import type { Storage } from "../../core/storage.ts";
import type { Activation, GemmArguments, Operand } from "../backend.ts";
import { allocate, release } from "./memory.ts";
import type { Grid } from "./team.ts";

/** One product, or one of a batch. Addresses in bytes, distances in elements. */
export interface Product {
  m: number;
  n: number;
  k: number;
  a: number;
  aRow: number;
  aStep: number;
  b: number;
  bStep: number;
  bColumn: number;
  c: number;
  cRow: number;
  cColumn: number;
  /** 0 when there is none. */
  bias: number;
  biasRow: number;
  biasColumn: number;
  alpha: number;
  beta: number;
  relu: boolean;
}

/** Batch dimensions: sizes and distances in elements, the innermost first. */
export interface Batch {
  sizes: number[];
  a: number[];
  b: number[];
  c: number[];
}

export const noBatch = (): Batch => ({ sizes: [], a: [], b: [], c: [] });

export function addressOf(operand: Operand): number {
  return operand.storage.address + operand.storageOffset * operand.dtype.itemsize;
}

/** Whether an activation is left to the caller of a generator. */
export function needsActivation(activation: Activation): boolean {
  return activation !== "none" && activation !== "relu";
}

/**
 * The product of the arguments, its batch dimensions in `batch`; null when it has no element. Vectors are to run along the contiguous dimension of the output:
 * where that is the rows, the product is turned round, and so is one with a vector on the right, which then is one with a vector on the left.
 */
export function readProduct({ a, b, out, alpha, beta, bias, activation }: GemmArguments, batch: Batch): Product | null {
  const rank = out.shape.length;
  const m = out.shape[rank - 2]!;
  const n = out.shape[rank - 1]!;
  const k = a.shape[a.shape.length - 1]!;
  if (m === 0 || n === 0) return null;
  const aRank = a.shape.length;
  const bRank = b.shape.length;
  const biasRank = bias === null ? 0 : bias.shape.length;
  const product: Product = {
    m,
    n,
    k,
    a: addressOf(a),
    aRow: m === 1 ? 0 : a.strides[aRank - 2]!,
    aStep: k === 1 ? 1 : a.strides[aRank - 1]!,
    b: addressOf(b),
    bStep: k === 1 ? 1 : b.strides[bRank - 2]!,
    bColumn: n === 1 ? 1 : b.strides[bRank - 1]!,
    c: addressOf(out),
    cRow: m === 1 ? n : out.strides[rank - 2]!,
    cColumn: n === 1 ? 1 : out.strides[rank - 1]!,
    bias: bias === null ? 0 : addressOf(bias),
    biasRow: bias === null || m === 1 || biasRank < 2 || bias.shape[biasRank - 2] === 1 ? 0 : bias.strides[biasRank - 2]!,
    biasColumn: bias === null ? 0 : n === 1 ? 1 : bias.shape[biasRank - 1] === 1 ? 0 : bias.strides[biasRank - 1]!,
    alpha,
    beta,
    relu: activation === "relu",
  };
  if (collapse(out, a, b, product, batch) === 0) return null;
  if (product.cRow === 1 && product.m > 1 && (product.n > 1 ? product.cColumn !== 1 : true)) {
    transposeProduct(product);
    [batch.a, batch.b] = [batch.b, batch.a];
  }
  return product;
}

/** Merges batch dimensions, and rows with them where B is the same for all. Returns the number of batches. */
function collapse(out: Operand, a: Operand, b: Operand, product: Product, batch: Batch): number {
  const { sizes, a: aSteps, b: bSteps, c: cSteps } = batch;
  sizes.length = aSteps.length = bSteps.length = cSteps.length = 0;
  const rank = out.shape.length;
  let total = 1;
  for (let d = rank - 3; d >= 0; d--) {
    const size = out.shape[d]!;
    total *= size;
    if (size === 1) continue;
    const aDim = d + a.shape.length - rank;
    const bDim = d + b.shape.length - rank;
    const aStep = aDim < 0 || a.shape[aDim] === 1 ? 0 : a.strides[aDim]!;
    const bStep = bDim < 0 || b.shape[bDim] === 1 ? 0 : b.strides[bDim]!;
    const cStep = out.strides[d]!;
    const last = sizes.length - 1;
    if (last < 0) {
      const { m } = product;
      const rowOfA = m === 1 ? aStep : product.aRow;
      const rowOfC = m === 1 ? cStep : product.cRow;
      if (bStep === 0 && product.biasRow === 0 && aStep === m * rowOfA && cStep === m * rowOfC) {
        product.m = m * size;
        product.aRow = rowOfA;
        product.cRow = rowOfC;
        continue;
      }
    } else if (
      aStep === aSteps[last]! * sizes[last]! &&
      bStep === bSteps[last]! * sizes[last]! &&
      cStep === cSteps[last]! * sizes[last]!
    ) {
      sizes[last] = sizes[last]! * size;
      continue;
    }
    sizes.push(size);
    aSteps.push(aStep);
    bSteps.push(bStep);
    cSteps.push(cStep);
  }
  return total;
}

/** The same product with its sides swapped: out^T = B^T A^T. */
function transposeProduct(p: Product): void {
  [p.m, p.n] = [p.n, p.m];
  [p.a, p.b] = [p.b, p.a];
  [p.aRow, p.aStep, p.bStep, p.bColumn] = [p.bColumn, p.bStep, p.aStep, p.aRow];
  [p.cRow, p.cColumn] = [p.cColumn, p.cRow];
  [p.biasRow, p.biasColumn] = [p.biasColumn, p.biasRow];
}

/** Calls `run` for the batch dimensions beyond the two that a driver knows. */
export function overOuterBatch(p: Product, batch: Batch, item: number, run: () => void, dim = batch.sizes.length - 1): void {
  if (dim < 2) {
    run();
    return;
  }
  const { a, b, c } = p;
  for (let i = 0; i < batch.sizes[dim]!; i++) {
    p.a = a + i * batch.a[dim]! * item;
    p.b = b + i * batch.b[dim]! * item;
    p.c = c + i * batch.c[dim]! * item;
    overOuterBatch(p, batch, item, run, dim - 1);
  }
}

/** to[i, j] = from[i, j], any distances (in elements). */
export type Copy = (
  rows: number,
  columns: number,
  from: number,
  fromRow: number,
  fromColumn: number,
  to: number,
  toRow: number,
  toColumn: number,
) => void;

/** Runs the product on contiguous copies of the matrices named, one batch at a time. `batch` has no dimensions when `run` is called. */
export function throughCopies(
  p: Product,
  batch: Batch,
  item: number,
  needs: { readonly a: boolean; readonly b: boolean; readonly c: boolean; readonly bias: boolean },
  copy: Copy,
  run: (p: Product) => void,
): void {
  const sizes = [...batch.sizes];
  const steps = [batch.a, batch.b, batch.c].map((s) => [...s]);
  const make = (needed: boolean, elements: number): Storage | null => (needed ? allocate(elements * item) : null);
  const copyA = make(needs.a, p.m * p.k);
  const copyB = make(needs.b, p.k * p.n);
  const copyC = make(needs.c, p.m * p.n);
  const copyBias = make(needs.bias, (p.biasRow === 0 ? 1 : p.m) * p.n);
  if (copyBias) copy(p.biasRow === 0 ? 1 : p.m, p.n, p.bias, p.biasRow, p.biasColumn, copyBias.address, p.n, 1);
  batch.sizes.length = 0;
  const batches = sizes.slice(0, 2).reduce((x, y) => x * y, 1);
  for (let i = 0; i < batches; i++) {
    const inner = i % (sizes[0] ?? 1);
    const outer = Math.floor(i / (sizes[0] ?? 1));
    const [aAt, bAt, cAt] = [p.a, p.b, p.c].map(
      (address, which) => address + (inner * (steps[which]![0] ?? 0) + outer * (steps[which]![1] ?? 0)) * item,
    ) as [number, number, number];
    const q = { ...p, a: aAt, b: bAt, c: cAt };
    if (copyA) {
      copy(p.m, p.k, aAt, p.aRow, p.aStep, copyA.address, p.k, 1);
      Object.assign(q, { a: copyA.address, aRow: p.k, aStep: 1 });
    }
    if (copyB) {
      copy(p.k, p.n, bAt, p.bStep, p.bColumn, copyB.address, p.n, 1);
      Object.assign(q, { b: copyB.address, bStep: p.n, bColumn: 1 });
    }
    if (copyBias) Object.assign(q, { bias: copyBias.address, biasRow: p.biasRow === 0 ? 0 : p.n, biasColumn: 1 });
    if (copyC) {
      if (p.beta !== 0) copy(p.m, p.n, cAt, p.cRow, p.cColumn, copyC.address, p.n, 1);
      Object.assign(q, { c: copyC.address, cRow: p.n, cColumn: 1 });
    }
    run(q);
    if (copyC) copy(p.m, p.n, copyC.address, p.n, 1, cAt, p.cRow, p.cColumn);
  }
  for (const storage of [copyA, copyB, copyC, copyBias]) if (storage) release(storage);
  batch.sizes.push(...sizes);
}

/** A grid whose items are numbered in slot `begin`; `end` is one more. */
export function itemGrid(begin: number, end: number, scratchSlot: number): Grid {
  return {
    countI: 1,
    countJ: 1,
    slots: [begin, end],
    stepI: [1, 1],
    stepJ: [0, 0],
    sizeSlotI: -1,
    totalI: 1,
    blockI: 1,
    sizeSlotJ: -1,
    totalJ: 1,
    blockJ: 1,
    scratchSlot,
    scratchBytes: 0,
  };
}
