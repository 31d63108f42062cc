/**
 * Positions of the elements that are not 0.
 */
import { checkArguments } from "../arguments.ts";
import { int64 } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { coordinatesSet, positionsSet } from "./compact.ts";

export interface NonzeroOptions {
  /** One vector per dimension, to index with, instead of a matrix. */
  asTuple?: boolean;
  out?: Tensor;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link nonzero}. */
    nonzero(options?: { asTuple?: false; out?: Tensor }): Tensor;
    nonzero(options: { asTuple: true }): Tensor[];
    /** See {@link argwhere}. */
    argwhere(): Tensor;
  }
}

/** Positions, in row-major order, of the elements of a row-major tensor that are not 0: an int64 vector. */
export function nonzeroPositions(x: Tensor): Tensor {
  return runtime.withoutGrad(() => positionsSet(x));
}

const op = defineOp<null>({
  name: "nonzero",
  run([x]) {
    const rank = x!.shape.length;
    return runtime.withoutGrad(() => {
      const elements = x!.contiguous();
      if (rank > 0) return coordinatesSet(elements);
      return runtime.empty([positionsSet(elements.view([1])).numel(), 0], int64);
    });
  },
});

/** One vector of positions per dimension; a 0-d tensor counts as one of one element. */
export function nonzeroColumns(input: Tensor): Tensor[] {
  const x = input.shape.length === 0 ? input.reshape([1]) : input;
  const places = runtime.call(op, [x], null);
  return x.shape.length === 1 ? [places.view([-1])] : places.unbind(1);
}

export function nonzero(input: Tensor, options?: { asTuple?: false; out?: Tensor }): Tensor;
export function nonzero(input: Tensor, options: { asTuple: true }): Tensor[];
/**
 * The positions of all elements that are not 0: int64 (n, ndim), or with `asTuple` one vector per dimension. As `torch.nonzero`.
 * @example
 * torch.nonzero(torch.tensor([0, 3, 5])) // tensor([[1], [2]])
 */
export function nonzero(input: Tensor, options: NonzeroOptions = {}): Tensor | Tensor[] {
  checkArguments("nonzero(Tensor input, options? options, {bool asTuple, Tensor out})", input, options);
  if (options.asTuple) return nonzeroColumns(input);
  return options.out ? runtime.callOut(op, [input], null, options.out) : runtime.call(op, [input], null);
}

/**
 * The positions of all elements that are not 0, one row each. As `torch.argwhere`.
 * @example
 * torch.argwhere(torch.tensor([0, 3, 1])) // tensor([[1], [2]])
 */
export function argwhere(input: Tensor): Tensor {
  checkArguments("argwhere(Tensor input)", input);
  return runtime.call(op, [input], null);
}

method("nonzero", nonzero as (...args: never[]) => unknown);
method("argwhere", argwhere);
