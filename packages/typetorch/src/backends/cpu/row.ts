/**
 * Runs `row` specifications.
 */
import type { DType } from "../../core/dtype.ts";
import type { Storage } from "../../core/storage.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Operand } from "../backend.ts";
import { block, Compiled } from "./launch.ts";
import { Dims, type StrideClass, strideClass } from "../lowering/dims.ts";
import { lowerRow, rowHeaderInts, type RowStyle } from "../lowering/lowerRow.ts";
import { allocate, release } from "./memory.ts";
import { type SplitRow, splitRow } from "../lowering/splitRow.ts";
import { level } from "./target.ts";

/** Kernels of one specification by number of dimensions, style and stride classes; and its two halves once they were needed. */
class RowKernels {
  readonly byKey = new Map<number, Compiled>();
  split: SplitRow | null | undefined = undefined;
  readonly orderMatters: boolean;
  constructor(spec: RowSpec) {
    this.orderMatters = usesOrder(spec);
  }
}

/** Operands whose classes fit in an exact number beside the rest of the key. */
const maxOperands = 24;
/** Elements of a block of a split reduction. */
const blockElements = 32768;

/** Neighbouring rows from which on reductions over an outer dimension are streamed: fewer fit in registers. */
const streamedRows = 256;

/** Rows of up to so many columns run in the lanes side by side, although their elements must be gathered then: that costs less than combining the lanes. */
const fewColumns = level === "avx512" ? 20 : 4;

const rows = new Dims();
const columns = new Dims();
/** Where each operand of the call being packed begins. */
const storages: Storage[] = [];
const offsets: number[] = [];

function usesOrder(spec: RowSpec): boolean {
  const uses = (e: { op: string; args: readonly { op: string }[] }): boolean =>
    e.op === "column" || e.op === "at" || e.args.some((a) => uses(a as never));
  return (
    spec.passes.some((pass) => pass.some((r) => r.op === "argmax" || r.op === "argmin" || uses(r.value))) ||
    spec.outputs.some((o) => uses(o.value))
  );
}

function kernelsOf(spec: RowSpec): RowKernels {
  return (spec.compiled ??= new RowKernels(spec)) as RowKernels;
}

/** See `Backend.row`. */
export function runRow(
  spec: RowSpec,
  shape: readonly number[],
  columnDims: readonly number[],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  params: readonly number[],
): void {
  const operands = inputs.length + outputs.length;
  if (operands > maxOperands) throw new RangeError(`row kernel ${spec.name} has ${operands} operands`);
  const kernels = kernelsOf(spec);
  rows.clear();
  columns.clear();
  for (let d = 0, next = 0; d < shape.length; d++) {
    if (next < columnDims.length && columnDims[next] === d) {
      columns.push(shape[d]!, d, inputs, outputs);
      next++;
    } else rows.push(shape[d]!, d, inputs, outputs);
  }
  rows.sort(0, operands);
  rows.collapse(operands);
  if (!kernels.orderMatters) columns.sort(0, operands);
  columns.collapse(operands);
  const rowTotal = rows.total();
  const columnTotal = columns.total();
  if (rowTotal === 0) return;
  for (let p = 0; p < operands; p++) {
    const x = p < inputs.length ? inputs[p]! : outputs[p - inputs.length]!;
    storages[p] = x.storage;
    offsets[p] = x.storageOffset;
  }
  const style = styleFor(spec, rowTotal, columnTotal);
  if (style === "columns") {
    if (columnTotal >= 2 * blockElements && runSplit(spec, kernels, style, blockElements, columnTotal, rowTotal, params)) return;
  } else {
    const last = rows.count - 1;
    let wide = rows.sizes[last]! >= streamedRows && columnTotal >= 16 && rows.stride(0, last) === 1;
    // An operand that repeats along a row dimension is read again and again anyway: registers are better then.
    for (let d = 0; d < last; d++) wide &&= rows.stride(0, d) !== 0;
    const streamBlock = Math.min(Math.max(Math.ceil(columnTotal / 16), 32), 1024);
    if (wide && runSplit(spec, kernels, "stream", streamBlock, columnTotal, rowTotal, params)) return;
    const perBlock = Math.min(Math.max(Math.ceil(blockElements / rowTotal), 256), 1024);
    if (columnTotal >= 4 * perBlock && runSplit(spec, kernels, style, perBlock, columnTotal, rowTotal, params)) return;
  }
  launch(kernels, spec, style, columnTotal, operands, params);
}

/** Which loop runs in the vector lanes. */
function styleFor(spec: RowSpec, rowTotal: number, columnTotal: number): RowStyle {
  if (columnTotal === 1) return "rows";
  if (columnTotal <= fewColumns && rowTotal >= 64) return "rows";
  for (let p = 0; p < spec.inputs.length; p++) {
    if (spec.inputs[p]!.along === "row") continue;
    if (columns.stride(p, columns.count - 1) === 1) return "columns";
    if (rows.stride(p, rows.count - 1) === 1 && rowTotal > 1) return "rows";
  }
  return "columns";
}

const styleCode: Readonly<Record<RowStyle, number>> = { columns: 0, rows: 1, stream: 2 };

/** Packs the arguments that `rows`, `columns`, `storages` and `offsets` describe, and runs the kernel. */
function launch(
  kernels: RowKernels,
  spec: RowSpec,
  style: RowStyle,
  columnTotal: number,
  operands: number,
  params: readonly number[],
  workColumns = columnTotal,
): void {
  const vector = style === "columns" ? columns : rows;
  let classKey = 0;
  for (let p = 0; p < operands; p++) classKey = classKey * 3 + strideClass(vector.stride(p, vector.count - 1));
  const key = ((classKey * 64 + rows.count) * 64 + columns.count) * 4 + styleCode[style];
  let compiled = kernels.byKey.get(key);
  if (compiled === undefined) {
    const classes: StrideClass[] = [];
    for (let p = 0; p < operands; p++) classes.push(strideClass(vector.stride(p, vector.count - 1)));
    compiled = new Compiled(lowerRow(spec, rows.count, columns.count, style, classes));
    kernels.byKey.set(key, compiled);
  }
  for (let p = 0; p < operands; p++) compiled.setBuffer(p, storages[p]!, offsets[p]!);
  let slot = compiled.ints;
  for (let d = 0; d < rows.count; d++) block[slot++] = rows.sizes[d]!;
  for (let d = 0; d < columns.count; d++) block[slot++] = columns.sizes[d]!;
  block[slot++] = columnTotal;
  if (slot !== compiled.ints + rowHeaderInts(rows.count, columns.count)) throw new Error("row: header does not fit");
  for (let p = 0; p < operands; p++) {
    for (let d = 0; d < rows.count; d++) block[slot++] = rows.stride(p, d);
    for (let d = 0; d < columns.count; d++) block[slot++] = columns.stride(p, d);
  }
  compiled.setParams(params);
  let cut = 0;
  if (style === "stream") {
    // Whole rows of memory when there are enough of them.
    if (rows.sizes[0]! < 8) cut = rows.count - 1;
  } else for (let d = 1; d < rows.count; d++) if (rows.sizes[d]! > rows.sizes[cut]!) cut = d;
  const rowCost = compiled.cost * workColumns + 8;
  const unitCost = (rowCost * rows.total()) / rows.sizes[cut]!;
  // The vector dimension is cut in whole cache lines.
  const multiple = style === "columns" || cut < rows.count - 1 ? 1 : style === "rows" ? 64 : 1024;
  compiled.runCut(cut, rows.sizes[cut]!, unitCost, multiple, (p) => rows.stride(p, cut));
}

/** The two halves, one after the other: see splitRow.ts. False when the specification cannot be split so, with nothing done. */
function runSplit(
  spec: RowSpec,
  kernels: RowKernels,
  style: RowStyle,
  perBlock: number,
  columnTotal: number,
  rowTotal: number,
  params: readonly number[],
): boolean {
  if (kernels.split === undefined) kernels.split = splitRow(spec);
  if (kernels.split === null || (style === "stream" && !kernels.split.streams)) return false;
  const { partial, combine, rowInputs } = kernels.split;
  const inputCount = spec.inputs.length;
  const outputCount = spec.outputs.length;
  const partials = partial.outputs.length;
  // Blocks are cut from the outermost column dimension, so that they follow each other in the order of columns.
  const cutSize = columns.sizes[0]!;
  const innerColumns = columnTotal / cutSize;
  const cut = Math.min(cutSize, Math.max(1, Math.ceil(perBlock / innerColumns)));
  const whole = Math.floor(cutSize / cut);
  const rest = cutSize - whole * cut;
  const blocks = whole + (rest > 0 ? 1 : 0);

  const finalStorages = storages.slice(inputCount, inputCount + outputCount);
  const finalOffsets = offsets.slice(inputCount, inputCount + outputCount);
  const rowStrides: number[][] = [];
  for (let p = 0; p < inputCount + outputCount; p++)
    rowStrides.push(Array.from({ length: rows.count }, (_, d) => rows.stride(p, d)));

  const scratch = partial.outputs.map((o: { dtype: DType }) => allocate(blocks * rowTotal * o.dtype.itemsize));
  const operands = inputCount + partials;
  // Partial results are laid out (blocks, rows…), row-major.
  for (let k = 0; k < partials; k++) {
    storages[inputCount + k] = scratch[k]!;
    offsets[inputCount + k] = 0;
    for (let d = rows.count - 1, step = 1; d >= 0; d--) {
      rows.setStride(inputCount + k, d, step);
      step *= rows.sizes[d]!;
    }
    for (let d = 0; d < columns.count; d++) columns.setStride(inputCount + k, d, 0);
  }
  rows.unshift(whole, operands);
  for (let p = 0; p < inputCount; p++) rows.setStride(p, 0, columns.stride(p, 0) * cut);
  for (let k = 0; k < partials; k++) rows.setStride(inputCount + k, 0, rowTotal);
  columns.sizes[0] = cut;
  const partialKernels = kernelsOf(partial);
  launch(partialKernels, partial, style, columnTotal, operands, params, cut * innerColumns);
  if (rest > 0) {
    rows.sizes[0] = 1;
    columns.sizes[0] = rest;
    for (let p = 0; p < inputCount; p++) offsets[p]! += whole * cut * columns.stride(p, 0);
    for (let k = 0; k < partials; k++) offsets[inputCount + k] = whole * rowTotal;
    launch(partialKernels, partial, style, columnTotal, operands, params, rest * innerColumns);
    for (let p = 0; p < inputCount; p++) offsets[p]! -= whole * cut * columns.stride(p, 0);
  }

  // Now the blocks are the columns.
  const rowInputStorages = rowInputs.map((p) => storages[p]!);
  const rowInputOffsets = rowInputs.map((p) => offsets[p]!);
  const rowCount = rows.count - 1;
  for (let d = 0; d < rowCount; d++) rows.sizes[d] = rows.sizes[d + 1]!;
  rows.count = rowCount;
  columns.count = 1;
  columns.sizes[0] = blocks;
  const total = partials + rowInputs.length + outputCount;
  for (let p = 0; p < total; p++) {
    const source =
      p < partials
        ? -1
        : p < partials + rowInputs.length
          ? rowInputs[p - partials]!
          : inputCount + p - partials - rowInputs.length;
    for (let d = rowCount - 1, step = 1; d >= 0; d--) {
      rows.setStride(p, d, source < 0 ? step : rowStrides[source]![d]!);
      step *= rows.sizes[d]!;
    }
    columns.setStride(p, 0, source < 0 ? rowTotal : 0);
    if (p < partials) {
      storages[p] = scratch[p]!;
      offsets[p] = 0;
    } else if (p < partials + rowInputs.length) {
      storages[p] = rowInputStorages[p - partials]!;
      offsets[p] = rowInputOffsets[p - partials]!;
    } else {
      storages[p] = finalStorages[p - partials - rowInputs.length]!;
      offsets[p] = finalOffsets[p - partials - rowInputs.length]!;
    }
  }
  launch(kernelsOf(combine), combine, rowTotal > 1 ? "rows" : "columns", blocks, total, [
    ...params,
    cut * innerColumns,
    columnTotal,
  ]);
  for (const s of scratch) release(s);
  return true;
}
