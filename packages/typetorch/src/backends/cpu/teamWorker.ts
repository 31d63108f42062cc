/**
 * Entry of the team's worker threads. The thread never returns to its event loop: it spins, sleeps in Atomics.wait, or works, until the process ends.
 */
import { onStart, openNative } from "../../platform/index.ts";
import { header, status, type TeamThread, words } from "./teamThread.ts";
import { WasmTeamThread } from "./teamWasm.ts";
import { type WasmShare, WasmThread } from "./wasm/machine.ts";
import { NativeThread, type TeamCode } from "#x64/teamNative";

/** Where kernels are, and how they are called. */
export type TeamMachine =
  | { readonly kind: "native"; readonly code: TeamCode }
  | { readonly kind: "wasm"; readonly share: WasmShare };

/** What the main thread hands to a worker. */
export interface TeamWorkerData {
  readonly shared: SharedArrayBuffer;
  readonly machine: TeamMachine;
  readonly worker: number;
}

function openThread({ shared, machine, worker }: TeamWorkerData): TeamThread {
  if (machine.kind === "wasm") return new WasmTeamThread(new WasmThread(machine.share), shared, worker + 1);
  const native = openNative();
  if (native === null) throw new Error("the native layer does not open in a worker thread");
  return new NativeThread(native, shared, machine.code, worker + 1);
}

function work(data: TeamWorkerData): void {
  const { worker } = data;
  const thread = openThread(data);
  const { control } = thread;
  const own = words.statusOf(worker);
  Atomics.store(control, words.threadOf(worker), thread.threadNumber());
  Atomics.store(control, own, status.spinning);
  let last = 0;
  const stillOpen = (): boolean => Atomics.load(control, words.generation) === last;
  for (;;) {
    const limit = Atomics.load(control, words.limit);
    if (worker >= limit) {
      Atomics.store(control, own, status.absent);
      Atomics.wait(control, words.limit, limit);
      Atomics.store(control, own, status.spinning);
      continue;
    }
    const generation = Atomics.load(control, words.generation);
    if ((generation & 1) === 0 || generation === last) {
      thread.spinWhile(words.generation, generation);
      if (Atomics.load(control, words.generation) !== generation) continue;
      Atomics.store(control, own, status.sleeping);
      const outcome = Atomics.wait(control, words.generation, generation);
      Atomics.store(control, own, status.spinning);
      if (outcome === "ok") thread.wakeOthers();
      continue;
    }
    Atomics.store(control, own, status.active);
    if (Atomics.load(control, words.generation) === generation) {
      last = generation;
      if (canHelp(thread)) help(thread, own, stillOpen);
    }
    Atomics.store(control, own, status.spinning);
  }
}

/** A kernel that throws has done who knows what: the calling thread is told, and throws too. */
function help(thread: TeamThread, own: number, stillOpen: () => boolean): void {
  try {
    thread.runPhases(false, stillOpen);
  } catch (error) {
    Atomics.store(thread.control, words.failed, 1);
    Atomics.store(thread.control, own, status.absent);
    throw error;
  }
}

/** Without memory for scratch, or for new kernels, the job goes on without this thread. */
function canHelp(thread: TeamThread): boolean {
  try {
    thread.update();
    thread.needScratch(thread.jobs[header.scratchBytes]!);
    return true;
  } catch {
    return false;
  }
}

onStart((data) => work(data as TeamWorkerData));
