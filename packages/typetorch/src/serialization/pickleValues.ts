/**
 * What the values of a pickle are here: a Python tuple is a frozen array, a function or class a {@link Callable}.
 */
import { Counter, DefaultDict, OrderedDict, Size } from "../core/collections.ts";

/** A function or class that a pickle may name and call. */
export class Callable {
  /** As Python names it: `collections.OrderedDict`. */
  readonly name: string;
  readonly call: (args: readonly unknown[]) => unknown;
  /** What a call takes of the heap, and for each part of an argument, see pickleAccount.ts. */
  readonly bytes: number;
  readonly partBytes: number;
  constructor(name: string, call: (args: readonly unknown[]) => unknown, bytes: number, partBytes: number) {
    this.name = name;
    this.call = call;
    this.bytes = bytes;
    this.partBytes = partBytes;
  }
}

/** A frozen array, which is what a Python tuple becomes. */
export function isTuple(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.isFrozen(value);
}

/** What kind of Python object a value stands for, in messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value instanceof Callable) return value.name;
  if (value instanceof Size) return "a torch.Size";
  if (Array.isArray(value)) return Object.isFrozen(value) ? "a tuple" : "a list";
  if (value instanceof OrderedDict) return "an OrderedDict";
  if (value instanceof DefaultDict) return "a defaultdict";
  if (value instanceof Counter) return "a Counter";
  if (value instanceof Map) return "a dict";
  if (value instanceof Set) return "a set";
  if (value instanceof Uint8Array) return "bytes";
  if (typeof value === "object") return `a ${value.constructor?.name ?? "object"}`;
  const names: Record<string, string> = { string: "a str", number: "a number", bigint: "an int", boolean: "a bool" };
  return names[typeof value] ?? typeof value;
}
