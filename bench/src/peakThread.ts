/**
 * One thread of the peak measurement: runs hand-made kernels when the main thread says so, all threads at once.
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type * as assembler from "../../packages/typetorch/src/backends/cpu/x64/assembler.ts";
import type * as platform from "../../packages/typetorch/src/platform/node.ts";

export const slots = { round: 0, task: 1, kilobytes: 2, arrived: 3, finished: 4, count: 8 } as const;
export const task = { fma: 0, add: 1, addStreaming: 2 } as const;

interface Shared {
  readonly control: Int32Array;
  readonly rates: Float64Array;
  readonly threads: number;
  readonly index: number;
}

async function main({ control, rates, threads, index }: Shared): Promise<void> {
  // internals of the package: they are not among its exports
  const internals = new URL("../../../packages/typetorch/dist/src/", import.meta.url);
  const { openNative } = (await import(new URL("platform/node.js", internals).href)) as typeof platform;
  const { Assembler, ptr, rcx, rdi, rsi, rdx, r8, Vec } = (await import(
    new URL("backends/cpu/x64/assembler.js", internals).href
  )) as typeof assembler;
  const native = openNative();
  if (native === null) throw new Error("no machine code can be run here");
  const { avx512, avx2 } = native.features;
  if (!avx2) throw new Error("the processor has no AVX2");
  const bytes = avx512 ? 64 : 32;
  const lanes = bytes / 4;
  const vec = (id: number) => new Vec(id, bytes);

  /** Independent multiply-adds, enough of them to hide their latency; the constants keep the sums finite. */
  const accumulators = avx512 ? 24 : 12;
  const fma = () => {
    const a = new Assembler({ avx512 });
    a.op("vcvttsd2si", rcx, ptr(rdi, 8));
    for (let i = 0; i < accumulators + 2; i++) a.op("vxorps", vec(i), vec(i), vec(i));
    a.align(64);
    const again = a.label(true);
    for (let i = 0; i < accumulators; i++) a.op("vfmadd231ps", vec(i), vec(accumulators), vec(accumulators + 1));
    a.dec(rcx);
    a.jcc("nz", again);
    a.vzeroupper();
    a.ret();
    return native.installCode(a.finish());
  };
  /** c[i] = a[i] + b[i], four vectors a turn. */
  const add = (store: "vmovups" | "vmovntps") => {
    const a = new Assembler({ avx512 });
    a.op("vcvttsd2si", rcx, ptr(rdi, 8));
    a.op("vcvttsd2si", rsi, ptr(rdi, 16));
    a.op("vcvttsd2si", rdx, ptr(rdi, 24));
    a.op("vcvttsd2si", r8, ptr(rdi, 32));
    a.align(64);
    const again = a.label(true);
    for (let i = 0; i < 4; i++) a.op("vmovups", vec(i), ptr(rsi, i * bytes));
    for (let i = 0; i < 4; i++) a.op("vaddps", vec(i), vec(i), ptr(rdx, i * bytes));
    for (let i = 0; i < 4; i++) a.op(store, ptr(r8, i * bytes), vec(i));
    a.add(rsi, 4 * bytes);
    a.add(rdx, 4 * bytes);
    a.add(r8, 4 * bytes);
    a.dec(rcx);
    a.jcc("nz", again);
    a.vzeroupper();
    a.ret();
    return native.installCode(a.finish());
  };
  const kernels = [fma(), add("vmovups"), add("vmovntps")];
  const block = new Float64Array(8);
  const address = native.addressOf(block.buffer);
  let arrays: { buffer: ArrayBuffer; at: number }[] = [];
  let size = 0;

  const seconds = (kernel: number, turns: number) => {
    block[0] = kernel;
    block[1] = turns;
    const start = performance.now();
    native.call(address);
    return (performance.now() - start) / 1000;
  };

  parentPort!.postMessage("ready");
  let round = 0;
  for (;;) {
    Atomics.wait(control, slots.round, round);
    round = Atomics.load(control, slots.round);
    const kind = control[slots.task]!;
    const kernel = kernels[kind]!;
    let turns = 20_000;
    if (kind !== task.fma) {
      // this thread's share of each array, in whole turns
      const share = Math.max(1, Math.floor((control[slots.kilobytes]! * 1024) / threads / 3 / (4 * bytes)));
      if (share * 4 * bytes !== size) {
        size = share * 4 * bytes;
        arrays = [0, 1, 2].map(() => {
          const buffer = new ArrayBuffer(size + 64);
          new Uint8Array(buffer).fill(0);
          return { buffer, at: Math.ceil(native.addressOf(buffer) / 64) * 64 };
        });
      }
      arrays.forEach(({ at }, i) => {
        block[2 + i] = at;
      });
      turns = share;
    }
    seconds(kernel, turns);
    Atomics.add(control, slots.arrived, 1);
    while (Atomics.load(control, slots.arrived) < threads); // begin together
    let elapsed = 0;
    let done = 0;
    while (elapsed < 0.004) {
      elapsed += seconds(kernel, turns);
      done += turns;
    }
    rates[index] = (kind === task.fma ? done * accumulators * lanes * 2 : done * 3 * 4 * bytes) / elapsed;
    Atomics.add(control, slots.finished, 1);
    Atomics.notify(control, slots.finished);
  }
}

if (!isMainThread) await main(workerData as Shared);
