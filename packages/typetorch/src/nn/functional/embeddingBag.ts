import { int32, int64 } from "../../core/dtype.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { embedding } from "../../ops/nn/index.ts";
import { stack, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { indexTensor, numbersOf } from "../indexTensor.ts";

export type BagMode = "sum" | "mean" | "max";

export interface EmbeddingBagOptions {
  /** Where each bag begins in a 1-d input. */
  offsets?: Tensor | null;
  maxNorm?: number | null;
  /** Default: 2. */
  normType?: number;
  scaleGradByFreq?: boolean;
  /** Default: `mean`. */
  mode?: BagMode;
  /** Accepted for PyTorch's programs: gradients are dense here. */
  sparse?: boolean;
  /** Weight of each index, for mode `sum`. */
  perSampleWeights?: Tensor | null;
  /** The last offset is the end of the input. Default: false. */
  includeLastOffset?: boolean;
  /** Entries of this index do not count. */
  paddingIdx?: number | null;
}

/**
 * Sums, means or maxima of the rows of each bag of indices: (B, n) or 1-d with offsets (B) -> (B, width).
 * @see torch.nn.functional.embedding_bag
 * @example
 * F.embeddingBag(torch.tensor([[0n, 1n]]), torch.tensor([[1, 2], [3, 4]]), { mode: "sum" }) // tensor([[4., 6.]])
 */
export function embeddingBag(
  input: Tensor,
  weight: Tensor,
  ...rest: Trailing<[offsets: Tensor | null], EmbeddingBagOptions>
): Tensor {
  checkArguments(
    "embedding_bag(Tensor input, Tensor weight, ~offsets, {Tensor|None offsets, float|None maxNorm, float normType, bool scaleGradByFreq, str mode, bool sparse, Tensor|None perSampleWeights, bool includeLastOffset, int|None paddingIdx})",
    input,
    weight,
    ...rest,
  );
  if (input.dtype !== int64 && input.dtype !== int32) {
    throw new DTypeError(
      `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ${input.dtype} instead (while checking arguments for embedding_bag)`,
    );
  }
  const options = trailing<EmbeddingBagOptions>(rest, ["offsets"]);
  const { mode = "mean", perSampleWeights = null, maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
  if (mode !== "sum" && mode !== "mean" && mode !== "max") throw new ValueError("mode has to be one of sum or mean or max");
  if (perSampleWeights !== null && mode !== "sum") {
    throw new ValueError(
      `embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='${mode}'). Please open a feature request on GitHub.`,
    );
  }
  if (perSampleWeights !== null && !sameShape(perSampleWeights.shape, input.shape)) {
    throw new ShapeError(
      `embedding_bag: If per_sample_weights (${formatShape(perSampleWeights.shape)}) is not None, then it must have the same shape as the input (${formatShape(input.shape)})`,
    );
  }
  const rows = weight.shape[0]!;
  const padding = options.paddingIdx ?? null;
  const skipped = padding === null ? -1 : padding < 0 ? padding + rows : padding;
  const indices = numbersOf(input);
  const bags = bagsOf(input, options);
  // Bags of positions in the flat input, entries of the padding index left out.
  const members = bags.map(([from, to]) => {
    const out: number[] = [];
    for (let k = from; k < to; k++) if (indices[k] !== skipped) out.push(k);
    return out;
  });
  const kept = members.flat();
  const index = indexTensor(
    weight.device,
    kept.map((k) => indices[k]!),
  );
  let values = embedding(index, weight, { paddingIdx: padding, maxNorm, normType, scaleGradByFreq }); // (kept, width)
  if (perSampleWeights !== null) {
    values = values.mul(perSampleWeights.reshape([-1]).indexSelect(0, indexTensor(weight.device, kept)).unsqueeze(1));
  }
  const width = weight.shape[1]!;
  const like = { dtype: weight.dtype, device: weight.device };
  if (mode === "max") {
    let at = 0;
    const results = members.map((bag) => {
      const own = bag.length === 0 ? zeros([width], like) : firstMaxima(values.narrow(0, at, bag.length));
      at += bag.length;
      return own;
    });
    return results.length === 0 ? zeros([0, width], like) : stack(results, 0);
  }
  // (bags, kept): what each value counts in its bag
  const shares = zeros([bags.length, kept.length], like);
  let at = 0;
  members.forEach((bag, b) => {
    if (bag.length > 0)
      shares
        .select(0, b)
        .narrow(0, at, bag.length)
        .fill_(mode === "mean" ? 1 / bag.length : 1);
    at += bag.length;
  });
  return kept.length === 0 ? zeros([bags.length, width], like) : shares.matmul(values);
}

/** The largest of each column (rows, width); the gradient goes to the first. */
function firstMaxima(values: Tensor): Tensor {
  const places = values.argmax(0).unsqueeze(0);
  return values.gather(0, places).squeeze(0);
}

/** Beginning and end of each bag in the flat input. */
function bagsOf(input: Tensor, options: EmbeddingBagOptions): [from: number, to: number][] {
  const { offsets = null, includeLastOffset = false } = options;
  if (input.shape.length === 2) {
    if (offsets !== null) {
      throw new ValueError(
        "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found offsets of type Tensor",
      );
    }
    const [batch, length] = input.shape as [number, number];
    return Array.from({ length: batch }, (_, b) => [b * length, (b + 1) * length]);
  }
  if (input.shape.length !== 1) {
    throw new ShapeError(`input has to be 1D or 2D Tensor, but got Tensor of dimension ${input.shape.length}`);
  }
  if (offsets === null) throw new ValueError("offsets has to be a 1D Tensor but got None");
  if (offsets.shape.length !== 1) throw new ShapeError("offsets has to be a 1D Tensor");
  if (offsets.dtype.isFloatingPoint) {
    throw new DTypeError(
      `Expected tensor for argument #1 'offsets' to have one of the following scalar types: Long, Int; but got ${offsets.dtype} instead`,
    );
  }
  const starts = numbersOf(offsets);
  const ends = includeLastOffset ? starts.slice(1) : [...starts.slice(1), input.shape[0]!];
  return ends.map((end, b) => [starts[b]!, end]);
}
