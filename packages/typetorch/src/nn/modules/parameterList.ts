import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ArgumentTypeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { assignIndexed, positionIn } from "./indexed.ts";

/** A parameter as the two parameter containers print it; `type` is how they name its type. */
export function describeParameter(name: string | number, value: Parameter, type: string): string {
  return `  (${name}): Parameter containing: [${type} of size ${value.shape.join("x")}]`;
}

/**
 * A list of parameters, named `0`, `1`, …; tensors become parameters. It cannot be called.
 * @see torch.nn.ParameterList
 * @example
 * new nn.ParameterList([new nn.Parameter(torch.zeros(2)), new nn.Parameter(torch.zeros(3))]).length // 2
 */
export class ParameterList extends Module<readonly unknown[], unknown> {
  [index: number]: Parameter;
  constructor(values: Iterable<Tensor> = []) {
    if (typeof (values as Iterable<Tensor> | null)?.[Symbol.iterator] !== "function" || typeof values === "string") {
      throw new ArgumentTypeError("ParameterList(): argument 'values' (position 1) must be an iterable of tensors");
    }
    super();
    this.extend(values);
  }
  private items(): Parameter[] {
    return this.ownParameters().map(([, parameter]) => parameter);
  }
  get length(): number {
    return this.ownParameters().length;
  }
  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.items()[Symbol.iterator]();
  }
  at(index: number): Parameter {
    return this[positionIn(index, this.length)]!;
  }
  set(index: number, value: Tensor): void {
    this[positionIn(index, this.length)] = asParameter(value);
  }
  append(value: Tensor): this {
    this[this.length] = asParameter(value);
    return this;
  }
  extend(values: Iterable<Tensor>): this {
    for (const value of [...values]) this.append(value);
    return this;
  }
  /** Removes the parameter at a position (the last one unless told) and returns it. */
  pop(index = -1): Parameter {
    const items = this.items();
    const [removed] = items.splice(positionIn(index, items.length), 1);
    assignIndexed(this, items, items.length + 1);
    return removed!;
  }
  override extraRepr(): string {
    return this.items()
      .map((value, i) => describeParameter(i, value, String(value.dtype)))
      .join("\n");
  }
}

/** The parameter itself, or a parameter of a tensor's data. */
export function asParameter(value: Tensor): Parameter {
  checkArguments("Parameter(Tensor data)", value);
  return value instanceof Parameter ? value : new Parameter(value);
}

keepClassNames({ ParameterList });
