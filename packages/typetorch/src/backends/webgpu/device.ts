/**
 * The webgpu device of this thread: opened at its first use, and again after it was lost.
 */
import { DeviceError } from "../../core/errors.ts";
import { isMainThread, mayWait, openGpu, platformName } from "../../platform/index.ts";
import { notOpenYet } from "../withoutWebgpu.ts";
import { CommandQueue } from "./commandQueue.ts";
import { openExecutor } from "./executor.ts";
import { openInWorker, openInWorkerAsync } from "./workerCommands.ts";

let open: CommandQueue | null = null;

/** The queue of the device. Opens it where that can be done without waiting for the event loop, which is in Node. Throws {@link DeviceError} where there is none. */
export function webgpuQueue(): CommandQueue {
  if (open !== null && !open.lost) return open;
  if (platformName !== "node") notOpenYet();
  open = new CommandQueue(openInWorker());
  return open;
}

/** The queue if the device is open. */
export function openWebgpuQueue(): CommandQueue | null {
  return open !== null && !open.lost ? open : null;
}

/**
 * Opens the device: in Node and in the workers of a page that is cross-origin isolated in a worker of its own, so that reading can wait; in other threads of a
 * page in this thread, where only the asynchronous ways of reading are there.
 */
export async function initWebgpu(): Promise<void> {
  if (open !== null && !open.lost) return;
  if (platformName !== "node") await openGpu(); // says what is missing
  const shared = typeof SharedArrayBuffer !== "undefined";
  const inWorker = mayWait && shared && (platformName === "node" || !isMainThread);
  open = new CommandQueue(inWorker ? await openInWorkerAsync() : await openExecutor());
}

/** Whether the device is there: open, or it opens now. */
export function webgpuAvailable(): boolean {
  try {
    webgpuQueue();
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
}
