/**
 * What every thread of the team has, the main one and the workers: the layout of the memory they share, and the way to work through a job's phases.
 *
 * One SharedArrayBuffer holds int32 words for Atomics, each on a cache line of its own, and float64 descriptions of the phases of the current job. `generation`
 * is odd while a job is open: adding one opens it, adding one more closes it. A worker first says `active`, then looks whether the generation is still that of
 * the job it saw; the main thread writes a new description only when the job is closed and no worker is active. The items of a phase are cut into one range for
 * each thread, from which items are claimed one by one, by its own thread first and then by whoever has nothing left to do: so a worker may come late, or never.
 */
import { mayWait } from "../../platform/index.ts";

/** Int32 words on one cache line. */
const line = 16;
export const maxWorkers = 255;
/** Phases in one job; more are cut into several jobs. */
export const maxPhases = 32;
/** Ranges of items in one phase; more threads share them. */
export const maxRanges = 64;
/** Slots in a kernel's block. */
export const maxSlots = 1024;

export const words = {
  generation: 0,
  /** Threads that sleep until a phase is finished. */
  phaseSleepers: line,
  /** Workers from this number on are not wanted: they sleep until it changes. */
  limit: 2 * line,
  /** How long a thread stays awake that waits, in the units of `TeamThread.spinWhile`. */
  spin: 2 * line + 1,
  /** How many workers are still to be woken for the job, by those that were. */
  toWake: 2 * line + 2,
  /** Set by a worker whose kernel threw. */
  failed: 2 * line + 3,
  statusOf: (worker: number): number => (3 + worker) * line,
  /** The system's number of the worker's thread. */
  threadOf: (worker: number): number => (3 + worker) * line + 1,
  finishedOf: (phase: number): number => (3 + maxWorkers + phase) * line,
  /** Two words, the next item of a range and its end. */
  rangeOf: (phase: number, range: number): number => (3 + maxWorkers + maxPhases + phase * maxRanges + range) * line,
  total: (3 + maxWorkers + maxPhases + maxPhases * maxRanges) * line,
} as const;

/** What a worker says of itself. Only an active one reads the description of a job; `sleeping` ones wait for the next generation. */
export const status = { absent: 0, spinning: 1, active: 2, sleeping: 3 } as const;

/** Float64 slots after the words: the number of phases and more, where the description of each phase begins, then the descriptions. */
export const header = {
  phases: 0,
  ranges: 1,
  scratchBytes: 2,
  offsetOf: 3,
  /** Addresses of the threads' scratch memory, where the calling thread provides it. */
  scratchOf: 3 + maxPhases,
  slots: 3 + maxPhases + 1 + maxWorkers,
} as const;
export const descriptionSlots = 1 << 14;

export const sharedBytes = words.total * 4 + (header.slots + descriptionSlots) * 8;

/** Slots of a phase's description. After `base`, the kernel's block, follow three numbers for each moving slot: its number, stepI and stepJ. */
export const description = {
  slots: 0,
  items: 1,
  countJ: 2,
  moving: 3,
  sizeSlotI: 4,
  totalI: 5,
  blockI: 6,
  sizeSlotJ: 7,
  totalJ: 8,
  blockJ: 9,
  scratchSlot: 10,
  base: 12,
} as const;

/** A thread's own side of the team; how it calls kernels is the machine's matter. */
export abstract class TeamThread {
  readonly control: Int32Array;
  /** Header and descriptions. */
  readonly jobs: Float64Array;
  /** 0 for the thread that hands out jobs, 1 and up for its workers. */
  readonly number: number;

  constructor(shared: SharedArrayBuffer | ArrayBuffer, number: number) {
    this.control = new Int32Array(shared, 0, words.total);
    this.jobs = new Float64Array(shared, words.total * 4, header.slots + descriptionSlots);
    this.number = number;
  }

  /** The address of a block of slots. */
  abstract addressOf(block: Float64Array): number;
  /** Runs the kernel in slot 0 of the block at this address. */
  abstract call(block: number): void;
  /** Makes sure of scratch memory. Throws when there is none to be had: before any item is claimed. */
  abstract needScratch(nbytes: number): void;
  /** Where this thread's scratch memory begins; 0 before any was needed. */
  abstract readonly scratchAddress: number;
  /** Makes callable what other threads installed. */
  abstract update(): void;
  /** The system's number of the thread, 0 where it has none. */
  abstract threadNumber(): number;
  /** Runs items of a phase until none is left to claim; true when all of them are finished, by whichever thread. */
  abstract runItems(phase: number): boolean;
  /** Waits awake, at most `times` the usual time, while the word has this value. */
  abstract spinWhile(word: number, value: number, times?: number): void;
  /** How many units of `words.spin` are a millisecond. */
  abstract measureSpin(): number;

  /** Makes the items of a phase ready to be claimed. */
  cutItems(phase: number, items: number): void {
    const ranges = this.jobs[header.ranges]!;
    let next = 0;
    for (let range = 0; range < ranges; range++) {
      const word = words.rangeOf(phase, range);
      this.control[word] = next;
      next = Math.floor((items * (range + 1)) / ranges);
      this.control[word + 1] = next;
    }
    this.control[words.finishedOf(phase)] = 0;
  }

  /** Wakes workers for the job just opened: two itself, which wake the next ones; to wake one costs some 15 us. */
  wake(workers: number): void {
    Atomics.store(this.control, words.toWake, workers - 2);
    Atomics.notify(this.control, words.generation, Math.min(workers, 2));
  }

  /** What a worker does that was woken. */
  wakeOthers(): void {
    const left = Atomics.sub(this.control, words.toWake, 2);
    if (left > 0) Atomics.notify(this.control, words.generation, Math.min(left, 2));
  }

  /** Waits until all items of a phase are finished. `goOn` is asked now and then, after about a millisecond; false gives up. */
  waitForPhase(phase: number, goOn: () => boolean): boolean {
    const word = words.finishedOf(phase);
    const items = this.jobs[this.jobs[header.offsetOf + phase]! + description.items]!;
    for (let spun = false; ; ) {
      const finished = Atomics.load(this.control, word);
      if (finished === items) return true;
      if (!spun) {
        this.spinWhile(word, finished, 4);
        spun = Atomics.load(this.control, word) === finished;
        continue;
      }
      if (!mayWait) {
        if (!goOn()) return false;
        spun = false;
        continue;
      }
      Atomics.add(this.control, words.phaseSleepers, 1);
      const outcome = Atomics.wait(this.control, word, finished, 1);
      Atomics.sub(this.control, words.phaseSleepers, 1);
      if (outcome === "timed-out" && !goOn()) return false;
    }
  }

  /** Works through the phases of the open job. A worker need not wait for the last one to finish. */
  runPhases(waitForLast: boolean, goOn: () => boolean): void {
    const phases = this.jobs[header.phases]!;
    for (let phase = 0; phase < phases; phase++) {
      if (this.runItems(phase)) {
        if (Atomics.load(this.control, words.phaseSleepers) > 0) Atomics.notify(this.control, words.finishedOf(phase));
      } else if (waitForLast || phase < phases - 1) {
        if (!this.waitForPhase(phase, goOn)) return;
      }
    }
  }
}
