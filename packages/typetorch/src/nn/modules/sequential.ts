import { keepClassNames } from "../../core/className.ts";
import { ArgumentTypeError, IndexError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type AnyModule, Module } from "../module.ts";
import { pythonTypeName } from "../pythonFormat.ts";
import { isOptions } from "../../core/trailing.ts";

/** A module that takes one value and gives one. */
export type Layer = Module<[input: Tensor], Tensor>;

/**
 * Modules that run one after the other, each on the result of the one before. They are named `0`, `1`, … or, when an object or pairs are given, as those say.
 * The first may take several arguments.
 * @see torch.nn.Sequential
 * @example
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 1));
 * const named = new nn.Sequential({ conv: new nn.Conv2d(1, 20, 5), relu: new nn.ReLU() });
 */
export class Sequential<In extends readonly unknown[] = [input: Tensor], Out = Tensor> extends Module<In, Out> {
  constructor(...modules: AnyModule[]);
  constructor(modules: Readonly<Record<string, AnyModule>> | Iterable<readonly [name: string, module: AnyModule]>);
  constructor(...args: unknown[]) {
    super();
    const [first] = args;
    if (args.length === 1 && !(first instanceof Module) && (isOptions(first) || isIterable(first))) {
      const pairs = isIterable(first) ? [...first] : Object.entries(first);
      for (const [name, module] of pairs as [string, AnyModule][]) this.addModule(name, module);
      return;
    }
    for (const [i, module] of args.entries()) this.addModule(String(i), module as AnyModule);
  }

  override forward(...args: In): Out {
    const layers = this.layers();
    if (layers.length === 0) return args[0] as Out;
    let value = layers[0]!.call(...args);
    for (let i = 1; i < layers.length; i++) value = layers[i]!.call(value);
    return value as Out;
  }

  private layers(): AnyModule[] {
    const out: AnyModule[] = [];
    for (const value of Object.values(this)) if (value instanceof Module) out.push(value);
    return out;
  }
  get length(): number {
    return this.ownModules().length;
  }
  [Symbol.iterator](): IterableIterator<AnyModule> {
    return this.layers()[Symbol.iterator]();
  }
  /** The module at a position; negative ones count from the end. */
  at(index: number): AnyModule {
    const layers = this.layers();
    if (!Number.isInteger(index) || index < -layers.length || index >= layers.length) {
      throw new IndexError(`index ${index} is out of range`);
    }
    return layers.at(index)!;
  }
  /** A Sequential of the modules from `start` to before `end`, with their names. */
  slice(start?: number, end?: number): Sequential<readonly unknown[], unknown> {
    return new Sequential(this.ownModules().slice(start, end));
  }
  /** Adds a module at the end. */
  append(module: AnyModule): this {
    this.addModule(String(this.length), module);
    return this;
  }
  /** Adds all modules of another Sequential at the end. */
  extend(modules: Iterable<AnyModule>): this {
    for (const module of modules) this.append(module);
    return this;
  }
  /** Puts a module at a position of a Sequential whose modules are numbered; those behind move on. */
  insert(index: number, module: AnyModule): this {
    if (!(module instanceof Module))
      throw new ArgumentTypeError(`module should be of type: Module, got ${pythonTypeName(module)}`);
    const layers = this.layers();
    if (index < -layers.length || index > layers.length) throw new IndexError(`Index out of range: ${index}`);
    layers.splice(index, 0, module);
    for (const [i, layer] of layers.entries()) (this as unknown as Record<number, unknown>)[i] = layer;
    return this;
  }
}

function isIterable(value: unknown): value is Iterable<readonly [string, AnyModule]> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

keepClassNames({ Sequential });
