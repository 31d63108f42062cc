/**
 * Optional arguments may be given by position, as PyTorch habit has it, or by name in one trailing options object, or both:
 * `new Conv2d(3, 64, 3, 2, { padding: 1 })`.
 */
import { ArgumentTypeError } from "../core/errors.ts";

/** Rest parameters: any number of the positional ones, then perhaps the options object. */
export type Trailing<Positional extends readonly unknown[], Options> = Positional extends readonly [infer Head, ...infer Tail]
  ? [options?: Options] | [Head, ...Trailing<Tail, Options>]
  : [options?: Options];

/** Whether a value is an options object: a plain object, neither a class instance nor an array. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The options that rest arguments stand for. `names` are the options that may be given by position, in PyTorch's order. Arguments that are `undefined` count
 * as not given.
 */
export function trailing<Options extends object>(rest: readonly unknown[], names: readonly (keyof Options & string)[]): Options {
  const last = rest[rest.length - 1];
  const given = isOptions(last) ? rest.slice(0, -1) : rest;
  if (given.length > names.length) {
    throw new ArgumentTypeError(
      `too many positional arguments: ${given.length} optional ones were given, at most ${names.length} are possible`,
      `they are, in order: ${names.join(", ")}; the others go in the options object`,
    );
  }
  const options: Record<string, unknown> = {};
  for (let i = 0; i < given.length; i++) if (given[i] !== undefined) options[names[i]!] = given[i];
  return (isOptions(last) ? { ...options, ...last } : options) as Options;
}
