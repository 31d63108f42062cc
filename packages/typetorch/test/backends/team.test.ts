import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test as always } from "node:test";
import { fileURLToPath } from "node:url";
import { type Grid, type Phase, getNumThreads, run, runPhases, setNumThreads } from "../../src/backends/cpu/team.ts";
import { openNative } from "../../src/platform/index.ts";

/** Where there must be a native layer; elsewhere there is nothing to test. */
const expected = process.arch === "x64" && (process.platform === "linux" || process.platform === "darwin");
const test = expected ? always : always.skip;
const native = (expected ? openNative() : { installCode: () => 0, addressOf: () => 0 })!;
assert.ok(native, "no native layer on x86-64");
const before = getNumThreads();
afterEach(() => setNumThreads(before));

/** int64 at [slot 1] += slot 2. */
const addBytes = [0xf2, 0x48, 0x0f, 0x2c, 0x47, 0x08, 0xf2, 0x48, 0x0f, 0x2c, 0x4f, 0x10, 0x48, 0x01, 0x08, 0xc3];
/** float64 at [slot 1] = float64 at [slot 2] + float64 at [slot 3]. */
const sumBytes = [
  ...[0xf2, 0x48, 0x0f, 0x2c, 0x47, 0x08, 0xf2, 0x48, 0x0f, 0x2c, 0x4f, 0x10, 0xf2, 0x48, 0x0f, 0x2c, 0x57, 0x18],
  ...[0xf2, 0x0f, 0x10, 0x01, 0xf2, 0x0f, 0x58, 0x02, 0xf2, 0x0f, 0x11, 0x00, 0xc3],
];
/** float64 at [slot 1] = slot 2; slot 3 bytes at [slot 2] = 0. */
const useScratchBytes = [
  ...[0xf2, 0x48, 0x0f, 0x2c, 0x47, 0x08, 0xf2, 0x0f, 0x10, 0x47, 0x10, 0xf2, 0x0f, 0x11, 0x00],
  ...[0xf2, 0x48, 0x0f, 0x2c, 0x4f, 0x18, 0xf2, 0x48, 0x0f, 0x2c, 0x7f, 0x10, 0x31, 0xc0, 0xf3, 0xaa, 0xc3],
];
const kernel = (bytes: readonly number[]): number => native.installCode(Uint8Array.from(bytes));
const add = kernel(addBytes);
const sum = kernel(sumBytes);
const useScratch = kernel(useScratchBytes);

const noGrid: Grid = {
  ...{
    countI: 1,
    countJ: 1,
    slots: [],
    stepI: [],
    stepJ: [],
    sizeSlotI: -1,
    totalI: 1,
    blockI: 1,
    sizeSlotJ: -1,
    totalJ: 1,
    blockJ: 1,
  },
  ...{ scratchSlot: -1, scratchBytes: 0 },
};

test("a null grid is one call", () => {
  const cell = new BigInt64Array(1);
  const block = Float64Array.of(add, native.addressOf(cell.buffer), 7);
  run(block, 3, null);
  run(block, 3, null);
  assert.equal(cell[0], 14n);
});

test("blocks that are windows of a buffer, and several in turn", () => {
  const cells = new BigInt64Array(3);
  const blocks = new Float64Array(30);
  const windows = [0, 1, 2].map((k) => {
    const window = blocks.subarray(10 * k, 10 * k + 3);
    window.set([add, native.addressOf(cells.buffer) + 8 * k, k + 1]);
    return window;
  });
  for (let step = 0; step < 5; step++) for (const window of windows) run(window, 3, null);
  assert.deepEqual([...cells], [5n, 10n, 15n]);
});

for (const threads of [1, 2, 5]) {
  test(`${threads} threads: each item of a grid runs once, with its own addresses and sizes`, () => {
    setNumThreads(threads);
    for (const [totalI, blockI, totalJ, blockJ] of [
      [1, 1, 1, 1],
      [10, 3, 7, 2],
      [64, 8, 1, 1],
      [1000, 7, 5, 5],
      [1, 1, 333, 10],
    ] as const) {
      const countI = Math.ceil(totalI / blockI);
      const countJ = Math.ceil(totalJ / blockJ);
      for (let repeat = 0; repeat < 20; repeat++) {
        const cells = new BigInt64Array(countI * countJ);
        const block = Float64Array.of(add, native.addressOf(cells.buffer), 0);
        const grid = { ...noGrid, countI, countJ, slots: [1], stepI: [countJ * 8], stepJ: [8] };
        run(block, 3, { ...grid, sizeSlotI: 2, totalI, blockI });
        block[2] = 1000;
        run(block, 3, grid);
        run(block, 3, { ...grid, sizeSlotJ: 2, totalJ, blockJ });
        for (let i = 0; i < countI; i++) {
          for (let j = 0; j < countJ; j++) {
            const expected = Math.min(blockI, totalI - i * blockI) + 1000 + Math.min(blockJ, totalJ - j * blockJ);
            assert.equal(Number(cells[i * countJ + j]), expected);
          }
        }
      }
    }
  });
}

test("slots may move back and the second one with i alone; other slots keep their values", () => {
  setNumThreads(2);
  const source = Float64Array.from({ length: 100 }, (_, k) => k);
  const target = new Float64Array(100);
  const block = Float64Array.of(
    sum,
    native.addressOf(target.buffer),
    native.addressOf(source.buffer) + 99 * 8,
    native.addressOf(source.buffer),
  );
  run(block, 4, { ...noGrid, countI: 100, slots: [1, 2], stepI: [8, -8], stepJ: [0, 0] });
  assert.deepEqual([...target], [...source].reverse());
  assert.equal(block[1], native.addressOf(target.buffer));
});

test("an empty grid runs nothing", () => {
  setNumThreads(2);
  const cell = new BigInt64Array(1);
  const block = Float64Array.of(add, native.addressOf(cell.buffer), 7);
  run(block, 3, { ...noGrid, countI: 0 });
  runPhases([{ block, slots: 3, grid: { ...noGrid, countJ: 0 } }]);
  assert.equal(cell[0], 0n);
});

test("each thread has scratch memory of its own, aligned to 64 bytes, all of it usable", () => {
  for (const threads of [1, 3]) {
    setNumThreads(threads);
    for (const bytes of [64, 1000, 300_000]) {
      const seen = new Float64Array(64);
      const block = Float64Array.of(useScratch, native.addressOf(seen.buffer), 0, bytes);
      run(block, 4, { ...noGrid, countI: 64, slots: [1], stepI: [8], stepJ: [0], scratchSlot: 2, scratchBytes: bytes });
      const addresses = [...new Set(seen)].sort((a, b) => a - b);
      assert.ok(addresses.length <= threads);
      addresses.forEach((address, k) => {
        assert.equal(address % 64, 0);
        assert.ok(address > 0);
        if (k > 0) assert.ok(address - addresses[k - 1]! >= bytes);
      });
    }
  }
});

test("a single item gets its size and scratch, and the caller's block is as before", () => {
  const seen = new Float64Array(1);
  const block = Float64Array.of(useScratch, native.addressOf(seen.buffer), -5, -6);
  const kept = [...block];
  run(block, 4, { ...noGrid, scratchSlot: 2, scratchBytes: 5000, sizeSlotI: 3, totalI: 4000, blockI: 4500 });
  assert.ok(seen[0]! > 0 && seen[0]! % 64 === 0);
  assert.deepEqual([...block], kept);
});

/** Prefix sums by doubling, one phase each: wrong as soon as an item of a phase runs before the phase ahead is finished. */
function prefixSums(n: number, repeats: number): void {
  for (let repeat = 0; repeat < repeats; repeat++) {
    let from = new Float64Array(n + 1).fill(1, 1);
    const phases: Phase[] = [];
    const kept = [from];
    for (let step = 1; step < n; step *= 2) {
      const to = new Float64Array(n + 1);
      kept.push(to);
      const a = native.addressOf(to.buffer);
      const b = native.addressOf(from.buffer);
      const moving = { slots: [1, 2, 3], stepI: [8, 8, 8], stepJ: [0, 0, 0] };
      phases.push({
        block: Float64Array.of(sum, a + 8 * (step + 1), b + 8 * (step + 1), b + 8),
        slots: 4,
        grid: { ...noGrid, ...moving, countI: n - step },
      });
      phases.push({
        block: Float64Array.of(sum, a + 8, b + 8, b),
        slots: 4,
        grid: { ...noGrid, ...moving, stepI: [8, 8, 0], countI: step },
      });
      from = to;
    }
    runPhases(phases);
    for (let k = 0; k <= n; k++) assert.equal(from[k], k);
    assert.ok(kept.length > 1);
  }
}

test("phases: none begins before the one ahead is finished", () => {
  for (const threads of [1, 2, 6]) {
    setNumThreads(threads);
    prefixSums(700, 40);
  }
});

test("more phases than fit in one job, null grids and empty ones among them", () => {
  setNumThreads(2);
  const cells = new BigInt64Array(10);
  const block = Float64Array.of(add, native.addressOf(cells.buffer), 1);
  const grid = { ...noGrid, countI: 10, slots: [1], stepI: [8], stepJ: [0] };
  const phases: Phase[] = [];
  for (let k = 0; k < 500; k++)
    phases.push({ block, slots: 3, grid: k % 3 === 0 ? null : k % 3 === 1 ? grid : { ...grid, countI: 0 } });
  runPhases(phases);
  assert.deepEqual([...cells], [167n + 167n, ...new Array(9).fill(167n)]);
});

test("a block that is too long, or shorter than its slots, is refused", () => {
  const block = new Float64Array(2000);
  assert.throws(() => run(block, 2000, { ...noGrid, countI: 2 }), RangeError);
  assert.throws(() => run(new Float64Array(4), 5, { ...noGrid, countI: 2 }), RangeError);
});

test("setNumThreads takes positive integers", () => {
  assert.throws(() => setNumThreads(0), /positive integer, but got 0/);
  assert.throws(() => setNumThreads(1.5), /positive integer/);
  setNumThreads(3);
  assert.equal(getNumThreads(), 3);
});

test("8 threads, 100,000 jobs: every item runs exactly once, and it ends", { timeout: 240_000 }, () => {
  setNumThreads(8);
  const jobs = 100_000;
  const cells = new BigInt64Array(16);
  const block = Float64Array.of(add, native.addressOf(cells.buffer), 1);
  const counts = new Float64Array(16);
  const seen = new Float64Array(30);
  const longBlock = Float64Array.of(useScratch, native.addressOf(seen.buffer), 0, 20_000);
  for (let job = 0; job < jobs; job++) {
    const countI = 2 + (job % 15);
    run(block, 3, { ...noGrid, countI, slots: [1], stepI: [8], stepJ: [0] });
    for (let i = 0; i < countI; i++) counts[i]!++;
    if (job % 20 === 0) {
      seen.fill(0);
      run(longBlock, 4, { ...noGrid, countI: 30, slots: [1], stepI: [8], stepJ: [0], scratchSlot: 2, scratchBytes: 20_000 });
      assert.ok(seen.every((address) => address > 0));
    }
    if (job % 1000 === 0) assert.deepEqual([...cells].map(Number), [...counts]);
  }
  assert.deepEqual([...cells].map(Number), [...counts]);
});

test("the number of threads may change between jobs", () => {
  const cells = new BigInt64Array(16);
  const block = Float64Array.of(add, native.addressOf(cells.buffer), 1);
  for (let job = 0; job < 3000; job++) {
    if (job % 10 === 0) setNumThreads(1 + ((job / 10) % 6));
    run(block, 3, { ...noGrid, countI: 16, slots: [1], stepI: [8], stepJ: [0] });
  }
  assert.deepEqual([...cells], new Array(16).fill(3000n));
});

// ---- whole processes

const distribution = fileURLToPath(new URL("../../src/", import.meta.url));

/** A script in a process of its own. `job(countI, work)` runs a job and checks it. */
function runScript(script: string, options: { source?: string; env?: Record<string, string> } = {}) {
  const source = options.source ?? distribution;
  const prelude = `
    const { run, runPhases, setNumThreads, getNumThreads } = await import(${JSON.stringify(`file://${join(source, "backends/cpu/team.js")}`)});
    const { openNative } = await import(${JSON.stringify(`file://${join(source, "platform/index.js")}`)});
    const { readdirSync } = await import("node:fs");
    const native = openNative();
    const cells = new BigInt64Array(64);
    const block = Float64Array.of(native.installCode(Uint8Array.from(${JSON.stringify(addBytes)})), native.addressOf(cells.buffer), 1);
    const osThreads = () => readdirSync("/proc/self/task").length;
    const job = (countI, work) => {
      cells.fill(0n);
      run(block, 3, { ...${JSON.stringify(noGrid)}, countI, slots: [1], stepI: [8], stepJ: [0], work });
      for (let i = 0; i < countI; i++) if (cells[i] !== 1n) throw new Error("item " + i + " ran " + cells[i] + " times");
    };
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", prelude + script], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, OMP_NUM_THREADS: "2", ...options.env },
  });
}

function output(script: string, options: Parameters<typeof runScript>[1] = {}): string {
  const child = runScript(script, options);
  assert.equal(child.status, 0, `${child.signal} ${child.stderr}`);
  return child.stdout.trim();
}

test("a script that has run large jobs ends by itself; one that only ran small ones started no thread", () => {
  assert.equal(
    output("const n = osThreads(); for (let k = 0; k < 100; k++) { job(1); job(8, 1000); } console.log(osThreads() - n);"),
    "0",
  );
  assert.equal(output("const n = osThreads(); for (let k = 0; k < 100; k++) job(8); console.log(osThreads() > n);"), "true");
});

test("no more workers start than a job has items for; jobs on workers that fell asleep are done in full", () => {
  const script = `
    setNumThreads(8);
    const n = osThreads();
    job(3);
    const two = osThreads() - n;
    job(64);
    const seven = osThreads() - n;
    for (let k = 0; k < 200; k++) { await sleep(k % 20 === 0 ? 20 : 0); job(64); }
    console.log(two, seven);`;
  assert.equal(output(script), "2 7");
});

test("OMP_NUM_THREADS sets the number of threads", () => {
  assert.equal(output("console.log(getNumThreads())", { env: { OMP_NUM_THREADS: "5" } }), "5");
});

test("in a worker of the user's there is one thread unless more are asked for", () => {
  const source = JSON.stringify(`file://${join(distribution, "backends/cpu/team.js")}`);
  const script = `
    const { Worker, parentPort, isMainThread } = await import("node:worker_threads");
    const code = \`
      import { parentPort, workerData } from "node:worker_threads";
      const { run, getNumThreads, setNumThreads } = await import(${source});
      const asked = getNumThreads();
      for (const threads of [1, 3]) { setNumThreads(threads); for (let k = 0; k < 2000; k++) run(workerData.block, 3, workerData.grid); }
      parentPort.postMessage(asked);\`;
    for (let k = 0; k < 200; k++) job(8);
    const shared = new Float64Array(new SharedArrayBuffer(24));
    shared.set(block);
    cells.fill(0n);
    const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(code)), {
      workerData: { block: shared, grid: { ...${JSON.stringify(noGrid)}, countI: 8, slots: [1], stepI: [8], stepJ: [0] } },
    });
    const asked = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
    console.log(asked, cells.slice(0, 8).join());`;
  assert.equal(output(script), `1 ${new Array(8).fill(4000).join()}`);
});

const spyOnWorkers = `
  const threadsModule = (await import("node:worker_threads")).default;
  const workers = [];
  threadsModule.Worker = class extends threadsModule.Worker { constructor(...args) { super(...args); workers.push(this); } };
  (await import("node:module")).syncBuiltinESMExports();`;

test("when a worker ends, a warning says so and the others do the work", () => {
  const child = runScript(
    `${spyOnWorkers}
    setNumThreads(4);
    while (workers.length < 3) {
      for (let k = 0; k < 1000; k++) job(16);
      await sleep(1); // on a busy machine the items are done before the third worker is asked for
    }
    await workers[1].terminate();
    for (let k = 0; k < 1000; k++) job(16);
    await sleep(5);
    for (let k = 0; k < 1000; k++) job(16);
    console.log(workers.length);`,
  );
  assert.equal(child.status, 0, child.stderr);
  assert.equal(child.stdout, "3\n");
  assert.match(child.stderr, /TypeTorchWarning: a CPU worker thread ended/);
});

test("a worker that is killed while jobs run does not hang them", () => {
  const script = `${spyOnWorkers}
    setNumThreads(3);
    for (let k = 0; k < 1000; k++) job(16);
    const killed = workers.map((worker) => worker.terminate());
    for (let k = 0; k < 20000; k++) job(16);
    await Promise.all(killed);
    await sleep(5);
    job(16);
    console.log("done");`;
  for (let repeat = 0; repeat < 5; repeat++) assert.equal(output(script), "done");
});

test("without the worker file the calling thread does all the work, with a warning", () => {
  const folder = mkdtempSync(join(tmpdir(), "typetorch-team-"));
  try {
    cpSync(join(distribution, "../../package.json"), join(folder, "package.json"));
    symlinkSync(fileURLToPath(new URL("../../../../../node_modules", import.meta.url)), join(folder, "node_modules"));
    cpSync(distribution, join(folder, "dist/src"), { recursive: true });
    rmSync(join(folder, "dist/src/backends/cpu/teamWorker.js"));
    const child = runScript(
      `const warned = new Promise((resolve, reject) => {
        const late = setTimeout(reject, 20_000, new Error("no warning"));
        process.once("warning", () => resolve(clearTimeout(late)));
      });
      for (let k = 0; k < 100; k++) job(16); await warned; job(16); console.log('done');`,
      { source: join(folder, "dist/src") },
    );
    assert.equal(child.stdout, "done\n", child.stderr);
    assert.match(child.stderr, /a CPU worker thread ended \(Cannot find module/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
