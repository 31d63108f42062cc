/**
 * Large parts of a file are read by all threads of the team: most of the time goes into pages that the system has to find and to fill, which it does for several
 * threads at once.
 */
import { native } from "./target.ts";
import { type Grid, getNumThreads, run } from "./team.ts";

/** What one thread reads at a time, and the least that is worth the help of others. */
const itemBytes = 2 << 20;
const leastBytes = 8 << 20;
const mostItems = 64;

const block = new Float64Array(8);
const slot = { descriptor: 1, address: 2, nbytes: 3, position: 4, result: 5, count: 6 } as const;
const results = new BigInt64Array(mostItems);
const grid: Grid = {
  ...{ countI: 1, countJ: 1, slots: [slot.address, slot.position, slot.result], stepI: [0, 0, 8], stepJ: [0, 0, 0] },
  ...{ sizeSlotI: slot.nbytes, totalI: 0, blockI: 0, sizeSlotJ: -1, totalJ: 1, blockJ: 1, scratchSlot: -1, scratchBytes: 0 },
};

/** Fills `into` from a position of an open file; false, with nothing promised about `into`, where that cannot be done or not all of it could be read. */
export function readByTeam(descriptor: number, into: Uint8Array, position: number): boolean {
  if (into.length < leastBytes || native === null || native.readRoutine === 0 || getNumThreads() === 1) return false;
  const size = Math.max(itemBytes, Math.ceil(into.length / mostItems / 4096) * 4096);
  const items = Math.ceil(into.length / size);
  results.fill(0n);
  block[0] = native.readRoutine;
  block[slot.descriptor] = descriptor;
  block[slot.address] = native.addressOf(into.buffer) + into.byteOffset;
  block[slot.position] = position;
  block[slot.result] = native.addressOf(results.buffer);
  grid.countI = items;
  grid.stepI[0] = grid.stepI[1] = grid.blockI = size;
  grid.totalI = into.length;
  run(block, slot.count, grid);
  for (let k = 0; k < items; k++) {
    if (Number(results[k]) !== Math.min(size, into.length - k * size)) return false; // the plain way says what is wrong
  }
  return true;
}
