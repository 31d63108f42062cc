/**
 * The device in a worker: commands go through a ring in shared memory, and reading waits for the answer without the event loop. So `item()` is synchronous and
 * no thread is busy while it waits.
 *
 * The worker is started from the file `worker.js` beside this one: a bundler must keep it as an entry of its own (or leave `typetorch` external).
 */
import { DeviceError } from "../../core/errors.ts";
import { atExit, createWorker, nextTurn, webgpuWorkerUrl } from "../../platform/index.ts";
import type { DeviceFacts, ExecutorCounters, Failure, GpuCommands } from "./commands.ts";
import type { Binding } from "./queue.ts";
import {
  codes,
  control,
  createRingMemory,
  type GpuWorkerData,
  mostWords,
  putText,
  type RingMemory,
  RingWriter,
  state,
} from "./ring.ts";

/** A download that was asked for: answers come in the order of the questions. */
interface Pending {
  readonly bytes: Uint8Array;
  filled: number;
  done: boolean;
  resolve: (() => void) | null;
}

class WorkerCommands implements GpuCommands {
  readonly facts: DeviceFacts;
  readonly #memory: RingMemory;
  readonly #control: Int32Array;
  readonly #writer: RingWriter;
  readonly #answer: Uint8Array;
  readonly #pending: Pending[] = [];
  #taken = 0;
  #pumping = false;

  constructor(memory: RingMemory, facts: DeviceFacts) {
    this.facts = facts;
    this.#memory = memory;
    this.#control = new Int32Array(memory.control);
    this.#writer = new RingWriter(memory);
    this.#answer = new Uint8Array(memory.answer);
  }

  createBuffer(id: number, nbytes: number): void {
    const at = this.#writer.begin(codes.createBuffer, 3);
    const { words } = this.#writer;
    words[at] = id;
    this.#setSize(at + 1, nbytes);
    this.#writer.publish();
  }

  /** Sizes and offsets go beyond 32 bits. */
  #setSize(at: number, size: number): void {
    this.#writer.words[at] = size | 0;
    this.#writer.words[at + 1] = Math.floor(size / 2 ** 32);
  }

  destroyBuffer(id: number): void {
    const at = this.#writer.begin(codes.destroyBuffer, 1);
    this.#writer.words[at] = id;
    this.#writer.publish();
  }

  createPipeline(id: number, key: string, wgsl: string, bindings: readonly Binding[], argumentBytes: number): void {
    const text = new TextEncoder().encode(JSON.stringify({ id, key, wgsl, bindings, argumentBytes }));
    const at = this.#writer.begin(codes.createPipeline, 1 + Math.ceil(text.length / 4));
    this.#writer.words[at] = text.length;
    this.#writer.bytes.set(text, (at + 1) * 4);
    this.#writer.publish();
  }

  dispatch(pipeline: number, buffers: readonly number[], args: Uint8Array, x: number, y: number, z: number): void {
    const at = this.#writer.begin(codes.dispatch, 6 + buffers.length + args.length / 4);
    const { words, bytes } = this.#writer;
    words[at] = pipeline;
    words[at + 1] = x;
    words[at + 2] = y;
    words[at + 3] = z;
    words[at + 4] = buffers.length;
    words[at + 5] = args.length;
    for (let k = 0; k < buffers.length; k++) words[at + 6 + k] = buffers[k]!;
    bytes.set(args, (at + 6 + buffers.length) * 4);
    this.#writer.publish();
  }

  copy(source: number, sourceOffset: number, target: number, targetOffset: number, nbytes: number): void {
    const at = this.#writer.begin(codes.copy, 8);
    const { words } = this.#writer;
    words[at] = source;
    words[at + 1] = target;
    this.#setSize(at + 2, sourceOffset);
    this.#setSize(at + 4, targetOffset);
    this.#setSize(at + 6, nbytes);
    this.#writer.publish();
  }

  write(id: number, offset: number, bytes: Uint8Array): void {
    const most = (mostWords - 8) * 4;
    for (let done = 0; done < bytes.length; done += most) {
      const piece = bytes.subarray(done, done + most);
      const at = this.#writer.begin(codes.write, 4 + Math.ceil(piece.length / 4));
      this.#writer.words[at] = id;
      this.#setSize(at + 1, offset + done);
      this.#writer.words[at + 3] = piece.length;
      this.#writer.bytes.set(piece, (at + 4) * 4);
      this.#writer.publish();
    }
  }

  flush(): void {
    this.#writer.begin(codes.flush, 0);
    this.#writer.publish();
    this.#writer.wake();
  }

  #ask(id: number, offset: number, nbytes: number): Pending {
    const at = this.#writer.begin(codes.read, 5);
    this.#writer.words[at] = id;
    this.#setSize(at + 1, offset);
    this.#setSize(at + 3, nbytes);
    this.#writer.publish();
    this.#writer.wake();
    const pending: Pending = { bytes: new Uint8Array(nbytes), filled: 0, done: false, resolve: null };
    this.#pending.push(pending);
    return pending;
  }

  /** Takes the piece that was put down, for the oldest question. */
  #take(): void {
    const pending = this.#pending[0]!;
    const count = this.#control[control.pieceBytes]!;
    pending.bytes.set(this.#answer.subarray(0, count), pending.filled);
    pending.filled += count;
    if (this.#control[control.last] !== 0) {
      pending.done = true;
      this.#pending.shift();
      pending.resolve?.();
    }
    this.#taken = (this.#taken + 1) | 0;
    Atomics.store(this.#control, control.taken, this.#taken);
    Atomics.notify(this.#control, control.taken);
  }

  /** The worker is gone: what was asked for will not come. Its failure says why. */
  #abandon(): void {
    for (const pending of this.#pending) {
      pending.done = true;
      pending.resolve?.();
    }
    this.#pending.length = 0;
  }

  read(id: number, offset: number, nbytes: number): Uint8Array {
    const pending = this.#ask(id, offset, nbytes);
    while (!pending.done) {
      if (Atomics.load(this.#control, control.answered) !== this.#taken) this.#take();
      else if (Atomics.load(this.#control, control.state) === state.ended) this.#abandon();
      else Atomics.wait(this.#control, control.answered, this.#taken, 500);
    }
    return pending.bytes;
  }

  async readAsync(id: number, offset: number, nbytes: number): Promise<Uint8Array> {
    const pending = this.#ask(id, offset, nbytes);
    const answered = new Promise<void>((resolve) => {
      pending.resolve = resolve;
    });
    if (!this.#pumping) void this.#pump();
    await answered;
    return pending.bytes;
  }

  /** Looks for answers between turns of the event loop while somebody awaits one. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let idle = 0; this.#pending.length > 0; idle++) {
      if (Atomics.load(this.#control, control.answered) !== this.#taken) {
        this.#take();
        idle = 0;
      } else if (Atomics.load(this.#control, control.state) === state.ended) this.#abandon();
      else if (idle < 8) await nextTurn();
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    this.#pumping = false;
  }

  async warmUp(): Promise<void> {
    this.#writer.begin(codes.warmUp, 0);
    this.#writer.publish();
    this.#writer.wake();
    const pending: Pending = { bytes: new Uint8Array(0), filled: 0, done: false, resolve: null };
    this.#pending.push(pending);
    const answered = new Promise<void>((resolve) => {
      pending.resolve = resolve;
    });
    if (!this.#pumping) void this.#pump();
    await answered;
  }

  takeFailure(): Failure | null {
    if (Atomics.load(this.#control, control.failed) === 0) return null;
    const failure = JSON.parse(textOf(this.#memory, this.#control)) as Failure;
    if (failure.kind !== "lost") Atomics.store(this.#control, control.failed, 0);
    return failure;
  }

  counters(): ExecutorCounters {
    return { submits: this.#control[control.submits]!, bindGroups: this.#control[control.bindGroups]! };
  }

  destroy(): void {
    this.#writer.begin(codes.destroy, 0);
    this.#writer.publish();
    this.#writer.wake();
  }
}

function textOf(memory: RingMemory, words: Int32Array): string {
  return new TextDecoder().decode(new Uint8Array(memory.failure).slice(0, words[control.failureBytes]));
}

/** What the worker says once it is open. */
function factsFrom(memory: RingMemory): DeviceFacts {
  const words = new Int32Array(memory.control);
  const said = textOf(memory, words);
  if (words[control.state] === state.running) return JSON.parse(said) as DeviceFacts;
  const { message, help } = JSON.parse(said) as { message: string; help: string | undefined };
  throw new DeviceError(message, help);
}

/** Milliseconds that a worker and a driver may take to start. */
const openingTime = 60_000;

function startWorker(memory: RingMemory): Int32Array {
  const words = new Int32Array(memory.control);
  const data: GpuWorkerData = { memory };
  const handle = createWorker(webgpuWorkerUrl(), { data, name: "typetorch-webgpu" });
  const ended = (message: string): void => {
    if (Atomics.load(words, control.state) === state.starting) {
      putText(memory, JSON.stringify({ message: `webgpu: the device's worker did not start: ${message}` }));
      Atomics.store(words, control.state, state.refused);
    } else {
      putText(memory, JSON.stringify({ kind: "lost", message: `the device's worker ended: ${message}` } satisfies Failure));
      Atomics.store(words, control.failed, 1);
      Atomics.store(words, control.state, state.ended);
    }
    Atomics.notify(words, control.state);
    Atomics.notify(words, control.answered);
  };
  handle.onError((error) => ended(error.message));
  handle.onExit(() => ended("it exited"));
  handle.unref();
  atExit(() => {
    if (Atomics.load(words, control.state) !== state.running) return;
    Atomics.store(words, control.stop, 1);
    Atomics.notify(words, control.tail);
    Atomics.notify(words, control.taken);
    Atomics.wait(words, control.stopped, 0, 10_000);
  });
  return words;
}

/** Opens the device in a worker, blocking until it is there. Throws {@link DeviceError} when it cannot be had. */
export function openInWorker(): WorkerCommands {
  const memory = createRingMemory();
  const words = startWorker(memory);
  Atomics.wait(words, control.state, state.starting, openingTime);
  if (Atomics.load(words, control.state) === state.starting)
    throw new DeviceError(`webgpu: the device did not open within ${openingTime / 1000} seconds`);
  return new WorkerCommands(memory, factsFrom(memory));
}

/** The same without blocking, for where a worker starts only while its parent's event loop runs. */
export async function openInWorkerAsync(): Promise<WorkerCommands> {
  const memory = createRingMemory();
  const words = startWorker(memory);
  for (let waited = 0; Atomics.load(words, control.state) === state.starting && waited < openingTime; waited += 2)
    await new Promise((resolve) => setTimeout(resolve, 2));
  return new WorkerCommands(memory, factsFrom(memory));
}
