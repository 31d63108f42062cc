/**
 * A bad call: the arguments that an op, module or optimizer is to refuse (or to take), in a form that PyTorch and this library both can run.
 */
import type { Entry, Json, JsonObject, Kind } from "../format.ts";

/** A tensor by its content, or by the tensor whose memory it sees. */
export type Literal = Pick<Entry, "d" | "s" | "v" | "of" | "st" | "o" | "g">;

/** A literal tensor as an entry of a case. */
export function entryOf(x: Literal): Entry {
  return { p: 0, ...x };
}

/** What calls the op: a function, a method on the first argument, the in-place method, a module's constructor and forward, an optimizer's constructor. */
export type Form = "function" | "method" | "inplace" | "module" | "optim";

export interface BadCall {
  readonly id: string;
  readonly op: string;
  readonly form: Form;
  /** Which of the op's signatures the arguments were made for; -1: none is known. */
  readonly overload: number;
  readonly T: readonly Literal[];
  readonly args: readonly Json[];
  readonly kwargs: JsonObject;
  /** Modules: the inputs of forward. */
  readonly forward?: readonly Json[];
  /** What was done to a good call. */
  readonly change: string;
  /** Whether everything about the result is asked for, and gradients. */
  readonly detail?: boolean;
  /** What PyTorch did. */
  readonly torch?: Outcome;
}

/** A tensor of a result, or (with a name) the gradient of an argument. */
export interface Detail {
  readonly name?: string;
  readonly d: Kind;
  readonly s: readonly number[];
  readonly st: readonly number[];
  /** Whether it requires grad, and the name of its node. */
  readonly g: boolean;
  readonly fn: string | null;
  readonly v?: readonly (number | string)[];
}

/** What became of a call. */
export interface Outcome {
  /** The error's class, or none. */
  readonly error?: string;
  readonly message?: string;
  /** The tensors of the result: dtype, shape, and elements where there are few. */
  readonly tensors?: readonly (readonly [Kind, readonly number[], (readonly (number | string)[])?])[];
  readonly details?: readonly Detail[];
  /** What was found wrong without knowing PyTorch's answer. */
  readonly broken?: string;
}

/** Numbers from a seed (Mulberry32): the same calls for the same seed everywhere. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
