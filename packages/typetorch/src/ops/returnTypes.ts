/**
 * Results of several tensors with names, as PyTorch's `torch.return_types`: an array that also has the names as properties.
 */
import type { Tensor } from "../tensor/tensor.ts";

/** `[values, indices]` that is also `{ values, indices }`. */
export type ReturnType<Names extends readonly string[]> = { readonly [K in keyof Names]: Tensor } & {
  readonly [K in Names[number]]: Tensor;
} & Iterable<Tensor>;

export type ValuesIndices = ReturnType<readonly ["values", "indices"]>;

/** An array of results whose entries have names. It prints as PyTorch's: `torch.return_types.max(values=…, indices=…)`. */
class NamedResults extends Array<Tensor> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  declare private typeName: string;
  declare private names: readonly string[];

  static make(typeName: string, names: readonly string[], results: readonly Tensor[]): NamedResults {
    const made = new NamedResults();
    for (const x of results) made.push(x);
    names.forEach((name, i) => {
      Object.defineProperty(made, name, { value: results[i] });
    });
    Object.defineProperty(made, "typeName", { value: typeName });
    Object.defineProperty(made, "names", { value: names });
    return made;
  }
  override toString(): string {
    return `torch.return_types.${this.typeName}(\n${this.names.map((name, i) => `${name}=${String(this[i])}`).join(",\n")})`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** Gives results their names: `returnType('max', ['values', 'indices'], [v, i])`. */
export function returnType<const Names extends readonly string[]>(
  typeName: string,
  names: Names,
  results: readonly Tensor[],
): ReturnType<Names> {
  return NamedResults.make(typeName, names, results) as unknown as ReturnType<Names>;
}

const pair = ["values", "indices"] as const;

/** The result of `max(dim)`, `sort` and their like. */
export function valuesIndices(typeName: string, results: readonly Tensor[]): ValuesIndices {
  return returnType(typeName, pair, results);
}
