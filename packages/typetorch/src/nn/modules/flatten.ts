import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ArgumentTypeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";
import { pythonTuple, pythonTypeName } from "../pythonFormat.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface FlattenOptions {
  /** Default: 1. */
  startDim?: number;
  /** Default: -1. */
  endDim?: number;
}

/**
 * Makes one dimension of those from `startDim` to `endDim`: (N, *) -> (N, product).
 * @see torch.nn.Flatten
 * @example
 * new nn.Flatten().call(torch.zeros(2, 3, 4)).shape // [2, 12]
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;
  constructor(...rest: Trailing<[startDim: number, endDim: number], FlattenOptions>) {
    checkArguments("Flatten(~startDim, ~endDim, {int startDim, int endDim})", ...rest);
    super();
    const { startDim = 1, endDim = -1 } = trailing<FlattenOptions>(rest, ["startDim", "endDim"]);
    this.startDim = startDim;
    this.endDim = endDim;
  }
  override forward(input: Tensor): Tensor {
    checkArguments("flatten(Tensor input)", input);
    return input.flatten(this.startDim, this.endDim);
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/**
 * Makes several dimensions of one; a size of -1 is found from the others.
 * @see torch.nn.Unflatten
 * @example
 * new nn.Unflatten(1, [3, 4]).call(torch.zeros(2, 12)).shape // [2, 3, 4]
 */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];
  constructor(dim: number, unflattenedSize: readonly number[]) {
    checkArguments("Unflatten(int dim, float[] unflattenedSize)", dim, unflattenedSize);
    super();
    if (!Array.isArray(unflattenedSize)) {
      throw new ArgumentTypeError(`unflattened_size must be a tuple of ints, but found type ${pythonTypeName(unflattenedSize)}`);
    }
    for (const [i, size] of unflattenedSize.entries()) {
      if (!Number.isInteger(size)) {
        throw new ArgumentTypeError(
          `unflattened_size must be tuple of ints, but found element of type ${pythonTypeName(size)} at pos ${i}`,
        );
      }
    }
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }
  override forward(input: Tensor): Tensor {
    checkArguments("unflatten(Tensor input)", input);
    return input.unflatten(this.dim, this.unflattenedSize);
  }
  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${pythonTuple(this.unflattenedSize)}`;
  }
}

keepClassNames({ Flatten, Unflatten });
