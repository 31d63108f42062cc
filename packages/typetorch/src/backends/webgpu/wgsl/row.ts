/**
 * `row` on the device. A row is reduced by a workgroup, or by one invocation where rows are short or lie side by side; long rows of which there are few are cut
 * into blocks, whose results are combined in order by a second dispatch.
 */
import type { DType } from "../../../core/dtype.ts";
import type { Storage } from "../../../core/storage.ts";
import type { RowSpec } from "../../../ir/spec.ts";
import type { Operand } from "../../backend.ts";
import { Dims, type StrideClass, strideClass } from "../../lowering/dims.ts";
import { lowerRow, rowHeaderInts } from "../../lowering/lowerRow.ts";
import { type SplitRow, splitRow } from "../../lowering/splitRow.ts";
import { allocateOn, type DeviceMemory, releaseStorage } from "../memory.ts";
import type { GpuQueue } from "../queue.ts";
import { bind, Kernel, KernelCache } from "./launch.ts";
import { nestOf } from "./map.ts";
import type { Grid } from "./render.ts";

const cache = new KernelCache();
const splits = new WeakMap<RowSpec, { halves: SplitRow | null }>();
const rows = new Dims();
const columns = new Dims();

/** Rows of up to so many columns are one invocation's work when there are many of them. */
const shortRow = 64;
/** From so many invocations on the device is busy, and rows are not cut. */
const busy = 32768;
/** Columns of a block: of a row for a workgroup, and for one invocation. */
const groupBlock = 8192;
const laneBlock = 128;

type Style = "rows" | "columns";

/** See `Renderer.row`. */
export function row(
  queue: GpuQueue,
  spec: RowSpec,
  shape: readonly number[],
  columnDims: readonly number[],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  params: readonly number[],
): boolean {
  const operands = [...inputs, ...outputs];
  let rowTotal = 1;
  let columnTotal = 1;
  shape.forEach((n, d) => {
    if (columnDims.includes(d)) columnTotal *= n;
    else rowTotal *= n;
  });
  if (rowTotal === 0) return true;
  const bound = bind(queue, operands);
  if (bound === null) return false;
  const arrange = (): void => {
    rows.clear();
    columns.clear();
    for (let d = 0; d < shape.length; d++) (columnDims.includes(d) ? columns : rows).push(shape[d]!, d, inputs, outputs);
    rows.sort(0, operands.length);
    rows.collapse(operands.length);
    if (!orderMatters(spec)) columns.sort(0, operands.length);
    columns.collapse(operands.length);
  };
  arrange();
  const style = styleFor(spec, rowTotal, columnTotal);
  const block = style === "columns" ? groupBlock : laneBlock;
  const few = style === "columns" ? rowTotal * 256 < busy : rowTotal < busy;
  if (few && columnTotal >= 2 * block && runSplit(queue, spec, shape, columnDims, inputs, outputs, params, block, columnTotal))
    return true;
  if (style === "rows" && 2 * columnTotal > queue.features.loopIterations) return false;
  arrange();
  const classOf = (p: number): StrideClass => {
    const dims = style === "columns" ? columns : rows;
    return strideClass(dims.stride(p, dims.count - 1));
  };
  const workgroup = style === "rows" ? 64 : columnTotal > 512 ? 256 : 64;
  let key = `${bound.key} ${style} ${rows.count} ${columns.count} ${workgroup} `;
  for (let p = 0; p < operands.length; p++) key += classOf(p);
  const kernels = cache.of(queue, spec);
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const lowered = lowerRow(
      spec,
      rows.count,
      columns.count,
      style,
      operands.map((_, p) => classOf(p)),
    );
    const grid = {
      loops: nestOf(lowered).slice(0, rows.count),
      workgroup,
      shared: style === "columns",
      subgroups: subgroupSizes(queue),
      residues: false,
      wide: false,
    };
    kernel = new Kernel(queue, lowered, grid, bound);
    kernels.set(key, kernel);
  }
  const header = rowHeaderInts(rows.count, columns.count);
  const rank = rows.count + columns.count;
  const int = (k: number): number => {
    if (k < rows.count) return rows.sizes[k]!;
    if (k < rank) return columns.sizes[k - rows.count]!;
    if (k < header) return columnTotal;
    const p = Math.floor((k - header) / rank);
    const d = (k - header) % rank;
    return d < rows.count ? rows.stride(p, d) : columns.stride(p, d - rows.count);
  };
  kernel.run(queue, bound, operands, rowTotal, int, params);
  return true;
}

/** Null where the device has no subgroups. */
function subgroupSizes({ features }: GpuQueue): Grid["subgroups"] {
  return features.subgroups ? { least: features.subgroupMinSize, most: features.subgroupMaxSize } : null;
}

function orderMatters(spec: RowSpec): boolean {
  const uses = (e: { op: string; args: readonly { op: string }[] }): boolean =>
    e.op === "column" || e.op === "at" || e.args.some((a) => uses(a as never));
  return (
    spec.passes.some((pass) => pass.some((r) => r.op === "argmax" || r.op === "argmin" || uses(r.value))) ||
    spec.outputs.some((o) => uses(o.value))
  );
}

/** Whether a row is a workgroup's or one invocation's. */
function styleFor(spec: RowSpec, rowTotal: number, columnTotal: number): Style {
  if (columnTotal === 1 || (columnTotal <= shortRow && rowTotal >= 256)) return "rows";
  for (let p = 0; p < spec.inputs.length; p++) {
    if (spec.inputs[p]!.along === "row") continue;
    if (columns.stride(p, columns.count - 1) === 1) return "columns";
    if (rows.stride(p, rows.count - 1) === 1 && rowTotal > 1)
      return rowTotal >= 32 || columnTotal <= shortRow ? "rows" : "columns";
  }
  return "columns";
}

/** Results of blocks of columns, then their combination: see splitRow.ts. False, with nothing enqueued, when the specification cannot be split so. */
function runSplit(
  queue: GpuQueue,
  spec: RowSpec,
  shape: readonly number[],
  columnDims: readonly number[],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
  params: readonly number[],
  block: number,
  columnTotal: number,
): boolean {
  let known = splits.get(spec);
  if (known === undefined) {
    known = { halves: splitRow(spec) };
    splits.set(spec, known);
  }
  const { halves } = known;
  if (halves === null) return false;
  const { partial, combine, rowInputs } = halves;
  // the outermost column dimension that is more than 1 is cut, so that blocks follow each other in the order of columns
  const along = columnDims.find((d) => shape[d]! > 1)!;
  const length = shape[along]!;
  const inner = columnTotal / length;
  const cut = Math.min(length, Math.max(1, Math.ceil(block / inner)));
  const whole = Math.floor(length / cut);
  const rest = length - whole * cut;
  const blocks = whole + (rest > 0 ? 1 : 0);
  if (blocks < 2) return false;
  const rowShape = shape.map((n, d) => (columnDims.includes(d) ? 1 : n));
  const rowTotal = rowShape.reduce((a, b) => a * b, 1);
  const { device, remote } = outputs[0]!.storage;
  const temporaries: Storage[] = [];
  const rowStrides: number[] = new Array<number>(shape.length).fill(0);
  for (let d = shape.length - 1, step = 1; d >= 0; d--) {
    rowStrides[d] = step;
    step *= rowShape[d]!;
  }
  /** Partial results (blocks, rows…), from block `from` on. */
  const partials = partial.outputs.map(({ dtype }: { dtype: DType }) => {
    const storage = allocateOn((remote as DeviceMemory).queue, device, blocks * rowTotal * dtype.itemsize, dtype);
    temporaries.push(storage);
    return (from: number, count: number): Operand => ({
      ...{ storage, dtype, storageOffset: from * rowTotal },
      ...{ shape: [count, ...rowShape], strides: [rowTotal, ...rowStrides] },
    });
  });
  const part = (x: Operand, from: number, count: number, size: number): Operand => {
    const step = x.shape[along] === 1 ? 0 : x.strides[along]!;
    return {
      ...{ storage: x.storage, dtype: x.dtype, storageOffset: x.storageOffset + from * cut * step },
      shape: [count, ...x.shape.map((n, d) => (d === along && n > 1 ? size : n))],
      strides: [step * cut, ...x.strides],
    };
  };
  const reduce = (from: number, count: number, size: number): boolean =>
    row(
      queue,
      partial,
      [count, ...shape.map((n, d) => (d === along ? size : n))],
      columnDims.map((d) => d + 1),
      inputs.map((x) => part(x, from, count, size)),
      partials.map((p) => p(from, count)),
      params,
    );
  let done = reduce(0, whole, cut);
  if (rest > 0) done &&= reduce(whole, 1, rest);
  const rowOperand = (x: Operand): Operand => ({
    ...{ storage: x.storage, dtype: x.dtype, storageOffset: x.storageOffset },
    ...{ shape: [1, ...x.shape], strides: [0, ...x.strides] },
  });
  done &&= row(
    queue,
    combine,
    [blocks, ...rowShape],
    [0],
    [...partials.map((p) => p(0, blocks)), ...rowInputs.map((p) => rowOperand(inputs[p]!))],
    outputs.map(rowOperand),
    [...params, cut * inner, columnTotal],
  );
  for (const storage of temporaries) releaseStorage(storage);
  if (!done) throw new Error(`row kernel ${spec.name}: a half was refused by the device`);
  return true;
}
