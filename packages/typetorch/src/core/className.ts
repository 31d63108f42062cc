/**
 * The names of classes as users know them: bundlers rename classes, but not what a namespace calls them.
 */
const names = new WeakMap<object, string>();

/** Keeps the names that a namespace has for its classes. */
export function keepClassNames(namespace: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(namespace)) if (typeof value === "function") names.set(value, name);
}

/** The name of an object's class. */
export function classNameOf(object: object): string {
  return names.get(object.constructor) ?? object.constructor.name;
}
