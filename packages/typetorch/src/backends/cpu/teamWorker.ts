/**
 * Entry of the team's worker threads. The thread never returns to its event loop: it spins, sleeps in Atomics.wait, or works, until the process ends.
 */
import { openNative, workerData } from "../../platform/index.ts";
import { header, status, type TeamCode, TeamThread, words } from "./teamThread.ts";

/** What the main thread hands to a worker. */
export interface TeamWorkerData {
  readonly shared: SharedArrayBuffer;
  readonly code: TeamCode;
  readonly worker: number;
}

function work({ shared, code, worker }: TeamWorkerData): void {
  const native = openNative();
  if (native === null) throw new Error("the native layer does not open in a worker thread");
  const thread = new TeamThread(native, shared, code, worker + 1);
  const { control } = thread;
  const own = words.statusOf(worker);
  Atomics.store(control, words.threadOf(worker), native.threadNumber());
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
      if (canHelp(thread)) thread.runPhases(false, stillOpen);
    }
    Atomics.store(control, own, status.spinning);
  }
}

/** Without memory for scratch the job goes on without this thread. */
function canHelp(thread: TeamThread): boolean {
  try {
    thread.needScratch(thread.jobs[header.scratchBytes]!);
    return true;
  } catch {
    return false;
  }
}

work(workerData as TeamWorkerData);
