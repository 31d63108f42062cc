/**
 * A thread of the team where kernels are WebAssembly. Claiming items and waiting are JavaScript: items take tens of microseconds.
 */
import { now } from "../../platform/index.ts";
import { description, header, maxSlots, TeamThread, words } from "./teamThread.ts";
import type { WasmThread } from "./wasm/machine.ts";

/** What the memory that the calling thread provides for each thread has before the scratch memory: the thread's copy of a kernel's block. */
export const blockBytes = maxSlots * 8;

/** Looks at a word between two looks at the clock. */
const looks = 64;

const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

export class WasmTeamThread extends TeamThread {
  readonly #machine: WasmThread;
  readonly #call: (block: number) => void;
  #at = 0;
  #kernelBlock: Float64Array = new Float64Array(0);

  constructor(machine: WasmThread, shared: SharedArrayBuffer | ArrayBuffer, number: number) {
    super(shared, number);
    this.#machine = machine;
    this.#call = machine.call;
  }

  addressOf(block: Float64Array): number {
    return block.byteOffset;
  }

  call(block: number): void {
    this.#call(block);
  }

  /** The calling thread provides it: only that one manages the memory. */
  needScratch(_nbytes: number): void {
    const at = this.jobs[header.scratchOf + this.number]!;
    if (at === this.#at) return;
    this.#at = at;
    this.#kernelBlock = new Float64Array(this.#machine.share.memory.buffer, at, maxSlots);
  }

  get scratchAddress(): number {
    return this.#at + blockBytes;
  }

  update(): void {
    this.#machine.update();
  }

  threadNumber(): number {
    return 0;
  }

  runItems(phase: number): boolean {
    const { control, jobs } = this;
    const job = jobs[header.offsetOf + phase]!;
    const ranges = jobs[header.ranges]!;
    let ran = 0;
    let range = this.number % ranges;
    for (let untried = ranges; untried > 0; untried--) {
      const next = words.rangeOf(phase, range);
      const end = control[next + 1]!;
      if (Atomics.load(control, next) < end) {
        for (let item = Atomics.add(control, next, 1); item < end; item = Atomics.add(control, next, 1)) {
          if (ran++ === 0) this.#copyBlock(job);
          this.#runItem(job, item);
        }
      }
      if (++range === ranges) range = 0;
    }
    const finished = Atomics.add(control, words.finishedOf(phase), ran) + ran;
    return finished === jobs[job + description.items];
  }

  #copyBlock(job: number): void {
    const { jobs } = this;
    const block = this.#kernelBlock;
    const slots = jobs[job + description.slots]!;
    const base = job + description.base;
    for (let k = 0; k < slots; k++) block[k] = jobs[base + k]!;
    const scratchSlot = jobs[job + description.scratchSlot]!;
    if (scratchSlot >= 0) block[scratchSlot] = this.scratchAddress;
  }

  #runItem(job: number, item: number): void {
    const { jobs } = this;
    const block = this.#kernelBlock;
    const countJ = jobs[job + description.countJ]!;
    const i = Math.floor(item / countJ);
    const j = item - i * countJ;
    const base = job + description.base;
    let at = base + jobs[job + description.slots]!;
    for (let moving = jobs[job + description.moving]!; moving > 0; moving--, at += 3) {
      const slot = jobs[at]!;
      block[slot] = jobs[base + slot]! + i * jobs[at + 1]! + j * jobs[at + 2]!;
    }
    const sizeSlotI = jobs[job + description.sizeSlotI]!;
    if (sizeSlotI >= 0) {
      const each = jobs[job + description.blockI]!;
      block[sizeSlotI] = Math.min(each, jobs[job + description.totalI]! - i * each);
    }
    const sizeSlotJ = jobs[job + description.sizeSlotJ]!;
    if (sizeSlotJ >= 0) {
      const each = jobs[job + description.blockJ]!;
      block[sizeSlotJ] = Math.min(each, jobs[job + description.totalJ]! - j * each);
    }
    this.#call(this.#at);
  }

  spinWhile(word: number, value: number, times = 1): void {
    const { control } = this;
    const end = now() + (control[words.spin]! / 1000) * times;
    do {
      for (let k = 0; k < looks; k++) {
        if (Atomics.load(control, word) !== value) return;
        pause();
      }
    } while (now() < end);
  }

  /** The unit is a microsecond. */
  measureSpin(): number {
    return 1000;
  }
}
