/**
 * A thread of the team where kernels are machine code: claiming items and waiting are machine code too.
 */
import { allocateUninitialized, type Native, now } from "../../../platform/index.ts";
import { description, header, maxSlots, TeamThread, words } from "../teamThread.ts";

/** Slots of the block of the routine `runItems`. */
export const runner = {
  /** Address of the phase's description. */
  description: 1,
  /** Address of its first range; the next one is 64 bytes further on. */
  firstRange: 2,
  ranges: 3,
  /** The range from which this thread claims first. */
  ownRange: 4,
  /** Address of the int32 counter of finished items. */
  finishedCounter: 5,
  /** Address of this thread's copy of the kernel's block. */
  kernelBlock: 6,
  /** Address of this thread's scratch memory. */
  scratch: 7,
  /** Result: items that all threads have finished. */
  finished: 8,
  slots: 9,
} as const;

/** Slots of the block of the routine `spin`. */
export const spinner = { word: 1, value: 2, pauses: 3, slots: 4 } as const;

/** Addresses of the team's two routines; see teamCode.ts. */
export interface TeamCode {
  readonly runItems: number;
  readonly spin: number;
}

export class NativeThread extends TeamThread {
  readonly #native: Native;
  readonly #call: (block: number) => void;
  readonly #runner = new Float64Array(runner.slots);
  readonly #runnerAddress: number;
  readonly #kernelBlock = new Float64Array(maxSlots);
  readonly #spinner = new Float64Array(spinner.slots);
  readonly #spinnerAddress: number;
  readonly #controlAddress: number;
  readonly #jobsAddress: number;
  readonly #addresses = new WeakMap<Float64Array, number>();
  #scratch: ArrayBuffer | null = null;
  #scratchBytes = 0;

  constructor(native: Native, shared: SharedArrayBuffer | ArrayBuffer, code: TeamCode, number: number) {
    super(shared, number);
    this.#native = native;
    this.#call = native.call;
    this.#controlAddress = native.addressOf(shared);
    this.#jobsAddress = this.#controlAddress + words.total * 4;
    this.#runner[0] = code.runItems;
    this.#runner[runner.kernelBlock] = native.addressOf(this.#kernelBlock.buffer);
    this.#runnerAddress = native.addressOf(this.#runner.buffer);
    this.#spinner[0] = code.spin;
    this.#spinnerAddress = native.addressOf(this.#spinner.buffer);
  }

  /** Callers use few blocks and use them for ever. */
  addressOf(block: Float64Array): number {
    let address = this.#addresses.get(block);
    if (address === undefined) {
      address = this.#native.addressOf(block.buffer) + block.byteOffset;
      this.#addresses.set(block, address);
    }
    return address;
  }

  call(block: number): void {
    this.#call(block);
  }

  needScratch(nbytes: number): void {
    if (nbytes <= this.#scratchBytes) return;
    this.#scratch = allocateUninitialized(nbytes + 64);
    this.#scratchBytes = nbytes;
    this.#runner[runner.scratch] = Math.ceil(this.#native.addressOf(this.#scratch) / 64) * 64;
  }

  get scratchAddress(): number {
    return this.#runner[runner.scratch]!;
  }

  /** Machine code is there for all threads at once. */
  update(): void {}

  threadNumber(): number {
    return this.#native.threadNumber();
  }

  runItems(phase: number): boolean {
    const offset = this.jobs[header.offsetOf + phase]!;
    this.#runner[runner.description] = this.#jobsAddress + offset * 8;
    const ranges = this.jobs[header.ranges]!;
    this.#runner[runner.firstRange] = this.#controlAddress + words.rangeOf(phase, 0) * 4;
    this.#runner[runner.ranges] = ranges;
    this.#runner[runner.ownRange] = this.number % ranges;
    this.#runner[runner.finishedCounter] = this.#controlAddress + words.finishedOf(phase) * 4;
    this.#call(this.#runnerAddress);
    return this.#runner[runner.finished] === this.jobs[offset + description.items];
  }

  spinWhile(word: number, value: number, times = 1): void {
    this.#spinner[spinner.word] = this.#controlAddress + word * 4;
    this.#spinner[spinner.value] = value;
    this.#spinner[spinner.pauses] = this.control[words.spin]! * times;
    this.#call(this.#spinnerAddress);
  }

  /** The unit is a pause instruction: how long one takes differs tenfold between processors. */
  measureSpin(): number {
    const sample = 200;
    this.control[words.spin] = sample;
    const value = this.control[words.generation]!;
    let best = Number.POSITIVE_INFINITY;
    for (let k = 0; k < 5; k++) {
      const start = now();
      this.spinWhile(words.generation, value);
      best = Math.min(best, now() - start);
    }
    return sample / best;
  }
}
