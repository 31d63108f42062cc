/**
 * Python's kinds of containers, where JavaScript has one: what a file held is written back as the same kind.
 */

/** A `collections.OrderedDict`: a Map that is saved as one. Module state_dicts are such in PyTorch. */
export class OrderedDict<K = unknown, V = unknown> extends Map<K, V> {
  /** Attributes that Python code gave the dictionary: `_metadata` of a module's state_dict. */
  attributes: Map<unknown, unknown> | null = null;
}

/** A `collections.Counter`: how often each key occurs. */
export class Counter<K = unknown> extends Map<K, number> {}

/** A `collections.defaultdict`. `factory` is the name of the type that made its missing values (`list`, `collections.OrderedDict`), or null. */
export class DefaultDict<K = unknown, V = unknown> extends Map<K, V> {
  factory: string | null = null;
}

/** A `frozenset`. */
export class FrozenSet<T = unknown> extends Set<T> {}

/** A `torch.Size`: a frozen array of sizes that is saved as one. */
export class Size extends Array<number> {
  /** Arrays made from a Size (`map`, `slice`) are plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  constructor(sizes: readonly number[]) {
    super();
    for (const size of sizes) this.push(size);
    Object.freeze(this);
  }
  override toString(): string {
    return `torch.Size([${this.join(", ")}])`;
  }
}

Object.defineProperty(Size.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Size): string {
    return this.toString();
  },
});
