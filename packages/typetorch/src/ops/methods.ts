/**
 * The list of Tensor methods that op files contribute. An op file declares the type by interface augmentation and registers the function here; tensor/index.ts
 * puts them on the prototype.
 */
type Callable = (this: unknown, ...args: unknown[]) => unknown;

export const methods: Record<string, Callable> = {};

/** Registers `x.name(a, b, c, d)` as `fn(x, a, b, c, d)`. */
export function method(name: string, fn: (...args: never[]) => unknown): void {
  const f = fn as unknown as (self: unknown, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown) => unknown;
  methods[name] = function (a, b, c, d, e) {
    return f(this, a, b, c, d, e);
  };
}

/** Registers a method whose function takes a list of any length (`x.view(2, 3)`). */
export function variadicMethod(name: string, fn: (...args: never[]) => unknown): void {
  const f = fn as unknown as (...args: unknown[]) => unknown;
  methods[name] = function (...args) {
    return f(this, ...args);
  };
}
