/**
 * What the processor can do at most, measured in the same run as the workloads: multiply-adds per second and bytes per second, on all its cores at once.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { slots, task } from "./peakThread.ts";

export class Peak {
  readonly threads = availableParallelism();
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * slots.count));
  readonly #rates = new Float64Array(new SharedArrayBuffer(8 * 64));
  readonly #workers: Worker[];
  readonly #bandwidths = new Map<number, number>();
  #fma: readonly number[] = [];

  private constructor() {
    const workerData = { control: this.#control, rates: this.#rates, threads: this.threads };
    this.#workers = Array.from(
      { length: this.threads },
      (_, index) => new Worker(new URL("./peakThread.js", import.meta.url), { workerData: { ...workerData, index } }),
    );
  }

  /** Starts one thread per core. Gives null where there is no x86-64 machine code. */
  static async start(): Promise<Peak | null> {
    if (process.arch !== "x64") return null;
    const peak = new Peak();
    await Promise.all(
      peak.#workers.map((worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject))),
    );
    return peak;
  }

  /** Runs one task on all threads at the same time, in several rounds; the sums of the threads' rates, the lowest first. */
  #rounds(kind: number, kilobytes: number): readonly number[] {
    const sums: number[] = [];
    for (let round = 0; round < 25; round++) {
      this.#control[slots.task] = kind;
      this.#control[slots.kilobytes] = kilobytes;
      Atomics.store(this.#control, slots.finished, 0);
      Atomics.store(this.#control, slots.arrived, 0);
      Atomics.add(this.#control, slots.round, 1);
      Atomics.notify(this.#control, slots.round);
      for (;;) {
        const finished = Atomics.load(this.#control, slots.finished);
        if (finished === this.threads) break;
        Atomics.wait(this.#control, slots.finished, finished);
      }
      let sum = 0;
      for (let i = 0; i < this.threads; i++) sum += this.#rates[i]!;
      sums.push(sum);
    }
    return sums.sort((a, b) => a - b);
  }

  /** The best round: other programs, and what else runs on the processor that a virtual machine is a part of, only slow a task down. */
  #best(kind: number, kilobytes: number): number {
    return this.#rounds(kind, kilobytes).at(-1)!;
  }

  /** Floating-point operations per second of float32 multiply-adds (two each), in the best round. */
  fma(): number {
    if (this.#fma.length === 0) this.#fma = this.#rounds(task.fma, 0);
    return this.#fma.at(-1)!;
  }

  /** The same in the median round. */
  fmaMedian(): number {
    this.fma();
    return this.#fma[this.#fma.length >> 1]!;
  }

  /** Bytes per second of `c = a + b` whose three arrays together take `bytes`: from a cache if they fit there, from memory if not. */
  bandwidth(bytes: number): number {
    const kilobytes = Math.max(16 * this.threads, 2 ** Math.round(Math.log2(bytes / 1024)));
    let found = this.#bandwidths.get(kilobytes);
    if (found === undefined) {
      found = Math.max(this.#best(task.add, kilobytes), this.#best(task.addStreaming, kilobytes));
      this.#bandwidths.set(kilobytes, found);
    }
    return found;
  }

  /** The least time in milliseconds for this much work. */
  floor({ flops = 0, bytes = 0 }: { readonly flops?: number; readonly bytes?: number }): number {
    return 1000 * Math.max(flops === 0 ? 0 : flops / this.fma(), bytes === 0 ? 0 : bytes / this.bandwidth(bytes));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
