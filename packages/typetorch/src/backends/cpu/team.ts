/**
 * The thread team: runs a kernel over a grid of items on all processors.
 *
 * Items are claimed one by one from atomic counters, by the calling thread and by worker threads that start at the first large job. How the work is cut into
 * items is the caller's choice and does not depend on the number of threads; so do results not.
 *
 * Where workers cannot be started a warning says so, and the calling thread does all the work.
 */
import { ValueError } from "../../core/errors.ts";
import type { Storage } from "../../core/storage.ts";
import {
  atExit,
  cpuWorkerUrl,
  createWorker,
  environment,
  hardwareThreads,
  isMainThread,
  mayWait,
  now,
  openNative,
  platformName,
  threadAlive,
  warn,
} from "../../platform/index.ts";
import { allocate, release } from "./memory.ts";
import { wasm } from "./target.ts";
import { runItemsCode, spinCode } from "#x64/teamCode";
import { NativeThread } from "#x64/teamNative";
import {
  description,
  descriptionSlots,
  header,
  maxPhases,
  maxRanges,
  maxSlots,
  maxWorkers,
  sharedBytes,
  status,
  type TeamThread,
  words,
} from "./teamThread.ts";
import { blockBytes, WasmTeamThread } from "./teamWasm.ts";
import type { TeamMachine, TeamWorkerData } from "./teamWorker.ts";

/**
 * How a job is cut into `countI * countJ` items. In the block of item (i, j) slot `slots[k]` is `block[slots[k]] + i * stepI[k] + j * stepJ[k]`; then slot
 * `sizeSlotI` is `min(blockI, totalI - i * blockI)`, likewise `sizeSlotJ`; then `scratchSlot` is the address of memory that the running thread owns, at least
 * `scratchBytes` long and aligned to 64 bytes. A slot number of -1 means none. A kernel must leave the slots that do not move as they are.
 */
export interface Grid {
  countI: number;
  countJ: number;
  slots: number[];
  stepI: number[];
  stepJ: number[];
  sizeSlotI: number;
  totalI: number;
  blockI: number;
  sizeSlotJ: number;
  totalJ: number;
  blockJ: number;
  scratchSlot: number;
  scratchBytes: number;
  /** About how many nanoseconds one thread needs for all items; without it the job counts as large. Small jobs are not worth the help of others. */
  work?: number;
}

/** One kernel over one grid: all its items are finished before those of the next phase begin. A null grid is a single item. */
export interface Phase {
  block: Float64Array;
  slots: number;
  grid: Grid | null;
}

const single: Grid = {
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

/**
 * How long a thread that waits stays awake, in milliseconds. Going to sleep costs the next job 30 to 70 us, and in a training step the gaps between two large
 * jobs are often some 100 us. With more threads than processors whoever spins keeps another from working.
 */
const spinTime = 1;
const spinTimeCrowded = 0.005;
/** Nanoseconds of work below which handing items to a worker that is awake costs more than it saves. */
const leastWork = 4_000;
/** Nanoseconds of work that are worth waking a worker: the call alone takes the caller about 15 us. */
const wakingWork = 60_000;

/** Whether threads can help at all: in pages that are not cross-origin isolated, the memory of WebAssembly cannot be shared. */
const shareable = wasm === null || wasm.linear.shared;

let threads = defaultThreads();

/**
 * All processors (or `OMP_NUM_THREADS` of them). One thread in Node's workers: whoever starts workers already uses the processors; but in a browser the whole
 * program may live in one, so that the page does not freeze. One thread where WebAssembly's memory cannot be shared.
 */
function defaultThreads(): number {
  if (platformName === "node" && !isMainThread) return 1;
  if (!shareable) return 1;
  const asked = Number.parseInt(environment("OMP_NUM_THREADS") ?? "", 10);
  return Math.min(maxWorkers + 1, asked >= 1 ? asked : hardwareThreads());
}

/**
 * Number of threads that work on large CPU operations, as `torch.get_num_threads`.
 * @example
 * torch.getNumThreads() >= 1 // true
 */
export function getNumThreads(): number {
  return threads;
}

/** Sets the number of threads that work on large CPU operations, as `torch.set_num_threads`. Throws {@link ValueError} unless it is a positive integer. */
export function setNumThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new ValueError(`set_num_threads expects a positive integer, but got ${count}`);
  threads = Math.min(count, maxWorkers + 1);
  team?.setWorkers(threads - 1, 0);
}

/** Runs the kernel in slot 0 of the block: once on the calling thread when `grid` is null, else once for each item, on all threads. Only where kernels are compiled for a machine. */
export function run(block: Float64Array, slots: number, grid: Grid | null): void {
  const local = openLocal();
  if (grid === null) {
    local.thread.call(local.thread.addressOf(block));
    return;
  }
  const items = grid.countI * grid.countJ;
  if (items === 0) return;
  const crew = items > 1 ? crewFor(grid.work, items, local) : null;
  if (crew === null) {
    local.runPhase(block, slots, grid);
    return;
  }
  crew.begin();
  crew.add(block, slots, grid);
  crew.finish();
}

/** Runs phases one after the other, cheaper than as many calls of `run`: the threads stay together in between. */
export function runPhases(phases: readonly Phase[]): void {
  const local = openLocal();
  let work = 0;
  let most = 1;
  for (const { grid } of phases) {
    if (grid === null || grid.countI * grid.countJ < 2) continue;
    work += grid.work ?? wakingWork;
    most = Math.max(most, grid.countI * grid.countJ);
  }
  const crew = crewFor(work, most, local);
  if (crew === null) {
    for (const { block, slots, grid } of phases)
      if (grid === null || grid.countI * grid.countJ > 0) local.runPhase(block, slots, grid ?? single);
    return;
  }
  crew.begin();
  for (const { block, slots, grid } of phases) {
    if (grid !== null && grid.countI * grid.countJ === 0) continue;
    if (!crew.hasRoom(slots, grid ?? single)) {
      crew.finish();
      crew.begin();
    }
    crew.add(block, slots, grid ?? single);
  }
  crew.finish();
}

/** The team, if a job of so many nanoseconds is worth its help now. */
function crewFor(work: number | undefined, items: number, local: Local): Team | null {
  if (threads === 1 || !shareable || (work !== undefined && work < leastWork)) return null;
  if (team === null) team = new Team(local);
  team.setWorkers(threads - 1, items - 1);
  return team.summon(work ?? wakingWork) ? team : null;
}

/** Writes a description; returns where it ends. */
function describe(target: Float64Array, at: number, block: Float64Array, slots: number, grid: Grid): number {
  const items = grid.countI * grid.countJ;
  if (slots > maxSlots || slots > block.length) throw new RangeError(`a kernel's block of ${slots} slots`);
  if (!(items < 2 ** 30)) throw new RangeError(`a grid of ${grid.countI} x ${grid.countJ} items`);
  target[at + description.slots] = slots;
  target[at + description.items] = items;
  target[at + description.countJ] = grid.countJ;
  const moving = grid.slots.length;
  target[at + description.moving] = moving;
  target[at + description.sizeSlotI] = grid.sizeSlotI;
  target[at + description.totalI] = grid.totalI;
  target[at + description.blockI] = grid.blockI;
  target[at + description.sizeSlotJ] = grid.sizeSlotJ;
  target[at + description.totalJ] = grid.totalJ;
  target[at + description.blockJ] = grid.blockJ;
  target[at + description.scratchSlot] = grid.scratchSlot;
  let end = at + description.base;
  for (let k = 0; k < slots; k++) target[end++] = block[k]!;
  for (let k = 0; k < moving; k++) {
    target[end] = grid.slots[k]!;
    target[end + 1] = grid.stepI[k]!;
    target[end + 2] = grid.stepJ[k]!;
    end += 3;
  }
  return end;
}

/**
 * Memory of threads that cannot allocate any: in the linear memory of WebAssembly only the calling thread does. Each thread has room for a kernel's block, and
 * scratch memory behind it.
 */
class ThreadMemory {
  readonly #storages: Storage[] = [];
  #nbytes = -1;

  /** Makes sure that so many threads have their memory, and writes where it is into the header of the jobs. */
  provide(jobs: Float64Array, threads: number, scratchBytes: number): void {
    if (scratchBytes > this.#nbytes) {
      this.#nbytes = scratchBytes;
      for (const storage of this.#storages.splice(0)) release(storage);
    }
    while (this.#storages.length < threads) this.#storages.push(allocate(blockBytes + this.#nbytes));
    for (let k = 0; k < threads; k++) jobs[header.scratchOf + k] = this.#storages[k]!.address;
  }
}

/** The calling thread on its own. */
class Local {
  readonly machine: TeamMachine;
  readonly thread: TeamThread;
  /** Null where threads allocate by themselves. */
  readonly memory: ThreadMemory | null;

  constructor(machine: TeamMachine) {
    this.machine = machine;
    this.memory = machine.kind === "wasm" ? new ThreadMemory() : null;
    this.thread = this.open(new ArrayBuffer(sharedBytes));
    this.thread.jobs[header.offsetOf] = header.slots;
    this.thread.jobs[header.ranges] = 1;
  }

  open(shared: ArrayBuffer | SharedArrayBuffer): TeamThread {
    const { machine } = this;
    if (machine.kind === "wasm") return new WasmTeamThread(wasm!.thread, shared, 0);
    return new NativeThread(openNative()!, shared, machine.code, 0);
  }

  runPhase(block: Float64Array, slots: number, grid: Grid): void {
    const { thread } = this;
    this.memory?.provide(thread.jobs, 1, grid.scratchBytes);
    thread.needScratch(grid.scratchBytes);
    if (grid.countI * grid.countJ === 1) {
      this.#runSingle(block, grid);
      return;
    }
    describe(thread.jobs, header.slots, block, slots, grid);
    thread.cutItems(0, grid.countI * grid.countJ);
    thread.runItems(0);
  }

  /** Item (0, 0) in the caller's own block: nothing moves, and what is set for it is set back. */
  #runSingle(block: Float64Array, { sizeSlotI, totalI, blockI, sizeSlotJ, totalJ, blockJ, scratchSlot }: Grid): void {
    const sizeI = sizeSlotI < 0 ? 0 : block[sizeSlotI]!;
    const sizeJ = sizeSlotJ < 0 ? 0 : block[sizeSlotJ]!;
    const scratch = scratchSlot < 0 ? 0 : block[scratchSlot]!;
    if (sizeSlotI >= 0) block[sizeSlotI] = Math.min(blockI, totalI);
    if (sizeSlotJ >= 0) block[sizeSlotJ] = Math.min(blockJ, totalJ);
    if (scratchSlot >= 0) block[scratchSlot] = this.thread.scratchAddress;
    this.thread.call(this.thread.addressOf(block));
    if (sizeSlotI >= 0) block[sizeSlotI] = sizeI;
    if (sizeSlotJ >= 0) block[sizeSlotJ] = sizeJ;
    if (scratchSlot >= 0) block[scratchSlot] = scratch;
  }
}

let openedLocal: Local | null = null;

function openLocal(): Local {
  openedLocal ??= new Local(openMachine());
  return openedLocal;
}

function openMachine(): TeamMachine {
  if (wasm !== null) return { kind: "wasm", share: wasm.thread.share };
  const native = openNative();
  if (native === null) throw new Error("kernels cannot run here: there is no machine for them");
  return { kind: "native", code: { runItems: native.installCode(runItemsCode()), spin: native.installCode(spinCode()) } };
}

/** The calling thread and its workers. */
class Team {
  readonly #local: Local;
  readonly #shared = new SharedArrayBuffer(sharedBytes);
  readonly #thread: TeamThread;
  readonly #spinPerMillisecond: number;
  readonly #goOn: () => boolean;
  /** Whether worker k was started and, as far as is known, lives. */
  readonly #alive: boolean[] = [];
  #workers = 0;
  /** Nanoseconds of work that the caller did alone since the workers fell asleep. */
  #aloneWork = 0;
  #wake = false;
  #phases = 0;
  #end = 0;
  #items = 0;
  #scratchBytes = 0;
  #milliseconds = 0;

  constructor(local: Local) {
    this.#local = local;
    this.#thread = local.open(this.#shared);
    this.#spinPerMillisecond = this.#thread.measureSpin();
    this.#goOn = () => this.#checkWorkers();
  }

  /** How many workers may help; starts those of the first `wanted` that are missing: each costs the caller 2 ms. */
  setWorkers(workers: number, wanted: number): void {
    const { control } = this.#thread;
    if (workers !== this.#workers) {
      this.#workers = workers;
      const time = workers < hardwareThreads() ? spinTime : spinTimeCrowded;
      control[words.spin] = Math.max(5, Math.round(time * this.#spinPerMillisecond));
      Atomics.store(control, words.limit, workers);
      Atomics.notify(control, words.limit);
    }
    const count = Math.min(workers, wanted);
    for (let worker = this.#alive.length; worker < count; worker++) this.#startWorker(worker);
  }

  #startWorker(worker: number): void {
    const { control } = this.#thread;
    this.#alive[worker] = true;
    const lost = (reason: string): void => {
      if (!this.#alive[worker]) return;
      this.#alive[worker] = false;
      Atomics.store(control, words.statusOf(worker), status.absent);
      warn(`a CPU worker thread ended (${reason}); the others do its work`);
    };
    try {
      const data: TeamWorkerData = { shared: this.#shared, machine: this.#local.machine, worker };
      const handle = createWorker(cpuWorkerUrl(), { data, name: `typetorch-cpu-${worker}` });
      handle.onError((error) => lost(error.message));
      handle.onExit(() => lost("it exited"));
      handle.unref();
      if (worker === 0) atExit(() => this.#awaitStarts());
    } catch (error) {
      lost(error instanceof Error ? error.message : String(error));
    }
  }

  /** A process must not end while a worker still starts: its calls into native code would be cut off in the middle, which aborts the process. */
  #awaitStarts(): void {
    const end = now() + 500;
    for (let worker = 0; worker < this.#alive.length; worker++) {
      while (this.#alive[worker] && this.#statusOf(worker) === status.absent && now() < end) {
        if (mayWait) Atomics.wait(this.#thread.control, words.statusOf(worker), status.absent, 1);
      }
    }
  }

  #statusOf(worker: number): number {
    return Atomics.load(this.#thread.control, words.statusOf(worker));
  }

  /**
   * Whether this much work shall be shared. With all workers asleep small jobs are done alone, until their sum would have been worth waking somebody: so a
   * rare small job wakes nobody, and a dense sequence of them soon has help.
   */
  summon(work: number): boolean {
    this.#wake = work >= wakingWork;
    if (this.#wake) return true;
    for (let worker = 0; worker < this.#workers; worker++) {
      const state = this.#statusOf(worker);
      if (state === status.spinning || state === status.active) return true;
    }
    this.#aloneWork += work;
    this.#wake = this.#aloneWork >= wakingWork;
    return this.#wake;
  }

  /** Starts the description of a job. No worker may be reading the one before: those that came late are waited for. */
  begin(): void {
    for (let worker = 0; worker < this.#alive.length; worker++) {
      if (this.#statusOf(worker) !== status.active) continue;
      const word = words.statusOf(worker);
      this.#thread.spinWhile(word, status.active);
      while (this.#statusOf(worker) === status.active) {
        if (!mayWait) this.#thread.spinWhile(word, status.active);
        else if (Atomics.wait(this.#thread.control, word, status.active, 1) !== "timed-out") continue;
        this.#checkWorkers();
      }
    }
    this.#thread.jobs[header.ranges] = Math.min(this.#workers + 1, maxRanges);
    this.#phases = 0;
    this.#end = header.slots;
    this.#items = 0;
    this.#scratchBytes = 0;
  }

  hasRoom(slots: number, grid: Grid): boolean {
    const needed = description.base + slots + 3 * grid.slots.length;
    return this.#phases < maxPhases && this.#end + needed <= header.slots + descriptionSlots;
  }

  /** Adds a phase to the job. */
  add(block: Float64Array, slots: number, grid: Grid): void {
    const { jobs } = this.#thread;
    const phase = this.#phases++;
    jobs[header.offsetOf + phase] = this.#end;
    this.#end = describe(jobs, this.#end, block, slots, grid);
    const items = grid.countI * grid.countJ;
    this.#thread.cutItems(phase, items);
    this.#items = Math.max(this.#items, items);
    this.#scratchBytes = Math.max(this.#scratchBytes, grid.scratchBytes);
  }

  /** Opens the job, works with the others until it is done, and closes it. */
  finish(): void {
    const { control, jobs } = this.#thread;
    if (this.#phases === 0) return;
    jobs[header.phases] = this.#phases;
    jobs[header.scratchBytes] = this.#scratchBytes;
    this.#local.memory?.provide(jobs, this.#alive.length + 1, this.#scratchBytes);
    this.#thread.needScratch(this.#scratchBytes);
    Atomics.add(control, words.generation, 1);
    if (this.#wake) this.#wakeSleepers();
    this.#milliseconds = 0;
    try {
      this.#thread.runPhases(true, this.#goOn);
    } finally {
      Atomics.add(control, words.generation, 1);
    }
  }

  #wakeSleepers(): void {
    this.#aloneWork = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      if (this.#statusOf(worker) !== status.sleeping) continue;
      this.#thread.wake(this.#items - 1);
      return;
    }
  }

  /** Called for each millisecond of waiting; once in a second it looks for workers that died and will never finish their item. */
  #checkWorkers(): boolean {
    if (Atomics.load(this.#thread.control, words.failed) !== 0) this.#abandon();
    if (++this.#milliseconds % 1000 !== 0) return true;
    const { control } = this.#thread;
    for (let worker = 0; worker < this.#alive.length; worker++) {
      if (this.#statusOf(worker) !== status.active || threadAlive(Atomics.load(control, words.threadOf(worker)))) continue;
      Atomics.store(control, words.statusOf(worker), status.absent);
      if ((Atomics.load(control, words.generation) & 1) === 0) continue; // it had finished
      this.#abandon();
    }
    return true;
  }

  #abandon(): never {
    Atomics.store(this.#thread.control, words.failed, 0);
    throw new Error("a CPU worker thread died in the middle of an operation, whose result is lost");
  }
}

let team: Team | null = null;
