/**
 * Entry of the worker that holds the WebGPU device: takes commands from the ring and hands them to the executor. It sleeps in Atomics.wait when there is nothing to
 * do; the event loop, without which WebGPU's promises do not resolve, turns only while something is awaited.
 */
import { TorchError } from "../../core/errors.ts";
import { nextTurn, onStart, platformName } from "../../platform/index.ts";
import type { Failure } from "./commands.ts";
import { type Executor, openExecutor } from "./executor.ts";
import type { Binding } from "./queue.ts";
import { answerBytes, codes, control, failureBytes, type GpuWorkerData, putText, RingReader, state } from "./ring.ts";

/** Milliseconds after which encoded commands are submitted though no more came. */
const patience = 0.2;

const idle = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits for a promise of WebGPU. In Node, Dawn keeps the event loop turning for as long as one is pending, which costs a whole processor (that a software adapter
 * would rather compute with): so naps are taken between turns.
 */
async function settled<T>(promise: Promise<T>): Promise<T> {
  if (platformName !== "node") return promise;
  let open = true;
  promise.then(
    () => {
      open = false;
    },
    () => {
      open = false;
    },
  );
  for (let turn = 0; open; turn++) {
    await nextTurn();
    if (open && turn > 4) Atomics.wait(idle, 0, 0, Math.min(0.02 * turn, 1));
  }
  return promise;
}

class GpuWorker {
  readonly #data: GpuWorkerData;
  readonly #control: Int32Array;
  readonly #executor: Executor;
  readonly #reader: RingReader;
  #answered = 0;

  constructor(data: GpuWorkerData, executor: Executor) {
    this.#data = data;
    this.#executor = executor;
    this.#control = new Int32Array(data.memory.control);
    this.#reader = new RingReader(data.memory);
    executor.onFailure = () => this.#report();
  }

  #report(): void {
    const failure = this.#executor.takeFailure();
    if (failure === null) return;
    if (Atomics.load(this.#control, control.failed) !== 0 && failure.kind !== "lost") return;
    const text: Failure = { kind: failure.kind, message: failure.message.slice(0, failureBytes >> 3) };
    putText(this.#data.memory, JSON.stringify(text));
    Atomics.store(this.#control, control.failed, 1);
  }

  #publishCounters(): void {
    const { submits, bindGroups } = this.#executor.counters();
    this.#control[control.submits] = submits;
    this.#control[control.bindGroups] = bindGroups;
  }

  async run(): Promise<never> {
    for (;;) {
      if (Atomics.load(this.#control, control.stop) !== 0) await this.#stop();
      const at = this.#reader.next();
      if (at >= 0) {
        const waiting = this.#perform(at);
        this.#reader.done(at);
        if (waiting !== null) await waiting;
        const crowded = this.#executor.crowded;
        if (crowded !== null) await settled(crowded);
      } else if (this.#executor.compiling) {
        // pipelines become ready only in turns of the event loop
        await this.#rest(0.05);
      } else if (this.#executor.pending) {
        this.#reader.sleep(patience);
        if (this.#reader.next() < 0) this.#executor.flush();
      } else if (this.#executor.owed) {
        await this.#rest(0.5);
      } else {
        this.#publishCounters();
        if (platformName === "node") this.#reader.sleep(1000);
        else await this.#browserSleep();
        await nextTurn(); // a lost device is told at any time
      }
    }
  }

  /**
   * Ends the work for good, when the process ends: Dawn aborts it when its thread is ended in the middle of a call, or with a promise open. What was not begun is not
   * done any more.
   */
  async #stop(): Promise<never> {
    this.#executor.forgetWaiting();
    while (this.#executor.compiling || this.#executor.owed) {
      await nextTurn();
      Atomics.wait(idle, 0, 0, 0.2);
    }
    Atomics.store(this.#control, control.stopped, 1);
    Atomics.notify(this.#control, control.stopped);
    for (;;) Atomics.wait(this.#control, control.stop, 1);
  }

  /** Lets the event loop turn until the device has answered something or a command came; in Node, where turning is busy, with a nap of some milliseconds. */
  async #rest(nap: number): Promise<void> {
    if (platformName === "node" || !(await this.#reader.rest(this.#executor.progress))) {
      await nextTurn();
      this.#reader.sleep(nap);
    }
  }

  /** A browser hands work to the GPU's process only from the event loop. */
  async #browserSleep(): Promise<void> {
    await nextTurn();
    if (this.#reader.next() < 0) this.#reader.sleep(50);
  }

  /** Carries out one command; what must be awaited before the next one. */
  #perform(at: number): Promise<void> | null {
    const { words, bytes } = this.#reader;
    const executor = this.#executor;
    const p = at + 2;
    const size = (k: number): number => (words[k]! >>> 0) + words[k + 1]! * 2 ** 32;
    switch (words[at]) {
      case codes.createBuffer:
        executor.createBuffer(words[p]!, size(p + 1));
        return null;
      case codes.destroyBuffer:
        executor.destroyBuffer(words[p]!);
        return null;
      case codes.createPipeline: {
        const text = new TextDecoder().decode(bytes.slice((p + 1) * 4, (p + 1) * 4 + words[p]!));
        const { id, key, wgsl, bindings, argumentBytes } = JSON.parse(text) as {
          id: number;
          key: string;
          wgsl: string;
          bindings: Binding[];
          argumentBytes: number;
        };
        executor.createPipeline(id, key, wgsl, bindings, argumentBytes);
        return null;
      }
      case codes.dispatch: {
        const buffers = Array.from(words.subarray(p + 6, p + 6 + words[p + 4]!));
        const from = (p + 6 + buffers.length) * 4;
        executor.dispatch(
          words[p]!,
          buffers,
          bytes.subarray(from, from + words[p + 5]!),
          words[p + 1]!,
          words[p + 2]!,
          words[p + 3]!,
        );
        return null;
      }
      case codes.copy:
        executor.copy(words[p]!, size(p + 2), words[p + 1]!, size(p + 4), size(p + 6));
        return null;
      case codes.write: {
        const from = (p + 4) * 4;
        // WebGPU in a browser takes no shared memory
        executor.write(words[p]!, size(p + 1), bytes.slice(from, from + words[p + 3]!));
        return null;
      }
      case codes.read:
        return this.#answer(executor.readAsync(words[p]!, size(p + 1), size(p + 3)));
      case codes.warmUp:
        return this.#answer(executor.warmUp().then(() => new Uint8Array(0)));
      case codes.flush:
        executor.flush();
        return null;
      case codes.destroy:
        executor.destroy();
        return null;
      default:
        throw new Error(`command ${words[at]}`);
    }
  }

  async #answer(coming: Promise<Uint8Array>): Promise<void> {
    const bytes = await settled(coming);
    this.#publishCounters();
    const area = new Uint8Array(this.#data.memory.answer);
    let done = 0;
    do {
      const piece = bytes.subarray(done, done + answerBytes);
      area.set(piece);
      done += piece.length;
      this.#control[control.pieceBytes] = piece.length;
      this.#control[control.last] = done === bytes.length ? 1 : 0;
      this.#answered = (this.#answered + 1) | 0;
      Atomics.store(this.#control, control.answered, this.#answered);
      Atomics.notify(this.#control, control.answered);
      for (;;) {
        const taken = Atomics.load(this.#control, control.taken);
        if (taken === this.#answered) break;
        if (Atomics.load(this.#control, control.stop) !== 0) await this.#stop();
        Atomics.wait(this.#control, control.taken, taken, 10);
      }
    } while (done < bytes.length);
  }
}

async function start(data: GpuWorkerData): Promise<void> {
  const words = new Int32Array(data.memory.control);
  const say = (text: unknown, next: number): void => {
    putText(data.memory, JSON.stringify(text));
    Atomics.store(words, control.state, next);
    Atomics.notify(words, control.state);
  };
  let worker: GpuWorker;
  try {
    const executor = await settled(openExecutor());
    worker = new GpuWorker(data, executor);
    say(executor.facts, state.running);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const help = error instanceof TorchError ? error.help : undefined;
    say({ message: help === undefined ? message : message.split("\n  help:")[0], help }, state.refused);
    return;
  }
  try {
    await worker.run();
  } catch (error) {
    putText(data.memory, JSON.stringify({ kind: "lost", message: error instanceof Error ? `${error.stack}` : String(error) }));
    Atomics.store(words, control.failed, 1);
    Atomics.store(words, control.state, state.ended);
    Atomics.notify(words, control.answered);
  }
}

onStart((data) => void start(data as GpuWorkerData));
