import { keepClassNames } from "../../core/className.ts";
import { ArgumentTypeError } from "../../core/errors.ts";
import { type AnyModule, Module } from "../module.ts";
import { pythonTypeName } from "../pythonFormat.ts";
import { assignIndexed, positionIn } from "./indexed.ts";

/**
 * A list of modules, named `0`, `1`, … It cannot be called: a forward goes over it as it likes.
 * @see torch.nn.ModuleList
 * @example
 * const layers = new nn.ModuleList([new nn.Linear(4, 4), new nn.Linear(4, 4)]);
 * for (const layer of layers) x = layer.call(x);
 */
export class ModuleList<M extends AnyModule = Module> extends Module<readonly unknown[], unknown> {
  [index: number]: M;
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }
  get length(): number {
    return this.ownModules().length;
  }
  private items(): M[] {
    return this.ownModules().map(([, module]) => module as M);
  }
  [Symbol.iterator](): IterableIterator<M> {
    return this.items()[Symbol.iterator]();
  }
  /** The module at a position; negative ones count from the end. */
  at(index: number): M {
    return this[positionIn(index, this.length)]!;
  }
  /** Puts a module in the place of another. */
  set(index: number, module: M): void {
    this.addModule(String(positionIn(index, this.length)), module);
  }
  append(module: M): this {
    this.addModule(String(this.length), module);
    return this;
  }
  extend(modules: Iterable<M>): this {
    if (modules === null || typeof modules !== "object" || !(Symbol.iterator in modules)) {
      throw new ArgumentTypeError(`ModuleList.extend should be called with an iterable, but got ${pythonTypeName(modules)}`);
    }
    for (const module of [...modules]) this.append(module);
    return this;
  }
  /** Puts a module at a position; those behind move on. */
  insert(index: number, module: M): void {
    const items = this.items();
    items.splice(index, 0, module);
    assignIndexed(this, items, items.length);
  }
  /** Removes the module at a position (the last one unless told) and returns it. */
  pop(index = -1): M {
    const items = this.items();
    const [removed] = items.splice(positionIn(index, items.length), 1);
    assignIndexed(this, items, items.length + 1);
    return removed!;
  }
  /** A ModuleList of the modules from `start` to before `end`. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList(this.items().slice(start, end));
  }
}

keepClassNames({ ModuleList });
