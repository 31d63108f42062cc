/**
 * What every thread of the team has, the main one and the workers: the layout of the memory they share, and the way to work through a job's phases.
 *
 * One SharedArrayBuffer holds int32 words for Atomics, each on a cache line of its own, and float64 descriptions of the phases of the current job. `generation`
 * is odd while a job is open: adding one opens it, adding one more closes it. A worker first says `active`, then looks whether the generation is still that of
 * the job it saw; the main thread writes a new description only when the job is closed and no worker is active. As items are claimed from a counter, a worker
 * may come late, or never.
 */
import { type Native, allocateUninitialized } from "../../platform/index.ts";
import { runItemsCode, runner, spinCode, spinner } from "./teamCode.ts";

/** Int32 words on one cache line. */
const line = 16;
export const maxWorkers = 255;
/** Phases in one job; more are cut into several jobs. */
export const maxPhases = 64;
/** Slots in a kernel's block. */
export const maxSlots = 1024;

export const words = {
  generation: 0,
  /** Threads that sleep until a phase is finished. */
  phaseSleepers: line,
  /** Workers from this number on are not wanted: they sleep until it changes. */
  limit: 2 * line,
  /** Number of pause instructions after which waiting becomes sleeping. */
  pauses: 2 * line + 1,
  statusOf: (worker: number): number => (3 + worker) * line,
  /** The system's number of the worker's thread. */
  threadOf: (worker: number): number => (3 + worker) * line + 1,
  claimedOf: (phase: number): number => (3 + maxWorkers + 2 * phase) * line,
  finishedOf: (phase: number): number => (3 + maxWorkers + 2 * phase + 1) * line,
  total: (3 + maxWorkers + 2 * maxPhases) * line,
} as const;

/** What a worker says of itself. Only an active one reads the description of a job; `sleeping` ones wait for the next generation. */
export const status = { absent: 0, spinning: 1, active: 2, sleeping: 3 } as const;

/** Float64 slots after the words: number of phases, bytes of scratch, where the description of each phase begins, then the descriptions. */
export const header = { phases: 0, scratchBytes: 1, offsetOf: 2, slots: 2 + maxPhases } as const;
export const descriptionSlots = 1 << 15;

export const sharedBytes = words.total * 4 + (header.slots + descriptionSlots) * 8;

/** A thread's own side of the team. */
export class TeamThread {
  readonly control: Int32Array;
  /** Header and descriptions. */
  readonly jobs: Float64Array;
  readonly #call: (block: number) => void;
  readonly #runner = new Float64Array(runner.slots);
  readonly #runnerAddress: number;
  readonly #kernelBlock = new Float64Array(maxSlots);
  readonly #spinner = new Float64Array(spinner.slots);
  readonly #spinnerAddress: number;
  readonly #controlAddress: number;
  readonly #jobsAddress: number;
  readonly #addressOf: (buffer: ArrayBufferLike) => number;
  #scratch: ArrayBuffer | null = null;
  #scratchBytes = 0;

  /** `code` has the addresses of both routines. */
  constructor(native: Native, shared: SharedArrayBuffer | ArrayBuffer, code: { runItems: number; spin: number }) {
    this.control = new Int32Array(shared, 0, words.total);
    this.jobs = new Float64Array(shared, words.total * 4, header.slots + descriptionSlots);
    this.#call = native.call;
    this.#addressOf = native.addressOf;
    this.#controlAddress = native.addressOf(shared);
    this.#jobsAddress = this.#controlAddress + words.total * 4;
    this.#runner[0] = code.runItems;
    this.#runner[runner.kernelBlock] = native.addressOf(this.#kernelBlock.buffer);
    this.#runnerAddress = native.addressOf(this.#runner.buffer);
    this.#spinner[0] = code.spin;
    this.#spinnerAddress = native.addressOf(this.#spinner.buffer);
  }

  /** Makes sure of scratch memory. Throws when there is none to be had: before any item is claimed. */
  needScratch(nbytes: number): void {
    if (nbytes <= this.#scratchBytes) return;
    this.#scratch = allocateUninitialized(nbytes + 64);
    this.#scratchBytes = nbytes;
    this.#runner[runner.scratch] = Math.ceil(this.#addressOf(this.#scratch) / 64) * 64;
  }

  /** Runs items of a phase until none is left to claim; true when all of them are finished, by whichever thread. */
  runItems(phase: number): boolean {
    const offset = this.jobs[header.offsetOf + phase]!;
    this.#runner[runner.description] = this.#jobsAddress + offset * 8;
    this.#runner[runner.counters] = this.#controlAddress + words.claimedOf(phase) * 4;
    this.#call(this.#runnerAddress);
    return this.#runner[runner.finished] === this.jobs[offset + 1];
  }

  /** Waits with pauses, at most `times` the usual time, while the word has this value. */
  spinWhile(word: number, value: number, times = 1): void {
    this.#spinner[spinner.word] = this.#controlAddress + word * 4;
    this.#spinner[spinner.value] = value;
    this.#spinner[spinner.pauses] = this.control[words.pauses]! * times;
    this.#call(this.#spinnerAddress);
  }

  /** Waits until all items of a phase are finished. `goOn` is asked after each millisecond of sleep; false gives up. */
  waitForPhase(phase: number, goOn: () => boolean): boolean {
    const word = words.finishedOf(phase);
    const items = this.jobs[this.jobs[header.offsetOf + phase]! + 1]!;
    for (let spun = false; ; ) {
      const finished = Atomics.load(this.control, word);
      if (finished === items) return true;
      if (!spun) {
        this.spinWhile(word, finished, 4);
        spun = Atomics.load(this.control, word) === finished;
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

/** Installs both routines. */
export function installTeamCode(native: Native): { runItems: number; spin: number } {
  return { runItems: native.installCode(runItemsCode), spin: native.installCode(spinCode) };
}
