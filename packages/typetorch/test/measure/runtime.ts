/**
 * Measures the CPU runtime: calls, memory, and jobs of the thread team with workers awake and asleep. Run it on a quiet machine:
 * `node packages/typetorch/dist/test/measure/runtime.js`. Times are nanoseconds, minimum and median.
 */
import { allocate, release, typedArrayOf } from "../../src/backends/cpu/memory.ts";
import { type Grid, run, runPhases, setNumThreads } from "../../src/backends/cpu/team.ts";
import { Assembler, ptr, rax, rcx, rdi, rdx, ymm } from "../../src/backends/cpu/x64/assembler.ts";
import { float32 } from "../../src/core/dtype.ts";
import { now, openNative } from "../../src/platform/index.ts";

const native = openNative();
if (native === null) throw new Error("there is no native layer here");

function report(name: string, times: number[]): void {
  times.sort((a, b) => a - b);
  console.log(name.padEnd(52), times[0]!.toFixed(0).padStart(9), times[times.length >> 1]!.toFixed(0).padStart(9));
}

/** Time of one call among many in a row. */
function dense(name: string, calls: number, work: () => void): void {
  const times: number[] = [];
  for (let repeat = 0; repeat < 15; repeat++) {
    const start = now();
    for (let k = 0; k < calls; k++) work();
    times.push(((now() - start) * 1e6) / calls);
  }
  report(name, times);
}

/** Time of a call after so many milliseconds without one. */
function sparse(name: string, gap: number, work: () => void): void {
  const times: number[] = [];
  for (let repeat = 0; repeat < 200; repeat++) {
    for (const end = now() + gap; now() < end; );
    const start = now();
    work();
    times.push((now() - start) * 1e6);
  }
  report(name, times);
}

const empty = new Float64Array(16);
empty[0] = native.installCode(Uint8Array.of(0xc3));

/** slot 1 [0 … slot 2) += slot 3 […], float32, a multiple of 8 of them. */
const a = new Assembler({ avx512: false });
a.op("vcvttsd2si", rax, ptr(rdi, 8));
a.op("vcvttsd2si", rcx, ptr(rdi, 16));
a.op("vcvttsd2si", rdx, ptr(rdi, 24));
const next = a.label(true);
a.op("vmovups", ymm(0), ptr(rax));
a.op("vaddps", ymm(0), ymm(0), ptr(rdx));
a.op("vmovups", ptr(rax), ymm(0));
a.add(rax, 32);
a.add(rdx, 32);
a.sub(rcx, 8);
a.jcc("g", next);
a.vzeroupper();
a.ret();
const target = allocate(4 << 20);
const source = allocate(4 << 20);
(typedArrayOf(target, float32) as Float32Array).fill(0);
(typedArrayOf(source, float32) as Float32Array).fill(0);
const add = new Float64Array(16);
add.set([native.installCode(a.finish()), target.address, 0, source.address]);

function grid(total: number, block: number, work?: number): Grid {
  return {
    ...{ countI: Math.ceil(total / block), countJ: 1, slots: [1, 3], stepI: [block * 4, block * 4], stepJ: [0, 0] },
    ...{
      sizeSlotI: 2,
      totalI: total,
      blockI: block,
      sizeSlotJ: -1,
      totalJ: 1,
      blockJ: 1,
      scratchSlot: -1,
      scratchBytes: 0,
      work,
    },
  };
}

console.log("allocate, kept for nothing");
for (const nbytes of [4, 64, 1024, 16384, 65536, 1 << 20]) {
  dense(`  allocate ${nbytes} bytes`, nbytes > 5000 ? 2000 : 100_000, () => allocate(nbytes));
}
dense("  allocate and release 1 MB", 100_000, () => release(allocate(1 << 20)));
dense("  allocate 1024 bytes and their Float32Array", 100_000, () => typedArrayOf(allocate(1024), float32));

console.log("one thread");
setNumThreads(1);
const address = native.addressOf(empty.buffer);
dense("  native.call", 500_000, () => native.call(address));
dense("  run without grid", 500_000, () => run(empty, 16, null));
const one = grid(1024, 1024);
dense("  run, 1 item", 200_000, () => run(empty, 16, one));
const hundred = grid(102400, 1024);
dense("  run, 100 items", 10_000, () => run(empty, 16, hundred));

console.log("two threads, awake");
setNumThreads(2);
const two = grid(2048, 1024);
dense("  run, 2 items", 20_000, () => run(empty, 16, two));
dense("  run, 100 items", 10_000, () => run(empty, 16, hundred));
const phases = Array.from({ length: 10 }, () => ({ block: empty, slots: 16, grid: two }));
dense("  10 phases of 2 items", 2000, () => runPhases(phases));

for (const [total, block] of [
  [32768, 8192],
  [131072, 16384],
  [1 << 20, 32768],
] as const) {
  console.log(`add ${total} floats, ${block} an item`);
  const cut = grid(total, block);
  setNumThreads(1);
  dense("  one thread", 300, () => run(add, 16, cut));
  setNumThreads(2);
  dense("  two threads, jobs back to back", 300, () => run(add, 16, cut));
  sparse("  two threads, 0.1 ms apart", 0.1, () => run(add, 16, cut));
  sparse("  two threads, 1 ms apart", 1, () => run(add, 16, cut));
}
const hinted = grid(131072, 16384, 10_000);
sparse("  131072 with its work told, 1 ms apart", 1, () => run(add, 16, hinted));
