/**
 * Copies whose operands are contiguous along different dimensions, by the tile kernel of x64/transpose.ts.
 */
import { float64 } from "../../core/dtype.ts";
import type { Dims } from "../lowering/dims.ts";
import { allocate, typedArrayOf } from "./memory.ts";
import { level, native } from "./target.ts";
import { type Grid, run } from "./team.ts";
import { transposeCode, transposeSlots, transposeTile } from "#x64/transpose";

/** Results of this many bytes are written around the caches. */
const streamingBytes = 8 << 20;
/** Bytes of an item of work for one thread. */
const itemBytes = 256 << 10;

const block = typedArrayOf(allocate(64 * 8), float64) as Float64Array;
const code = new Map<string, number>();
const grid: Grid = {
  ...{ countI: 1, countJ: 1, slots: [transposeSlots.source, transposeSlots.target], stepI: [0, 0], stepJ: [0, 0] },
  ...{
    sizeSlotI: transposeSlots.rows,
    totalI: 1,
    blockI: 1,
    sizeSlotJ: -1,
    totalJ: 1,
    blockJ: 1,
    scratchSlot: -1,
    scratchBytes: 0,
  },
};

function codeFor(itemsize: 4 | 8, streaming: boolean): number {
  const key = `${itemsize} ${streaming}`;
  let address = code.get(key);
  if (address === undefined) {
    address = native!.installCode(transposeCode(itemsize, level, streaming));
    code.set(key, address);
  }
  return address;
}

/** What {@link transpose} did: whole tiles of the last dimension and of dimension `along`. */
export interface Transposed {
  along: number;
  rows: number;
  columns: number;
}
const done: Transposed = { along: 0, rows: 0, columns: 0 };

/**
 * Copies as many whole tiles as there are when operand 0 of `dims` (at address `source`) has stride 1 in a dimension that is not the last, in which operand 1
 * (at `target`) has it. Null when that is not so; the caller copies what is left over.
 */
export function transpose(dims: Dims, source: number, target: number, itemsize: number): Transposed | null {
  if (native === null || (itemsize !== 4 && itemsize !== 8)) return null;
  const last = dims.count - 1;
  const tile = transposeTile(itemsize, level);
  if (last < 1 || last > 2 || dims.stride(1, last) !== 1 || dims.sizes[last]! < tile) return null;
  let along = last - 1;
  while (along >= 0 && (dims.stride(0, along) !== 1 || dims.sizes[along]! < tile)) along--;
  if (along < 0) return null;
  const rows = dims.sizes[last]! - (dims.sizes[last]! % tile);
  const columns = dims.sizes[along]! - (dims.sizes[along]! % tile);
  const sourceStride = dims.stride(0, last) * itemsize;
  const targetStride = dims.stride(1, along) * itemsize;
  let outer = -1;
  for (let d = 0; d < last; d++) if (d !== along) outer = d;
  const planes = outer < 0 ? 1 : dims.sizes[outer]!;
  const streaming =
    level === "avx512" && target % 64 === 0 && targetStride % 64 === 0 && rows * columns * planes * itemsize >= streamingBytes;
  const aligned = outer < 0 || (dims.stride(1, outer) * itemsize) % 64 === 0;
  block[0] = codeFor(itemsize, streaming && aligned);
  block[transposeSlots.source] = source;
  block[transposeSlots.target] = target;
  block[transposeSlots.rows] = rows;
  block[transposeSlots.columns] = columns;
  block[transposeSlots.sourceStride] = sourceStride;
  block[transposeSlots.targetStride] = targetStride;
  const units = Math.max(1, Math.round(itemBytes / (columns * itemsize * tile))) * tile;
  grid.countI = Math.ceil(rows / units);
  grid.totalI = rows;
  grid.blockI = units;
  grid.stepI[0] = units * sourceStride;
  grid.stepI[1] = units * itemsize;
  grid.countJ = planes;
  grid.stepJ[0] = outer < 0 ? 0 : dims.stride(0, outer) * itemsize;
  grid.stepJ[1] = outer < 0 ? 0 : dims.stride(1, outer) * itemsize;
  run(block, transposeSlots.count, grid.countI * planes === 1 ? null : grid);
  done.along = along;
  done.rows = rows;
  done.columns = columns;
  return done;
}
