/**
 * The ring that carries commands from the thread of the tensors to the worker that holds the device, and the area that carries answers back.
 *
 * A command is a run of 32-bit words: its code, the number of words, then its payload. Positions count words and wrap at 2^32; a command never crosses the end of
 * the ring: words up to it are skipped. Whoever has nothing to do sleeps in Atomics.wait on the word that the other side changes.
 */

const ringWords = 1 << 20; // 4 MiB
const ringMask = ringWords - 1;
/** A command has at most this many words, so that it fits into the ring whatever is skipped. */
export const mostWords = ringWords >> 2;
/** Bytes of the answer area; longer answers come in pieces. */
export const answerBytes = 4 << 20;

/** Words of the control block. */
export const control = {
  /** Where the reader is; the writer sleeps on it when the ring is full. */
  head: 0,
  /** Where the writer is; the reader sleeps on it when the ring is empty. */
  tail: 1,
  /** Whether the reader sleeps. */
  asleep: 2,
  /** Counts pieces of answers that were put down, and those that were taken. */
  answered: 3,
  taken: 4,
  /** Bytes of this piece, and whether it is the answer's last. */
  pieceBytes: 5,
  last: 6,
  /** 1 when a failure waits in the failure area, which holds so many bytes of text. */
  failed: 7,
  failureBytes: 8,
  /** The state of the worker, see `state`. */
  state: 9,
  submits: 10,
  bindGroups: 11,
  /** 1 when the process ends: the worker must not be inside of the driver then. It says so in the next word. */
  stop: 12,
  stopped: 13,
  words: 16,
} as const;

export const state = { starting: 0, running: 1, refused: 2, ended: 3 } as const;

export const codes = {
  skip: 0,
  createBuffer: 1,
  destroyBuffer: 2,
  createPipeline: 3,
  dispatch: 4,
  copy: 5,
  write: 6,
  read: 7,
  flush: 8,
  warmUp: 9,
  destroy: 10,
} as const;

/** The memory that both sides share. */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly answer: SharedArrayBuffer;
  readonly failure: SharedArrayBuffer;
}

/** What the worker is given. */
export interface GpuWorkerData {
  readonly memory: RingMemory;
}

export const failureBytes = 16 << 10;

export function createRingMemory(): RingMemory {
  return {
    control: new SharedArrayBuffer(control.words * 4),
    ring: new SharedArrayBuffer(ringWords * 4),
    answer: new SharedArrayBuffer(answerBytes),
    failure: new SharedArrayBuffer(failureBytes),
  };
}

/** `Atomics.waitAsync`, which the compiler's library does not know and not every browser has. */
const { waitAsync } = Atomics as {
  waitAsync?: (words: Int32Array, at: number, value: number, milliseconds: number) => { readonly value: unknown };
};
/** Milliseconds of a rest that nothing ends: what is owed may also be a lost device. */
const longestRest = 20;

/** Commands that may be unannounced to a reader that sleeps: it is woken for several at a time. */
const quietCommands = 16;

export class RingWriter {
  readonly #control: Int32Array;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  #tail = 0;
  #quiet = 0;

  constructor(memory: RingMemory) {
    this.#control = new Int32Array(memory.control);
    this.words = new Int32Array(memory.ring);
    this.bytes = new Uint8Array(memory.ring);
  }

  /** Room for a command of `count` payload words; returns the index of the first in `words`. `publish` sends it. */
  begin(code: number, count: number): number {
    const size = count + 2;
    if (size > mostWords) throw new RangeError(`a command of ${count} words`);
    let at = this.#tail & ringMask;
    const rest = ringWords - at;
    this.#waitForRoom(rest < size ? rest + size : size);
    if (rest < size) {
      this.words[at] = codes.skip;
      if (rest > 1) this.words[at + 1] = rest;
      this.#tail = (this.#tail + rest) | 0;
      at = 0;
    }
    this.words[at] = code;
    this.words[at + 1] = size;
    this.#tail = (this.#tail + size) | 0;
    return at + 2;
  }

  #waitForRoom(size: number): void {
    for (;;) {
      const head = Atomics.load(this.#control, control.head);
      if (((this.#tail - head) >>> 0) + size <= ringWords) return;
      this.wake();
      if (Atomics.load(this.#control, control.state) === state.ended) return; // nobody reads any more: errors come from elsewhere
      Atomics.wait(this.#control, control.head, head, 100);
    }
  }

  publish(): void {
    Atomics.store(this.#control, control.tail, this.#tail);
    if (Atomics.load(this.#control, control.asleep) !== 0 && ++this.#quiet >= quietCommands) this.wake();
  }

  wake(): void {
    this.#quiet = 0;
    Atomics.notify(this.#control, control.tail);
  }
}

export class RingReader {
  readonly #control: Int32Array;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  #head = 0;

  constructor(memory: RingMemory) {
    this.#control = new Int32Array(memory.control);
    this.words = new Int32Array(memory.ring);
    this.bytes = new Uint8Array(memory.ring);
  }

  /** Index in `words` of the next command, or -1 when there is none. */
  next(): number {
    while (this.#head !== Atomics.load(this.#control, control.tail)) {
      const at = this.#head & ringMask;
      if (this.words[at] !== codes.skip) return at;
      this.#advance(ringWords - at);
    }
    return -1;
  }

  /** The command at `at` was carried out: its words may be written again. */
  done(at: number): void {
    this.#advance(this.words[at + 1]!);
  }

  #advance(count: number): void {
    this.#head = (this.#head + count) | 0;
    Atomics.store(this.#control, control.head, this.#head);
    Atomics.notify(this.#control, control.head);
  }

  /** Waits, while the event loop turns, until there is a command or `event` has happened; false where threads cannot wait so. */
  async rest(event: Promise<unknown>): Promise<boolean> {
    if (waitAsync === undefined) return false;
    Atomics.store(this.#control, control.asleep, 1);
    const tail = Atomics.load(this.#control, control.tail);
    if (tail === this.#head) await Promise.race([event, waitAsync(this.#control, control.tail, tail, longestRest).value]);
    Atomics.store(this.#control, control.asleep, 0);
    return true;
  }

  /** Sleeps until there is a command, or for `milliseconds`. */
  sleep(milliseconds: number): void {
    Atomics.store(this.#control, control.asleep, 1);
    const tail = Atomics.load(this.#control, control.tail);
    if (tail === this.#head) Atomics.wait(this.#control, control.tail, tail, milliseconds);
    Atomics.store(this.#control, control.asleep, 0);
  }
}

/** Writes to the area that failures, and the device's description at the start, go through. */
export function putText(memory: RingMemory, text: string): void {
  const bytes = new TextEncoder().encode(text);
  const area = new Uint8Array(memory.failure);
  area.set(bytes.subarray(0, area.length));
  new Int32Array(memory.control)[control.failureBytes] = Math.min(bytes.length, area.length);
}
