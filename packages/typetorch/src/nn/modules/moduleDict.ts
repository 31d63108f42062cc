import { keepClassNames } from "../../core/className.ts";
import { ArgumentTypeError, IndexError, ValueError } from "../../core/errors.ts";
import { type AnyModule, Module } from "../module.ts";
import { pythonTypeName } from "../pythonFormat.ts";

/**
 * Modules by name. The names are the state_dict keys as they are; order is that of insertion. It cannot be called.
 * @see torch.nn.ModuleDict
 * @example
 * const heads = new nn.ModuleDict({ boxes: new nn.Linear(4, 4), scores: new nn.Linear(4, 2) });
 * const out = heads.get("boxes").call(x); // (5, 4)
 */
export class ModuleDict<M extends AnyModule = Module> extends Module<readonly unknown[], unknown> {
  private readonly entriesByName = new Map<string, M>();

  constructor(modules?: Readonly<Record<string, M>> | Iterable<readonly [string, M]>) {
    super();
    if (modules !== undefined) this.update(modules);
  }
  override ownModules(): [key: string, module: AnyModule][] {
    return [...this.entriesByName];
  }
  override addModule(name: string, module: AnyModule): void {
    if (!(module instanceof Module)) throw new ArgumentTypeError(`${pythonTypeName(module)} is not a Module subclass`);
    if (typeof name !== "string") throw new ArgumentTypeError(`module name should be a string. Got ${pythonTypeName(name)}`);
    if (name.includes(".")) throw new ValueError(`module name can't contain ".", got: ${name}`);
    if (name === "") throw new ValueError('module name can\'t be empty string ""');
    this.entriesByName.set(name, module as M);
  }
  get length(): number {
    return this.entriesByName.size;
  }
  /** The module of a name; throws {@link IndexError} (Python: KeyError) when there is none. */
  get(name: string): M {
    const module = this.entriesByName.get(name);
    if (module === undefined) throw new IndexError(`'${name}'`, `the names are ${[...this.entriesByName.keys()].join(", ")}`);
    return module;
  }
  set(name: string, module: M): this {
    this.addModule(name, module);
    return this;
  }
  has(name: string): boolean {
    return this.entriesByName.has(name);
  }
  delete(name: string): boolean {
    return this.entriesByName.delete(name);
  }
  /** Removes the module of a name and returns it. */
  pop(name: string): M {
    const module = this.get(name);
    this.entriesByName.delete(name);
    return module;
  }
  clear(): void {
    this.entriesByName.clear();
  }
  /** Adds the modules of another mapping; names that are there are replaced. */
  update(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]>): this {
    if (modules === null || typeof modules !== "object") {
      throw new ArgumentTypeError(
        `ModuleDict.update should be called with an iterable of key/value pairs, but got ${pythonTypeName(modules)}`,
      );
    }
    const pairs = Symbol.iterator in modules ? (modules as Iterable<readonly [string, M]>) : Object.entries(modules);
    for (const [name, module] of pairs) this.addModule(name, module);
    return this;
  }

  keys(): IterableIterator<string> {
    return this.entriesByName.keys();
  }
  values(): IterableIterator<M> {
    return this.entriesByName.values();
  }
  items(): IterableIterator<[string, M]> {
    return this.entriesByName.entries();
  }
  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.entriesByName.entries();
  }
}

keepClassNames({ ModuleDict });
