/**
 * Samples of categories.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { kernelName } from "../../core/dtype.ts";
import { fillMultinomial } from "../../core/random/multinomial.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { type GeneratorOption, generatorOf } from "./generator.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link multinomial}. */
    multinomial(numSamples: number, replacement?: boolean | MultinomialOptions, options?: MultinomialOptions): Tensor;
  }
}

export interface MultinomialOptions extends GeneratorOption {
  /** Whether a category may be drawn again. Default: false. */
  replacement?: boolean;
  out?: Tensor;
}

/**
 * Indices of categories, drawn with the weights that `input` (categories) or (rows, categories) holds: int64 (numSamples) or (rows, numSamples). As
 * `torch.multinomial`.
 * @example
 * torch.multinomial(torch.tensor([0, 1]), 1) // tensor([1])
 */
export function multinomial(
  input: Tensor,
  numSamples: number,
  replacement?: boolean | MultinomialOptions,
  options?: MultinomialOptions,
): Tensor {
  checkArguments(
    "multinomial(Tensor input, int numSamples, bool|options? replacement, options? options, {bool replacement, Tensor out, any generator})",
    input,
    numSamples,
    replacement,
    options,
  );
  const named = typeof replacement === "object" ? replacement : options;
  const again = typeof replacement === "boolean" ? replacement : (named?.replacement ?? false);
  const rank = input.shape.length;
  if (named?.out && named.out.dtype !== int64) {
    throw new DTypeError(`multinomial expects Long tensor out, got: ${kernelName(named.out.dtype)}`);
  }
  if (rank !== 1 && rank !== 2) throw new ShapeError("prob_dist must be 1 or 2 dim", `it has ${rank} dimensions`);
  if (!input.dtype.isFloatingPoint) {
    throw new DTypeError(`multinomial only supports floating-point dtypes for input, got: ${kernelName(input.dtype)}`);
  }
  const rows = rank === 1 ? 1 : input.shape[0]!;
  const categories = input.shape[rank - 1]!;
  const result = runtime.newEmpty(
    input,
    rank === 1 ? [numSamples > 0 ? numSamples : 0] : [rows, numSamples > 0 ? numSamples : 0],
    int64,
  );
  const weights = input.data; // row-major, a copy where the input is not
  fillMultinomial(result.data as BigInt64Array, weights, input.dtype, rows, categories, numSamples, again, generatorOf(named));
  return toOut("multinomial", result, named?.out);
}

method("multinomial", multinomial);
