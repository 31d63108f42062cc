/**
 * The Tensor methods that op files contribute. An op file declares the type by interface augmentation and registers the function here; tensor/core.ts says which
 * prototype they are put on. Families of ops that a program brings along later are put there at once.
 */
type Callable = (this: unknown, ...args: unknown[]) => unknown;

let prototype: object | null = null;
const waiting = new Map<string, Callable>();

function define(name: string, value: Callable): void {
  if (prototype === null) waiting.set(name, value);
  else Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
}

/** The prototype of tensors gets all methods that were registered, and those that will be. */
export function bindPrototype(ofTensors: object): void {
  prototype = ofTensors;
  for (const [name, value] of waiting) define(name, value);
  waiting.clear();
}

/** Registers `x.name(a, b, c, d)` as `fn(x, a, b, c, d)`. */
export function method(name: string, fn: (...args: never[]) => unknown): void {
  const f = fn as unknown as (self: unknown, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown) => unknown;
  define(name, function (a, b, c, d, e) {
    return f(this, a, b, c, d, e);
  });
}

/** Registers a method whose function takes a list of any length (`x.view(2, 3)`). */
export function variadicMethod(name: string, fn: (...args: never[]) => unknown): void {
  const f = fn as unknown as (...args: unknown[]) => unknown;
  define(name, function (...args) {
    return f(this, ...args);
  });
}
