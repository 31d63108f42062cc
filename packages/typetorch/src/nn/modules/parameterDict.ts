import { keepClassNames } from "../../core/className.ts";
import { ArgumentTypeError, IndexError } from "../../core/errors.ts";
import { kernelName } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { asParameter, describeParameter } from "./parameterList.ts";

/**
 * Parameters by name; tensors become parameters. The names are the state_dict keys as they are, in order of insertion. It cannot be called.
 * @see torch.nn.ParameterDict
 * @example
 * [...new nn.ParameterDict({ scale: new nn.Parameter(torch.ones(1)) }).keys()] // ["scale"]
 */
export class ParameterDict extends Module<readonly unknown[], unknown> {
  private readonly entriesByName = new Map<string, Parameter>();

  constructor(values?: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>) {
    if (values !== undefined && (values === null || typeof values !== "object")) {
      throw new ArgumentTypeError(
        "ParameterDict(): argument 'parameters' (position 1) must be an object or an iterable of pairs",
      );
    }
    super();
    if (values !== undefined) this.update(values);
  }
  override ownParameters(): [key: string, parameter: Parameter][] {
    return [...this.entriesByName];
  }
  override replaceOwn(key: string, tensor: Tensor): void {
    this.entriesByName.set(key, tensor as Parameter);
  }
  get length(): number {
    return this.entriesByName.size;
  }
  /** The parameter of a name; throws {@link IndexError} (Python: KeyError) when there is none. */
  get(name: string): Parameter {
    const value = this.entriesByName.get(name);
    if (value === undefined) throw new IndexError(`'${name}'`, `the names are ${[...this.entriesByName.keys()].join(", ")}`);
    return value;
  }
  set(name: string, value: Tensor): this {
    this.entriesByName.set(name, asParameter(value));
    return this;
  }
  has(name: string): boolean {
    return this.entriesByName.has(name);
  }
  delete(name: string): boolean {
    return this.entriesByName.delete(name);
  }
  /** Removes the parameter of a name and returns it. */
  pop(name: string): Parameter {
    const value = this.get(name);
    this.entriesByName.delete(name);
    return value;
  }
  clear(): void {
    this.entriesByName.clear();
  }
  update(values: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>): this {
    const pairs = Symbol.iterator in values ? (values as Iterable<readonly [string, Tensor]>) : Object.entries(values);
    for (const [name, value] of pairs) this.set(name, value);
    return this;
  }
  keys(): IterableIterator<string> {
    return this.entriesByName.keys();
  }
  values(): IterableIterator<Parameter> {
    return this.entriesByName.values();
  }
  items(): IterableIterator<[string, Parameter]> {
    return this.entriesByName.entries();
  }
  [Symbol.iterator](): IterableIterator<[string, Parameter]> {
    return this.entriesByName.entries();
  }
  override extraRepr(): string {
    return [...this.entriesByName]
      .map(([name, value]) => describeParameter(name, value, `torch.${kernelName(value.dtype)}Tensor`))
      .join("\n");
  }
}

keepClassNames({ ParameterDict });
