import "./onWasm.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { allocate } from "../../src/backends/cpu/memory.ts";
import { itemGrid } from "../../src/backends/cpu/product.ts";
import { wasm } from "../../src/backends/cpu/target.ts";
import { getNumThreads, type Grid, type Phase, run, runPhases, setNumThreads } from "../../src/backends/cpu/team.ts";
import { kernelModule } from "../../src/backends/cpu/wasm/kernelModule.ts";
import { newBlock } from "../../src/backends/cpu/wasm/productCode.ts";
import { type Local, Words } from "../../src/backends/cpu/wasm/words.ts";

const machine = wasm!;

/** A test on so many threads. */
function testOn(threads: number, name: string, body: () => void | Promise<void>): void {
  test(name, async () => {
    const before = getNumThreads();
    setNumThreads(threads);
    try {
      await body();
    } finally {
      setNumThreads(before);
    }
  });
}

/** Installs a kernel. */
function kernel(write: (w: Words, block: Local) => void): number {
  const m = kernelModule(machine.limits);
  const w = new Words(m.function(["i32"], []));
  write(w, w.parameters(1)[0]!);
  m.export("kernel", w.body);
  return machine.installCode(m.finish());
}

/** int32 at [slot 1] += slot 2, after `rounds` rounds of nothing. */
const addKernel = (rounds = 0): number =>
  kernel((w, block) => {
    if (rounds > 0) {
      const count = w.local();
      w.set(count, rounds);
      w.repeat(count, () => {});
    }
    w.push(w.address(block, 1));
    w.push(w.slot(block, 2));
    w.body.memory("i32.atomic.rmw.add");
    w.body.op("drop");
  });

const noGrid: Grid = { ...itemGrid(-1, -1, -1), slots: [], stepI: [], stepJ: [] };

function cells(count: number): { address: number; values: Int32Array } {
  const storage = allocate(count * 4);
  const values = new Int32Array(storage.buffer, storage.byteOffset, count);
  values.fill(0);
  return { address: storage.address, values };
}

function blockOf(...slots: number[]): Float64Array {
  const block = newBlock(slots.length);
  block.set(slots);
  return block;
}

/** Runs jobs until a second thread has taken part in one. In browsers a worker comes up only when the thread that started it returns to its event loop. */
async function untilShared(job: () => boolean): Promise<boolean> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) {
    if (job()) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

for (const threads of [1, 2, 5]) {
  testOn(threads, `${threads} threads: each item of a grid runs once, with its own addresses and sizes`, () => {
    const add = addKernel();
    for (const [totalI, blockI, totalJ, blockJ] of [
      [1, 1, 1, 1],
      [10, 3, 7, 2],
      [64, 8, 1, 1],
      [1000, 7, 5, 5],
    ] as const) {
      const [countI, countJ] = [Math.ceil(totalI / blockI), Math.ceil(totalJ / blockJ)];
      const { address, values } = cells(countI * countJ);
      const grid: Grid = {
        ...noGrid,
        ...{ countI, countJ, slots: [1], stepI: [4 * countJ], stepJ: [4], sizeSlotI: 2, totalI, blockI },
      };
      for (let round = 0; round < 20; round++) run(blockOf(add, address, 0), 3, grid);
      for (let i = 0; i < countI; i++)
        for (let j = 0; j < countJ; j++) assert.equal(values[i * countJ + j], 20 * Math.min(blockI, totalI - i * blockI));
    }
  });
}

testOn(3, "phases run one after the other", () => {
  const { address, values } = cells(101);
  const add = addKernel();
  /** int32 at [slot 2] += the int32 at [slot 1] */
  const sum = kernel((w, block) => {
    w.push(w.address(block, 2));
    w.push(w.load(w.address(block, 1)));
    w.body.memory("i32.atomic.rmw.add");
    w.body.op("drop");
  });
  const each: Grid = { ...noGrid, countI: 100, slots: [1], stepI: [4], stepJ: [0] };
  const phases: Phase[] = [
    { block: blockOf(add, address, 3), slots: 3, grid: each },
    { block: blockOf(sum, address, address + 400), slots: 3, grid: each },
  ];
  for (let round = 1; round <= 50; round++) {
    values[100] = 0;
    runPhases(phases);
    assert.equal(values[100], 300 * round);
  }
});

testOn(2, "kernels installed after the workers are up reach them, and each thread has scratch memory of its own", async () => {
  for (let k = 0; k < 3; k++) {
    const { address, values } = cells(64);
    /** Writes where its scratch memory is to its item's cell, and to the memory's ends. */
    const where = kernel((w, block) => {
      const count = w.local();
      w.set(count, 100_000 + k);
      w.repeat(count, () => {});
      for (const at of [0, 4092]) {
        w.push(w.add(w.address(block, 2), at));
        w.push(w.address(block, 2));
        w.body.memory("i32.store");
      }
      w.push(w.address(block, 1));
      w.push(w.address(block, 2));
      w.body.memory("i32.store");
    });
    const grid: Grid = { ...noGrid, countI: 64, slots: [1], stepI: [4], stepJ: [0], scratchSlot: 2, scratchBytes: 4096 };
    let places: number[] = [];
    const shared = await untilShared(() => {
      run(blockOf(where, address, 0), 3, grid);
      places = [...new Set(values)];
      return places.length > 1;
    });
    assert.ok(shared, "no worker took part within ten seconds");
    assert.equal(places.length, 2);
    assert.ok(!places.includes(0) && Math.abs(places[0]! - places[1]!) >= 4096, `scratch memory at ${places}`);
  }
});

testOn(2, "a kernel that traps is an error, on whichever thread, and the team goes on", () => {
  const trap = kernel((w) => w.body.op("unreachable"));
  const grid: Grid = { ...noGrid, countI: 8 };
  assert.throws(() => run(blockOf(trap), 1, grid), /unreachable|died in the middle/);
  const { address, values } = cells(1);
  const add = addKernel(1000);
  run(blockOf(add, address, 1), 3, { ...noGrid, countI: 50 });
  assert.equal(values[0], 50);
});
